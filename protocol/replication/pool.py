"""Pending entries: signed, not yet final, held by whoever saw them until they are (consensus rules 14 and 15).

Anyone may carry an entry, so a pool is also a target: it is bounded per key and in all, every signature is checked
before an entry is kept, and nothing that can never be included is kept at all. Order of authors: one entry of each in
turn, so that nobody's flood delays the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from ledger.entry import SEQUENCE_WINDOW, Entry
from ledger.errors import Reason, Refusal
from ledger.fold import is_fully_signed, last_sequence, operation_of
from ledger.operations.members import key_record
from ledger.state import View
from protocol.limits import POOL_ENTRIES_MAX, POOL_ENTRIES_PER_KEY_MAX


class Verdict(Enum):
    """What to do with something a peer sent."""

    ACCEPT = "accept"  # new and right: keep it, hand it on
    IGNORE = "ignore"  # of no use now, but an honest peer may have sent it
    REJECT = "reject"  # no honest peer sends this


_DEAD = frozenset(
    {
        Reason.MALFORMED,
        Reason.OTHER_NETWORK,
        Reason.KEY_ENDED,
        Reason.WRONG_ROLE,
        Reason.SEQUENCE_USED,
        Reason.LAPSED,
        Reason.UNKNOWN_KEY,
    }
)
"""Refusals after which an entry will never be includable."""


class Pool:
    """Pending entries by key and sequence."""

    def __init__(self, network: bytes) -> None:
        self._network = network
        self._by_id: dict[bytes, Entry] = {}
        self._by_key: dict[bytes, dict[int, Entry]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, entry_id: bytes) -> bool:
        return entry_id in self._by_id

    def judge(self, view: View, entry: Entry, time_ms: int) -> Verdict:
        """Whether to keep an entry (SPEC P-10 to P-13); signatures are checked last, as they cost most."""
        if entry.network != self._network or isinstance(operation_of(entry), Refusal):
            return Verdict.REJECT
        if entry.id in self._by_id or entry.until_ms < time_ms:
            return Verdict.IGNORE
        if key_record(view, entry.key) is None or entry.sequence <= last_sequence(view, entry.key):
            return Verdict.IGNORE
        same_key = self._by_key.get(entry.key, {})
        if entry.sequence in same_key or len(same_key) >= POOL_ENTRIES_PER_KEY_MAX:
            return Verdict.IGNORE
        if len(self._by_id) >= POOL_ENTRIES_MAX:
            return Verdict.IGNORE
        return Verdict.ACCEPT if is_fully_signed(entry) else Verdict.REJECT

    def add(self, entry: Entry) -> None:
        """Keep an entry that was judged or is our own."""
        self._by_id[entry.id] = entry
        self._by_key.setdefault(entry.key, {})[entry.sequence] = entry

    def candidates(self, view: View) -> Iterator[Entry]:
        """Entries that may be includable, one of each key in turn, each key's in order of their numbers."""
        queues = [self._run(view, key) for key in list(self._by_key)]
        while queues:
            still = []
            for queue in queues:
                entry = next(queue, None)
                if entry is not None:
                    yield entry
                    still.append(queue)
            queues = still

    def _run(self, view: View, key: bytes) -> Iterator[Entry]:
        """One key's entries from the last applied number on; a gap is left only for an entry that skips."""
        waiting = self._by_key.get(key, {})
        last = last_sequence(view, key)
        for sequence in sorted(waiting):
            entry = waiting[sequence]
            if sequence <= last:
                continue
            if sequence > last + (SEQUENCE_WINDOW if entry.skips else 1):
                return
            last = sequence
            yield entry

    def settle(self, view: View, entries: Iterable[Entry]) -> None:
        """Forget what has become final, and whatever its numbers have made void."""
        keys = set()
        for entry in entries:
            self._remove(entry.id)
            keys.add(entry.key)
        for key in keys:
            last = last_sequence(view, key)
            for sequence in [n for n in self._by_key.get(key, {}) if n <= last]:
                self._remove(self._by_key[key][sequence].id)

    def discard(self, left: Iterable[tuple[Entry, Refusal]]) -> list[tuple[Entry, str]]:
        """Forget candidates that can never be included; returns them with the refusal's code."""
        dead = [(entry, refusal.code) for entry, refusal in left if refusal.reason in _DEAD]
        for entry, _ in dead:
            self._remove(entry.id)
        return dead

    def lapse(self, time_ms: int) -> list[Entry]:
        """Forget and return entries whose valid-until has passed in block time."""
        lapsed = [entry for entry in self._by_id.values() if entry.until_ms < time_ms]
        for entry in lapsed:
            self._remove(entry.id)
        return lapsed

    def all(self) -> list[Entry]:
        """Everything pending, by key and number."""
        return [queue[n] for queue in self._by_key.values() for n in sorted(queue)]

    def highest(self, key: bytes) -> int:
        """The highest pending number under a key; 0 where there is none."""
        return max(self._by_key.get(key, {0: None}))

    def _remove(self, entry_id: bytes) -> None:
        entry = self._by_id.pop(entry_id, None)
        if entry is None:
            return
        queue = self._by_key[entry.key]
        if queue.get(entry.sequence) is entry:
            del queue[entry.sequence]
        if not queue:
            del self._by_key[entry.key]
