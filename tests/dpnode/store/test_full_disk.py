"""A real disk filled to the last byte, with any number of blocks left: refused by name, and gone on with afterwards.

Unlike the disk in memory it also holds the file that SQLite's connections share.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from dpnode.store import offline
from dpnode.store.errors import StoreBroken, StoreFull, error_of
from dpnode.store.rows import Commit
from tests.dpnode.store.material import Model, commit_number, comparable, stored
from tests.small_disks import BLOCK_BYTES, fill, make_room, small_disk

DISK_BYTES = 4 << 20
BLOCKS_LEFT = 60


def test_with_any_number_of_blocks_left_a_commit_is_refused_by_name_and_done_once_there_is_room(tmp_path: Path) -> None:
    refused = 0
    with small_disk(tmp_path / "disk", DISK_BYTES):
        for left in range(BLOCKS_LEFT):
            path = tmp_path / "disk" / f"ledger{left}.db"
            model = Model()
            with offline.writing(path) as writer:
                fill(path.parent, but_bytes=left * BLOCK_BYTES)
                for number in range(30):
                    commit = commit_number(number, len(model.blocks))
                    try:
                        writer.commit(commit)
                    except StoreFull:
                        refused += 1
                        assert comparable(stored(writer._port)) == comparable(model), "nothing of it happened"
                        make_room(path.parent)
                        writer.commit(commit)
                    model.apply(commit)
                assert comparable(stored(writer._port)) == comparable(model)
            with offline.reading(path) as reader:
                assert comparable(stored(reader._port)) == comparable(model)
            for file in path.parent.iterdir():
                file.unlink()
    assert refused == BLOCKS_LEFT


def test_an_opening_that_finds_no_room_says_so_and_a_reader_needs_none(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with small_disk(folder, DISK_BYTES):
        path = folder / "ledger.db"
        with offline.writing(path) as writer:
            writer.commit(Commit(meta=[("a", b"1")]))
        fill(folder)
        with pytest.raises(StoreFull), offline.writing(path):
            pass
        with offline.reading(path) as reader:
            assert stored(reader._port).meta == {"a": b"1"}
        make_room(folder)
        for left in range(1, 12):
            fill(folder, but_bytes=left * BLOCK_BYTES)
            with suppress(StoreFull), offline.writing(path):
                pass
            with offline.reading(path) as reader:
                assert stored(reader._port).meta == {"a": b"1"}
            make_room(folder)


def test_what_a_crash_left_in_the_log_is_read_on_a_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with small_disk(folder, DISK_BYTES):
        path = folder / "ledger.db"
        with offline.writing(path) as writer:
            for number in range(20):
                writer.commit(Commit(meta=[("a", b"%d" % number)]))
            left = {name: (folder / name).read_bytes() for name in ("ledger.db", "ledger.db-wal")}
        for file in folder.iterdir():
            file.unlink()
        for name, content in left.items():
            (folder / name).write_bytes(content)
        fill(folder)
        with offline.reading(path) as reader:
            assert stored(reader._port).meta == {"a": b"19"}
        make_room(folder)
        with offline.reading(path) as reader:
            assert stored(reader._port).meta == {"a": b"19"}


def test_any_other_error_of_the_disk_is_not_taken_for_a_full_one() -> None:
    assert isinstance(error_of("ledger.db", 4874, "x"), StoreFull)
    for code in (10, 266, 778, 1034, 1290, 4618):
        assert isinstance(error_of("ledger.db", code, "x"), StoreBroken)
