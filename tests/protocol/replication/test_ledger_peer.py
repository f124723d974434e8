"""One member's part in the shared ledger: submit, order, hand on, catch up.

SPEC P-14, P-15, P-16, P-17, P-30, P-31, P-34, P-36.
"""

from __future__ import annotations

from typing import Any

from ledger.canonical import digest
from ledger.chain import STALL_MS
from ledger.entry import entry_from_value
from ledger.keys import SigningKey
from ledger.operations import due
from ledger.state import Overlay
from protocol.effects import (
    Commit,
    Final,
    HeadMoved,
    Journal,
    KeepPending,
    NotRecorded,
    Recorded,
    Send,
)
from protocol.inputs import Quiet, Stored
from protocol.joining import inviting
from protocol.limits import (
    PROPOSE_AGAIN_MS,
    RANGE_DEADLINE_MS,
    TRIAL_ENTRIES_MAX,
)
from protocol.messages import Entries, NewHead, Pending
from tests.protocol.stand import ANN, BEN, CAT, Stand, now, of, profile, said
from tests.simulation.town import DAY_MS, START_MS, joining

GUEST = SigningKey(digest("test-guest"))


def told(stand: Stand, effects: list[Any]) -> list[int]:
    """The numbers of the entries whose ids are told."""
    ids = [one for message in said(effects, Pending) for one in message.ids]
    return [entry.sequence for one in ids if (entry := stand.ledger.pool.get(one)) is not None]


def carried(effects: list[Any]) -> list[int]:
    """The numbers of the entries that are sent whole."""
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


def test_an_entry_of_ours_that_lapses_while_nothing_happens_does_not_stop_the_next() -> None:
    """Found by the simulation: for ten minutes every order was refused as being ahead of its number."""
    ben = Stand(BEN)
    ben.submit(profile("soon"), life_ms=1_000)
    ben.at_ms = 2_000
    assert of(ben.submit(profile("later")), Recorded)
    assert of(ben.submit(profile("and another")), Recorded)
    assert ben.ledger.pool.numbers(BEN.working.public) == [1, 2, 3]


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


def test_carrying_what_others_handed_on_before_puts_it_on_the_disk_first() -> None:
    ann = invited()
    entry = joining(CAT, ann.founded, GUEST)
    ann.hand(BEN, entry)
    assert entry.id not in ann.disk.pending
    effects = [one for one in ann.carry(entry) if isinstance(one, KeepPending | Recorded)]
    assert [type(one) for one in effects] == [KeepPending, Recorded]
    assert entry.id in ann.disk.pending


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
    assert said(effects, NewHead, BEN) == [NewHead(height=1, block=ann.core.chain.head.block, time=now().wall_ms)]


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


def looks_again_ms(stand: Stand) -> int:
    """When what waits is next judged, on the monotonic clock; 0: at the next occasion."""
    again_ms: int = stand.ledger.waiting._again_ms
    return again_ms


def test_a_resting_witness_looks_again_after_a_minute() -> None:
    ann = Stand()
    ann.hand(BEN, ann.entry(BEN, 2))
    ann.give(Quiet())
    assert looks_again_ms(ann) == now().monotonic_ms + PROPOSE_AGAIN_MS == ann.ledger.orderer.wake_ms(now())
    ann.tick(PROPOSE_AGAIN_MS)
    assert ann.ledger.has_work
    ann.give(Quiet())
    assert looks_again_ms(ann) == now().monotonic_ms + 2 * PROPOSE_AGAIN_MS


def test_a_resting_witness_that_is_woken_for_something_else_does_not_look_again() -> None:
    ann = Stand()
    ann.hand(BEN, ann.entry(BEN, 2))
    ann.give(Quiet())
    ann.tick(PROPOSE_AGAIN_MS - 1)
    assert ann.give(Quiet()) == []
    assert looks_again_ms(ann) == now().monotonic_ms + PROPOSE_AGAIN_MS
    assert not ann.ledger.has_work


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
