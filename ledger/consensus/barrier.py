"""The question every start begins with: what did I sign before? (SPEC V-21, consensus rule 13)

A journal that was put back from an older copy looks whole. The others have seen the votes that it lost, so a witness
asks all of them, waits for a quorum less itself and a little for the rest, and only then votes. With one witness there
is nobody to ask.
"""

from __future__ import annotations

from ledger.consensus.votes import quorum

WAIT_DELTAS = 4
"""How long the last answers are waited for once enough have come, in paces."""


class Barrier:
    """Who has answered since this start."""

    def __init__(self, witnesses: int, *, is_open: bool = False) -> None:
        self._others = witnesses - 1
        self._enough = quorum(witnesses) - 1
        self._answered: set[int] = set()
        self._enough_ms: int | None = None
        self.token = 0
        self.is_open = is_open or witnesses == 1
        """Whether voting may begin."""

    def answered(self, place: int, token: int) -> None:
        """A witness told all it has seen of ours."""
        if token == self.token:
            self._answered.add(place)

    def look(self, monotonic_ms: int, delta_ms: int) -> None:
        """Open where enough have answered for long enough."""
        if self.is_open or len(self._answered) < self._enough:
            return
        if self._enough_ms is None:
            self._enough_ms = monotonic_ms
        self.is_open = len(self._answered) == self._others or monotonic_ms >= self._enough_ms + WAIT_DELTAS * delta_ms

    def wake_ms(self, delta_ms: int) -> int | None:
        """When `look` is next worth it."""
        return None if self.is_open or self._enough_ms is None else self._enough_ms + WAIT_DELTAS * delta_ms
