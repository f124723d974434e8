"""The harness of proofs: whatever bytes are taken show something that is true."""

from __future__ import annotations

from functools import cache

from ledger.errors import RemoteError
from ledger.proof import ShownEntry, check
from tests.ledger.proving import History


@cache
def history() -> History:
    """What proofs are of."""
    return History()


def proof(data: bytes) -> bool:
    """O-1 to O-8: what a changed proof shows, if anything, is so at the height it names."""
    try:
        shown = check(data, history().charter)
    except RemoteError:
        return False
    block = history().steps[shown.header.height - 1].blocks[0]
    assert shown.header == block.header
    if isinstance(shown.what, ShownEntry):
        assert (shown.what.entry, shown.what.outcome) in zip(block.entries, block.outcomes, strict=True)
    else:
        assert shown.what.value == history().state.raw(shown.what.key)
    return True


def proof_seeds() -> list[bytes]:
    """Of what is there and of what is not."""
    made = history()
    return [made.share(), made.balance(), made.record(), made.nothing(), *map(made.entry_at, range(5))]
