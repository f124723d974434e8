"""Who takes part and which keys speak for them: every way in, every way out, and every refusal's code."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.canonical import digest, encode
from ledger.entry import sign_entry
from ledger.errors import Reason
from ledger.fold import choose
from ledger.keys import SigningKey, next_root_hash
from ledger.operations import members
from ledger.operations.membership import KEYS_MAX, OPERATIONS, peer_id_of
from ledger.operations.operation import Role
from ledger.state import Overlay
from ledger.statement import Statement, sign_statement
from tests.ledger.town import DAY_MS, Person, Town, key

GUEST = Person(7)
SMALL_ORDER = bytes([1]) + bytes(31)


def record(town: Town, person: Person) -> dict[str, Any]:
    found = members.member_record(town.state, person.id)
    assert found is not None
    return found


def test_a_guest_joins_by_an_invitation_and_shows_the_sponsor() -> None:
    """M-1, M-4, M-5, M-6."""
    town = Town()
    until_ms = town.now_ms + DAY_MS
    assert town.invite(GUEST, sponsor=1, until_ms=until_ms) == ""
    assert record(town, town.people[1])["invites"] == [{"key": GUEST.invite.public, "until": until_ms}]
    assert not members.is_member(town.state, GUEST.id)
    assert town.join(GUEST) == ""
    assert members.is_member(town.state, GUEST.id)
    assert record(town, GUEST)["sponsor"] == town.people[1].id
    assert record(town, GUEST)["joined"] == town.chain.head.time_ms
    assert record(town, town.people[1])["invites"] == []
    assert members.working_keys(town.state, GUEST.id) == [GUEST.working.public]
    assert members.member_of_peer(town.state, GUEST.peer) == GUEST.id
    assert town.do(GUEST.working, "membership.profile/1", {"about": "a lathe\nand time"}) == ""


def test_an_invitation_is_used_once() -> None:
    """M-6."""
    town = Town()
    town.invite(GUEST)
    assert town.join(GUEST) == ""
    again = town.entry(GUEST.invite, "membership.join/1", town.joining(Person(8), invite=GUEST.invite.public))
    assert town.why_left(again) == Reason.KEY_ENDED


def test_a_member_has_few_invitations_open() -> None:
    """M-5."""
    town = Town(invitations_open=2)
    for number in (7, 8):
        assert town.invite(Person(number)) == ""
    assert town.invite(Person(9)) == "member.too-many-invitations"
    assert town.invite(Person(9), sponsor=1) == ""
    town.join(Person(7))
    assert town.invite(Person(10)) == ""
    town.now_ms += DAY_MS
    assert town.invite(Person(11)) == ""
    assert len(record(town, town.people[0])["invites"]) == 1


@pytest.mark.parametrize(
    ("later_ms", "code"),
    [(0, "member.invitation-length"), (1, ""), (14 * DAY_MS, ""), (14 * DAY_MS + 1, "member.invitation-length")],
)
def test_an_invitation_ends_within_the_charters_time(later_ms: int, code: str) -> None:
    """M-5."""
    town = Town()
    assert town.invite(GUEST, until_ms=town.now_ms + later_ms) == code


def test_an_invitations_key_is_fresh_and_a_real_point() -> None:
    """M-5, K-2."""
    town = Town()
    inviting = town.people[0].working
    for used in (town.people[0].working, town.people[0].root):
        fields = {"consent": town.inviting(used).to_value(), "until": town.now_ms + 5}
        assert town.do(inviting, "membership.invite/1", fields) == "member.key-known"


def test_nobody_records_a_key_that_did_not_say_whose_it_is() -> None:
    """M-13: a root key seen in a pending rotation, recorded first by somebody else, could never follow."""
    town = Town()
    victim, thief = town.people[0], town.people[1]
    until_ms = town.now_ms + 5
    for word in (
        sign_statement("invite", {"member": thief.id, "network": bytes(32)}, victim.next_root),
        sign_statement("invite", {"member": thief.id, "network": town.network, "more": 1}, victim.next_root),
        town.inviting(victim.next_root, 0),
    ):
        fields = {"consent": word.to_value(), "until": until_ms}
        assert town.do(thief.working, "membership.invite/1", fields) == "member.bad-consent"
    town.invite(GUEST, sponsor=1)
    taken = town.joining(GUEST, working=victim.next_root.public)
    assert town.do(GUEST.invite, "membership.join/1", taken) == "member.bad-consent"
    for said in (town.certificate(GUEST.id, GUEST.root), town.certificate(thief.id, GUEST.working)):
        fields = {**town.joining(GUEST), "key": said.to_value()}
        assert town.do(GUEST.invite, "membership.join/1", fields) == "member.bad-consent"
    content = {"member": victim.id, "network": town.network, "next": bytes(32)}
    rotation = {"consent": sign_statement("new-root", content, victim.next_root).to_value()}
    assert town.do(victim.root, "membership.rotate/1", rotation) == ""
    assert town.do(GUEST.invite, "membership.join/1", town.joining(GUEST)) == ""


JOIN_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another network": ({"network": bytes(32)}, "member.bad-consent"),
    "another invitation": ({"invite": bytes(32)}, "member.bad-consent"),
    "another root": ({"root": bytes(32)}, "member.bad-consent"),
    "no name": ({"name": ""}, "member.bad-consent"),
    "a name with an escape": ({"name": "a\x1b[31m"}, "member.bad-consent"),
    "something more": ({"motto": "x"}, "member.bad-consent"),
    "signed by another root": ({"signer": Person(8).root}, "member.bad-consent"),
    "a working key of small order": ({"working": SMALL_ORDER}, "member.bad-key"),
    "one key for both": ({"working": GUEST.root.public}, "member.key-known"),
    "somebody's working key": ({"working": Person(1).working.public}, "member.key-known"),
    "somebody's root": ({"root": Person(1).root.public, "signer": Person(1).root}, "member.key-known"),
}


@pytest.mark.parametrize("name", JOIN_REFUSED)
def test_a_joining_that_breaks_a_rule_is_refused_and_can_be_done_again(name: str) -> None:
    """M-6."""
    changes, code = JOIN_REFUSED[name]
    town = Town()
    town.invite(GUEST)
    assert town.join(GUEST, **changes) == code
    assert not members.is_member(town.state, GUEST.id)
    assert town.join(GUEST) == ""


def test_whoever_was_a_member_before_does_not_join_again() -> None:
    """M-6, M-12, K-3: the id is the same for ever."""
    town = Town()
    town.invite(GUEST)
    town.join(GUEST)
    assert town.do(GUEST.working, "membership.leave/1") == ""
    again = Person(8)
    town.invite(again)
    fields = town.joining(again, root=GUEST.root.public, next=next_root_hash(GUEST.next_root.public), signer=GUEST.root)
    assert town.do(again.invite, "membership.join/1", fields) == "member.key-known"


def signed_junk(purpose: str, signer: SigningKey) -> dict[str, Any]:
    """A well signed statement whose bytes are no map at all."""
    body = b"\xff\x00"
    signature = signer.sign(digest(purpose, body))
    return Statement(purpose=purpose, body=body, key=signer.public, signature=signature).to_value()


def test_signed_bytes_that_are_no_statement_refuse_the_entry_and_stop_nobody() -> None:
    """B-8, M-6, M-7, M-9, M-11: the fold never raises for what a stranger signed."""
    town = Town()
    town.invite(GUEST)
    good = town.joining(GUEST)
    for part, purpose, signer in (
        ("consent", "join", GUEST.root),
        ("key", "key", GUEST.working),
        ("machine", "peer", GUEST.machine),
    ):
        fields = {**good, part: signed_junk(purpose, signer)}
        assert town.do(GUEST.invite, "membership.join/1", fields) == "member.bad-consent"
    person = town.people[0]
    for signer, name, field, purpose in (
        (person.working, "membership.machine/1", "machine", "peer"),
        (person.root, "membership.certify/1", "consent", "key"),
        (person.root, "membership.rotate/1", "consent", "new-root"),
    ):
        assert town.do(signer, name, {field: signed_junk(purpose, key("x", 1))}) == "member.bad-consent"


def test_a_machine_says_itself_whose_it_is() -> None:
    """M-7."""
    town = Town()
    person, laptop = town.people[0], key("laptop", 1)
    fields = {"machine": town.machine(person.id, laptop).to_value()}
    assert town.do(person.working, "membership.machine/1", fields) == ""
    assert members.member_of_peer(town.state, peer_id_of(laptop.public)) == person.id
    assert town.do(person.working, "membership.machine/1", fields) == "member.machine-known"
    assert town.do(town.people[1].working, "membership.machine/1", fields) == "member.bad-consent"
    other = {"machine": sign_statement("peer", {"member": person.id, "network": bytes(32)}, key("l", 2)).to_value()}
    assert town.do(person.working, "membership.machine/1", other) == "member.bad-consent"
    assert peer_id_of(laptop.public) == bytes.fromhex("002408011220") + laptop.public


def test_a_joining_guest_cannot_bring_somebodys_machine() -> None:
    """M-7."""
    town = Town()
    town.invite(GUEST)
    fields = town.joining(GUEST)
    taken = {**fields, "machine": town.machine(GUEST.id, town.people[0].machine).to_value()}
    assert town.do(GUEST.invite, "membership.join/1", taken) == "member.machine-known"
    foreign = {**fields, "machine": town.machine(town.people[0].id, GUEST.machine).to_value()}
    assert town.do(GUEST.invite, "membership.join/1", foreign) == "member.bad-consent"


def test_a_machine_that_is_given_up_is_free_for_the_next_owner() -> None:
    """M-7."""
    town = Town()
    person, buyer = town.people[0], town.people[1]
    sold = town.machine(buyer.id, person.machine).to_value()
    assert town.do(buyer.working, "membership.unbind/1", {"peer": person.peer}) == "member.not-your-key"
    assert town.do(person.working, "membership.unbind/1", {"peer": person.peer}) == ""
    assert members.member_of_peer(town.state, person.peer) is None
    assert record(town, person)["peers"] == []
    assert town.do(buyer.working, "membership.machine/1", {"machine": sold}) == ""
    assert members.member_of_peer(town.state, person.peer) == buyer.id


def test_a_member_has_at_most_sixteen_machines_and_keys() -> None:
    """M-7, M-9."""
    town = Town()
    person = town.people[0]
    for number in range(KEYS_MAX - 1):
        machine = {"machine": town.machine(person.id, key("box", number)).to_value()}
        assert town.do(person.working, "membership.machine/1", machine) == ""
        assert certify(town, key("spare", number)) == ""
    more = {"machine": town.machine(person.id, key("box", 99)).to_value()}
    assert town.do(person.working, "membership.machine/1", more) == "member.too-many-keys"
    assert certify(town, key("spare", 99)) == "member.too-many-keys"
    assert town.do(person.root, "membership.revoke/1", {"key": key("spare", 3).public}) == ""
    assert certify(town, key("spare", 99)) == ""


def test_a_profile_sets_what_it_names_and_leaves_the_rest() -> None:
    """M-8."""
    town = Town()
    person = town.people[0]
    place = {"lat": 4785, "lon": 1605}
    assert town.do(person.working, "membership.profile/1", {"about": "wood", "place": place}) == ""
    assert town.do(person.working, "membership.profile/1", {"gifts": True, "name": "Ada"}) == ""
    assert town.do(person.working, "membership.profile/1") == ""
    said = record(town, person)
    assert (said["about"], said["place"], said["gifts"], said["name"]) == ("wood", place, True, "Ada")


def certify(town: Town, new: SigningKey, **changes: Any) -> str:
    person = town.people[0]
    content = {"key": new.public, "member": person.id, "network": town.network, **changes}
    consent = sign_statement("key", content, changes.pop("signer", new)).to_value()
    return town.do(person.root, "membership.certify/1", {"consent": consent})


def test_the_root_key_names_a_working_key_that_agrees() -> None:
    """M-9."""
    town = Town()
    person, new = town.people[0], key("server", 1)
    assert certify(town, new) == ""
    assert members.working_keys(town.state, person.id) == [person.working.public, new.public]
    assert town.do(new, "membership.profile/1", {"gifts": True}) == ""
    assert certify(town, new) == "member.key-known"
    for wrong in ({"member": town.people[1].id}, {"network": bytes(32)}, {"key": bytes(32)}, {"more": 1}):
        assert certify(town, key("other", 1), **wrong) == "member.bad-consent"
    content = {"key": key("s", 2).public, "member": person.id, "network": town.network}
    fields = {"consent": sign_statement("key", content, key("s", 2)).to_value(), "sealing": b"s" * 32}
    assert town.do(person.root, "membership.certify/1", fields) == ""
    assert record(town, person)["sealing"] == b"s" * 32


def test_a_revoked_key_speaks_no_more_and_what_it_signed_stays() -> None:
    """M-10, M-3."""
    town = Town()
    person = town.people[0]
    credit = town.credit(amount=10)
    assert town.do(person.root, "membership.revoke/1", {"key": person.working.public}) == ""
    assert town.why_left(town.entry(person.working, "membership.leave/1")) == Reason.KEY_ENDED
    assert members.working_keys(town.state, person.id) == []
    assert members.working_key_of(town.state, person.working.public) is None
    assert town.free(0, credit) == 10
    for wrong in (person.working, person.root, town.people[1].working, key("nobody", 1)):
        assert town.do(person.root, "membership.revoke/1", {"key": wrong.public}) == "member.not-your-key"
    assert certify(town, person.working) == "member.key-known"


def test_in_the_block_that_ends_a_key_what_stands_behind_the_end_is_left_out() -> None:
    """M-10: from the next entry on."""
    town = Town()
    person = town.people[0]
    before = town.entry(person.working, "membership.profile/1", {"name": "early"})
    end = town.entry(person.root, "membership.revoke/1", {"key": person.working.public})
    late = sign_entry(person.working, town.network, 2, before.until_ms, {"name": "late", "t": "membership.profile/1"})
    tx, limits = Overlay(town.state), town.charter.limits
    done = choose(tx, town.network, 1, town.now_ms, [before, end, late], limits)
    assert [refusal for refusal in done.refusals if refusal] == [] and len(done.entries) == 2
    assert [(entry.id, refusal.reason) for entry, refusal in done.left] == [(late.id, Reason.KEY_ENDED)]
    assert (members.member_record(tx, person.id) or {})["name"] == "early"


def rotate(town: Town, new: SigningKey, after: SigningKey, **changes: Any) -> str:
    person = town.people[0]
    content = {"member": person.id, "network": town.network, "next": next_root_hash(after.public), **changes}
    fields = {"consent": sign_statement("new-root", content, new).to_value()}
    return town.do(person.root, "membership.rotate/1", fields)


def test_only_the_root_committed_to_before_can_follow() -> None:
    """M-11, K-4: a thief of the root key in use cannot take the member over."""
    town = Town()
    person, after = town.people[0], key("root after next", 1)
    assert rotate(town, key("thief", 1), after) == "member.wrong-next-root"
    for wrong in ({"member": town.people[1].id}, {"network": bytes(32)}, {"next": b"x"}):
        assert rotate(town, person.next_root, after, **wrong) == "member.bad-consent"
    assert rotate(town, person.next_root, after) == ""
    assert record(town, person)["root"] == person.next_root.public
    assert record(town, person)["next"] == next_root_hash(after.public)
    assert town.why_left(town.entry(person.root, "membership.revoke/1", {"key": bytes(32)})) == Reason.KEY_ENDED
    revoke = {"key": person.working.public}
    assert town.do(person.next_root, "membership.revoke/1", revoke) == ""
    assert members.member_of_key(town.state, person.next_root.public, Role.ROOT) == person.id


def test_a_next_root_that_is_in_use_cannot_follow() -> None:
    """M-11."""
    town = Town()
    assert certify(town, town.people[0].next_root) == ""
    assert rotate(town, town.people[0].next_root, key("after", 1)) == "member.bad-key"


def test_who_leaves_speaks_no_more_and_keeps_what_they_own() -> None:
    """M-12, M-1, M-3."""
    town = Town()
    leaver = town.people[1]
    credit = town.credit(amount=10, to=1)
    assert town.do(leaver.working, "membership.leave/1") == ""
    assert not members.is_member(town.state, leaver.id)
    assert town.free(1, credit) == 10
    assert members.member_of_peer(town.state, leaver.peer) is None
    for signer in (leaver.working, leaver.root):
        name = "membership.profile/1" if signer is leaver.working else "membership.leave/1"
        assert town.why_left(town.entry(signer, name)) in (Reason.KEY_ENDED, Reason.WRONG_ROLE)
    machine = {"machine": town.machine(town.people[0].id, leaver.machine).to_value()}
    assert town.do(town.people[0].working, "membership.machine/1", machine) == ""
    pay = {"amount": 1, "credit": credit, "to": leaver.id}
    assert town.do(town.people[0].working, "credits.pay/1", pay) == "member.unknown"


def test_a_witness_and_a_party_to_open_work_stay() -> None:
    """M-12."""
    town = Town()
    assert town.do(town.people[0].working, "membership.leave/1") == "member.is-witness"
    credit = town.credit(amount=10, to=1)
    customer, provider = town.people[1], town.people[2]
    for price, code in ((4, "member.has-held"), (0, "member.has-open-work")):
        proposal = sign_statement("proposal", proposal_content(town, credit, price), provider.working)
        award = {"proposals": [proposal.to_value()]}
        assert town.do(customer.working, "work.award/1", award) == ""
        assert town.do(customer.working, "membership.leave/1") == code
        assert town.do(provider.working, "membership.leave/1") == "member.has-open-work"
        assert town.do(provider.working, "work.fail/1", {"job": proposal.id, "reason": "ill"}) == ""
    assert town.do(provider.working, "membership.leave/1") == ""
    assert town.do(customer.working, "membership.leave/1") == ""


def proposal_content(town: Town, credit: bytes, amount: int) -> dict[str, Any]:
    spans = {"inspection_ms": DAY_MS, "silence_ms": DAY_MS, "silence_split_bp": 5000, "void_after_ms": DAY_MS}
    return {
        "arbiters": [town.people[0].id],
        "call": amount.to_bytes(32, "big"),
        "customer": town.people[1].id,
        "deliver_by": town.now_ms + DAY_MS,
        "function": b"f" * 32,
        "network": town.network,
        "nonce": bytes(16),
        "parameters": {},
        "price": [{"amount": amount, "id": credit, "kind": "credit"}],
        "provider": town.people[2].id,
        "quantity": 1,
        "terms": {"cancel": {"awarded": 0, "delivered": 0, "started": 0}, **spans},
        "until": town.now_ms + DAY_MS,
    }


def test_an_operation_of_membership_needs_no_more_than_its_name_says() -> None:
    """M-1 to M-12."""
    assert [operation.name.partition(".")[2] for operation in OPERATIONS] == [
        "invite/1", "uninvite/1", "join/1", "machine/1", "unbind/1", "profile/1", "certify/1", "revoke/1", "rotate/1",
        "leave/1",
    ]  # fmt: skip
    assert all(encode(operation.name) for operation in OPERATIONS)
    assert members.working_keys(Town().state, bytes(32)) == []
