"""What waits to be put into a block: when there is work, and that nobody can hide it (SPEC V-17, P-17, P-18)."""

from __future__ import annotations

from ledger.chain import Chain
from ledger.entry import Entry
from protocol.inputs import Now
from protocol.replication.pool import Pool
from protocol.replication.waiting import LOOKED_AT_MAX, Waiting
from tests.simulation.town import DAY_MS, START_MS, entry, network, person

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


HIDING = 3 * LOOKED_AT_MAX


def hidden(count: int = HIDING) -> tuple[Chain, Pool, Waiting, list[Entry]]:
    """Four witnesses' ledger on which entries of `count` keys nobody knows were found in a block of height 1."""
    founded = network("ann", "ben", "cat", "dan", witnesses=4)
    chain, _ = Chain.founded(founded.charter)
    pool = Pool(chain.network)
    waiting = Waiting(chain, pool)
    profile = {"t": "membership.profile/1"}
    unknown = [entry(person(f"zed{i}"), founded, 1, profile, until_ms=START_MS + DAY_MS) for i in range(count)]
    waiting.found(unknown, 1)
    pool.add(entry(person("ann"), founded, 1, profile, until_ms=START_MS + DAY_MS))
    return chain, pool, waiting, unknown


def test_entries_under_keys_nobody_knows_do_not_hide_that_there_is_work() -> None:
    """P-17, V-17: whoever can be included is looked at first, however many came before."""
    _, _, waiting, _ = hidden()
    waiting.at(moment(0))
    assert waiting.has_any(moment(0).wall_ms)


def test_what_only_a_block_passed_over_would_have_made_known_is_forgotten() -> None:
    """P-18: at once when another block of its height is final, not when it lapses."""
    chain, pool, _, unknown = hidden(3)
    assert pool.settle(chain.state, [], 0) == [] and len(pool) == 4
    assert pool.settle(chain.state, [], 1) == unknown and len(pool) == 1
    assert pool.settle(chain.state, [], 2) == []


def test_what_the_final_block_made_known_goes_on_waiting() -> None:
    """P-18."""
    chain, pool, waiting, unknown = hidden(2)
    key = chain.state.raw(b"key/" + person("ann").working.public)
    chain.state.merge(chain.state.settle({b"key/" + unknown[0].key: key}))
    assert pool.settle(chain.state, [], 1) == unknown[1:] and unknown[0].id in pool
    assert unknown[0] in list(waiting.candidates(chain.state))
