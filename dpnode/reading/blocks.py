"""All stored blocks in order, a few megabytes at a time, for those who go through the whole ledger."""

from __future__ import annotations

from collections.abc import Iterator

from dpnode.errors import FailKind, Problem
from dpnode.reading.source import Asks
from dpnode.store import questions
from dpnode.store.rows import ServedBlock
from ledger.block import Block, read_block
from ledger.errors import RemoteError

BATCH_BYTES = 4 << 20
"""Bytes of blocks held at once; some 10,000 entries."""


def batches(reading: Asks, height: int, start: int = 1) -> Iterator[list[tuple[ServedBlock, Block]]]:
    """Every block from `start` to `height`, each with its stored bytes.

    Reading a block checks its encoding and that its entries are those its header names; raises `Problem` for one that
    is missing or damaged.
    """
    expected = start
    while expected <= height:
        served = [one for one in reading.ask(questions.blocks(expected, BATCH_BYTES)) if one.height <= height]
        if not served or served[0].height != expected:
            raise wrong(expected, f"block {expected} is missing from the database")
        yield [(one, _read(one)) for one in served]
        expected = served[-1].height + 1


def wrong(height: int, sentence: str) -> Problem:
    """The failure of a ledger that does not verify; `height` is where."""
    return Problem(FailKind.VERIFICATION, sentence, {"height": height})


def _read(served: ServedBlock) -> Block:
    try:
        return read_block(served.body)
    except RemoteError as problem:
        raise wrong(served.height, f"block {served.height} does not hold: {problem.reason}") from problem
