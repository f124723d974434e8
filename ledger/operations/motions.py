"""What the members decide together: somebody opens a motion, each vote is one entry, and a majority of all passes it.

A motion ends at its own time by the due list. What it can be about is a table of kinds, each with its own form and
its own rule (SPEC J-1 to J-6); how votes count is the same for all of them (`ballots`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ledger.errors import Refusal
from ledger.form import ID, MOMENT_MS, Cases, Flag, Map, Text
from ledger.operations import co_owners, due, parties, seats, whole
from ledger.operations.ballots import (
    HALF_BP,
    Decided,
    MotionKind,
    Stage,
    forget_motion,
    has_passed,
    has_vote,
    motion_record,
    motions_by,
    note_motion,
    put_motion,
    votes_there_are,
)
from ledger.operations.operation import Context, DueContext, Operation
from ledger.state import Overlay

END = "motions.end"
"""The due item of a motion's end."""
KINDS: dict[str, MotionKind] = {**seats.MOTIONS, **co_owners.MOTIONS, **whole.MOTIONS}
"""By the name that stands in the matter."""


class MotionReason(StrEnum):
    """Why a motion or a vote was refused."""

    NO_VOTE = "motion.no-vote"
    TOO_MANY = "motion.too-many"
    LENGTH = "motion.length"
    UNKNOWN = "motion.unknown"
    NOT_OPEN = "motion.not-open"
    SAID_ALREADY = "motion.said-already"
    NOT_YOURS = "motion.not-yours"


def _refuse(reason: MotionReason, detail: str) -> Refusal:
    return Refusal(reason=reason, detail=detail)


def _open(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """J-1, J-2, CO-1: who has a vote puts something to all who have one; what these weigh is counted here, once."""
    limits, now_ms, matter = context.limits, context.time_ms, op["matter"]
    kind = KINDS[matter["kind"]]
    weights = co_owners.voices(tx, matter["asset"]) if kind.is_of_owners else {}
    may_vote = context.author in weights if kind.is_of_owners else has_vote(tx, context.author, now_ms, limits)
    if not may_vote:
        return _refuse(MotionReason.NO_VOTE, "who has no vote yet opens no motion")
    if len(own := motions_by(tx, context.author)) >= limits.motions_open:
        next_ms = min(record["until"] for one in own if (record := motion_record(tx, one)) is not None)
        detail = f"you have {len(own)} motions whose end has not come, decided ones among them; the next: {next_ms}"
        return _refuse(MotionReason.TOO_MANY, detail)
    if not now_ms < op["until"] <= now_ms + limits.motion_ms:
        return _refuse(MotionReason.LENGTH, "a motion ends after now, within the charter's time")
    if refusal := co_owners.judge_voices(weights) or kind.judge(tx, matter, context.author):
        return refusal
    record = {
        "able": sum(weights.values()) if kind.is_of_owners else votes_there_are(tx, now_ms, limits),
        "by": context.author,
        "matter": matter,
        "no": 0,
        "opened": now_ms,
        "stage": Stage.OPEN.value,
        "until": op["until"],
        "yes": 0,
    }
    if "about" in op:
        record["about"] = op["about"]
    if kind.is_of_owners:
        record["needs"] = co_owners.needed_bp(tx, matter["asset"], matter["kind"])
        co_owners.note_weights(tx, context.entry_id, weights)
    put_motion(tx, context.entry_id, record)
    note_motion(tx, context.author, context.entry_id)
    due.add(tx, op["until"], END, context.entry_id)
    return None


def _vote(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """J-3, J-4, CO-1: a vote may be changed while the motion is open; the one that decides acts."""
    record = motion_record(tx, op["motion"])
    if record is None:
        return _refuse(MotionReason.UNKNOWN, "there is no such motion")
    if record["stage"] != Stage.OPEN.value:
        return _refuse(MotionReason.NOT_OPEN, "this motion is decided, withdrawn or over")
    kind = KINDS[record["matter"]["kind"]]
    weight = _weight(tx, op["motion"], record, kind, context)
    if not weight:
        return _refuse(MotionReason.NO_VOTE, "you had no vote yet when this motion was opened")
    place = b"ballot/" + op["motion"] + context.author
    before = tx.get(place)
    if before is op["yes"]:
        return _refuse(MotionReason.SAID_ALREADY, "you said so already")
    if before is not None:
        record["yes" if before else "no"] -= weight
    record["yes" if op["yes"] else "no"] += weight
    tx.put(place, op["yes"])
    if has_passed(record["yes"], record["able"], record.get("needs", HALF_BP)):
        matter = record["matter"]
        unchanged = co_owners.judge_unchanged(tx, matter["asset"], record["opened"]) if kind.is_of_owners else None
        if refusal := unchanged or kind.judge(tx, matter, record["by"]):
            return refusal
        record |= {"passed": context.time_ms, "stage": Stage.PASSED.value}
        if kind.carry_out is not None:
            kind.carry_out(tx, matter, Decided(op["motion"], context.height, context.time_ms))
    put_motion(tx, op["motion"], record)
    return None


def _weight(tx: Overlay, motion: bytes, record: dict[str, Any], kind: MotionKind, context: Context) -> int:
    """What the author's vote weighs; 0 where there is none."""
    if kind.is_of_owners:
        return co_owners.weight_in(tx, motion, context.author) if parties.can_own(tx, context.author) else 0
    return int(has_vote(tx, context.author, record["opened"], context.limits))


def _withdraw(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """J-6: whoever opened a motion takes it back while it is open."""
    record = motion_record(tx, op["motion"])
    if record is None:
        return _refuse(MotionReason.UNKNOWN, "there is no such motion")
    if record["stage"] != Stage.OPEN.value:
        return _refuse(MotionReason.NOT_OPEN, "this motion is decided, withdrawn or over")
    if record["by"] != context.author:
        return _refuse(MotionReason.NOT_YOURS, "only whoever opened a motion withdraws it")
    put_motion(tx, op["motion"], {**record, "stage": Stage.WITHDRAWN.value})
    return None


def _end(tx: Overlay, subject: bytes, context: DueContext) -> None:
    """J-5: its time has come; a motion that is still open has not passed."""
    record = motion_record(tx, subject)
    assert record is not None, "a motion is never deleted"
    forget_motion(tx, record["by"], subject)
    co_owners.forget_weights(tx, subject)
    if record["stage"] == Stage.OPEN.value:
        put_motion(tx, subject, {**record, "stage": Stage.ENDED.value})


OPERATIONS = (
    Operation(
        name="motion.open/1",
        form=Map(
            {"matter": Cases("kind", {name: kind.form for name, kind in KINDS.items()}), "until": MOMENT_MS},
            {"about": Text(1000, lines=True)},
        ),
        apply=_open,
        for_groups=True,
    ),
    Operation(
        name="motion.vote/1",
        form=Map({"motion": ID, "yes": Flag()}),
        apply=_vote,
        for_groups=True,
        is_reserved=True,
    ),
    Operation(name="motion.withdraw/1", form=Map({"motion": ID}), apply=_withdraw, for_groups=True),
)

DUE = {END: _end}
