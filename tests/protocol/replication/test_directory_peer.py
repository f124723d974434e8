"""Adverts, definitions and addresses between machines: compared, judged, handed on, renewed.

SPEC P-22, P-23, P-40, P-41, P-42, P-43, P-44, P-45, P-46.
"""

from __future__ import annotations

from typing import Any

import pytest

from ledger.canonical import digest
from ledger.keys import SigningKey
from protocol.capability.advertisement import issue
from protocol.capability.limits import ADVERT_LIFE_MS
from protocol.capability.offer_files import read_offer
from protocol.effects import Keep, Send
from protocol.inputs import Offered, Quiet, Reachable
from protocol.joining import inviting
from protocol.limits import (
    ADVERTS_PER_MESSAGE,
    DEFINITIONS_PER_MESSAGE,
    EXCHANGE_MS,
    FAN_OUT,
)
from protocol.messages import Adverts, AskDefinitions, Definitions, Have, Records
from protocol.replication.directory_peer import ANSWER_AGAIN_MS, ANSWERS_MAX
from protocol.replication.packing import MESSAGE_BYTES_MAX, in_messages
from tests.protocol.capability.workshop import router
from tests.protocol.stand import ANN, BEN, CAT, Stand, is_rejected, now, of, said
from tests.simulation.life import own_function
from tests.simulation.town import DAY_MS, START_MS, Person, joining, person

INVITE = SigningKey(digest("test-invite"))


def advert(who: Person, stand: Stand, *offers: Any, counter: int = 1, **changes: Any) -> dict[str, Any]:
    """What `who` offers, as a statement in a message."""
    given = {"network": stand.founded.charter.network, "member": who.member, "signer": who.working, **changes}
    return issue(offers or (router(),), counter=counter, place=None, now_ms=START_MS, **given).to_value()


def held(stand: Stand) -> dict[bytes, int]:
    return {one.member: one.counter for one in stand.core.directory.directory}


# -- own


def test_offers_are_kept_and_then_told() -> None:
    ann = Stand()
    ann.connect(BEN)
    effects = ann.give(Offered(offers=(router(),)))
    assert [type(one) for one in effects] == [Keep, Send]
    assert held(ann).keys() == {ANN.member}
    assert said(effects, Adverts, BEN)


def test_a_node_that_never_offered_anything_says_nothing() -> None:
    ann = Stand()
    ann.connect(BEN)
    assert ann.give(Offered(offers=())) == []


def test_taking_the_last_offer_back_is_told_too() -> None:
    ann = Stand()
    ann.connect(BEN)
    ann.give(Offered(offers=(router(),)))
    first = held(ann)[ANN.member]
    assert said(ann.give(Offered(offers=())), Adverts)
    assert held(ann)[ANN.member] > first


def test_after_a_start_the_number_goes_on_from_the_one_kept() -> None:
    ann = Stand()
    ann.give(Offered(offers=(router(),)))
    first = held(ann)[ANN.member]
    ann.restart()
    assert held(ann) == {ANN.member: first}
    ann.give(Offered(offers=(router(),)))
    assert held(ann)[ANN.member] > first


def test_an_advert_is_renewed_at_half_its_life() -> None:
    ann = Stand()
    ann.connect(BEN)
    ann.give(Offered(offers=(router(),)))
    assert not said(ann.tick(ADVERT_LIFE_MS // 2 - 1), Adverts)
    assert ann.core.directory.wake_ms(now(ann.at_ms)) <= now(ann.at_ms + 1).monotonic_ms
    assert said(ann.tick(1), Adverts)


def test_a_stranger_advertises_nothing_and_has_no_record() -> None:
    cat = Stand(CAT)
    assert cat.give(Offered(offers=(router(),))) == []
    assert cat.give(Reachable(addresses=("/ip4/10.0.0.9/tcp/1",))) == []
    assert cat.core.directory.own_record(now()) is None
    assert cat.core.directory.wake_ms(now()) is None


def test_who_joins_advertises_and_tells_its_address_when_that_is_final() -> None:
    ann, cat = joined()
    cat.connect(BEN)
    cat.give(Offered(offers=(router(),)))
    cat.give(Reachable(addresses=("/ip4/10.0.0.9/tcp/1",)))
    effects = fetch(cat, ann)
    assert said(effects, Adverts)
    assert said(effects, Records)
    assert CAT.member in held(cat)
    assert ann.height == cat.height


def test_who_left_renews_nothing_and_is_not_woken_for_it() -> None:
    ben = Stand(BEN)
    ben.give(Offered(offers=(router(),)))
    ann = Stand()
    ann.hand(BEN, ann.entry(BEN, 1, {"t": "membership.leave/1"}))
    ann.block()
    ben.hear(ANN, ann.range())
    ben.give(Quiet())
    ben.at_ms = ADVERT_LIFE_MS
    ben.tick()
    wake_ms = ben.core.directory.wake_ms(now(ben.at_ms))
    assert wake_ms is None or wake_ms > now(ben.at_ms).monotonic_ms


# -- P-40, P-41: lists


def test_lists_are_compared_on_connecting_and_then_every_minute_with_one_in_turn() -> None:
    ann = Stand(ANN, "ann", "ben", "cat")
    assert said(ann.connect(BEN), Have, BEN) == [Have(adverts=[])]
    ann.connect(CAT)
    asked = []
    for _ in range(4):
        asked += [effect.peer for effect in of(ann.tick(EXCHANGE_MS), Send) if isinstance(effect.message, Have)]
    assert asked == [CAT.peer, BEN.peer, CAT.peer, BEN.peer]


def test_a_list_is_answered_with_what_is_newer_here_and_nothing_else() -> None:
    ann = Stand()
    ann.hear(BEN, Adverts(adverts=[advert(BEN, ann, counter=5)]))
    assert said(ann.hear(BEN, Have(adverts=[])), Adverts)
    assert said(ann.hear(BEN, Have(adverts=[[BEN.member, 4]])), Adverts)
    assert not said(ann.hear(BEN, Have(adverts=[[BEN.member, 5]])), Adverts)


@pytest.mark.parametrize("pair", [[5, 5], [b"x", b"y"], [b"x", True], ["a", 1], [b"x", []]])
def test_a_list_that_is_none_is_rejected(pair: list[Any]) -> None:
    assert is_rejected(Stand().hear(BEN, Have(adverts=[pair])))


def test_a_flood_of_lists_gets_a_few_answers_and_then_one_now_and_then() -> None:
    ann = Stand()
    ann.hear(BEN, Adverts(adverts=[advert(BEN, ann)]))
    answers = sum(bool(said(ann.hear(BEN, Have(adverts=[])), Adverts)) for _ in range(50))
    assert answers == ANSWERS_MAX
    ann.at_ms += ANSWER_AGAIN_MS
    answers = sum(bool(said(ann.hear(BEN, Have(adverts=[])), Adverts)) for _ in range(50))
    assert answers == 1


def test_a_directory_is_sent_in_messages_below_the_bound() -> None:
    stand = Stand()
    ann = stand.core.directory
    offers = [router(name=f"router-{n}") for n in range(30)]
    stand.give(Offered(offers=tuple(offers)))
    (big,) = list(ann.directory)
    parts = in_messages([big] * 200)
    assert sum(len(part.adverts) for part in parts) == 200
    for part in parts:
        assert len(part.adverts) <= ADVERTS_PER_MESSAGE
        assert sum(len(one["body"]) for one in part.adverts) <= MESSAGE_BYTES_MAX
    assert in_messages([]) == []


# -- P-42: adverts


def test_what_is_new_is_kept_then_handed_on_and_not_back() -> None:
    ann = Stand(ANN, "ann", "ben", "cat")
    ann.connect(BEN)
    ann.connect(CAT)
    effects = ann.hear(BEN, Adverts(adverts=[advert(BEN, ann)]))
    assert isinstance(effects[0], Keep)
    assert said(effects, Adverts, CAT) and not said(effects, Adverts, BEN)
    assert not of(ann.hear(CAT, Adverts(adverts=[advert(BEN, ann)])), Send)


def test_something_new_goes_to_a_bounded_number_of_machines() -> None:
    names = [f"p{n}" for n in range(FAN_OUT + 4)]
    ann = Stand(ANN, "ann", "ben", *names)
    for name in names:
        ann.connect(person(name))
    assert len(said(ann.hear(BEN, Adverts(adverts=[advert(BEN, ann)])), Adverts)) == FAN_OUT


def test_our_own_advert_is_taken_from_nobody() -> None:
    ann = Stand()
    ann.hear(BEN, Adverts(adverts=[advert(ANN, ann)]))
    assert held(ann) == {}


def test_after_a_bad_advert_the_rest_of_the_message_is_dropped() -> None:
    ann = Stand(ANN, "ann", "ben", "cat")
    good, bad = advert(BEN, ann), advert(CAT, ann, signer=BEN.working)
    effects = ann.hear(BEN, Adverts(adverts=[good, bad, advert(CAT, ann)]))
    assert is_rejected(effects)
    assert held(ann).keys() == {BEN.member}


def test_expired_adverts_are_forgotten_on_the_disk_too() -> None:
    ann = Stand()
    ann.hear(BEN, Adverts(adverts=[advert(BEN, ann)]))
    assert ("advert", BEN.member) in ann.disk.kept
    ann.tick(ADVERT_LIFE_MS + 1)
    assert ("advert", BEN.member) not in ann.disk.kept
    assert held(ann) == {}


def test_a_start_has_the_directory_that_was_kept() -> None:
    ann = Stand()
    ann.hear(BEN, Adverts(adverts=[advert(BEN, ann, counter=9)]))
    ann.restart()
    assert held(ann) == {BEN.member: 9}


# -- P-44: definitions


def only_bens(stand: Stand, *names: str) -> dict[str, Any]:
    """Ben offers functions that nobody else knows."""
    from protocol.capability.catalogue import Catalogue

    known = Catalogue([own_function(name) for name in names])
    offers = [read_offer(f'name = "{name}"\nfunction = "{name}"\n', "x.toml", known, {}) for name in names]
    return advert(BEN, stand, *offers)


def test_a_function_that_is_not_known_is_asked_for_and_then_listed() -> None:
    ann, made = Stand(), own_function("gilding").definition
    effects = ann.hear(BEN, Adverts(adverts=[only_bens(ann, "gilding")]))
    assert said(effects, AskDefinitions, BEN) == [AskDefinitions(hashes=[made.hash])]
    effects = ann.hear(BEN, Definitions(definitions=[made.to_bytes()]))
    assert [(one.kind, one.id) for one in of(effects, Keep)] == [("definition", made.hash)]
    assert len(ann.core.directory.directory.search("gilding", START_MS)) == 1
    ann.restart()
    assert len(ann.core.directory.directory.search("gilding", START_MS)) == 1


def test_many_unknown_functions_are_asked_for_one_message_after_the_other() -> None:
    ann = Stand()
    names = [f"craft-{n}" for n in range(20)]
    definitions = {(one := own_function(name).definition).hash: one for name in names}
    asks = said(ann.hear(BEN, Adverts(adverts=[only_bens(ann, *names)])), AskDefinitions)
    asked = 0
    while asks:
        (ask,) = asks
        asked += len(ask.hashes)
        assert len(ask.hashes) <= DEFINITIONS_PER_MESSAGE
        data = [definitions[one].to_bytes() for one in ask.hashes]
        asks = said(ann.hear(BEN, Definitions(definitions=data)), AskDefinitions)
    assert asked == len(names)
    assert ann.core.directory.directory.unknown_functions() == []


def test_a_definition_that_never_came_is_asked_for_again() -> None:
    ann = Stand()
    ann.hear(BEN, Adverts(adverts=[only_bens(ann, "gilding")]))
    assert said(ann.connect(ANN), AskDefinitions)
    ann.connect(BEN)
    assert said(ann.tick(2 * EXCHANGE_MS), AskDefinitions) or said(ann.tick(EXCHANGE_MS), AskDefinitions)


def test_definitions_nobody_asked_for_are_not_taken() -> None:
    ann, made = Stand(), own_function("gilding").definition
    assert ann.hear(BEN, Definitions(definitions=[made.to_bytes()])) == []
    assert ann.core.directory.catalogue.by_hash(made.hash) is None


def test_bytes_under_the_right_hash_that_are_no_definition_are_rejected() -> None:
    ann = Stand()
    data = b"\x80"
    ann.core.directory._asked[BEN.peer] = {digest("function", data)}
    assert is_rejected(ann.hear(BEN, Definitions(definitions=[data])))


def test_a_full_catalogue_does_not_ask_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocol.capability.catalogue.FOREIGN_DEFINITIONS_MAX", 0)
    ann, made = Stand(), own_function("gilding").definition
    ann.hear(BEN, Adverts(adverts=[only_bens(ann, "gilding")]))
    assert ann.hear(BEN, Definitions(definitions=[made.to_bytes()])) == []


def test_definitions_that_are_known_are_sent_to_who_asks() -> None:
    ann = Stand(functions=[own_function("gilding")])
    made = own_function("gilding").definition
    effects = ann.hear(BEN, AskDefinitions(hashes=[bytes(32), made.hash]))
    assert said(effects, Definitions, BEN) == [Definitions(definitions=[made.to_bytes()])]
    assert ann.hear(BEN, AskDefinitions(hashes=[bytes(32)])) == []


# -- P-22, P-45: what comes before its member's joining


def joined() -> tuple[Stand, Stand]:
    """Ann's ledger, in which Cat is a member by now; and Cat's, which is empty."""
    ann = Stand()
    network = ann.core.chain.network
    ann.submit(inviting(INVITE, member=ANN.member, network=network, until_ms=START_MS + DAY_MS))
    ann.block()
    ann.carry(joining(CAT, ann.founded, INVITE))
    ann.block()
    return ann, Stand(CAT)


def fetch(stand: Stand, source: Stand) -> list[Any]:
    return stand.hear(ANN, source.range()) + stand.give(Quiet())
