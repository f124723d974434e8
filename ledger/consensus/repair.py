"""What a witness lacks and whom it asks; whom it answers, and how often (consensus rules 6, 19 and 20).

One bounded question at a time, first to whoever showed that there is something to know, then to all. Whoever asks or
speaks of the past is answered once in half a pace, so that nobody makes a witness talk all day.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.consensus.words import Ask, PeerName

VIEWS_ASKED_MAX = 64
BLOCKS_ASKED_MAX = 4
"""A megabyte each at worst."""
PEERS_MAX = 256
"""Machines whose last answer is remembered: more than any node keeps connected."""


class Repair:
    """Questions and answers of one witness in one epoch."""

    def __init__(self) -> None:
        self.source: PeerName | None = None
        """Whose message is being taken in."""
        self._views: list[int] = []
        self._blocks: dict[bytes, None] = {}
        self._next_ms = 0
        self._broadly = False
        self._answered: dict[tuple[PeerName, str], int] = {}

    def want_views(self, views: Iterable[int]) -> None:
        """How these views ended is not known here."""
        for view in views:
            if view > 0 and view not in self._views and len(self._views) < VIEWS_ASKED_MAX:
                self._views.append(view)

    def want_blocks(self, blocks: Iterable[bytes]) -> None:
        """These bodies are not here; the newest wishes stay where there are too many."""
        for block in blocks:
            if block not in self._blocks and len(self._blocks) >= BLOCKS_ASKED_MAX:
                del self._blocks[next(iter(self._blocks))]
            self._blocks[block] = None

    def wants(self, block: bytes) -> bool:
        """Whether a body was asked for."""
        return block in self._blocks

    def got(self, block: bytes) -> None:
        """A body came."""
        self._blocks.pop(block, None)

    def forget(self) -> None:
        """The floor has moved; what is still wanted is found out again."""
        self._blocks.clear()
        self._views.clear()

    def again(self) -> None:
        """The next question goes to everybody, and at once."""
        self._broadly = True
        self._next_ms = 0

    def ask(self, epoch: int, monotonic_ms: int, delta_ms: int) -> tuple[PeerName | None, Ask] | None:
        """The question to put now, and to whom (None: all); wishes for views are forgotten until they arise again."""
        views, self._views = self._views, []
        if not (views or self._blocks) or monotonic_ms < self._next_ms:
            return None
        self._next_ms = monotonic_ms + delta_ms // 2
        peer, self._broadly = None if self._broadly else self.source, False
        return peer, Ask(epoch=epoch, views=tuple(views), blocks=tuple(self._blocks))

    def may_answer(self, peer: PeerName, what: str, monotonic_ms: int, delta_ms: int) -> bool:
        """Whether it is time to answer this machine again; counts as an answer."""
        mark = (peer, what)
        if monotonic_ms < self._answered.get(mark, 0):
            return False
        if len(self._answered) >= PEERS_MAX:
            del self._answered[next(iter(self._answered))]
        self._answered.pop(mark, None)
        self._answered[mark] = monotonic_ms + delta_ms // 2
        return True
