"""A snapshot in pieces on the disk: made in one moment of the ledger, whole or not there, served piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dpnode.reading import pieces
from dpnode.reading.pieces import Made, forget, found, make
from dpnode.store import questions
from dpnode.store.offline import reading
from ledger.charter import read_charter
from ledger.errors import LocalError
from ledger.pieces import PIECE_BYTES_AIM, Outline, read_outline, read_piece
from ledger.snapshot import Pair
from tests.journeys.histories import opened_credits
from tests.journeys.nodes import Node

CREDITS = 1_000
"""Some 700 KB of state: four pieces or eight."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A home with a ledger."""
    made = Node(tmp_path_factory.mktemp("home"), "ada").init()
    opened_credits(made, CREDITS)
    return made


@pytest.fixture(scope="module")
def made(node: Node) -> Made:
    """Its snapshot."""
    return written(node, node.home.snapshots)


def written(node: Node, folder: Path) -> Made:
    with reading(node.home.database) as opened:
        return make(opened, folder, lambda: None)


def outline(node: Node, made: Made) -> Outline:
    with reading(node.home.database) as opened:
        charter = read_charter(opened.ask(questions.meta())["charter"])
    return read_outline(made.begins, made.nodes, charter)


def state(node: Node) -> list[Pair]:
    with reading(node.home.database) as opened:
        pairs, chunk = list[Pair](), opened.ask(questions.state_chunk(None))
        while chunk:
            pairs += chunk
            chunk = opened.ask(questions.state_chunk(chunk[-1][0]))
    return pairs


def all_of(made: Made, read: Outline) -> Iterator[Pair]:
    for name in read.pieces:
        data = made.piece(name)
        assert data is not None and len(data) <= PIECE_BYTES_AIM
        yield from read_piece(data, read, name)


def test_all_pieces_that_are_served_are_the_state_of_the_newest_block(node: Node, made: Made) -> None:
    """O-18, O-19, O-20."""
    read = outline(node, made)
    assert len(read.pieces) > 1
    assert sorted(all_of(made, read)) == state(node)
    assert (made.height, made.entries) == (read.start.block.header.height, CREDITS)
    assert made.piece(bytes(32)) is None


def test_few_pieces_at_a_time_give_the_same_file(
    node: Node, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little memory is used."""
    monkeypatch.setattr(pieces, "IN_MEMORY_BYTES_MAX", PIECE_BYTES_AIM)
    again = written(node, tmp_path / "again")
    assert again.path.read_bytes() == made.path.read_bytes()
    assert again.places == made.places


def test_after_a_start_it_is_found_and_only_whole_ones_are(node: Node, made: Made, tmp_path: Path) -> None:
    one = written(node, tmp_path)
    assert found(tmp_path) == [one]
    whole = one.path.read_bytes()
    one.path.write_bytes(whole[:-1])
    assert found(tmp_path) == []
    one.path.write_bytes(whole)
    (said,) = tmp_path.glob("*.outline")
    said.write_bytes(said.read_bytes()[:-1])
    assert found(tmp_path) == []
    assert found(tmp_path / "nowhere") == []


def test_work_that_is_stopped_leaves_no_snapshot(node: Node, tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with reading(node.home.database) as opened, pytest.raises(KeyboardInterrupt):
        make(opened, tmp_path, stop)
    assert found(tmp_path) == []
    forget(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_older_ones_are_removed(node: Node, tmp_path: Path) -> None:
    one = written(node, tmp_path)
    (tmp_path / "1.pieces").write_bytes(b"old")
    (tmp_path / ".2.pieces.part").write_bytes(b"cut off")
    forget(tmp_path, [one])
    assert found(tmp_path) == [one]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_ledger_without_a_block_has_none(tmp_path: Path) -> None:
    lonely = Node(tmp_path / "lonely", "gwen").init()
    lonely.found()
    with pytest.raises(LocalError, match="no block yet"):
        written(lonely, tmp_path)
