"""Bytes a hostile machine sends to the core: never an exception, nothing changes, who is no member learns nothing.

SPEC P-1, P-3, P-4, P-7, P-8, P-74.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.canonical import encode
from ledger.errors import RemoteError
from ledger.statement import sign_statement
from protocol.effects import Effect, Misbehaved, Negotiated, Send
from protocol.inputs import Received
from protocol.limits import FRAME_BYTES_MAX
from protocol.messages import MESSAGES, Have, Hello, NewHead, Records, Talk, write_message
from tests.protocol.stand import ANN, BEN, CAT, Stand, is_rejected, of, record, said
from tests.protocol.test_messages import EXAMPLES, HOSTILE

STAND = Stand()


def hear(frame: bytes, peer: bytes = BEN.peer) -> list[Effect]:
    return STAND.give(Received(peer=peer, frame=frame))


@pytest.mark.parametrize("frame", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_frame_ends_the_connection_and_changes_nothing(frame: bytes) -> None:
    before = STAND.state()
    assert is_rejected(hear(frame))
    assert STAND.state() == before


def test_an_oversize_frame_ends_the_connection() -> None:
    assert is_rejected(hear(bytes(FRAME_BYTES_MAX + 1)))


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_garbage_never_raises_and_never_changes_anything(frame: bytes) -> None:
    before = STAND.state()
    hear(frame)
    assert STAND.state() == before


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(alphabet="aé z\x1b\u202e", max_size=6)
    | st.binary(max_size=40)
    | st.sampled_from([b"i" * 32, b"s" * 64, BEN.member, BEN.working.public]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(("a", "body", "key", "sig")), inner),
    max_leaves=8,
)


@settings(max_examples=400)
@given(st.sampled_from(sorted(MESSAGES)), st.data())
def test_a_message_of_the_right_type_with_any_content_never_raises(name: str, data: st.DataObject) -> None:
    form = MESSAGES[name].FORM
    content = {field: data.draw(VALUES) for field in (*form.required, *form.optional)}
    try:
        frame = encode({"t": name, **content})
    except RemoteError:
        return
    before = STAND.state()
    hear(frame)
    assert STAND.state()[:2] == before[:2]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda one: one.TYPE)
def test_a_stranger_is_told_nothing_whatever_it_says(message: Any) -> None:
    effects = hear(write_message(message), CAT.peer)
    assert is_rejected(effects)
    assert not of(effects, Send)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda one: one.TYPE)
def test_a_member_may_send_every_message_with_nonsense_in_it(message: Any) -> None:
    before = STAND.state()
    hear(write_message(message))
    assert STAND.state() == before


def test_no_sentence_about_a_peer_carries_the_peers_own_text() -> None:
    frames = (
        b"\x81\xa1t\xa4\x1b[2J",
        b"\x82\xa4\x1b[2J\x01\xa1t\xa4head",
        write_message(Talk(kind="dance", body={"\x1b[2J": 1})),
        b"\xff\x1b[31m",
    )
    for frame in frames:
        (fault,) = of(hear(frame), Misbehaved)
        assert fault.sentence.isprintable()
        assert "[2J" not in fault.sentence


ESCAPES = ("\x1b[2J", "\u202egnp.exe", "a\x00b", "line\nbreak", "\u2066x\u2069", "\x9b31m")


@pytest.mark.parametrize("text", ESCAPES)
def test_talk_with_a_terminals_escapes_never_reaches_the_owner(text: str) -> None:
    ann = Stand()
    for body in (
        {"call": b"c" * 32, "reason": "busy", "text": text},
        {"about": b"c" * 32, "reason": "malformed", "text": text},
        {"call": b"c" * 32, "proposal": b"p" * 32, "text": text},
    ):
        for kind in ("refuse", "not-understood", "reject"):
            effects = ann.hear(BEN, Talk(kind=kind, body=body))
            assert not of(effects, Negotiated)
            assert [one.fatal for one in of(effects, Misbehaved)] == [False]


@pytest.mark.parametrize("text", ESCAPES)
def test_an_entry_or_a_record_with_a_terminals_escapes_is_rejected(text: str) -> None:
    ann = Stand()
    before = ann.state()
    assert is_rejected(ann.hand(BEN, ann.entry(BEN, 1, {"name": text, "t": "membership.profile/1"})))
    statement = record(BEN, ann.founded, addresses=[text])
    assert is_rejected(ann.hear(BEN, Records(records=[statement.to_value()])))
    assert ann.state() == before


def test_a_call_signed_for_another_purpose_is_not_heard_as_one() -> None:
    ann = Stand()
    other = sign_statement("advert", {"network": ann.founded.charter.network}, BEN.working)
    effects = ann.hear(BEN, Talk(kind="call", body={"statement": other.to_value()}))
    assert all(message.kind == "not-understood" for message in said(effects, Talk))
    assert not ann.core.conversation.negotiation.deals()


def test_a_machine_cannot_speak_for_another_member() -> None:
    """Whose talk it is, is said by whose machine the ledger says it is, never by the message."""
    ann = Stand(ANN, "ann", "ben", "cat")
    ann.connect(BEN)
    content = {"customer": CAT.member, "network": ann.founded.charter.network}
    call = sign_statement("call", content, CAT.working)
    ann.hear(BEN, Talk(kind="call", body={"statement": call.to_value()}))
    assert not ann.core.conversation.negotiation.deals()


# -- the introducer


def brought_in() -> tuple[Stand, bytes]:
    cat = Stand(CAT)
    cat.core.introducers.add(b"introducer")
    return cat, b"introducer"


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda one: one.TYPE)
def test_an_introducer_changes_nothing_by_words(message: Any) -> None:
    cat, introducer = brought_in()
    before = cat.state()
    effects = cat.give(Received(peer=introducer, frame=write_message(message)))
    assert cat.state() == before
    assert not of(effects, Negotiated)


def test_an_introducer_is_handed_none_of_our_talk_or_entries() -> None:
    cat, introducer = brought_in()
    effects = cat.give(Received(peer=introducer, frame=write_message(Have(adverts=[]))))
    assert effects == []


def test_who_introduced_us_is_a_stranger_to_the_others() -> None:
    _, introducer = brought_in()
    assert is_rejected(STAND.give(Received(peer=introducer, frame=write_message(NewHead(height=1, block=b"i" * 32)))))


def test_a_machine_of_two_networks_is_told_apart_by_its_first_word() -> None:
    other = Stand(BEN, "ben")
    hello = Hello(network=other.founded.charter.network, height=0, block=other.founded.charter.network)
    assert is_rejected(STAND.hear(BEN, hello))
