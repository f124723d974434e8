"""Pending entries on their way to the others: each told once in full where it matters, and by its id everywhere else.

Whoever signs an entry sends it whole to the witnesses' machines it is connected with; everybody else is told its id,
asks for what it does not hold, and tells the next ones in turn (consensus rule 15; SPEC P-15). Until an entry is final
its id is told again with growing pauses, so a lost message costs a repetition and a backlog 32 bytes an entry.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from ledger.entry import Entry
from protocol.effects import Effect, Send
from protocol.inputs import Now, PeerId
from protocol.limits import (
    ASKED_AGAIN_MS,
    ENTRIES_BYTES_PER_MESSAGE,
    ENTRIES_PER_MESSAGE,
    IDS_PER_MESSAGE,
    RECENT_ENTRIES_MAX,
)
from protocol.messages import AskEntries, Entries, Pending
from protocol.replication.neighbours import Neighbours
from protocol.replication.pool import Pool
from protocol.replication.repeats import Repeats


class Carrying:
    """Who is told of which pending entry, and when again."""

    def __init__(self, pool: Pool, neighbours: Neighbours) -> None:
        self._pool = pool
        self._neighbours = neighbours
        self._repeats = Repeats()
        # Ordered ones: the front of a plain dict that loses its oldest again and again is searched ever longer.
        self._recent: OrderedDict[bytes, None] = OrderedDict()
        """Entries that became final lately: nobody needs to send them any more."""
        self._asked: OrderedDict[bytes, int] = OrderedDict()
        """Until when nobody else is asked for an entry."""

    # -- what is held

    def hold(self, entry_id: bytes, now_ms: int, *, at_once: bool = False) -> None:
        """An entry waits here from now on."""
        self._asked.pop(entry_id, None)
        self._repeats.add(entry_id, now_ms, at_once=at_once)

    def ended(self, entries: Sequence[Entry]) -> None:
        """These are final."""
        if self._repeats or self._asked:
            for entry in entries:
                self._repeats.forget(entry.id)
                self._asked.pop(entry.id, None)
        self._recent.update((entry.id, None) for entry in entries)
        while len(self._recent) > RECENT_ENTRIES_MAX:
            self._recent.popitem(last=False)

    def is_known(self, entry_id: bytes) -> bool:
        """Whether an entry waits here or was final lately."""
        return entry_id in self._pool or entry_id in self._recent

    # -- what is said

    def signed(self, entries: Sequence[Entry]) -> list[Effect]:
        """Entries of our own, or that a guest brought: whole to the witnesses, by id to some of the others."""
        near = self._neighbours.nearest(None)
        seats = self._neighbours.seats()
        witnesses = [peer for peer in near if peer in seats]
        return self._whole(entries, witnesses) + self._by_id(entries, [peer for peer in near if peer not in seats])

    def heard(self, entries: Sequence[Entry], source: PeerId) -> list[Effect]:
        """Entries that were new here: a bounded number of others are told."""
        return self._by_id(entries, self._neighbours.nearest(source))

    def met(self, peer: PeerId) -> list[Effect]:
        """A machine has connected: it is told of everything that waits."""
        return self._by_id(self._pool.all(), [peer])

    def heard_ids(self, peer: PeerId, message: Pending, now: Now) -> list[Effect]:
        """Ask for what is not here, of one machine at a time."""
        missing = []
        for entry_id in message.ids:
            if self.is_known(entry_id) or now.monotonic_ms < self._asked.get(entry_id, 0):
                continue
            missing.append(entry_id)
            self._asked.pop(entry_id, None)
            self._asked[entry_id] = now.monotonic_ms + ASKED_AGAIN_MS
        while len(self._asked) > RECENT_ENTRIES_MAX:
            self._asked.popitem(last=False)
        parts = range(0, len(missing), ENTRIES_PER_MESSAGE)
        asks = (AskEntries(ids=missing[start : start + ENTRIES_PER_MESSAGE]) for start in parts)
        return [Send(peer=peer, message=ask) for ask in asks]

    def heard_ask(self, peer: PeerId, message: AskEntries) -> list[Effect]:
        """Send what still waits; of a long list of large entries, as much as one message holds."""
        found = [entry for entry_id in message.ids if (entry := self._pool.get(entry_id)) is not None]
        return self._whole(found, [peer])[:1]

    def again(self, now: Now) -> list[Effect]:
        """What is due to be told again."""
        entries: list[Entry] = []
        for entry_id in self._repeats.due(now.monotonic_ms):
            if (entry := self._pool.get(entry_id)) is None:
                self._repeats.forget(entry_id)
            else:
                entries.append(entry)
        return self._by_id(entries, self._neighbours.nearest(None)) if entries else []

    def next_ms(self) -> int | None:
        """When `again` is next needed, on the monotonic clock."""
        return self._repeats.next_ms()

    # -- helpers

    def _whole(self, entries: Iterable[Entry], peers: Sequence[PeerId]) -> list[Effect]:
        if not peers:
            return []
        effects: list[Effect] = []
        part: list[list[bytes]] = []
        room_bytes = ENTRIES_BYTES_PER_MESSAGE
        for entry in entries:
            if part and (len(part) == ENTRIES_PER_MESSAGE or entry.size_bytes > room_bytes):
                message = Entries(entries=part)
                effects += [Send(peer=peer, message=message) for peer in peers]
                part, room_bytes = [], ENTRIES_BYTES_PER_MESSAGE
            part.append([entry.body, entry.signature])
            room_bytes -= entry.size_bytes
        if part:
            message = Entries(entries=part)
            effects += [Send(peer=peer, message=message) for peer in peers]
        return effects

    def _by_id(self, entries: Sequence[Entry], peers: Sequence[PeerId]) -> list[Effect]:
        effects: list[Effect] = []
        if peers:
            ids = [entry.id for entry in sorted(entries, key=lambda one: (one.key, one.sequence))]
            for start in range(0, len(ids), IDS_PER_MESSAGE):
                message = Pending(ids=ids[start : start + IDS_PER_MESSAGE])
                effects += [Send(peer=peer, message=message) for peer in peers]
        return effects
