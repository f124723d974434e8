"""The daemon's door: real files, the real driver, real processes."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from dpnode.store import offline, questions, write
from dpnode.store.errors import (
    StoreBroken,
    StoreClosed,
    StoreCorrupt,
    StoreForeign,
    StoreLocked,
    StoreNewer,
    StoreUnreadable,
)
from dpnode.store.migrate import Tuning
from dpnode.store.rows import Commit, PendingEntry
from dpnode.store.statement import Procedure
from dpnode.store.store import Store, open_store
from tests.dpnode.store.material import Model, a_block, author, commit_number, comparable, stored

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


async def test_what_was_committed_is_answered_and_still_there_after_a_stop(path: Path) -> None:
    model = Model()
    async with trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        assert await store.head() is None
        for number in range(20):
            commit = commit_number(number, len(model.blocks))
            await store.commit(commit)
            model.apply(commit)
        block = next(block for block in model.blocks if block.marks)
        [found] = await store.entry_by_id(block.marks[0].id)
        assert found.content == block.body[block.marks[0].offset :][: block.marks[0].size]
        assert [served.body for served in await store.blocks(0, 1 << 30)] == [block.body for block in model.blocks]
        assert (await store.counts()).blocks == len(model.blocks)
        nursery.cancel_scope.cancel()
    assert not path.with_name("ledger.db-wal").exists(), "a clean stop empties the log"
    async with trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        loaded = [pair async for chunk in store.load() for pair in chunk]
        assert dict(loaded) == model.state and loaded == sorted(loaded)
        assert await store.meta() == model.meta
        assert {entry.id: entry for entry in await store.pending()} == model.pending
        nursery.cancel_scope.cancel()
    with offline.reading(path) as reader:
        assert comparable(stored(reader._port)) == comparable(model)


async def test_many_tasks_commit_and_ask_at_once_and_each_gets_its_own_answer(path: Path) -> None:
    async def one(store: Store, number: int) -> None:
        await store.commit(Commit(kept=[("a", b"%d" % number, b"document %d" % number)]))
        assert (b"%d" % number, b"document %d" % number) in await store.kept("a")

    async with trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        async with trio.open_nursery() as tasks:
            for number in range(200):
                tasks.start_soon(one, store, number)
        assert len(await store.kept("a")) == 200
        nursery.cancel_scope.cancel()


async def test_a_cancelled_caller_neither_stops_the_store_nor_tears_its_commit(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        for number in range(30):
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as tasks:
                    tasks.start_soon(
                        store.commit, Commit(kept=[("a", b"%d" % number, b"x"), ("b", b"%d" % number, b"x")])
                    )
                    await trio.lowlevel.checkpoint()
                    scope.cancel()
        await store.commit(Commit(meta=[("end", b"")]))
        assert await store.kept("a") == await store.kept("b")
        nursery.cancel_scope.cancel()


async def test_whoever_asks_a_stopped_store_is_told_so_and_never_waits(path: Path) -> None:
    outcomes: list[str] = []

    async def keep_asking(store: Store) -> None:
        with pytest.raises(StoreClosed):
            while True:
                await store.commit(Commit(meta=[("a", b"b")]))
        outcomes.append("closed")

    async with trio.open_nursery() as askers, trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        for _ in range(100):
            askers.start_soon(keep_asking, store)
        for _ in range(20):
            await store.meta()
        nursery.cancel_scope.cancel()
    assert outcomes == ["closed"] * 100
    with pytest.raises(StoreClosed):
        await store.head()


async def test_a_second_owner_is_refused_with_the_process_id_of_the_first(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(open_store, path)
        with pytest.raises(StoreLocked, match=rf"process {os.getpid()}\b"):
            await nursery.start(open_store, path)
        with pytest.raises(StoreLocked), offline.writing(path):
            pass
        nursery.cancel_scope.cancel()
    with offline.writing(path) as writer:
        writer.commit(Commit(meta=[("a", b"b")]))


async def test_a_block_that_does_not_follow_the_head_is_our_own_mistake_and_changes_nothing(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        await store.commit(Commit(blocks=[a_block(0, 1)]))
        for wrong in (0, 2):
            with pytest.raises(AssertionError, match="does not follow"):
                await store.commit(Commit(blocks=[a_block(wrong, 1)], meta=[("a", b"b")]))
        assert await store.meta() == {}
        await store.commit(Commit(blocks=[a_block(1, 1)]))
        nursery.cancel_scope.cancel()


async def test_a_store_that_starts_from_a_snapshot_counts_the_entries_before_it(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        await store.commit(
            Commit(blocks=[a_block(70, 3)], entries_before=500, state=[(b"k", b"v")], state_replaced=True)
        )
        head = await store.head()
        assert head is not None and (head.height, head.entries) == (70, 503)
        assert [entry.number for entry in await store.ask(questions.entries_from(490, 11))] == [500]
        assert [entry.number for entry in await store.ask(questions.entries_from(500, 10))] == [500, 501, 502]
        assert [served.height for served in await store.blocks(0, 1 << 20)] == []
        nursery.cancel_scope.cancel()


async def test_the_log_is_emptied_between_commits_once_it_is_large(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        store = await nursery.start(
            open_store,
            path,
        )
        nursery.cancel_scope.cancel()
    async with trio.open_nursery() as nursery:

        async def small_log(task_status: trio.TaskStatus[Store]) -> None:
            await open_store(path, tuning=Tuning(log_bytes=1 << 16), task_status=task_status)

        store = await nursery.start(small_log)
        for height in range(60):
            await store.commit(Commit(blocks=[a_block(height, 100)]))
        assert path.with_name("ledger.db-wal").stat().st_size < 1 << 20
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("seed", range(6))
def test_kill_9_at_any_moment_loses_nothing_that_was_acknowledged(path: Path, seed: int) -> None:
    dice = random.Random(seed)
    acknowledged = -1
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.dpnode.store.committing_child", str(path)],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        assert child.stdout is not None
        for _ in range(dice.randint(1, 60)):
            acknowledged = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        heard = child.stdout.read().split("\n")
        acknowledged = max([acknowledged, *(int(line) for line in heard[:-1])])
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        model = Model()
        with offline.writing(path) as store:
            found = stored(store._port)
        number = int(found.meta["number"])
        assert number in (acknowledged, acknowledged + 1)
        for earlier in range(number + 1):
            model.apply(commit_number(earlier, len(model.blocks)))
        assert comparable(found) == comparable(model)


async def test_a_reader_sees_one_moment_while_the_daemon_goes_on_writing(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        await store.commit(Commit(meta=[("a", b"1")], state=[(b"k", b"1")]))
        with offline.reading(path) as reader:
            await store.commit(Commit(meta=[("a", b"2")], state=[(b"k", b"2")]))
            assert reader.ask(questions.meta()) == {"a": b"1"}
            assert reader.ask(questions.state_value(b"k")) == b"1"
        with offline.reading(path) as reader:
            assert reader.ask(questions.state_range(b"")) == [(b"k", b"2")]
        nursery.cancel_scope.cancel()


def test_a_reader_needs_no_right_to_write_beside_a_cleanly_closed_database(path: Path) -> None:
    with offline.writing(path) as writer:
        writer.commit(Commit(meta=[("a", b"1")]))
    before = sorted(file.name for file in path.parent.iterdir())
    assert before == ["ledger.db", "ledger.db.lock"]
    with offline.reading(path) as reader:
        assert reader.ask(questions.meta()) == {"a": b"1"}


def test_a_missing_an_empty_a_foreign_and_a_newer_file_each_get_their_sentence(path: Path) -> None:
    with pytest.raises(StoreUnreadable, match="missing"), offline.reading(path):
        pass
    assert not path.exists(), "asking makes nothing"
    path.touch()
    with pytest.raises(StoreUnreadable, match="empty"), offline.reading(path):
        pass
    path.write_bytes(b"certainly not a database" * 100)
    for door in (offline.writing, offline.reading):
        with pytest.raises(StoreCorrupt, match="damaged"), door(path):
            pass
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE somebody_elses (a)")
    other.close()
    for door in (offline.writing, offline.reading):
        with pytest.raises(StoreForeign, match="not a dpnode ledger"), door(path):
            pass
    path.write_text("shorter than any database, and somebody's all the same")
    with pytest.raises(StoreForeign, match="move it away"), offline.writing(path):
        pass
    assert path.read_text("utf-8").startswith("shorter"), "it was not begun anew"
    path.unlink()
    with offline.writing(path):
        pass
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    for door in (offline.writing, offline.reading):
        with pytest.raises(StoreNewer, match=r"newer dpnode \(schema 99\)"), door(path):
            pass


async def test_an_error_while_opening_reaches_the_starter_as_itself(path: Path) -> None:
    await trio.Path(path).write_bytes(b"certainly not a database" * 100)
    async with trio.open_nursery() as nursery:
        with pytest.raises(StoreCorrupt):
            await nursery.start(open_store, path)
        with pytest.raises(StoreUnreadable):
            await nursery.start(open_store, path.parent / "no such folder" / "ledger.db")


def fill(path: Path) -> None:
    with offline.writing(path) as writer:
        writer.commit(
            Commit(
                blocks=[a_block(height, 50) for height in range(40)],
                state=[(b"key/%05d" % key, b"v" * 40) for key in range(4_000)],
                pending_new=[PendingEntry(id=author(n), body=b"b" * 99, signature=b"s", mine=True) for n in range(50)],
            )
        )


def test_a_damaged_page_is_noticed_when_the_database_is_opened_for_writing(path: Path) -> None:
    fill(path)
    whole = path.read_bytes()
    noticed = 0
    pages = range(1, len(whole) // 4096)
    for page in pages:
        path.write_bytes(whole[: page * 4096] + b"\xa5" * 4096 + whole[(page + 1) * 4096 :])
        try:
            with offline.writing(path):
                pass
        except StoreCorrupt as error:
            noticed += 1
            assert "fetched again from the other members" in str(error)
        for extra in path.parent.glob("ledger.db-*"):
            extra.unlink()
    # What goes unnoticed here is the last page of a body, which names no other page: its block's hash tells.
    assert noticed >= len(pages) - 40 - 1, (noticed, len(pages))


def test_a_database_is_for_its_owner_alone_also_one_that_was_not(path: Path) -> None:
    fill(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with offline.writing(path) as writer:
        writer.commit(Commit(meta=[("a", b"1")]))
        assert [one.stat().st_mode & 0o777 for one in path.parent.glob("ledger.db*")] == [0o600] * 4


def test_blocks_are_read_downward_as_many_as_fit_and_a_body_that_is_gone_shows(path: Path) -> None:
    fill(path)
    with sqlite3.connect(path) as other:
        other.execute("DELETE FROM body WHERE height = 37")
    other.close()
    with offline.reading(path) as reader:
        whole = reader.ask(questions.blocks_down(39, 1 << 30))
        assert [head.height for head, _ in whole] == list(range(39, -1, -1))
        assert [head.height for head, body in whole if body is None] == [37]
        assert [head.height for head, _ in reader.ask(questions.blocks_down(39, 1))] == [39]
        assert next((head.height, body) for head, body in reader.ask(questions.blocks_down(37, 1))) == (37, None)
        assert reader.ask(questions.blocks_down(-1, 1)) == []


def test_nothing_is_repaired_silently(path: Path) -> None:
    fill(path)
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 4] = b"\xa5" * 4096
    path.write_bytes(data)
    path.with_name("ledger.db-wal").write_bytes(bytes(32))
    for _ in range(2):
        with pytest.raises(StoreCorrupt), offline.writing(path):
            pass
        assert path.read_bytes()[4096 * 3 : 4096 * 4] == b"\xa5" * 4096
        path.with_name("ledger.db-wal").write_bytes(bytes(32))


async def test_after_a_disk_error_the_store_refuses_every_later_commit(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(commit: Commit) -> Procedure[None]:
        raise StoreBroken(str(path), "disk I/O error")
        yield

    good = write.write
    async with trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        await store.commit(Commit(meta=[("a", b"1")]))
        monkeypatch.setattr(write, "write", failing)
        with pytest.raises(StoreBroken):
            await store.commit(Commit(meta=[("a", b"2")]))
        monkeypatch.setattr(write, "write", good)
        with pytest.raises(StoreBroken, match="look at the disk"):
            await store.commit(Commit(meta=[("a", b"3")]))
        assert await store.meta() == {"a": b"1"}, "questions are still answered"
        nursery.cancel_scope.cancel()


async def test_an_error_while_emptying_the_log_refuses_the_next_commit_though_none_was_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing() -> Procedure[None]:
        raise StoreBroken(str(path), "disk I/O error")
        yield

    async with trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        monkeypatch.setattr(write, "empty_log", failing)
        large = Tuning().log_bytes // 1_000
        await store.commit(Commit(blocks=[a_block(0, large, entry_bytes=1_000)]))
        with pytest.raises(StoreBroken):
            await store.commit(Commit(meta=[("a", b"1")]))
        assert (await store.counts()).entries == large
        nursery.cancel_scope.cancel()


def test_a_reader_that_may_write_nothing_reads_a_cleanly_closed_database(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with offline.writing(path) as writer:
        writer.commit(Commit(meta=[("a", b"1")]))
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as root, whom nothing is refused
    with offline.reading(path) as reader:
        assert reader.ask(questions.meta()) == {"a": b"1"}
    assert not list(path.parent.glob("ledger.db-*"))


def test_the_door_for_commands_opens_without_trio_or_asyncio() -> None:
    program = "import sys, dpnode.store.offline; print({'trio', 'asyncio', 'aiosqlite'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
