"""Which blocks change the witnesses, found out once more beside the cores (consensus rule 22; SPEC V-22).

A block that is not final is executed here on whatever it stands on, by its body alone: what a core holds of it, and
whether it looks, is what is to be checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ledger.block import Block
from ledger.chain import BadRange


class Closings:
    """Every block that anybody voted for, and whether it ends its epoch."""

    def __init__(self) -> None:
        self._bodies: dict[bytes, Block] = {}
        self._known: dict[bytes, bool] = {}

    def remember(self, blocks: Iterable[Block]) -> None:
        """Somebody has kept these to vote for them."""
        self._bodies |= {block.header.id: block for block in blocks}

    def open(self, chain: Any, block: bytes) -> bool:
        """Whether a block that is not final on this chain leaves another list of witnesses behind."""
        if block == chain.head.block:
            return False
        if block not in self._known:
            branch = self._executed(chain, block)
            self._known[block] = branch is not None and branch.closes
        return self._known[block]

    def _executed(self, chain: Any, block: bytes) -> Any:
        path: list[Block] = []
        while block != chain.head.block and (body := self._bodies.get(block)) is not None:
            path.append(body)
            block = body.header.parent
        branch = None
        try:
            for body in path[::-1] if block == chain.head.block else []:
                branch = chain.try_block(branch, body)
        except BadRange:
            return None
        return branch
