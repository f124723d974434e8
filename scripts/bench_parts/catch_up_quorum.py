"""How fast a new node catches up where four witnesses order the entries, so that each certificate has three votes.

Otherwise as `catch_up`; the two ledgers hold the same payments.
"""

from __future__ import annotations

from scripts.bench_parts._catching import caught_up
from scripts.bench_parts._run import Figure, Run


def catch_up_quorum(run: Run) -> Figure:
    """Entries per second."""
    return caught_up(run, run.large_of_four(), run.newcomer()).figure()
