"""The daemon's door to the disk: questions and commits from any trio task, answered by the one that holds the driver.

aiosqlite lives on asyncio, so its loop is held by this task alone and everybody else reaches it through bounded
channels: calling into that loop from a sibling's libp2p handler would take the program down. A procedure crosses to the
driver's thread whole, once, whatever the number of its statements. One connection writes, a second, read-only one
answers questions, so that a peer's catching up never stands in front of a commit.

A caller that is cancelled while its commit is under way does not undo it: it only does not learn the outcome.
"""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import aiosqlite
import trio
import trio_asyncio  # type: ignore[import-untyped]

from dpnode.store import questions, write
from dpnode.store.engine import SqlitePort, connect
from dpnode.store.errors import StoreClosed, StoreError
from dpnode.store.lock import hold
from dpnode.store.migrate import Tuning, migrate, quick_check, reader_settings, scripts, settings
from dpnode.store.rows import Commit, Counts, FoundEntry, Head, PendingEntry, ServedBlock
from dpnode.store.statement import Procedure, drive

T = TypeVar("T")

WAITING_MAX = 64
"""Requests a channel holds before callers wait: enough that the driver is never idle, few enough to bound memory."""

CLOSE_S = 10
"""Closing empties the write-ahead log, at most some tens of MB; a disk slower than this leaves it to the next start."""


@dataclass(slots=True, eq=False)
class _Request(Generic[T]):
    procedure: Procedure[T]
    size_bytes: int = 0
    done: trio.Event = field(default_factory=trio.Event)
    answer: T | None = None
    error: Exception | None = None


class _Connection(aiosqlite.Connection):
    """An aiosqlite connection that runs a whole procedure in its thread."""

    async def drive(self, path: str, procedure: Procedure[T]) -> T:
        answer: T = await self._execute(drive, SqlitePort(self._conn, path), procedure)  # type: ignore[no-untyped-call]
        return answer


class Store:
    """The open store. Every method raises a named `StoreError`; a failed commit left nothing behind."""

    def __init__(self, writes: trio.MemorySendChannel[Any], reads: trio.MemorySendChannel[Any]) -> None:
        self._writes = writes
        self._reads = reads

    async def commit(self, commit: Commit) -> None:
        """Make the commit durable; on the disk when this returns.

        Raises StoreFull (try again when there is room) or an error with `lasting` set: after that every commit is
        refused, since what a failing disk really holds is only known after a new start.
        """
        await _ask(self._writes, _Request(write.write(commit), commit.size_bytes))

    async def ask(self, question: Procedure[T]) -> T:
        """The answer to any procedure of `questions`, as of the last commit."""
        return await _ask(self._reads, _Request(question))

    async def load(self) -> AsyncIterator[list[tuple[bytes, bytes]]]:
        """The whole state in key order, in chunks. For the start: commits in between would show in later chunks."""
        chunk = await self.ask(questions.state_chunk(None))
        while chunk:
            yield chunk
            chunk = await self.ask(questions.state_chunk(chunk[-1][0]))

    async def head(self) -> Head | None:
        """The newest block."""
        return await self.ask(questions.head())

    async def block_at(self, height: int) -> Head | None:
        """The header of one block."""
        return await self.ask(questions.block_at(height))

    async def blocks(self, from_height: int, bytes_max: int) -> list[ServedBlock]:
        """Consecutive whole blocks from a height upward, for a peer."""
        return await self.ask(questions.blocks(from_height, bytes_max))

    async def entry_by_id(self, entry_id: bytes) -> list[FoundEntry]:
        """Entries whose id shares its first 8 bytes with `entry_id`; shorter prefixes find more (at most 16)."""
        return await self.ask(questions.entries_like(entry_id, 16))

    async def entries_of(self, author: bytes, before: int | None, limit: int) -> list[FoundEntry]:
        """The newest entries of one member below a global number, newest first."""
        return await self.ask(questions.entries_of(author, before, limit))

    async def counts(self) -> Counts:
        """Figures for `status`."""
        return await self.ask(questions.counts())

    async def pending(self) -> list[PendingEntry]:
        """Every entry recorded here and not yet final."""
        return await self.ask(questions.pending())

    async def kept(self, kind: str) -> list[tuple[bytes, bytes]]:
        """Every kept document of a kind as (id, document)."""
        return await self.ask(questions.kept(kind))

    async def meta(self) -> dict[str, bytes]:
        """The facts that exist once."""
        return await self.ask(questions.meta())


async def open_store(
    path: Path,
    *,
    tuning: Tuning | None = None,
    task_status: trio.TaskStatus[Store] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Hold the database at `path`, made if missing, until cancelled: `store = await nursery.start(open_store, path)`.

    Raises StoreLocked naming the process that holds it, StoreNewer, StoreForeign, StoreUnreadable, and
    StoreCorrupt where the walk through it finds damage. On cancellation the commit under way is finished, then all is
    closed.
    """
    failure: StoreError | None = None
    with hold(path):
        async with trio_asyncio.open_loop():
            try:
                await _serve(path, tuning or Tuning(), task_status)
            except StoreError as error:
                # Carried around the loop's nursery, which would wrap it in a group.
                failure = error
    if failure is not None:
        raise failure


async def _serve(path: Path, tuning: Tuning, task_status: trio.TaskStatus[Store]) -> None:
    writer = await _open(path, writable=True)
    reader = None
    try:
        for procedure in (settings(tuning), migrate(str(path), scripts()), quick_check(str(path))):
            await _drive(writer, path, procedure)
        reader = await _open(path, writable=False)
        await _drive(reader, path, reader_settings(tuning))
        await _serve_both(path, tuning, writer, reader, task_status)
    finally:
        with trio.move_on_after(CLOSE_S) as scope:
            scope.shield = True
            if reader is not None:
                await trio_asyncio.aio_as_trio(reader.close)()
            await trio_asyncio.aio_as_trio(writer.close)()


async def _open(path: Path, *, writable: bool) -> _Connection:
    def connector() -> sqlite3.Connection:
        return connect(path, writable=writable)

    async def opened() -> _Connection:
        return await _Connection(connector, iter_chunk_size=64)  # type: ignore[return-value]

    connection: _Connection = await trio_asyncio.aio_as_trio(opened)()
    return connection


async def _drive(connection: _Connection, path: Path, procedure: Procedure[T]) -> T:
    # Shielded: the thread runs to its end anyway, and giving up on it would leave its answer to nobody.
    with trio.CancelScope(shield=True):
        answer: T = await trio_asyncio.aio_as_trio(connection.drive)(str(path), procedure)
    return answer


async def _serve_both(
    path: Path, tuning: Tuning, writer: _Connection, reader: _Connection, task_status: trio.TaskStatus[Store]
) -> None:
    writes, to_write = trio.open_memory_channel[_Request[Any]](WAITING_MAX)
    reads, to_read = trio.open_memory_channel[_Request[Any]](WAITING_MAX)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_serve_writes, path, tuning, writer, to_write)
        nursery.start_soon(_serve_reads, path, reader, to_read)
        task_status.started(Store(writes, reads))


async def _serve_reads(path: Path, connection: _Connection, requests: trio.MemoryReceiveChannel[_Request[Any]]) -> None:
    with _answering(path, requests):
        async for request in requests:
            await _answer(connection, path, request)


async def _serve_writes(
    path: Path, tuning: Tuning, connection: _Connection, requests: trio.MemoryReceiveChannel[_Request[Any]]
) -> None:
    failure: Exception | None = None
    log_bytes = 0
    with _answering(path, requests):
        async for request in requests:
            if failure is not None:
                request.error = failure
                request.done.set()
                continue
            await _answer(connection, path, request)
            if isinstance(request.error, StoreError) and request.error.lasting:
                failure = request.error
            log_bytes += request.size_bytes
            idle = requests.statistics().current_buffer_used == 0
            if log_bytes > tuning.log_bytes and (idle or log_bytes > 4 * tuning.log_bytes):
                log_bytes = 0
                try:
                    await _drive(connection, path, write.empty_log())
                except StoreError as error:
                    # The commit was acknowledged and stands in the log; but nothing may be built on this disk any more.
                    failure = error if error.lasting else None


async def _answer(connection: _Connection, path: Path, request: _Request[Any]) -> None:
    try:
        request.answer = await _drive(connection, path, request.procedure)
    except (StoreError, AssertionError) as error:
        request.error = error
    except BaseException:
        # A bug of ours ends the store; its asker must not take the silence for an answer.
        request.error = StoreClosed(str(path))
        raise
    finally:
        request.done.set()


@contextmanager
def _answering(path: Path, requests: trio.MemoryReceiveChannel[_Request[Any]]) -> Iterator[None]:
    """However the block ends, nobody is left waiting."""
    try:
        yield
    finally:
        waiting: list[_Request[Any]] = []
        while requests.statistics().current_buffer_used:
            waiting.append(requests.receive_nowait())
        requests.close()
        for request in waiting:
            request.error = StoreClosed(str(path))
            request.done.set()


async def _ask(channel: trio.MemorySendChannel[Any], request: _Request[T]) -> T:
    try:
        await channel.send(request)
    except trio.BrokenResourceError:
        raise StoreClosed("") from None
    await request.done.wait()
    if request.error is not None:
        raise request.error
    return request.answer  # type: ignore[return-value]
