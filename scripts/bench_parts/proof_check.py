"""How long whoever has the charter takes to check a proof of one balance among 100,000 accounts."""

from __future__ import annotations

from scripts.bench_parts._proof import proofs, share_of
from scripts.bench_parts._run import Figure, Run

FLOOR_MS = 5.0


def proof_check(run: Run) -> Figure:
    """Milliseconds that 99 of 100 proofs do not exceed."""
    found = proofs(run)
    return Figure(
        value=round(share_of(found.check_ms, 99), 3),
        unit="ms",
        floor=FLOOR_MS,
        at_most=True,
        notes=(f"99 % of {found.accounts}, three signatures each; median {share_of(found.check_ms, 50):.3f} ms",),
    )
