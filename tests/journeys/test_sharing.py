"""One ledger at several nodes: entries travel, roots agree, whoever was away catches up, the dead are noticed."""

from __future__ import annotations

import time

import pytest

from dpnode.control.questions.capability import CapabilityAdd, DirectorySearch
from dpnode.control.questions.holdings import AssetRegister, CreditIssue, CreditOpen, CreditPay
from dpnode.control.questions.ledger import LedgerBalance, LedgerJournal, LedgerStatus, LedgerVerify
from dpnode.control.questions.node import Peers
from dpnode.errors import FailKind, Problem
from tests.journeys.nodes import Node, Street, level, offer_file, until

QUICK = {"ping_interval_ms": 1_000, "ping_deadline_ms": 500, "redial_ms_min": 100, "redial_ms_max": 1_000}
DIRECTORY_S_MAX = 1.0
"""A late joiner has the directory within a second of being connected."""


def register(node: Node, name: str, **fields: int) -> dict[str, object]:
    return node.ask(AssetRegister(label=name, kind="tool", **fields))


def test_what_one_enters_the_other_holds_under_the_same_root(alone: Street) -> None:
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada, bob)
    assert register(ada, "lathe")["binding"] == "final"
    assert register(bob, "saw")["binding"] == "final", "a member's own entry is final when the answer comes"
    height, root = until(lambda: level(ada, bob), "the same ledger")
    seen = [line["text"] for line in bob.ask(LedgerJournal(family="assets"))["entries"]]
    assert any("lathe" in what for what in seen) and any("saw" in what for what in seen)
    for node in (ada, bob):
        checked = node.ask(LedgerVerify())
        assert (checked["height"], checked["root"]) == (height, root)
        assert node.reads(LedgerStatus())["root"] == root, "read from the database, it is the same"


def test_a_node_that_was_away_catches_up_with_what_it_missed(alone: Street) -> None:
    ada, bob, cleo = alone.node("ada"), alone.node("bob"), alone.node("cleo")
    alone.network(ada, bob, cleo)
    cleo.kill()
    for number in range(5):
        register(ada, f"vice {number}")
        register(bob, f"file {number}")
    behind = cleo.reads(LedgerStatus())["height"]
    cleo.up()
    height, _ = until(lambda: level(ada, bob, cleo), "the one that was away to catch up")
    assert height >= behind + 2
    assert cleo.ask(LedgerVerify())["height"] == height


def test_an_entry_made_while_the_witness_is_away_becomes_final_once_it_is_back(alone: Street) -> None:
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada, bob)
    before = bob.height()
    ada.kill()
    made = bob.ask(AssetRegister(label="anvil", kind="tool", wait_ms=200))
    assert made["binding"] == "recorded", "nobody is there to order it"
    assert bob.status()["pending"] == 1
    bob.kill()
    bob.up()
    assert bob.status()["pending"] == 1, "what was acknowledged outlives its daemon"
    ada.up()
    until(lambda: bob.height() > before and bob.status()["pending"] == 0, "the entry to become final")
    entries = ada.ask(LedgerJournal(family="assets"))["entries"]
    assert [line["id"] for line in entries] == [made["entry"]]
    assert level(ada, bob)


def test_entries_reach_a_member_through_others_when_the_author_has_left(alone: Street) -> None:
    """Bob writes while the witness is away; Cleo holds a copy and hands it on when Bob, too, is gone."""
    ada, bob, cleo = alone.node("ada"), alone.node("bob"), alone.node("cleo")
    alone.network(ada, bob, cleo)
    ada.kill()
    made = bob.ask(AssetRegister(label="anvil", kind="tool", wait_ms=100))
    until(lambda: cleo.status()["pending"] == 1, "the entry to reach the other member")
    bob.kill()
    ada.up()
    until(lambda: cleo.status()["pending"] == 0, "the entry to become final")
    entries = ada.ask(LedgerJournal(family="assets"))["entries"]
    assert [line["id"] for line in entries] == [made["entry"]]


def test_a_late_joiner_has_the_directory_within_a_second_of_being_connected(alone: Street) -> None:
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada, bob)
    ada.ask(CreditOpen(symbol="EUR", redeemable="bread"))
    until(lambda: level(ada, bob), "the credit to be known")
    bob.ask(CapabilityAdd(path=str(offer_file(alone.folder, "printer.toml"))))
    until(lambda: ada.ask(DirectorySearch())["adverts"], "the advert to arrive")
    cleo = alone.node("cleo")
    cleo.up()
    cleo.join(ada.invite())
    began_s = time.monotonic()
    until(lambda: cleo.ask(DirectorySearch())["adverts"], "the directory")
    assert time.monotonic() - began_s < DIRECTORY_S_MAX


def test_a_frozen_peer_is_noticed_by_ping_and_dialled_again_when_it_lives(alone: Street) -> None:
    ada, bob = alone.node("ada", network=QUICK), alone.node("bob", network=QUICK)
    alone.network(ada, bob)
    bob.freeze()
    began_s = time.monotonic()
    until(lambda: not ada.sees(bob), "the frozen peer to be noticed")
    assert time.monotonic() - began_s < 6
    assert "did not answer a ping" in ada.log()
    register(ada, "lathe")
    bob.thaw()
    until(lambda: ada.sees(bob) and bob.sees(ada), "them to be connected again")
    until(lambda: level(ada, bob), "the thawed one to catch up")


def test_a_peer_that_is_gone_is_shown_as_away(alone: Street) -> None:
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada, bob)
    bob.kill()
    rows = until(
        lambda: [row for row in ada.ask(Peers())["peers"] if row["state"] == "away"], "the killed peer to be away"
    )
    assert [row["member"]["name"] for row in rows] == ["bob"]


def test_money_that_is_not_there_is_refused_before_anything_is_signed(alone: Street) -> None:
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada, bob)
    ada.ask(CreditOpen(symbol="EUR", redeemable="bread"))
    ada.ask(CreditIssue(amount="5.00 EUR", member="bob"))
    until(lambda: level(ada, bob), "the credit to be known")
    before = bob.root()
    with pytest.raises(Problem) as refused:
        bob.ask(CreditPay(member="ada", amount="5.01 EUR"))
    assert refused.value.kind is FailKind.REFUSED
    assert bob.root() == before and bob.status()["pending"] == 0
    assert bob.ask(CreditPay(member="ada", amount="5.00 EUR"))["binding"] == "final"
    until(lambda: level(ada, bob), "the payment to be known")
    (row,) = ada.ask(LedgerBalance(member="ada"))["accounts"]
    assert row["free"]["amount"] == 500
