"""kill -9 of real daemons while entries flow: what was acknowledged is never lost, and nobody repairs anything.

A witness and a member pay each other. Each payment carries its own number in its note, and what the daemon answered is
written down here: `recorded` or `final`. In between, one of the two is killed at a random instant, starts and stops
included, and simply started again. In the end every acknowledged payment stands on the ledger once, what was final
still stands where it was, and the ledger verifies at both.

    python -m tests.journeys.kills --kills 2000 --seed 7
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from dpnode.control.questions.holdings import CreditIssue, CreditOpen, CreditPay
from dpnode.control.questions.ledger import LedgerJournal, LedgerStatus, LedgerVerify
from dpnode.errors import FailKind, Problem
from tests.journeys.nodes import Node, level, pause, street, until

LIMITS = {"day_entries": 1_000_000, "day_bytes": 1 << 40}
"""A campaign writes more than a day's share of one member."""
ALIVE_S_MAX = 0.4
"""A daemon is killed at a random moment of its first so many seconds after it answers ..."""
START_S_MAX = 0.3
"""... or, one time in four, while it starts."""
ACKNOWLEDGED_S_MAX = 60.0
PAGE = 500


@dataclass(slots=True)
class Payments:
    """What one node's owner was told about each payment."""

    node: Node
    to: str
    final: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Note -> (entry, height)."""
    recorded: dict[str, str] = field(default_factory=dict)
    """Note -> entry."""
    unknown: list[str] = field(default_factory=list)
    """Asked while the daemon died: may stand on the ledger or not."""
    count: int = 0

    def pay(self, stopped: threading.Event, resting: threading.Event) -> None:
        """Pay a cent again and again until told to stop."""
        while not stopped.is_set():
            self.count += 1
            note = f"{self.node.name} {self.count}"
            wait_ms = 2_000 if self.count % 3 else 0
            try:
                answer = self.node.ask(CreditPay(member=self.to, amount="0.01 EUR", note=note, wait_ms=wait_ms))
            except Problem as problem:
                if problem.kind is FailKind.DAEMON_DOWN:
                    self.count -= 1
                elif problem.kind is FailKind.FAILED:
                    self.unknown.append(note)
                else:
                    raise AssertionError(f"{note}: {problem.sentence}") from problem
                # Until whoever kills has started it again.
                resting.wait(0.02)
                continue
            if answer["binding"] == "final":
                self.final[note] = (answer["entry"], answer["height"])
            else:
                self.recorded[note] = answer["entry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a campaign came to."""

    seed: int
    kills: int
    while_starting: int
    final: int
    recorded: int
    unknown: int
    height: int
    seconds: float
    faults: tuple[str, ...]


def campaign(kills: int, seed: int) -> Report:
    """Kill both nodes, `kills` times together; the faults found are in the report."""
    began_s = time.monotonic()
    with street() as made:
        witness, member = made.node("witness"), made.node("member")
        made.network(witness, member, limits=LIMITS)
        witness.ask(CreditOpen(symbol="EUR", redeemable="a test"))
        for name in ("witness", "member"):
            witness.ask(CreditIssue(amount="100000.00 EUR", member=name))
        until(lambda: level(witness, member), "the credit to be known")
        sides = [Payments(witness, "member"), Payments(member, "witness")]
        stopped, resting = threading.Event(), threading.Event()
        payers = [Thread(side.pay, stopped, resting) for side in sides]
        killers = [
            Thread(kill, side.node, kills // 2 + (kills % 2 if side is sides[0] else 0), random.Random(seed + index))
            for index, side in enumerate(sides)
        ]
        for thread in payers + killers:
            thread.start()
        for thread in killers:
            thread.join()
        stopped.set()
        for thread in payers:
            thread.join()
        faults = [thread.fault for thread in payers + killers if thread.fault]
        if not faults:
            until(lambda: settled(witness, member), "everything acknowledged to become final", ACKNOWLEDGED_S_MAX)
            faults = [fault for node in (witness, member) for fault in lost(node, sides)]
            faults += [fault for node in (witness, member) for fault in unverified(node)]
        return Report(
            seed=seed,
            kills=kills,
            while_starting=sum(thread.result or 0 for thread in killers),
            final=sum(len(side.final) for side in sides),
            recorded=sum(len(side.recorded) for side in sides),
            unknown=sum(len(side.unknown) for side in sides),
            height=witness.height(),
            seconds=round(time.monotonic() - began_s, 1),
            faults=tuple(faults),
        )


class Thread(threading.Thread):
    """A thread whose failure is a fault of the campaign instead of a line on stderr."""

    def __init__(self, work: object, *arguments: object) -> None:
        super().__init__(daemon=True)
        self._work, self._arguments = work, arguments
        self.fault = ""
        self.result: int | None = None

    def run(self) -> None:
        """Do the work."""
        try:
            self.result = self._work(*self._arguments)  # type: ignore[operator]
        except BaseException as problem:  # the edge of this thread: it becomes a fault of the report
            self.fault = f"{type(problem).__name__}: {problem}"


def kill(node: Node, times: int, dice: random.Random) -> int:
    """Kill and start a node again; returns how many of the kills hit it while it started."""
    starting = 0
    for _ in range(times):
        pause(dice.random() * ALIVE_S_MAX)
        node.kill()
        node.begin()
        while dice.random() < 0.25:
            pause(dice.random() * START_S_MAX)
            node.kill()
            starting += 1
            node.begin()
        node.ready()
    return starting


def settled(*nodes: Node) -> bool:
    """Whether nothing is pending and all hold the same ledger."""
    return all(node.ask(LedgerStatus())["pending"] == 0 for node in nodes) and level(*nodes) is not None


def lost(node: Node, sides: Sequence[Payments]) -> list[str]:
    """What was acknowledged and does not stand on this node's ledger as it was told, or stands twice."""
    standing, times = on_ledger(node)
    faults = [f"{node.name}: {note!r} stands {count} times" for note, count in times.items() if count > 1]
    for side in sides:
        for note, (entry, height) in side.final.items():
            if standing.get(entry) != (note, height):
                faults.append(f"{node.name}: {note!r} was final at {height}; now {standing.get(entry)}")
        for note, entry in side.recorded.items():
            if entry not in standing or standing[entry][0] != note:
                faults.append(f"{node.name}: {note!r} was recorded and is lost")
    return faults


def on_ledger(node: Node) -> tuple[dict[str, tuple[str, int]], Counter[str]]:
    """Entry -> (note, height) of every payment that was applied, and how often each note stands."""
    standing: dict[str, tuple[str, int]] = {}
    times: Counter[str] = Counter()
    before: int | None = None
    while True:
        page = node.ask(LedgerJournal(family="credits", limit=PAGE, before_height=before))
        for line in page["entries"]:
            note = line["text"].rpartition(": ")[2]
            if line["operation"] == "credits.pay/1" and line["outcome"] == "ok" and line["id"] not in standing:
                standing[line["id"]] = (note, line["height"])
                times[note] += 1
        if not page["more"]:
            return standing, times
        # A block may be cut in two by a page: the next one begins with its height again.
        before = page["entries"][-1]["height"] + 1


def unverified(node: Node) -> list[str]:
    """What `ledger verify` says against a node's ledger."""
    try:
        node.ask(LedgerVerify(), within_s=300)
    except Problem as problem:
        return [f"{node.name}: {problem.sentence}"]
    return []


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign; 0 only if nothing was lost."""
    about = "Kill real daemons while entries flow; nothing acknowledged may be lost."
    parser = argparse.ArgumentParser(prog="scripts/kill_campaign", description=about)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    report = campaign(given.kills, given.seed)
    if given.json:
        print(json.dumps({name: getattr(report, name) for name in Report.__slots__}))
    else:
        print(
            f"{report.kills} kills (and {report.while_starting} of daemons that were starting) in {report.seconds} s, "
            f"seed {report.seed}: {report.final} payments were told final, {report.recorded} recorded, "
            f"{report.unknown} asked of a dying daemon; height {report.height}"
        )
        for fault in report.faults:
            print(f"FAULT {fault}")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
