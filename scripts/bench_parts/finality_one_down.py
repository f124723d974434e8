"""How long one entry takes with one of four witnesses killed: the 50th percentile, its turns as leader included."""

from __future__ import annotations

from dpnode.node import Node
from scripts.bench_parts._council import as_member, council
from scripts.bench_parts._run import Figure, Run
from scripts.bench_parts.finality_quorum import WITNESSES
from scripts.bench_parts.finality_single import Times, spaced

CEILING_MS = 300.0


def finality_one_down(run: Run) -> Figure:
    """Milliseconds."""
    with council(run.folder("one-down"), WITNESSES) as one:

        async def work(node: Node) -> Times:
            one.witnesses[-1].process.kill()
            one.witnesses[-1].process.wait()
            return await spaced(run, node, one.owners[0].identity.member)

        times = as_member(one, work, met=WITNESSES)
    return Figure(
        value=round(times.percentile(0.5), 1),
        unit="ms",
        floor=CEILING_MS,
        at_most=True,
        notes=(f"p90 {times.percentile(0.9):.0f} ms, the slowest {times.all_ms[-1]:.0f} ms",),
    )
