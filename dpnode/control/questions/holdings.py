"""Questions that issue, pay and transfer: credits, assets and their shares.

An amount is text such as "12.50 EUR@founder" (`dpnode.control.amounts`): what it means in whole numbers depends on
the credit's decimals, which the ledger knows and a command does not.
"""

from dpnode.control.questions.base import Question, Texts, question
from dpnode.control.questions.network import WAIT_MS


@question("credit.open")
class CreditOpen(Question):
    """Open a credit of one's own."""

    symbol: str
    """What it is called, e.g. "EUR"; always shown with its issuer."""
    decimals: int = 2
    redeemable: str
    """What the issuer gives for it, in one sentence."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("credit.issue")
class CreditIssue(Question):
    """Make new units of one's own credit and give them to a member."""

    amount: str
    member: str | None = None
    """Oneself when absent."""
    note: str = ""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("credit.pay")
class CreditPay(Question):
    """Pay a member or group out of what is free."""

    member: str
    amount: str
    note: str = ""
    group: str | None = None
    """In whose name; one's own where absent."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("credit.redeem")
class CreditRedeem(Question):
    """Issuer: take back units that were returned to it, against what they are redeemable for."""

    amount: str
    note: str = ""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("asset.register")
class AssetRegister(Question):
    """Enter a thing into the ledger; all its units go to this member."""

    label: str
    kind: str
    maker: str = ""
    serial: str = ""
    units: int = 1_000_000
    place: str | None = None
    """"lat,lon" in degrees; rounded to about 5 km."""
    photos: Texts = ()
    """Absolute paths; named on the ledger by salted hash."""
    papers: Texts = ()
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("asset.list", offline=True)
class AssetList(Question):
    """Assets this member owns a part of, or all."""

    everybody: bool = False


@question("asset.show", offline=True)
class AssetShow(Question):
    """One asset, in full, with owners."""

    id: str


@question("share.transfer")
class ShareTransfer(Question):
    """Offer units of an asset to a member, who must accept."""

    asset: str
    member: str
    units: int
    note: str = ""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("share.accept")
class ShareAccept(Question):
    """Accept an offered transfer; without an id, list what is offered."""

    id: str | None = None
    wait_ms: int = WAIT_MS
    dry_run: bool = False
