"""Questions about what is owned together: groups, standing offers, lendings, an owner's page, co-owners' decisions.

`group` in a question is the group in whose name it is done; absent, it is done in one's own.
"""

from dataclasses import field

from dpnode.control.questions.base import Named, Question, Texts, question
from dpnode.control.questions.holdings import ShareAccept, ShareTransfer
from dpnode.control.questions.motion import MOTION_LASTS_MS
from dpnode.control.questions.network import WAIT_MS

__all__ = ["ShareAccept", "ShareTransfer"]


@question("share.list", offline=True)
class ShareList(Question):
    """An owner's page: what it owns, uses, lent, borrowed and offers; oneself when absent."""

    owner: str | None = None


@question("share.history", streams=True, offline=True)
class ShareHistory(Question):
    """What an owner has of each asset since when, and what it has given: the whole ledger is gone through."""

    owner: str | None = None


@question("share.offer")
class ShareOffer(Question):
    """Have units stand on the ledger for one member or group until they take them."""

    asset: str
    owner: str
    units: int
    note: str = ""
    lasts_ms: int = MOTION_LASTS_MS
    group: str | None = None
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("share.take")
class ShareTake(Question):
    """Take units that stand for oneself, or for a group."""

    id: str
    group: str | None = None
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("share.withdraw")
class ShareWithdraw(Question):
    """Take back one's own standing offer or bid, or decline an offer."""

    id: str
    group: str | None = None
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("share.bid")
class ShareBid(Question):
    """Have money stand for an asset as a whole, which its co-owners may take."""

    asset: str
    amount: str
    note: str = ""
    lasts_ms: int = MOTION_LASTS_MS
    group: str | None = None
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("share.lend")
class ShareLend(Question):
    """Lend the output or the use of units for a time."""

    asset: str
    owner: str
    units: int
    right: str
    """"output" or "use"."""
    note: str = ""
    lasts_ms: int
    group: str | None = None
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("share.return")
class ShareReturn(Question):
    """Give back before its time what was borrowed."""

    id: str
    group: str | None = None
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("share.static")
class ShareStatic(Question):
    """Say that no buy-out takes one's units of an asset, or no longer."""

    asset: str
    static: bool = True
    group: str | None = None
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("asset.decide")
class AssetDecide(Question):
    """Put something about an asset to the vote of its co-owners."""

    asset: str
    kind: str
    """"operator", "partition", "repair", "sell", "terms" or "uses"."""
    what: str = ""
    """Of a repair."""
    cost: str | None = None
    """Of a repair."""
    bid: str | None = None
    """Of a sale; the only one that stands where absent."""
    needs: Named = field(default_factory=dict)
    """Of terms: kind of decision -> percent of all votes."""
    uses: Texts = ()
    """Such as "40 h machine time per 7d"."""
    parts: Texts = ()
    """Such as "east: Ada 500, Mill 500"."""
    about: str = ""
    lasts_ms: int = MOTION_LASTS_MS
    group: str | None = None
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("group.list", offline=True)
class GroupList(Question):
    """Groups this member belongs to or is asked into, or all."""

    everybody: bool = False


@question("group.show", offline=True)
class GroupShow(Question):
    """One group: its people, what it needs, what it owns, what is put to it."""

    id: str


@question("group.found")
class GroupFound(Question):
    """Found a group; the others are asked."""

    label: str
    members: Texts = ()
    """The others: a name or id, and a weight behind a colon where it is not 1."""
    own_weight: int = 1
    needed: int
    gifts: bool = False
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("group.join")
class GroupJoin(Question):
    """Join a group that asked."""

    id: str
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("group.leave")
class GroupLeave(Question):
    """Leave a group, or decline to join."""

    id: str
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("group.change")
class GroupChange(Question):
    """Put a change of itself to a group."""

    id: str
    label: str | None = None
    needed: int | None = None
    ask: Texts = ()
    remove: Texts = ()
    gifts: bool | None = None
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("group.agree")
class GroupAgree(Question):
    """Agree to an act of a group, or take one's consent back."""

    id: str
    agrees: bool = True
    wait_ms: int = WAIT_MS
    dry_run: bool = False
