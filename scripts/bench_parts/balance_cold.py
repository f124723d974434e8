"""How long `dpnode ledger balance` takes from a cold process on a ledger of 100,000 entries."""

from __future__ import annotations

from scripts.bench_parts._cold import cold
from scripts.bench_parts._run import Figure, Run


def balance_cold(run: Run) -> Figure:
    """Milliseconds."""
    return cold(run, ["ledger", "balance"])
