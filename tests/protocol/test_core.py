"""The whole peer: who is heard, what is said first, in which order things are done.

SPEC P-4, P-5, P-7, P-70, P-71, P-72.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ledger.canonical import digest
from ledger.keys import SigningKey
from protocol.effects import (
    Commit,
    Effect,
    Final,
    HeadMoved,
    Journal,
    Keep,
    KeepPending,
    Misbehaved,
    Negotiated,
    Recorded,
    Send,
)
from protocol.inputs import (
    Carry,
    Input,
    Negotiate,
    Offered,
    PeerConnected,
    PeerLost,
    Quiet,
    Reachable,
    Received,
    Stored,
    Submit,
    Tick,
)
from protocol.joining import inviting
from protocol.messages import (
    Adverts,
    AskDefinitions,
    AskRange,
    Blocks,
    Definitions,
    Entries,
    Have,
    Hello,
    NewHead,
    Records,
    Talk,
    write_message,
)
from protocol.negotiation import effects as talk
from protocol.negotiation.inputs import Withdraw
from tests.protocol.capability.workshop import router
from tests.protocol.stand import ANN, BEN, CAT, Stand, is_rejected, now, of, profile, record, said
from tests.simulation.town import DAY_MS, START_MS, joining

ID = b"i" * 32
INVITE = SigningKey(digest("test-invite"))


def invited() -> Stand:
    """Ann's ledger in which Ben, who founded too, has brought Cat in."""
    ann = Stand()
    network = ann.core.chain.network
    operation = inviting(INVITE, member=BEN.member, network=network, until_ms=START_MS + DAY_MS)
    ann.hand(BEN, ann.entry(BEN, 1, operation))
    ann.block()
    ann.carry(joining(CAT, ann.founded, INVITE))
    ann.block()
    return ann


EVERY_MESSAGE: tuple[Any, ...] = (
    NewHead(height=1, block=ID),
    AskRange(start=1, bytes=1),
    Blocks(start=1, blocks=[], certificate=b"", height=0),
    Have(adverts=[]),
    AskDefinitions(hashes=[ID]),
    Definitions(definitions=[b"x"]),
    Talk(kind="refuse", body={"call": ID, "reason": "busy", "text": "later"}),
)


# -- P-4: who is heard


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda one: one.TYPE)
def test_a_machine_of_no_member_is_cut_off_unheard(message: Any) -> None:
    ann = Stand()
    before = ann.state()
    assert is_rejected(ann.hear(CAT, message))
    assert ann.state() == before


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda one: one.TYPE)
def test_a_members_machine_is_heard(message: Any) -> None:
    assert not is_rejected(Stand().hear(BEN, message))


def test_an_introducer_is_heard_on_the_ledger_and_on_what_others_signed() -> None:
    ann, cat = invited(), Stand(CAT, "ann")
    cat = Stand(CAT)
    cat.core.introducers.add(b"introducer")
    stranger = b"introducer"

    def hear(message: Any) -> list[Effect]:
        return cat.give(Received(peer=stranger, frame=write_message(message)))

    assert said(hear(Hello(network=cat.founded.charter.network, height=2, block=ID)), AskRange)
    assert hear(Records(records=[record(BEN, cat.founded).to_value()]))
    for deaf in (Entries(entries=[[b"x", b"y"]]), Talk(kind="refuse", body={}), Have(adverts=[])):
        assert hear(deaf) == []
    assert is_rejected(cat.give(Received(peer=stranger, frame=b"\xff")))
    hear(ann.range())
    cat.give(Quiet())
    assert cat.height == ann.height


def test_an_introducer_cannot_bring_another_ledger() -> None:
    cat = Stand(CAT)
    cat.core.introducers.add(b"introducer")
    other = Stand(ANN, "ann")
    other.submit(profile())
    other.block()
    cat.give(Received(peer=b"introducer", frame=write_message(other.range())))
    effects = cat.give(Quiet())
    assert is_rejected(effects)
    assert cat.height == 0


def test_a_machine_whose_member_left_is_heard_no_more() -> None:
    ann = Stand()
    ann.hand(BEN, ann.entry(BEN, 1, {"t": "membership.leave/1"}))
    ann.block()
    assert is_rejected(ann.hear(BEN, NewHead(height=1, block=ID)))


# -- P-5: hello


def test_hello_comes_first_on_a_connection() -> None:
    ann = Stand()
    effects = ann.connect(BEN)
    assert isinstance(effects[0], Send) and isinstance(effects[0].message, Hello)
    assert effects[0].message.height == 0


def test_a_hello_of_another_network_ends_the_connection() -> None:
    assert is_rejected(Stand().hear(BEN, Hello(network=ID, height=1, block=ID)))


def test_a_hello_brings_height_and_address() -> None:
    ann = Stand()
    statement = record(BEN, ann.founded).to_value()
    hello = Hello(network=ann.founded.charter.network, height=3, block=ID, record=statement)
    effects = ann.hear(BEN, hello)
    assert said(effects, AskRange, BEN)
    assert of(effects, Keep)
    assert ann.core.directory.records.get(BEN.peer) is not None


def test_a_hello_from_behind_is_answered_with_our_height() -> None:
    ann = Stand()
    ann.submit(profile())
    ann.block()
    effects = ann.hear(BEN, Hello(network=ann.founded.charter.network, height=0, block=ID))
    assert [one.height for one in said(effects, NewHead, BEN)] == [1]


# -- P-7: talk


@pytest.mark.parametrize(
    "body", [{}, 5, [], "text", b"bytes", {"statement": 7}, {"call": ID, "reason": "x", "text": ""}]
)
@pytest.mark.parametrize("kind", ["call", "refuse", "dance"])
def test_talk_that_is_not_understood_is_logged_and_the_connection_stays(kind: str, body: Any) -> None:
    ann = Stand()
    effects = ann.hear(BEN, Talk(kind=kind, body=body))
    assert [one.fatal for one in of(effects, Misbehaved)] == [False]


# -- the conversation learns whose machine is there


def test_a_machine_that_was_there_before_the_ledger_knew_it_is_met_when_it_does() -> None:
    ann, ben = invited(), Stand(BEN)
    ben.connect(CAT)
    assert CAT.member not in ben.core.conversation._machines
    ben.hear(ANN, ann.range())
    ben.give(Quiet())
    assert list(ben.core.conversation._machines[CAT.member]) == [CAT.peer]
    ben.give(PeerLost(peer=CAT.peer))
    assert not ben.core.conversation._machines[CAT.member]


def test_a_machine_that_went_before_the_ledger_knew_it_is_not_met() -> None:
    ann, ben = invited(), Stand(BEN)
    ben.connect(CAT)
    ben.give(PeerLost(peer=CAT.peer))
    ben.hear(ANN, ann.range())
    ben.give(Quiet())
    assert not ben.core.conversation._machines.get(CAT.member)


# -- P-70, P-71, P-72


def test_an_order_nobody_can_carry_out_is_answered_under_its_token() -> None:
    effects = Stand().give(Negotiate(input=Withdraw(call=ID), token=41))
    (told,) = of(effects, Negotiated)
    assert told.token == 41
    assert isinstance(told.effect, talk.Refused)


INPUTS: tuple[Input, ...] = (
    PeerConnected(peer=BEN.peer),
    Offered(offers=(router(),)),
    Reachable(addresses=("/ip4/10.0.0.1/tcp/1",)),
    Submit(operations=(profile(),), token=1, until_ms=START_MS + DAY_MS),
    Quiet(),
    Stored(),
    Received(peer=BEN.peer, frame=write_message(Have(adverts=[]))),
    Received(peer=BEN.peer, frame=b"garbage"),
    Tick(),
    Carry(entries=(), token=2),
    PeerLost(peer=BEN.peer),
)


def test_the_same_inputs_give_the_same_effects() -> None:
    def life() -> list[Effect]:
        ann = Stand()
        return [effect for event in INPUTS for effect in ann.core.handle(event, now())]

    assert life() == life()


def test_a_core_gives_no_effect_away_that_it_changes_later() -> None:
    ann = Stand()
    given = [effect for event in INPUTS[:4] for effect in ann.core.handle(event, now())]
    before = copy.deepcopy([one for one in given if isinstance(one, Send)])
    for event in INPUTS[4:]:
        ann.core.handle(event, now())
    assert [one for one in given if isinstance(one, Send)] == before


def test_what_must_last_stands_before_what_depends_on_it() -> None:
    ann = Stand()
    ann.connect(BEN)
    effects = ann.submit(profile()) + ann.give(Quiet())
    order = [type(one) for one in effects]
    for first, then in ((KeepPending, Recorded), (Journal, Commit), (Commit, HeadMoved), (HeadMoved, Final)):
        assert order.index(first) < order.index(then)


def test_a_node_wakes_for_the_first_thing_that_waits() -> None:
    ann = Stand()
    assert ann.core.wake_ms(now()) is None
    ann.connect(BEN)
    wake_ms = ann.core.wake_ms(now())
    assert wake_ms == now().monotonic_ms
    ann.tick()
    assert ann.core.wake_ms(now()) > now().monotonic_ms


def test_a_quiet_node_with_a_peer_is_woken_a_few_times_a_minute_at_most() -> None:
    """An idle daemon costs nothing: between two ticks lie seconds, not steps."""
    ann = Stand()
    ann.connect(BEN)
    ann.give(Offered(offers=(router(),)))
    ann.submit(profile())
    ann.block()
    woken = 0
    while ann.at_ms < 10 * 60_000:
        wake_ms = ann.core.wake_ms(now(ann.at_ms))
        ann.at_ms = max(ann.at_ms + 1, wake_ms - now().monotonic_ms)
        ann.tick()
        ann.give(Quiet())
        woken += 1
    assert woken <= 30


def test_an_advert_and_an_entry_of_a_bad_frame_never_raise() -> None:
    ann = Stand()
    before = ann.state()
    bad_advert = Adverts(adverts=[{"body": b"x", "key": ID, "sig": bytes(64)}])
    for frame in (b"", b"\x00", b"\xff" * 100, write_message(bad_advert)):
        assert is_rejected(ann.give(Received(peer=BEN.peer, frame=frame)))
    assert ann.state() == before
