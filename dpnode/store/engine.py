"""The sqlite3 driver behind the `Port`: opening a file, running statements, naming what the disk did."""

import os
import sqlite3
from pathlib import Path

from dpnode.store.errors import StoreForeign, StoreFull, StoreUnreadable, error_of, is_full
from dpnode.store.statement import Row, Statement

HEADER_BYTES = 512
"""The shortest page."""


class SqlitePort:
    """One sqlite3 connection in autocommit mode."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self.connection = connection
        self.path = path

    def run(self, statement: Statement) -> list[Row]:
        """Execute one statement; see `Port.run`."""
        try:
            if statement.many:
                self.connection.executemany(statement.sql, statement.parameters)
                return []
            return self.connection.execute(statement.sql, statement.parameters).fetchall()
        except sqlite3.Error as error:
            named = error_of(self.path, getattr(error, "sqlite_errorcode", 0), str(error))
            if named is None:
                raise
            raise named from error

    def abandon(self) -> None:
        """Roll back; after some disk errors SQLite has done so by itself."""
        if self.connection.in_transaction:
            try:
                self.connection.execute("ROLLBACK")
            except sqlite3.Error:
                # The error that brought us here is already on its way up, and an unfinished transaction is void anyway.
                return

    def close(self) -> None:
        """Close; the last connection to go empties the write-ahead log."""
        self.connection.close()


def connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """A connection in autocommit mode. Raises StoreUnreadable when the file cannot be opened, or what it is instead.

    A reader of a folder it may not write to gets the file as it stands: right as long as no log lies beside it.
    """
    try:
        if writable:
            _prepare(path)
            return sqlite3.connect(path, isolation_level=None)
        uri = f"{path.absolute().as_uri()}?mode=ro"
        if not os.access(path.parent, os.W_OK) and path.exists() and not unclean(path):
            uri += "&immutable=1"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master")  # what is wrong with a file shows at first use
        except sqlite3.Error:
            connection.close()
            raise
        return connection
    except sqlite3.Error as error:
        named = error_of(str(path), getattr(error, "sqlite_errorcode", 0), str(error))
        raise (named or StoreUnreadable(str(path), str(error))) from error


def connect_without_room(path: Path) -> sqlite3.Connection:
    """A connection that reads a database nobody has open, on a disk too full for the memory that connections share.

    The index of the write-ahead log is made in this process alone, and no lock is taken. Raises as `connect`.
    """
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro&vfs=unix-none"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        return connection
    except sqlite3.Error as error:
        named = error_of(str(path), getattr(error, "sqlite_errorcode", 0), str(error))
        raise (named or StoreUnreadable(str(path), str(error))) from error


def _prepare(path: Path) -> None:
    """The file to write to: for its owner alone, and one that SQLite would not take for an empty one."""
    try:
        path.touch(mode=0o600)
        found = path.stat()
        if found.st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise (StoreFull(str(path)) if is_full(error) else StoreUnreadable(str(path), str(error))) from error
    # SQLite begins a file anew that is shorter than its header; what stands in it is somebody's all the same.
    if 0 < found.st_size < HEADER_BYTES:
        raise StoreForeign(str(path))


def unclean(path: Path) -> bool:
    """True when the last writer did not close the database: its write-ahead log was left with something in it."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0
