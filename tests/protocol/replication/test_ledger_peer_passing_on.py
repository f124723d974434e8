"""Lapsed entries, handing on and blocks of others at one member's ledger (SPEC P-15, P-16, P-30 to P-34)."""

from __future__ import annotations

import pytest

from ledger.entry import Entry
from protocol.effects import (
    Commit,
    DropPending,
    Final,
    HeadMoved,
    Journal,
    KeepPending,
    Misbehaved,
    Send,
    ServeRange,
)
from protocol.inputs import Quiet
from protocol.limits import (
    CLOCK_TOLERANCE_MS,
    EXCHANGE_MS,
    FAN_OUT,
    FORWARD_MS_MAX,
    FORWARD_MS_MIN,
    FRAME_BYTES_MAX,
    RANGE_BYTES_MAX,
    RANGE_DEADLINE_MS,
)
from protocol.messages import AskEntries, AskRange, Blocks, Entries, NewHead, Pending, write_message
from protocol.replication import signing
from protocol.replication.sync import QueuedRange
from tests.protocol.replication.test_ledger_peer import GUEST, invited, told
from tests.protocol.stand import ANN, BEN, CAT, Stand, is_rejected, now, of, profile, said
from tests.simulation.town import joining, person


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
    assert told(cat, effects) == [1]
    assert said(effects, Pending, ANN) and not said(effects, Pending, BEN) and not said(effects, Entries)
    assert not of(cat.hand(BEN, cat.entry(BEN, 1)), Send)


def test_an_entry_of_ours_goes_whole_to_the_witness_and_by_its_id_to_the_others() -> None:
    ben = Stand(BEN, "ann", "ben", "cat")
    ben.connect(ANN)
    ben.connect(CAT)
    effects = ben.submit(profile())
    assert said(effects, Entries, ANN) and not said(effects, Pending, ANN)
    assert said(effects, Pending, CAT) and not said(effects, Entries, CAT)


def test_whoever_is_told_an_unknown_id_asks_one_machine_for_it_and_is_sent_the_entry() -> None:
    ben, cat = Stand(BEN, "ann", "ben", "cat"), Stand(CAT, "ann", "ben", "cat")
    for stand, others in ((ben, (ANN, CAT)), (cat, (ANN, BEN))):
        for other in others:
            stand.connect(other)
    (hint,) = said(ben.submit(profile()), Pending, CAT)
    (question,) = said(cat.hear(BEN, hint), AskEntries, BEN)
    assert not of(cat.hear(ANN, hint), Send), "another is not asked for the same at once"
    (answer,) = said(ben.hear(CAT, question), Entries, CAT)
    assert told(cat, cat.hear(BEN, answer)) == [1]
    assert not of(cat.hear(ANN, hint), Send), "what waits here is asked for no more"


def test_what_was_final_lately_is_not_asked_for_again() -> None:
    ann = Stand()
    ann.connect(BEN)
    entry = ann.entry(BEN, 1)
    ann.hand(BEN, entry)
    ann.block()
    assert not of(ann.hear(BEN, Pending(ids=[entry.id])), Send)


def test_large_entries_are_sent_in_messages_that_fit_a_frame() -> None:
    ann = Stand()
    ann.connect(BEN)
    ben = Stand(BEN)
    ben.connect(ANN)
    large = {"about": "a" * 1000, "t": "membership.profile/1"}
    sent = said(ben.submit(*[large] * 700), Entries, ANN)
    assert sum(len(message.entries) for message in sent) == 700
    assert all(len(write_message(message)) < FRAME_BYTES_MAX for message in sent)


def test_a_pending_entry_is_offered_again_with_growing_pauses() -> None:
    ben = Stand(BEN)
    ben.connect(ANN)
    ben.submit(profile())
    pauses, last_ms = [], 0
    for at_ms in range(0, 20 * 60_000, 500):
        ben.at_ms = at_ms
        if told(ben, ben.tick()):
            pauses.append(at_ms - last_ms)
            last_ms = at_ms
    doubled = [min(FORWARD_MS_MIN << n, FORWARD_MS_MAX) for n in range(len(pauses))]
    assert len(pauses) > 9
    assert all(pause <= said_ms <= pause * 9 // 8 for pause, said_ms in zip(doubled, pauses, strict=True))


def test_what_is_pending_is_offered_on_every_new_connection() -> None:
    ben = Stand(BEN)
    ben.submit(profile("a"), profile("b"))
    assert told(ben, ben.connect(ANN)) == [1, 2]


def test_a_start_offers_what_the_disk_kept() -> None:
    ben = Stand(BEN)
    ben.submit(profile())
    ben.restart()
    ben.connect(ANN)
    assert told(ben, ben.tick()) == [1]


def test_what_became_final_is_offered_no_more() -> None:
    ann = Stand()
    ann.connect(BEN)
    ann.submit(profile())
    ann.block()
    assert not said(ann.tick(FORWARD_MS_MAX), Pending)
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
    ben.ledger.sync.came(ANN.peer, ann.range(3, 1), 2, now())
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
    monkeypatch.setattr(signing, "FILLERS_MAX", 2)
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
