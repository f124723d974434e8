"""How long one entry takes to become final among four witnesses that were idle before: the 99th percentile."""

from __future__ import annotations

from scripts.bench_parts._run import Figure, Run
from scripts.bench_parts.finality_single import single_times

CEILING_MS = 500.0


def finality_single_p99(run: Run) -> Figure:
    """Milliseconds."""
    return Figure(value=round(single_times(run).percentile(0.99), 1), unit="ms", floor=CEILING_MS, at_most=True)
