"""Pending entries: signed, not yet final, held by whoever saw them until they are (consensus rules 14 and 15).

Anyone may carry an entry, so a pool is also a target: it is bounded per key and in all, every signature is checked
before an entry is kept, and nothing that can never be included is kept at all. When it is full, whoever has the most
gives way to whoever has less. Order of authors: one entry of each in turn, so that nobody's flood delays the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from ledger.canonical import INTEGER_MAX
from ledger.charter import Limits
from ledger.entry import SEQUENCE_WINDOW, Entry
from ledger.errors import Reason, Refusal
from ledger.fold import check_includable, is_fully_signed, last_sequence, operation_of
from ledger.operations.members import is_spent, key_record, key_standing
from ledger.state import View
from protocol.limits import (
    CANDIDATES_PER_KEY_MAX,
    DAY_MS,
    POOL_BYTES_MAX,
    POOL_BYTES_PER_KEY_MAX,
    POOL_ENTRIES_MAX,
    POOL_ENTRIES_PER_KEY_MAX,
)


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
        Reason.INVITATION_SPENT,
        Reason.LAPSED,
        Reason.UNKNOWN_KEY,
    }
)
"""Refusals after which an entry will never be includable."""


def _in_turn(queues: list[Iterator[Entry]]) -> Iterator[Entry]:
    """One of each queue that has something left, again and again."""
    while queues:
        still = []
        for queue in queues:
            entry = next(queue, None)
            if entry is not None:
                yield entry
                still.append(queue)
        queues = still


def _again_ms(entry: Entry, refusal: Refusal, time_ms: int, limits: Limits) -> int:
    """From which block time on time alone may have made an entry includable."""
    if refusal.reason is Reason.ALLOWANCE:
        return (time_ms // DAY_MS + 1) * DAY_MS
    return entry.until_ms - limits.until_ms if refusal.reason is Reason.TOO_FAR_AHEAD else INTEGER_MAX


class Pool:
    """Pending entries by key and sequence."""

    def __init__(self, network: bytes, *, own: bytes = b"", until_ahead_ms: int = INTEGER_MAX) -> None:
        self._network = network
        self._own = own
        """The key whose entries never give way: nobody else would bring them again."""
        self._until_ahead_ms = until_ahead_ms
        """An entry whose valid-until is further away could not be included, and would lie here that long."""
        self._by_id: dict[bytes, Entry] = {}
        self._by_key: dict[bytes, dict[int, Entry]] = {}
        self._weight: dict[bytes, int] = {}
        """Bytes of each key's entries."""
        self._bytes = 0
        self._stuck: dict[bytes, int] = {}
        """Until which block time nothing of a key can be included, unless something of it comes or goes."""
        self._dead: list[tuple[Entry, Refusal]] = []
        """What was found never to be includable while a block was made."""
        self._unknown: list[tuple[Entry, Refusal]] = []
        """What stands under keys that the state before the block being made does not know."""
        self._newcomers: dict[bytes, int] = {}
        """Keys that only a block not yet final makes known, and its height."""
        self._lapse_ms = INTEGER_MAX
        """Up to this block time nothing here has lapsed."""

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, entry_id: bytes) -> bool:
        return entry_id in self._by_id

    def judge(self, view: View, entry: Entry, time_ms: int) -> Verdict:
        """Whether to keep an entry (SPEC P-10 to P-13); signatures are checked last, as they cost most."""
        if entry.network != self._network or isinstance(operation_of(entry), Refusal):
            return Verdict.REJECT
        if entry.id in self._by_id or not time_ms <= entry.until_ms <= time_ms + self._until_ahead_ms:
            return Verdict.IGNORE
        record = key_record(view, entry.key)
        if record is None or "ended" in record or entry.sequence <= last_sequence(view, entry.key):
            return Verdict.IGNORE
        if is_spent(record, entry.sequence):
            return Verdict.IGNORE
        same_key = self._by_key.get(entry.key, {})
        rival = same_key.get(entry.sequence)
        # A number whose entry lapsed is free again.
        if (rival is not None and rival.until_ms >= time_ms) or len(same_key) >= POOL_ENTRIES_PER_KEY_MAX:
            return Verdict.IGNORE
        if len(self._by_id) >= POOL_ENTRIES_MAX and len(self._longest()) <= len(same_key) + 1:
            return Verdict.IGNORE
        weight = self._weight.get(entry.key, 0) + entry.size_bytes
        if weight > POOL_BYTES_PER_KEY_MAX:
            return Verdict.IGNORE
        if self._bytes + entry.size_bytes > POOL_BYTES_MAX and self._weight.get(self._heaviest(), 0) <= weight:
            return Verdict.IGNORE
        return Verdict.ACCEPT if is_fully_signed(entry) else Verdict.REJECT

    def add(self, entry: Entry) -> None:
        """Keep an entry that was judged or is our own."""
        if len(self._by_id) >= POOL_ENTRIES_MAX and (longest := self._longest()):
            self._remove(longest[max(longest)].id)
        while self._bytes + entry.size_bytes > POOL_BYTES_MAX and (heaviest := self._by_key.get(self._heaviest())):
            self._remove(heaviest[max(heaviest)].id)
        if (rival := self._by_key.get(entry.key, {}).get(entry.sequence)) is not None:
            self._remove(rival.id)
        self._by_id[entry.id] = entry
        self._by_key.setdefault(entry.key, {})[entry.sequence] = entry
        self._weight[entry.key] = self._weight.get(entry.key, 0) + entry.size_bytes
        self._bytes += entry.size_bytes
        self._stuck.pop(entry.key, None)
        self._lapse_ms = min(self._lapse_ms, entry.until_ms)

    def candidates(self, view: View, time_ms: int, limits: Limits, *, noted: bool = True) -> Iterator[Entry]:
        """Entries that may be includable, one of each author in turn, each key's in order of their numbers (SPEC P-17).

        A key of which nothing can be included is not looked at again before time or something new may have changed
        that: else a backlog that nobody can include would be judged anew for every block. Not `noted`: the view is not
        final, so what is found is not kept.
        """
        keys = [key for key in self._by_key if self._stuck.get(key, 0) <= time_ms]
        if noted:
            self._unknown.clear()
        known: dict[bytes, list[Iterator[Entry]]] = {}
        unknown: list[Iterator[Entry]] = []
        for key in keys:
            queue = self._includable(view, key, time_ms, limits) if noted else self.run(view, key)
            record = key_standing(view, key)
            if record is None:
                unknown.append(queue)
            else:
                known.setdefault(record["member"], []).append(queue)
        # Whom only a block above may make known come last, however many there are: else they would hide the others.
        return _in_turn([*(_in_turn(queues) for queues in known.values()), *unknown])

    def _includable(self, view: View, key: bytes, time_ms: int, limits: Limits) -> Iterator[Entry]:
        """One key's run from the first entry on that the state before the block lets in; what never can be is noted."""
        last = last_sequence(view, key)
        again_ms, is_open = INTEGER_MAX, False
        for entry in self._in_order(key):
            if entry.sequence <= last:
                continue
            if entry.sequence > last + (SEQUENCE_WINDOW if entry.skips else 1):
                break
            refusal = None if is_open else check_includable(view, self._network, entry, time_ms, limits)
            if refusal is not None and refusal.reason is Reason.UNKNOWN_KEY:
                # The block itself may make it known.
                self._unknown += [(one, refusal) for one in self._by_key[key].values()]
                refusal = None
            if refusal is None:
                # After the first it is for the block itself to judge.
                is_open, last = True, entry.sequence
                yield entry
                continue
            # Only one that skips can follow it: its number stays open.
            if refusal.reason is Reason.KEY_ENDED:
                self._dead += [(one, refusal) for one in self._by_key[key].values()]
                break
            if refusal.reason in _DEAD:
                self._dead.append((entry, refusal))
            again_ms = min(again_ms, _again_ms(entry, refusal, time_ms, limits))
        if not is_open:
            self._stuck[key] = again_ms

    def _in_order(self, key: bytes) -> list[Entry]:
        """The first entries of a key that are looked at, in order of their numbers."""
        waiting = self._by_key.get(key, {})
        return [waiting[sequence] for sequence in sorted(waiting)[:CANDIDATES_PER_KEY_MAX]]

    def run(self, view: View, key: bytes) -> Iterator[Entry]:
        """One key's entries from the last applied number on; a gap is left only for an entry that skips."""
        last = last_sequence(view, key)
        for entry in self._in_order(key):
            if entry.sequence <= last:
                continue
            if entry.sequence > last + (SEQUENCE_WINDOW if entry.skips else 1):
                return
            last = entry.sequence
            yield entry

    def expect(self, key: bytes, height: int) -> None:
        """A block of this height makes a key known, if it becomes final."""
        self._newcomers[key] = max(height, self._newcomers.get(key, 0))

    def settle(self, view: View, entries: Iterable[Entry], height: int) -> list[Entry]:
        """Forget what has become final up to a height; forget and return whatever can stand in no block since then."""
        if not self._by_id:
            self._newcomers.clear()
            return []
        keys: dict[bytes, None] = {}
        for entry in entries:
            self._remove(entry.id)
            keys[entry.key] = None
        void = []
        for key in keys:
            last = last_sequence(view, key)
            self._stuck.pop(key, None)
            void += [entry for sequence, entry in self._by_key.get(key, {}).items() if sequence <= last]
        for key in [key for key, due in self._newcomers.items() if due <= height]:
            del self._newcomers[key]
            if key_standing(view, key) is None:
                void += self._by_key.get(key, {}).values()
        for entry in void:
            self._remove(entry.id)
        return void

    def passed(self, view: View) -> list[tuple[Entry, str]]:
        """Forget and return, with the refusal's code, what waits under numbers that the ledger is past."""
        found = []
        for key, queue in self._by_key.items():
            last = last_sequence(view, key)
            found += [entry for sequence, entry in queue.items() if sequence <= last]
        for entry in found:
            self._remove(entry.id)
        return [(entry, Reason.SEQUENCE_USED.value) for entry in found]

    def unknown(self) -> list[tuple[Entry, Refusal]]:
        """What stands under keys unknown when candidates were last asked for; dead where no block was made."""
        return list(self._unknown)

    def discard(self, left: Iterable[tuple[Entry, Refusal]], *, lapsed: bool = True) -> list[tuple[Entry, str]]:
        """Forget candidates that can never be included, those left and those noted; with the refusal's code.

        Not `lapsed`: by our clock alone an entry has not lapsed, since another leader's block may be earlier.
        """
        noted, self._dead = self._dead, []
        reasons = _DEAD if lapsed else _DEAD - {Reason.LAPSED}
        dead = [(entry, refusal.code) for entry, refusal in (*noted, *left) if refusal.reason in reasons]
        for entry, _ in dead:
            self._remove(entry.id)
        return dead

    def lapse(self, time_ms: int, key: bytes | None = None) -> list[Entry]:
        """Forget and return entries (of one key) whose valid-until has passed in block time."""
        if time_ms <= self._lapse_ms:
            return []
        entries = self._by_id.values() if key is None else self._by_key.get(key, {}).values()
        lapsed = [entry for entry in entries if entry.until_ms < time_ms]
        for entry in lapsed:
            self._remove(entry.id)
        if key is None:
            self._lapse_ms = min((entry.until_ms for entry in self._by_id.values()), default=INTEGER_MAX)
        return lapsed

    def all(self) -> list[Entry]:
        """Everything pending, by key and number."""
        return [queue[n] for queue in self._by_key.values() for n in sorted(queue)]

    def get(self, entry_id: bytes) -> Entry | None:
        """A pending entry, or None."""
        return self._by_id.get(entry_id)

    def of(self, key: bytes) -> list[Entry]:
        """Everything pending under a key, in no order."""
        return list(self._by_key.get(key, {}).values())

    def numbers(self, key: bytes) -> list[int]:
        """The pending numbers under a key, ascending."""
        return sorted(self._by_key.get(key, ()))

    def highest(self, key: bytes) -> int:
        """The highest pending number under a key; 0 where there is none."""
        return max(self._by_key.get(key, (0,)))

    def _longest(self) -> dict[int, Entry]:
        """Everything of the key that has the most here, our own left out."""
        others = (queue for key, queue in self._by_key.items() if key != self._own)
        return max(others, key=len, default={})

    def _heaviest(self) -> bytes:
        """The key whose entries weigh most here, our own left out; empty where there is none."""
        return max((key for key in self._weight if key != self._own), key=self._weight.__getitem__, default=b"")

    def _remove(self, entry_id: bytes) -> None:
        entry = self._by_id.pop(entry_id, None)
        if entry is None:
            return
        self._bytes -= entry.size_bytes
        self._stuck.pop(entry.key, None)
        self._weight[entry.key] -= entry.size_bytes
        queue = self._by_key[entry.key]
        if queue.get(entry.sequence) is entry:
            del queue[entry.sequence]
        if not queue:
            del self._by_key[entry.key]
            del self._weight[entry.key]
