"""The witness's own file of votes: appended and synced before a vote is sent, so that no restart forgets one.

The idea. Records are appended in *batches*, one write and one sync each. After the sync has returned, a small *seal* is
written behind the batch (and synced with the next one): where a seal, or the batch after next, can be read, the batch
before it was surely on the disk. So at the start there are exactly two kinds of damage:

* the last batch is incomplete and nothing proves that it was ever synced: a power cut in the middle of `append`, whose
  caller was never told that it was durable. It is cut off whole.
* anything else (a flipped bit, a missing middle, a file from another place): a vote that was sent may be missing here.
  `JournalLost`: the witness must not vote again under its key (consensus, rule 12).

A file begins with a salt and what was kept when it was made, sealed; it gets its name only when that is on the disk. A
frame is: a header that says where it stands and to which batch it belongs, under a CRC-32 of its own, so that it is
recognised behind damage; the body; and a check chained over everything before it, so that a cut-out middle shows. The
CRC starts from the salt, which no peer knows: a proposal's body, kept here, cannot pretend to be such a header.

What is *not* here: what a record means, keys, and the noticing of an older copy put back (rule 13 asks the others).
"""

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from struct import Struct

from dpnode.store.disk import Disk, FolderDisk
from dpnode.store.errors import JournalBroken, JournalFull, JournalLost, StoreError, is_full
from dpnode.store.lock import hold

NAME = "votes.journal"
_NEW = "votes.journal.new"

RECORD_BYTES_MAX = 2 << 20
"""A block body is 1 MiB at most; twice that leaves room for its frame and certificates."""

BATCH_RECORDS_MAX = 1_024
"""A step of the replica writes a few records; a compacted journal keeps those of at most some views."""

SALT_BYTES = 16

_TITLE = b"dpnode votes 1\n\n"
_START = len(_TITLE) + SALT_BYTES
_MAGIC = b"\x9edpv"
_HEADER = Struct(">4sQQHBI")
"""Magic, offset of this frame in the file, batch from 1, records left in the batch after this, kind, body length."""
_CRC = Struct(">I")
_HEADER_BYTES = _HEADER.size + _CRC.size
_CHECK_BYTES = 16
_SEAL = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One thing to remember; `kind` is 1 to 255 and the caller's matter."""

    kind: int
    body: bytes


@dataclass(frozen=True, slots=True)
class _Frame:
    offset: int
    batch: int
    left: int
    kind: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + _HEADER_BYTES + self.size + _CHECK_BYTES


@dataclass(frozen=True, slots=True)
class _Place:
    """Between two frames."""

    offset: int
    batch: int
    """The last batch before it."""
    chain: bytes
    """SHA-256 over everything before it."""


class _Standing(Enum):
    OPEN = "appends are accepted"
    FAILED = "a sync failed: what the disk holds is known only after a new start"
    CLOSED = "closed"


class Journal:
    """The open journal; `open_journal` makes one. Synchronous: every method returns when the disk has done it."""

    def __init__(self, disk: Disk, path: str, salt: bytes) -> None:
        assert len(salt) == SALT_BYTES, len(salt)
        self._disk = disk
        self._path = path
        self._salt = salt
        self._standing = _Standing.OPEN
        self._at = _beginning(salt)

    @property
    def size_bytes(self) -> int:
        """Of the file; prune when it has grown well beyond what must be kept."""
        return self._at.offset

    def append(self, records: Sequence[Record]) -> None:
        """Make the records durable, all or none.

        Raises JournalFull when there is no room (nothing was kept; try again), JournalBroken when the disk failed: the
        records may or may not be found at the next start, and every later append is refused until then.
        """
        self._refuse_unless_open()
        data, after = _batch(self._salt, self._at, records)
        try:
            self._disk.write(NAME, self._at.offset, data)
        except OSError as error:
            raise self._undo(error) from error
        try:
            self._disk.sync(NAME)
        except OSError as error:
            # After a failed sync the pages count as clean though they are not on the disk: never ask again.
            raise self._broken(error) from error
        self._at = after
        self._seal()

    def prune(self, records: Sequence[Record]) -> None:
        """Replace everything by `records` (what is still needed above the floor), atomically and durably.

        Raises as `append`; after JournalFull the journal is as it was.
        """
        self._refuse_unless_open()
        parts = [_TITLE + self._salt]
        at = _beginning(self._salt)
        for first in range(0, len(records), BATCH_RECORDS_MAX):
            data, at = _batch(self._salt, at, records[first : first + BATCH_RECORDS_MAX])
            parts.append(data)
        data, at = _sealed(self._salt, at)
        try:
            self._disk.remove(_NEW)
            self._disk.write(_NEW, 0, b"".join([*parts, data]))
        except OSError as error:
            if not is_full(error):
                raise self._broken(error) from error
            # Half of it would keep a full disk full.
            with suppress(OSError):
                self._disk.remove(_NEW)
            raise JournalFull(self._path) from error
        try:
            self._disk.sync(_NEW)
            self._disk.replace(_NEW, NAME)
            self._disk.sync_folder()
        except OSError as error:
            # Which of the two files stands under the name is not known here.
            raise self._broken(error) from error
        self._at = at

    def close(self) -> None:
        """Sync the last seal, so that later damage to the last batch is told from a power cut."""
        if self._standing is _Standing.OPEN:
            self._standing = _Standing.CLOSED
            try:
                self._disk.sync(NAME)
            except OSError as error:
                raise JournalBroken(self._path, str(error)) from error

    def _seal(self) -> None:
        """Say that the batch is on the disk. Not synced: without it, the next start only knows less."""
        data, after = _sealed(self._salt, self._at)
        try:
            self._disk.write(NAME, self._at.offset, data)
        except OSError as error:
            # The batch is durable, and its caller must learn that; the next append writes over what is left of this.
            if not is_full(error):
                self._broken(error)
            return
        self._at = after

    def _undo(self, error: OSError) -> StoreError:
        """Take back a batch that was not written whole, so that the next one stands where it stood."""
        if not is_full(error):
            return self._broken(error)
        try:
            self._disk.truncate(NAME, self._at.offset)
        except OSError as worse:
            return self._broken(worse)
        return JournalFull(self._path)

    def _broken(self, error: OSError) -> StoreError:
        self._standing = _Standing.FAILED
        return JournalBroken(self._path, str(error))

    def _refuse_unless_open(self) -> None:
        if self._standing is not _Standing.OPEN:
            raise JournalBroken(self._path, self._standing.value)


def start_journal(disk: Disk, path: str, *, create: bool, salt: bytes) -> tuple[Journal, list[Record]]:
    """The journal on a disk and what it remembers, oldest first; `salt` is 16 random bytes.

    `create` makes a new, empty one and refuses (JournalLost) where one exists; without it a missing file is
    JournalLost, as is damage anywhere but in a last batch that was never synced. What is returned is on the disk: it is
    written anew, because after a failed sync the file may read well and yet not be there.
    """
    try:
        data = disk.read(NAME)
    except OSError as error:
        raise JournalBroken(path, str(error)) from error
    if (data is None) != create:
        raise JournalLost(path, "it exists already" if create else "there is none")
    records = replay(data, path) if data is not None else []
    journal = Journal(disk, path, salt)
    journal.prune(records)
    return journal, records


def replay(data: bytes, path: str) -> list[Record]:
    """The records of a journal's bytes, without a last batch that was never synced. Raises JournalLost."""
    if data[: len(_TITLE)] != _TITLE or len(data) < _START:
        raise JournalLost(path, "damage at byte 0")
    salt = data[len(_TITLE) : _START]
    at = whole = _beginning(salt)
    kept: list[Record] = []
    batch: list[Record] = []
    sealed = False
    while (frame := _header_at(salt, data, at.offset)) and frame.offset == at.offset:
        text = data[frame.offset : frame.offset + _HEADER_BYTES + frame.size]
        after = _following(at, text)
        if data[frame.end - _CHECK_BYTES : frame.end] != after.chain[:_CHECK_BYTES]:
            break
        if frame.kind == _SEAL:
            sealed = True
        else:
            batch.append(Record(frame.kind, text[_HEADER_BYTES:]))
        at = after
        if not frame.left:
            kept += batch
            batch = []
            whole = replace(at, batch=frame.batch)
    if whole.offset < len(data):
        _refuse_if_synced(salt, data, whole, path)
    if not sealed:
        raise JournalLost(path, f"damage at byte {at.offset}")
    return kept


def _refuse_if_synced(salt: bytes, data: bytes, whole: _Place, path: str) -> None:
    """Raise JournalLost if anything behind the last whole batch proves that the one after it had been synced."""
    incomplete = whole.batch + 1
    offset = data.find(_MAGIC, whole.offset)
    while offset >= 0:
        frame = _header_at(salt, data, offset)  # also where a missing middle has moved it
        if frame and (frame.batch > incomplete or (frame.kind == _SEAL and frame.batch == incomplete)):
            raise JournalLost(path, f"damage behind byte {whole.offset}")
        offset = data.find(_MAGIC, offset + 1)


@contextmanager
def open_journal(folder: Path, *, create: bool) -> Iterator[tuple[Journal, list[Record]]]:
    """The journal in a folder, held by this process alone for the block. Raises as `start_journal`, and StoreLocked."""
    path = folder / NAME
    with hold(path):
        disk = FolderDisk(folder)
        try:
            journal, records = start_journal(disk, str(path), create=create, salt=os.urandom(SALT_BYTES))
            yield journal, records
            journal.close()
        finally:
            disk.close()


def _beginning(salt: bytes) -> _Place:
    return _Place(_START, 0, hashlib.sha256(_TITLE + salt).digest())


def _following(at: _Place, frame: bytes) -> _Place:
    """The place behind a frame (header and body) and its check, which is the first 16 bytes of the new chain."""
    return _Place(at.offset + len(frame) + _CHECK_BYTES, at.batch, hashlib.sha256(at.chain + frame).digest())


def _batch(salt: bytes, at: _Place, records: Sequence[Record]) -> tuple[bytes, _Place]:
    assert 1 <= len(records) <= BATCH_RECORDS_MAX, len(records)
    at = replace(at, batch=at.batch + 1)
    parts: list[bytes] = []
    for left, record in zip(range(len(records) - 1, -1, -1), records, strict=True):
        assert 1 <= record.kind <= 255 and len(record.body) <= RECORD_BYTES_MAX, (record.kind, len(record.body))
        frame = _frame(salt, at, left, record.kind, record.body)
        at = _following(at, frame)
        parts += (frame, at.chain[:_CHECK_BYTES])
    return b"".join(parts), at


def _sealed(salt: bytes, at: _Place) -> tuple[bytes, _Place]:
    frame = _frame(salt, at, 0, _SEAL, b"")
    after = _following(at, frame)
    return frame + after.chain[:_CHECK_BYTES], after


def _frame(salt: bytes, at: _Place, left: int, kind: int, body: bytes) -> bytes:
    header = _HEADER.pack(_MAGIC, at.offset, at.batch, left, kind, len(body))
    return header + _CRC.pack(zlib.crc32(salt + header)) + body


def _header_at(salt: bytes, data: bytes, offset: int) -> _Frame | None:
    """A header of this journal at `offset`, wherever it says that it belongs; None for anything else."""
    if offset + _HEADER_BYTES > len(data):
        return None
    magic, home, batch, left, kind, size = _HEADER.unpack_from(data, offset)
    [crc] = _CRC.unpack_from(data, offset + _HEADER.size)
    if magic != _MAGIC or crc != zlib.crc32(salt + data[offset : offset + _HEADER.size]):
        return None
    return _Frame(home, batch, left, kind, size)
