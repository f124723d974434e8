"""The due list: what happens by itself at a block time.

It stands in the state, ordered by time, and is run first in each block (SPEC D-1), so every node does the same at the
same height. Witnesses wake at `next_ms` even when nobody sends anything.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.state import Overlay, View

_PREFIX = b"due/"
_TIME_BYTES = 8
_KIND_END = b"\x00"


def add(tx: Overlay, time_ms: int, kind: str, subject: bytes) -> None:
    """Have `kind` run for the 32-byte id `subject` in the first block at or after `time_ms`."""
    tx.put(_key(time_ms, kind, subject), True)


def remove(tx: Overlay, time_ms: int, kind: str, subject: bytes) -> None:
    """Take an item off the list."""
    tx.delete(_key(time_ms, kind, subject))


def until(view: View, time_ms: int) -> Iterator[tuple[int, str, bytes, bytes]]:
    """Items due at or before `time_ms`, earliest first: (time, kind, subject, state key)."""
    for key, _ in view.raw_range(_PREFIX):
        due_ms, kind, subject = _read(key)
        if due_ms > time_ms:
            return
        yield due_ms, kind, subject, key


def next_ms(view: View) -> int | None:
    """When the next item falls due, or None."""
    for key, _ in view.raw_range(_PREFIX):
        return _read(key)[0]
    return None


def _key(time_ms: int, kind: str, subject: bytes) -> bytes:
    return _PREFIX + time_ms.to_bytes(_TIME_BYTES, "big") + kind.encode("ascii") + _KIND_END + subject


def _read(key: bytes) -> tuple[int, str, bytes]:
    start = len(_PREFIX) + _TIME_BYTES
    kind, _, subject = key[start:].partition(_KIND_END)
    return int.from_bytes(key[len(_PREFIX) : start], "big"), kind.decode("ascii"), subject
