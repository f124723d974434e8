"""How much of one processor core a daemon with eight connected peers uses while nothing happens."""

from __future__ import annotations

from scripts.bench_parts._idle import WATCHED_S, idle
from scripts.bench_parts._run import Figure, Run

FLOOR_PERCENT = 0.5


def idle_cpu(run: Run) -> Figure:
    """Percent of a core."""
    seen = idle(run)
    return Figure(
        value=round(seen.cpu_share * 100, 3),
        unit="%",
        floor=FLOOR_PERCENT,
        at_most=True,
        notes=(f"{seen.peers} peers connected, watched for {WATCHED_S:.0f} s",),
    )
