"""A hostile author against the ledger: forged keys, replays, double spends, stolen keys and signed rubbish.

Each attacker signs for real and bypasses our own encoder where that helps.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgpack
import pytest
from nacl import bindings

from ledger.block import read_block, write_block
from ledger.canonical import NotCanonical, digest, encode
from ledger.entry import read_entry, sign_entry
from ledger.errors import LocalError, Reason, RemoteError
from ledger.fold import is_fully_signed
from ledger.keys import PublicKey, Signature, SigningKey, is_admissible, verify
from ledger.operations import members
from ledger.statement import Statement, sign_statement
from tests.ledger.town import DAY_MS, HOUR_MS, Person, Town, key

ORDER_TWO = bytes.fromhex("ec" + "ff" * 30 + "7f")
"""The point (0, -1): added to a key it makes another that signs every second message as well."""


def mixed_order_key() -> tuple[PublicKey, bytes]:
    """A public key outside the prime-order group, and the scalar behind it."""
    scalar = bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(b"attacker").digest())
    point = bindings.crypto_scalarmult_ed25519_base_noclamp(scalar)
    return PublicKey(bindings.crypto_core_ed25519_add(point, ORDER_TWO)), scalar


def sign_with(public: bytes, scalar: bytes, message: bytes) -> Signature:
    """A signature that passes: nonces are tried until the hash is even, so the small part vanishes."""
    for number in range(64):
        nonce = bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(b"%d" % number + message).digest())
        commitment = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
        challenge = bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(commitment + public + message).digest())
        product = bindings.crypto_core_ed25519_scalar_mul(challenge, scalar)
        signature = Signature(commitment + bindings.crypto_core_ed25519_scalar_add(nonce, product))
        if verify(public, message, signature):
            return signature
    raise AssertionError("no nonce led to a signature that passes")


def test_a_key_outside_the_prime_order_group_can_sign_and_is_still_not_admitted() -> None:
    """K-2, M-9: verification alone does not keep such a key out, admission does."""
    public, scalar = mixed_order_key()
    assert not is_admissible(public)
    town = Town()
    person = town.people[0]
    body = encode({"key": public, "member": person.id, "network": town.network})
    consent = Statement(purpose="key", body=body, key=public, signature=sign_with(public, scalar, digest("key", body)))
    assert consent.is_signed()
    outcome = town.do(person.root, "membership.certify/1", {"consent": consent.to_value()})
    assert outcome == "member.bad-key"
    body = encode({"member": person.id, "network": town.network})
    signature = sign_with(public, scalar, digest("invite", body))
    consent = Statement(purpose="invite", body=body, key=public, signature=signature)
    invite = {"consent": consent.to_value(), "until": town.now_ms + HOUR_MS}
    assert town.do(person.working, "membership.invite/1", invite) == "member.bad-key"


def test_money_is_not_spent_twice_in_one_block_or_in_two() -> None:
    """A-2, E-4."""
    town = Town()
    credit = town.credit(amount=100)
    ada = town.people[0]
    first = {"amount": 100, "credit": credit, "to": town.people[1].id}
    second = {**first, "to": town.people[2].id}
    step = town.block(town.entry(ada.working, "credits.pay/1", first), town.entry(ada.working, "credits.pay/1", second))
    assert step.blocks[0].outcomes == ("", "account.too-little")
    assert town.do(ada.working, "credits.pay/1", second) == "account.too-little"
    assert (town.free(1, credit), town.free(2, credit)) == (100, 0)


def test_two_entries_under_one_number_do_not_both_stand() -> None:
    """E-4: a cloned machine, or a restored backup."""
    town = Town()
    entries = [
        town.entry(town.people[0].working, "membership.profile/1", {"gifts": yes}, seq=1) for yes in (True, False)
    ]
    assert entries[0].id != entries[1].id
    town.block(entries[0])
    assert town.why_left(entries[1]) == Reason.SEQUENCE_USED


def test_an_entry_is_not_replayed_here_or_in_another_network() -> None:
    """E-4, F-1."""
    town, twin = Town(), Town(people=3, witnesses=2)
    credit = town.credit(amount=100)
    pay = town.entry(town.people[0].working, "credits.pay/1", {"amount": 1, "credit": credit, "to": town.people[1].id})
    town.block(pay)
    assert town.why_left(pay) == Reason.SEQUENCE_USED
    assert twin.why_left(pay) == Reason.OTHER_NETWORK
    moved = read_entry(pay.body.replace(town.network, twin.network), pay.signature)
    assert not moved.is_signed()


def test_a_signature_for_one_purpose_is_worth_nothing_for_another() -> None:
    """B-5, B-8: the same bytes, signed as an acceptance, shown as a key certificate and as an entry."""
    town = Town()
    person = town.people[0]
    content = {"key": key("new", 1).public, "member": person.id, "network": town.network}
    other = sign_statement("accept-units", content, key("new", 1))
    certify = town.entry(person.root, "membership.certify/1", {"consent": other.to_value()})
    assert not is_fully_signed(certify)
    profile = town.entry(person.working, "membership.profile/1")
    shown = Statement(
        purpose="entry", body=profile.body, key=person.working.public, signature=person.working.sign(profile.body)
    )
    assert not read_entry(shown.body, shown.signature).is_signed()


def test_the_other_keys_of_a_map_do_not_hide_behind_the_known_ones() -> None:
    """B-1, B-3: a key that stands twice, or in another order, signed for real."""
    town = Town()
    person = town.people[0]
    good = town.entry(person.working, "membership.profile/1", {"name": "Ada"}).body
    twice = good[:1].replace(b"\x85", b"\x86") + good[1:] + encode("until") + encode(2**47)
    reversed_keys = msgpack.packb(dict(reversed(msgpack.unpackb(good).items())))
    for body in (twice, reversed_keys, good + b"\x00"):
        with pytest.raises(NotCanonical):
            read_entry(body, person.working.sign(digest("entry", body)))


def test_a_thief_of_the_working_key_is_stopped_by_the_root_and_of_the_root_by_the_next() -> None:
    """M-9 to M-11."""
    town = Town()
    person, thief = town.people[0], key("thief", 1)
    consent = sign_statement(
        "key", {"key": thief.public, "member": person.id, "network": town.network}, thief
    ).to_value()
    stolen = town.entry(person.working, "membership.certify/1", {"consent": consent})
    assert town.why_left(stolen) == Reason.WRONG_ROLE
    assert town.do(person.root, "membership.certify/1", {"consent": consent}) == ""
    rotation = {"member": person.id, "network": town.network, "next": bytes(32)}
    taken = {"consent": sign_statement("new-root", rotation, thief).to_value()}
    assert town.do(person.root, "membership.rotate/1", taken) == "member.wrong-next-root"
    mine = {"consent": sign_statement("new-root", rotation, person.next_root).to_value()}
    assert town.do(person.root, "membership.rotate/1", mine) == ""
    assert town.do(person.next_root, "membership.revoke/1", {"key": thief.public}) == ""
    assert town.why_left(town.entry(thief, "membership.profile/1")) == Reason.KEY_ENDED
    assert members.working_keys(town.state, person.id) == [person.working.public]


def test_a_revocation_in_the_same_block_stops_what_comes_after_it() -> None:
    """M-10: the race of owner and thief is decided by the block's order alone."""
    town = Town()
    person = town.people[0]
    revoke = town.entry(person.root, "membership.revoke/1", {"key": person.working.public})
    theft = town.entry(person.working, "membership.profile/1", {"gifts": True})
    step = town.chain.build([revoke, theft], town.now_ms, 1)
    assert step is not None
    assert [entry.id for entry in step.blocks[0].entries] == [revoke.id]
    assert [refusal.reason for _, refusal in step.left] == [Reason.KEY_ENDED]


JUNK = (b"", b"\xff", b"\xc0", b"\x81\xa1a", encode([]), encode({}), encode({"network": 1}), b"\xdd\xff\xff\xff\xff")


@pytest.mark.parametrize("body", JUNK[1:], ids=lambda body: body.hex())
def test_no_signed_rubbish_makes_the_fold_raise(body: bytes) -> None:
    """B-8, E-5: one member could otherwise stop every node with one entry."""
    town = Town()
    person, other = town.people[0], town.people[1]

    def junk(purpose: str, signer: SigningKey) -> dict[str, Any]:
        signature = signer.sign(digest(purpose, body))
        return Statement(purpose=purpose, body=body, key=signer.public, signature=signature).to_value()

    asset = town.asset()
    owners = [
        {"member": person.id, "units": 1},
        {"accept": junk("accept-units", other.working), "member": other.id, "units": 1},
    ]
    accept = junk("accept-units", other.working)
    until_ms = town.now_ms + HOUR_MS
    for signer, name, fields in (
        (person.working, "membership.invite/1", {"consent": junk("invite", key("i", 1)), "until": until_ms}),
        (person.working, "membership.machine/1", {"machine": junk("peer", key("m", 1))}),
        (person.root, "membership.certify/1", {"consent": junk("key", key("k", 1))}),
        (person.root, "membership.rotate/1", {"consent": junk("new-root", person.next_root)}),
        (person.working, "assets.register/1", {"kind": "k", "name": "n", "owners": owners, "units": 2}),
        (person.working, "shares.transfer/1", {"accept": accept, "asset": asset, "to": other.id, "units": 1}),
        (person.working, "work.award/1", {"proposals": [junk("proposal", other.working)]}),
    ):
        outcome = town.do(signer, name, fields)
        assert outcome.partition(".")[0] in {"member", "share", "work"}, (name, outcome)


def test_a_guest_cannot_flood_at_the_sponsors_expense_beyond_the_allowance() -> None:
    """E-6, M-5: an invitation key makes one joining and is over."""
    town = Town(day_entries=5)
    guest = Person(7)
    town.invite(guest)
    for _ in range(4):
        assert town.do(guest.invite, "membership.join/1", town.joining(guest, name="")) == "member.bad-consent"
    assert town.why_left(town.entry(guest.invite, "membership.join/1", town.joining(guest))) == Reason.ALLOWANCE
    town.now_ms += HOUR_MS
    assert town.why_left(town.entry(town.people[1].working, "membership.profile/1")) == ""


def test_a_members_text_cannot_carry_escapes_or_turn_the_line_around() -> None:
    """B-7, W-30."""
    town = Town()
    for text in ("a\x1b[2Jb", "a\u202eb", "a\u2066b", "a\nb", "a\u200bb", "\U0001fae8"):
        content = {"name": text, "t": "membership.profile/1"}
        try:
            entry = sign_entry(town.people[0].working, town.network, 1, town.now_ms + DAY_MS, content)
        except LocalError:
            continue
        assert town.why_left(entry) == Reason.MALFORMED


def test_a_block_with_an_entry_of_huge_claims_is_refused_without_much_memory() -> None:
    """B-4, B-9."""
    town = Town()
    town.credit(amount=0)
    good = write_block(town.steps[0].blocks[0])
    for wrong in (good.replace(b"\xa7entries\x91", b"\xa7entries\xdd\xff\xff\xff\xff"), b"\xdf\xff\xff\xff\xff" * 1000):
        with pytest.raises(RemoteError):
            read_block(wrong)
