"""A lost machine: its member comes back from the words alone, ends the old keys, rotates the root, comes back again.

SPEC M-7, M-9, M-10, M-11, P-57, P-58, P-59, P-59a.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from dpnode.control.questions.holdings import CreditIssue, CreditOpen, CreditPay
from dpnode.control.questions.identity import IdKeys, IdReturn, IdRevoke, IdRotate, IdTicket
from dpnode.control.questions.ledger import LedgerBalance, LedgerVerify
from dpnode.control.questions.network import MemberList, NetworkJoin
from dpnode.control.questions.node import BoundNodes, Peers
from dpnode.errors import FailKind, Problem
from dpnode.identity.identity import make_identity
from dpnode.identity.roots import RootSeeds, roots_in_force
from dpnode.identity.words import root_seed, words_of
from ledger.entry import entry_to_value, sign_entry
from ledger.names import Kind, parse_id, show_id
from protocol.messages import Entries
from tests.journeys.nodes import Node, Street, free_port, is_refused, level, street, until
from tests.journeys.raw import raw


def restored(street: Street, lost: Node) -> Node:
    """A new home of the same words, and nothing else of the old one."""
    made = Node(street.folder / f"n{len(street.nodes)}", lost.name)
    made.entropy = lost.entropy
    made.home.make_folders()
    make_identity(made.home, lost.entropy, name="", passphrase=None, confirmed=True)
    made.settle({"network": {"listen": [f"/ip4/127.0.0.1/tcp/{free_port()}"]}})
    street.nodes.append(made)
    return made


def ticket(node: Node) -> str:
    return str(node.ask(IdTicket())["ticket"])


def roots(node: Node) -> RootSeeds:
    return roots_in_force(node.entropy, node.ask(IdKeys())["root"])


def peers(node: Node) -> list[dict[str, Any]]:
    return list(node.ask(Peers())["peers"])


def credit(node: Node) -> str:
    """How much of the founder's credit the node's member has, as its owner reads it."""
    (one,) = node.ask(LedgerBalance())["accounts"]
    return str(one["free"])


def linked(one: Node, other: Node) -> bool:
    """Whether `other` still holds a member's connection with the machine of `one`."""
    return any(peer["peer"] == one.status()["peer"] and peer["state"] == "connected" for peer in peers(other))


def working_key(node: Node) -> str:
    """Of this very machine."""
    (key,) = (row["id"] for row in node.ask(IdKeys())["keys"] if row["role"] == "working" and row["here"])
    return str(key)


def machines(node: Node) -> set[str]:
    """That the ledger binds to bob, as `node` reads it."""
    return {one["peer"] for one in node.ask(BoundNodes(member="bob"))["nodes"]}


def is_taken(node: Node) -> bool:
    """Whether a payment that a machine signs becomes final; it may know already that its key has ended, or not."""
    try:
        return bool(node.ask(CreditPay(member="cleo", amount="1 EUR", wait_ms=300))["binding"] == "final")
    except Problem as problem:
        assert is_refused(problem, "entry.key-ended"), problem.sentence
        return False


@pytest.fixture
def town() -> Iterator[tuple[Street, Node, Node, Node]]:
    """Three members; bob has money."""
    with street() as made:
        ada, bob, cleo = made.node("ada"), made.node("bob"), made.node("cleo")
        made.network(ada, bob, cleo)
        ada.ask(CreditOpen(symbol="EUR", redeemable="a beer"))
        ada.ask(CreditIssue(amount="50 EUR", member="bob"))
        until(lambda: level(ada, bob, cleo), "the same ledger")
        yield made, ada, bob, cleo


def test_who_lost_a_machine_comes_back_from_the_words_pays_and_ends_the_old_keys(
    town: tuple[Street, Node, Node, Node],
) -> None:
    street, ada, bob, cleo = town
    before, old = credit(bob), bob.status()["peer"]
    new = restored(street, bob)
    new.up()
    refused = new.refuses(NetworkJoin(invitation=ada.invite(), root_seed=root_seed(new.entropy, 0)))
    assert "network return" in refused.sentence, "who is a member joins no second time, and is told the way"
    assert new.ask(IdReturn(ticket=ticket(cleo), entropy=new.entropy, dry_run=True))["dry_run"]
    back = new.ask(IdReturn(ticket=ticket(cleo), entropy=new.entropy))
    assert back["member"] == {"id": bob.status()["member"]["id"], "name": "bob"}
    assert new.status()["member"]["name"] == "bob", "the ledger knows the name, the new home did not"
    assert credit(new) == before
    assert new.ask(CreditPay(member="ada", amount="20 EUR"))["binding"] == "final"
    assert machines(ada) == {old, new.status()["peer"]}, "both are bob's"
    until(lambda: level(ada, bob, cleo, new), "the same ledger at both machines of one member")

    key, seed = working_key(bob), roots(new).seed
    assert "not the root key in force" in new.refuses(IdRevoke(key=key, root_seed=bytes(32))).sentence
    assert "this very machine" in new.refuses(IdRevoke(key=working_key(new), root_seed=seed)).sentence
    assert new.ask(IdRevoke(key=key, root_seed=seed, dry_run=True))["dry_run"] and old in machines(ada)
    ended = new.ask(IdRevoke(key=key, root_seed=seed))
    assert ended["binding"] == "final"
    assert ended["unbound"] == [old], "the machine whose address record the key signed"
    until(lambda: level(ada, cleo, new), "the same ledger without the old machine")
    assert machines(ada) == {new.status()["peer"]}
    until(lambda: not any(linked(bob, one) for one in (ada, cleo, new)), "the others to hang up on the old machine")
    (row,) = (row for row in new.ask(IdKeys())["keys"] if row["id"] == key)
    assert row["ended_ms"] >= row["since_ms"] and not row["here"]
    assert new.refuses(IdRevoke(key=key, root_seed=seed)).kind is FailKind.NOT_FOUND, "it has ended already"
    left = credit(new)
    assert not is_taken(bob)
    assert credit(new) == left and new.ask(LedgerVerify())["height"] == ada.height()


def test_who_lost_everything_ends_it_all_before_coming_in(town: tuple[Street, Node, Node, Node]) -> None:
    street, ada, bob, cleo = town
    old = bob.status()["peer"]
    words = street.folder / "words.txt"
    words.write_text(" ".join(words_of(bob.entropy)), "utf-8")
    new = restored(street, bob)
    new.up()
    back = new.dpnode("network", "return", ticket(ada), "--all-lost", "--words-file", str(words), "--json")
    assert back.returncode == 0, back.stderr + new.log()
    assert machines(ada) == {new.status()["peer"]} != {old}
    assert [row["here"] for row in new.ask(IdKeys())["keys"] if row["role"] == "working"] == [True, False]
    until(lambda: not any(linked(bob, one) for one in (ada, cleo, new)), "the others to hang up on the old machine")
    assert not is_taken(bob)
    assert new.ask(CreditPay(member="ada", amount="1 EUR"))["binding"] == "final"


def test_who_comes_back_while_the_witness_is_away_is_told_what_it_waits_for_and_goes_on_later(
    town: tuple[Street, Node, Node, Node],
) -> None:
    street, ada, bob, cleo = town
    new = restored(street, bob)
    new.up()
    where = ticket(cleo)
    ada.kill()
    said = new.refuses(IdReturn(ticket=where, entropy=new.entropy, wait_ms=3_000)).sentence
    assert "waiting for the witnesses to record this machine's keys" in said and "goes on from there" in said
    ada.up()
    until(lambda: cleo.status()["pending"] == 0, "the first entry of the way back to become final")
    assert new.ask(IdReturn(ticket=where, entropy=new.entropy))["binding"] == "final"


async def test_an_entry_of_a_revoked_key_is_taken_from_nobody_who_carries_it(
    town: tuple[Street, Node, Node, Node],
) -> None:
    street, ada, bob, cleo = town
    new = restored(street, bob)
    new.up()
    new.ask(IdReturn(ticket=ticket(ada), entropy=new.entropy))
    thief = bob.identity.working
    bob.kill()
    cleo.stop()
    network = parse_id(Kind.NETWORK, ada.status()["network"]["id"])
    until_ms = ada.status()["block_ms"] + 86_400_000

    def renamed(number: int, name: str) -> Entries:
        entry = sign_entry(thief, network, number, until_ms, {"name": name, "t": "membership.profile/1"})
        return Entries(entries=[entry_to_value(entry)])

    def names() -> set[str]:
        return {one["name"] for one in ada.ask(MemberList())["members"]}

    async with raw(cleo.identity.network_seed, ada) as carrier:
        await carrier.welcome()
        await carrier.say(renamed(1, "robert"))
        await trio.to_thread.run_sync(until, lambda: "robert" in names(), "the key to speak as long as it may")
        await trio.to_thread.run_sync(
            lambda: new.ask(IdRevoke(key=show_id(Kind.KEY, thief.public), root_seed=roots(new).seed))
        )
        await carrier.say(renamed(2, "thief"))
        await trio.to_thread.run_sync(lambda: new.ask(CreditPay(member="ada", amount="1 EUR")))
    assert names() == {"ada", "robert", "cleo"}
    assert ada.status()["pending"] == 0, "it waits nowhere for its turn"


def test_the_words_stay_the_same_when_the_root_rotates_and_bring_the_member_back_after_it(
    town: tuple[Street, Node, Node, Node],
) -> None:
    street, ada, bob, _ = town
    words = street.folder / "words.txt"
    words.write_text(" ".join(words_of(bob.entropy)), "utf-8")
    words.chmod(0o600)
    first = roots(bob)
    for wrong in (words_of(ada.entropy),):
        other = street.folder / "other.txt"
        other.write_text(" ".join(wrong), "utf-8")
        said = bob.dpnode("id", "rotate", "--words-file", str(other))
        assert said.returncode == 5 and "another member's" in said.stderr
    assert bob.dpnode("id", "rotate").returncode == 7, "the words are needed, and nobody is there to type them"
    dry = bob.dpnode("id", "rotate", "--words-file", str(words), "--dry-run", "--json")
    assert dry.returncode == 0 and json.loads(dry.stdout)["dry_run"] and roots(bob).number == 0
    for number in (1, 2):
        done = bob.dpnode("id", "rotate", "--words-file", str(words), "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["binding"] == "final" and roots(bob).number == number
    problem = bob.refuses(IdRotate(root_seed=first.seed, next_seed=first.next_seed, after=first.after))
    assert "another has taken its place" in problem.sentence

    bob.stop()
    new = restored(street, bob)
    new.up()
    back = new.dpnode("network", "return", ticket(ada), "--words-file", str(words), "--json")
    assert back.returncode == 0, back.stderr + new.log()
    assert new.ask(CreditPay(member="cleo", amount="5 EUR"))["binding"] == "final"
    listed = json.loads(new.dpnode("id", "keys", "--json").stdout)["keys"]
    assert [row["role"] for row in listed if "ended_ms" in row] == ["root", "root"]
    gone = show_id(Kind.KEY, bob.identity.working.public)
    ended = new.dpnode("id", "revoke", gone[:14], "--words-file", str(words), "--json")
    assert ended.returncode == 0, ended.stderr
    new.stop()
    rows = new.reads(IdKeys())["keys"]
    assert {row["id"] for row in rows if row["role"] == "working" and "ended_ms" in row} == {gone}
    assert sum(row["here"] for row in rows) == 1, "read from the database alone, it knows its own key too"


def test_a_second_machine_is_named_by_its_card_and_then_needs_only_to_come_in(
    town: tuple[Street, Node, Node, Node],
) -> None:
    street, ada, bob, _ = town
    words = street.folder / "words.txt"
    words.write_text(" ".join(words_of(bob.entropy)), "utf-8")
    second = restored(street, bob)
    second.up()
    where = ticket(ada)
    card = json.loads(second.dpnode("id", "card", where, "--json").stdout)["card"]
    assert "another member's" in ada.dpnode("id", "machine", "add", card).stderr
    assert bob.dpnode("id", "certify", card[:-9], "--words-file", str(words)).returncode == 2
    for command in (("id", "certify", card, "--words-file", str(words)), ("id", "machine", "add", card)):
        assert json.loads(bob.dpnode(*command, "--dry-run", "--json").stdout)["dry_run"]
        done = bob.dpnode(*command, "--json")
        assert done.returncode == 0, done.stderr
        again = bob.dpnode(*command, "--json")
        assert again.returncode == 5, "once is enough"
    until(lambda: level(ada, bob), "the same ledger")
    height = ada.height()
    second.ask(IdReturn(ticket=where, entropy=second.entropy))
    assert ada.height() == height, "nothing was left to record"
    assert second.ask(CreditPay(member="ada", amount="1 EUR"))["binding"] == "final"
    until(lambda: level(ada, bob, second), "the same ledger")
    peer = second.status()["peer"]
    assert "this very machine" in second.dpnode("id", "machine", "remove", peer).stderr
    removed = bob.dpnode("id", "machine", "remove", peer[-10:], "--json")
    assert removed.returncode == 0, removed.stderr
    until(lambda: not linked(second, ada), "its connection to end")


def test_a_return_cut_off_by_kill_9_goes_on_with_the_same_command(town: tuple[Street, Node, Node, Node]) -> None:
    street, ada, bob, cleo = town
    new = restored(street, bob)
    new.up()
    where = ticket(cleo)
    ada.freeze()
    try:
        problem = new.refuses(IdReturn(ticket=where, entropy=new.entropy, wait_ms=500))
        assert problem.kind is FailKind.TIMED_OUT, "the witness is silent: nothing becomes final"
    finally:
        ada.thaw()
    new.kill()
    new.up()
    new.ask(IdReturn(ticket=where, entropy=new.entropy))
    assert machines(ada) == {bob.status()["peer"], new.status()["peer"]}
    assert new.ask(CreditPay(member="ada", amount="1 EUR"))["binding"] == "final"
    assert "one home, one network" in new.refuses(IdReturn(ticket=where, entropy=new.entropy)).sentence


def test_a_text_that_is_no_ticket_and_words_of_another_are_refused_before_anybody_is_dialled(alone: Street) -> None:
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada)
    bob.up()
    good = ticket(ada)
    for text, said in (
        ("let me in", "begins with dpnode-ticket-1-"),
        (good[:-7], "damaged"),
        (good[:-1] + ("a" if good[-1] != "a" else "b"), "damaged"),
    ):
        problem = bob.refuses(IdReturn(ticket=text, entropy=bob.entropy))
        assert problem.kind is FailKind.USAGE and said in problem.sentence
    assert "another member's" in bob.refuses(IdReturn(ticket=good, entropy=ada.entropy)).sentence
    problem = bob.refuses(IdReturn(ticket=good, entropy=bob.entropy))
    assert "no member here has this root key" in problem.sentence, "a stranger is told no more"
    ada.stop()
    problem = bob.refuses(IdReturn(ticket=good, entropy=bob.entropy, wait_ms=15_000))
    assert problem.kind is FailKind.FAILED and "cannot be reached" in problem.sentence
