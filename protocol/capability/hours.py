"""When a workshop is open: spans of minutes in the week, in UTC.

Minute 0 is Monday 00:00 UTC. An owner writes local times and the offset to UTC; a span that leaves the week at one
end comes in at the other. No spans means always open (SPEC C-13). A fixed offset and not a named time zone, because
zone tables change and this is signed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ledger.canonical import Value
from ledger.form import Int, List, Malformed
from protocol.capability.limits import HOURS_MAX
from protocol.capability.reading import Section

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
_MINUTE_MS = 60_000
_EPOCH_MIN = 3 * DAY_MIN
"""The Unix epoch was a Thursday."""

HOURS = List(List(Int(0, WEEK_MIN), 2, 2), 1, HOURS_MAX)

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Opening times of one week."""

    spans: tuple[tuple[int, int], ...] = ()
    """Sorted, disjoint (open, close) minutes of the UTC week; empty: always open."""

    def is_open(self, wall_ms: int) -> bool:
        """Whether the workshop is open at a moment in Unix milliseconds."""
        minute = (wall_ms // _MINUTE_MS + _EPOCH_MIN) % WEEK_MIN
        return not self.spans or any(start <= minute < end for start, end in self.spans)

    def to_value(self) -> Value:
        """The form in an offer."""
        return [list(span) for span in self.spans]


ALWAYS = Hours()


def hours_from_value(value: Any, path: str) -> Hours:
    """The hours in a value of the form `HOURS`; raises `Malformed` where spans overlap or are out of order."""
    last = -1
    for start, end in value:
        if not last < start < end:
            raise Malformed(path, "opening spans are sorted, apart, and end after they start")
        last = end
    return Hours(spans=tuple((start, end) for start, end in value))


def read_hours(section: Section) -> Hours:
    """Hours from a table of days, ``mon = "08:00-18:00"``, and ``utc-offset``; raises `WrongFile`."""
    offset_min = _offset(section)
    spans: list[tuple[int, int]] = []
    for day, name in enumerate(DAYS):
        for text in section.texts(name, most=4):
            start, end = _span(section, name, text)
            if end <= start:
                end += DAY_MIN
            begin = (day * DAY_MIN + start - offset_min) % WEEK_MIN
            finish = begin + end - start
            spans.append((begin, min(finish, WEEK_MIN)))
            if finish > WEEK_MIN:
                spans.append((0, finish - WEEK_MIN))
    section.end()
    return Hours(spans=_joined(spans))


def _span(section: Section, key: str, text: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise section.wrong(key, f'"{text}" is not a span such as "08:00-18:00"')
    hours = [int(part) for part in found.groups()]
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if hours[1] > 59 or hours[3] > 59 or start >= DAY_MIN or end > DAY_MIN:
        raise section.wrong(key, f'"{text}" is beyond 00:00 to 24:00')
    return start, end


def _offset(section: Section) -> int:
    text = section.text("utc-offset")
    if not text:
        return 0
    found = _OFFSET.fullmatch(text)
    if found is None or int(found[2]) > 14 or int(found[3]) > 59:
        raise section.wrong("utc-offset", f'"{text}" is not an offset such as "+01:00"')
    minutes = int(found[2]) * 60 + int(found[3])
    return -minutes if found[1] == "-" else minutes


def _joined(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sorted, with spans that touch or overlap made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def show_hours(hours: Hours) -> list[tuple[str, list[str]]]:
    """Per day its spans as an owner would write them, in UTC."""
    days: list[tuple[str, list[str]]] = []
    for day, name in enumerate(DAYS):
        first = day * DAY_MIN
        texts = []
        for start, end in hours.spans:
            low, high = max(start - first, 0), min(end - first, DAY_MIN)
            if low < high:
                texts.append(f"{low // 60:02d}:{low % 60:02d}-{high // 60:02d}:{high % 60:02d}")
        if texts:
            days.append((name, texts))
    return days
