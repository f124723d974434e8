"""What waits to be put into a block: when there is work, and that nobody can hide it (SPEC V-17, P-17, P-18)."""

from __future__ import annotations

from dataclasses import replace

from ledger.chain import Chain
from ledger.entry import Entry
from ledger.operations import due
from ledger.state import Overlay, State
from protocol.inputs import Now
from protocol.limits import PROPOSE_AGAIN_MS
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


def test_who_may_not_propose_has_no_work_of_entries_nor_of_due_items() -> None:
    """V-17, V-13, P-36: to give view after view up would bring nothing; it looks again after a while."""
    founded = network("ann", "ben", "cat", witnesses=3)
    chain, _ = Chain.founded(founded.charter)
    pool = Pool(chain.network)
    pool.add(entry(person("ann"), founded, 1, {"t": "membership.profile/1"}, until_ms=START_MS + 90 * DAY_MS))
    waiting, now = Waiting(chain, pool), moment(31 * DAY_MS)
    waiting.at(now)
    assert waiting.has_any(now.wall_ms)
    waiting.is_held = True
    assert not waiting.has_any(now.wall_ms) and not waiting.may_propose(now.wall_ms)
    assert waiting.wake_ms(now) == now.monotonic_ms + PROPOSE_AGAIN_MS
    waiting.is_held = False
    chain.head = replace(chain.head, height=1)
    assert not waiting.has_any(now.wall_ms), "31 days after the last block"
    chain.state.merge(chain.state.settle(due_at(START_MS + 1)))
    assert not waiting.has_any(now.wall_ms), "although an item is due"
    waiting.clock_is_confirmed = True
    assert waiting.has_any(now.wall_ms)
    pool.settle(chain.state, pool.all(), 1)
    waiting.changed()
    assert waiting.has_any(now.wall_ms), "for the item alone"


def due_at(time_ms: int) -> dict[bytes, bytes | None]:
    """What the state holds of one item that is due at a time."""
    tx = Overlay(State())
    due.add(tx, time_ms, "motions.end", b"m" * 32)
    return tx.changes


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
