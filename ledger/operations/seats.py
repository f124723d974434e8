"""How a member comes to a witness's seat, changes its key, and gives it up (SPEC G-1 to G-8).

The members decide by motion; the seat is taken by an entry that carries the new voting key's own word, since a quorum
that does not exist cannot be rolled back. Every change of the list closes its block and its epoch (`ledger.fold`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ledger.canonical import Value
from ledger.consensus.votes import WITNESSES_MAX
from ledger.errors import Reason, Refusal
from ledger.form import ID, Map
from ledger.keys import is_admissible
from ledger.operations import members, witnesses
from ledger.operations.ballots import Decided, MotionKind, Stage, motion_record, put_motion
from ledger.operations.operation import Context, Operation
from ledger.state import Overlay, View
from ledger.statement import STATEMENT, Statement, read_statement

PURPOSE = "seat"
"""What a new voting key signs, to sit down or to follow another."""


class SeatReason(StrEnum):
    """Why nothing changed at the witnesses' table."""

    TAKEN = "seat.taken"
    FULL = "seat.full"
    NOT_A_WITNESS = "seat.not-a-witness"
    LAST = "seat.last"
    NO_MOTION = "seat.no-motion"
    USED = "seat.used"
    TOO_LATE = "seat.too-late"
    TOO_SOON = "seat.too-soon"
    BAD_CONSENT = "seat.bad-consent"
    BAD_KEY = "seat.bad-key"
    KEY_KNOWN = "seat.key-known"


def seat_consent(network: bytes, member: bytes, motion: bytes) -> dict[str, Value]:
    """What a new voting key signs for `PURPOSE` to take the seat that a motion gave a member (G-4)."""
    return {"member": member, "motion": motion, "network": network}


def rekey_consent(network: bytes, member: bytes, old: bytes) -> dict[str, Value]:
    """What a new voting key signs for `PURPOSE` to follow a member's voting key `old` (G-6)."""
    return {"member": member, "network": network, "old": old}


def _refuse(reason: SeatReason, detail: str) -> Refusal:
    return Refusal(reason=reason, detail=detail)


def _statements(op: dict[str, Any]) -> list[Statement]:
    return [read_statement(PURPOSE, op["consent"], "consent")]


def _may_sit(view: View, matter: dict[str, Any], by: bytes = b"") -> Refusal | None:
    """G-4, G-7: somebody who is a member and no witness, while there is room."""
    if not members.is_member(view, matter["member"]):
        return Refusal(reason=Reason.NOT_A_MEMBER, detail="a seat is given to a member")
    sitting = witnesses.witness_list(view)
    if any(one["member"] == matter["member"] for one in sitting):
        return _refuse(SeatReason.TAKEN, "this member is a witness already")
    if len(sitting) >= WITNESSES_MAX:
        return _refuse(SeatReason.FULL, f"there are {WITNESSES_MAX} witnesses, and never more")
    return None


def _may_rise(view: View, matter: dict[str, Any], by: bytes = b"") -> Refusal | None:
    """G-5, G-7: a witness, and not the last one."""
    if witnesses.voting_key_of(view, matter["member"]) is None:
        return _refuse(SeatReason.NOT_A_WITNESS, "this member is no witness")
    if len(witnesses.witness_list(view)) == 1:
        return _refuse(SeatReason.LAST, "without a witness nothing would be final any more")
    return None


def _rise(tx: Overlay, matter: dict[str, Any], decided: Decided) -> None:
    """G-5: the seat of a member whom `_may_rise` let go is empty from this block on."""
    _empty(tx, matter["member"], decided.height)


def _empty(tx: Overlay, member: bytes, height: int) -> None:
    key = witnesses.voting_key_of(tx, member)
    assert key is not None, "judged before"
    witnesses.unseat(tx, key, height)


def _accept(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """G-4: the member whom a motion seated brings a fresh voting key, in time."""
    motion = motion_record(tx, op["motion"])
    if (
        motion is None
        or motion["stage"] != Stage.PASSED.value
        or motion["matter"] != {"kind": "seat", "member": context.author}
    ):
        return _refuse(SeatReason.NO_MOTION, "no motion that passed gives you a seat by this id")
    if "used" in motion:
        return _refuse(SeatReason.USED, "the seat that this motion gave was taken already")
    if context.time_ms > motion["passed"] + context.limits.accept_ms:
        return _refuse(SeatReason.TOO_LATE, "the seat waited long enough; another motion can give it again")
    if refusal := _may_sit(tx, motion["matter"]):
        return refusal
    expected = seat_consent(context.network, context.author, op["motion"])
    key, refusal = _fresh_key(tx, op, expected)
    if refusal is not None:
        return refusal
    put_motion(tx, op["motion"], {**motion, "used": context.height})
    witnesses.seat(tx, context.author, key, context.height)
    return None


def _rekey(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """G-6: a witness whose journal is lost goes on under a fresh key, in the same place."""
    old = witnesses.voting_key_of(tx, context.author)
    if old is None:
        return _refuse(SeatReason.NOT_A_WITNESS, "you are no witness")
    record = witnesses.seat_record(tx, old) or {}
    if "rekeyed" in record and context.time_ms < record["rekeyed"] + context.limits.rekey_ms:
        return _refuse(SeatReason.TOO_SOON, "the key of this seat was replaced a short while ago")
    key, refusal = _fresh_key(tx, op, rekey_consent(context.network, context.author, old))
    if refusal is not None:
        return refusal
    witnesses.replace(tx, old, key, context.height, context.time_ms)
    return None


def _fresh_key(tx: Overlay, op: dict[str, Any], expected: dict[str, Value]) -> tuple[bytes, Refusal | None]:
    """G-3: the new voting key, which itself agreed, or why it cannot be one."""
    statement = read_statement(PURPOSE, op["consent"])
    # Canonical bytes, so equal maps are equal in every type; what else stands in the statement makes it another one.
    if statement.content != expected:
        return b"", _refuse(SeatReason.BAD_CONSENT, "the new voting key has not agreed to this seat here")
    if not is_admissible(statement.key):
        return b"", _refuse(SeatReason.BAD_KEY, "the voting key is not a canonical point")
    if witnesses.is_known_key(tx, statement.key):
        return b"", _refuse(SeatReason.KEY_KNOWN, "a voting key is made for one seat and never used again")
    return statement.key, None


def _resign(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """G-7, G-8: a witness gives the seat up; the last one cannot."""
    if refusal := _may_rise(tx, {"member": context.author}):
        return refusal
    _empty(tx, context.author, context.height)
    return None


MOTIONS = {
    "seat": MotionKind(form=Map({"member": ID}), judge=_may_sit),
    "unseat": MotionKind(form=Map({"member": ID}), judge=_may_rise, carry_out=_rise),
}
"""What members can decide about the witnesses."""

OPERATIONS = (
    Operation(
        name="seat.accept/1",
        form=Map({"consent": STATEMENT, "motion": ID}),
        apply=_accept,
        statements=_statements,
        is_reserved=True,
    ),
    Operation(
        name="seat.rekey/1", form=Map({"consent": STATEMENT}), apply=_rekey, statements=_statements, is_reserved=True
    ),
    Operation(name="seat.resign/1", form=Map({}), apply=_resign, is_reserved=True),
)
