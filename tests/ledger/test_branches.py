"""Blocks above the last final one: executed once each, thrown away with their branch, final together in one step.

SPEC V-5, V-13, V-15, V-16; B-11, B-12; S-4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pytest

from ledger import branches as branches_module
from ledger.block import Block, write_block
from ledger.branches import Branches
from ledger.chain import CLOCK_SKEW_MS, Chain
from ledger.consensus.tree import Verdict
from ledger.entry import Entry
from ledger.errors import LocalError, Refusal
from ledger.keys import Signature
from ledger.state import View
from tests.ledger.town import Person, Town, certificate, remade

PROFILE = "membership.profile/1"


class Basket:
    """Entries that wait, in the order they came."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = list(entries)
        self.came: list[Entry] = []
        self.may_lead = True

    def candidates(self, view: View) -> Iterator[Entry]:
        return iter(list(self.entries))

    def has_any(self, wall_ms: int) -> bool:
        return bool(self.entries)

    def may_propose(self, wall_ms: int) -> bool:
        return self.may_lead

    def knows(self, entry: Entry) -> bool:
        return entry in self.entries

    def found(self, entries: Sequence[Entry], height: int) -> None:
        self.came += entries

    def left(self, entries: Iterable[tuple[Entry, Refusal]], *, nothing: bool) -> None:
        """What could not be included stays."""


class Twins:
    """A leader's branches and a follower's, of one ledger."""

    def __init__(self, people: int = 4) -> None:
        self.town = Town(people=people, witnesses=4)
        charter = self.town.charter
        self.chains = [Chain.founded(charter)[0] for _ in range(2)]
        self.baskets = [Basket(), Basket()]
        self.leader, self.follower = (
            Branches(chain, basket) for chain, basket in zip(self.chains, self.baskets, strict=True)
        )
        self.time_ms = self.town.now_ms

    def entry(self, who: int, gifts: bool = True) -> Entry:
        return self.town.entry(Person(who).working, PROFILE, {"gifts": gifts})

    def build(self, parent: bytes, view: int, *entries: Entry) -> Block:
        self.baskets[0].entries = list(entries)
        self.time_ms += 10
        made = self.leader.build(parent, view, self.time_ms)
        assert made is not None
        return made

    def finalize(self, side: int, block: Block, view: int) -> None:
        tree, chain = (self.leader, self.follower)[side], self.chains[side]
        step = tree.advance(block.header.id, certificate(self.town.charter, block, view=view, places=(0, 1, 2)))
        chain.take(step)
        tree.moved()


def test_a_block_is_judged_once_its_ancestors_are_here() -> None:
    """V-16."""
    twins = Twins()
    first = twins.build(twins.leader.base, 1, twins.entry(0))
    second = twins.build(first.header.id, 2, twins.entry(1))
    tree = twins.follower
    tree.add(second)
    assert tree.judge(second.header.id) is Verdict.MISSING
    assert tree.missing(second.header.id) == (first.header.id,)
    tree.add(first)
    assert tree.missing(second.header.id) == ()
    assert tree.judge(second.header.id) is Verdict.VALID
    assert (tree.depth(first.header.id), tree.depth(second.header.id), tree.depth(tree.base)) == (1, 2, 0)
    assert tree.judge(tree.base) is Verdict.VALID and not tree.closes(second.header.id)


def test_executing_blocks_that_are_not_final_changes_nothing() -> None:
    """S-4, V-5."""
    twins = Twins()
    chain = twins.chains[1]
    before = chain.state.root, chain.head, dict(chain.state.raw_range(b""))
    block = twins.build(twins.leader.base, 1, twins.entry(0))
    twins.follower.add(block)
    assert twins.follower.judge(block.header.id) is Verdict.VALID
    assert (chain.state.root, chain.head, dict(chain.state.raw_range(b""))) == before


def test_several_blocks_become_final_in_one_step_with_the_root_of_the_last() -> None:
    """V-5, B-12."""
    twins = Twins()
    blocks, parent = [], twins.leader.base
    for view in (1, 2, 5):
        blocks.append(twins.build(parent, view, *(twins.entry(who, gifts=view % 2 == 0) for who in range(view % 4))))
        parent = blocks[-1].header.id
    for block in blocks:
        twins.follower.add(block)
        assert twins.follower.judge(block.header.id) is Verdict.VALID
    for side in (0, 1):
        twins.finalize(side, blocks[-1], view=6)
    one, two = twins.chains
    assert one.head == two.head and one.head.height == 3 and one.head.view == 6
    assert one.state.root == blocks[-1].header.state_root == two.state.root
    assert one.head.entries == sum(len(block.entries) for block in blocks)
    reader = Chain.founded(twins.town.charter)[0]
    reader.take(reader.advance(blocks, certificate(twins.town.charter, blocks[-1], view=6, places=(1, 2, 3))))
    assert reader.head == one.head


def test_what_does_not_descend_from_the_new_head_is_forgotten_and_the_rest_stands() -> None:
    """V-11."""
    twins = Twins()
    base = twins.leader.base
    kept = twins.build(base, 1, twins.entry(0))
    child = twins.build(kept.header.id, 3, twins.entry(1))
    orphan = twins.build(base, 2, twins.entry(2))
    grandchild = twins.build(child.header.id, 4, twins.entry(3))
    twins.finalize(0, kept, view=1)
    tree = twins.leader
    assert tree.block(kept.header.id) is None and tree.block(orphan.header.id) is None
    assert [tree.depth(one.header.id) for one in (child, grandchild)] == [1, 2]
    later = twins.build(grandchild.header.id, 7, twins.entry(0))
    twins.finalize(0, later, view=7)
    assert twins.chains[0].head.height == 4
    assert twins.chains[0].state.root == later.header.state_root


LIES = {
    "another state": {"state_root": bytes(32)},
    "another outcome": {"outcomes": ("account.too-little",)},
    "another height": {"height": 3},
    "an early time": {"time_ms": 1},
    "another epoch": {"epoch": 2},
    "other witnesses": {"witnesses": bytes(32)},
    "another network": {"network": bytes(32)},
}


@pytest.mark.parametrize("changes", LIES.values(), ids=LIES.keys())
def test_a_block_that_breaks_a_rule_is_wrong_and_so_is_all_on_top_of_it(changes: dict[str, object]) -> None:
    """V-16, B-11, B-12."""
    twins = Twins()
    good = twins.build(twins.leader.base, 1, twins.entry(0))
    wrong = remade(good, **changes)
    child = remade(twins.build(good.header.id, 2, twins.entry(1)), parent=wrong.header.id)
    tree = twins.follower
    tree.add(wrong)
    tree.add(child)
    assert not tree.is_wrong(wrong.header.id), "nothing is executed to answer that"
    assert tree.judge(child.header.id) is Verdict.INVALID
    assert tree.is_wrong(wrong.header.id) and tree.is_wrong(child.header.id)
    tree.add(good)
    assert tree.judge(good.header.id) is Verdict.VALID


def test_a_view_that_is_not_above_its_parents_is_wrong() -> None:
    """B-11."""
    twins = Twins()
    first = twins.build(twins.leader.base, 3, twins.entry(0))
    second = remade(twins.build(first.header.id, 4, twins.entry(1)), view=3)
    for block in (first, second):
        twins.follower.add(block)
    assert twins.follower.judge(second.header.id) is Verdict.INVALID


def test_entries_of_others_are_checked_and_wait_here_once_their_block_has_our_vote() -> None:
    """V-16, V-17, E-3."""
    twins = Twins()
    block = twins.build(twins.leader.base, 1, twins.entry(0))
    forged = replace(block.entries[0], signature=Signature(bytes(64)))
    lie = remade(block, entries=(forged,))
    twins.follower.add(lie)
    assert twins.follower.judge(lie.header.id) is Verdict.INVALID
    assert twins.baskets[1].came == []
    twins.follower.add(block)
    assert twins.follower.judge(block.header.id) is Verdict.VALID
    assert twins.baskets[1].came == []
    twins.follower.signed_for(block.header.id)
    assert twins.baskets[1].came == list(block.entries)


def test_who_may_not_lead_builds_nothing_and_nothing_is_built_on_what_was_not_executed() -> None:
    """V-13, V-15."""
    twins = Twins()
    twins.baskets[0].entries = [twins.entry(0)]
    twins.baskets[0].may_lead = False
    assert twins.leader.build(twins.leader.base, 1, twins.time_ms) is None
    twins.baskets[0].may_lead = True
    with pytest.raises(LocalError):
        twins.leader.build(b"x" * 32, 1, twins.time_ms)
    twins.baskets[0].entries = []
    assert twins.leader.build(twins.leader.base, 1, twins.time_ms) is None


@pytest.mark.parametrize(("off_ms", "timely"), [(0, True), (CLOCK_SKEW_MS, True), (CLOCK_SKEW_MS + 1, False)])
def test_a_block_is_timely_within_two_minutes_of_our_clock(off_ms: int, timely: bool) -> None:
    """V-13."""
    twins = Twins()
    block = twins.build(twins.leader.base, 1, twins.entry(0))
    time_ms = block.header.time_ms
    assert twins.leader.is_timely(block.header.id, time_ms + off_ms) is timely
    assert twins.leader.is_timely(block.header.id, time_ms - off_ms) is timely
    assert not twins.leader.is_timely(bytes(32), time_ms)


def test_bodies_are_bounded_and_what_valid_blocks_stand_on_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """V-15: a lying leader's blocks push out no more than each other."""
    monkeypatch.setattr(branches_module, "BODIES_MAX", 6)
    twins = Twins()
    first = twins.build(twins.leader.base, 1, twins.entry(0))
    second = twins.build(first.header.id, 2, twins.entry(1))
    tree = twins.follower
    for block in (first, second):
        tree.add(block)
        assert tree.judge(block.header.id) is Verdict.VALID
    for view in range(10, 60):
        tree.add(remade(first, view=view))
    assert len(tree._bodies) <= 6
    assert tree.block(first.header.id) is first and tree.block(second.header.id) is second
    for view in range(60, 100):
        fork = remade(second, view=view)
        tree.add(fork)
        assert tree.judge(fork.header.id) is Verdict.VALID
    assert len(tree._bodies) <= 6 and tree.block(first.header.id) is first


def test_a_leader_whose_blocks_are_never_notarized_keeps_no_more_than_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """V-15."""
    monkeypatch.setattr(branches_module, "BODIES_MAX", 6)
    twins = Twins()
    entry = twins.entry(0)
    made = [twins.build(twins.leader.base, view, entry) for view in range(1, 40)]
    assert list(twins.leader._bodies) == [block.header.id for block in made[-6:]]
    assert set(twins.leader._valid) == set(twins.leader._bodies)


def test_bodies_at_or_below_the_head_are_not_kept() -> None:
    twins = Twins()
    block = twins.build(twins.leader.base, 1, twins.entry(0))
    twins.finalize(0, block, view=1)
    twins.leader.add(block)
    twins.leader.add(remade(block, view=2))
    assert twins.leader._bodies == {}


def test_what_one_certificate_makes_final_fits_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """V-16, P-30: whoever is behind fetches such blocks together, so no longer step is made or voted for."""
    twins = Twins()
    one = twins.build(twins.leader.base, 1, twins.entry(0))
    two = twins.build(one.header.id, 2, twins.entry(1))
    for block in (one, two):
        twins.follower.add(block)
    assert twins.follower.judge(two.header.id) is Verdict.VALID
    assert not twins.follower.is_too_long(two.header.id)
    both = len(write_block(one)) + len(write_block(two))
    monkeypatch.setattr(branches_module, "STEP_BYTES_MAX", both - 1)
    assert twins.follower.is_too_long(two.header.id)
    assert not twins.follower.is_too_long(one.header.id), "a block alone may be as large as any"
    twins.baskets[0].entries = [twins.entry(2)]
    assert twins.leader.build(two.header.id, 3, twins.time_ms + 10) is None


def test_a_block_on_one_that_is_not_final_takes_only_what_room_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    twins = Twins()
    one = twins.build(twins.leader.base, 1, twins.entry(0))
    entries = [twins.entry(1), twins.entry(2), twins.entry(3)]
    monkeypatch.setattr(branches_module, "ROOM_BYTES_MIN", 0)
    monkeypatch.setattr(branches_module, "STEP_BYTES_MAX", len(write_block(one)) + 1024 + 3 * entries[0].size_bytes)
    two = twins.build(one.header.id, 2, *entries)
    assert len(two.entries) == 2
    assert not twins.leader.is_too_long(two.header.id)
