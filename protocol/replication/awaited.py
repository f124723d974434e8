"""Entries that somebody of ours waits for: their own, and those carried for a guest; each ends exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.block import Block
from ledger.entry import Entry
from protocol.effects import Final


class Awaited:
    """Entries whose end is told."""

    def __init__(self) -> None:
        self._by_id: dict[bytes, Entry] = {}
        self._by_number: dict[tuple[bytes, int], Entry] = {}

    def __contains__(self, entry_id: bytes) -> bool:
        return entry_id in self._by_id

    def add(self, entry: Entry) -> None:
        """Somebody waits for this one."""
        self._by_id[entry.id] = entry
        self._by_number[entry.key, entry.sequence] = entry

    def finals(self, block: Block) -> list[Final]:
        """What is told of a final block's entries."""
        told: list[Final] = []
        if self._by_id:
            for entry, outcome in zip(block.entries, block.outcomes, strict=True):
                if self._forget(entry):
                    told.append(Final(entry_id=entry.id, outcome=outcome, height=block.header.height))
        return told

    def rivals(self, entries: Iterable[Entry]) -> list[Entry]:
        """Those still awaited whose numbers final `entries` used, also where the pool has let go of them."""
        if not self._by_id:
            return []
        found = (self._by_number.get((entry.key, entry.sequence)) for entry in entries)
        return [one for one in found if one is not None]

    def ended(self, ended: Iterable[tuple[Entry, str]]) -> list[tuple[Entry, str]]:
        """Those of `ended` (entries that will stand in no block, with a code) that somebody waited for; once each."""
        return [(entry, code) for entry, code in ended if self._forget(entry)]

    def _forget(self, entry: Entry) -> bool:
        """Whether it was awaited until now."""
        if self._by_id.pop(entry.id, None) is None:
            return False
        number = (entry.key, entry.sequence)
        if (waiting := self._by_number.get(number)) is not None and waiting.id == entry.id:
            del self._by_number[number]
        return True


def finals_of(ended: Sequence[tuple[Entry, str]], height: int) -> list[Final]:
    """What is told of entries that will stand in no block."""
    return [Final(entry_id=entry.id, outcome=code, height=height) for entry, code in ended]
