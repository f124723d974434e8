"""What the ordering needs to know of the blocks it orders: an interface, so that it never looks into one.

The replica agrees on ids. Whoever holds the chain and the pending entries stands behind this and executes.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from ledger.block import Block


class Verdict(Enum):
    """What executing a block on its parent has shown."""

    VALID = "valid"  # every rule holds, the root is the one it names
    INVALID = "invalid"  # some rule does not hold: no honest leader proposed it
    MISSING = "missing"  # its body or an ancestor's is not here yet


class Tree(Protocol):
    """The blocks above the last final one, and what could be put into a new one."""

    @property
    def base(self) -> bytes:
        """The id of the last final block; the network's name before the first."""

    def add(self, block: Block) -> None:
        """Keep a body that was signed by a leader or asked for."""

    def block(self, block_id: bytes) -> Block | None:
        """A body that is here and not final, or None."""

    def judge(self, block_id: bytes) -> Verdict:
        """Execute, once."""

    def is_wrong(self, block_id: bytes) -> bool:
        """Whether it was executed and found invalid; nothing is executed to answer this."""

    def signed_for(self, block_id: bytes) -> None:
        """A valid block that is here has our vote: what stands in it waits here as well until it is final."""

    def closes(self, block_id: bytes) -> bool:
        """Whether a valid block changes the witnesses, so that it ends the epoch."""

    def missing(self, block_id: bytes) -> tuple[bytes, ...]:
        """Which bodies are needed before the block can be executed: itself, or its lowest unknown ancestor."""

    def is_too_long(self, block_id: bytes) -> bool:
        """Whether too much stands between the base and a valid block to be stored and served under one certificate."""

    def depth(self, block_id: bytes) -> int:
        """How many blocks above the base a valid block stands; 0 for the base."""

    def build(self, parent: bytes, view: int, wall_ms: int) -> Block | None:
        """A new valid block on a valid one, kept; None where there is nothing to put into it or we must not."""

    def is_timely(self, block_id: bytes, wall_ms: int) -> bool:
        """Whether a new block's time is near enough to our own clock (V-13)."""

    def has_work(self, wall_ms: int) -> bool:
        """Whether an entry could be included, or a due item's time has come."""
