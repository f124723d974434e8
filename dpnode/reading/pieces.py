"""Makes what late joiners fetch: the state of the newest block in pieces, in a file, with an outline beside it.

The state is gone through once to count and hash it and then once for every 64 MiB of pieces, all in one read
transaction, so the daemon goes on meanwhile and never more than those are in memory. Source: ledger/SPEC.md O-18 to
O-20.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpnode.reading.proof import certified_at
from dpnode.reading.source import Asks, drive, read_head
from dpnode.store import questions
from ledger.canonical import decode, encode
from ledger.errors import LocalError, RemoteError
from ledger.form import Bytes, Int, List, Map
from ledger.merkle import HASH_BYTES
from ledger.pieces import BEGINNING_BYTES_MAX, DEPTH_MAX, PIECE_BYTES_MAX, Sizes, place_of, write_outline, write_piece
from ledger.snapshot import Gathering, Pair

IN_MEMORY_BYTES_MAX = 64 << 20
"""Pairs of pieces that are sorted and written together."""
_OUTLINE = ".outline"
_PIECES = ".pieces"
_OUTLINE_BYTES_MAX = BEGINNING_BYTES_MAX + (HASH_BYTES << DEPTH_MAX) + (8 << DEPTH_MAX) + 1024
_FORM = Map(
    {
        "begins": Bytes(1, BEGINNING_BYTES_MAX),
        "entries": Int(),
        "height": Int(1),
        "nodes": Bytes(HASH_BYTES, HASH_BYTES << DEPTH_MAX),
        "sizes": List(Int(0, PIECE_BYTES_MAX), 1, 1 << DEPTH_MAX),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A snapshot in pieces on the disk."""

    height: int
    entries: int
    """Of the ledger up to its block, as counted here."""
    begins: bytes
    nodes: bytes
    path: Path
    """Of the pieces."""
    places: dict[bytes, tuple[int, int]]
    """By a piece's name: where it begins in the file, and its bytes."""

    def piece(self, node: bytes) -> bytes | None:
        """The bytes of a piece, None where there is none of that name; raises `OSError`."""
        if node not in self.places:
            return None
        at, size = self.places[node]
        with self.path.open("rb") as file:
            file.seek(at)
            return file.read(size)


def make(reading: Asks, folder: Path, rest: Callable[[], None]) -> Made:
    """Write the snapshot of the newest block.

    Args:
        rest: called between chunks; may pause, and may raise to stop the work.

    Errors:
        LocalError: the state cannot be fetched piece by piece, or there is no block yet.
        RemoteError, Problem: the database does not hold what it says.
        OSError: the file cannot be written.
    """
    head = read_head(reading.ask(questions.meta()))
    if head.height == 0:
        raise LocalError("there is no block yet, and a snapshot is of one")
    certified, block = drive(reading, certified_at(head.height))
    gathered, counted = Gathering(), Sizes()
    for pair in _pairs(reading, rest):
        gathered.add(*pair)
        counted.add(*pair)
    sizes = counted.pieces()
    depth = len(sizes).bit_length() - 1
    begins, nodes = write_outline(certified, block, gathered, depth)
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{head.height}{_PIECES}"
    with _written(path) as file:
        for first, end in _runs(sizes):
            for piece in _gathered(_pairs(reading, rest), depth, first, end):
                file.write(piece)
                rest()
    value: dict[str, Any] = {
        "begins": begins,
        "entries": head.entries,
        "height": head.height,
        "nodes": nodes,
        "sizes": sizes,
    }
    # Last, so that where it stands everything does.
    with _written(path.with_suffix(_OUTLINE)) as file:
        file.write(encode(value))
    return _made(value, path)


def found(folder: Path) -> list[Made]:
    """What was made before, the newest last; what is cut off or not readable is no part of it."""
    made = []
    for path in folder.glob(f"*{_OUTLINE}"):
        try:
            value: Any = decode(path.read_bytes(), bytes_max=_OUTLINE_BYTES_MAX)
            _FORM.check(value)
            one = _made(value, path.with_suffix(_PIECES))
            if one.path.stat().st_size == sum(value["sizes"]):
                made.append(one)
        except (OSError, RemoteError, ValueError):
            continue
    return sorted(made, key=lambda one: one.height)


def forget(folder: Path, keep: list[Made]) -> None:
    """Remove every snapshot but these, and what was left by one that was cut off."""
    names = {name for one in keep for name in (one.path.name, one.path.with_suffix(_OUTLINE).name)}
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in names:
            path.unlink(missing_ok=True)


def _made(value: dict[str, Any], path: Path) -> Made:
    nodes: bytes = value["nodes"]
    places, at = {}, 0
    for i, size in enumerate(value["sizes"]):
        if size:
            places[nodes[HASH_BYTES * i : HASH_BYTES * (i + 1)]] = (at, size)
        at += size
    return Made(
        height=value["height"],
        entries=value["entries"],
        begins=value["begins"],
        nodes=nodes,
        path=path,
        places=places,
    )


def _pairs(reading: Asks, rest: Callable[[], None]) -> Iterator[Pair]:
    chunk = reading.ask(questions.state_chunk(None))
    while chunk:
        yield from chunk
        rest()
        chunk = reading.ask(questions.state_chunk(chunk[-1][0]))


def _runs(sizes: list[int]) -> Iterator[tuple[int, int]]:
    """The pieces to write together: (first, end)."""
    first, size = 0, 0
    for i, more in enumerate(sizes):
        if size + more > IN_MEMORY_BYTES_MAX:
            yield first, i
            first, size = i, 0
        size += more
    yield first, len(sizes)


def _gathered(pairs: Iterator[Pair], depth: int, first: int, end: int) -> Iterator[bytes]:
    """The bytes of the pieces from `first` to below `end`."""
    waiting: list[list[Pair]] = [[] for _ in range(end - first)]
    for key, value in pairs:
        place = place_of(key, depth)
        if first <= place < end:
            waiting[place - first].append((key, value))
    for i, one in enumerate(waiting):
        waiting[i] = []
        yield write_piece(one)


class _written:
    """A file that gets its name once all of it is on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.part")
        descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "wb")

    def __enter__(self) -> Any:
        return self._file

    def __exit__(self, kind: object, *rest: object) -> None:
        with self._file:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
        if kind is None:
            self._beside.rename(self._path)
        else:
            self._beside.unlink(missing_ok=True)
