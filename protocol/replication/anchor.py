"""The block that our invitation named: a history without it is none of ours, whoever certified it (SPEC P-56).

The invitation came by a way its owner trusts, so its block tells apart two histories that the same witnesses signed.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.block import Block
from ledger.chain import BadRange


class Anchor:
    """What the chain must hold at one height, and whether somebody brought a chain that does not."""

    def __init__(self, height: int = 0, block: bytes = b"") -> None:
        self.height = height
        """0 where there is none: founders have no invitation."""
        self.block = block
        self.is_missed = False
        """A certified history was offered that does not hold the block."""

    def check(self, blocks: Sequence[Block]) -> None:
        """Raise `BadRange` where certified blocks pass the height and do not hold the block."""
        for one in blocks:
            if one.header.height == self.height and one.header.id != self.block:
                self.is_missed = True
                raise BadRange(f"block {self.height} is not the one that our invitation names")
