"""How a job ends before all pieces are paid: cancel, fail, void; dispute, ruling, an arbiter's silence.

All of it is computed from terms both sides signed before the award. What is not paid here goes back when the job
ends.
Source: the design's "A job between two workshops", rules 5 and 6; SPEC W-19 to W-25.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ledger.errors import LocalError, Refusal
from ledger.operations.work_job import Dispute, Job
from ledger.operations.work_money import part_of_left
from ledger.operations.work_moves import Change, Moment
from ledger.operations.work_stages import Stage
from ledger.operations.work_standing import Standing
from ledger.operations.work_terms import BASIS_POINTS, DAY_MS


def cancel(job: Job, op: dict[str, Any], moment: Moment) -> Change | Refusal:
    """The customer goes back on it, for the fee agreed for this stage (W-19)."""
    return Change(job=replace(job, stage=Stage.CANCELLED), pays=part_of_left(job, cancel_bp(job)))


def cancel_bp(job: Job) -> int:
    """What cancelling costs now, in basis points of what is left (W-19)."""
    match job.stage:
        case Stage.AWARDED:
            return job.terms.cancel_awarded_bp
        case Stage.DELIVERED | Stage.REJECTED:
            return job.terms.cancel_delivered_bp
        case _:
            return job.terms.cancel_started_bp


def fail(job: Job, op: dict[str, Any], moment: Moment) -> Change | Refusal:
    """The provider gives up (W-20)."""
    # The slot was freed by the provider's own clock because the network stood still; the award is then no promise it
    # could have kept, and the very next block is the first one in which it could say so.
    stood_still = moment.height == job.awarded_height + 1 and moment.time_ms > job.until_ms + DAY_MS
    return Change(job=replace(job, stage=Stage.FAILED), standing=Standing(failed=0 if stood_still else 1))


def void(job: Job, op: dict[str, Any], moment: Moment) -> Change | Refusal:
    """Long overdue and called off; for a provider the same as failing (W-21)."""
    return Change(job=replace(job, stage=Stage.VOIDED), standing=Standing(failed=1))


def dispute(job: Job, op: dict[str, Any], moment: Moment) -> Change | Refusal:
    """One side asks for the arbiter; the job is frozen (W-22)."""
    if moment.by is None:
        raise LocalError("the due list disputes nothing")
    opened = Dispute(by=moment.by, reason=op["reason"], at_ms=moment.time_ms)
    return Change(job=replace(job, stage=Stage.DISPUTED, dispute=opened))


def rule(job: Job, op: dict[str, Any], moment: Moment) -> Change | Refusal:
    """The arbiter divides what is left (W-23)."""
    share_bp: int = op["provider_bp"]
    return Change(
        job=replace(job, stage=Stage.RULED),
        pays=part_of_left(job, share_bp),
        standing=Standing(disputes_lost=1 if 2 * share_bp < BASIS_POINTS else 0),
    )


def silence(job: Job, op: dict[str, Any], moment: Moment) -> Change | Refusal:
    """The arbiter said nothing in time; the terms divide what is left (W-24)."""
    return Change(job=replace(job, stage=Stage.SPLIT), pays=part_of_left(job, job.terms.silence_split_bp))
