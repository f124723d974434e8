"""Real daemons, each on a machine of its own: loss, a slow line, a partition that heals, and a router that hides one.

The machines are network namespaces, the wires between them are `tests.journeys.wires`. Everybody has the settings that
an owner has who changes nothing but the port. In the end of each case nothing is pending, all hold the same ledger,
and nobody gave a command to mend anything. A case that cannot run here says why, and has shown nothing.

    python -m tests.release.real_network loss --seed 7
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dpnode.control.questions.holdings import CreditIssue, CreditOpen, CreditPay
from dpnode.control.questions.ledger import LedgerVerify
from tests.journeys.histories import opened_credits
from tests.journeys.kills import Thread
from tests.journeys.nodes import Node, Street, level, pause, until
from tests.journeys.test_witnesses import is_settled, seat, seven, votes
from tests.journeys.wires import Line, Machine, Wiring, why_not

PORT = 4_077
LOSS = Line(lost_per_cent=5, delay_ms=100)
"""Of each machine: a round trip takes 200 ms, and a tenth of them lose something."""
SLOW_KBIT_PER_S = 256
HISTORY = 2_000
"""Credits of some 800 bytes: a late joiner's slow line is busy with them for most of a minute."""
PAYMENTS = 10
LONG_S = 180.0
"""For what a bad line, or a connection that nobody told of its end, may delay."""
LONG_MS = 60_000
SOON_S_MAX = 10.0
"""What becomes final while somebody else's line is bad, does so within this."""


class Spread(Street):
    """A street whose nodes live on machines of their own."""

    def __init__(self, wiring: Wiring) -> None:
        super().__init__()
        self.wiring = wiring
        self.machines: dict[str, Machine] = {}

    def on(self, machine: Machine, name: str) -> Node:
        """A new home on a machine."""
        made = super().node(name, network={"listen": [f"/ip4/0.0.0.0/tcp/{PORT}"], "allow_loopback": False})
        made.namespace, self.machines[name] = machine.namespace, machine
        return made

    def node(self, name: str, **settings: Any) -> Node:
        """A new home on a machine with a good line."""
        assert not settings
        return self.on(self.wiring.machine(), name)


@dataclass(slots=True)
class Told:
    """What a case counted."""

    payments: int = 0
    seconds_most: float = 0.0
    """The slowest of those that were waited for."""

    def pay(self, payer: Node, to: Node, times: int = 1) -> None:
        """Pay, each time until it is final."""
        for _ in range(times):
            began_s = time.monotonic()
            answer = payer.ask(CreditPay(member=to.name, amount="0.01 EUR", wait_ms=LONG_MS))
            assert answer["binding"] == "final", answer
            self.seconds_most = max(self.seconds_most, time.monotonic() - began_s)
            self.payments += 1


def join(founder: Node, *guests: Node) -> None:
    """Let them join a founder that runs, and give them money once somebody has opened the credit."""
    for guest in guests:
        guest.up()
        guest.join(founder.invite())
        answer = founder.ask(CreditIssue(amount="10.00 EUR", member=guest.name, wait_ms=LONG_MS))
        assert answer["binding"] == "final", answer
    until(lambda: level(founder, *guests), "the same ledger everywhere", LONG_S)


def found(founder: Node) -> None:
    """Found a network and open a credit."""
    founder.found()
    founder.up()
    founder.ask(CreditOpen(symbol="EUR", redeemable="a test", wait_ms=LONG_MS))


def ends_well(*nodes: Node) -> None:
    """Nothing is pending, all hold the same ledger, and each finds it right from the charter on."""
    until(partial(is_settled, nodes), "the same ledger everywhere", LONG_S)
    height, root = nodes[0].root()
    for node in nodes:
        checked = node.ask(LedgerVerify(), within_s=LONG_S)
        assert (checked["height"], checked["root"]) == (height, root), node.name


def loss(street: Spread) -> Told:
    """Three join and pay each other over lines that lose one packet in twenty and take their time."""
    told = Told()
    lines = [Line(lost_per_cent=LOSS.lost_per_cent, delay_ms=LOSS.delay_ms) for _ in range(3)]
    names = ("founder", "workshop", "customer")
    founder, workshop, customer = nodes = [
        street.on(street.wiring.machine(line), name) for line, name in zip(lines, names, strict=True)
    ]
    found(founder)
    join(founder, workshop, customer)
    for _ in range(PAYMENTS):
        told.pay(customer, workshop)
        told.pay(workshop, founder)
    ends_well(*nodes)
    assert all(street.machines[name].port.lost > 0 for name in names), "the lines lost nothing"
    return told


def slow(street: Spread) -> Told:
    """Who joins late over a slow line catches up, and keeps nobody from paying meanwhile."""
    told = Told()
    founder, member = street.node("founder"), street.node("member")
    opened_credits(founder, HISTORY)
    founder.up()
    founder.ask(CreditOpen(symbol="EUR", redeemable="a test"))
    join(founder, member)
    late = street.on(street.wiring.machine(Line(kbit_per_s=SLOW_KBIT_PER_S, delay_ms=30)), "late")
    late.up()
    joining = Thread(partial(late.join, founder.invite(), wait_ms=int(LONG_S * 1_000)))
    joining.start()
    while joining.is_alive():
        told.pay(member, founder)
        pause(1)
    assert joining.fault == "", joining.fault
    assert told.payments > PAYMENTS, "the line is not slow"
    assert told.seconds_most < SOON_S_MAX, f"a payment took {told.seconds_most:.1f} s while another caught up"
    founder.ask(CreditIssue(amount="1.00 EUR", member="late", wait_ms=LONG_MS))
    until(lambda: level(founder, late), "the late one to know its money", LONG_S)
    told.pay(late, member)
    ends_well(founder, member, late)
    return told


def partition(street: Spread) -> Told:
    """One of four witnesses is cut off and the others go on; with two cut off entries wait; healed, all are one."""
    told = Told()
    nodes = seven(street, joiners=4)
    founder, one, two, three, member = nodes
    seat(founder, nodes[1:4], voters=nodes[1:3])
    lines = {node: street.machines[node.name].line for node in nodes}
    lines[one].is_cut = True
    told.pay(member, founder, PAYMENTS)
    alone = one.ask(CreditPay(member="founder", amount="0.01 EUR", wait_ms=500))
    assert alone["binding"] == "recorded", "the one that is cut off has nobody to agree with"
    assert one.height() < founder.height()
    lines[two].is_cut = True
    waits = [node.ask(CreditPay(member="founder", amount="0.01 EUR", wait_ms=2_000)) for node in (member, three, two)]
    assert [answer["binding"] for answer in waits] == ["recorded"] * 3, "two of four are no quorum"
    lines[one].is_cut = lines[two].is_cut = False
    until(partial(is_settled, nodes), "everything to be final after the partition", LONG_S)
    told.payments += 4
    for node in nodes[:4]:
        until(partial(votes, node), f"{node.name} to vote", LONG_S)
    lines[member].is_cut = True
    waits = [member.ask(CreditPay(member="founder", amount="0.01 EUR", wait_ms=500))]
    told.pay(founder, three, PAYMENTS)
    assert waits[0]["binding"] == "recorded"
    lines[member].is_cut = False
    ends_well(*nodes)
    told.payments += 1
    return told


def nat(street: Spread) -> Told:
    """A member whom nobody can dial joins, trades, and comes back after a start, because it dials the others."""
    told = Told()
    founder, other = street.node("founder"), street.node("other")
    hidden = street.on(street.wiring.machine_behind_a_router(), "hidden")
    nodes = (founder, other, hidden)
    found(founder)
    join(founder, other, hidden)
    assert not answers(street.machines["founder"], street.machines["hidden"].address), "the router hides nobody"
    assert answers(street.machines["hidden"], street.machines["founder"].address)
    for again in range(2):
        told.pay(hidden, other, PAYMENTS)
        told.pay(other, hidden, PAYMENTS)
        until(lambda: founder.sees(hidden) and other.sees(hidden), "everybody to see the hidden one", LONG_S)
        if not again:
            hidden.kill()
            founder.ask(CreditIssue(amount="1.00 EUR", member="hidden"))
            hidden.up()
    ends_well(*nodes)
    return told


def answers(machine: Machine, address: str) -> bool:
    """Whether a machine can reach the daemon's port at an address."""

    def dial() -> bool:
        with socket.socket() as probe:
            probe.settimeout(2)
            return probe.connect_ex((address, PORT)) == 0

    return machine.inside(dial)


CASES: dict[str, tuple[Callable[[Spread], Told], tuple[str, ...]]] = {
    "loss": (loss, ()),
    "slow": (slow, ()),
    "partition": (partition, ()),
    "nat": (nat, ("nft",)),
}
"""By name: the case, and the programs it needs beside `ip`."""


def play(name: str, seed: int) -> dict[str, object]:
    """One case, and everything it made removed; faults are in the report."""
    case, programs = CASES[name]
    report: dict[str, object] = {"case": name, "seed": seed, "payments": 0, "faults": []}
    if missing := why_not(*programs):
        return {**report, "faults": [f"{name} was skipped: {missing}"]}
    began_s = time.monotonic()
    with Wiring(seed) as wiring:
        street = Spread(wiring)
        try:
            told = case(street)
            report |= {"payments": told.payments, "payment_seconds_most": round(told.seconds_most, 2)}
        except AssertionError as fault:
            report["faults"] = [f"{name}: {fault}"]
        finally:
            for again in (signal.SIGINT, signal.SIGTERM):  # whoever is told twice to end still leaves nothing behind
                signal.signal(again, signal.SIG_IGN)
            street.close()
    return report | {"seconds": round(time.monotonic() - began_s, 1)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one; 0 only if it ran and held."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.release.real_network", description="Daemons in network namespaces, on bad lines."
    )
    parser.add_argument("case", choices=sorted(CASES))
    parser.add_argument("--seed", type=int, default=1, help="of the packets that are lost")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and leave nothing behind then, either
    report = play(given.case, given.seed)
    print(json.dumps(report) if given.json else "\n".join(f"{name}: {value}" for name, value in report.items()))
    return 1 if report["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
