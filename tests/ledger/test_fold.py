"""What may stand in a block, what a refusal leaves behind, and what nobody can make the others do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.entry import SEQUENCE_WINDOW, Entry, read_entry, sign_entry
from ledger.errors import Reason, Refusal
from ledger.fold import (
    Executed,
    check_includable,
    choose,
    execute,
    is_fully_signed,
    last_sequence,
    operation_of,
    statements_of,
)
from ledger.keys import Signature
from ledger.operations.operation import Role
from ledger.operations.registry import OPERATIONS
from ledger.state import Overlay
from tests.ledger.town import DAY_MS, HOUR_MS, Person, Town

OPEN = {"decimals": 2, "redeemable": "bread", "unit": "EUR"}
PROFILE = "membership.profile/1"


def opening(town: Town, **changes: Any) -> Entry:
    return town.entry(town.people[0].working, "credits.open/1", OPEN, **changes)


def test_an_entry_of_its_author_is_includable() -> None:
    """E-3, E-4."""
    town = Town()
    entry = opening(town)
    assert town.why_left(entry) == ""
    assert is_fully_signed(entry)
    assert town.block(entry).blocks[0].outcomes == ("",)
    assert last_sequence(town.state, entry.key) == 1


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("credits.open/2", OPEN),
        ("credits.open", OPEN),
        ("", {}),
        ("credits.open/1", {}),
        ("credits.open/1", {**OPEN, "decimals": 7}),
        ("credits.open/1", {**OPEN, "decimals": True}),
        ("credits.open/1", {**OPEN, "more": 1}),
        ("credits.open/1", {**OPEN, "unit": "E\x1bUR"}),
        ("membership.join/1", {"consent": {}, "key": {}, "machine": {}}),
    ],
)
def test_an_operation_that_is_unknown_or_of_another_form_stands_in_no_block(name: str, fields: dict[str, Any]) -> None:
    """E-3, B-7."""
    town = Town()
    entry = town.entry(town.people[0].working, name, fields)
    assert town.why_left(entry) == Reason.MALFORMED
    assert isinstance(operation_of(entry), Refusal)
    assert not is_fully_signed(entry)


def test_each_operation_is_signed_by_the_one_role_it_names() -> None:
    """E-4, M-2."""
    town = Town(people=2)
    guest = Person(7)
    assert town.invite(guest) == ""
    signers = {
        Role.WORKING: town.people[0].working,
        Role.ROOT: town.people[0].root,
        Role.INVITE: guest.invite,
    }
    for operation in OPERATIONS.values():
        assert operation.signer in signers, f"{operation.name} would be signed by a {operation.signer}"
    for role, signer in signers.items():
        profile, leave = (town.entry(signer, name, seq=town_next) for name, town_next in ((PROFILE, 2), (PROFILE, 1)))
        wanted = "" if role is Role.WORKING else Reason.WRONG_ROLE
        assert {town.why_left(profile), town.why_left(leave)} & {wanted, Reason.SEQUENCE_USED}
        revoke = town.entry(signer, "membership.revoke/1", {"key": bytes(32)}, seq=2 if role is Role.WORKING else 1)
        assert town.why_left(revoke) == ("" if role is Role.ROOT else Reason.WRONG_ROLE)
    assert town.why_left(town.entry(town.people[0].voting, PROFILE)) == Reason.UNKNOWN_KEY
    assert town.why_left(town.entry(Person(9).working, PROFILE)) == Reason.UNKNOWN_KEY


def test_an_entry_for_another_network_is_worth_nothing_here() -> None:
    """E-4: replay on another network."""
    town, hill = Town(), Town(people=4)
    assert hill.network != town.network
    assert town.why_left(opening(hill)) == Reason.OTHER_NETWORK


@pytest.mark.parametrize(
    ("later_ms", "code"),
    [(0, ""), (-1, Reason.LAPSED), (90 * DAY_MS, ""), (90 * DAY_MS + 1, Reason.TOO_FAR_AHEAD)],
)
def test_valid_until_is_between_block_time_and_the_charters_limit(later_ms: int, code: str) -> None:
    """E-4."""
    town = Town()
    assert town.why_left(opening(town, until_ms=town.now_ms + later_ms)) == code


@pytest.mark.parametrize(
    ("number", "skips", "code"),
    [
        (1, False, Reason.SEQUENCE_USED),
        (2, False, Reason.SEQUENCE_USED),
        (2, True, Reason.SEQUENCE_USED),
        (3, False, ""),
        (3, True, ""),
        (4, False, Reason.SEQUENCE_AHEAD),
        (4, True, ""),
        (2 + SEQUENCE_WINDOW, True, ""),
        (3 + SEQUENCE_WINDOW, True, Reason.SEQUENCE_AHEAD),
        (3 + SEQUENCE_WINDOW, False, Reason.SEQUENCE_AHEAD),
    ],
)
def test_numbers_come_in_order_and_skip_only_where_the_author_says_so(number: int, skips: bool, code: str) -> None:
    """E-4: two numbers are used."""
    town = Town()
    town.block(opening(town), opening(town))
    assert town.why_left(opening(town, seq=number, skips=skips)) == code


def test_skipped_numbers_are_void() -> None:
    """E-4."""
    town = Town()
    town.block(opening(town, seq=10, skips=True))
    assert town.why_left(opening(town, seq=5)) == Reason.SEQUENCE_USED
    assert town.why_left(opening(town, seq=11)) == ""


def test_a_lapsed_entry_never_used_its_number() -> None:
    """E-4."""
    town = Town()
    entry = opening(town)
    town.now_ms += HOUR_MS + 1
    assert town.why_left(entry) == Reason.LAPSED
    assert town.why_left(opening(town, seq=1)) == ""


def test_each_key_of_a_member_counts_its_own_numbers() -> None:
    """E-4."""
    town = Town()
    town.block(opening(town))
    assert town.why_left(town.entry(town.people[1].working, PROFILE, seq=1)) == ""
    assert town.why_left(town.entry(town.people[0].root, "membership.revoke/1", {"key": bytes(32)}, seq=1)) == ""


def test_a_refused_entry_changes_nothing_but_its_number_and_weight() -> None:
    """E-5: invariant 11; what the rule wrote before it said no is gone, too."""
    town = Town()
    credit = town.credit(amount=100)
    before = town.pairs()
    owners = [
        {"member": town.people[0].id, "units": 600_000},
        {"member": town.people[1].id, "units": 400_000},
    ]
    for name, fields, code in (
        ("credits.pay/1", {"amount": 101, "credit": credit, "to": town.people[1].id}, "account.too-little"),
        ("assets.register/1", {"kind": "k", "name": "n", "owners": owners}, "share.not-accepted"),
    ):
        entry = town.entry(town.people[0].working, name, fields)
        assert town.block(entry).blocks[0].outcomes == (code,)
        after = town.pairs()
        assert {key for key in after | before if after.get(key) != before.get(key)} == {
            b"seq/" + entry.key,
            b"use/" + town.people[0].id,
        }
        assert town.why_left(entry) == Reason.SEQUENCE_USED


def weight(town: Town, person: int = 0) -> list[int]:
    return list(town.state.get(b"use/" + town.people[person].id) or [])


def test_a_member_has_a_daily_allowance_of_entries() -> None:
    """E-6."""
    town = Town(day_entries=3, reserve_entries=1)
    entries = [opening(town) for _ in range(3)]
    town.block(*entries)
    assert weight(town)[1:] == [3, sum(entry.size_bytes for entry in entries)]
    assert town.why_left(opening(town)) == Reason.ALLOWANCE
    assert town.why_left(town.entry(town.people[1].working, PROFILE)) == ""
    town.now_ms += DAY_MS
    assert town.why_left(opening(town, seq=4)) == ""


def test_a_member_has_a_daily_allowance_of_bytes() -> None:
    """E-6."""
    town = Town(day_bytes=2000, reserve_entries=1)
    large = {**OPEN, "redeemable": "b" * 500}
    first, second = (town.entry(town.people[0].working, "credits.open/1", large) for _ in range(2))
    assert first.size_bytes + second.size_bytes < 2000
    town.block(first, second)
    assert town.why_left(town.entry(town.people[0].working, "credits.open/1", large)) == Reason.ALLOWANCE


def test_receipts_votes_and_key_changes_have_a_reserve_beyond() -> None:
    """E-6: a flood of one's own does not keep a stolen key from being revoked."""
    town = Town(day_entries=2, reserve_entries=1)
    town.block(opening(town), opening(town))
    revoke = town.entry(town.people[0].root, "membership.revoke/1", {"key": town.people[0].working.public})
    assert town.why_left(opening(town, seq=3)) == Reason.ALLOWANCE
    town.block(revoke)
    again = town.entry(town.people[0].root, "membership.revoke/1", {"key": town.people[0].working.public})
    assert town.why_left(again) == Reason.ALLOWANCE
    assert {name for name, operation in OPERATIONS.items() if operation.is_reserved} == {
        "evidence.votes/1",
        "membership.certify/1",
        "membership.revoke/1",
        "membership.rotate/1",
        "membership.unbind/1",
        "membership.uninvite/1",
        "motion.vote/1",
        "seat.accept/1",
        "seat.rekey/1",
        "seat.resign/1",
        "work.receipt/1",
    }


def test_the_guests_entries_count_for_the_sponsor() -> None:
    """E-6."""
    town = Town(day_entries=2)
    guest = Person(7)
    town.invite(guest)
    assert town.join(guest) == ""
    assert weight(town)[1] == 2
    assert town.why_left(opening(town)) == Reason.ALLOWANCE


def test_a_block_of_others_with_one_entry_that_is_not_includable_is_invalid() -> None:
    """E-3, E-5."""
    town = Town()
    good, bad = opening(town), opening(town, seq=9)
    done = execute(Overlay(town.state), town.network, 1, town.now_ms, [good, bad], town.charter.limits)
    assert isinstance(done, Refusal)
    assert done.reason is Reason.SEQUENCE_AHEAD
    chosen = choose(Overlay(town.state), town.network, 1, town.now_ms, [good, bad], town.charter.limits)
    assert [entry.id for entry in chosen.entries] == [good.id]
    assert [entry.id for entry, _ in chosen.left] == [bad.id]
    assert isinstance(execute(Overlay(town.state), town.network, 1, town.now_ms, [good], town.charter.limits), Executed)


def test_a_block_ends_at_the_charters_limits() -> None:
    """B-10, F-5."""
    town = Town(block_entries=3)
    entries = [opening(town) for _ in range(5)]
    chosen = choose(Overlay(town.state), town.network, 1, town.now_ms, entries, town.charter.limits)
    assert len(chosen.entries) == 3
    assert chosen.left == ()
    room = replace(town.charter.limits, block_bytes=entries[0].size_bytes * 2)
    assert len(choose(Overlay(town.state), town.network, 1, town.now_ms, entries, room).entries) == 2


def test_entries_that_cannot_be_included_take_no_room_from_others() -> None:
    """B-10: otherwise whoever sends enough of them stops everybody."""
    town = Town()
    junk = [opening(town, seq=50 + i) for i in range(8)]
    good = town.entry(town.people[1].working, PROFILE)
    room = replace(town.charter.limits, block_bytes=good.size_bytes)
    chosen = choose(Overlay(town.state), town.network, 1, town.now_ms, [*junk, good], room)
    assert [entry.id for entry in chosen.entries] == [good.id]
    assert len(chosen.left) == 8


def test_an_entry_with_a_wrong_signature_anywhere_is_not_fully_signed() -> None:
    """E-3."""
    town = Town()
    guest = Person(7)
    fields = town.joining(guest)
    assert is_fully_signed(town.entry(guest.invite, "membership.join/1", fields))
    for part in ("consent", "key", "machine"):
        forged = {**fields, part: {**fields[part], "sig": bytes(64)}}
        assert not is_fully_signed(town.entry(guest.invite, "membership.join/1", forged))
    entry = opening(town)
    assert not is_fully_signed(read_entry(entry.body, Signature(bytes(64))))
    assert len(statements_of(town.entry(guest.invite, "membership.join/1", fields))) == 3
    assert statements_of(entry) == []


def test_a_key_that_ended_speaks_no_more() -> None:
    """E-4, M-3."""
    town = Town()
    assert town.do(town.people[0].root, "membership.revoke/1", {"key": town.people[0].working.public}) == ""
    assert town.why_left(opening(town)) == Reason.KEY_ENDED
    guest = Person(7)
    until_ms = town.now_ms + HOUR_MS
    assert town.invite(guest, sponsor=1, until_ms=until_ms) == ""
    joining = sign_entry(guest.invite, town.network, 1, until_ms + 1, {"t": "membership.join/1", **town.joining(guest)})
    town.now_ms = until_ms
    assert town.why_left(joining) == ""
    town.now_ms = until_ms + 1
    assert town.why_left(joining) == Reason.KEY_ENDED


def test_a_refusal_says_its_stable_code() -> None:
    """B-6."""
    town = Town()
    refusal = check_includable(town.state, town.network, opening(town, seq=9), town.now_ms, town.charter.limits)
    assert refusal is not None
    assert (refusal.code, refusal.detail != "") == ("entry.sequence-ahead", True)
