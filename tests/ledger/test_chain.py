"""Blocks continue the chain or are refused; the same blocks give the same root in any batching and after a restart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.block import Block, read_block, witnesses_hash, write_block
from ledger.canonical import encode
from ledger.chain import Advance, BadRange, Chain, Head
from ledger.consensus.votes import BadCertificate, VoteKind
from ledger.entry import Entry
from ledger.operations import due
from ledger.operations.shares import OPERATIONS as SHARES
from ledger.state import Overlay, State
from tests.ledger.town import DAY_MS, START_MS, Person, Town, certificate, remade

OPEN = {"decimals": 2, "redeemable": "bread", "unit": "EUR"}


def history(blocks: int = 6) -> Town:
    """A town with payments, a refusal, a newcomer, a transfer and a due item behind it."""
    town = Town()
    credit = town.credit(amount=500)
    pay = {"amount": 30, "credit": credit, "to": town.people[1].id}
    town.block(
        town.entry(town.people[0].working, "credits.pay/1", pay),
        town.entry(town.people[2].working, "credits.pay/1", pay),
        town.entry(town.people[0].working, "credits.pay/1", {**pay, "amount": 31}),
    )
    guest = Person(7)
    town.now_ms += 5
    assert town.invite(guest) == ""
    assert town.join(guest) == ""
    asset = town.asset()
    accept = town.acceptance(0, 1, 5, asset=asset, until=town.now_ms + 10)
    fields = {"accept": accept.to_value(), "asset": asset, "to": town.people[1].id, "units": 5}
    assert town.do(town.people[0].working, "shares.transfer/1", fields) == ""
    town.now_ms += 20
    assert town.block().blocks[0].entries == ()
    for _ in range(blocks):
        town.now_ms += 7
        town.block(town.entry(town.people[1].working, "membership.profile/1", {"gifts": True}))
    return town


def blocks_of(town: Town) -> list[Block]:
    return [block for step in town.steps for block in step.blocks]


def fresh(town: Town) -> Chain:
    return Chain.founded(town.charter)[0]


def finalize(chain: Chain, blocks: list[Block]) -> Advance:
    last = blocks[-1]
    return chain.advance(blocks, certificate(chain.charter, last, view=last.header.view, places=[0]))


@settings(max_examples=20)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.sets(st.integers(0, 8)))
def test_any_batching_and_any_restart_give_the_same_root(sizes: list[int], restarts: set[int]) -> None:
    """S-4, B-12: invariant 4."""
    town = HISTORY
    blocks, chain, at, batch = blocks_of(town), fresh(town), 0, 0
    while at < len(blocks):
        size = sizes[batch % len(sizes)]
        chain.take(finalize(chain, blocks[at : at + size]))
        if batch in restarts:
            chain = Chain(chain.charter, State(chain.state.raw_range(b"")), chain.head)
        at, batch = at + size, batch + 1
    assert chain.head == town.chain.head
    assert chain.state.root == town.state.root == chain.head.state_root
    assert dict(chain.state.raw_range(b"")) == town.pairs()


HISTORY = history()


def test_blocks_from_their_bytes_give_the_same_chain() -> None:
    """B-9, S-4."""
    chain = fresh(HISTORY)
    chain.take(finalize(chain, [read_block(write_block(block)) for block in blocks_of(HISTORY)]))
    assert chain.head == HISTORY.chain.head
    assert chain.head.entries == sum(len(block.entries) for block in blocks_of(HISTORY))


def entry_of_another_town() -> Entry:
    return Town(people=4).entry(Person(0).working, "credits.open/1", OPEN)


BROKEN: dict[str, dict[str, Any]] = {
    "another network": {"network": bytes(32)},
    "another height": {"height": 3},
    "another parent": {"parent": bytes(32)},
    "its parent's time": {"time_ms": START_MS},
    "another epoch": {"epoch": 2},
    "other witnesses": {"witnesses": bytes(32)},
    "a view of the past": {"view": 1},
    "a view after the certificate": {"view": 99},
    "nothing": {"entries": (), "outcomes": ()},
    "another outcome": {"outcomes": ("account.too-little",)},
    "another state": {"state_root": bytes(32)},
    "an entry that is not includable": {"entries": (entry_of_another_town(),), "outcomes": ("",)},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_block_that_breaks_a_rule_is_refused_even_with_a_certificate(name: str) -> None:
    """B-10, B-11, B-12."""
    town = Town()
    town.credit(amount=0)
    chain = town.chain
    step = chain.build([town.entry(town.people[0].working, "credits.open/1", OPEN)], town.now_ms + 5, 2)
    assert step is not None
    (good,) = step.blocks
    assert chain.check([good], 2).head == step.head
    bad = remade(good, **BROKEN[name])
    before = chain.head, chain.state.root
    with pytest.raises(BadRange) as caught:
        chain.advance([bad], certificate(town.charter, bad, view=2, places=[0]))
    assert caught.value.reason
    assert (chain.head, chain.state.root) == before


def test_a_range_with_a_gap_a_repetition_or_in_disorder_is_refused() -> None:
    """B-11."""
    blocks = blocks_of(HISTORY)
    for wrong in ([], blocks[1:], [blocks[0], blocks[2]], [blocks[0], blocks[0]], [blocks[1], blocks[0]]):
        with pytest.raises(BadRange):
            fresh(HISTORY).check(wrong, 10**6)


def test_a_block_larger_than_the_charter_allows_is_refused() -> None:
    """B-10, F-5."""
    town = Town(block_entries=2)
    roomy = Town(block_entries=3)
    assert town.network != roomy.network
    entries = [town.entry(town.people[0].working, "credits.open/1", OPEN) for _ in range(3)]
    chain = town.chain
    step = chain.build(entries, town.now_ms, 1)
    assert step is not None
    bad = remade(step.blocks[0], entries=tuple(entries), outcomes=("",) * 3)
    with pytest.raises(BadRange, match="more entries"):
        chain.check([bad], 1)
    small = Chain(replace(town.charter, limits=replace(town.charter.limits, block_bytes=100)), chain.state, chain.head)
    with pytest.raises(BadRange, match="larger"):
        small.check(list(step.blocks), 1)


@pytest.mark.parametrize(
    "what",
    [
        {"block": bytes(32)},
        {"kind": VoteKind.NOTARIZE},
        {"epoch": 2},
        {"votes": ()},
        {"votes": ((0, bytes(64)),)},
        {"votes": ((1, bytes(64)),)},
        {"view": 10**6},
    ],
    ids=str,
)
def test_a_range_without_a_good_certificate_is_refused(what: dict[str, Any]) -> None:
    """V-3, V-5."""
    chain, blocks = fresh(HISTORY), blocks_of(HISTORY)
    good = certificate(chain.charter, blocks[-1], view=blocks[-1].header.view, places=[0])
    with pytest.raises((BadRange, BadCertificate)):
        chain.advance(blocks, replace(good, **what))
    with pytest.raises(BadRange):
        chain.advance([], good)
    assert chain.advance(blocks, good).head.height == len(blocks)


def test_one_finalization_covers_all_blocks_below_it() -> None:
    """V-5: an ancestor needs no certificate of its own, and a later one of a carried block serves as well."""
    chain, blocks = fresh(HISTORY), blocks_of(HISTORY)
    late = certificate(chain.charter, blocks[-1], view=500, places=[0])
    chain.take(chain.advance(blocks, late))
    assert chain.head.view == 500
    town = HISTORY
    step = chain.build([town.entry(town.people[2].working, "membership.profile/1")], town.now_ms + 5, 501)
    assert step is not None
    with pytest.raises(BadRange, match="view"):
        chain.check([remade(step.blocks[0], view=500)], 501)


def test_a_leader_builds_nothing_from_nothing() -> None:
    """B-10, D-3."""
    town = Town()
    assert town.chain.build([], town.now_ms, 1) is None
    assert town.chain.build([entry_of_another_town()], town.now_ms, 1) is None
    assert town.chain.next_due_ms() is None


def test_a_block_is_later_than_its_parent_whatever_the_clock_says() -> None:
    """B-11: a clock set back."""
    town = Town()
    town.credit(amount=0)
    step = town.chain.build([town.entry(town.people[0].working, "credits.open/1", OPEN)], START_MS - DAY_MS, 9)
    assert step is not None
    assert step.blocks[0].header.time_ms == town.chain.head.time_ms + 1


def test_what_was_left_out_is_told_to_the_leader() -> None:
    """B-10."""
    town = Town()
    good = town.entry(town.people[0].working, "credits.open/1", OPEN)
    bad = entry_of_another_town()
    step = town.chain.build([bad, good], town.now_ms, 1)
    assert step is not None
    assert [entry.id for entry, _ in step.left] == [bad.id]
    assert step.blocks[0].header.witnesses == witnesses_hash(town.chain.witnesses)


def test_a_chain_without_witnesses_in_its_state_has_no_quorum() -> None:
    """V-3."""
    town = Town()
    empty = Chain(town.charter, State(), town.chain.head)
    assert empty.witnesses == []
    assert isinstance(empty.head, Head)
    assert empty.network == town.network


# -- the due list


def test_items_run_first_at_their_time_in_key_order_and_once() -> None:
    """D-1, D-2, D-3."""
    tx = Overlay(State())
    due.add(tx, 30, "b", bytes([1]) * 32)
    due.add(tx, 20, "z", bytes([2]) * 32)
    due.add(tx, 20, "a", bytes([3]) * 32)
    due.add(tx, 256, "a", bytes([0]) * 32)
    assert [(time, kind) for time, kind, _, _ in due.until(tx, 30)] == [(20, "a"), (20, "z"), (30, "b")]
    assert due.next_ms(tx) == 20
    assert list(due.until(tx, 19)) == []
    due.remove(tx, 20, "a", bytes([3]) * 32)
    due.remove(tx, 20, "a", bytes([3]) * 32)
    assert [subject for _, _, subject, _ in due.until(tx, 300)] == [bytes([i]) * 32 for i in (2, 1, 0)]
    assert due.next_ms(State()) is None


def test_a_due_item_makes_a_block_of_its_own_and_is_gone() -> None:
    """D-1, D-3, B-10, H-3."""
    town = Town()
    asset = town.asset()
    accept = town.acceptance(0, 1, 5, asset=asset, until=town.now_ms + 100)
    fields = {"accept": accept.to_value(), "asset": asset, "to": town.people[1].id, "units": 5}
    assert town.do(town.people[0].working, "shares.transfer/1", fields) == ""
    assert town.state.get(b"accepted/" + accept.id) is True
    due_ms = town.chain.next_due_ms()
    assert due_ms is not None
    assert due_ms == accept.content["until"] + 1
    assert town.chain.build([], due_ms - 1, 50) is None
    town.now_ms = due_ms
    assert town.block().blocks[0].entries == ()
    assert town.state.get(b"accepted/" + accept.id) is None
    assert town.chain.next_due_ms() is None
    assert town.chain.build([], due_ms + DAY_MS, 60) is None


def test_a_due_item_runs_before_the_entries_of_its_block() -> None:
    """D-1: an acceptance is used again only after it has lapsed, and then it is too late."""
    town = Town()
    asset = town.asset()
    until_ms = town.now_ms + 100
    accept = town.acceptance(0, 1, 5, asset=asset, until=until_ms)
    fields = {"accept": accept.to_value(), "asset": asset, "to": town.people[1].id, "units": 5}
    assert town.do(town.people[0].working, "shares.transfer/1", fields) == ""
    town.now_ms = until_ms
    assert town.do(town.people[0].working, "shares.transfer/1", fields) == "share.acceptance-used"
    town.now_ms = until_ms + 1
    assert town.do(town.people[0].working, "shares.transfer/1", fields) == "share.not-accepted"
    assert [operation.name for operation in SHARES] == ["shares.transfer/1"]
    assert encode(True) == town.state.raw(b"holder/u" + asset + town.people[1].id)
