"""Disks that lie: a database that does not verify signs nothing, a witness without its journal does not vote."""

from __future__ import annotations

import dataclasses
import secrets
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dpnode import offline
from dpnode.control.answers import Failed
from dpnode.control.questions.base import Question
from dpnode.control.questions.holdings import AssetRegister
from dpnode.control.questions.ledger import LedgerJournal, LedgerShares, LedgerStatus, LedgerVerify
from dpnode.control.questions.network import NetworkFound
from dpnode.errors import FailKind, Problem
from dpnode.identity.words import root_seed
from tests.journeys.nodes import Node, NotStarted, Street, level, until


def change(node: Node, sql: str) -> int:
    """Change a stopped node's database behind its back; returns how many rows."""
    with closing(sqlite3.connect(node.home.database)) as connection, connection:
        return connection.execute(sql).rowcount


def grown(alone: Street) -> tuple[Node, Node]:
    """A witness and a member with some entries between them."""
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada, bob)
    for number in range(3):
        ada.ask(AssetRegister(label=f"vice {number}", kind="tool"))
    until(lambda: level(ada, bob), "the same ledger")
    return ada, bob


FLIP = """UPDATE state SET value = CAST(substr(value, 1, length(value) - 1) || x'63' AS BLOB)
    WHERE key = (SELECT min(key) FROM state WHERE substr(key, 1, 6) = CAST('asset/' AS BLOB))"""
FLIP_OLD = """UPDATE body SET bytes = CAST(substr(bytes, 1, 400) || x'5a' || substr(bytes, 402) AS BLOB)
    WHERE height = 2"""
CUT = "DELETE FROM block WHERE height = (SELECT max(height) FROM block)"
DAMAGES: dict[str, Callable[[Node], int]] = {
    "a state value flipped": lambda node: change(node, FLIP),
    "a state value gone": lambda node: change(node, "DELETE FROM state WHERE key = (SELECT max(key) FROM state)"),
    "the newest block gone": lambda node: change(node, CUT),
    "an old block flipped": lambda node: change(node, FLIP_OLD),
    "an old block gone": lambda node: change(node, "DELETE FROM body WHERE height = 2"),
    "an old header flipped": lambda node: change(node, "UPDATE block SET time_ms = time_ms + 1 WHERE height = 1"),
    "the charter unreadable": lambda node: change(node, "UPDATE meta SET value = x'80' WHERE name = 'charter'"),
    "the head unreadable": lambda node: change(node, "UPDATE meta SET value = x'80' WHERE name = 'head'"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("role", ["witness", "member"])
def test_a_database_that_does_not_verify_is_not_signed_with(alone: Street, damage: str, role: str) -> None:
    ada, bob = grown(alone)
    hurt, other = (ada, bob) if role == "witness" else (bob, ada)
    hurt.stop()
    assert DAMAGES[damage](hurt) > 0
    with pytest.raises(NotStarted) as refused:
        hurt.up()
    assert refused.value.status == FailKind.VERIFICATION.exit_status == 8
    assert "database" in refused.value.sentence or "block" in refused.value.sentence, refused.value.sentence
    done = hurt.dpnode("up")
    assert done.returncode == 8, done.stderr
    verify = hurt.dpnode("ledger", "verify")
    assert verify.returncode == 8, verify.stdout + verify.stderr
    # The others go on reading, and a member's writing waits for the witness.
    assert other.ask(LedgerVerify())["height"] >= 3
    made = other.ask(AssetRegister(label="anvil", kind="tool", wait_ms=200))
    assert made["binding"] == ("recorded" if role == "witness" else "final")
    assert hurt.dpnode("ledger", "journal").returncode in (0, 8), "it reads, or says why not; it does not crash"


def test_a_member_whose_database_is_damaged_can_also_join_again_with_an_invitation(alone: Street) -> None:
    ada, bob = grown(alone)
    made = bob.ask(AssetRegister(label="anvil", kind="tool"))
    bob.stop()
    DAMAGES["a state value flipped"](bob)
    with pytest.raises(NotStarted, match="dpnode ledger rebuild"):
        bob.up()
    for path in bob.home.root.glob("ledger.db*"):
        path.unlink()
    bob.up()
    members = ada.status()["height"]
    assert bob.join(ada.invite())["member"]["name"] == "bob"
    until(lambda: level(ada, bob), "the ledger to be fetched anew")
    assert bob.height() == members + 1, "the invitation alone was recorded: bob is the member he was"
    again = bob.ask(AssetRegister(label="hammer", kind="tool"))
    assert again["binding"] == "final" and again["entry"] != made["entry"]
    assert bob.ask(LedgerVerify())["height"] == bob.height()


def overwrite(node: Node, page: int) -> None:
    """Overwrite a page of the file, 4096 bytes, numbered from 0."""
    with node.home.database.open("r+b") as file:
        file.seek(page * 4_096)
        file.write(secrets.token_bytes(4_096))


def test_no_page_of_the_database_can_be_overwritten_under_a_witness_that_goes_on_signing(alone: Street) -> None:
    ada, bob = grown(alone)
    ada.stop()
    assert not ada.home.database.with_name("ledger.db-wal").exists(), "a stop empties the log"
    whole = ada.home.database.read_bytes()
    for page in range(len(whole) // 4_096):
        overwrite(ada, page)
        with pytest.raises(NotStarted) as refused:
            ada.up()
        assert refused.value.status == 8, (page, refused.value.sentence)
        assert "ledger.db" in refused.value.sentence, (page, refused.value.sentence)
        assert "\n" not in refused.value.sentence
        ada.home.database.write_bytes(whole)
    ada.up()
    assert ada.ask(AssetRegister(label="anvil", kind="tool"))["binding"] == "final"
    until(lambda: level(ada, bob), "the same ledger")


def test_a_hole_in_old_blocks_harms_no_other_node_and_who_has_seen_it_votes_no_more(alone: Street) -> None:
    ada, bob = grown(alone)
    copy = ada.home.root / "copy.db"
    with closing(sqlite3.connect(ada.home.database)) as here, closing(sqlite3.connect(copy)) as there:
        here.backup(there)
    assert change(ada, "DELETE FROM body WHERE height = 2") == 1
    cleo = alone.node("cleo")
    cleo.up()
    until(lambda: ada.sees(bob), "the others to be connected")
    with pytest.raises(Problem):
        cleo.join(ada.invite(), wait_ms=2_000)
    assert ada.status()["pid"] == ada.pid, "whoever asks for what is gone does not take it down"
    problem = ada.refuses(LedgerVerify())
    assert problem.kind is FailKind.VERIFICATION and "2" in problem.sentence
    assert ada.ends() == 8
    assert ada.home.damage.read_text("utf-8").strip() == problem.sentence
    with pytest.raises(NotStarted, match="block 2 in the database"):
        ada.up()
    for path in ada.home.root.glob("ledger.db-*"):
        path.unlink()
    copy.rename(ada.home.database)
    ada.up()
    assert not ada.home.damage.exists(), "all of it was read, and it is whole"
    assert bob.ask(LedgerVerify())["height"] >= 3


SEEING: dict[str, Question] = {
    "a replay": LedgerVerify(),
    "a reading": LedgerJournal(),
    "a writing": AssetRegister(label="anvil", kind="tool"),
}


@pytest.mark.parametrize("seeing", SEEING)
def test_damage_seen_by_a_running_daemon_is_told_to_whoever_asked_and_ends_it_with_8(
    alone: Street, seeing: str
) -> None:
    ada, bob = grown(alone)
    height = bob.height()
    with closing(sqlite3.connect(ada.home.database)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'body'").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        overwrite(ada, page - 1)
        # Whoever holds pages in memory reads them again after another's commit.
        with connection:
            connection.execute("INSERT INTO meta VALUES ('touched', x'00')")
    problem = ada.refuses(SEEING[seeing])
    assert problem.kind is FailKind.VERIFICATION and "ledger.db" in problem.sentence, problem.sentence
    assert ada.ends() == 8
    assert "stopped: " in ada.log() and "not started" not in ada.log()
    assert bob.height() == height, "nothing came of it"
    with pytest.raises(NotStarted) as refused:
        ada.up()
    assert refused.value.status == 8
    assert "not started: " in ada.log()


LOSSES: dict[str, Callable[[Path], object]] = {
    "moved away": lambda database: database.rename(database.with_name("kept.db")),
    "emptied": lambda database: database.write_bytes(b""),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("role", ["witness", "member", "witness of whom only the votes tell"])
def test_a_lost_ledger_is_said_and_no_network_is_founded_in_its_place(alone: Street, loss: str, role: str) -> None:
    ada, bob = grown(alone)
    hurt = bob if role == "member" else ada
    hurt.stop()
    if "votes" in role:
        (hurt.home.keys / "network").unlink()
    LOSSES[loss](hurt.home.database)
    found = NetworkFound(network_name="Again", root_seed=root_seed(hurt.entropy, 0))
    for question in (found, dataclasses.replace(found, dry_run=True)):
        answer = offline.answer(question, hurt.home)
        assert isinstance(answer, Failed) and answer.kind is FailKind.REFUSED, answer
        assert "its ledger is gone" in answer.sentence and "new invitation" in answer.sentence
    ready = hurt.up()
    assert "its ledger is gone" in ready["lost"] and "network" not in ready
    assert any("its ledger is gone" in line for line in hurt.status()["reminders"])
    problem = hurt.refuses(found)
    assert problem.kind is FailKind.REFUSED and "another home" in problem.sentence
    if role == "member":
        hurt.join(ada.invite())
        until(lambda: level(ada, bob), "the ledger to be fetched anew")
        assert not any("gone" in line for line in hurt.status()["reminders"])
        return
    hurt.stop()
    done = hurt.dpnode("up")
    assert done.returncode == 0 and "its ledger is gone" in done.stdout, done
    assert hurt.dpnode("down").returncode == 0
    if loss == "moved away":
        for path in hurt.home.root.glob("ledger.db*"):
            path.unlink()
        hurt.home.root.joinpath("kept.db").rename(hurt.home.database)
        assert "lost" not in hurt.up()
        assert hurt.ask(AssetRegister(label="anvil", kind="tool"))["binding"] == "final"


def test_a_file_that_is_no_database_is_left_as_it_is(alone: Street) -> None:
    ada, _ = grown(alone)
    ada.stop()
    ada.home.database.write_text("a shopping list, shorter than any database")
    with pytest.raises(NotStarted, match="not a dpnode ledger: move it away"):
        ada.up()
    assert ada.home.database.read_text("utf-8").startswith("a shopping list")


def test_a_stop_by_command_empties_the_log_and_a_home_is_its_owners_alone(alone: Street) -> None:
    ada = alone.node("ada")
    ada.found()
    assert ada.dpnode("up").returncode == 0
    ada.ask(AssetRegister(label="anvil", kind="tool"))
    files = [path for path in ada.home.root.rglob("*") if path.is_file() and path != ada.home.config]
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []
    assert ada.dpnode("down").returncode == 0
    assert not ada.home.database.with_name("ledger.db-wal").exists()


def test_a_home_without_its_settings_file_starts_with_the_defaults(alone: Street) -> None:
    ada = alone.node("ada")
    ada.home.config.unlink()
    done = ada.dpnode("up", "--dry-run")
    assert done.returncode == 0 or "cannot be listened on" in done.stderr, "the default's port may be in use here"
    assert ada.dpnode("init", "--name", "ada").returncode == 5


def spoil(votes: Path) -> None:
    """Damage the middle of the journal, where no power cut ever writes."""
    journal = max((path for path in votes.iterdir() if path.name != "voting.seed"), key=lambda one: one.stat().st_size)
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 0x55
    journal.write_bytes(data)


def forget(votes: Path) -> None:
    """A backup was put back: it has no journal and no voting key."""
    shutil.rmtree(votes)


def lose_journal(votes: Path) -> None:
    """The key is there, the journal is not."""
    for path in votes.iterdir():
        if path.name != "voting.seed":
            path.unlink()


@pytest.mark.parametrize("harm", [spoil, lose_journal, forget])
def test_a_witness_without_a_whole_journal_does_not_vote_and_says_so(
    alone: Street, harm: Callable[[Path], None]
) -> None:
    ada, bob = grown(alone)
    ada.stop()
    harm(ada.home.votes)
    ada.up()
    status = ada.status()
    assert status["witness"] is False
    assert any("does not vote" in line for line in status["reminders"]), status["reminders"]
    until(lambda: bob.sees(ada), "them to be connected")
    before = ada.height()
    for node in (ada, bob):
        assert node.ask(AssetRegister(label="anvil", kind="tool", wait_ms=300))["binding"] == "recorded"
    assert ada.height() == before
    assert len(bob.ask(LedgerJournal())["entries"]) >= 3, "everybody goes on reading"
    ada.stop()
    ada.up()
    assert ada.status()["witness"] is False, "not after another start either"


def test_an_old_copy_of_the_database_beside_its_journal_signs_nothing_twice(alone: Street) -> None:
    """The disk's database is put back to an earlier day; the journal of votes knows better."""
    ada, bob = grown(alone)
    ada.stop()
    copy = ada.home.root / "copy.db"
    shutil.copy(ada.home.database, copy)
    ada.up()
    made = ada.ask(AssetRegister(label="the last thing", kind="tool"))
    until(lambda: level(ada, bob), "the same ledger")
    height, root = bob.root()
    ada.kill()
    for path in ada.home.root.glob("ledger.db*"):
        path.unlink()
    shutil.copy(copy, ada.home.database)
    ada.up()
    until(lambda: ada.height() >= height, "what was final to be there again")
    assert ada.root() == (height, root)
    again = ada.ask(AssetRegister(label="after it", kind="tool", wait_ms=3_000))
    assert again["entry"] != made["entry"]
    if ada.status()["witness"]:
        assert again["binding"] == "final"
        until(lambda: level(ada, bob), "the same ledger")
    assert ada.ask(LedgerShares(asset=made["asset"]))["label"] == "the last thing"
    assert bob.ask(LedgerVerify())["root"] == bob.ask(LedgerStatus())["root"]
