"""Beginning with a snapshot: a file that a member wrote, checked whole before anything of it is kept or asked for.

All of it becomes durable in one transaction, the home's first; an attempt that was cut off leaves nothing behind.
Making one stands in `dpnode.reading.snapshot`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dpnode.errors import FailKind, Problem
from dpnode.shelf import Founded, snapshot_commit
from dpnode.store.rows import Commit
from ledger.errors import RemoteError
from ledger.snapshot import Snapshot


def first_commit(
    path: Path, founded: Founded, anchor: tuple[int, bytes], report: Callable[[dict[str, Any]], None]
) -> Commit:
    """The first commit of a home that joins with the snapshot at `path`.

    Args:
        anchor: height and id of the block that the invitation names; where it is the snapshot's own, it is compared
            here, where it is newer, while catching up (P-56).

    Errors:
        Problem: VERIFICATION where the snapshot does not hold, FAILED where the file cannot be read.
    """
    pairs: list[tuple[bytes, bytes]] = []
    try:
        with path.open("rb") as file:
            snapshot = Snapshot(file.read, founded.charter)
            header = snapshot.start.block.header
            if anchor[0] == header.height and anchor[1] != header.id:
                raise RemoteError(f"its block {header.height} is not the one that the invitation names")
            for chunk in snapshot.chunks():
                pairs += chunk
                report({"text": "checking the snapshot", "done": len(pairs), "of": snapshot.start.pairs})
        return snapshot_commit(founded, snapshot.start, pairs, anchor)
    except RemoteError as problem:
        raise Problem(FailKind.VERIFICATION, f"the snapshot does not hold: {problem.reason}") from problem
    except OSError as error:
        raise Problem(FailKind.FAILED, f"cannot read {path}: {error.strerror}") from error
