"""A full disk stops signing and nothing else: real daemons, one of them on a small disk filled to the last byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from dpnode.control.questions.holdings import AssetList, AssetRegister, CreditOpen
from dpnode.control.questions.ledger import LedgerJournal, LedgerStatus, LedgerVerify
from dpnode.errors import FailKind
from tests.journeys.nodes import Node, NotStarted, Street, level, until
from tests.journeys.test_witnesses import LIMITS, goes_on, seat, votes
from tests.small_disks import fill, make_room, small_disk

DISK_BYTES = 8 << 20
MakeNode = Callable[[str], Node]


@pytest.fixture
def cramped(alone: Street) -> Iterator[MakeNode]:
    """Makes a node whose home is a disk of its own."""
    with ExitStack() as held:

        def make(name: str) -> Node:
            held.enter_context(small_disk(alone.folder / f"n{len(alone.nodes)}", DISK_BYTES))
            node = alone.node(name)
            held.callback(node.end)
            return node

        yield make


def is_said(node: Node) -> bool:
    """Whether `status` says in plain words that the disk is full."""
    return any("full" in line and "until there is room" in line for line in node.status()["reminders"])


def answers(node: Node) -> None:
    """Everything that only reads is answered."""
    assert node.ask(LedgerJournal())["entries"]
    assert node.ask(LedgerStatus())["height"] > 0
    assert node.ask(AssetList())["assets"] is not None
    done = node.dpnode("status")
    assert done.returncode == 0, done.stderr
    assert "is full" in done.stdout


def labels(node: Node) -> set[str]:
    """What its member owns."""
    return {row["label"] for row in node.ask(AssetList())["assets"]}


def test_a_witness_alone_on_a_full_disk_signs_nothing_answers_and_goes_on_by_itself(
    alone: Street, cramped: MakeNode
) -> None:
    ada, bob = cramped("ada"), alone.node("bob")
    alone.network(ada, bob)
    assert ada.ask(AssetRegister(label="vice", kind="tool"))["binding"] == "final"
    fill(ada.home.root)
    refused = ada.refuses(AssetRegister(label="anvil", kind="tool"))
    assert refused.kind is FailKind.FAILED and "is full" in refused.sentence
    until(lambda: is_said(ada), "status to say it")
    height = ada.height()
    status = ada.status()
    assert status["witness"] is False and status["seat"]["votes"] is False and "is full" in status["seat"]["why"]
    assert bob.ask(AssetRegister(label="hammer", kind="tool", wait_ms=500))["binding"] == "recorded"
    answers(ada)
    refused = ada.refuses(AssetRegister(label="saw", kind="tool"))
    assert "is full" in refused.sentence and "once there is room" not in refused.sentence
    assert ada.height() == height == bob.height()
    pid = ada.pid
    make_room(ada.home.root)
    until(lambda: ada.status()["witness"], "the witness to vote again")
    assert not is_said(ada) and ada.pid == pid
    assert ada.ask(AssetRegister(label="tongs", kind="tool"))["binding"] == "final"
    until(lambda: level(ada, bob), "the same ledger")
    assert labels(ada) == {"vice", "anvil", "tongs"}, "what was under way is done, what was refused is not"
    assert labels(bob) == {"hammer"}
    assert bob.ask(LedgerVerify())["height"] == bob.height()


def test_one_of_four_witnesses_on_a_full_disk_is_silent_and_the_others_go_on(alone: Street, cramped: MakeNode) -> None:
    nodes = [alone.node("founder"), cramped("guest1"), alone.node("guest2"), alone.node("guest3")]
    founder, *guests = nodes
    alone.network(*nodes, limits=LIMITS)
    founder.ask(CreditOpen(symbol="EUR", redeemable="a test"))
    until(lambda: level(*nodes), "the credit to be known")
    seat(founder, guests, voters=guests[:2])
    full = guests[0]
    fill(full.home.root)
    for _ in range(3):
        goes_on(founder)
    until(lambda: is_said(full), "status to say it")
    until(lambda: not votes(full), "it to say that it does not vote")
    height = full.height()
    for _ in range(3):
        goes_on(founder)
    assert full.height() == height < founder.height()
    answers(full)
    assert "is full" in full.refuses(AssetRegister(label="anvil", kind="tool")).sentence
    make_room(full.home.root)
    until(partial(votes, full), "the witness to vote again")
    until(lambda: level(*nodes), "the same ledger")
    guests[1].freeze()
    try:
        goes_on(founder)
    finally:
        guests[1].thaw()
    assert not any("is full" in line or "votes no more" in line for line in full.status()["reminders"])
    assert full.ask(LedgerVerify())["height"] == full.height()


def test_a_member_on_a_full_disk_reads_and_catches_up_once_there_is_room(alone: Street, cramped: MakeNode) -> None:
    ada, bob = alone.node("ada"), cramped("bob")
    alone.network(ada, bob)
    assert bob.ask(AssetRegister(label="vice", kind="tool"))["binding"] == "final"
    until(lambda: level(ada, bob), "the same ledger")
    fill(bob.home.root)
    for number in range(20):
        assert ada.ask(AssetRegister(label=f"tool {number}", kind="tool"))["binding"] == "final"
    until(lambda: is_said(bob), "status to say it")
    answers(bob)
    assert "is full" in bob.refuses(AssetRegister(label="anvil", kind="tool")).sentence
    assert bob.height() < ada.height()
    make_room(bob.home.root)
    until(lambda: level(ada, bob), "the same ledger")
    assert not is_said(bob) and labels(bob) == {"vice"}
    assert bob.ask(AssetRegister(label="saw", kind="tool"))["binding"] == "final"


def test_a_stop_on_a_full_disk_loses_nothing_a_start_says_what_it_needs_and_what_stands_can_be_read_meanwhile(
    alone: Street, cramped: MakeNode
) -> None:
    ada, bob = cramped("ada"), alone.node("bob")
    alone.network(ada, bob)
    made = ada.ask(AssetRegister(label="vice", kind="tool"))
    height = ada.height()
    for end in (ada.stop, ada.kill):
        fill(ada.home.root)
        end()
        fill(ada.home.root)
        with pytest.raises(NotStarted, match="is full: nothing") as refused:
            ada.up()
        assert refused.value.status == 1
        done = ada.dpnode("up")
        assert done.returncode == 1 and "is full" in done.stderr, done
        done = ada.dpnode("ledger", "journal")
        assert done.returncode == 0 and "vice" in done.stdout, done
        assert ada.reads(LedgerStatus())["height"] == height
        assert ada.dpnode("ledger", "verify").returncode == 0
        make_room(ada.home.root)
        ada.up()
        assert ada.height() == height and ada.status()["witness"]
    assert ada.ask(AssetRegister(label="anvil", kind="tool"))["binding"] == "final"
    assert made["binding"] == "final" and labels(ada) == {"vice", "anvil"}
    until(lambda: level(ada, bob), "the same ledger")
