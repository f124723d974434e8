"""So that one printer is not sold twice: which machine is taken from when to when, and the first gap that is long
enough.

A slot is a stretch of wall time on one machine. Work goes on only in the offer's opening hours, so a slot may span
closed hours; nothing else is put into them. The calendar keeps no state of its own: it is made from the
conversations that hold slots, and so cannot disagree with them after a restart.

Invariant: no two slots of one machine overlap, pauses included (SPEC N-13).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocol.negotiation.limits import DAY_MS, MINUTE_MS

WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 4 * DAY_MS
"""1 January 1970 was a Thursday; the first Monday began four days later."""

Hours = tuple[tuple[int, int], ...]
"""(opening, closing) minutes of the UTC week, Monday 0:00 = 0; empty: always open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A machine's time, promised or booked."""

    machine: str
    start_ms: int
    end_ms: int
    proposal: bytes
    """Whose slot it is: the id of the proposal, later the job."""
    stranger: bool
    """Whether it counts against the part of a co-owned machine that is left to strangers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A free stretch that is long enough."""

    start_ms: int
    end_ms: int


class Calendar:
    """The taken stretches of every machine; frozen once made."""

    __slots__ = ("_pause_ms", "_slots")

    def __init__(self, slots: Iterable[Slot], *, pause_ms: int = 0) -> None:
        self._pause_ms = pause_ms
        self._slots: dict[str, list[Slot]] = {}
        for slot in slots:
            self._slots.setdefault(slot.machine, []).append(slot)
        for taken in self._slots.values():
            taken.sort(key=lambda slot: (slot.start_ms, slot.end_ms, slot.proposal))

    def of(self, machine: str) -> tuple[Slot, ...]:
        """The slots of `machine`, earliest first."""
        return tuple(self._slots.get(machine, ()))

    def gap(self, machine: str, hours: Hours, *, work_ms: int, from_ms: int, horizon_ms: int) -> Gap | None:
        """The first free stretch with `work_ms` of open time that begins from `from_ms` to `horizon_ms`, if any."""
        start = from_ms
        for slot in (*self.of(machine), None):
            if slot is not None and slot.end_ms + self._pause_ms <= start:
                continue
            found = _span(hours, start, work_ms)
            if found is None or found.start_ms > horizon_ms:
                return None
            if slot is None or found.end_ms + self._pause_ms <= slot.start_ms:
                return found
            start = slot.end_ms + self._pause_ms
        return None  # pragma: no cover - the last round of the loop always returns

    def taken_ms(self, machine: str, from_ms: int, to_ms: int, *, strangers: bool) -> int:
        """How much of a window is taken by strangers (or by co-owners)."""
        return sum(
            max(0, min(slot.end_ms, to_ms) - max(slot.start_ms, from_ms))
            for slot in self.of(machine)
            if slot.stranger is strangers
        )


def open_ms(hours: Hours, from_ms: int, to_ms: int) -> int:
    """Open time between two moments."""
    if not hours:
        return to_ms - from_ms
    weeks = (to_ms - from_ms) // WEEK_MS + 2
    return sum(max(0, min(close, to_ms) - max(opening, from_ms)) for opening, close in _openings(hours, from_ms, weeks))


def _span(hours: Hours, from_ms: int, work_ms: int) -> Gap | None:
    """From the first open moment at or after `from_ms` until `work_ms` of open time has passed; None: never open."""
    if not hours:
        return Gap(start_ms=from_ms, end_ms=from_ms + work_ms)
    week = sum(close - opening for opening, close in hours) * MINUTE_MS
    if week <= 0:
        return None
    # Whole weeks in the middle change nothing but the date, so at most two weeks are ever walked.
    weeks = max(0, (work_ms - 1) // week)
    left = work_ms - weeks * week
    start: int | None = None
    for opening, close in _openings(hours, from_ms, 3):
        begin = max(opening, from_ms)
        if begin >= close:
            continue
        start = begin if start is None else start
        if left <= close - begin:
            return Gap(start_ms=start, end_ms=begin + left + weeks * WEEK_MS)
        left -= close - begin
    return None  # pragma: no cover - two whole weeks hold what is left, which is one week's hours at most


def _openings(hours: Hours, from_ms: int, weeks: int) -> list[tuple[int, int]]:
    """Opening and closing moments of `weeks` weeks, the first being the one `from_ms` is in."""
    monday = from_ms - (from_ms - _MONDAY_MS) % WEEK_MS
    return [
        (monday + week * WEEK_MS + opening * MINUTE_MS, monday + week * WEEK_MS + close * MINUTE_MS)
        for week in range(weeks)
        for opening, close in hours
    ]
