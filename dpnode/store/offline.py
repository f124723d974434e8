"""The same database with no daemon in between: for commands while it is stopped, and for founding a network.

`reading` never writes, also not while the daemon does: all its answers come from one moment. `writing` takes the
writer's lock, so it refuses while the daemon runs. No trio here: a command line must start quickly.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from dpnode.store import write
from dpnode.store.engine import SqlitePort, connect, connect_without_room
from dpnode.store.errors import StoreFull, StoreUnreadable
from dpnode.store.lock import hold
from dpnode.store.migrate import Tuning, check_version, migrate, quick_check, reader_settings, scripts, settings
from dpnode.store.rows import Commit
from dpnode.store.statement import Port, Procedure, drive, one

T = TypeVar("T")


class Reading:
    """An open database, asked directly."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def ask(self, question: Procedure[T]) -> T:
        """The answer to any procedure of `questions`. Raises StoreCorrupt and StoreBroken as the daemon would."""
        return drive(self._port, question)


class Writing(Reading):
    """An open database, asked and written directly."""

    def commit(self, commit: Commit) -> None:
        """As `Store.commit`."""
        drive(self._port, write.write(commit))


@contextmanager
def reading(path: Path) -> Iterator[Reading]:
    """The database read-only, as it is at this moment. Raises StoreUnreadable, StoreForeign, StoreNewer."""
    try:
        connection = connect(path, writable=False)
    except StoreFull:
        connection = connect_without_room(path)
    with closing(SqlitePort(connection, str(path))) as port:
        drive(port, reader_settings(Tuning()))
        if drive(port, check_version(str(path), len(scripts()))) == 0:
            raise StoreUnreadable(str(path), "it is empty")
        # One read transaction for all questions; the first statement in it fixes the moment.
        port.run(one("BEGIN"))
        port.run(one("SELECT count(*) FROM meta"))
        yield Reading(port)
        port.abandon()


@contextmanager
def writing(path: Path) -> Iterator[Writing]:
    """The database for writing, made if missing. Raises as `store.open_store`."""
    with hold(path), closing(SqlitePort(connect(path, writable=True), str(path))) as port:
        drive(port, settings(Tuning()))
        drive(port, migrate(str(path), scripts()))
        drive(port, quick_check(str(path)))
        yield Writing(port)
