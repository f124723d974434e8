"""Reading the stored history back: from the head downward, in parts, and whatever is not what it was ends it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio

from dpnode.checking import Unread, read_back
from dpnode.errors import FailKind, Problem
from dpnode.store import offline
from dpnode.store.rows import Commit, StoredBlock
from dpnode.store.store import open_store
from ledger.block import read_block
from tests.protocol.stand import ANN, Stand, profile

BLOCKS = 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def filled(path: Path) -> Stand:
    """Somebody's blocks in a real database."""
    ann = Stand()
    blocks = []
    for number in range(BLOCKS):
        ann.submit(profile(f"{number}"))
        ann.block()
        body = ann.disk.blocks[-1].body
        header = read_block(body).header
        blocks.append(
            StoredBlock(
                height=header.height, id=header.id, header=header.body, body=body, time_ms=header.time_ms, marks=()
            )
        )
    with offline.writing(path) as store:
        store.commit(Commit(blocks=blocks))
    return ann


async def read(path: Path, ann: Stand, below: Unread | None, bytes_max: int | None) -> Unread:
    """What `read_back` returns; its problem leaves the nursery of the store as itself."""
    found: Unread | Problem
    async with trio.open_nursery() as nursery:
        store = await nursery.start(open_store, path)
        try:
            found = await read_back(store, ann.core.chain, below, bytes_max)
        except Problem as problem:
            found = problem
        nursery.cancel_scope.cancel()
    if isinstance(found, Problem):
        raise found
    return found


async def test_all_of_a_history_that_is_what_it_was_is_read_down_to_its_network(path: Path) -> None:
    ann = filled(path)
    assert await read(path, ann, None, None) == Unread(height=0, block=ann.core.chain.network)
    assert await read(path, Stand(), None, None) == Unread(height=0, block=ann.core.chain.network)


async def test_what_was_not_read_at_the_start_is_read_later_from_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dpnode.checking.BLOCKS_BYTES", 1)
    ann = filled(path)
    newest = await read(path, ann, None, 1)
    assert newest == Unread(height=BLOCKS - 1, block=read_block(ann.disk.blocks[-2].body).header.id)
    assert (await read(path, ann, newest, None)).height == 0


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(sql).rowcount == 1


DAMAGES: dict[str, str] = {
    "a byte of a body": "UPDATE body SET bytes = CAST(substr(bytes, 1, 90) || x'ff' || substr(bytes, 92) AS BLOB)"
    " WHERE height = 2",
    "a text for a body": "UPDATE body SET bytes = hex(bytes) WHERE height = 2",
    "a body gone": "DELETE FROM body WHERE height = 2",
    "a row gone": "DELETE FROM block WHERE height = 2",
    "another id": "UPDATE block SET id = zeroblob(32) WHERE height = 2",
    "another time": "UPDATE block SET time_ms = time_ms + 1 WHERE height = 2",
    "another header": "UPDATE block SET header = (SELECT header FROM block WHERE height = 1) WHERE height = 2",
    "another block": "UPDATE body SET bytes = (SELECT bytes FROM body WHERE height = 1) WHERE height = 2",
}


@pytest.mark.parametrize("bytes_at_once", [1, 1 << 20])
@pytest.mark.parametrize("damage", DAMAGES)
async def test_the_first_block_that_is_not_what_it_was_is_named(
    path: Path, damage: str, bytes_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dpnode.checking.BLOCKS_BYTES", bytes_at_once)
    ann = filled(path)
    change(path, DAMAGES[damage])
    with pytest.raises(Problem, match="block 2 in the database is missing or not what it was") as found:
        await read(path, ann, None, None)
    assert found.value.kind is FailKind.VERIFICATION


async def test_a_history_that_another_network_began_is_named(path: Path) -> None:
    filled(path)
    other = Stand(ANN, "ann", "cat")
    head = read_block(_newest(path)).header
    with pytest.raises(Problem, match="block 1 in the database"):
        await read(path, other, Unread(height=BLOCKS, block=head.id), None)


def _newest(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as connection:
        ((body,),) = connection.execute("SELECT bytes FROM body ORDER BY height DESC LIMIT 1").fetchall()
    return bytes(body)
