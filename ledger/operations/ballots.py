"""Who may vote in a motion, when it has passed, and what a motion is about: questions that every kind of motion asks.

The votes that there are, are counted once, when the motion is opened (SPEC J-2, J-3). So the bar does not move while
the vote goes on, and a vote costs the same whether a network has ten members or ten thousand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from ledger.canonical import decode_own
from ledger.charter import Limits
from ledger.errors import Refusal
from ledger.form import Map
from ledger.state import Overlay, View

ALL_BP = 10_000
HALF_BP = 5_000
"""Ten-thousandths of all votes: more than half passes a motion, unless an asset's terms say otherwise (J-3, CO-2)."""
_RECORDS_MAX = 8_192
"""Members whose first moment with a vote is remembered by the bytes of their record."""


class Stage(StrEnum):
    """Where a motion stands; only an open one goes anywhere."""

    OPEN = "open"
    """Votes are awaited until its end."""
    PASSED = "passed"
    """More than half of all votes there are said yes."""
    ENDED = "ended"
    """Its end came first."""
    WITHDRAWN = "withdrawn"
    """Whoever opened it took it back."""


class Decided(NamedTuple):
    """When a motion passes, and which."""

    motion: bytes
    height: int
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionKind:
    """One thing that members can decide."""

    form: Map
    """What the matter says besides its kind."""
    judge: Callable[[View, dict[str, Any], bytes], Refusal | None]
    """Why the matter cannot be, given who opens it: asked at opening, and again before the vote that would pass it."""
    carry_out: Callable[[Overlay, dict[str, Any], Decided], None] | None = None
    """What happens with the vote that passes it; None where something else must follow."""

    @property
    def is_of_owners(self) -> bool:
        """Whether the owners of an asset decide it, by their units, and not all members (CO-1)."""
        return "asset" in self.form.required


def motion_record(view: View, motion: bytes) -> dict[str, Any] | None:
    """{able, by, matter, no, opened, stage, until, yes, about?, needs?, passed?, used?}, or None."""
    record: dict[str, Any] | None = view.get(b"motion/" + motion)
    return record


def put_motion(tx: Overlay, motion: bytes, record: dict[str, Any]) -> None:
    """Write a motion's record."""
    tx.put(b"motion/" + motion, record)


def has_vote(view: View, member: bytes, at_ms: int, limits: Limits) -> bool:
    """Whether a member has a vote in a motion that was opened at `at_ms` (J-2)."""
    record = view.raw(b"member/" + member)
    return record is not None and _counts(record, at_ms, limits)


def votes_there_are(view: View, at_ms: int, limits: Limits) -> int:
    """How many votes there are in a motion that is opened at `at_ms`; reads every member (J-2)."""
    return sum(_counts(record, at_ms, limits) for _, record in view.raw_range(b"member/"))


def has_passed(yes: int, able: int, needs_bp: int = HALF_BP) -> bool:
    """Whether so many yes are all votes there are, or more than so many ten-thousandths of them: half (J-3, CO-2)."""
    return yes >= yes_needed(able, needs_bp)


def yes_needed(able: int, needs_bp: int = HALF_BP) -> int:
    """How many yes pass a motion at least."""
    return max(1, min(able, able * needs_bp // ALL_BP + 1))


def motions_by(view: View, member: bytes) -> list[bytes]:
    """A member's motions whose end has not come, those decided or withdrawn included (J-1)."""
    return [key[len(_by(member)) :] for key, _ in view.raw_range(_by(member))]


def note_motion(tx: Overlay, member: bytes, motion: bytes) -> None:
    """Count a motion among its member's until its end."""
    tx.put(_by(member) + motion, True)


def forget_motion(tx: Overlay, member: bytes, motion: bytes) -> None:
    """Its end came: count it no more."""
    tx.delete(_by(member) + motion)


def _by(member: bytes) -> bytes:
    return b"motion-by/" + member


def _counts(record: bytes, at_ms: int, limits: Limits) -> bool:
    joined_ms = _joined_ms(record)
    return joined_ms is not None and (joined_ms == _FOUNDER or at_ms >= joined_ms + limits.vote_after_ms)


_FOUNDER = -1


@lru_cache(maxsize=_RECORDS_MAX)
def _joined_ms(record: bytes) -> int | None:
    """When a member joined; `_FOUNDER` for one who founded, None for one who left."""
    value = decode_own(record)
    if "left" in value:
        return None
    joined_ms: int = value["joined"]
    return joined_ms if "sponsor" in value else _FOUNDER
