"""From the first sign of work to the last piece paid: progress, deliver, receipt, claim after silence.

Pieces are counted oldest delivery first. A receipt pays what it accepts; pieces it does not mention stay under
inspection, and their time runs on from their own delivery.
Source: the design's "A job between two workshops", rules 5 and 6; SPEC W-12 to W-18.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ledger.errors import Refusal
from ledger.operations.work_job import Delivery, Job, capped
from ledger.operations.work_money import instalment
from ledger.operations.work_moves import Change, Moment
from ledger.operations.work_reasons import WorkReason
from ledger.operations.work_stages import Stage
from ledger.operations.work_standing import Standing
from ledger.operations.work_terms import DELIVERIES_OPEN_MAX


def progress(job: Job, op: dict[str, Any], moment: Moment) -> Change | Refusal:
    """The provider is at it (W-12)."""
    stage = Stage.STARTED if job.stage is Stage.AWARDED else job.stage
    return Change(job=replace(job, stage=stage, percent=op.get("percent", job.percent)))


def deliver(job: Job, op: dict[str, Any], moment: Moment) -> Change | Refusal:
    """Pieces came and are under inspection (W-13)."""
    pieces: int = op["quantity"]
    wanted = job.quantity - job.accepted - job.inspecting
    if pieces > wanted:
        return Refusal(reason=WorkReason.TOO_MANY_PIECES, detail=f"{pieces} delivered where {wanted} are wanted")
    if len(job.open) == DELIVERIES_OPEN_MAX:
        return Refusal(
            reason=WorkReason.TOO_MANY_DELIVERIES, detail=f"{DELIVERIES_OPEN_MAX} deliveries await a receipt already"
        )
    late = pieces if moment.time_ms > job.deliver_by_ms else 0
    return Change(
        job=replace(
            job,
            stage=Stage.DELIVERED,
            delivered=capped(job.delivered + pieces),
            owed=max(0, job.owed - pieces),
            open=(*job.open, Delivery(at_ms=moment.time_ms, pieces=pieces)),
        ),
        standing=Standing(delivered=pieces, late=late),
    )


def receipt(job: Job, op: dict[str, Any], moment: Moment) -> Change | Refusal:
    """The customer counted what is right and what is not (W-14, W-15)."""
    accepted: int = op["accepted"]
    rejected: int = op.get("rejected", 0 if accepted else job.inspecting)
    counted = accepted + rejected
    if counted == 0:
        return Refusal(reason=WorkReason.SAYS_NOTHING, detail="a receipt counts at least one piece")
    if counted > job.inspecting:
        return Refusal(
            reason=WorkReason.TOO_MANY_PIECES, detail=f"{counted} counted where {job.inspecting} are under inspection"
        )
    after = replace(
        job,
        open=_without(job.open, counted),
        rejected=capped(job.rejected + rejected),
        owed=job.owed + rejected,
        rejected_ms=moment.time_ms if rejected else job.rejected_ms,
    )
    return _accept(after, accepted, standing=Standing(accepted=accepted, rejected=rejected))


def claim(job: Job, op: dict[str, Any], moment: Moment) -> Change | Refusal:
    """Nobody answered in time: what lay long enough is paid as accepted (W-17)."""
    before_ms = moment.time_ms - job.terms.inspection_ms
    pieces = sum(delivery.pieces for delivery in job.open if delivery.at_ms <= before_ms)
    after = replace(job, open=_without(job.open, pieces), claimed=capped(job.claimed + pieces))
    return _accept(after, pieces, standing=Standing())


def _accept(job: Job, pieces: int, *, standing: Standing) -> Change:
    """Pay for `pieces` more and see where the job stands (W-16, W-18)."""
    accepted = job.accepted + pieces
    return Change(
        job=replace(job, accepted=accepted, stage=_counted(job, accepted)),
        pays=instalment(job, accepted),
        standing=standing,
    )


def _counted(job: Job, accepted: int) -> Stage:
    if accepted == job.quantity:
        return Stage.DONE
    if job.open:
        return Stage.DELIVERED
    return Stage.REJECTED if job.owed else Stage.STARTED


def _without(deliveries: tuple[Delivery, ...], pieces: int) -> tuple[Delivery, ...]:
    """What stays under inspection when `pieces` of the oldest have been counted."""
    rest = []
    for delivery in deliveries:
        taken = min(pieces, delivery.pieces)
        pieces -= taken
        if taken < delivery.pieces:
            rest.append(replace(delivery, pieces=delivery.pieces - taken))
    return tuple(rest)
