"""What the rules say of our next entries, on top of everything of ours that is pending.

A courtesy to the owner, who hears at once what the ledger would refuse: nothing here decides, the block does (SPEC
P-14). What our pending entries make of the state is kept between two questions, so that the thousandth entry costs no
more than the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from ledger.chain import Chain
from ledger.charter import Limits
from ledger.entry import Entry
from ledger.errors import Refusal
from ledger.fold import Executed, choose
from ledger.state import Overlay, View
from protocol.inputs import Now
from protocol.limits import TRIAL_ENTRIES_MAX
from protocol.replication.pool import Pool

_UNLIMITED = 1 << 53
"""Of one block; our entries may be spread over several."""


class Trial:
    """Our pending entries as if they stood in the next block."""

    def __init__(self, chain: Chain, pool: Pool, key: bytes) -> None:
        self._chain = chain
        self._pool = pool
        self._key = key
        self._base: Overlay | None = None
        self._tried: Overlay | None = None

    def forget(self) -> None:
        """The ledger moved, or something else of ours became pending."""
        self._base = self._tried = None

    def refusal(self, entries: Sequence[Entry], now: Now) -> Refusal | None:
        """The first refusal among `entries`; None where all would be applied, or what is pending leaves it open."""
        self._tried = None
        base = self._standing(now)
        if base is None:
            return None
        self._tried = Overlay(base)
        done = self._run(self._tried, entries, now)
        said = {entry.id: refusal for entry, refusal in (*zip(done.entries, done.refusals, strict=True), *done.left)}
        return next((refusal for entry in entries if (refusal := said.get(entry.id)) is not None), None)

    def keep(self) -> None:
        """The entries last asked about are pending now."""
        if self._base is not None and self._tried is not None:
            self._base.absorb(self._tried)
        self._tried = None

    def _standing(self, now: Now) -> View | None:
        if self._base is None:
            run = self._pool.run(self._chain.state, self._key)
            waiting = list(islice(run, TRIAL_ENTRIES_MAX + 1))
            if len(waiting) > TRIAL_ENTRIES_MAX:
                return None
            base = Overlay(self._chain.state)
            if self._run(base, waiting, now).left:
                # One of them has lapsed, or waits for tomorrow's allowance; the next is in order all the same.
                return None
            self._base = base
        return self._base

    def _run(self, tx: Overlay, entries: Sequence[Entry], now: Now) -> Executed:
        head = self._chain.head
        limits: Limits = replace(self._chain.charter.limits, block_entries=_UNLIMITED, block_bytes=_UNLIMITED)
        time_ms = max(now.wall_ms, head.time_ms + 1)
        return choose(tx, self._chain.network, head.height + 1, time_ms, entries, limits)
