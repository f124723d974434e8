"""Entries that somebody of ours waits for: their own, and those carried for a guest; each ends exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.block import Block
from ledger.entry import Entry
from protocol.effects import DropPending, Effect, Final


class Awaited:
    """Ids of entries whose end is told."""

    def __init__(self) -> None:
        self._ids: set[bytes] = set()

    def __contains__(self, entry_id: bytes) -> bool:
        return entry_id in self._ids

    def add(self, entry_id: bytes) -> None:
        """Somebody waits for this one."""
        self._ids.add(entry_id)

    def finals(self, block: Block) -> list[Effect]:
        """What is told of a final block's entries."""
        told: list[Effect] = []
        if self._ids:
            for entry, outcome in zip(block.entries, block.outcomes, strict=True):
                if entry.id in self._ids:
                    self._ids.discard(entry.id)
                    told.append(Final(entry_id=entry.id, outcome=outcome, height=block.header.height))
        return told

    def ended(self, ended: Iterable[tuple[Entry, str]]) -> list[tuple[Entry, str]]:
        """Those of `ended` (entries that will stand in no block, with a code) that somebody waited for, now told."""
        mine = [(entry, code) for entry, code in ended if entry.id in self._ids]
        self._ids.difference_update(entry.id for entry, _ in mine)
        return mine


def told(ended: Sequence[tuple[Entry, str]], height: int) -> list[Effect]:
    """What is told of entries that will stand in no block; they are forgotten on the disk."""
    finals: list[Effect] = [Final(entry_id=entry.id, outcome=code, height=height) for entry, code in ended]
    return [*finals, DropPending(ids=tuple(entry.id for entry, _ in ended))]
