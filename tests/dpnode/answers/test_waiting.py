"""By when what waits for a person is awaited."""

from __future__ import annotations

from pathlib import Path

from dpnode.answers.inbox import _until_ms
from ledger.operations.work_queries import job
from tests.dpnode.answers.village import Village


def test_an_inspection_ends_with_its_time_and_a_dispute_with_the_arbiters_silence(tmp_path: Path) -> None:
    village = Village(tmp_path)
    village.record(village.bob, {"t": "work.deliver/1", "job": village.job, "quantity": 1})
    view = job(village.chain.state, village.job)
    assert view is not None
    assert _until_ms(view.job) == view.job.open[0].at_ms + view.job.terms.inspection_ms
    village.record(village.cleo, {"t": "work.dispute/1", "job": village.job, "reason": "one is warped"})
    view = job(village.chain.state, village.job)
    assert view is not None and view.job.dispute is not None
    assert _until_ms(view.job) == view.job.dispute.at_ms + view.job.terms.silence_ms
