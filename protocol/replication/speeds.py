"""How fast machines bring blocks, and so how much is asked of one at a time and for how long it is waited for alone.

A range is as much as its machine brings in a few seconds, so that four of them sharing one slow line still come in
time, and a stretch is as many ranges as are checked together (SPEC P-90, P-91).
"""

from __future__ import annotations

from protocol.inputs import PeerId
from protocol.limits import (
    RANGE_BYTES_MAX,
    RANGE_BYTES_MIN,
    RANGE_DEADLINE_MS,
    RANGE_MS,
    RANGE_SLOW_MS,
    RANGES_QUEUED_MAX,
)
from protocol.messages import Blocks


class Speeds:
    """What the ranges that came tell of the machines and of the blocks."""

    def __init__(self) -> None:
        self._range_bytes: dict[PeerId, int] = {}
        self._took_ms: dict[PeerId, int] = {}
        """The last range of each."""
        self._block_bytes = 0
        """The mean of a block in the last range of some size; 0: none has come."""

    def came(self, peer: PeerId, blocks: Blocks, took_ms: int) -> None:
        """A range came that was asked for; small ones tell of the latency alone."""
        size = sum(len(block) for block in blocks.blocks)
        if size < RANGE_BYTES_MIN:
            return
        self._took_ms[peer] = took_ms
        self._block_bytes = max(1, size // len(blocks.blocks))
        self._range_bytes[peer] = min(RANGE_BYTES_MAX, max(RANGE_BYTES_MIN, size * RANGE_MS // max(1, took_ms)))

    def lost(self, peer: PeerId) -> None:
        """A machine is gone; its next line may be another."""
        self._range_bytes.pop(peer, None)
        self._took_ms.pop(peer, None)

    def range_bytes(self, peer: PeerId) -> int:
        """How much to ask of it at a time."""
        return self._range_bytes.get(peer, RANGE_BYTES_MAX)

    def stretch_blocks(self, peer: PeerId) -> int | None:
        """How many blocks are about as much as are checked together; None before a range has told."""
        if not self._block_bytes:
            return None
        # A little less, or every other stretch would end in a range of two blocks.
        return max(1, RANGES_QUEUED_MAX * self.range_bytes(peer) * 15 // 16 // self._block_bytes)

    @property
    def slow_after_ms(self) -> int:
        """When a range is asked of somebody else too: long after the quickest would have brought it."""
        quickest_ms = min(self._took_ms.values(), default=0)
        return min(RANGE_DEADLINE_MS, max(RANGE_SLOW_MS, 4 * quickest_ms))
