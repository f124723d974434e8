"""How much memory a daemon with eight connected peers holds while nothing happens."""

from __future__ import annotations

from scripts.bench_parts._idle import idle
from scripts.bench_parts._run import Figure, Run

FLOOR_MB = 130.0


def idle_memory(run: Run) -> Figure:
    """Megabytes resident."""
    seen = idle(run)
    return Figure(
        value=round(seen.resident_bytes / 1e6, 1),
        unit="MB",
        floor=FLOOR_MB,
        at_most=True,
        notes=(f"{seen.peers} peers connected",),
    )
