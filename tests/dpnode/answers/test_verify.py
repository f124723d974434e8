"""A ledger on the disk verifies as it was written, and every kind of damage to it is named with its height."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dpnode import offline
from dpnode.control.answers import Done, Failed
from dpnode.control.questions.base import Question
from dpnode.control.questions.ledger import (
    LedgerBalance,
    LedgerBlocks,
    LedgerExport,
    LedgerJournal,
    LedgerShow,
    LedgerStatus,
    LedgerVerify,
)
from dpnode.control.questions.network import MemberList, NetworkShow
from dpnode.control.questions.node import BoundNodes
from dpnode.errors import FailKind
from dpnode.paths import Home
from ledger.canonical import decode, encode
from ledger.chain import Advance
from ledger.entry import read_entry
from ledger.names import Kind, show_id
from tests.dpnode.answers.grown import Grown, new_home
from tests.dpnode.answers.nodes import asked, running
from tests.dpnode.answers.village import Village
from tests.ledger.town import remade


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Village:
    return Village(tmp_path_factory.mktemp("village") / "ada")


@pytest.fixture
def copied(village: Village, tmp_path: Path) -> Home:
    """The village's home, to be damaged."""
    home = new_home(tmp_path / "copy")
    shutil.copy(village.home.database, home.database)
    return home


def damage(home: Home, sql: str, *parameters: object) -> None:
    with closing(sqlite3.connect(home.database, isolation_level=None)) as connection:
        assert connection.execute(sql, parameters).rowcount == 1


def verified(home: Home) -> Failed:
    answer = offline.answer(LedgerVerify(), home)
    assert isinstance(answer, Failed), answer
    assert answer.kind is FailKind.VERIFICATION, answer
    return answer


def test_a_sound_ledger_verifies_to_its_head(village: Village) -> None:
    value = village.ask(LedgerVerify())
    assert (value["height"], value["entries"], value["root"]) == (14, 14, village.chain.state.root)


def test_a_network_without_blocks_verifies_by_its_charter(tmp_path: Path) -> None:
    assert Grown(tmp_path / "ada").ask(LedgerVerify())["height"] == 0


def test_a_changed_value_of_the_state_is_named(copied: Home, village: Village) -> None:
    key = b"credit/" + village.credit
    damage(copied, "UPDATE state SET value = ? WHERE key = ?", encode({"changed": True}), key)
    assert f"at credit/{village.credit.hex()[:16]}" in verified(copied).sentence


def test_a_value_too_many_and_one_too_few_are_named(copied: Home, village: Village) -> None:
    damage(copied, "INSERT INTO state VALUES (?, ?)", b"zzz/" + bytes(32), encode(1))
    assert "at zzz/" in verified(copied).sentence
    damage(copied, "DELETE FROM state WHERE key = ?", b"zzz/" + bytes(32))
    damage(copied, "DELETE FROM state WHERE key = ?", b"witnesses")
    assert "lacks witnesses" in verified(copied).sentence


def test_a_flipped_bit_in_any_part_of_a_block_is_named_with_its_height(copied: Home) -> None:
    with closing(sqlite3.connect(copied.database)) as connection:
        (body,) = connection.execute("SELECT bytes FROM body WHERE height = 5").fetchone()
    for place in range(0, len(body), 7):
        flipped = bytearray(body)
        flipped[place] ^= 1
        damage(copied, "UPDATE body SET bytes = ? WHERE height = 5", bytes(flipped))
        assert verified(copied).details["height"] == 5, place


def test_a_missing_block_is_named(copied: Home) -> None:
    damage(copied, "DELETE FROM body WHERE height = 7")
    failed = verified(copied)
    assert failed.details["height"] == 7 and "missing" in failed.sentence


def test_a_wrong_certificate_is_named_even_where_a_later_one_covers_the_block(copied: Home) -> None:
    with closing(sqlite3.connect(copied.database)) as connection:
        (good,) = connection.execute("SELECT bytes FROM certificate WHERE height = 3").fetchone()
        (other,) = connection.execute("SELECT bytes FROM certificate WHERE height = 4").fetchone()
    damage(copied, "UPDATE certificate SET bytes = ? WHERE height = 3", other)
    assert "finalizes something else" in verified(copied).sentence
    damage(copied, "UPDATE certificate SET bytes = ? WHERE height = 3", good[:-1] + bytes([good[-1] ^ 1]))
    failed = verified(copied)
    assert failed.details["height"] == 3


def test_a_block_without_a_certificate_is_fine_below_a_certified_one_but_not_at_the_end(copied: Home) -> None:
    damage(copied, "DELETE FROM certificate WHERE height = 6")
    assert isinstance(offline.answer(LedgerVerify(), copied), Done)
    damage(copied, "DELETE FROM certificate WHERE height = 14")
    assert "has no certificate" in verified(copied).sentence


def test_founders_who_did_not_sign_are_named(copied: Home, village: Village) -> None:
    founding = encode([[village.ada.id, bytes(64)]])
    damage(copied, "UPDATE meta SET value = ? WHERE name = 'founding'", founding)
    assert "Ada has not signed" in verified(copied).sentence


def test_a_head_that_is_not_the_last_block_is_named(copied: Home, village: Village) -> None:
    with closing(sqlite3.connect(copied.database)) as connection:
        (head,) = connection.execute("SELECT value FROM meta WHERE name = 'head'").fetchone()
    damage(copied, "UPDATE meta SET value = ? WHERE name = 'head'", encode({**decode(head), "block": bytes(32)}))
    assert "another head" in verified(copied).sentence


def test_an_index_that_lists_another_block_is_named(copied: Home) -> None:
    damage(copied, "UPDATE block SET time_ms = time_ms + 1 WHERE height = 9")
    assert verified(copied).details["height"] == 9


def test_a_certified_block_with_an_entry_its_author_never_signed_is_named(tmp_path: Path) -> None:
    grown = Grown(tmp_path / "ada")
    operation = {"t": "credits.open/1", "decimals": 2, "redeemable": "bread", "unit": "EUR"}
    made = grown.entry(grown.ada.working, operation)
    grown._pending = [read_entry(made.body, bytes(64))]
    grown.block()
    failed = verified(grown.home)
    assert failed.details["height"] == 1 and "signature" in failed.sentence


def test_a_certified_block_whose_root_or_outcome_the_rules_do_not_give_is_named(tmp_path: Path) -> None:
    changes: tuple[dict[str, object], ...] = ({"state_root": bytes(32)}, {"outcomes": ("credit.unknown",)})
    for number, change in enumerate(changes):
        grown = Grown(tmp_path / f"ada-{number}")
        operation = {"t": "credits.open/1", "decimals": 2, "redeemable": "bread", "unit": "EUR"}
        grown.entry(grown.ada.working, operation)
        grown.store(_with(grown.build(), **change))
        assert verified(grown.home).details["height"] == 1


def _with(step: Advance, **change: object) -> Advance:
    (block,) = step.blocks
    made = remade(block, **change)
    head = replace(step.head, block=made.header.id)
    return replace(step, blocks=(made,), head=head)


async def test_a_running_node_verifies_beside_its_work_and_remembers_how_far(village: Village) -> None:
    async with running(village.home) as node:
        value = await asked(node, LedgerVerify())
        assert value["height"] == node.core.chain.head.height
        assert (await asked(node, LedgerStatus()))["checked_height"] == value["height"]


async def test_a_running_node_exports_what_a_stopped_one_does(village: Village, tmp_path: Path) -> None:
    async with running(village.home) as node:
        await asked(node, LedgerExport(path=str(tmp_path / "live")))
    village.ask(LedgerExport(path=str(tmp_path / "still")))
    assert (tmp_path / "live").read_bytes() == (tmp_path / "still").read_bytes()


async def test_a_running_node_answers_every_reading_question_as_a_stopped_one(village: Village) -> None:
    questions: tuple[Question, ...] = (
        LedgerBalance(everybody=True),
        LedgerJournal(limit=100),
        LedgerJournal(member="Bob"),
        LedgerJournal(job=show_id(Kind.JOB, village.job)),
        LedgerBlocks(),
        LedgerShow(id="Cleo"),
        LedgerShow(id=show_id(Kind.ENTRY, village.award)),
        LedgerShow(id=show_id(Kind.JOB, village.job)),
        NetworkShow(),
        MemberList(),
        BoundNodes(),
    )
    async with running(village.home) as node:
        live = [await asked(node, question) for question in questions]
    assert live == [village.ask(question) for question in questions]
