"""When each pending entry is offered to the others again: after 2 s, then after twice as long each time (SPEC P-15).

The next one due is at hand without a look at the rest, so that a backlog nobody can include costs only its own
repetitions. Moments are rounded up to an eighth of the pause: entries that came one by one are soon told together,
and a machine wakes a few times a minute for twenty thousand of them.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from protocol.limits import FORWARD_MS_MAX, FORWARD_MS_MIN

_PARTS = 8
"""Of a pause, to which moments are rounded up."""
_STALE_MAX = 1_024
"""Moments of forgotten entries that may lie about before they are swept out."""


class Repeats:
    """Entries by id, each with its next moment on the monotonic clock."""

    def __init__(self) -> None:
        self._next: dict[bytes, tuple[int, int]] = {}
        """(moment, pause before it) of each entry, in ms."""
        self._heap: list[tuple[int, bytes]] = []
        """Moments, soonest first; one that `_next` does not say is stale."""

    def __len__(self) -> int:
        return len(self._next)

    def add(self, entry_id: bytes, now_ms: int, *, at_once: bool = False) -> None:
        """Offer an entry again after the first pause, or the next time somebody asks what is due."""
        self._put(entry_id, now_ms, 0 if at_once else FORWARD_MS_MIN)

    def forget(self, entry_id: bytes) -> None:
        """The entry is offered no more."""
        self._next.pop(entry_id, None)
        if len(self._heap) > 2 * len(self._next) + _STALE_MAX:
            self._heap = [(at_ms, one) for one, (at_ms, _) in self._next.items()]
            heapify(self._heap)

    def due(self, now_ms: int) -> list[bytes]:
        """The entries whose moment has come, soonest first; each one's next pause is twice as long."""
        due: list[bytes] = []
        while (at_ms := self.next_ms()) is not None and at_ms <= now_ms:
            _, entry_id = heappop(self._heap)
            due.append(entry_id)
            self._put(entry_id, now_ms, min(max(FORWARD_MS_MIN, 2 * self._next[entry_id][1]), FORWARD_MS_MAX))
        return due

    def next_ms(self) -> int | None:
        """When the next entry is due, or None."""
        while self._heap and self._next.get(self._heap[0][1], (None,))[0] != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _put(self, entry_id: bytes, now_ms: int, pause_ms: int) -> None:
        part = max(1, pause_ms // _PARTS)
        at_ms = -(-(now_ms + pause_ms) // part) * part
        self._next[entry_id] = (at_ms, pause_ms)
        heappush(self._heap, (at_ms, entry_id))
