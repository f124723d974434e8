"""Entries of ours that ended in no block are kept for their owner: durable, bounded, exact (SPEC P-16, P-19)."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.canonical import encode
from ledger.entry import Entry
from ledger.errors import RemoteError
from ledger.keys import SigningKey
from protocol.effects import Commit, DropPending, Final, Keep, KeepPending
from protocol.inputs import Quiet
from protocol.limits import CLOCK_TOLERANCE_MS, LAPSED_KEPT_MAX
from protocol.replication.lapsed import KEPT_LAPSED, LapsedEntry, read_lapsed, write_lapsed
from tests.protocol.replication.test_ledger_peer import GUEST, invited
from tests.protocol.stand import ANN, BEN, CAT, Stand, of, profile
from tests.simulation.town import START_MS, joining

SOON_MS = 1_000
OVER_MS = SOON_MS + CLOCK_TOLERANCE_MS + 1


def kept(stand: Stand) -> list[tuple[str, str]]:
    """What is shown and what the disk holds, which must be the same: (about, code), newest first."""
    shown = stand.ledger.lapsed.all()
    on_disk = {key: read_lapsed(key, value) for key, value in stand.disk.of_kind(KEPT_LAPSED)}
    assert on_disk == {one.entry.id: one for one in shown}
    return [(one.entry.operation["about"], one.code) for one in shown]


def lapsed(stand: Stand, *about: str) -> list[Any]:
    """Have entries of a member that hears of nobody lapse by its own clock."""
    stand.submit(*(profile(one) for one in about), life_ms=SOON_MS)
    return stand.tick(OVER_MS)


def test_an_entry_of_ours_that_lapsed_is_kept_with_its_code_in_one_transaction_with_forgetting_it() -> None:
    ben = Stand(BEN)
    effects = lapsed(ben, "offline")
    order = [type(one) for one in effects]
    keep, drop = order.index(Keep), order.index(DropPending)
    # The driver puts neighbouring small writes into one transaction.
    assert drop == keep + 1
    assert kept(ben) == [("offline", "entry.lapsed")]
    assert not ben.disk.pending
    assert ben.ledger.lapsed.all()[0].ended_ms == START_MS + OVER_MS


def test_what_is_kept_is_there_after_a_restart() -> None:
    ben = Stand(BEN)
    lapsed(ben, "a", "b")
    before = kept(ben)
    ben.restart()
    assert kept(ben) == before == [("b", "entry.lapsed"), ("a", "entry.lapsed")]


def test_a_power_cut_before_the_disk_has_it_leaves_the_entry_waiting_and_it_ends_again() -> None:
    ben = Stand(BEN)
    ben.submit(profile("offline"), life_ms=SOON_MS)
    waiting = dict(ben.disk.pending)
    ben.tick(OVER_MS)
    ben.disk.pending.update(waiting)
    ben.disk.kept.clear()
    ben.restart()
    assert kept(ben) == []
    effects = ben.tick()
    assert [one.outcome for one in of(effects, Final)] == ["entry.lapsed"]
    assert kept(ben) == [("offline", "entry.lapsed")]


def test_only_the_newest_64_are_kept() -> None:
    ben = Stand(BEN)
    for n in range(4):
        lapsed(ben, *(f"{n}.{i}" for i in range(20)))
    names = [about for about, _ in kept(ben)]
    assert len(names) == LAPSED_KEPT_MAX == 64
    assert names[0] == "3.19" and names[-1] == "0.16"
    ben.restart()
    assert [about for about, _ in kept(ben)] == names


def test_of_more_than_64_that_end_at_once_none_is_written_that_is_given_up_at_once() -> None:
    ben = Stand(BEN)
    writes = [one for one in of(lapsed(ben, *(f"{i}" for i in range(100))), Keep) if one.kind == KEPT_LAPSED]
    assert len(writes) == LAPSED_KEPT_MAX and all(one.value for one in writes)
    assert kept(ben)[0][0] == "99" and kept(ben)[-1][0] == "36"


def test_an_entry_whose_number_another_used_is_kept_as_such() -> None:
    """A restored copy of a home signs a number again."""
    ann, ben = Stand(), Stand(BEN)
    ben.submit(profile("mine"))
    ann.hand(BEN, ann.entry(BEN, 1, profile("the copy's")))
    ann.block()
    ben.connect(ANN)
    ben.hear(ANN, ann.range())
    ben.give(Quiet())
    assert kept(ben) == [("mine", "entry.sequence-used")]


def test_a_number_used_just_before_a_power_cut_is_told_of_at_the_start() -> None:
    ann, ben = Stand(), Stand(BEN)
    ben.submit(profile("mine"))
    ann.hand(BEN, ann.entry(BEN, 1, profile("the copy's")))
    ann.block()
    waiting = dict(ben.disk.pending)
    ben.connect(ANN)
    ben.hear(ANN, ann.range())
    ben.give(Quiet())
    # The block is on the disk; what `Stored` led to is not.
    ben.disk.pending.update(waiting)
    ben.disk.kept.clear()
    effects = ben.restart()
    assert [one.outcome for one in of(effects, Final)] == ["entry.sequence-used"]
    assert kept(ben) == [("mine", "entry.sequence-used")]
    assert not ben.disk.pending


def test_an_entry_that_the_pool_has_let_go_of_ends_all_the_same() -> None:
    """A witness waits for the entries of a block that it voted for, one under our number among them (P-18)."""
    ann, ben = Stand(), Stand(BEN)
    ben.submit(profile("mine"))
    (mine,) = ben.ledger.pool.all()
    copied = ann.entry(BEN, 1, profile("the copy's"))
    ben.ledger.waiting.found([copied], 1)
    assert mine.id not in ben.ledger.pool
    ann.hand(BEN, copied)
    ann.block()
    ben.connect(ANN)
    ben.hear(ANN, ann.range())
    ben.give(Quiet())
    assert kept(ben) == [("mine", "entry.sequence-used")]


def test_an_entry_taken_for_lapsed_that_stands_in_a_block_after_all_is_kept_no_longer() -> None:
    """Somebody carried it while this machine was off."""
    ann, ben = Stand(), Stand(BEN)
    ben.submit(profile("offline"), life_ms=SOON_MS)
    (mine,) = ben.ledger.pool.all()
    ann.hand(BEN, mine)
    ann.block()
    ben.tick(OVER_MS)
    assert kept(ben) == [("offline", "entry.lapsed")]
    ben.connect(ANN)
    ben.hear(ANN, ann.range())
    assert of(ben.give(Quiet()), Commit)
    assert kept(ben) == []
    ben.restart()
    assert kept(ben) == []


def test_what_only_fills_a_number_is_no_act_of_the_owner_and_not_kept() -> None:
    ben = Stand(BEN)
    ben.submit(profile("soon"), life_ms=SOON_MS)
    ben.submit(profile("later"), life_ms=3 * OVER_MS)
    assert of(ben.tick(OVER_MS), KeepPending)
    ben.tick(4 * OVER_MS)
    assert len(ben.ledger.pool) == 0
    assert kept(ben) == [("later", "entry.lapsed"), ("soon", "entry.lapsed")]


def test_a_guests_entry_that_lapses_here_is_not_ours() -> None:
    ann = invited()
    guests = joining(CAT, ann.founded, GUEST)
    ann.carry(guests)
    effects = ann.tick(guests.until_ms - START_MS + CLOCK_TOLERANCE_MS + 1) + ann.give(Quiet())
    assert [(one.entry_id, one.outcome) for one in of(effects, Final)] == [(guests.id, "entry.lapsed")]
    assert ann.ledger.lapsed.all() == [] and not ann.disk.of_kind(KEPT_LAPSED)


def document(made: Entry, **changes: Any) -> bytes:
    value = {"body": made.body, "code": "entry.lapsed", "ended": START_MS, "signature": made.signature}
    return encode({name: one for name, one in {**value, **changes}.items() if one is not None})


@pytest.mark.parametrize(
    "changes",
    [
        {"body": b"\x80"},
        {"code": 1},
        {"code": ""},
        {"code": None},
        {"ended": -1},
        {"ended": "today"},
        {"more": 1},
        {"signature": bytes(63)},
    ],
    ids=str,
)
def test_a_document_of_another_form_is_refused(changes: dict[str, Any]) -> None:
    made = Stand().entry(BEN, 1)
    assert write_lapsed(read_lapsed(made.id, document(made))) == document(made)
    with pytest.raises(RemoteError):
        read_lapsed(made.id, document(made, **changes))


def test_a_document_under_the_id_of_another_entry_is_refused() -> None:
    made = Stand().entry(BEN, 1)
    with pytest.raises(RemoteError, match="id of another"):
        read_lapsed(SigningKey(bytes(32)).public, document(made))
    with pytest.raises(RemoteError):
        read_lapsed(made.id, document(made)[:-1])


def test_an_award_that_lapses_ends_its_call_with_the_reason_and_is_kept() -> None:
    from protocol.conversation import KEPT_SUBMITTED
    from protocol.negotiation.initiator import CallState
    from tests.protocol.test_conversation import awarded

    market, effects = awarded()
    (award,) = of(effects, KeepPending)[0].entries
    market.ann.tick(award.until_ms - START_MS + CLOCK_TOLERANCE_MS + 1)
    assert market.call().state is CallState.LAPSED
    assert market.call().text == "the award came into no block in time"
    assert not market.ann.disk.of_kind(KEPT_SUBMITTED)
    assert [(one.entry.id, one.code) for one in market.ann.ledger.lapsed.all()] == [(award.id, "entry.lapsed")]
    assert market.ben.core.conversation.negotiation.slots()
    # Block time says to the provider, too, that nobody can award it any more.
    market.ann.submit(profile())
    market.ann.block()
    market.ben.at_ms = market.ann.at_ms
    market.deliver_blocks()
    assert not market.ben.core.conversation.negotiation.slots()


def test_a_lapsed_entry_says_what_it_was() -> None:
    ben = Stand(BEN)
    lapsed(ben, "offline")
    (one,) = ben.ledger.lapsed.all()
    assert isinstance(one, LapsedEntry)
    assert ben.ledger.lapsed.get(one.entry.id) == one
    assert ben.ledger.lapsed.get(ANN.member) is None
