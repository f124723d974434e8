"""Whether a move may be made, by whom and from when; and what a move comes to.

`may` is asked by the fold before every move and by the questions for what comes next, so what a node shows as
possible is what the ledger takes. A move's own file turns a job into a `Change`; only `work.py` writes it down.
Source: SPEC W-11, W-17, W-21, W-22, W-26.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ledger.errors import Refusal
from ledger.keys import MemberId
from ledger.operations.work_job import Job
from ledger.operations.work_reasons import WorkReason
from ledger.operations.work_stages import TABLE, Move, Party
from ledger.operations.work_standing import NONE, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a move is made, in the ledger's own time, and by whom."""

    time_ms: int
    height: int
    by: MemberId | None
    """None for the due list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a permitted move comes to."""

    job: Job
    """The job afterwards, but for what it paid and the count of moves."""
    pays: tuple[int, ...] = ()
    """To the provider now, per price line; empty for nothing. Where the job ends the rest goes back."""
    standing: Standing = NONE
    """What it adds to the provider's counters."""


def may(job: Job, move: Move, party: Party | None, time_ms: int) -> Refusal | None:
    """None where `party` may make `move` at block time `time_ms`, else why not."""
    if party is None:
        return Refusal(reason=WorkReason.NOT_A_PARTY, detail="only customer, provider and arbiter move a job")
    if not job.is_open:
        return Refusal(reason=WorkReason.ENDED, detail=f"the job is {job.stage.value}")
    row = TABLE.get((job.stage, move))
    if row is None:
        return Refusal(reason=WorkReason.WRONG_STAGE, detail=f"no {move.value} while the job is {job.stage.value}")
    if party not in row.by:
        return Refusal(reason=WorkReason.WRONG_PARTY, detail=f"{move.value} is not for the {party.value}")
    if move is Move.DISPUTE and not any(job.left):
        return Refusal(reason=WorkReason.NOTHING_HELD, detail="no money is left that a ruling could divide")
    if time_ms < (opens := opens_ms(job, move)):
        return Refusal(reason=WorkReason.TOO_EARLY, detail=f"{move.value} is possible from {opens} ms on")
    return None


def opens_ms(job: Job, move: Move) -> int:
    """The block time from which a move that the stage has is possible; for most it always was."""
    if move is Move.CLAIM and job.open:
        return job.open[0].at_ms + job.terms.inspection_ms
    if move is Move.VOID:
        # After a rejection the provider has the same time to replace or dispute, or a customer could reject late and
        # void at once (W-21).
        start_ms = max(job.deliver_by_ms, job.rejected_ms) if job.owed else job.deliver_by_ms
        return start_ms + job.terms.void_after_ms
    if move is Move.SILENCE and job.dispute is not None:
        return job.dispute.at_ms + job.terms.silence_ms
    return job.awarded_ms


def expected_ms(job: Job, move: Move) -> int | None:
    """By when the other side counts on a move, or None; afterwards it is still possible, but something else is, too."""
    match move:
        case Move.DELIVER:
            return job.deliver_by_ms
        case Move.RECEIPT if job.open:
            return opens_ms(job, Move.CLAIM)
        case Move.RULE if job.dispute is not None:
            return opens_ms(job, Move.SILENCE)
        case _:
            return None


def paying(job: Job, pays: tuple[int, ...]) -> Job:
    """The job after `pays` went to the provider."""
    return replace(job, paid=tuple(paid + more for paid, more in zip(job.paid, pays, strict=True))) if pays else job
