"""The whole ledger run again, entry by entry, and what each did to the accounts.

Amounts are not taken from what entries say but from what they did: each is run on the state before it and the accounts
are compared, so holds, payments in parts, sales and rulings come out right without a rule of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dpnode.reading.blocks import batches, wrong
from dpnode.reading.source import Asks, Report, Source
from ledger.chain import Chain
from ledger.entry import Entry
from ledger.errors import Refusal
from ledger.fold import execute
from ledger.operations.accounts import KINDS
from ledger.state import Overlay, View

Moves = dict[tuple[str, bytes, str, bytes], int]
"""(kind, thing, "Free" or "Held", owner) -> how much more."""
_HOLDING = b"holding/"
_LETTERS = {letter: kind for kind, letter in KINDS.items()}


class Replay:
    """One run through the ledger; `state` is that after the last block that was run whole."""

    def __init__(self, source: Source, reading: Asks, report: Report, told: str) -> None:
        self._source = source
        self._reading = reading
        self._report = report
        self._told = told
        self._chain = Chain.founded(source.charter)[0]

    @property
    def state(self) -> View:
        """What stands after the blocks that were run."""
        return self._chain.state

    def steps(self) -> Iterator[tuple[View, int, Entry | None, Moves]]:
        """(state after it, block time, entry or None for what fell due, how the accounts differ), where they do."""
        for batch in batches(self._reading, self._source.head.height):
            for _, block in batch:
                yield from self._block(block.header.time_ms, block.header.height, block.entries)
            self._report({"text": self._told, "done": batch[-1][0].height, "of": self._source.head.height})

    def _block(
        self, time_ms: int, height: int, entries: tuple[Entry, ...]
    ) -> Iterator[tuple[View, int, Entry | None, Moves]]:
        """Each entry alone on top of the one before; the due list runs by itself, first."""
        tx = Overlay(self._chain.state)
        limits, network = self._chain.charter.limits, self._chain.network
        steps: list[Entry | None] = [None, *entries]
        for entry in steps:
            above = Overlay(tx)
            done = execute(above, network, height, time_ms, [] if entry is None else [entry], limits)
            if isinstance(done, Refusal):
                raise wrong(height, f"block {height} holds an entry that may not stand there: {done.detail}")
            moved = _moved(tx, above)
            tx.absorb(above)
            if moved:
                yield tx, time_ms, entry, moved
        self._chain.state.merge(self._chain.state.settle(tx.changes))


def _moved(before: View, after: Overlay) -> Moves:
    """How the accounts differ."""
    moved: Moves = {}
    for key in after.changes:
        if key.startswith(_HOLDING):
            rest = key[len(_HOLDING) :]
            owner, kind, thing = rest[:32], _LETTERS[rest[32:33]], rest[33:]
            was: dict[str, Any] = before.get(key) or {}
            now: dict[str, Any] = after.get(key) or {}
            for part, name in (("Free", "free"), ("Held", "held")):
                more = now.get(name, 0) - was.get(name, 0)
                if more:
                    moved[kind, thing, part, owner] = more
    return moved
