"""The journal: entries as sentences, newest first, of everybody, one member, one family or one job.

It is read backwards from the newest in small steps, so that the first page of a large ledger costs what that of a
small one does. A job's entries are those its log on the ledger names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dpnode.control.questions.ledger import LedgerJournal
from dpnode.errors import FailKind, Problem
from dpnode.reading.jobs import job_meant
from dpnode.reading.ledger import page_limit
from dpnode.reading.naming import party, person_meant
from dpnode.reading.sentences import sentence
from dpnode.reading.source import Asking, Source
from dpnode.store import questions
from dpnode.store.rows import FoundEntry
from ledger.block import read_triple
from ledger.entry import Entry
from ledger.names import Kind, show_id
from ledger.operations.work_job import read_log
from ledger.queries import Person
from ledger.state import View

STEP = 200
"""Entries read at a time on the way back."""
SCANNED_MAX = 50_000
"""Entries looked through for one page of a family that hardly occurs; then the page ends and says there is more."""
LIKE_MAX = 16
"""Entries that share the first 8 bytes of an id: hardly ever two."""
FAMILIES = {
    "asset": "assets",
    "credit": "credits",
    "group": "groups",
    "job": "work",
    "member": "membership",
    "motion": "motion",
    "share": "shares",
}
"""What owners call a family -> the first word of its operations, which is taken as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry of the ledger, found."""

    number: int
    """Counted from 0 over the whole ledger."""
    height: int
    time_ms: int
    entry: Entry
    outcome: str
    """Empty where it was applied, else a refusal's code."""
    author: bytes | None
    """Whose key signed it; None where the ledger does not know the key."""


def journal(source: Source, question: LedgerJournal) -> Asking[dict[str, Any]]:
    """Entries, newest first, that every given filter lets through."""
    view, limit = source.view, page_limit(question.limit)
    below = yield from _below(source, question.before_height)
    member = None if question.member is None else person_meant(view, question.member)
    family = _family(question.family)
    of_job = None if question.job is None else (yield from _of_job(view, question.job))
    lines: list[Line] = []
    scanned = 0
    while len(lines) <= limit and scanned < SCANNED_MAX and below > 0:
        if of_job is not None:
            found = [line for line in of_job if line.number < below]
        elif member is not None:
            found = yield from _of_member(view, member, below)
        else:
            found = yield from _of_all(view, below)
        if not found:
            break
        scanned += len(found)
        below = 0 if of_job is not None else found[-1].number
        lines += [line for line in found if _passes(line, member, family)]
    more = len(lines) > limit or (scanned >= SCANNED_MAX and below > 0)
    value: dict[str, Any] = {"entries": [row(view, line) for line in lines[:limit]], "more": more}
    return value if more or source.begins == 1 else {**value, "from": source.begins}


def read_line(view: View, found: FoundEntry) -> Line:
    """A found entry, decoded."""
    entry, outcome = read_triple(found.content)
    key = view.get(b"key/" + entry.key)
    return Line(
        number=found.number,
        height=found.height,
        time_ms=found.time_ms,
        entry=entry,
        outcome=outcome,
        author=None if key is None else key["member"],
    )


def line_of(view: View, entry_id: bytes) -> Asking[Line | None]:
    """The entry with this whole id, where it stands in a block."""
    found: list[FoundEntry] = yield questions.entries_like(entry_id, LIKE_MAX)
    return next((line for line in (read_line(view, one) for one in found) if line.entry.id == entry_id), None)


def row(view: View, line: Line) -> dict[str, Any]:
    """A line as the answer carries it."""
    value: dict[str, Any] = {
        "height": line.height,
        "time_ms": line.time_ms,
        "id": show_id(Kind.ENTRY, line.entry.id),
        "operation": line.entry.name,
        "text": sentence(view, line.entry.operation, line.author),
        "outcome": line.outcome or "ok",
    }
    if line.author is not None:
        value["by"] = party(view, line.author)
    return value


def _family(asked: str | None) -> str | None:
    if asked is None:
        return None
    family = FAMILIES.get(asked, asked)
    if family not in FAMILIES.values():
        known = ", ".join(sorted(FAMILIES))
        raise Problem(FailKind.USAGE, f"there is no family {asked[:60]!r} of operations; there are {known}")
    return family


def _passes(line: Line, member: Person | None, family: str | None) -> bool:
    if member is not None and line.author != member.id:
        return False
    return family is None or line.entry.name.partition(".")[0] == family


def _below(source: Source, before_height: int | None) -> Asking[int]:
    """The global number that the newest wanted entry lies below."""
    if before_height is None or before_height > source.head.height:
        return source.head.entries
    last = yield questions.block_at(before_height - 1)
    return 0 if last is None else int(last.entries)


def _of_all(view: View, below: int) -> Asking[list[Line]]:
    """The newest entries below a number, newest first."""
    first = max(0, below - STEP)
    found: Sequence[FoundEntry] = yield questions.entries_from(first, below - first)
    return [read_line(view, one) for one in reversed(found)]


def _of_member(view: View, member: Person, below: int) -> Asking[list[Line]]:
    """A member's newest entries below a number, newest first.

    An entry in the block that made its key known is listed under the key, so that is asked for as well.
    """
    found: dict[int, FoundEntry] = {}
    for author in (member.id, *member.keys):
        some: list[FoundEntry] = yield questions.entries_of(author, below, STEP)
        found |= {one.number: one for one in some}
    newest = sorted(found, reverse=True)[:STEP]
    return [read_line(view, found[number]) for number in newest]


def _of_job(view: View, text: str) -> Asking[list[Line]]:
    """The entries that moved a job, newest first."""
    lines: dict[bytes, Line] = {}
    # A list at once: the state may go on while the disk is asked.
    for logged in list(read_log(view, job_meant(view, text))):
        if logged.entry is not None and logged.entry not in lines:
            line = yield from line_of(view, logged.entry)
            if line is not None:
                lines[logged.entry] = line
    return sorted(lines.values(), key=lambda line: -line.number)
