"""Work: an awarded proposal is a job that moves by signed entries until its money has ended.

This file lists the operations and writes down what the pure files decide: `work_stages` says who may do what when,
`work_moves` judges it, `work_delivery` and `work_endings` compute what it comes to, `work_award` starts it.
Invariants: a refused move changes nothing; while a job is open its hold holds exactly what is not paid; the hold ends
with the job, once (W-25).
Source: the design's "A job between two workshops"; SPEC W-1 to W-30.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ledger.errors import LocalError, Refusal
from ledger.form import ID, Form, Int, Map
from ledger.operations import accounts, due, work_delivery, work_endings, work_standing
from ledger.operations.operation import Apply, Context, DueContext, DueRule, Operation
from ledger.operations.work_award import AWARD, award, statements
from ledger.operations.work_job import Job, LogLine, read_job, write_job, write_log
from ledger.operations.work_moves import Change, Moment, may, opens_ms, paying
from ledger.operations.work_reasons import WorkReason
from ledger.operations.work_stages import Move, Party, Stage
from ledger.operations.work_terms import COUNT, EVIDENCE, NOTE, PIECES, SHARE_BP
from ledger.state import Overlay

SILENCE_DUE = "work.arbiter-silent"
"""The due list's name for W-24; its subject is the job."""

Step = Callable[[Job, dict[str, Any], Moment], Change | Refusal]

STEPS: Mapping[Move, Step] = MappingProxyType(
    {
        Move.PROGRESS: work_delivery.progress,
        Move.DELIVER: work_delivery.deliver,
        Move.RECEIPT: work_delivery.receipt,
        Move.CLAIM: work_delivery.claim,
        Move.CANCEL: work_endings.cancel,
        Move.FAIL: work_endings.fail,
        Move.VOID: work_endings.void,
        Move.DISPUTE: work_endings.dispute,
        Move.RULE: work_endings.rule,
        Move.SILENCE: work_endings.silence,
    }
)


def _rule(move: Move) -> Apply:
    def apply(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
        """One move of one job by the author (W-11)."""
        job = read_job(tx, op["job"])
        if job is None:
            return Refusal(reason=WorkReason.NO_SUCH_JOB, detail="no proposal with this id was awarded")
        moment = Moment(time_ms=context.time_ms, height=context.height, by=context.author)
        return _move(tx, job, move, job.party_of(context.author), op, moment, context.entry_id)

    return apply


def _move(
    tx: Overlay,
    job: Job,
    move: Move,
    party: Party | None,
    op: dict[str, Any],
    moment: Moment,
    entry: bytes | None,
) -> Refusal | None:
    if refusal := may(job, move, party, moment.time_ms):
        return refusal
    outcome = STEPS[move](job, op, moment)
    if isinstance(outcome, Refusal):
        return outcome
    if refusal := _pay(tx, job, outcome):
        return refusal
    after = replace(paying(outcome.job, outcome.pays), moved_ms=moment.time_ms, moves=job.moves + 1)
    _keep_due(tx, job, after)
    work_standing.count(tx, job.provider, outcome.standing)
    write_job(tx, after)
    line = LogLine(
        number=job.moves,
        move=move.value,
        at_ms=moment.time_ms,
        height=moment.height,
        by=moment.by,
        entry=entry,
        said={name: value for name, value in op.items() if name not in ("job", "t")},
        paid=outcome.pays,
    )
    write_log(tx, job.id, line)
    return None


def _pay(tx: Overlay, job: Job, change: Change) -> Refusal | None:
    """Post what the move pays; with the job's end give the rest back (W-25)."""
    if any(change.pays) and (refusal := accounts.post(tx, job.id, job.provider, change.pays)):
        return refusal
    # A hold that was paid out in full has ended by itself; one that never held anything has not.
    if not change.job.is_open and accounts.hold_left(tx, job.id) is not None:
        return accounts.void(tx, job.id)
    return None


def _keep_due(tx: Overlay, before: Job, after: Job) -> None:
    """The arbiter's silence stands on the due list exactly while the job is disputed (W-24)."""
    if after.stage is Stage.DISPUTED:
        due.add(tx, opens_ms(after, Move.SILENCE), SILENCE_DUE, after.id)
    elif before.stage is Stage.DISPUTED:
        due.remove(tx, opens_ms(before, Move.SILENCE), SILENCE_DUE, before.id)


def _arbiter_silent(tx: Overlay, job_id: bytes, context: DueContext) -> None:
    """The due list divides what is left of a dispute nobody ruled (W-24)."""
    job = read_job(tx, job_id)
    if job is None:
        raise LocalError("the due list names a job that does not exist")
    moment = Moment(time_ms=context.time_ms, height=context.height, by=None)
    if refusal := _move(tx, job, Move.SILENCE, Party.DUE_LIST, {}, moment, None):
        raise LocalError(f"the due list cannot split a job: {refusal.code}")


def _operation(
    move: Move, required: dict[str, Form], optional: dict[str, Form], *, is_reserved: bool = False
) -> Operation:
    return Operation(
        name=f"work.{move.value}/1",
        form=Map({"job": ID, **required}, optional),
        apply=_rule(move),
        is_reserved=is_reserved,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(name="work.award/1", form=AWARD, apply=award, statements=statements),
    _operation(Move.PROGRESS, {}, {"note": NOTE, "percent": Int(0, 100)}),
    _operation(Move.DELIVER, {"quantity": PIECES}, {"evidence": EVIDENCE}),
    _operation(
        Move.RECEIPT, {"accepted": COUNT}, {"evidence": EVIDENCE, "quality": NOTE, "rejected": COUNT}, is_reserved=True
    ),
    _operation(Move.CLAIM, {}, {}),
    _operation(Move.CANCEL, {}, {}),
    _operation(Move.FAIL, {"reason": NOTE}, {}),
    _operation(Move.VOID, {}, {}),
    _operation(Move.DISPUTE, {"reason": NOTE}, {"evidence": EVIDENCE}),
    _operation(Move.RULE, {"provider_bp": SHARE_BP}, {}),
)

DUE: Mapping[str, DueRule] = MappingProxyType({SILENCE_DUE: _arbiter_silent})
