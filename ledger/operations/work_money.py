"""What a job pays and when: whole amounts per price line, rounded so that nothing is lost or made.

Every amount is computed from the price and what was already paid, never summed up piece by piece, so any order of
part receipts pays the same in the end.
Source: the design's "A job between two workshops", rules 5 and 6; SPEC W-16, W-19, W-23, W-25.
"""

from __future__ import annotations

from ledger.operations.work_job import Job
from ledger.operations.work_terms import BASIS_POINTS


def instalment(job: Job, accepted: int) -> tuple[int, ...]:
    """Per price line, what is due when `accepted` of the pieces ordered are accepted in all (W-16).

    floor(amount x accepted / quantity) less what was paid: for the last piece that is all the rest.
    """
    return tuple(line.amount * accepted // job.quantity - paid for line, paid in zip(job.price, job.paid, strict=True))


def part_of_left(job: Job, share_bp: int) -> tuple[int, ...]:
    """Per price line, `share_bp` hundredths of a percent of what is left, rounded down (W-19, W-23)."""
    return tuple(left * share_bp // BASIS_POINTS for left in job.left)
