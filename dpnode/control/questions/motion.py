"""Questions about what the members decide together: opening a motion, voting, and how motions stand."""

from dpnode.control.questions.base import Question, question
from dpnode.control.questions.network import WAIT_MS

MOTION_LASTS_MS = 14 * 86_400_000
"""How long a motion stands unless its opener says otherwise: long enough for everybody to come by once."""


@question("motion.open")
class MotionOpen(Question):
    """Put something to the vote of all members."""

    kind: str
    """"seat" or "unseat"."""
    member: str
    """Whom it is about: name, id or its beginning."""
    about: str = ""
    lasts_ms: int = MOTION_LASTS_MS
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("motion.vote")
class MotionVote(Question):
    """Say yes or no to an open motion; saying the other changes one's vote."""

    id: str
    yes: bool
    group: str | None = None
    """In whose name; only co-owners' motions have votes of groups."""
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("motion.withdraw")
class MotionWithdraw(Question):
    """Take one's own open motion back."""

    id: str
    wait_ms: int = WAIT_MS
    dry_run: bool = False


@question("motion.list", offline=True)
class MotionList(Question):
    """Open motions, or all; the latest first."""

    everything: bool = False


@question("motion.show", offline=True)
class MotionShow(Question):
    """One motion, and who said what."""

    id: str
