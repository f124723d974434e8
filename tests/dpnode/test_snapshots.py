"""A home that begins with a snapshot stands where its block does, goes on from there, and finds damage there too."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from dpnode import offline
from dpnode.cli.main import main
from dpnode.control.answers import Done, Failed
from dpnode.control.questions.ledger import LedgerBalance, LedgerProve, LedgerStatus, LedgerVerify
from dpnode.control.questions.network import NetworkCharter
from dpnode.errors import FailKind, Problem
from dpnode.paths import Home
from dpnode.shelf import (
    KEPT_EPOCH_END,
    META_HEAD,
    Founded,
    introduced,
    read_chain,
    read_founded,
    read_introducer,
    served_range,
    step_commit,
)
from dpnode.snapshots import first_commit
from dpnode.store import questions
from dpnode.store.offline import reading, writing
from dpnode.store.rows import Commit
from ledger.block import Block, make_block, read_block, witnesses_hash
from ledger.canonical import encode
from ledger.chain import Advance, Chain
from ledger.consensus.votes import read_certificate
from ledger.entry import Entry, sign_entry
from ledger.keys import SigningKey
from ledger.proof import check
from ledger.snapshot import MAGIC
from ledger.state import Overlay
from tests.dpnode.answers.grown import new_home
from tests.dpnode.answers.nodes import Wire, asked, running
from tests.dpnode.answers.village import Village

NO_ANCHOR = (0, b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A village, a snapshot of it, and the home of one who began with that and then followed."""

    village: Village
    snapshot: Path
    home: Home
    at: int


def unheard(value: dict[str, object]) -> None:
    """Progress that nobody watches."""


def founded_of(village: Village) -> Founded:
    with reading(village.home.database) as opened:
        found = read_founded(opened.ask(questions.meta()))
    assert found is not None
    return found


def taken(village: Village, path: Path, anchor: tuple[int, bytes] = NO_ANCHOR) -> Commit:
    return first_commit(path, founded_of(village), anchor, unheard)


def written(village: Village, path: Path) -> Path:
    path.write_bytes(b"".join(offline.snapshot(village.home, unheard)))
    return path


def follow(village: Village, home: Home) -> None:
    """Fetch every later block as a peer would serve it, and store it after all checks."""
    with writing(home.database) as opened:
        meta = opened.ask(questions.meta())
        chain = read_chain(village.chain.charter, meta, opened.ask(questions.state_chunk(None)))
        start = chain.head.height + 1
        with reading(village.home.database) as other:
            served = served_range(start, other.ask(questions.blocks(start, 1 << 20)), village.chain.head.height)
        step = chain.advance([read_block(body) for body in served.blocks], read_certificate(served.certificate))
        opened.commit(step_commit(chain, step, served.certificate))
        chain.take(step)
    assert chain.head == village_head(village, chain)


def village_head(village: Village, chain: Chain) -> object:
    """The village's head with the entries counted from where the other one began."""
    head = village.chain.head
    return type(head)(**{**{name: getattr(head, name) for name in head.__slots__}, "entries": chain.head.entries})


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Begun:
    folder = tmp_path_factory.mktemp("begun")
    village = Village(folder / "ada")
    snapshot, at = written(village, folder / "snapshot"), village.chain.head.height
    home = new_home(folder / "late", "Late", bytes(range(1, 33)))
    with writing(home.database) as opened:
        opened.commit(taken(village, snapshot))
    village.record(village.bob, {"t": "membership.profile/1", "about": "wood"})
    village.record(village.cleo, {"t": "membership.profile/1", "about": "bread"})
    follow(village, home)
    return Begun(village=village, snapshot=snapshot, home=home, at=at)


@pytest.fixture
def copied(begun: Begun, tmp_path: Path) -> Home:
    """The late one's home, to be damaged."""
    home = new_home(tmp_path / "copy")
    shutil.copy(begun.home.database, home.database)
    return home


def test_it_follows_as_if_it_had_seen_everything(begun: Begun) -> None:
    """O-17, S-4."""
    late, village = offline.answer(LedgerStatus(), begun.home), begun.village
    assert isinstance(late, Done)
    assert (late.value["height"], late.value["root"]) == (village.chain.head.height, village.chain.state.root)
    assert (late.value["from"], late.value["checked_height"]) == (begun.at, begun.at - 1)
    accounts = offline.answer(LedgerBalance(everybody=True), begun.home)
    assert isinstance(accounts, Done) and accounts.value == village.ask(LedgerBalance(everybody=True))


def test_it_proves_what_stands_now(begun: Begun) -> None:
    made = offline.answer(LedgerProve(what="share", id="printer", member="Cleo"), begun.home)
    assert isinstance(made, Done)
    assert check(made.value["proof"], begun.village.chain.charter).header.height == begun.village.chain.head.height


def test_older_blocks_are_answered_with_an_empty_range(begun: Begun) -> None:
    """P-30."""
    with reading(begun.home.database) as opened:
        for start in (1, begun.at - 1):
            assert served_range(start, opened.ask(questions.blocks(start, 1 << 20)), 99).blocks == []
        here = served_range(begun.at, opened.ask(questions.blocks(begun.at, 1 << 20)), 99).blocks
    assert len(here) == begun.village.chain.head.height - begun.at + 1


def test_what_is_there_verifies_and_says_from_where(begun: Begun) -> None:
    answer = offline.answer(LedgerVerify(), begun.home)
    assert isinstance(answer, Done), answer
    assert (answer.value["from"], answer.value["height"]) == (begun.at, begun.village.chain.head.height)
    assert answer.value["entries"] == answer.value["height"] - begun.at + 1


DAMAGES = {
    "a value": ("UPDATE state SET value = ? WHERE key = (SELECT min(key) FROM state)", (encode(1),)),
    "a pair more": ("INSERT INTO state VALUES (?, ?)", (b"zzz", encode(1))),
    "a pair less": ("DELETE FROM state WHERE key = (SELECT max(key) FROM state)", ()),
    "no block in between": ("DELETE FROM body WHERE height = (SELECT min(height) + 1 FROM body)", ()),
    "the last certificate": ("DELETE FROM certificate WHERE height = (SELECT max(height) FROM certificate)", ()),
    "a certificate of another block": (
        "UPDATE certificate SET bytes = (SELECT bytes FROM certificate ORDER BY height DESC LIMIT 1)"
        " WHERE height = (SELECT min(height) FROM certificate)",
        (),
    ),
    "a listed time": ("UPDATE block SET time_ms = 7 WHERE height = (SELECT min(height) FROM block)", ()),
    "a block of another height": (
        "UPDATE body SET bytes = (SELECT bytes FROM body ORDER BY height DESC LIMIT 1)"
        " WHERE height = (SELECT min(height) FROM body)",
        (),
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_to_what_is_there_is_found(copied: Home, name: str) -> None:
    sql, parameters = DAMAGES[name]
    with closing(sqlite3.connect(copied.database, isolation_level=None)) as connection:
        assert connection.execute(sql, parameters).rowcount == 1
    answer = offline.answer(LedgerVerify(), copied)
    assert isinstance(answer, Failed), name
    assert answer.kind is FailKind.VERIFICATION, answer


def test_a_head_that_names_another_count_is_found(copied: Home) -> None:
    with writing(copied.database) as opened:
        meta = opened.ask(questions.meta())
        whole = meta[META_HEAD]
        at = whole.index(b"entries") + len(b"entries")
        opened.commit(Commit(meta=[(META_HEAD, whole[:at] + b"\x09" + whole[at + 1 :])]))
    answer = offline.answer(LedgerVerify(), copied)
    assert isinstance(answer, Failed) and answer.kind is FailKind.VERIFICATION


def test_the_block_of_the_invitation_is_the_snapshot_s_where_both_are_of_one_height(begun: Begun) -> None:
    """P-56."""
    with reading(begun.village.home.database) as opened:
        block = opened.ask(questions.block_at(begun.at))
    assert block is not None
    assert taken(begun.village, begun.snapshot, (begun.at, block.id)).state_replaced
    with pytest.raises(Problem, match="the invitation names") as refused:
        taken(begun.village, begun.snapshot, (begun.at, bytes(32)))
    assert refused.value.kind is FailKind.VERIFICATION


async def test_an_invitation_older_than_the_snapshot_does_not_keep_a_node_from_starting(
    begun: Begun, tmp_path: Path
) -> None:
    """P-56: its block is not here to be looked at; one above is, and is compared at each start."""
    home = new_home(tmp_path / "later", "Late", bytes(range(1, 33)))
    with writing(home.database) as opened:
        opened.commit(taken(begun.village, begun.snapshot, (begun.at - 1, bytes(32))))
    async with running(home, Wire()) as node:
        assert (await asked(node, LedgerStatus()))["height"] == begun.at


def test_a_snapshot_after_the_end_of_an_epoch_keeps_what_shows_the_next_witnesses(tmp_path: Path) -> None:
    """O-17, O-4: the same bytes that the node of the closing block keeps."""
    grown = Village(tmp_path / "ada")
    grown.store(closing_step(grown))
    with reading(grown.home.database) as opened:
        [(number, kept)] = opened.ask(questions.kept(KEPT_EPOCH_END))
    commit = taken(grown, written(grown, tmp_path / "snapshot"))
    assert commit.kept == [(KEPT_EPOCH_END, number, kept)]
    late = read_chain(grown.chain.charter, dict(commit.meta), list(commit.state))  # type: ignore[arg-type]
    assert (late.head.epoch, late.head.view) == (2, 0) == (grown.chain.head.epoch, grown.chain.head.view)


def closing_step(grown: Village) -> Advance:
    """A block that gives the network a list of another epoch."""
    chain = grown.chain
    tx = Overlay(chain.state)
    tx.put(b"witnesses", {"epoch": 2, "list": chain.witnesses})
    settled = chain.state.settle(tx.changes)
    view = chain.head.view + 1
    block = next_block(chain, settled.root, ())
    return Advance(blocks=(block,), settled=settled, head=chain._after(block, settled, view, 0, closes=True))


def next_block(chain: Chain, root: bytes, entries: tuple[Entry, ...]) -> Block:
    return make_block(
        network=chain.network,
        epoch=1,
        view=chain.head.view + 1,
        height=chain.head.height + 1,
        parent=chain.head.block,
        time_ms=chain.head.time_ms + 1,
        state_root=root,
        witnesses=witnesses_hash(chain.witnesses),
        entries=entries,
        outcomes=("",) * len(entries),
    )


def test_lying_witnesses_cannot_bring_in_an_entry_of_nobody(tmp_path: Path) -> None:
    """O-17: a certified block whose author its own state does not know is refused, not stumbled over."""
    from ledger.proof_making import Certified
    from ledger.snapshot import write_snapshot

    grown = Village(tmp_path / "ada")
    chain, nobody = grown.chain, SigningKey(b"n" * 32)
    entry = sign_entry(nobody, chain.network, 1, grown.time_ms, {"t": "membership.profile/1", "about": "me"})
    block = next_block(chain, chain.state.root, (entry,))
    settled = chain.state.settle({})
    step = Advance(blocks=(block,), settled=settled, head=chain.head)
    certified = Certified(header=block.header.body, certificate=grown.certificate(step))
    path = tmp_path / "snapshot"
    path.write_bytes(b"".join(write_snapshot(certified, block, lambda: chain.state.raw_range(b""))))
    with pytest.raises(Problem, match="does not know who signed"):
        taken(grown, path)


def test_the_machine_that_brought_us_in_is_read_back(begun: Begun) -> None:
    commit = introduced(taken(begun.village, begun.snapshot), b"peer", ("/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/2"))
    meta = {name: fact for name, fact in commit.meta if fact is not None}
    assert read_introducer(meta) == (b"peer", ("/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/2"))
    assert read_introducer({}) is None


def test_a_file_that_is_not_there_is_no_wrong_snapshot(begun: Begun, tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        taken(begun.village, tmp_path / "nothing")
    assert refused.value.kind is FailKind.FAILED


def test_a_stored_state_that_was_changed_makes_no_snapshot(copied: Home, tmp_path: Path) -> None:
    with closing(sqlite3.connect(copied.database, isolation_level=None)) as connection:
        connection.execute("DELETE FROM state WHERE key = (SELECT max(key) FROM state)")
    with pytest.raises(Problem) as refused:
        offline.snapshot_file(copied, tmp_path / "out", unheard)
    assert refused.value.kind is FailKind.VERIFICATION
    assert list(tmp_path.glob("*out*")) == []


def test_the_bytes_go_to_a_pipe_and_to_a_new_file_and_never_to_a_terminal(
    begun: Begun, project: Path, tmp_path: Path
) -> None:
    home = ["--home", str(begun.village.home.root)]
    out = tmp_path / "snapshot"
    assert main(["ledger", "snapshot", "--out", str(out), *home]) == 0
    assert main(["ledger", "snapshot", "--out", str(out), *home]) == 5
    assert main(["ledger", "snapshot", "--json", *home]) == 2
    command = [sys.executable, "-m", "dpnode.cli.main", "ledger", "snapshot", *home]
    piped = subprocess.run(command, cwd=project, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert (piped.returncode, piped.stdout) == (0, out.read_bytes())
    leader, follower = os.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(follower, "wb") as terminal:
        said = subprocess.run(
            command, cwd=project, stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.PIPE, timeout=60
        )
    assert said.returncode == 2 and b"give --out FILE" in said.stderr


def test_a_snapshot_is_told_from_a_proof_and_checked_without_a_node(
    begun: Begun, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    charter = tmp_path / "charter"
    charter.write_bytes(begun.village.ask(NetworkCharter())["charter"])
    assert main(["ledger", "check", str(begun.snapshot), "--charter", str(charter)]) == 0
    assert f"This is the whole state after block {begun.at}" in capsys.readouterr().out
    whole = begun.snapshot.read_bytes()
    for data, status in ((whole, 0), (whole[:-1], 8), (MAGIC, 8), (whole[:9], 8), (b"", 8)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert main(["ledger", "check", "-", "--charter", str(charter)]) == status
    for at in range(len(MAGIC)):
        damaged = whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :]
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(damaged)))
        capsys.readouterr()
        assert main(["ledger", "check", "-", "--charter", str(charter)]) == 8
        said = capsys.readouterr().err
        assert "the snapshot does not hold: this does not begin as a snapshot does" in said, at
