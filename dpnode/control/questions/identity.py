"""Questions about the keys that speak for this node's member, and the way back for a member without its machine.

Where the root must sign, the command unlocks it and hands over the seed for this one act; the daemon stores none.
"""

from dataclasses import field

from dpnode.control.questions.base import Question, Texts, question
from dpnode.control.questions.network import WAIT_MS


@question("id.keys", offline=True)
class IdKeys(Question):
    """Every root and working key this member ever had, and its machines."""


@question("id.certify")
class IdCertify(Question):
    """Name the working key of another machine of this member."""

    card: str
    """As that machine's `dpnode id card` printed it."""
    root_seed: bytes = field(repr=False)
    """Ed25519 seed of the root key in force, 32 bytes."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("id.revoke")
class IdRevoke(Question):
    """End a working key of this member, and unbind the machine it was on."""

    key: str
    """Its id or the beginning of one."""
    machines: Texts = ()
    """Peer ids to unbind as well, beside those that are known to have used the key."""
    root_seed: bytes = field(repr=False)
    """Ed25519 seed of the root key in force, 32 bytes."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("id.rotate")
class IdRotate(Question):
    """Put the next root key in the place of the one in force."""

    root_seed: bytes = field(repr=False)
    """Ed25519 seed of the root key in force, 32 bytes."""
    next_seed: bytes = field(repr=False)
    """Ed25519 seed of the one that was committed to, 32 bytes."""
    after: bytes
    """The hash of the root key after that one, 32 bytes."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("id.bind")
class IdBind(Question):
    """Bind one more machine to this member."""

    card: str
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("id.unbind")
class IdUnbind(Question):
    """Unbind a machine of this member: the others let it in no more."""

    peer: str
    """Its peer id or the beginning of one."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("id.ticket")
class IdTicket(Question):
    """Where this network is reached, for a member that lost its machine; holds no secret."""


@question("id.return", streams=True)
class IdReturn(Question):
    """Come back to a network as the member of this home's words: certify this machine's keys and fetch the ledger."""

    ticket: str
    """A ticket, or an invitation, even one that is used up."""
    entropy: bytes = field(repr=False)
    """What the words stand for, 32 bytes: only the network says which root key that follows from it is in force."""
    alone: bool = False
    """Every other key and machine of this member is lost: end them all."""
    snapshot: str | None = None
    """Absolute path of a snapshot to begin with, instead of at the charter."""
    whole: bool = False
    """Begin at the charter, however long the ledger is; else a snapshot is fetched of a long one."""
    wait_ms: int = 60_000
    dry_run: bool = False
