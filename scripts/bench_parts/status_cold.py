"""How long a cold `dpnode status` takes on a ledger of 100,000 entries, and how soon it says there is no daemon."""

from __future__ import annotations

from dpnode.errors import FailKind
from scripts.bench_parts._cold import cold
from scripts.bench_parts._run import Figure, Run


def status_cold(run: Run) -> Figure:
    """Milliseconds."""
    return cold(run, ["status"], down_status=FailKind.DAEMON_DOWN.exit_status)
