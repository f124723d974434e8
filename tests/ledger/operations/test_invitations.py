"""Invitations after they were made: how often a guest may try, and how a sponsor takes one back (SPEC M-14, M-15)."""

from __future__ import annotations

from ledger.errors import Reason
from ledger.operations import members
from tests.ledger.operations.test_membership import GUEST, record
from tests.ledger.town import DAY_MS, Person, Town


def test_an_invitation_key_uses_eight_numbers_and_no_more() -> None:
    """M-14: else whoever was invited could use up the sponsor's allowance every day until it ends."""
    town = Town()
    town.invite(GUEST)
    for _ in range(members.INVITATION_ENTRIES_MAX):
        assert town.join(GUEST, network=bytes(32)) == "member.bad-consent"
    ninth = town.entry(GUEST.invite, "membership.join/1", town.joining(GUEST))
    assert town.why_left(ninth) == Reason.INVITATION_SPENT
    skipping = town.entry(GUEST.invite, "membership.join/1", town.joining(GUEST), seq=10, skips=True)
    assert town.why_left(skipping) == Reason.INVITATION_SPENT
    assert not members.is_member(town.state, GUEST.id)


def test_a_guest_whose_joining_was_refused_joins_under_the_next_number() -> None:
    """M-14."""
    town = Town()
    town.invite(GUEST)
    assert town.join(GUEST, network=bytes(32)) == "member.bad-consent"
    assert town.join(GUEST) == ""


def test_every_other_key_uses_more_than_eight_numbers() -> None:
    town = Town()
    for _ in range(members.INVITATION_ENTRIES_MAX + 2):
        assert town.do(town.people[0].working, "membership.profile/1", {"about": "again"}) == ""


def test_an_invitation_taken_back_lets_nobody_in_and_leaves_its_place_to_another() -> None:
    """M-15."""
    town = Town(invitations_open=1)
    town.invite(GUEST)
    assert town.invite(Person(8)) == "member.too-many-invitations"
    assert town.do(town.people[0].working, "membership.uninvite/1", {"key": GUEST.invite.public}) == ""
    assert record(town, town.people[0])["invites"] == []
    late = town.entry(GUEST.invite, "membership.join/1", town.joining(GUEST))
    assert town.why_left(late) == Reason.KEY_ENDED
    assert town.invite(Person(8)) == ""


def test_only_an_open_invitation_of_ones_own_is_taken_back() -> None:
    """M-15."""
    town = Town()
    own, other = town.people[0].working, town.people[1].working
    town.invite(GUEST, until_ms=town.now_ms + DAY_MS)
    code = "member.no-open-invitation"
    assert town.do(own, "membership.uninvite/1", {"key": bytes(32)}) == code
    assert town.do(own, "membership.uninvite/1", {"key": own.public}) == code
    assert town.do(other, "membership.uninvite/1", {"key": GUEST.invite.public}) == code
    assert town.do(own, "membership.uninvite/1", {"key": GUEST.invite.public}) == ""
    assert town.do(own, "membership.uninvite/1", {"key": GUEST.invite.public}) == code
    town.invite(Person(8), until_ms=town.now_ms + DAY_MS)
    assert town.join(Person(8)) == ""
    assert town.do(own, "membership.uninvite/1", {"key": Person(8).invite.public}) == code
    town.invite(Person(9), until_ms=town.now_ms + DAY_MS)
    town.now_ms += 2 * DAY_MS
    assert town.do(own, "membership.uninvite/1", {"key": Person(9).invite.public}) == code
