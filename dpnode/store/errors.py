"""What can go wrong with the disk, each with the sentence that the owner of the node reads.

All of these are the machine's or the owner's matter, never a peer's. A broken rule of our own (a height out of order,
say) is an AssertionError instead.
"""

import errno
from typing import ClassVar


class StoreError(Exception):
    """The ledger's database failed."""

    lasting: ClassVar[bool] = True
    """True: the open store can promise nothing more and refuses every later commit. False: try again later."""

    def __init__(self, path: str, detail: str = "") -> None:
        super().__init__(path, detail)
        self.path = path
        self.detail = detail

    def __str__(self) -> str:
        sentence = (type(self).__doc__ or "").strip().splitlines()[0].format(path=self.path, detail=self.detail)
        return f"{sentence} ({self.detail})" if self.detail and self.detail not in sentence else sentence


class StoreFull(StoreError):
    """The disk that holds {path} is full: nothing was written, and nothing is signed until there is room."""

    lasting = False


class StoreBroken(StoreError):
    """The disk refused to read or write {path}: the node stops writing; look at the disk before starting it again."""


class StoreCorrupt(StoreError):
    """{path} is damaged: `dpnode ledger rebuild` sets it aside, and it is fetched again from the other members."""


class StoreLocked(StoreError):
    """The database {path} is in use by process {detail}."""

    lasting = False


class StoreUnreadable(StoreError):
    """The database {path} cannot be opened: it is missing, or its folder or file may not be read or written."""


class StoreForeign(StoreError):
    """The file {path} is not a dpnode ledger: move it away, then put back a copy or `dpnode ledger rebuild`."""


class StoreNewer(StoreError):
    """The database {path} was written by a newer dpnode (schema {detail}): install that version or a later one."""


class StoreClosed(StoreError):
    """The store {path} was asked after it had been closed."""


class JournalLost(StoreError):
    """The vote journal {path} is missing or damaged, so this witness votes no more until it gets a new key."""


class JournalFull(StoreError):
    """The disk that holds the vote journal {path} is full: nothing is signed until there is room."""

    lasting = False


class JournalBroken(StoreError):
    """The disk refused to write the vote journal {path}: this witness votes no more until it is started again."""


_SHM_SIZE = 4874
"""SQLITE_IOERR_SHMSIZE: the file of memory that its connections share could not be made larger."""


def error_of(path: str, code: int, message: str) -> StoreError | None:
    """The named error for an SQLite result code (primary or extended); None when only a bug of ours explains it."""
    if code == _SHM_SIZE:
        return StoreFull(path)
    match code & 0xFF:
        case 13:  # SQLITE_FULL
            return StoreFull(path)
        case 10:  # SQLITE_IOERR
            return StoreBroken(path, message)
        case 11 | 26:  # SQLITE_CORRUPT, SQLITE_NOTADB
            return StoreCorrupt(path, message)
        case 5 | 6:  # SQLITE_BUSY, SQLITE_LOCKED
            return StoreLocked(path, "another program")
        case 3 | 8 | 14:  # SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN
            return StoreUnreadable(path, message)
        case _:
            return None


def is_full(error: OSError) -> bool:
    """True when the disk, or its owner's share of it, has no room left."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
