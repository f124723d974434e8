"""What comes back for a question: progress while it takes time, then exactly one end.

A value is a map of whatever canonical MessagePack carries; which keys belong to which question stands beside the
commands that show them. Ids in it are full written ids, times are Unix milliseconds with names ending in `_ms`, amounts
are the maps of `dpnode.control.amounts.shown_amount`.
"""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dpnode.errors import FailKind, Problem

Fields: TypeAlias = dict[str, Any]
"""Text keys; values are bool, int, str, bytes, lists and maps of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Something happened on the way; for a bar, `done` and `of` are whole numbers and `text` says of what."""

    value: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The question was answered."""

    value: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """There is no answer, for a reason the owner can read."""

    kind: FailKind
    sentence: str
    details: Fields = field(default_factory=dict)


Answer: TypeAlias = Done | Failed


def failed(problem: Problem) -> Failed:
    """A `Problem` as an answer; details that cannot travel are written as text."""
    details = {
        key: value if isinstance(value, bool | int | str | bytes) else str(value)
        for key, value in problem.details.items()
    }
    return Failed(kind=problem.kind, sentence=problem.sentence, details=details)
