"""An owner whose entry never came into a block is told which and why, with a daemon and without (SPEC P-19)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from dpnode.answers.pending import LAPSED_SHOWN_MS
from dpnode.clock import now
from dpnode.control.questions.ledger import LedgerLapsed, LedgerShow
from dpnode.control.questions.node import Status
from dpnode.errors import FailKind, Problem
from dpnode.node import Node
from dpnode.reading.lapsed import reminder
from dpnode.shelf import pending_row
from dpnode.store.offline import writing
from dpnode.store.rows import Commit
from ledger.entry import Entry, sign_entry
from ledger.fold import last_sequence
from ledger.names import Kind, show_id
from protocol.limits import LAPSED_KEPT_MAX
from protocol.replication.lapsed import KEPT_LAPSED, LapsedEntry, write_lapsed
from tests.dpnode.answers.nodes import asked, running, until_heard
from tests.dpnode.answers.village import Village

HOUR_MS = 3_600_000


def waiting(village: Village, *operations: dict[str, Any]) -> list[Entry]:
    """Entries of the owner that were signed a week ago and wait on the disk since then."""
    key, until_ms = village.ada.working, now().wall_ms - HOUR_MS
    last = last_sequence(village.chain.state, key.public)
    made = [
        sign_entry(key, village.chain.network, last + number, until_ms, operation)
        for number, operation in enumerate(operations, start=1)
    ]
    with writing(village.home.database) as opened:
        opened.commit(Commit(pending_new=[pending_row(entry) for entry in made]))
    return made


@pytest.fixture
def village(tmp_path: Path) -> Village:
    return Village(tmp_path / "ada")


def issue(village: Village, amount: int) -> dict[str, Any]:
    return {"t": "credits.issue/1", "amount": amount, "credit": village.credit, "to": village.bob.id}


async def until_lapsed(node: Node, count: int) -> None:
    await until_heard(node, lambda: len(node.core.ledger.lapsed.all()) == count)
    await node.kept()


async def test_what_lapsed_while_the_daemon_was_off_is_told_by_status_list_show_and_log(
    village: Village, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = waiting(village, issue(village, 500), issue(village, 1_250))
    with caplog.at_level(logging.WARNING, "dpnode.node"):
        async with running(village.home) as node:
            await until_lapsed(node, 2)
            status = await asked(node, Status())
            listed = await asked(node, LedgerLapsed())
            shown = await asked(node, LedgerShow(id=show_id(Kind.ENTRY, first.id)[:14]))
    rows = listed["entries"]
    assert [row["text"] for row in rows] == ["Ada issues 12.50 EUR to Bob", "Ada issues 5.00 EUR to Bob"]
    assert [row["id"] for row in rows] == [show_id(Kind.ENTRY, one.id) for one in (second, first)]
    assert {row["outcome"] for row in rows} == {"entry.lapsed"}
    assert {row["why"] for row in rows} == {"its valid-until passed before it came into one"}
    assert status["lapsed"] == rows and status["pending"] == 0
    line = (
        "2 entries of yours never came into a block and will not (`dpnode ledger lapsed`): "
        "Ada issues 12.50 EUR to Bob; Ada issues 5.00 EUR to Bob"
    )
    assert line in status["reminders"]
    assert (shown["kind"], shown["outcome"], shown["by"]["name"]) == ("entry", "entry.lapsed", "Ada")
    assert "binding" not in shown and "height" not in shown
    assert shown["notes"] == ["It never stood in a block: its valid-until passed before it came into one."]
    assert shown["content"]["says"] == "Ada issues 5.00 EUR to Bob"
    logged = [one.getMessage() for one in caplog.records if one.name == "dpnode.node"]
    assert [one.rpartition(": ")[2] for one in logged] == ["Ada issues 5.00 EUR to Bob", "Ada issues 12.50 EUR to Bob"]


async def test_it_is_still_told_after_a_restart_and_with_no_daemon(village: Village) -> None:
    (entry,) = waiting(village, issue(village, 500))
    async with running(village.home) as node:
        await until_lapsed(node, 1)
        before = await asked(node, LedgerLapsed())
    assert village.ask(LedgerLapsed()) == before
    shown = village.ask(LedgerShow(id=show_id(Kind.ENTRY, entry.id)))
    assert shown["notes"] and shown["outcome"] == "entry.lapsed"
    async with running(village.home) as node:
        assert await asked(node, LedgerLapsed()) == before
        assert (await asked(node, Status()))["lapsed"] == before["entries"]
        assert (await asked(node, LedgerShow(id=show_id(Kind.ENTRY, entry.id)))) == shown


def keep(village: Village, *ended_ms: int) -> None:
    with writing(village.home.database) as opened:
        kept = [
            LapsedEntry(
                entry=sign_entry(village.ada.working, village.chain.network, 90 + n, 1, issue(village, 100 * n)),
                code="entry.sequence-used",
                ended_ms=at,
            )
            for n, at in enumerate(ended_ms, start=1)
        ]
        opened.commit(Commit(kept=[(KEPT_LAPSED, one.entry.id, write_lapsed(one)) for one in kept]))


async def test_status_tells_of_it_for_fourteen_days_and_the_list_goes_on(village: Village) -> None:
    at = now().wall_ms
    keep(village, at - LAPSED_SHOWN_MS - HOUR_MS, at - LAPSED_SHOWN_MS + HOUR_MS)
    assert LAPSED_SHOWN_MS == 14 * 24 * HOUR_MS
    async with running(village.home) as node:
        status = await asked(node, Status())
        listed = await asked(node, LedgerLapsed())
    assert [row["text"] for row in status["lapsed"]] == ["Ada issues 2.00 EUR to Bob"]
    assert [row["text"] for row in listed["entries"]] == ["Ada issues 2.00 EUR to Bob", "Ada issues 1.00 EUR to Bob"]
    assert "another entry used its number" in listed["entries"][0]["why"]
    assert any(line.startswith("1 entry of yours never came into a block") for line in status["reminders"])


async def test_a_home_in_which_nothing_lapsed_says_nothing_of_it(village: Village) -> None:
    async with running(village.home) as node:
        status = await asked(node, Status())
        assert (await asked(node, LedgerLapsed())) == {"entries": []}
    assert status["lapsed"] == [] and not any("block" in line for line in status["reminders"])
    assert village.ask(LedgerLapsed()) == {"entries": []}


async def test_a_document_that_is_none_stops_the_start_and_is_named_to_whoever_reads(village: Village) -> None:
    with writing(village.home.database) as opened:
        opened.commit(Commit(kept=[(KEPT_LAPSED, bytes(32), b"\x80")]))
    with pytest.RaisesGroup(pytest.RaisesExc(Problem, match="lapsed entry"), flatten_subgroups=True):
        async with running(village.home):
            pass
    failed = village.fails(LedgerLapsed())
    assert failed.kind is FailKind.VERIFICATION and "lapsed entry" in failed.sentence


@pytest.mark.parametrize(
    ("count", "begins", "ends"),
    [
        (1, "1 entry of yours never", "(`dpnode ledger lapsed`): a"),
        (3, "3 entries of yours never", ": a; a; a"),
        (5, "5 entries of yours never", ": a; a; a; and 2 more"),
        (LAPSED_KEPT_MAX, "at least 64 entries of yours never", ": a; a; a; and 61 more"),
    ],
)
def test_the_line_counts_all_and_says_the_newest_three(count: int, begins: str, ends: str) -> None:
    line = reminder([{"text": "a"}] * count)
    assert line.startswith(begins) and line.endswith(ends)
