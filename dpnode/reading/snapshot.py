"""Writes a snapshot of the newest block, and says what one shows: see `ledger.snapshot`.

One read transaction gives the same pairs twice, once for the totals and the tree and once for the file, so a daemon
that goes on meanwhile changes nothing and no more than a chunk is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dpnode.errors import FailKind, Problem
from dpnode.reading.proof import certified_at
from dpnode.reading.source import Asks, Report, drive, read_head
from dpnode.store import questions
from ledger.charter import read_charter
from ledger.errors import LocalError, RemoteError
from ledger.names import Kind, show_id
from ledger.snapshot import MAGIC as MAGIC
from ledger.snapshot import Snapshot, write_snapshot

Fields = dict[str, Any]


def parts(reading: Asks, report: Report) -> Iterator[bytes]:
    """The bytes of a snapshot of the newest block; raises `Problem`."""
    head = read_head(reading.ask(questions.meta()))
    if head.height == 0:
        raise Problem(FailKind.REFUSED, "there is no block yet, and a snapshot is of one")
    certified, block = drive(reading, certified_at(head.height))
    try:
        yield from write_snapshot(certified, block, _Twice(reading, report).pairs)
    except (LocalError, RemoteError) as problem:
        # All of it was read from here.
        raise Problem(
            FailKind.VERIFICATION, f"the database does not hold the state of block {head.height}: {problem}"
        ) from problem


class _Twice:
    """The stored state, gone through once to count and hash it and once to write it."""

    def __init__(self, reading: Asks, report: Report) -> None:
        self._reading = reading
        self._report = report
        self._counted = 0

    def pairs(self) -> Iterator[tuple[bytes, bytes]]:
        of, done = self._counted, 0
        chunk = self._reading.ask(questions.state_chunk(None))
        while chunk:
            yield from chunk
            done += len(chunk)
            self._report({"text": "writing", "done": done, "of": of} if of else {"text": "hashing", "done": done})
            chunk = self._reading.ask(questions.state_chunk(chunk[-1][0]))
        self._counted = done


def is_meant(begin: bytes) -> bool:
    """Whether a file that begins so is, or was before it was damaged, a snapshot: no proof begins with these signs."""
    return 2 * sum(one == other for one, other in zip(begin, MAGIC, strict=False)) > len(MAGIC)


def checked(read: Callable[[int], bytes], charter_body: bytes, report: Report) -> Fields:
    """What a snapshot is of, once all of it holds by the charter; needs no node.

    Args:
        read: gives that many bytes of it, from its first on.

    Errors:
        Problem: VERIFICATION, where the charter is none or the snapshot does not hold.
    """
    try:
        charter = read_charter(charter_body)
    except RemoteError as problem:
        raise Problem(FailKind.VERIFICATION, f"the charter file is no charter: {problem.reason}") from problem
    try:
        snapshot = Snapshot(read, charter)
        done = 0
        for chunk in snapshot.chunks():
            done += len(chunk)
            report({"text": "checking the snapshot", "done": done, "of": snapshot.start.pairs})
    except RemoteError as problem:
        raise Problem(FailKind.VERIFICATION, f"the snapshot does not hold: {problem.reason}") from problem
    start, header = snapshot.start, snapshot.start.block.header
    return {
        "is": "snapshot",
        "shows": f"this is the whole state after block {header.height:,}: {start.pairs:,} pairs",
        "network": {"id": show_id(Kind.NETWORK, charter.network), "name": charter.name},
        "height": header.height,
        "time_ms": header.time_ms,
        "block": show_id(Kind.BLOCK, header.id),
        "root": header.state_root,
        "epoch": header.epoch,
        "signed": start.shown.signed,
        "witnesses": start.shown.witnesses,
        "pairs": start.pairs,
        "bytes": start.state_bytes,
    }
