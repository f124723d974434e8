"""Questions about this node itself: is it up, whom does it see, what waits for its owner."""

from dpnode.control.questions.base import Question, question


@question("node.status")
class Status(Question):
    """How this node is: addresses, network, height, reminders."""


@question("node.down")
class Down(Question):
    """Stop the daemon cleanly; answered before it stops."""

    dry_run: bool = False


@question("node.clock")
class Clock(Question):
    """What time this machine takes it to be, beside the last block; confirm it where a witness waits for that."""

    confirm: bool = False
    dry_run: bool = False


@question("node.peers")
class Peers(Question):
    """Whom this node is connected to or keeps trying to reach."""


@question("node.bound", offline=True)
class BoundNodes(Question):
    """The machines (peer ids) the ledger binds to a member."""

    member: str | None = None
    """Id, short id or name; this node's own member when absent."""
