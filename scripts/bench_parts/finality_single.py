"""How long one entry takes to become final among four witnesses that were idle before: the 50th percentile.

The 99th has a ceiling of its own, and `finality_single_p99` quotes it from the same run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import trio

from dpnode.node import Node
from scripts.bench_parts._council import as_member, council, seconds_since
from scripts.bench_parts._ledger import payment
from scripts.bench_parts._run import Figure, Run
from scripts.bench_parts.finality_quorum import WAIT_MS, WITNESSES, opened

CEILING_MS = 150.0
ENTRIES = 200
PAUSE_S = 0.1
"""Between two entries: everything has come to rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Milliseconds of each entry, ascending."""

    all_ms: tuple[float, ...]

    def percentile(self, part: float) -> float:
        """The smallest time that `part` of all do not exceed."""
        return self.all_ms[min(len(self.all_ms) - 1, int(part * len(self.all_ms)))]


def finality_single(run: Run) -> Figure:
    """Milliseconds."""
    times = single_times(run)
    return Figure(
        value=round(times.percentile(0.5), 1),
        unit="ms",
        floor=CEILING_MS,
        at_most=True,
        notes=(f"p90 {times.percentile(0.9):.0f} ms, p99 {times.percentile(0.99):.0f} ms, {ENTRIES} entries",),
    )


def single_times(run: Run) -> Times:
    """Measured once in a run."""
    return run.once("single", lambda: _measured(run))


def _measured(run: Run) -> Times:
    with council(run.folder("single"), WITNESSES) as one:
        return as_member(one, lambda node: spaced(run, node, one.owners[0].identity.member), met=WITNESSES)


async def spaced(run: Run, node: Node, payee: bytes) -> Times:
    """One entry after the other, each from rest."""
    credit = await opened(node)
    took = []
    for i in range(ENTRIES):
        await trio.sleep(PAUSE_S)
        began_s = time.monotonic()
        (standing,) = await node.submit([payment(credit, payee, 60)], wait_ms=WAIT_MS)
        if not standing.is_final:
            raise RuntimeError("an entry did not become final in time")
        took.append(seconds_since(began_s) * 1000)
        run.progress("entries final", i + 1, ENTRIES)
    return Times(all_ms=tuple(sorted(took)))
