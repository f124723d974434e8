"""Coming back: the texts that are copied, the proof of a root, and each thing a guest is told instead of an answer.

SPEC P-57, P-58, P-59, P-59a; M-9, M-10, M-11.
"""

from __future__ import annotations

import string
from dataclasses import replace
from typing import Any

import pytest

from ledger.canonical import decode, digest, encode
from ledger.charter import BadCharter, founding_id
from ledger.entry import Entry, entry_to_value, sign_entry
from ledger.errors import RemoteError
from ledger.keys import SigningKey, next_root_hash
from ledger.operations.members import member_of_peer, member_record, working_key_of
from ledger.operations.membership import KEYS_MAX
from ledger.statement import sign_statement
from protocol.effects import NotRecorded, Recorded
from protocol.joining import Declined, Invitation, ask, inviting, joining_entry, write_invitation
from protocol.pasted import BadText, write_pasted
from protocol.returning import (
    CARD_BEGINS,
    TICKET_BEGINS,
    Card,
    ReturnRequest,
    Ticket,
    Welcome,
    ask_restore,
    ask_return,
    binding,
    certifying,
    is_replaced,
    is_return,
    make_card,
    read_card,
    read_return,
    read_ticket,
    read_welcome,
    restoring_entries,
    rotating,
    stands_already,
    welcome_reply,
    write_card,
    write_ticket,
)
from tests.protocol.stand import ANN, BEN, CAT, Stand, of
from tests.simulation.town import DAY_MS, START_MS, Person

UNTIL_MS = START_MS + DAY_MS
NEW = replace(
    BEN,
    working=SigningKey(digest("ben's new working key")),
    machine=SigningKey(digest("ben's new machine")),
)
"""Ben on a new machine: the roots are the same, the everyday keys are not."""
AFTER = next_root_hash(SigningKey(digest("ben's root after the next")).public)


def card_of(person: Person, network: bytes) -> Card:
    return make_card(
        network=network,
        member=person.member,
        working=person.working,
        network_key=person.machine,
        sealing=digest("sealing", person.name.encode()),
    )


def ticket_of(made: Stand) -> Ticket:
    head = made.core.chain.head
    return Ticket(
        network=made.core.chain.network,
        peer=ANN.peer,
        addresses=("/ip4/192.168.1.5/tcp/4001",),
        height=head.height,
        block=head.block,
    )


def welcomed(made: Stand, root: SigningKey = BEN.root) -> Welcome:
    """What Ann's machine tells Ben's new one now."""
    chain = made.core.chain
    reply = welcome_reply(chain, founding(made), read_return(chain, request(root=root), NEW.peer, ANN.peer))
    return read_welcome(reply, TICKET)


def founding(made: Stand) -> dict[bytes, bytes]:
    return {one.member: one.root.sign(founding_id(made.core.chain.network)) for one in (ANN, BEN)}


def way_back(made: Stand, root: SigningKey = BEN.root, *, is_alone: bool = False) -> list[Entry]:
    card = card_of(NEW, made.core.chain.network)
    return restoring_entries(card, root, NEW.working, welcomed(made, root), until_ms=UNTIL_MS, is_alone=is_alone)


STAND = Stand()
CHAIN = STAND.core.chain
TICKET = ticket_of(STAND)
CARD = card_of(NEW, CHAIN.network)
TEXTS = {"ticket": (write_ticket(TICKET), read_ticket), "card": (write_card(CARD), read_card)}


# -- P-57: texts that are copied


def test_a_ticket_and_a_card_are_read_back_as_they_were_written() -> None:
    assert read_ticket(write_ticket(TICKET)) == TICKET
    assert read_card(write_card(CARD)) == CARD
    lines = "\n  ".join(write_card(CARD)[at : at + 60] for at in range(0, len(write_card(CARD)), 60))
    assert read_card(f" {lines.upper()}\n") == CARD, "as a mail breaks it"


@pytest.mark.parametrize(("text", "read"), TEXTS.values(), ids=TEXTS.keys())
def test_a_text_with_any_letter_damaged_is_refused(text: str, read: Any) -> None:
    other = {letter: "a" if letter != "a" else "b" for letter in string.ascii_lowercase + string.digits + "-"}
    for at, letter in enumerate(text):
        with pytest.raises(BadText):
            read(text[:at] + other[letter] + text[at + 1 :])
    for wrong in ("", "hello", text[:-1], text + "a", text[9:], text + "7" * 20_000):
        with pytest.raises(BadText) as problem:
            read(wrong)
        assert problem.value.reason


@pytest.mark.parametrize("body", [b"", b"\x80", encode({"network": bytes(32)}), b"\xc0", encode([1])])
def test_a_well_checked_text_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadText, match="this is no ticket"):
        read_ticket(write_pasted(TICKET_BEGINS, "ticket", body))
    with pytest.raises(BadText, match="this is no machine card"):
        read_card(write_pasted(CARD_BEGINS, "machine-card", body))


def test_an_invitation_serves_as_a_ticket_even_after_it_has_expired() -> None:
    invitation = Invitation(
        network=TICKET.network,
        peer=TICKET.peer,
        addresses=TICKET.addresses,
        seed=bytes(32),
        until_ms=1,
        height=TICKET.height,
        block=TICKET.block,
        certificate=b"",
    )
    assert read_ticket(write_invitation(invitation)) == TICKET


NOT_ONE_MACHINE = {
    "two members": replace(CARD, machine=card_of(CAT, CHAIN.network).machine),
    "two networks": replace(CARD, key=card_of(NEW, bytes(32)).key),
    "a network of neither": replace(CARD, network=bytes(32)),
    "a working key that is another's": replace(CARD, key=replace(CARD.key, key=CAT.working.public)),
    "a key's word that is not signed": replace(CARD, key=replace(CARD.key, signature=CARD.machine.signature)),
    "a machine's word that is not signed": replace(CARD, machine=replace(CARD.machine, signature=CARD.key.signature)),
    "words of another form": replace(CARD, key=CARD.machine),
}


@pytest.mark.parametrize("card", NOT_ONE_MACHINE.values(), ids=NOT_ONE_MACHINE.keys())
def test_a_card_whose_keys_do_not_speak_for_one_member_here_is_refused(card: Card) -> None:
    with pytest.raises(BadText, match="this is no machine card"):
        read_card(write_card(card))


# -- P-58, P-59: what the other machine answers


def request(kind: str = "return", root: SigningKey = BEN.root, guest: bytes = NEW.peer, **more: Any) -> bytes:
    return ask_return(kind, TICKET, root, guest, **more)


def read(data: bytes, chain: Any = CHAIN, guest: bytes = NEW.peer) -> ReturnRequest:
    return read_return(chain, data, guest, ANN.peer)


def test_each_request_is_understood_and_told_from_those_of_guests_with_an_invitation() -> None:
    certify, _ = way_back(STAND)
    assert read(request()) == ReturnRequest(kind="return", member=BEN.member, root=BEN.root.public, has_ended=False)
    assert read(ask_restore(TICKET, BEN.root, NEW.peer, certify)).entry == certify
    assert read(request("restored", entry=b"e" * 32)).entry_id == b"e" * 32
    invitation = Invitation(
        network=TICKET.network, peer=ANN.peer, addresses=("x",), seed=bytes(32), until_ms=UNTIL_MS, height=0,
        block=bytes(32), certificate=b"",
    )  # fmt: skip
    assert is_return(request()) and not is_return(ask("charter", invitation, NEW.peer))
    assert not any(map(is_return, (b"", b"\xc1", encode([]), encode({"t": 1}), encode({"t": {"t": "return"}}))))


def changed(**changes: Any) -> bytes:
    value = {**decode(request()), **changes}
    return encode({name: one for name, one in value.items() if one is not None})


def restore(entry: Entry) -> bytes:
    return ask_restore(TICKET, BEN.root, NEW.peer, entry)


def by_root(operation: dict[str, Any], root: SigningKey = BEN.root) -> Entry:
    return sign_entry(root, CHAIN.network, 1, UNTIL_MS, operation)


def by_key(operation: dict[str, Any], key: SigningKey = BEN.working) -> Entry:
    return sign_entry(key, CHAIN.network, 1, UNTIL_MS, operation)


DECLINES = {
    "garbage": (b"\xc1", "malformed"),
    "no map": (encode(5), "no such request"),
    "a type that is none": (changed(t=7), "no such request"),
    "an unknown type": (changed(t="everything"), "no such request"),
    "a field too many": (changed(more=1), "malformed"),
    "a short proof": (changed(proof=bytes(63)), "malformed"),
    "an entry that is none": (request("restore", entry=[b"x", bytes(64)]), "malformed"),
    "oversize": (request("restore", entry=[bytes(70_000), bytes(64)]), "malformed"),
    "another network": (changed(network=bytes(32)), "another network"),
    "a root nobody has": (request(root=CAT.root), "no member here has this root key"),
    "the next root before its turn": (request(root=BEN.next_root), "no member here has this root key"),
    "a working key for a root": (request(root=BEN.working), "no member here has this root key"),
    "a wrong proof": (changed(proof=bytes(64)), "proof is wrong"),
    "a root that the asker does not hold": (changed(root=ANN.root.public), "proof is wrong"),
    "a proof for another guest": (request(guest=CAT.peer), "proof is wrong"),
    "a proof shown to another host": (
        ask_return("return", replace(TICKET, peer=CAT.peer), BEN.root, NEW.peer),
        "proof is wrong",
    ),
    "a profile": (restore(by_key({"name": "eve", "t": "membership.profile/1"})), "no way back"),
    "a revocation by a working key": (
        restore(by_key({"key": BEN.working.public, "t": "membership.revoke/1"})),
        "no way back",
    ),
    "a rotation": (restore(by_root(rotating(BEN.member, CHAIN.network, BEN.next_root, AFTER))), "no way back"),
    "another member's unbinding": (
        restore(by_key({"peer": BEN.peer, "t": "membership.unbind/1"}, ANN.working)),
        "no way back",
    ),
    "the unbinding of the machine that asks": (
        restore(by_key({"peer": NEW.peer, "t": "membership.unbind/1"})),
        "no way back",
    ),
    "another root's word": (restore(by_root(certifying(CARD), ANN.root)), "no way back"),
    "a form that is none": (restore(by_root({"t": "membership.certify/1"})), "no way back"),
    "a machine under a key that is not named yet": (restore(by_key(binding(CARD), NEW.working)), "no way back"),
    "a machine under another member's key": (restore(by_key(binding(CARD), ANN.working)), "no way back"),
    "a machine that does not ask": (restore(by_key(binding(card_of(CAT, CHAIN.network)))), "no way back"),
}


@pytest.mark.parametrize(("data", "said"), DECLINES.values(), ids=DECLINES.keys())
def test_a_guest_is_declined_with_a_sentence_and_no_data(data: bytes, said: str) -> None:
    with pytest.raises(Declined) as declined:
        read(data)
    assert said in declined.value.reason
    assert CHAIN.charter.name not in declined.value.reason


def test_any_bit_of_the_proof_changed_makes_it_wrong() -> None:
    proof = decode(request())["proof"]
    for at in range(0, 512, 7):
        flipped = bytearray(proof)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(Declined, match="proof is wrong"):
            read(changed(proof=bytes(flipped)))


def test_a_member_that_left_has_no_way_back() -> None:
    made = Stand()
    made.carry(by_key({"t": "membership.leave/1"}))
    made.block()
    with pytest.raises(Declined, match="has left"):
        read(request(), made.core.chain)


# -- P-59a: what the returning machine does


def test_a_member_comes_back_to_what_it_had_by_two_entries_and_its_old_key_can_then_be_ended() -> None:
    made = Stand()
    certify, machine = way_back(made)
    asked = read(ask_restore(TICKET, NEW.root, NEW.peer, certify), made.core.chain)
    assert not stands_already(made.core.chain, asked, NEW.peer)
    assert not of(made.carry(certify), NotRecorded)
    made.block()
    assert working_key_of(made.core.chain.state, NEW.working.public) == BEN.member
    assert stands_already(made.core.chain, asked, NEW.peer), "cut off here, it goes on with the machine"
    asked = read(ask_restore(TICKET, NEW.root, NEW.peer, machine), made.core.chain)
    assert not stands_already(made.core.chain, asked, NEW.peer)
    made.carry(machine)
    made.block()
    state = made.core.chain.state
    assert member_of_peer(state, NEW.peer) == BEN.member
    assert stands_already(made.core.chain, asked, NEW.peer)
    assert (member_record(state, BEN.member) or {})["sealing"] == CARD.sealing, "the old machine opens nothing new"
    revoke = sign_entry(BEN.root, CHAIN.network, 2, UNTIL_MS, {"key": BEN.working.public, "t": "membership.revoke/1"})
    made.carry(revoke)
    made.block()
    assert working_key_of(made.core.chain.state, BEN.working.public) is None
    (refused,) = of(made.carry(by_key({"name": "thief", "t": "membership.profile/1"})), NotRecorded)
    assert refused.code in ("entry.key-ended", "entry.unusable")


def test_a_thief_who_binds_machine_after_machine_does_not_keep_the_member_out() -> None:
    """SPEC M-7, P-59: the keys end first, then there is room."""
    made = Stand()
    network = CHAIN.network
    for number in range(1, KEYS_MAX):
        box = SigningKey(digest("box", bytes([number])))
        bound = sign_statement("peer", {"member": BEN.member, "network": network}, box).to_value()
        operation = {"machine": bound, "t": "membership.machine/1"}
        made.carry(sign_entry(BEN.working, network, number, UNTIL_MS, operation))
        made.block()
    assert len(welcomed(made).peers) == KEYS_MAX
    certify, machine = way_back(made)
    made.carry(certify)
    made.block()
    (refused,) = of(made.carry(machine), Recorded)
    made.block()
    assert member_of_peer(made.core.chain.state, NEW.peer) is None, f"{refused}: there is no room"
    entries = way_back(made, is_alone=True)
    assert [one.name for one in entries] == [
        "membership.revoke/1",
        "membership.unbind/1",
        "membership.machine/1",
        *["membership.unbind/1"] * (KEYS_MAX - 1),
    ]
    for one in entries:
        asked = read(ask_restore(TICKET, BEN.root, NEW.peer, one), made.core.chain)
        assert not stands_already(made.core.chain, asked, NEW.peer)
        assert not of(made.carry(one), NotRecorded)
        made.block()
        assert stands_already(made.core.chain, asked, NEW.peer)
    record = member_record(made.core.chain.state, BEN.member) or {}
    assert (record["keys"], record["peers"]) == ([NEW.working.public], [NEW.peer])
    assert way_back(made, is_alone=True) == []


def rotated() -> Stand:
    made = Stand()
    made.carry(by_root(rotating(BEN.member, CHAIN.network, BEN.next_root, AFTER)))
    made.block()
    return made


def test_after_a_rotation_the_first_root_is_told_that_it_was_replaced_and_nothing_else() -> None:
    """SPEC M-11."""
    made = rotated()
    asked = read(request(), made.core.chain)
    assert asked.has_ended
    reply = welcome_reply(made.core.chain, {}, asked)
    assert is_replaced(reply, BEN.root.public) and not is_replaced(reply, ANN.root.public)
    assert CHAIN.charter.body not in reply
    with pytest.raises(Declined, match="taken this one's place"):
        read(restore(by_root(certifying(CARD))), made.core.chain)
    with pytest.raises(RemoteError):
        read_welcome(reply, TICKET)


def test_after_a_rotation_the_next_root_brings_the_member_back_under_its_own_numbers() -> None:
    made = rotated()
    welcome = welcomed(made, BEN.next_root)
    assert (welcome.charter.network, welcome.next_number) == (CHAIN.network, 1)
    for entry in way_back(made, BEN.next_root):
        assert not of(made.carry(entry), NotRecorded)
        made.block()
    assert member_of_peer(made.core.chain.state, NEW.peer) == BEN.member
    again = welcomed(made, BEN.next_root)
    assert (again.next_number, again.keys[NEW.working.public]) == (2, 1), "no number is signed twice"
    assert way_back(made, BEN.next_root) == [], "nothing is left to record"


def test_a_welcome_of_another_network_or_without_its_founders_is_not_believed() -> None:
    reply = welcome_reply(CHAIN, founding(STAND), read(request()))
    assert read_welcome(reply, TICKET).charter == CHAIN.charter
    with pytest.raises(BadText, match="another network"):
        read_welcome(reply, replace(TICKET, network=bytes(32)))
    with pytest.raises(BadCharter):
        read_welcome(welcome_reply(CHAIN, {**founding(STAND), BEN.member: bytes(64)}, read(request())), TICKET)
    for wrong in (b"", b"\xc1", encode({}), encode({"replaced": bytes(32)}), reply[:-1], reply + b"\x00"):
        with pytest.raises(RemoteError):
            read_welcome(wrong, TICKET)


def test_who_holds_an_invitation_comes_in_by_it_and_not_by_a_root_the_ledger_does_not_know() -> None:
    made = Stand()
    seed = digest("an invitation of Ann's")
    made.submit(inviting(SigningKey(seed), member=ANN.member, network=CHAIN.network, until_ms=UNTIL_MS))
    made.block()
    invitation = Invitation(
        network=CHAIN.network, peer=ANN.peer, addresses=("x",), seed=seed, until_ms=UNTIL_MS, height=0,
        block=bytes(32), certificate=b"",
    )  # fmt: skip
    joining = joining_entry(
        invitation, root=CAT.root, next_root_hash=CAT.next_hash, member=CAT.member, name="cat", working=CAT.working,
        sealing=bytes(32), network_key=CAT.machine, until_ms=UNTIL_MS,
    )  # fmt: skip
    with pytest.raises(Declined, match="no member here"):
        read_return(made.core.chain, ask_return("restore", TICKET, CAT.root, CAT.peer,
                    entry=entry_to_value(joining)), CAT.peer, ANN.peer)  # fmt: skip
