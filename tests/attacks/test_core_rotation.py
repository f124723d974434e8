"""A member who signs without end, before one witness and before four: the others' entries stand in the next blocks.

Blocks take the authors in turn (SPEC P-17), the fold and the pool hold each to its day's allowance (E-6, P-13), and
what waits is bounded (P-12, P-13) whoever floods.
"""

from __future__ import annotations

from typing import Any

import pytest

from ledger.block import read_block
from ledger.entry import Entry
from protocol.inputs import PeerConnected, Quiet
from protocol.limits import ENTRIES_PER_MESSAGE
from protocol.replication import pool as pool_room
from tests.attacks.test_core_witnesses import EVE, NAMES, PEOPLE, Council
from tests.protocol.stand import ANN, BEN, CAT, Stand, profile
from tests.simulation.town import DAY_MS, Person

PLENTY = (("day_bytes", 1 << 30), ("day_entries", 10**6))
SMALL = (("block_entries", 4),)
"""Blocks that one member's backlog fills many times over."""
ALLOWED = 12
FEW = (("day_entries", ALLOWED),)
FLOOD = 120


def flood(stand: Stand, who: Person, count: int = FLOOD, first: int = 1) -> list[Entry]:
    return [stand.entry(who, first + n, profile(f"{n}")) for n in range(count)]


def authors(stand: Stand) -> list[list[str]]:
    """Who stands in each block, in order."""
    names = {one.working.public: one.name for one in PEOPLE}
    return [[names[entry.key] for entry in read_block(block.body).entries] for block in stand.disk.blocks]


class Four(Council):
    """Four witnesses with these limits, all connected; Eve is a member and none."""

    def __init__(self, *more: tuple[str, int]) -> None:
        self.stands = [Stand(PEOPLE[place], *NAMES, witnesses=4, more=more) for place in range(4)]
        self.said: list[Any] = []
        self.waiting: list[tuple[bytes, bytes, Any]] = []
        for stand in self.stands:
            self.take(stand, stand.restart())
        for stand in self.stands:
            for other in self.stands:
                if other is not stand:
                    self.take(stand, stand.give(PeerConnected(peer=other.who.peer)))
        self.deliver()

    def flooded(self, entries: list[Entry]) -> None:
        """Eve hands everything to all four."""
        for start in range(0, len(entries), ENTRIES_PER_MESSAGE):
            for stand in self.stands:
                self.take(stand, stand.hand(EVE, *entries[start : start + ENTRIES_PER_MESSAGE]))

    def settle(self, ms: int = 6_000) -> None:
        for stand in self.stands:
            self.take(stand, stand.give(Quiet()))
        self.deliver()
        self.pass_time(ms)


# -- P-17: the rotation


def test_before_one_witness_a_backlog_keeps_nobody_out_of_the_next_block() -> None:
    """P-17, with n = 1."""
    ann = Stand(ANN, *NAMES, more=PLENTY + SMALL)
    ann.hand(BEN, *flood(ann, BEN))
    ann.give(Quiet())
    ann.hand(CAT, ann.entry(CAT, 1))
    ann.submit(profile())
    ann.give(Quiet())
    first, second = authors(ann)[:2]
    assert first == ["ben"] * 4
    assert {"ann", "ben", "cat"} == set(second), "in the block after they came"


def test_before_one_witness_every_author_has_its_turn_in_each_block_while_three_flood() -> None:
    """P-17: a block of four holds one of each of four."""
    ann = Stand(ANN, *NAMES, more=PLENTY + SMALL)
    for who in PEOPLE[1:4]:
        ann.hand(who, *flood(ann, who, 30))
    ann.hand(EVE, *flood(ann, EVE, 3))
    ann.block()
    assert [sorted(block) for block in authors(ann)[:3]] == [["ben", "cat", "dan", "eve"]] * 3


def test_before_four_witnesses_a_backlog_keeps_nobody_out_of_the_next_blocks() -> None:
    """P-17, with n = 4: each leader takes the authors in turn, whoever's entries it met first."""
    four = Four(*PLENTY, *SMALL)
    four.flooded(flood(four.stands[0], EVE, 60))
    before = max(stand.height for stand in four.stands)
    for place in (1, 2):
        four.take(four.stands[place], four.stands[place].submit(profile()))
    four.settle()
    blocks = authors(four.stands[0])
    assert len(blocks) > before + 10, "the flood goes on being recorded"
    for name in ("ben", "cat"):
        stands_in = next(height for height, block in enumerate(blocks, 1) if name in block)
        assert stands_in <= before + 2, f"{name} waited until block {stands_in}, from {before} on"
    assert len({stand.core.chain.state.root for stand in four.stands}) == 1


# -- E-6: the allowance


def test_before_one_witness_a_flood_is_recorded_up_to_a_days_allowance_and_goes_on_tomorrow() -> None:
    """E-6, P-17, with n = 1: whoever comes meanwhile is recorded at once."""
    ann = Stand(ANN, *NAMES, more=FEW + SMALL)
    ann.hand(BEN, *flood(ann, BEN, 30))
    ann.block()
    assert authors(ann) == [["ben"] * 4] * (ALLOWED // 4)
    ann.hand(CAT, ann.entry(CAT, 1))
    ann.block()
    assert authors(ann)[-1] == ["cat"]
    assert not ann.ledger.has_work, "what may not be recorded today keeps no witness busy"
    ann.at_ms += DAY_MS - 10
    ann.tick()
    ann.block()
    assert sum(block.count("ben") for block in authors(ann)) == 2 * ALLOWED


def test_before_four_witnesses_a_flood_is_recorded_up_to_a_days_allowance_and_then_they_are_quiet() -> None:
    """E-6, V-17, with n = 4."""
    four = Four(*FEW, *SMALL)
    four.flooded(flood(four.stands[0], EVE, 40))
    four.settle()
    four.take(four.stands[3], four.stands[3].submit(profile()))
    four.settle()
    for stand in four.stands:
        counted = [name for block in authors(stand) for name in block]
        assert (counted.count("eve"), counted.count("dan")) == (ALLOWED, 1)
        assert not stand.ledger.orderer._replica.is_working
    assert len({stand.core.chain.state.root for stand in four.stands}) == 1


def test_a_flood_of_large_entries_is_recorded_up_to_a_days_bytes() -> None:
    """E-6: the other half of the allowance, at the fold and so at whoever makes the block."""
    ann = Stand(ANN, *NAMES, more=(("day_bytes", 4_096),))
    large = [ann.entry(BEN, 1 + n, profile("x" * 200)) for n in range(40)]
    ann.hand(BEN, *large)
    ann.hand(CAT, ann.entry(CAT, 1))
    ann.block()
    counted = [name for block in authors(ann) for name in block]
    assert counted.count("cat") == 1
    assert counted.count("ben") == 4_096 // max(one.size_bytes for one in large) > 5


# -- P-12, P-13: what waits


@pytest.mark.parametrize("witnesses", [1, 4])
def test_what_waits_of_a_flood_is_bounded_and_leaves_room_for_others(
    witnesses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P-12, P-13: a key's part, the whole in number and in weight; and who comes after the flood finds room."""
    monkeypatch.setattr(pool_room, "POOL_ENTRIES_PER_KEY_MAX", 20)
    monkeypatch.setattr(pool_room, "POOL_ENTRIES_MAX", 48)
    monkeypatch.setattr(pool_room, "POOL_BYTES_MAX", 24_000)
    limits = (("day_entries", 2), *SMALL)
    ann = Stand(ANN, *NAMES, more=limits, witnesses=witnesses)
    ann.restart()
    for who in PEOPLE[1:4]:
        ann.hand(who, *flood(ann, who, 60))
        ann.give(Quiet())
    assert len(ann.ledger.pool) <= 48
    assert all(len(ann.ledger.pool.of(who.working.public)) <= 20 for who in PEOPLE)
    assert sum(entry.size_bytes for entry in ann.ledger.pool.all()) <= 24_000
    late = ann.entry(EVE, 1)
    ann.hand(EVE, late)
    ann.submit(profile())
    assert len(ann.ledger.pool) <= 48
    if witnesses == 1:
        ann.block()
        counted = [name for block in authors(ann) for name in block]
        assert {name: counted.count(name) for name in NAMES} == {"ann": 1, "ben": 2, "cat": 2, "dan": 2, "eve": 1}
    else:
        assert late.id in ann.ledger.pool


def test_a_lapsed_flood_leaves_nothing_behind() -> None:
    """P-16: what lapsed while it waited for its allowance is forgotten with the next block."""
    ann = Stand(ANN, *NAMES, more=FEW)
    ann.hand(BEN, *(ann.entry(BEN, n, until_ms=ann.entry(BEN, 1).until_ms - DAY_MS // 2) for n in range(1, 60)))
    ann.block()
    assert len(ann.ledger.pool) == 59 - ALLOWED
    ann.at_ms += DAY_MS // 2 + 60_000
    ann.tick()
    ann.submit(profile())
    ann.block()
    assert len(ann.ledger.pool) == 0
