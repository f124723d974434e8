"""What waits to be put into a block: work ends when the last entry that could stand in one has lapsed (SPEC V-17)."""

from __future__ import annotations

from ledger.chain import Chain
from protocol.inputs import Now
from protocol.replication.pool import Pool
from protocol.replication.waiting import Waiting
from tests.simulation.town import START_MS, entry, network, person

LIFE_MS = 1_500


def moment(after_ms: int) -> Now:
    return Now(wall_ms=START_MS + after_ms, monotonic_ms=1 + after_ms)


def test_an_entry_that_has_lapsed_is_no_work_any_more_though_nothing_else_happened() -> None:
    founded = network("ann", "ben", "cat", witnesses=3)
    chain, _ = Chain.founded(founded.charter)
    pool = Pool(chain.network)
    pool.add(entry(person("ann"), founded, 1, {"t": "membership.profile/1"}, until_ms=START_MS + LIFE_MS))
    waiting = Waiting(chain, pool)
    for after_ms, is_work in ((0, True), (LIFE_MS, True), (LIFE_MS + 1, False)):
        now = moment(after_ms)
        waiting.at(now)
        assert waiting.has_any(now.wall_ms) is is_work
