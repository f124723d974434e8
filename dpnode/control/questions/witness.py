"""Questions of a witness, or of a member who is to be one: taking the seat, changing its key, giving it up."""

from dpnode.control.questions.base import Question, question
from dpnode.control.questions.network import WAIT_MS


@question("witness.accept")
class WitnessAccept(Question):
    """Take the seat that a motion gave this member."""

    motion: str | None = None
    """Its id or the beginning; where one motion alone gives a seat, it may be left out."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("witness.resign")
class WitnessResign(Question):
    """Give the seat up."""

    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("witness.rekey")
class WitnessRekey(Question):
    """Vote under a fresh key with a fresh journal from now on, in the same place."""

    wait_ms: int = WAIT_MS
    dry_run: bool = False
