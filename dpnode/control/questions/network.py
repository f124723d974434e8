"""Questions about the network and who is in it."""

from dataclasses import field

from dpnode.control.questions.base import Question, question

INVITATION_LASTS_MS = 7 * 24 * 3_600_000
WAIT_MS = 10_000
"""How long a write waits for finality by default before it answers `recorded`."""


@question("network.found", offline=True)
class NetworkFound(Question):
    """Make a charter with this member as founder and first witness. Answered offline too, before a daemon runs."""

    network_name: str
    purpose: str = ""
    root_seed: bytes = field(repr=False)
    """Ed25519 seed of root key 0, 32 bytes, unlocked by the command; never stored by the daemon."""
    dry_run: bool = False


@question("network.invite")
class NetworkInvite(Question):
    """Record an invitation's public key and give the one string that holds its secret."""

    guest: str = ""
    """A note for the owner's own list; not on the ledger."""
    lasts_ms: int = INVITATION_LASTS_MS
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("network.uninvite")
class NetworkUninvite(Question):
    """Take an open invitation of one's own back."""

    id: str
    """The invitation's key or its beginning, as `network.invitations` lists it, or the string itself."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("network.invitations", offline=True)
class InvitationList(Question):
    """This member's open invitations."""


@question("network.join", streams=True)
class NetworkJoin(Question):
    """Dial an invitation's addresses, fetch the ledger and record the join entry."""

    invitation: str = field(repr=False)
    root_seed: bytes = field(repr=False)
    """Ed25519 seed of root key 0, 32 bytes."""
    snapshot: str | None = None
    """Absolute path of a snapshot to begin with, instead of at the charter."""
    whole: bool = False
    """Begin at the charter, however long the ledger is; else a snapshot is fetched of a long one."""
    wait_ms: int = 60_000
    dry_run: bool = False


@question("network.show", offline=True)
class NetworkShow(Question):
    """The charter and its witnesses."""


@question("network.witnesses", offline=True)
class NetworkWitnesses(Question):
    """Who orders entries, and what so many of them withstand."""


@question("network.charter", offline=True)
class NetworkCharter(Question):
    """The founding document's own bytes, whose hash is the network's name."""


@question("member.list", offline=True)
class MemberList(Question):
    """Every member, with sponsor and machines."""
