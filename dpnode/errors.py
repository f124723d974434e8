"""What the owner is told when a thing does not work: one sentence, one kind, one exit status.

The kinds are a closed set shared by the daemon's answers, the offline reader and the commands, so that a script can
rely on the exit status whichever of them answered. A `Problem` is an expected outcome on the owner's side (a missing
file, a refused question); a bug stays an ordinary exception.
"""

import enum
from collections.abc import Mapping


class FailKind(enum.Enum):
    """Why there is no answer; the value is the word on the control socket and in `--json`."""

    FAILED = "failed"
    USAGE = "usage"
    DAEMON_DOWN = "daemon-down"
    NOT_FOUND = "not-found"
    REFUSED = "refused"
    TIMED_OUT = "timed-out"
    NEEDS_PERSON = "needs-person"
    VERIFICATION = "verification"

    @property
    def exit_status(self) -> int:
        """The exit status of a command that ends this way, 1 to 8."""
        return _EXIT_STATUS[self]


_EXIT_STATUS = {
    FailKind.FAILED: 1,
    FailKind.USAGE: 2,
    FailKind.DAEMON_DOWN: 3,
    FailKind.NOT_FOUND: 4,
    FailKind.REFUSED: 5,
    FailKind.TIMED_OUT: 6,
    FailKind.NEEDS_PERSON: 7,
    FailKind.VERIFICATION: 8,
}

INTERRUPTED_EXIT_STATUS = 130
"""128 + SIGINT, what shells expect of a program stopped with Ctrl-C."""


class Problem(Exception):
    """An outcome to tell the owner in one sentence; `details` are named values for `--json`."""

    def __init__(self, kind: FailKind, sentence: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.sentence = sentence
        self.details: dict[str, object] = dict(details or {})
