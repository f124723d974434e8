"""An export holds everything a stranger needs to check it, appears whole or not at all, and never overwrites."""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dpnode.control.questions.ledger import LedgerExport
from dpnode.errors import FailKind, Problem
from dpnode.reading.export import write_whole
from ledger.block import entries_root, read_header
from ledger.chain import Chain
from ledger.charter import check_founding, read_charter
from ledger.consensus.votes import check_certificate, read_certificate
from ledger.entry import read_entry
from ledger.fold import is_fully_signed
from ledger.names import Kind, parse_id, show_id
from tests.dpnode.answers.village import Village


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Village:
    grown = Village(tmp_path_factory.mktemp("village") / "ada")
    grown.record(grown.bob, {"t": "membership.profile/1", "name": 'Bob "the" Printer'})
    grown.hours = grown.record(
        grown.bob, {"t": "credits.open/1", "decimals": 0, "redeemable": "one\n2020-01-01 open X", "unit": "1h"}
    )
    grown.record(grown.cleo, {"t": "work.cancel/1", "job": grown.job})
    return grown


def test_json_lines_can_be_checked_by_a_stranger(village: Village, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    value = village.ask(LedgerExport(path=str(path)))
    assert value["bytes"] == path.stat().st_size
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    assert [sum(1 for line in lines if line["is"] == what) for what in ("charter", "block", "entry")] == [1, 17, 17]
    charter = read_charter(base64.b64decode(lines[0]["body"]))
    check_founding(
        charter,
        {parse_id(Kind.MEMBER, one["member"]): base64.b64decode(one["signature"]) for one in lines[0]["founding"]},
    )
    assert show_id(Kind.NETWORK, charter.network) == lines[0]["network"]
    keys = Chain.founded(charter)[0].voting_keys
    parent = charter.network
    for at, line in enumerate(lines):
        if line["is"] != "block":
            continue
        header = read_header(base64.b64decode(line["header"]))
        inside = lines[at + 1 : at + 1 + line["entries"]]
        entries = [read_entry(base64.b64decode(one["body"]), base64.b64decode(one["signature"])) for one in inside]
        assert header.parent == parent and all(map(is_fully_signed, entries))
        assert entries_root(entries, [one["outcome"] for one in inside]) == header.entries_root
        check_certificate(read_certificate(base64.b64decode(line["certificate"])), charter.network, 1, keys)
        parent = header.id


def test_books_balance_and_assert_what_the_state_holds(village: Village, tmp_path: Path) -> None:
    path = tmp_path / "books.beancount"
    village.ask(LedgerExport(path=str(path), form="beancount"))
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    opened: set[str] = set()
    asserted: dict[tuple[str, str], Decimal] = {}
    transaction: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in path.read_text("utf-8").splitlines():
        if found := re.fullmatch(r"  ((?:Assets|Equity):\S+)  (-?[\d.]+) ([A-Z][A-Z0-9'._-]{0,22}[A-Z0-9])", line):
            account, amount, commodity = found[1], Decimal(found[2]), found[3]
            assert account in opened
            sums[account, commodity] += amount
            transaction[commodity] += amount
            continue
        assert not any(transaction.values()), line
        transaction.clear()
        if found := re.fullmatch(r"\d{4}-\d\d-\d\d open (\S+)", line):
            assert re.fullmatch(r"[A-Z][A-Za-z]+(:[A-Z][A-Za-z0-9-]*)+", found[1])
            opened.add(found[1])
        elif found := re.fullmatch(r"\d{4}-\d\d-\d\d balance (\S+)  ([\d.]+) (\S+)", line):
            asserted[found[1], found[3]] = Decimal(found[2])
    for (account, commodity), amount in asserted.items():
        assert sums[account, commodity] == amount, account
    money = {account.split(":")[1][:4]: n for (account, unit), n in asserted.items() if "EUR" in unit and n}
    assert money == {"Bob-": Decimal("19.25"), "Cleo": Decimal("80.75")}
    assert {n for (account, _), n in asserted.items() if account.endswith(":Held")} == {Decimal(0)}


def test_no_text_of_a_member_breaks_out_of_its_place_in_the_books(village: Village, tmp_path: Path) -> None:
    path = tmp_path / "books.beancount"
    village.record(village.bob, {"t": "credits.issue/1", "amount": 7, "credit": village.hours, "to": village.bob.id})
    village.ask(LedgerExport(path=str(path), form="beancount"))
    lines = path.read_text("utf-8").splitlines()
    assert not [line for line in lines if line.startswith("2020")]
    assert [line for line in lines if "one\\\\x0a2020-01-01 open X" in line]
    assert [line for line in lines if 'Bob \\"the\\" Printer issues 7 1h' in line]


def test_a_file_that_is_there_is_kept(village: Village, tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text("mine")
    assert village.fails(LedgerExport(path=str(path))).kind is FailKind.REFUSED
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]


def test_a_dry_run_writes_nothing(village: Village, tmp_path: Path) -> None:
    value = village.ask(LedgerExport(path=str(tmp_path / "out"), dry_run=True))
    assert value["dry_run"] and value["entries"] == village.chain.head.entries and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "form", "kind"),
    [
        ("relative", "jsonl", FailKind.USAGE),
        ("/nowhere/at/all/out", "jsonl", FailKind.FAILED),
        ("/tmp/x", "excel", FailKind.USAGE),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is(
    village: Village, path: str, form: str, kind: FailKind
) -> None:
    assert village.fails(LedgerExport(path=path, form=form)).kind is kind


def test_an_export_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    def lines() -> Any:
        yield "one"
        raise Problem(FailKind.VERIFICATION, "block 2 does not hold")

    with pytest.raises(Problem):
        write_whole(tmp_path / "out", lines())
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    def lines() -> Any:
        yield "one"
        (tmp_path / "out").write_text("theirs")

    with pytest.raises(Problem, match="never overwrites"):
        write_whole(tmp_path / "out", lines())
    assert (tmp_path / "out").read_text() == "theirs" and len(list(tmp_path.iterdir())) == 1
