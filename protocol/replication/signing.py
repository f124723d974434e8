"""Our own entries: signed under numbers that follow each other, and lapsed numbers used up (SPEC P-14, P-16).

A lapsed entry can stand in no later block, so no two entries under one number ever compete.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.canonical import Value
from ledger.chain import Chain
from ledger.entry import Entry, sign_entry
from ledger.fold import last_sequence
from ledger.keys import MemberId, SigningKey
from ledger.operations.members import key_standing
from ledger.operations.operation import Role
from protocol.limits import CLOCK_TOLERANCE_MS
from protocol.replication.pool import Pool

FILLERS_MAX = 256
"""Numbers filled at once."""
_FILLER: dict[str, Value] = {"t": "membership.profile/1"}
"""Changes nothing."""


class Signing:
    """The working key of this machine, and the numbers under it."""

    def __init__(self, chain: Chain, pool: Pool, member: MemberId, signer: SigningKey) -> None:
        self._chain = chain
        self._pool = pool
        self._member = member
        self._signer = signer

    def is_own(self, entry: Entry) -> bool:
        """Whether this member made an entry, here or on another machine; a guest's under our invitation is not ours."""
        if entry.key == self._signer.public:
            return True
        record = key_standing(self._chain.state, entry.key)
        return record is not None and record["member"] == self._member and record["role"] != Role.INVITE.value

    def signed(self, operations: Sequence[dict[str, Value]], until_ms: int) -> list[Entry]:
        """Operations as entries under the next numbers."""
        key = self._signer.public
        sequence = max(last_sequence(self._chain.state, key), self._pool.highest(key))
        return [
            sign_entry(self._signer, self._chain.network, sequence + i, until_ms, operation)
            for i, operation in enumerate(operations, start=1)
        ]

    def missing(self) -> list[int]:
        """Numbers between the last applied and the highest pending one under which nothing waits."""
        numbers = self._pool.numbers(self._signer.public)
        last = last_sequence(self._chain.state, self._signer.public)
        return sorted(set(range(last + 1, max(numbers, default=0))) - set(numbers))

    def fillers(self, lapsed: Sequence[int], time_ms: int) -> list[Entry]:
        """Entries that change nothing, under numbers of ours that lapsed: what follows these waits for them.

        `time_ms` is that of a block made now.
        """
        if not lapsed:
            return []
        highest = self._pool.highest(self._signer.public)
        soon_ms = time_ms + CLOCK_TOLERANCE_MS  # a filler that has lapsed would be made for ever
        waiting = [entry.until_ms for entry in self._pool.of(self._signer.public)]
        return [
            sign_entry(self._signer, self._chain.network, number, max(soon_ms, *waiting), dict(_FILLER))
            for number in lapsed[:FILLERS_MAX]
            if number < highest
        ]


def is_filler(entry: Entry) -> bool:
    """Whether an entry has no other purpose than to use up its number."""
    return entry.operation == _FILLER
