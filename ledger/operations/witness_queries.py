"""Read-only questions about who orders entries and what the members decide, each with a typed answer.

Works on any `View`, as `ledger.queries` does. Not here: names of things for people, and how an answer looks.
Source: SPEC J-1 to J-6, G-1 to G-3, Y-3, V-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from ledger.consensus.votes import faulty_max
from ledger.keys import MemberId
from ledger.operations import witnesses as seats
from ledger.operations.ballots import HALF_BP, motion_record, yes_needed
from ledger.state import View

LISTED_MAX = 10_000
"""Rows in one answer: motions and evidence are few, and each is small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Two votes of one key that no honest witness casts both."""

    key: bytes
    member: MemberId
    epoch: int
    view: int
    kinds: tuple[str, str]
    """What the two votes said, e.g. ("finalize", "nullify")."""
    at_ms: int
    height: int
    by: MemberId
    """Who recorded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """A witness in its seat."""

    place: int
    """In the list, from 0."""
    member: MemberId
    key: bytes
    """The voting key."""
    since_height: int
    """When this key took the seat; 0 for one of the charter."""
    evidence: tuple[Evidence, ...]
    """Against any voting key this member ever had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Something the members decide together."""

    id: bytes
    matter: dict[str, Any]
    """{kind, ...}, e.g. {kind: "seat", member}."""
    about: str
    by: MemberId
    stage: str
    """"open", "passed", "ended" or "withdrawn"."""
    able: int
    """How many votes there are."""
    yes: int
    no: int
    opened_ms: int
    until_ms: int
    passed_ms: int | None
    used_height: int | None
    """Where the seat that it gave was taken."""
    needs_bp: int = HALF_BP
    """It passes with more than so many ten-thousandths of all votes, or with all."""

    @property
    def yes_needed(self) -> int:
        """How many yes pass it: more than half of all votes there are, or what an asset's terms say (J-3, CO-2)."""
        return yes_needed(self.able, self.needs_bp)


def witnesses(view: View) -> tuple[Sitting, ...]:
    """Who orders entries now, by place, with what stands against them."""
    found = evidence(view)
    return tuple(
        Sitting(
            place=place,
            member=MemberId(one["member"]),
            key=one["key"],
            since_height=(seats.seat_record(view, one["key"]) or {"since": 0})["since"],
            evidence=tuple(each for each in found if each.member == one["member"]),
        )
        for place, one in enumerate(seats.witness_list(view))
    )


def evidence(view: View, member: bytes | None = None, *, most: int = LISTED_MAX) -> tuple[Evidence, ...]:
    """What convicts voting keys, one member's or everybody's, the earliest first."""
    head = len(b"evidence/")
    found = [_evidence(key[head:], record) for key, record in islice(view.range(b"evidence/"), most)]
    return tuple(sorted((one for one in found if member in (None, one.member)), key=lambda one: (one.height, one.key)))


def motion(view: View, identity: bytes) -> Motion | None:
    """The motion with this id, or None."""
    record = motion_record(view, identity)
    return None if record is None else _motion(identity, record)


def motions(view: View, prefix: bytes = b"", *, most: int = LISTED_MAX) -> tuple[Motion, ...]:
    """Motions whose id begins with `prefix`, the latest first."""
    head = len(b"motion/")
    found = [_motion(key[head:], record) for key, record in islice(view.range(b"motion/" + prefix), most)]
    return tuple(sorted(found, key=lambda one: (-one.opened_ms, one.id)))


def ballots(view: View, identity: bytes, *, most: int = LISTED_MAX) -> tuple[tuple[MemberId, bool], ...]:
    """Who said yes (true) or no to a motion, in order of id."""
    place = b"ballot/" + identity
    return tuple((MemberId(key[len(place) :]), yes is True) for key, yes in islice(view.range(place), most))


def withstands(count: int) -> str:
    """What so many witnesses mean, in one sentence without a full stop (SPEC V-2)."""
    faulty = faulty_max(count)
    if count == 1:
        return "1 witness: nothing becomes final while it is down, and everybody trusts it alone"
    if faulty == 0:
        return f"{count} witnesses: every one of them must be up, or nothing becomes final"
    return f"{count} witnesses: keeps going with any {'one' if faulty == 1 else faulty} down or lying"


def _evidence(key: bytes, record: dict[str, Any]) -> Evidence:
    first, second = (vote["kind"] for vote in record["votes"])
    return Evidence(
        key=key,
        member=MemberId(record["member"]),
        epoch=record["epoch"],
        view=record["view"],
        kinds=(first, second),
        at_ms=record["at"],
        height=record["height"],
        by=MemberId(record["by"]),
    )


def _motion(identity: bytes, record: dict[str, Any]) -> Motion:
    return Motion(
        id=identity,
        matter=record["matter"],
        about=record.get("about", ""),
        by=MemberId(record["by"]),
        stage=record["stage"],
        able=record["able"],
        yes=record["yes"],
        no=record["no"],
        opened_ms=record["opened"],
        until_ms=record["until"],
        passed_ms=record.get("passed"),
        used_height=record.get("used"),
        needs_bp=record.get("needs", HALF_BP),
    )
