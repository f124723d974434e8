"""How fast a new node fetches, checks, applies and stores a whole ledger from another node, both real daemons."""

from __future__ import annotations

from scripts.bench_parts._catching import caught_up
from scripts.bench_parts._run import Figure, Run


def catch_up(run: Run) -> Figure:
    """Entries per second."""
    return caught_up(run, run.large(), run.newcomer()).figure()
