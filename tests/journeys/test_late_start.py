"""Who joins late fetches a snapshot by itself, from whoever has it, and goes on after every interruption.

SPEC P-93 to P-99 with real daemons: killed and frozen in the middle, with one machine and with two.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from dpnode.control.questions.holdings import CreditIssue, CreditOpen
from dpnode.control.questions.identity import IdReturn, IdTicket
from dpnode.control.questions.ledger import LedgerStatus, LedgerVerify
from dpnode.control.questions.node import Status
from dpnode.errors import Problem
from tests.journeys.histories import opened_credits
from tests.journeys.kills import Thread
from tests.journeys.nodes import Node, Street, free_port, level, pause, street, until
from tests.journeys.test_keys import restored

CREDITS = 12_000
"""Some eight megabytes of state: 64 pieces."""
EARLY = 3
"""Pieces after which something happens: a twentieth of them."""
LATE = {"ledger": {"snapshot_from_entries": 1_000}}
FINISHED_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Long:
    """A founder with a long ledger, and a member who replayed it."""

    street: Street
    founder: Node
    early: Node

    def guest(self, name: str) -> Node:
        """Somebody whose node does not replay a ledger this long."""
        made = self.street.node(name, **LATE)
        made.up()
        return made


@pytest.fixture(scope="module")
def long() -> Iterator[Long]:
    with street() as made:
        founder, early = made.node("ada"), made.node("early")
        opened_credits(founder, CREDITS)
        founder.up()
        early.up()
        early.join(founder.invite())
        until(lambda: level(founder, early), "the same ledger", FINISHED_S)
        yield Long(street=made, founder=founder, early=early)


def come(guest: Node) -> list[Path]:
    """The pieces on a guest's disk."""
    try:
        return [path for path in guest.home.late.iterdir() if len(path.name) == 64]
    except FileNotFoundError:
        return []


def joining(guest: Node, invitation: str) -> Thread:
    """A guest that joins, in a thread, until some pieces have come."""
    thread = Thread(partial(guest.join, invitation, wait_ms=60_000))
    thread.start()
    deadline = threading.Event()
    timer = threading.Timer(FINISHED_S, deadline.set)
    timer.start()
    while len(come(guest)) < EARLY:
        assert thread.is_alive() and not deadline.is_set(), thread.fault or "no piece came"
        pause(0.001)
    timer.cancel()
    return thread


def test_who_joins_late_begins_with_a_snapshot_by_itself_and_follows(long: Long) -> None:
    """P-93, P-94."""
    guest = long.guest("bob")
    guest.join(long.founder.invite())
    assert guest.ask(LedgerStatus())["from"] > CREDITS // 100
    assert not guest.home.late.exists()
    assert "snapshot" not in guest.ask(Status())
    long.founder.ask(CreditOpen(symbol="EUR", redeemable="bread"))
    long.founder.ask(CreditIssue(amount="5.00 EUR", member="bob"))
    until(lambda: level(long.founder, guest), "the same ledger")
    assert guest.ask(LedgerVerify(), within_s=60)["root"] == guest.root()[1]


def test_who_wants_the_whole_ledger_gets_it(long: Long) -> None:
    """P-93."""
    guest = long.guest("whole")
    guest.join(long.founder.invite(), whole=True)
    until(lambda: level(long.founder, guest), "the same ledger", FINISHED_S)
    assert "from" not in guest.ask(LedgerStatus())


def test_a_ledger_that_is_not_long_enough_is_replayed(long: Long) -> None:
    """P-98."""
    guest = long.street.node("short")
    guest.up()
    guest.join(long.founder.invite())
    until(lambda: level(long.founder, guest), "the same ledger", FINISHED_S)
    assert "from" not in guest.ask(LedgerStatus())
    assert not guest.home.late.exists()


def test_killed_in_the_middle_it_goes_on_with_what_has_come(long: Long) -> None:
    """P-95, P-97: what is on the disk is not fetched again, and what a power cut spoiled is."""
    guest = long.guest("cleo")
    thread = joining(guest, long.founder.invite())
    long.founder.freeze()
    long.early.freeze()
    guest.kill()
    thread.join()
    there = come(guest)
    spoiled = there[0]
    spoiled.write_bytes(spoiled.read_bytes()[:-1])
    guest.up()
    try:
        seen = guest.ask(Status())["snapshot"]
        assert EARLY <= seen["pieces"] == len(there) < seen["of"]
        assert "pieces of the state after block" in guest.dpnode("status").stdout
        with pytest.raises(Problem, match="a snapshot of the network's ledger is still fetched"):
            guest.ask(LedgerVerify())
    finally:
        long.founder.thaw()
        long.early.thaw()
    until(lambda: "snapshot" not in guest.ask(Status()), "the snapshot", FINISHED_S)
    until(lambda: level(long.founder, guest), "the same ledger", FINISHED_S)
    assert guest.ask(LedgerStatus())["from"] > CREDITS // 100
    assert "a piece of the snapshot on this disk is fetched again" in guest.log()
    assert not guest.home.late.exists()


def test_with_one_of_two_machines_frozen_in_the_middle_the_other_brings_the_rest(long: Long) -> None:
    """P-95, P-97, P-99: the second is known only because the first has named it."""
    guest = long.guest("dora")
    thread = joining(guest, long.founder.invite())
    long.founder.freeze()
    try:
        assert EARLY <= guest.ask(Status())["snapshot"]["pieces"] < guest.ask(Status())["snapshot"]["of"]
        until(lambda: "snapshot" not in guest.ask(Status()), "the snapshot", FINISHED_S)
        assert guest.ask(LedgerStatus())["from"] > CREDITS // 100
        thread.join(FINISHED_S)
        assert thread.fault == ""
    finally:
        long.founder.thaw()
    until(lambda: level(long.founder, long.early, guest), "the same ledger", FINISHED_S)


@pytest.fixture(scope="module")
def gone(long: Long) -> Node:
    """A member whose machine is no more."""
    before = long.guest("elma")
    before.join(long.founder.invite())
    until(lambda: level(long.founder, before), "the same ledger", FINISHED_S)
    before.kill()
    return before


@pytest.fixture(scope="module")
def file(long: Long) -> str:
    """A snapshot in a file."""
    path = long.street.folder / "snapshot"
    made = long.founder.dpnode("ledger", "snapshot", "--out", str(path))
    assert made.returncode == 0, made.stderr
    return str(path)


@pytest.mark.parametrize("way", ["from the machines", "from a file", "whole"])
def test_who_comes_back_from_words_begins_as_who_joins_does(long: Long, gone: Node, file: str, way: str) -> None:
    """P-93."""
    again = restored(long.street, gone)
    again.settle({"network": {"listen": [f"/ip4/127.0.0.1/tcp/{free_port()}"]}, **LATE})
    again.up()
    ticket = long.founder.ask(IdTicket())["ticket"]
    snapshot = file if way == "from a file" else None
    again.ask(
        IdReturn(ticket=ticket, entropy=again.entropy, snapshot=snapshot, whole=way == "whole"), within_s=FINISHED_S
    )
    assert ("from" in again.ask(LedgerStatus())) is (way != "whole")
    until(lambda: level(long.founder, again), "the same ledger", FINISHED_S)
    again.kill()
