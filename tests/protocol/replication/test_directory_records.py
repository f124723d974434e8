"""Peer records in the directory: those that come early, our own, and those of others (SPEC P-22, P-23, P-45)."""

from __future__ import annotations

import pytest

from protocol.effects import Addresses, Keep, Misbehaved, Send
from protocol.inputs import Offered, PeerLost, Quiet, Reachable
from protocol.limits import (
    EXCHANGE_MS,
    RECORD_LIFE_MS,
)
from protocol.messages import Adverts, Have, Hello, NewHead, Records
from protocol.replication import directory_peer
from protocol.replication.directory_peer import MISSED_AGAIN_MS
from tests.protocol.capability.workshop import router
from tests.protocol.replication.test_directory_peer import advert, fetch, held, joined
from tests.protocol.stand import ANN, BEN, CAT, Stand, now, of, profile, record, said
from tests.simulation.town import DAY_MS, START_MS, person


def test_a_record_of_a_member_not_known_yet_counts_as_soon_as_it_is() -> None:
    ann, ben = joined()[0], Stand(BEN)
    statement = record(CAT, ben.founded)
    assert ben.hear(ANN, Records(records=[statement.to_value()])) == []
    effects = fetch(ben, ann)
    assert [(one.peer, one.addresses) for one in of(effects, Addresses)] == [(CAT.peer, ("/ip4/10.0.0.1/tcp/4001",))]
    assert ben.core.directory._early == {}


def test_the_waiting_list_is_bounded_and_one_peer_fills_half_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_peer, "EARLY_RECORDS_MAX", 4)
    ben = Stand(BEN, "ann", "ben", "cat")
    for n in range(10):
        ben.hear(ANN, Records(records=[record(person(f"nobody-{n}"), ben.founded).to_value()]))
    assert len(ben.core.directory._early) == 2
    for n in range(10, 20):
        ben.hear(CAT, Records(records=[record(person(f"nobody-{n}"), ben.founded).to_value()]))
    assert len(ben.core.directory._early) == 4


def test_a_record_that_is_known_to_be_false_does_not_wait() -> None:
    ben = Stand(BEN)
    ben.hear(ANN, Records(records=[record(ANN, ben.founded, peer=BEN.peer).to_value()]))
    assert ben.core.directory._early == {}


def test_a_newcomer_asks_again_for_adverts_of_members_it_did_not_know() -> None:
    ann, ben = joined()[0], Stand(BEN)
    ben.connect(ANN)
    early = Adverts(adverts=[advert(CAT, ben)])
    assert ben.hear(ANN, early) == []
    effects = fetch(ben, ann)
    assert said(effects, Have, ANN)
    ben.hear(ANN, early)
    assert held(ben).keys() == {CAT.member}


def test_lists_are_not_sent_more_often_than_the_pause_while_the_ledger_moves() -> None:
    ann, ben = joined()[0], Stand(BEN)
    ben.connect(ANN)
    ben.hear(ANN, Adverts(adverts=[advert(person("zoe"), ben)]))
    assert said(fetch(ben, ann), Have)
    ben.hear(ANN, Adverts(adverts=[advert(person("zoe"), ben)]))
    ann.submit(profile())
    ann.block()
    ben.hear(ANN, ann.range(3))
    assert not said(ben.give(Quiet()), Have)
    assert ben.core.directory.wake_ms(now()) <= now(MISSED_AGAIN_MS).monotonic_ms
    assert said(ben.tick(MISSED_AGAIN_MS), Have)


# -- P-23: our own record, and those of others


def test_our_addresses_are_told_when_they_change_and_in_every_hello() -> None:
    ann = Stand()
    ann.connect(BEN)
    effects = ann.give(Reachable(addresses=("/ip4/10.0.0.1/tcp/1",)))
    assert said(effects, Records, BEN)
    (hello,) = said(ann.connect(BEN), Hello)
    assert hello.record is not None
    second = ann.core.directory.own_record(now())
    ann.give(Reachable(addresses=("/ip4/10.0.0.2/tcp/1",)))
    assert ann.core.directory.own_record(now()).content["made"] > second.content["made"]


def test_our_record_is_renewed_at_half_its_life() -> None:
    ann = Stand()
    ann.connect(BEN)
    ann.give(Reachable(addresses=("/ip4/10.0.0.1/tcp/1",)))
    ann.tick(RECORD_LIFE_MS // 2 + 1)
    (told,) = said(ann.connect(BEN), Hello)
    assert told.record is not None
    assert ann.core.directory._record.content["made"] == START_MS + RECORD_LIFE_MS // 2 + 1


def test_a_record_is_kept_then_used_then_told() -> None:
    ann = Stand(ANN, "ann", "ben", "cat")
    ann.connect(CAT)
    effects = ann.hear(BEN, Records(records=[record(BEN, ann.founded).to_value()]))
    assert [type(one) for one in effects] == [Keep, Addresses, Send]
    assert ann.hear(CAT, Records(records=[record(BEN, ann.founded).to_value()])) == []


def test_a_record_about_our_own_machine_is_not_taken() -> None:
    ann = Stand()
    assert ann.hear(BEN, Records(records=[record(ANN, ann.founded).to_value()])) == []


def test_a_start_days_after_the_last_block_still_knows_where_the_others_are() -> None:
    ann = Stand()
    ann.at_ms = 5 * DAY_MS
    ann.hear(BEN, Records(records=[record(BEN, ann.founded, START_MS + ann.at_ms).to_value()]))
    ann.restart()
    assert [one.peer for one in ann.core.directory.records.all()] == [BEN.peer]


def test_an_expired_record_is_forgotten_everywhere() -> None:
    ann = Stand()
    ann.hear(BEN, Records(records=[record(BEN, ann.founded).to_value()]))
    effects = ann.tick(RECORD_LIFE_MS + 1)
    assert [(one.peer, one.addresses) for one in of(effects, Addresses)] == [(BEN.peer, ())]
    assert not ann.disk.kept


def test_records_known_are_told_on_connecting_and_a_part_with_each_exchange() -> None:
    names = [f"p{n}" for n in range(70)]
    ann = Stand(ANN, "ann", "ben", *names[:60])
    known = [record(person(name), ann.founded).to_value() for name in names[:60]]
    ann.hear(BEN, Records(records=known))
    assert sum(len(one.records) for one in said(ann.connect(BEN), Records)) == 60
    (part,) = said(ann.tick(EXCHANGE_MS), Records, BEN)
    assert len(part.records) == 61


def test_a_lost_machine_is_told_nothing_more() -> None:
    ann = Stand()
    ann.connect(BEN)
    ann.give(PeerLost(peer=BEN.peer))
    assert not of(ann.give(Offered(offers=(router(),))), Send)
    assert not of(ann.tick(EXCHANGE_MS), Send)


def test_a_bad_record_ends_the_connection_of_who_sent_it() -> None:
    ann = Stand()
    effects = ann.hear(BEN, Records(records=[record(BEN, ann.founded, network=bytes(32)).to_value()]))
    assert of(effects, Misbehaved)[0].fatal


def test_news_of_the_ledger_changes_nothing_here() -> None:
    ann = Stand()
    before = ann.state()
    ann.hear(BEN, NewHead(height=1, block=bytes(32)))
    assert ann.state() == before
