"""Entries of ours that ended without standing in any block, kept so that their owner learns of it (SPEC P-19).

A command waits seconds for its entry, the entry waits up to weeks for the network; when it ends then, nobody asks any
more. So the newest that ended are kept as documents, in one transaction with forgetting what waited. By our own clock
an entry may be taken for lapsed that somebody carried into a block in time which is not here yet: once it is found in
one, it is kept no longer. Numbers filled for what follows them are no act of the owner and left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.canonical import decode, encode
from ledger.entry import ENTRY_BYTES_MAX, Entry, read_entry
from ledger.errors import RemoteError
from ledger.form import MOMENT_MS, Bytes, Map, Text
from protocol.effects import Effect, Keep
from protocol.limits import LAPSED_KEPT_MAX
from protocol.replication.signing import is_filler

KEPT_LAPSED = "entry-lapsed"
LAPSED = "entry.lapsed"
VOID = "entry.sequence-used"
_DOCUMENT = Map({"body": Bytes(1, ENTRY_BYTES_MAX), "code": Text(64), "ended": MOMENT_MS, "signature": Bytes(64)})


@dataclass(frozen=True, slots=True, kw_only=True)
class LapsedEntry:
    """An entry of ours that stands in no block, and why."""

    entry: Entry
    code: str
    """A refusal's: `LAPSED`, `VOID`, or that of the rule by which no block can take it."""
    ended_ms: int
    """When this machine found that out, Unix milliseconds: the later of its own time and the ledger's."""


def write_lapsed(one: LapsedEntry) -> bytes:
    """The document."""
    entry = one.entry
    return encode({"body": entry.body, "code": one.code, "ended": one.ended_ms, "signature": entry.signature})


def read_lapsed(key: bytes, document: bytes) -> LapsedEntry:
    """What `write_lapsed` wrote under the entry's id; raises `RemoteError` where it is anything else."""
    value = decode(document)
    _DOCUMENT.check(value)
    entry = read_entry(value["body"], value["signature"])
    if entry.id != key:
        raise RemoteError("a lapsed entry is kept under the id of another")
    return LapsedEntry(entry=entry, code=value["code"], ended_ms=value["ended"])


def newest_first(found: Iterable[LapsedEntry]) -> list[LapsedEntry]:
    """In the order they are shown in and, from the end, given up."""
    return sorted(found, key=lambda one: (one.ended_ms, one.entry.sequence), reverse=True)


class Lapsed:
    """The newest of them, at most `LAPSED_KEPT_MAX`."""

    def __init__(self, kept: Iterable[LapsedEntry]) -> None:
        self._by_id = {one.entry.id: one for one in kept}

    def all(self) -> list[LapsedEntry]:
        """The newest first."""
        return newest_first(self._by_id.values())

    def get(self, entry_id: bytes) -> LapsedEntry | None:
        """One of them."""
        return self._by_id.get(entry_id)

    def keep(self, ended: Iterable[tuple[Entry, str]], ended_ms: int) -> list[Effect]:
        """Entries of ours have ended, each with its code; the oldest give way."""
        fresh = {
            entry.id: LapsedEntry(entry=entry, code=code, ended_ms=ended_ms)
            for entry, code in ended
            if not is_filler(entry)
        }
        if not fresh:
            return []
        before, every = self._by_id, newest_first((self._by_id | fresh).values())
        self._by_id = {one.entry.id: one for one in every[:LAPSED_KEPT_MAX]}
        gone = [Keep(kind=KEPT_LAPSED, id=one, value=None) for one in before if one not in self._by_id]
        come = [self._by_id[one] for one in fresh if one in self._by_id]
        return [*gone, *(Keep(kind=KEPT_LAPSED, id=one.entry.id, value=write_lapsed(one)) for one in come)]

    def stand(self, entries: Iterable[Entry]) -> list[Effect]:
        """These stand in a final block after all."""
        if not self._by_id:
            return []
        found = [entry.id for entry in entries if self._by_id.pop(entry.id, None) is not None]
        return [Keep(kind=KEPT_LAPSED, id=one, value=None) for one in found]
