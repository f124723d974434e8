"""Seven real daemons, four of them witnesses, a kill every so often for hours: what must not grow does not.

Four are killed in turn, at random, and started again; three never are, and theirs are the memory and the descriptors
that must stay flat. Everybody pays the next one all the while. In the end nothing acknowledged is lost, all hold the
same ledger, and no log has outgrown its bound.

    python -m tests.release.soak --minutes 480 --every 60 --seed 7
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from dpnode.log import LOG_BYTES_MAX, LOG_FILES_KEPT
from tests.journeys.kills import Payments, Thread, lost, unverified
from tests.journeys.nodes import Node, pause, street, until
from tests.journeys.test_witnesses import is_settled, seat, seven

PAUSE_S = 0.25
"""Between two payments of one member: some thirty entries a second in all, as long as it takes."""
SETTLED_S_MAX = 120.0
GROWTH_BYTES_MAX = 24 << 20
GROWTH_PER_CENT_MAX = 10
"""What three daemons may gain between the second quarter of the time and the last: caches fill, the ledger grows."""
MORE_DESCRIPTORS_MAX = 16
"""Connections that are being dialled while others are still closing."""
LOGS_BYTES_MAX = (1 + LOG_FILES_KEPT) * LOG_BYTES_MAX + (64 << 10)
"""A file is begun anew before the line that would outgrow it; Python's own faults stand beside them."""


class Paced(threading.Event):
    """An end that is looked at no more often than somebody pays."""

    def is_set(self) -> bool:
        """Whether it is over; waits a little first."""
        return self.wait(PAUSE_S)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one daemon holds at one moment."""

    memory_bytes: int
    descriptors: int


def soak(minutes: float, every_s: float, seed: int) -> dict[str, object]:
    """The whole of it; faults are in the report."""
    dice, began_s = random.Random(seed), time.monotonic()
    with street() as made:
        nodes = seven(made)
        seat(nodes[0], nodes[1:4], voters=nodes[4:7])
        killed, steady = [nodes[1], nodes[2], nodes[4], nodes[5]], [nodes[0], nodes[3], nodes[6]]
        sides = [Payments(node, nodes[(i + 1) % len(nodes)].name) for i, node in enumerate(nodes)]
        stopped, resting = Paced(), threading.Event()
        payers = [Thread(side.pay, stopped, resting) for side in sides]
        for thread in payers:
            thread.start()
        samples: dict[str, list[Sample]] = {node.name: [] for node in steady}
        kills, end_s = 0, time.monotonic() + 60 * minutes
        while time.monotonic() < end_s and not any(thread.fault for thread in payers):
            node = dice.choice(killed)
            node.kill()
            kills += 1
            node.up()
            pause(every_s)
            for one in steady:
                samples[one.name].append(sample(one))
        stopped.set()
        for thread in payers:
            thread.join()
        faults = [thread.fault for thread in payers if thread.fault]
        if not faults:
            until(lambda: is_settled(nodes), "the same ledger everywhere", SETTLED_S_MAX)
            faults += lost(nodes[0], sides) + lost(nodes[5], sides) + unverified(nodes[6])
        faults += [fault for name, seen in samples.items() for fault in grown(name, seen)]
        faults += [fault for node in nodes for fault in talkative(node)]
        return {
            "seed": seed,
            "kills": kills,
            "payments": sum(len(side.final) + len(side.recorded) for side in sides),
            "height": nodes[0].height(),
            "memory_bytes": {name: [seen[0].memory_bytes, seen[-1].memory_bytes] for name, seen in samples.items()},
            "descriptors": {name: [seen[0].descriptors, seen[-1].descriptors] for name, seen in samples.items()},
            "seconds": round(time.monotonic() - began_s, 1),
            "faults": faults,
        }


def sample(node: Node) -> Sample:
    """Of a running daemon."""
    process = psutil.Process(node.pid)
    return Sample(process.memory_info().rss, process.num_fds())


def grown(name: str, seen: Sequence[Sample]) -> list[str]:
    """What has not stayed flat between the second quarter of the time and the last."""
    quarter = max(1, len(seen) // 4)
    early, late = seen[quarter : 2 * quarter] or seen[:1], seen[-quarter:]
    faults = []
    before, after = (round(statistics.median(one.memory_bytes for one in part)) for part in (early, late))
    if after - before > GROWTH_BYTES_MAX + before * GROWTH_PER_CENT_MAX // 100:
        faults.append(f"{name} grew from {before >> 20} to {after >> 20} MiB")
    opened, open_now = (round(statistics.median(one.descriptors for one in part)) for part in (early, late))
    if open_now > opened + MORE_DESCRIPTORS_MAX:
        faults.append(f"{name} had {opened} descriptors and has {open_now}")
    return faults


def talkative(node: Node) -> list[str]:
    """A log that has outgrown its bound."""
    size = sum(path.stat().st_size for path in node.home.log.iterdir())
    return [f"{node.name} has {size:,} bytes of logs"] if size > LOGS_BYTES_MAX else []


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one; 0 only if nothing was lost and nothing grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.release.soak", description="Seven daemons for hours.")
    parser.add_argument("--minutes", type=float, default=480)
    parser.add_argument("--every", type=float, default=60, metavar="SECONDS", help="from one kill to the next")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    report = soak(given.minutes, given.every, given.seed)
    print(json.dumps(report) if given.json else "\n".join(f"{name}: {value}" for name, value in report.items()))
    return 1 if report["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
