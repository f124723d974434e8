"""The vote journal for trio: the same calls, each in a thread, one at a time and in order."""

from collections.abc import Sequence

import trio

from dpnode.store.journal import Journal, Record


class AsyncJournal:
    """A journal whose syncs do not hold up the daemon. A cancelled call still runs to its end."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._one_at_a_time = trio.CapacityLimiter(1)

    @property
    def size_bytes(self) -> int:
        """See `Journal`."""
        return self._journal.size_bytes

    async def append(self, records: Sequence[Record]) -> None:
        """Durable when this returns; see `Journal.append`."""
        await trio.to_thread.run_sync(self._journal.append, records, limiter=self._one_at_a_time)

    async def prune(self, records: Sequence[Record]) -> None:
        """See `Journal.prune`."""
        await trio.to_thread.run_sync(self._journal.prune, records, limiter=self._one_at_a_time)
