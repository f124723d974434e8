"""How many bytes a proof of one balance among 100,000 accounts has."""

from __future__ import annotations

from scripts.bench_parts._proof import proofs, share_of
from scripts.bench_parts._run import Figure, Run

FLOOR_BYTES = 2_048.0


def proof_size(run: Run) -> Figure:
    """Bytes that 99 of 100 proofs do not exceed."""
    found = proofs(run)
    return Figure(
        value=share_of(found.sizes, 99),
        unit="bytes",
        floor=FLOOR_BYTES,
        at_most=True,
        notes=(
            f"99 % of {found.accounts} are at most this; median {share_of(found.sizes, 50):,}, "
            f"largest {found.sizes[-1]:,}; three of four witnesses signed, the credit's opening included",
        ),
    )
