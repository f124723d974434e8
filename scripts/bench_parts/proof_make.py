"""How long a running node takes to make a proof of one balance among 100,000 accounts."""

from __future__ import annotations

from scripts.bench_parts._proof import proofs, share_of
from scripts.bench_parts._run import Figure, Run

FLOOR_MS = 20.0


def proof_make(run: Run) -> Figure:
    """Milliseconds that 99 of 100 proofs do not exceed."""
    found = proofs(run)
    return Figure(
        value=round(share_of(found.make_ms, 99), 3),
        unit="ms",
        floor=FLOOR_MS,
        at_most=True,
        notes=(f"99 % of {found.accounts}, from the state in memory; median {share_of(found.make_ms, 50):.3f} ms",),
    )
