"""The invitation, the proof, and each thing a guest is told instead of an answer.

SPEC P-50, P-51, P-52, P-53, P-54, P-55.
"""

from __future__ import annotations

import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.canonical import decode, digest, encode
from ledger.charter import BadCharter
from ledger.entry import entry_to_value
from ledger.errors import RemoteError
from ledger.keys import SigningKey
from ledger.operations.members import INVITATION_ENTRIES_MAX, is_member
from protocol.effects import NotRecorded
from protocol.joining import (
    PREFIX,
    BadInvitation,
    Declined,
    GuestRequest,
    Invitation,
    Outcome,
    ask,
    charter_reply,
    inviting,
    join_request,
    joining_entry,
    outcome_reply,
    read_charter_reply,
    read_invitation,
    read_next_number,
    read_outcome,
    read_request,
    write_invitation,
)
from protocol.pasted import write_pasted
from tests.protocol.stand import ANN, BEN, CAT, Stand, of
from tests.simulation.town import DAY_MS, START_MS, network

SEED = digest("test-invitation")
INVITE = SigningKey(SEED)


def stand() -> Stand:
    """Ann has invited somebody."""
    made = Stand()
    network = made.core.chain.network
    made.submit(inviting(INVITE, member=ANN.member, network=network, until_ms=START_MS + DAY_MS))
    made.block()
    return made


STAND = stand()
CHAIN = STAND.core.chain
INVITATION = Invitation(
    network=CHAIN.network,
    peer=ANN.peer,
    addresses=("/ip4/192.168.1.5/tcp/4001", "/dns4/town.example/tcp/4001"),
    seed=SEED,
    until_ms=START_MS + DAY_MS,
    height=CHAIN.head.height,
    block=CHAIN.head.block,
    certificate=STAND.disk.blocks[-1].certificate or b"",
)
TEXT = write_invitation(INVITATION)


# -- P-50, P-51: one string


def test_an_invitation_is_read_back_as_it_was_written() -> None:
    assert read_invitation(TEXT, START_MS) == INVITATION


def test_line_breaks_blanks_and_capitals_of_a_mail_do_not_matter() -> None:
    lines = "\n  ".join(TEXT[i : i + 60] for i in range(0, len(TEXT), 60))
    assert read_invitation(f" {lines.upper()}\n", START_MS) == INVITATION


def test_an_invitation_with_any_letter_damaged_is_refused() -> None:
    other = {letter: "a" if letter != "a" else "b" for letter in string.ascii_lowercase + string.digits + "-"}
    for at, letter in enumerate(TEXT):
        with pytest.raises(BadInvitation):
            read_invitation(TEXT[:at] + other[letter] + TEXT[at + 1 :], START_MS)


@settings(max_examples=200)
@given(st.data())
def test_no_other_spelling_of_an_invitation_is_taken(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(TEXT) - 1))
    letter = data.draw(st.sampled_from([*string.ascii_lowercase, *string.digits, "=", "-", "ß", "ı", "\x00"]))
    if letter == TEXT[at]:
        return
    with pytest.raises(BadInvitation):
        read_invitation(TEXT[:at] + letter + TEXT[at + 1 :], START_MS)


@pytest.mark.parametrize(
    "text", ["", "hello", PREFIX, PREFIX + "aaaa", PREFIX + "a" * 20_000, TEXT[:-1], TEXT + "a", TEXT[9:]]
)
def test_what_is_no_invitation_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadInvitation) as problem:
        read_invitation(text, START_MS)
    assert problem.value.reason


def test_an_invitation_whose_letter_has_idle_bits_set_is_damaged() -> None:
    """Base32 of some lengths ends in a letter of which a few bits mean nothing."""
    text, addresses = TEXT, INVITATION.addresses
    while len(text[len(PREFIX) :]) % 8 == 0:
        addresses = (*addresses[:-1], addresses[-1] + "x")
        text = write_invitation(replace(INVITATION, addresses=addresses))
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    sibling = alphabet[alphabet.index(text[-1]) ^ 1]
    with pytest.raises(BadInvitation):
        read_invitation(text[:-1] + sibling, START_MS)


def test_an_expired_invitation_is_refused_and_says_so() -> None:
    with pytest.raises(BadInvitation, match="expired"):
        read_invitation(TEXT, START_MS + DAY_MS + 1)


@pytest.mark.parametrize("body", [b"", b"\x80", encode({"network": bytes(32)}), b"\xc0", encode([1])])
def test_a_well_checked_text_of_another_form_is_refused(body: bytes) -> None:
    text = write_pasted(PREFIX, "invitation", body)
    with pytest.raises(BadInvitation):
        read_invitation(text, START_MS)


# -- P-52 to P-54: what the host answers


def request(kind: str = "charter", guest: bytes = CAT.peer, invitation: Invitation = INVITATION, **more: Any) -> bytes:
    return ask(kind, invitation, guest, **more)


def entry(**changes: Any) -> Any:
    given: dict[str, Any] = {
        "root": CAT.root,
        "next_root_hash": CAT.next_hash,
        "member": CAT.member,
        "name": "cat",
        "working": CAT.working,
        "sealing": bytes(32),
        "network_key": CAT.machine,
        "until_ms": INVITATION.until_ms,
        **changes,
    }
    return joining_entry(INVITATION, **given)


def read(data: bytes, chain: Any = CHAIN) -> GuestRequest:
    return read_request(chain, data, CAT.peer, ANN.peer)


def test_each_request_is_understood() -> None:
    assert read(request()) == GuestRequest(kind="charter", invite=INVITE.public)
    assert read(join_request(INVITATION, CAT.peer, entry())).entry == entry()
    assert read(request("outcome", entry=b"e" * 32)).entry_id == b"e" * 32


def changed(**changes: Any) -> bytes:
    value = {**decode(request()), **changes}
    return encode({name: one for name, one in value.items() if one is not None})


OTHER = replace(INVITATION, seed=digest("another seed"))
DECLINES = {
    "garbage": (b"\xc1", "malformed"),
    "no map": (encode(5), "no such request"),
    "no type": (changed(t=None), "no such request"),
    "an unknown type": (changed(t="everything"), "no such request"),
    "a type that is none": (changed(t=7), "no such request"),
    "a field too many": (changed(more=1), "malformed"),
    "a short proof": (changed(proof=bytes(63)), "malformed"),
    "an entry that is none": (request("join", entry=[b"x", bytes(64)]), "malformed"),
    "oversize": (request("join", entry=[bytes(70_000), bytes(64)]), "malformed"),
    "another network": (changed(network=bytes(32)), "another network"),
    "an unknown invitation": (request(invitation=OTHER), "no such invitation"),
    "a member's key for an invitation": (changed(invite=BEN.working.public), "no such invitation"),
    "a wrong proof": (changed(proof=bytes(64)), "proof is wrong"),
    "a proof for another guest": (request(guest=BEN.peer), "proof is wrong"),
    "a proof shown to another host": (request(invitation=replace(INVITATION, peer=BEN.peer)), "proof is wrong"),
    "an entry under another key": (
        request("join", entry=entry_to_value(STAND.entry(BEN, 1))),
        "no joining entry under this invitation",
    ),
}


@pytest.mark.parametrize(("data", "said"), DECLINES.values(), ids=DECLINES.keys())
def test_a_guest_is_declined_with_a_sentence_and_no_data(data: bytes, said: str) -> None:
    with pytest.raises(Declined, match=said):
        read(data)


def test_a_used_invitation_opens_nothing_but_the_outcome() -> None:
    used = stand()
    assert used.carry(entry())
    used.block()
    for data in (request(), join_request(INVITATION, CAT.peer, entry())):
        with pytest.raises(Declined, match="has been used"):
            read(data, used.core.chain)
    assert read(request("outcome", entry=entry().id), used.core.chain).kind == "outcome"


def refused_first(times: int) -> Stand:
    """Ann's ledger in which so many joinings under the invitation stand as refused."""
    made = stand()
    for n in range(1, times + 1):
        # The working key is Ben's already.
        made.hand(BEN, entry(sequence=n, working=BEN.working))
        made.block()
    return made


def test_after_a_joining_was_refused_the_guest_is_told_the_next_number() -> None:
    """P-53, P-55."""
    assert read_next_number(charter_reply(CHAIN, STAND.founded.signatures, INVITE.public)) == 1
    made = refused_first(2)
    reply = charter_reply(made.core.chain, made.founded.signatures, INVITE.public)
    assert read_next_number(reply) == 3
    again = entry(sequence=3)
    assert read(join_request(INVITATION, CAT.peer, again), made.core.chain).entry == again
    made.carry(again)
    made.block()
    assert is_member(made.core.chain.state, CAT.member)


def test_an_invitation_that_was_tried_too_often_is_declined() -> None:
    """P-54."""
    made = refused_first(INVITATION_ENTRIES_MAX)
    with pytest.raises(Declined, match="tried too often"):
        read(request(), made.core.chain)
    assert read(request("outcome", entry=entry().id), made.core.chain).kind == "outcome"


def test_an_invitation_that_was_taken_back_is_declined() -> None:
    """P-54."""
    made = stand()
    made.submit({"key": INVITE.public, "t": "membership.uninvite/1"})
    made.block()
    with pytest.raises(Declined, match="taken back"):
        read(request(), made.core.chain)


# -- P-55: what the guest checks


def charter() -> bytes:
    return charter_reply(CHAIN, STAND.founded.signatures, INVITE.public)


def test_the_charter_that_the_invitation_names_is_taken() -> None:
    found, signatures = read_charter_reply(charter(), INVITATION)
    assert found.network == INVITATION.network
    assert signatures == STAND.founded.signatures


def test_another_networks_charter_is_refused() -> None:
    other = Stand(ANN, "ann")
    with pytest.raises(BadInvitation, match="another network"):
        read_charter_reply(charter_reply(other.core.chain, other.founded.signatures, INVITE.public), INVITATION)


def test_a_charter_that_a_founder_did_not_sign_is_refused() -> None:
    forged = {**STAND.founded.signatures, BEN.member: STAND.founded.signatures[ANN.member]}
    with pytest.raises(BadCharter, match="ben has not signed"):
        read_charter_reply(charter_reply(CHAIN, forged, INVITE.public), INVITATION)


@pytest.mark.parametrize("data", [b"", b"\x80", encode({"charter": b"x"}), outcome_reply("final")])
def test_an_answer_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteError):
        read_charter_reply(data, INVITATION)


def test_outcomes_are_read_back_and_garbage_is_not() -> None:
    assert read_outcome(outcome_reply("final", "member.already", 7)) == Outcome(
        state="final", outcome="member.already", height=7
    )
    assert read_outcome(outcome_reply("pending")).state == "pending"
    for data in (b"", encode({"state": 1}), charter()):
        with pytest.raises(RemoteError):
            read_outcome(data)


def test_the_joining_entry_makes_the_guest_a_member() -> None:
    made = stand()
    effects = made.carry(entry())
    assert not of(effects, NotRecorded)
    made.block()
    assert made.core.chain.state.get(b"member/" + CAT.member)["sponsor"] == ANN.member
    assert made.core.chain.state.get(b"peer/" + CAT.peer) == CAT.member


def test_a_proof_names_its_network() -> None:
    other = network("ann")
    data = ask("charter", replace(INVITATION, network=other.charter.network), CAT.peer)
    with pytest.raises(Declined, match="another network"):
        read(data)
