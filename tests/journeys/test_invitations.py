"""Invitations that cannot be used any more, or never could; and what a node without a network answers."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator

import pytest

from dpnode.control.questions import all_questions
from dpnode.control.questions.base import Question
from dpnode.control.questions.ledger import LedgerStatus
from dpnode.control.questions.network import (
    InvitationList,
    MemberList,
    NetworkInvite,
    NetworkJoin,
    NetworkUninvite,
)
from dpnode.control.questions.node import Down, Peers, Status
from dpnode.errors import FailKind, Problem
from dpnode.identity.words import root_seed
from protocol.joining import read_invitation, write_invitation
from tests.journeys.nodes import Node, Street, free_port, level, street, until


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Node, Node]]:
    """A founder, and a guest that joins in the last of these tests."""
    with street() as made:
        ada, bob = made.node("ada"), made.node("bob")
        made.network(ada)
        bob.up()
        yield ada, bob


def why_not(guest: Node, invitation: str) -> Problem:
    return guest.refuses(NetworkJoin(invitation=invitation, root_seed=root_seed(guest.entropy, 0), wait_ms=15_000))


def test_an_expired_invitation_says_that_it_has_expired(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    invitation = ada.invite(lasts_ms=300)
    problem = until(lambda: expired(bob, invitation), "the invitation to expire")
    assert problem.kind is FailKind.REFUSED
    assert "ask for a new one" in problem.sentence


def expired(guest: Node, invitation: str) -> Problem | None:
    problem = guest.refuses(
        NetworkJoin(invitation=invitation, root_seed=bytes(32), wait_ms=1_000)  # another's root: it never joins
    )
    return problem if "expired" in problem.sentence else None


def test_a_damaged_invitation_is_told_from_a_false_one_before_anybody_is_dialled(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    good = ada.invite()
    middle = len(good) // 2
    for damaged in (good[:-5], good[:middle] + ("a" if good[middle] != "a" else "b") + good[middle + 1 :], good + "aa"):
        problem = why_not(bob, damaged)
        assert problem.kind is FailKind.REFUSED
        assert "damaged" in problem.sentence, problem.sentence
    assert "begins with" in why_not(bob, "please let me in").sentence
    assert bob.status()["pid"] == bob.pid


def test_an_inviter_that_is_away_is_named_with_its_address(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    invitation = ada.invite()
    port = ada.status()["addresses"][0].rpartition("/")[2]
    ada.stop()
    try:
        problem = why_not(bob, invitation)
        assert problem.kind is FailKind.FAILED
        assert "cannot be reached" in problem.sentence and port in problem.sentence
    finally:
        ada.up()


def test_words_of_another_member_join_nothing(pair: tuple[Node, Node]) -> None:
    ada, bob = pair
    problem = bob.refuses(NetworkJoin(invitation=ada_invitation(ada), root_seed=root_seed(ada.entropy, 0)))
    assert problem.kind is FailKind.REFUSED and "root key" in problem.sentence


def ada_invitation(ada: Node) -> str:
    """A good one; three may be open at once, so an open one is made only where there is room."""
    return ada.invite(lasts_ms=60_000)


SAMPLES = {str: "x", int: 1, bool: True, bytes: bytes(32)}


def plain(kind: type[Question]) -> Question:
    """A question with something in every field that must be there."""
    forms = typing.get_type_hints(kind)
    wanted = {
        one.name: SAMPLES.get(forms[one.name], ("x",))
        for one in dataclasses.fields(kind)
        if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    }
    return kind(**wanted)


ELSEWHERE = {Status.name, Down.name, Peers.name, "node.clock", "network.found", "network.join", "id.return"}
"""Answered without a network, or by making one."""


@pytest.mark.parametrize("name", sorted(set(all_questions()) - ELSEWHERE))
def test_a_node_without_a_network_says_so_whatever_it_is_asked(pair: tuple[Node, Node], name: str) -> None:
    problem = pair[1].refuses(plain(all_questions()[name]))
    assert problem.kind is FailKind.REFUSED, problem.sentence
    assert "no network yet" in problem.sentence


def test_no_more_than_three_invitations_are_open_and_the_fourth_is_refused(alone: Street) -> None:
    ada = alone.node("ada")
    alone.network(ada)
    for _ in range(3):
        ada.invite()
    problem = ada.refuses(NetworkInvite())
    assert problem.kind is FailKind.REFUSED
    assert problem.details["reason"], "with the rule's code"


def test_an_invitation_taken_back_lets_nobody_in_and_frees_its_place(alone: Street) -> None:
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada)
    bob.up()
    kept, gone, _ = (ada.invite() for _ in range(3))
    assert len(ada.ask(InvitationList())["invitations"]) == 3
    again = ada.ask(NetworkUninvite(id=gone, dry_run=True))
    assert again["dry_run"] and len(ada.ask(InvitationList())["invitations"]) == 3
    taken = ada.ask(NetworkUninvite(id=gone))
    assert taken["id"] == again["id"] and taken["binding"] == "final"
    listed = [one["id"] for one in ada.reads(InvitationList())["invitations"]]
    assert len(listed) == 2 and taken["id"] not in listed
    assert "taken back" in why_not(bob, gone).sentence
    assert ada.ask(NetworkInvite())["id"], "its place is free"
    assert "used or taken back" in ada.refuses(NetworkUninvite(id=taken["id"])).sentence
    bob.join(kept)
    assert "used or taken back" in ada.refuses(NetworkUninvite(id=kept)).sentence
    until(lambda: level(ada, bob), "the same ledger")
    assert (
        "another member's"
        in bob.refuses(NetworkUninvite(id=ada.ask(InvitationList())["invitations"][0]["id"])).sentence
    )
    problem = ada.refuses(NetworkUninvite(id="key-aaaaaaaa"))
    assert problem.kind is FailKind.NOT_FOUND
    done = ada.dpnode("network", "uninvite", ada.ask(InvitationList())["invitations"][0]["id"][:14], "--json")
    assert done.returncode == 0, done.stderr
    assert len(ada.ask(InvitationList())["invitations"]) == 1


def test_a_used_invitation_serves_nobody_else(alone: Street) -> None:
    ada, bob, cleo = alone.node("ada"), alone.node("bob"), alone.node("cleo")
    alone.network(ada)
    invitation = ada.invite()
    bob.up()
    cleo.up()
    bob.join(invitation)
    problem = why_not(cleo, invitation)
    assert problem.kind is FailKind.REFUSED
    assert "has been used" in problem.sentence
    assert "network" not in cleo.status(), "it waits on"
    cleo.join(ada.invite())
    until(lambda: level(ada, bob, cleo), "the same ledger")
    assert len(bob.ask(MemberList())["members"]) == 3
    problem = why_not(bob, ada.invite())
    assert "one home, one network" in problem.sentence


def test_a_join_cut_off_by_kill_9_is_finished_with_the_same_invitation_or_refused_for_good(alone: Street) -> None:
    """The guest dies while it joins; the network is never left with half a member."""
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada)
    bob.up()
    invitation = ada.invite()
    ada.freeze()
    try:
        bob.ask(NetworkJoin(invitation=invitation, root_seed=root_seed(bob.entropy, 0), wait_ms=300))
        raise AssertionError("a frozen inviter answers nobody")
    except Problem as problem:
        assert problem.kind in (FailKind.TIMED_OUT, FailKind.FAILED)
    bob.kill()
    ada.thaw()
    bob.up()
    bob.join(invitation)
    until(lambda: level(ada, bob), "the same ledger")
    assert bob.reads(LedgerStatus())["members"] == 2


def test_who_has_just_joined_finds_whom_it_came_in_by_again_though_nobody_can_dial_it(alone: Street) -> None:
    """As behind a router: where the others look for it, nobody answers, and no record has been told yet (P-40)."""
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada)
    bob.up()
    bob.join(ada.invite())
    bob.kill()
    bob.settle({"network": {"listen": [f"/ip4/127.0.0.1/tcp/{free_port()}"]}})
    bob.up()
    until(lambda: bob.sees(ada), "the one that let it in")


def test_a_guest_accepts_no_history_without_the_block_that_its_invitation_names() -> None:
    """SPEC P-56."""
    with street() as made:
        ada, eve = made.node("ada"), made.node("eve")
        made.network(ada)
        eve.up()
        named = dataclasses.replace(read_invitation(ada.invite(), 0), height=1, block=b"o" * 32)
        problem = why_not(eve, write_invitation(named))
        assert problem.kind is FailKind.VERIFICATION
        assert "does not hold block 1 that the invitation names" in problem.sentence
        assert any("does not hold block 1" in one for one in eve.status()["reminders"])
        assert eve.reads(LedgerStatus())["height"] == 0
