"""One member's part in the shared ledger: submit, order, hand on, catch up.

SPEC P-14, P-15, P-16, P-17, P-30, P-31, P-34, P-36.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from ledger.canonical import digest
from ledger.chain import STALL_MS
from ledger.entry import Entry, entry_from_value
from ledger.keys import SigningKey
from ledger.operations import due
from ledger.state import Overlay
from protocol.effects import (
    Commit,
    DropPending,
    Final,
    HeadMoved,
    Journal,
    KeepPending,
    Misbehaved,
    NotRecorded,
    Recorded,
    Send,
    ServeRange,
)
from protocol.inputs import Quiet, Stored
from protocol.joining import inviting
from protocol.limits import (
    CLOCK_TOLERANCE_MS,
    EXCHANGE_MS,
    FAN_OUT,
    FORWARD_MS_MAX,
    FORWARD_MS_MIN,
    PROPOSE_AGAIN_MS,
    RANGE_BYTES_MAX,
    RANGE_DEADLINE_MS,
    TRIAL_ENTRIES_MAX,
)
from protocol.messages import AskRange, Blocks, Entries, NewHead
from protocol.replication import ledger_peer
from protocol.replication.sync import QueuedRange
from tests.protocol.stand import ANN, BEN, CAT, Stand, is_rejected, now, of, profile, said
from tests.simulation.town import DAY_MS, START_MS, joining, person

GUEST = SigningKey(digest("test-guest"))


def carried(effects: list[Any]) -> list[int]:
    """The numbers of the entries in what is sent."""
    return [entry_from_value(pair).sequence for message in said(effects, Entries) for pair in message.entries]


# -- P-14: what the owner wants recorded


def test_an_entry_is_kept_before_it_is_acknowledged_and_acknowledged_before_it_is_sent() -> None:
    ben = Stand(BEN)
    ben.connect(ANN)
    effects = ben.submit(profile())
    assert [type(one) for one in effects] == [KeepPending, Recorded, Send]


def test_operations_of_one_order_get_numbers_that_follow_each_other() -> None:
    ben = Stand(BEN)
    ben.submit(profile("a"), profile("b"))
    ben.submit(profile("c"))
    assert ben.ledger.pool.numbers(BEN.working.public) == [1, 2, 3]


def test_an_order_of_which_one_operation_is_refused_signs_nothing() -> None:
    ben = Stand(BEN)
    effects = ben.submit(profile(), {"amount": 1, "credit": bytes(32), "t": "credits.pay/1", "to": ANN.member})
    (told,) = of(effects, NotRecorded)
    assert told.code == "credit.unknown"
    assert len(ben.ledger.pool) == 0 and not ben.disk.pending


def test_an_entry_is_tried_on_top_of_all_that_is_pending() -> None:
    ben = Stand(BEN)
    ben.submit({"kind": "machine", "name": "Saw", "t": "assets.register/1"})
    (asset,) = ben.ledger.pool.all()
    give = {"asset": asset.id, "t": "shares.transfer/1", "to": ANN.member, "units": 1_000_001}
    assert of(ben.submit(give), NotRecorded)[0].code in {"account.too-little", "share.not-accepted"}


def test_a_hundred_pending_entries_do_not_stop_the_next() -> None:
    ben = Stand(BEN)
    for n in range(100):
        assert of(ben.submit(profile(f"{n}")), Recorded)
    assert len(ben.ledger.pool) == 100


def test_a_dry_run_says_what_submitting_would_and_keeps_nothing() -> None:
    ben = Stand(BEN)
    pay = {"amount": 1, "credit": bytes(32), "t": "credits.pay/1", "to": ANN.member}
    assert ben.ledger.would_refuse([pay], START_MS + DAY_MS, now()).code == "credit.unknown"
    assert ben.ledger.would_refuse([profile()], START_MS + DAY_MS, now()) is None
    assert ben.state() == Stand(BEN).state()
    assert of(ben.submit(profile()), Recorded)


def test_beyond_a_thousand_pending_entries_the_ledger_alone_judges() -> None:
    ben = Stand(BEN, more=(("day_entries", 10**6), ("day_bytes", 10**9)))
    ben.submit(*(profile(f"{n}") for n in range(TRIAL_ENTRIES_MAX + 1)))
    ben.ledger._trial.forget()
    assert of(ben.submit({"amount": 1, "credit": bytes(32), "t": "credits.pay/1", "to": ANN.member}), Recorded)


def test_a_valid_until_beyond_the_charters_limit_is_refused_at_once() -> None:
    ben = Stand(BEN)
    assert of(ben.submit(profile(), life_ms=91 * DAY_MS), NotRecorded)[0].code == "entry.until-too-far"


# -- P-14: entries that a guest or a file brings


def invited() -> Stand:
    ann = Stand()
    network = ann.core.chain.network
    ann.submit(inviting(GUEST, member=ANN.member, network=network, until_ms=START_MS + DAY_MS))
    ann.block()
    return ann


def test_a_guests_joining_is_carried_kept_and_told_when_final() -> None:
    ann = invited()
    entry = joining(CAT, ann.founded, GUEST)
    effects = ann.carry(entry)
    assert of(effects, KeepPending)[0].entries == (entry,)
    assert of(effects, Recorded)[0].entry_ids == (entry.id,)
    finals = of(ann.block(), Final)
    assert [(one.entry_id, one.outcome) for one in finals] == [(entry.id, "")]


def test_carrying_what_is_carried_already_is_acknowledged_again() -> None:
    ann = invited()
    entry = joining(CAT, ann.founded, GUEST)
    ann.carry(entry)
    again = ann.carry(entry)
    assert of(again, Recorded) and not of(again, KeepPending)


def test_of_entries_that_come_together_none_is_carried_unless_all_can_be() -> None:
    ann = invited()
    good, bad = joining(CAT, ann.founded, GUEST), joining(CAT, ann.founded, SigningKey(bytes(32)))
    assert of(ann.carry(good, bad), NotRecorded)[0].code == "entry.unusable"
    assert len(ann.ledger.pool) == 0 and not ann.disk.pending


def test_an_entry_that_cannot_be_included_now_is_not_carried() -> None:
    ann = invited()
    assert of(ann.carry(joining(CAT, ann.founded, GUEST, sequence=2)), NotRecorded)[0].code == "entry.sequence-ahead"
    assert len(ann.ledger.pool) == 0


def test_entries_that_follow_each_other_are_carried_together() -> None:
    ann = Stand()
    assert of(ann.carry(ann.entry(BEN, 1), ann.entry(BEN, 2)), Recorded)
    ann.block()
    assert ann.core.chain.head.entries == 2


# -- the witness


def test_a_witness_journals_its_votes_then_stores_the_block_then_speaks() -> None:
    ann = Stand()
    ann.connect(BEN)
    ann.submit(profile())
    effects = ann.give(Quiet())
    kinds = [type(one) for one in effects]
    assert kinds.index(Journal) < kinds.index(Commit) < kinds.index(HeadMoved) < kinds.index(Final)
    assert said(effects, NewHead, BEN) == [NewHead(height=1, block=ann.core.chain.head.block)]


def test_nothing_moves_until_the_step_is_stored() -> None:
    ann = Stand()
    ann.submit(profile())
    before = ann.state()
    effects = ann.core.handle(Quiet(), now())
    assert of(effects, Commit)
    assert ann.state() == before
    assert ann.core.handle(Quiet(), now()) == []
    assert not ann.ledger.has_work
    ann.core.handle(Stored(), now())
    assert ann.height == 1


def test_stored_without_a_step_does_nothing() -> None:
    ann = Stand()
    assert ann.give(Stored()) == []


def test_a_member_who_is_no_witness_makes_no_block() -> None:
    ben = Stand(BEN)
    ben.submit(profile())
    assert ben.give(Quiet()) == []
    assert not ben.ledger.has_work


def test_a_witness_with_nothing_to_include_rests() -> None:
    """An entry behind a gap once kept the witness's processor busy for as long as it lay there."""
    ann = Stand()
    ann.hand(BEN, ann.entry(BEN, 2))
    assert ann.ledger.has_work
    assert ann.give(Quiet()) == []
    assert not ann.ledger.has_work
    wake_ms = ann.core.wake_ms(now())
    assert wake_ms is not None and wake_ms > now().monotonic_ms
    ann.hand(BEN, ann.entry(BEN, 1))
    assert ann.ledger.has_work
    ann.block()
    assert ann.core.chain.head.entries == 2


def test_a_resting_witness_looks_again_after_a_minute() -> None:
    ann = Stand()
    ann.hand(BEN, ann.entry(BEN, 2))
    ann.give(Quiet())
    assert ann.ledger._again_ms == now().monotonic_ms + PROPOSE_AGAIN_MS
    ann.tick(PROPOSE_AGAIN_MS)
    assert ann.ledger.has_work


def test_what_can_never_be_included_is_forgotten_though_nothing_else_is_there() -> None:
    ann = Stand()
    ann.submit(profile(), life_ms=1_000)
    ann.at_ms = 2_000
    effects = ann.give(Quiet())
    assert of(effects, Final)[0].outcome == "entry.lapsed"
    assert len(ann.ledger.pool) == 0 and not ann.disk.pending


def test_a_witness_behind_an_undoubted_claim_waits_for_the_blocks() -> None:
    ann = Stand()
    ann.connect(BEN)
    ann.hear(BEN, NewHead(height=9, block=bytes(32)))
    ann.submit(profile())
    assert ann.block() == []
    ann.tick(RANGE_DEADLINE_MS)
    ann.block()
    assert ann.height == 1
    ann.hear(BEN, NewHead(height=10**15, block=bytes(32)))
    ann.submit(profile("again"))
    ann.block()
    assert ann.height == 2


def test_a_witness_whose_clock_is_a_month_ahead_of_its_ledger_makes_no_block() -> None:
    ann = Stand()
    ann.submit(profile())
    ann.block()
    ann.at_ms = STALL_MS + 10_000
    ann.submit(profile("late"))
    assert ann.block() == []
    assert not ann.ledger.has_work


def test_a_witness_wakes_for_what_falls_due_and_makes_a_block_of_nothing_else() -> None:
    ann = Stand()
    ann.submit({"gifts": True, "t": "membership.profile/1"})
    ann.block()
    tx = Overlay(ann.core.chain.state)
    due.add(tx, START_MS + 60_000, "shares.forget-acceptance", bytes(32))
    settled = ann.core.chain.state.settle(tx.changes)
    ann.core.chain.state.merge(settled)
    assert ann.ledger.wake_ms(now()) == now().monotonic_ms + 60_000
    ann.at_ms = 59_000
    assert ann.block() == []
    ann.at_ms = 60_001
    ann.block()
    assert ann.height == 2
    assert ann.core.chain.head.entries == 1


# -- P-16: lapses


def test_what_follows_a_lapsed_entry_of_ours_is_freed_by_filling_the_number() -> None:
    ann, ben = Stand(), Stand(BEN)
    ben.connect(ANN)
    ben.submit(profile("soon"), life_ms=1_000)
    effects = ben.submit(profile("later"))
    ann.submit(profile())
    ann.at_ms = ben.at_ms = 5_000
    ann.block()
    effects = ben.hear(ANN, ann.range()) + ben.give(Quiet())
    assert [one.outcome for one in of(effects, Final)] == ["entry.lapsed"]
    assert of(effects, DropPending)
    (filler,) = of(effects, KeepPending)[0].entries
    assert (filler.sequence, filler.operation) == (1, {"t": "membership.profile/1"})
    assert set(ben.disk.pending) == {one.id for one in ben.ledger.pool.all()}
    ann.hand(BEN, *ben.ledger.pool.all())
    ann.block()
    assert ann.core.chain.state.get(b"member/" + BEN.member)["about"] == "later"


def test_a_lapsed_entry_that_nothing_follows_is_not_filled() -> None:
    ann = Stand()
    ann.submit(profile(), life_ms=1_000)
    ann.at_ms = 2_000
    assert not of(ann.give(Quiet()), KeepPending)
    ann.submit(profile("next"))
    assert ann.ledger.pool.numbers(ANN.working.public) == [1]


def test_in_a_quiet_network_our_own_clock_says_that_an_entry_of_ours_lapsed() -> None:
    ben = Stand(BEN)
    ben.submit(profile("soon"), life_ms=1_000)
    ben.submit(profile("later"))
    assert not of(ben.tick(CLOCK_TOLERANCE_MS), Final)
    effects = ben.tick(1_001)
    assert [one.outcome for one in of(effects, Final)] == ["entry.lapsed"]
    assert ben.ledger.pool.numbers(BEN.working.public) == [1, 2]


def test_a_number_that_lapsed_just_before_a_power_cut_is_filled_at_the_start() -> None:
    ben = Stand(BEN)
    ben.submit(profile("soon"), life_ms=1_000)
    ben.submit(profile("later"))
    first = ben.ledger.pool.all()[0]
    del ben.disk.pending[first.id]
    effects = ben.restart()
    assert [one.sequence for one in of(effects, KeepPending)[0].entries] == [1]


def test_a_start_with_nothing_missing_signs_nothing() -> None:
    ben = Stand(BEN)
    ben.submit(profile("a"), profile("b"))
    assert not of(ben.restart(), KeepPending)
    assert ben.ledger.pool.numbers(BEN.working.public) == [1, 2]


def test_a_lapsed_entry_does_not_come_back_from_a_peer_whose_clock_is_behind() -> None:
    ann, ben = Stand(), Stand(BEN)
    ben.connect(ANN)
    ben.submit(profile("soon"), life_ms=1_000)
    (lapsed,) = ben.ledger.pool.all()
    ann.at_ms = 60_000
    ann.submit(profile())
    ann.block()
    ben.hear(ANN, ann.range())
    ben.give(Quiet())
    assert len(ben.ledger.pool) == 0
    ben.hand(ANN, lapsed)
    assert len(ben.ledger.pool) == 0


def test_a_number_used_by_another_entry_of_ours_ends_the_one_that_waits() -> None:
    """A restored copy of a home signs a number again."""
    ann, ben = Stand(), Stand(BEN)
    ben.submit(profile("mine"))
    (mine,) = ben.ledger.pool.all()
    ann.hand(BEN, ann.entry(BEN, 1, profile("the copy's")))
    ann.block()
    ben.connect(ANN)
    ben.hear(ANN, ann.range())
    effects = ben.give(Quiet())
    assert [(one.entry_id, one.outcome) for one in of(effects, Final)] == [(mine.id, "entry.sequence-used")]
    assert not ben.disk.pending


# -- P-15: handing on


def test_what_is_new_goes_to_witnesses_first_and_to_a_bounded_number() -> None:
    names = [f"p{n}" for n in range(FAN_OUT + 3)]
    cat = Stand(person("p0"), "ann", *names)
    for name in names[1:]:
        cat.connect(person(name))
    cat.connect(ANN)
    sends = of(cat.submit(profile()), Send)
    assert len(sends) == FAN_OUT
    assert sends[0].peer == ANN.peer


def test_a_sole_witness_hands_nothing_on() -> None:
    ann = Stand()
    ann.connect(BEN)
    assert not of(ann.submit(profile()), Send)


def test_what_a_peer_hands_on_goes_to_the_others_and_not_back() -> None:
    cat = Stand(CAT, "ann", "ben", "cat")
    cat.connect(ANN)
    cat.connect(BEN)
    effects = cat.hand(BEN, cat.entry(BEN, 1))
    assert said(effects, Entries, ANN) and not said(effects, Entries, BEN)
    assert not of(cat.hand(BEN, cat.entry(BEN, 1)), Send)


def test_a_pending_entry_is_offered_again_with_growing_pauses() -> None:
    ben = Stand(BEN)
    ben.connect(ANN)
    ben.submit(profile())
    pauses, last_ms = [], 0
    for at_ms in range(0, 20 * 60_000, 500):
        ben.at_ms = at_ms
        if carried(ben.tick()):
            pauses.append(at_ms - last_ms)
            last_ms = at_ms
    assert pauses[0] == FORWARD_MS_MIN
    assert all(later == min(2 * one, FORWARD_MS_MAX) for one, later in pairwise(pauses[1:]))


def test_what_is_pending_is_offered_on_every_new_connection() -> None:
    ben = Stand(BEN)
    ben.submit(profile("a"), profile("b"))
    assert carried(ben.connect(ANN)) == [1, 2]


def test_a_start_offers_what_the_disk_kept() -> None:
    ben = Stand(BEN)
    ben.submit(profile())
    ben.restart()
    ben.connect(ANN)
    assert carried(ben.tick()) == [1]


def test_what_became_final_is_offered_no_more() -> None:
    ann = Stand()
    ann.connect(BEN)
    ann.submit(profile())
    ann.block()
    assert not carried(ann.tick(FORWARD_MS_MAX))
    assert not ann.disk.pending


# -- P-30 to P-34: blocks


def chain(blocks: int) -> Stand:
    ann = Stand()
    for n in range(blocks):
        ann.submit(profile(f"{n}"))
        ann.block()
    return ann


def test_a_range_that_is_there_is_served_within_bounds() -> None:
    ann = chain(2)
    (serve,) = of(ann.hear(BEN, AskRange(start=1, bytes=10**6)), ServeRange)
    assert (serve.peer, serve.start, serve.bytes_max) == (BEN.peer, 1, min(10**6, RANGE_BYTES_MAX))


def test_blocks_that_are_not_there_are_answered_with_none() -> None:
    ann = chain(2)
    (answer,) = said(ann.hear(BEN, AskRange(start=3, bytes=5)), Blocks)
    assert (answer.start, answer.blocks, answer.height) == (3, [], 2)


def test_a_newcomer_comes_to_the_same_ledger() -> None:
    ann, ben = chain(5), Stand(BEN)
    ben.connect(ANN)
    asked = said(ben.hear(ANN, NewHead(height=5, block=bytes(32))), AskRange)
    assert [one.start for one in asked] == [1]
    effects = ben.hear(ANN, ann.range())
    assert ben.ledger.has_work
    effects = ben.give(Quiet())
    assert of(effects, Commit) and not of(effects, Journal)
    assert (ben.height, ben.core.chain.state.root) == (5, ann.core.chain.state.root)
    assert ben.ledger.sync.target == 5


def test_blocks_that_are_known_already_are_passed_by() -> None:
    ann, ben = chain(4), Stand(BEN)
    ben.hear(ANN, ann.range(1, 2))
    ben.give(Quiet())
    ben.ledger.sync.came(ANN.peer, ann.range(3, 1), 2)
    ben.hear(ANN, ann.range(4))
    ben.give(Quiet())
    ben.give(Quiet())
    assert ben.height == 4
    again = ann.range(1, 3)
    ben.ledger.sync._queue.append(QueuedRange(peer=ANN.peer, blocks=again))
    assert ben.give(Quiet()) == []


def test_a_range_that_does_not_hold_ends_the_connection_and_is_asked_of_another() -> None:
    ann, cat = chain(3), Stand(CAT, "ann", "ben", "cat")
    other = Stand(ANN, "ann", "ben", "cat")
    for n in range(3):
        other.submit(profile(f"{n}"))
        other.block()
    cat.connect(ANN)
    cat.connect(BEN)
    cat.hear(BEN, NewHead(height=3, block=bytes(32)))
    cat.hear(ANN, NewHead(height=3, block=bytes(32)))
    cat.hear(BEN, ann.range())
    effects = cat.give(Quiet())
    assert of(effects, Misbehaved)[0].fatal
    assert said(effects, AskRange, ANN)
    assert cat.height == 0
    cat.hear(ANN, other.range())
    cat.give(Quiet())
    assert cat.height == 3


def test_a_step_is_told_to_who_is_not_known_to_be_as_far() -> None:
    ann = Stand()
    ann.connect(BEN)
    ann.hear(BEN, NewHead(height=1, block=bytes(32)))
    ann.tick(RANGE_DEADLINE_MS)
    ann.submit(profile())
    assert not said(ann.block(), NewHead, BEN)


def test_a_word_from_behind_is_answered_with_our_height() -> None:
    ann = chain(2)
    ann.connect(BEN)
    assert [one.height for one in said(ann.hear(BEN, NewHead(height=1, block=bytes(32))), NewHead, BEN)] == [2]
    assert not said(ann.hear(BEN, NewHead(height=2, block=bytes(32))), NewHead, BEN)


def test_our_height_is_told_now_and_then_to_one_machine_in_turn() -> None:
    ann = Stand(ANN, "ann", "ben", "cat")
    ann.submit(profile())
    ann.block()
    ann.connect(BEN)
    ann.connect(CAT)
    told = []
    for _ in range(4):
        told += [effect.peer for effect in of(ann.tick(EXCHANGE_MS), Send) if isinstance(effect.message, NewHead)]
    assert told == [CAT.peer, BEN.peer, CAT.peer, BEN.peer]


def test_nobody_is_told_of_an_empty_ledger() -> None:
    ann = Stand()
    ann.connect(BEN)
    assert not said(ann.tick(EXCHANGE_MS), NewHead)


def test_a_step_that_changes_members_says_so() -> None:
    ann = invited()
    ann.carry(joining(CAT, ann.founded, GUEST))
    assert [one.members_changed for one in of(ann.block(), HeadMoved)] == [True]
    ann.submit({"decimals": 2, "redeemable": "work", "t": "credits.open/1", "unit": "EUR"})
    assert [one.members_changed for one in of(ann.block(), HeadMoved)] == [False]


def test_a_refused_entry_of_ours_is_told_with_its_code() -> None:
    ann = Stand()
    ann.submit({"decimals": 2, "redeemable": "work", "t": "credits.open/1", "unit": "EUR"})
    ann.block()
    (credit,) = [key[7:] for key, _ in ann.core.chain.state.range(b"credit/")]
    ann.hand(BEN, ann.entry(BEN, 1, {"amount": 5, "credit": credit, "t": "credits.pay/1", "to": ANN.member}))
    ann.block()
    assert ann.core.chain.head.entries == 2
    ben = Stand(BEN)
    assert ben.ledger.step_blocks == ()


def test_fillers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_peer, "FILLERS_MAX", 2)
    ben = Stand(BEN)
    for n in range(4):
        ben.submit(profile(f"{n}"), life_ms=1_000)
    ben.submit(profile("last"))
    effects = ben.tick(CLOCK_TOLERANCE_MS + 2_000)
    assert len(of(effects, KeepPending)[0].entries) == 2


def test_an_entry_of_ours_that_another_brings_counts_for_the_next_number() -> None:
    """After a restored backup the others know more of us than we do."""
    ben = Stand(BEN)
    ben.connect(ANN)
    ben.submit(profile("first"))
    ben.hand(ANN, ben.entry(BEN, 2, profile("from before")))
    ben.submit(profile("third"))
    assert ben.ledger.pool.numbers(BEN.working.public) == [1, 2, 3]


def test_an_entry_of_none_is_a_fault_of_who_sends_it_and_what_came_before_is_kept() -> None:
    ann = Stand()
    good, bad = ann.entry(BEN, 1), ann.entry(BEN, 2, network=bytes(32))
    effects = ann.hand(BEN, good, bad)
    assert is_rejected(effects)
    assert [one.id for one in ann.ledger.pool.all()] == [good.id]
    assert isinstance(good, Entry)
