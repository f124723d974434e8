"""Seven real daemons, four of them witnesses: seats taken by vote while entries flow, one of four down at any time."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from dpnode.control.questions.holdings import CreditIssue, CreditOpen, CreditPay
from dpnode.control.questions.ledger import LedgerBlocks, LedgerVerify
from dpnode.control.questions.motion import MotionList, MotionOpen, MotionVote
from dpnode.control.questions.network import NetworkShow, NetworkWitnesses
from dpnode.control.questions.witness import WitnessAccept, WitnessRekey, WitnessResign
from dpnode.errors import FailKind, Problem
from tests.journeys.kills import Payments, Thread, lost
from tests.journeys.nodes import Node, Street, level, until

ENTRIES = 2_000
AT_ONCE = 2
"""Commands under way at each of four members."""
LIMITS = {"day_entries": 1_000_000, "day_bytes": 1 << 40, "motions_open": 8, "vote_after_ms": 0}
"""Every member has a vote from the first day; one member opens all motions here."""
LONG_S = 60.0
"""For what waits for everything that is pending, on two busy cores."""
LONG_MS = 60_000


@dataclass(slots=True)
class Payer(Payments):
    """Pays without waiting for finality nine times in ten, as often as it is told."""

    name: str = ""

    def pay_so_often(self, times: int, paid: threading.Semaphore) -> None:
        """Pay; each payment that was acknowledged is counted in `paid`."""
        while times:
            self.count += 1
            note = f"{self.name} {self.count}"
            try:
                asked = CreditPay(member=self.to, amount="0.01 EUR", note=note, wait_ms=0 if self.count % 10 else 500)
                answer = self.node.ask(asked)
            except Problem as problem:
                assert problem.kind in (FailKind.FAILED, FailKind.DAEMON_DOWN), problem.sentence
                self.unknown.append(note)
                continue
            if answer["binding"] == "final":
                self.final[note] = (answer["entry"], answer["height"])
            else:
                self.recorded[note] = answer["entry"]
            times -= 1
            paid.release()


def test_four_of_seven_witnesses_lose_nothing_with_one_killed_and_one_frozen(alone: Street) -> None:
    """V-2, G-4: the seats are taken while entries flow, and every member holds the same ledger in the end."""
    nodes = seven(alone)
    founder, *guests = nodes
    paying = [*guests[3:], founder] * AT_ONCE
    payers = [Payer(node, "guest1", name=f"{node.name}/{number}") for number, node in enumerate(paying)]
    paid = threading.Semaphore(0)
    threads = [Thread(payer.pay_so_often, ENTRIES // len(payers), paid) for payer in payers]
    for thread in threads:
        thread.start()
    seat(founder, guests[:3], voters=guests[3:6])
    for node in nodes[:4]:
        until(partial(votes, node), f"{node.name} to vote", LONG_S)
        assert node.status()["withstands"] == "4 witnesses: keeps going with any one down or lying"
    taken(paid, ENTRIES // 5)
    guests[0].kill()
    taken(paid, ENTRIES // 5)
    goes_on(founder)
    guests[0].up()
    until(lambda: votes(guests[0]), "the killed witness to vote again", LONG_S)
    with frozen(guests[1]):
        taken(paid, ENTRIES // 5)
        goes_on(founder)
    until(lambda: votes(guests[1]), "the frozen witness to vote again", LONG_S)
    for thread in threads:
        thread.join(LONG_S)
    assert [thread.fault for thread in threads if thread.fault] == []
    until(lambda: is_settled(nodes), "the same ledger everywhere", LONG_S)
    assert len({node.ask(LedgerBlocks(limit=1))["blocks"][0]["id"] for node in nodes}) == 1
    assert sum(len(payer.final) + len(payer.recorded) for payer in payers) == ENTRIES
    assert lost(founder, payers) == []
    assert guests[5].ask(LedgerVerify())["height"] == founder.height()


def test_a_witness_whose_votes_folder_is_gone_says_so_is_rekeyed_and_votes_again_and_one_of_four_resigns(
    alone: Street,
) -> None:
    """V-21, G-3, G-6, G-8: no journal, no key; and no key ever sits twice."""
    nodes = seven(alone, joiners=3)
    founder, *guests = nodes
    seat(founder, guests, voters=guests[:2])
    unlucky, leaver, other = guests
    old = key_of(unlucky)
    unlucky.stop()
    shutil.rmtree(unlucky.home.votes)
    unlucky.up()
    told = unlucky.status()
    assert told["seat"]["votes"] is False and "voting key" in told["seat"]["why"]
    assert any("dpnode witness rekey" in line for line in told["reminders"])
    goes_on(founder)
    assert key_of(unlucky) == old, "trying changes nothing"
    assert unlucky.ask(WitnessRekey(dry_run=True))["dry_run"]
    answer = unlucky.ask(WitnessRekey())
    assert (answer["binding"], answer["old_key"]) == ("final", old)
    until(lambda: votes(unlucky), "the witness to vote under its fresh key")
    assert key_of(unlucky) == answer["key"] != old
    assert not unlucky.home.votes_next.exists()
    with frozen(other):
        goes_on(founder)
    retired = public_key(leaver)
    assert leaver.ask(WitnessResign())["binding"] == "final"
    until(lambda: "seat" not in leaver.status(), "the seat to be empty")
    until(lambda: public_key(leaver) not in (None, retired), "a fresh key for a later seat")
    said = "3 witnesses: every one of them must be up, or nothing becomes final"
    until(lambda: founder.status()["withstands"] == said, "three witnesses")
    assert founder.ask(NetworkShow())["withstands"] == said
    for node in (founder, unlucky, other):
        until(partial(votes, node), f"{node.name} to vote in the new epoch")
    goes_on(founder)
    unlucky.stop()
    unlucky.up()
    until(lambda: votes(unlucky), "the fresh key to outlive a start")
    seat(founder, [leaver], voters=[unlucky, other])
    until(lambda: votes(leaver), "the one who left to vote again")
    until(lambda: level(*nodes), "the same ledger everywhere")


def test_a_witness_whose_votes_folder_is_an_older_one_stops_voting_and_goes_on_under_a_fresh_key(alone: Street) -> None:
    """V-21: the others saw a vote that its journal has not."""
    nodes = seven(alone, joiners=3)
    founder, restored, *others = nodes
    seat(founder, nodes[1:], voters=nodes[1:3])
    restored.stop()
    older = restored.home.root / "older"
    shutil.copytree(restored.home.votes, older)
    restored.up()
    until(partial(votes, restored), "the witness to vote")
    with frozen(others[0]), frozen(others[1]):
        # Votes are cast and nothing can become final: they stay above the floor.
        assert founder.ask(CreditIssue(amount="1.00 EUR", wait_ms=1_500))["binding"] == "recorded"
        restored.kill()
        shutil.rmtree(restored.home.votes)
        older.rename(restored.home.votes)
        restored.up()
    until(lambda: "is not in its journal" in restored.status()["seat"].get("why", ""), "the witness to stop voting")
    goes_on(founder)
    told = restored.status()
    assert any("votes no more" in line for line in told["alarms"])
    assert any("dpnode witness rekey" in line for line in told["reminders"])
    restored.stop()
    restored.up()
    assert "is not in its journal" in restored.status()["seat"]["why"], "a mark in the journal outlives a start"
    assert restored.ask(WitnessRekey(wait_ms=LONG_MS))["binding"] == "final"
    until(partial(votes, restored), "the witness to vote under its fresh key")
    with frozen(others[0]):
        goes_on(founder)
    until(lambda: level(*nodes), "the same ledger everywhere")


# -- what the tests above are made of


def seven(street: Street, joiners: int = 6) -> list[Node]:
    """A founder and so many joiners, each with money."""
    nodes = [street.node("founder"), *(street.node(f"guest{number}") for number in range(1, joiners + 1))]
    street.network(*nodes, limits=LIMITS)
    founder = nodes[0]
    founder.ask(CreditOpen(symbol="EUR", redeemable="a test"))
    for node in nodes:
        founder.ask(CreditIssue(amount="1000.00 EUR", member=node.name))
    until(lambda: level(*nodes), "the credit to be known")
    return nodes


def seat(founder: Node, guests: Sequence[Node], voters: Sequence[Node]) -> None:
    """Have the members give each guest a seat, one after the other, and each take it."""
    for guest in guests:
        motion = founder.ask(MotionOpen(kind="seat", member=guest.name, wait_ms=LONG_MS))
        assert motion["binding"] == "final", motion
        for voter in (founder, *voters):
            until(partial(knows, voter, motion["id"]), f"{voter.name} to know the motion", LONG_S)
            voter.ask(MotionVote(id=motion["id"], yes=True, wait_ms=LONG_MS))
        until(partial(may_sit, guest), f"{guest.name} to be told of the seat", LONG_S)
        taken_seat = guest.ask(WitnessAccept(wait_ms=LONG_MS))
        assert taken_seat["binding"] == "final", taken_seat
        until(partial(votes, guest), f"{guest.name} to vote", LONG_S)


def may_sit(node: Node) -> bool:
    """Whether a node tells its owner how to take a seat."""
    return any("dpnode witness accept" in line for line in node.status()["reminders"])


def knows(node: Node, motion: str) -> bool:
    """Whether a node's ledger holds a motion."""
    return any(one["id"] == motion for one in node.ask(MotionList(everything=True))["motions"])


def votes(node: Node) -> bool:
    """Whether a node says that it votes."""
    return bool(node.status().get("seat", {}).get("votes"))


def public_key(node: Node) -> bytes | None:
    """The voting key that lies in a node's votes folder."""
    voting = node.identity.voting
    return None if voting is None else voting.public


def key_of(node: Node) -> Any:
    """The voting key that sits for a node's member."""
    rows = node.ask(NetworkWitnesses())["witnesses"]
    return next(row["key"] for row in rows if row["member"]["name"] == node.name)


def goes_on(node: Node) -> None:
    """An entry becomes final now."""
    answer = node.ask(CreditIssue(amount="1.00 EUR", wait_ms=LONG_MS))
    assert answer["binding"] == "final", answer


def is_settled(nodes: Sequence[Node]) -> bool:
    """Whether nothing is pending and all hold the same ledger."""
    return all(node.status()["pending"] == 0 for node in nodes) and level(*nodes) is not None


def taken(paid: threading.Semaphore, count: int) -> None:
    """Wait until so many more payments were acknowledged."""
    for _ in range(count):
        assert paid.acquire(timeout=LONG_S), "payments are acknowledged no more"


@contextmanager
def frozen(node: Node) -> Iterator[None]:
    """The node is there and says nothing for the length of a block."""
    node.freeze()
    try:
        yield
    finally:
        node.thaw()
