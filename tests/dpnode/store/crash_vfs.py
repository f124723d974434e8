"""SQLite on a `CrashDisk`: the third driver of the store's procedures, the one whose power can be cut."""

import errno
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from dpnode.store.errors import error_of
from dpnode.store.statement import Row, Statement
from tests.dpnode.store.crash_disk import CrashDisk

PATH = "ledger.db"

_numbers = itertools.count()


class CrashFile:
    """One open file on the disk, in the methods SQLite asks of it."""

    def __init__(self, disk: CrashDisk, name: str) -> None:
        self.disk = disk
        self.name = name
        disk.files.setdefault(name, bytearray())

    def xRead(self, amount: int, offset: int) -> bytes:
        with named(self.disk, apsw.IOError, "SQLITE_IOERR_READ"):
            self.disk._step("read", self.name)
        return bytes(self.disk.files[self.name][offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        with named(self.disk, apsw.IOError, "SQLITE_IOERR_WRITE"):
            self.disk.write(self.name, offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        with named(self.disk, apsw.IOError, "SQLITE_IOERR_TRUNCATE"):
            self.disk.truncate(self.name, size)

    def xSync(self, flags: int) -> None:
        with named(self.disk, apsw.IOError, "SQLITE_IOERR_FSYNC"):
            self.disk.sync(self.name)

    def xFileSize(self) -> int:
        return len(self.disk.files[self.name])

    def xClose(self) -> None:
        return

    def xLock(self, level: int) -> None:
        return

    def xUnlock(self, level: int) -> None:
        return

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        return int(apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE)


class CrashVfs(apsw.VFS):
    """All files by their last name on one disk."""

    def __init__(self, disk: CrashDisk) -> None:
        self.disk = disk
        self.vfs_name = f"crash{next(_numbers)}"
        super().__init__(self.vfs_name, "unix-none")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        with named(self.disk, apsw.CantOpenError, "SQLITE_CANTOPEN"):
            self.disk._step("open", filename)
        return CrashFile(self.disk, filename)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        with named(self.disk, apsw.IOError, "SQLITE_IOERR_DELETE"):
            self.disk.remove(name)
            self.disk.sync_folder()

    def xAccess(self, name: str, flags: int) -> bool:
        return name in self.disk.files

    def xFullPathname(self, name: str) -> str:
        return name


@contextmanager
def named(disk: CrashDisk, error: type[apsw.Error], code: str) -> Iterator[None]:
    """Give an error of the disk the result code that SQLite's own unix driver gives it: only a write is ever "full"."""
    try:
        yield
    except OSError as failure:
        full = failure.errno == errno.ENOSPC and code == "SQLITE_IOERR_WRITE"
        planted = apsw.FullError("planted") if full else error("planted")
        planted.extendedresult = apsw.SQLITE_FULL if full else getattr(apsw, code)
        planted.result = planted.extendedresult & 0xFF
        raise planted from None


def store_error(error: apsw.Error) -> Exception:
    """What the sqlite3 driver would have raised."""
    return error_of(PATH, getattr(error, "result", 0), str(error)) or error


class ApswPort:
    """The store's `Port` over apsw."""

    def __init__(self, disk: CrashDisk) -> None:
        self.vfs = CrashVfs(disk)
        try:
            self.connection = apsw.Connection(PATH, vfs=self.vfs.vfs_name)
        except apsw.Error as error:
            raise store_error(error) from error

    def run(self, statement: Statement) -> list[Row]:
        try:
            if statement.many:
                self.connection.executemany(statement.sql, statement.parameters).fetchall()
                return []
            return self.connection.execute(statement.sql, statement.parameters or None).fetchall()
        except apsw.Error as error:
            raise store_error(error) from error

    def abandon(self) -> None:
        if self.connection.in_transaction:
            try:
                self.connection.execute("ROLLBACK")
            except apsw.Error:
                return

    def close(self) -> None:
        self.connection.close()
