"""50 kill -9 of real daemons, in every run; `scripts/kill_campaign` does the same at any size."""

from tests.journeys.kills import campaign

KILLS = 50


def test_fifty_kill_9_of_witness_and_member_lose_nothing_that_was_acknowledged() -> None:
    report = campaign(KILLS, seed=20_260)
    assert report.faults == ()
    assert report.final > KILLS and report.recorded > 0, "entries did flow, and of both kinds"
