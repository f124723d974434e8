"""A home answers from its database with no daemon: everything it can, only what is on the disk, and quickly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dpnode import lock, offline
from dpnode.control.answers import Done, Failed
from dpnode.control.questions import all_questions
from dpnode.control.questions.holdings import AssetList, AssetShow
from dpnode.control.questions.job import JobList, JobShow
from dpnode.control.questions.ledger import (
    LedgerBalance,
    LedgerBlocks,
    LedgerExport,
    LedgerJournal,
    LedgerShares,
    LedgerShow,
    LedgerStatus,
    LedgerVerify,
)
from dpnode.control.questions.network import MemberList, NetworkFound, NetworkShow
from dpnode.control.questions.node import BoundNodes, Status
from dpnode.errors import FailKind
from dpnode.identity.words import root_seed
from dpnode.paths import Home
from dpnode.reading.table import WHERE, reader_of
from ledger.canonical import encode
from ledger.names import Kind, show_id
from tests.dpnode.answers.grown import ENTROPY, new_home
from tests.dpnode.answers.village import Village


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Village:
    return Village(tmp_path_factory.mktemp("village") / "ada")


def shown(amount: dict[str, Any]) -> tuple[int, str, str]:
    return amount["amount"], amount["name"], amount["issuer"]


def test_every_question_marked_offline_has_an_answer_without_a_daemon() -> None:
    marked = {name for name, kind in all_questions().items() if kind.offline}
    assert marked == set(WHERE) | {
        "ledger.verify",
        "ledger.export",
        "ledger.rebuild",
        "network.found",
        "share.history",
    }
    samples = {name: all_questions()[name] for name in WHERE}
    for kind in samples.values():
        needed = {"id": "x", "asset": "x"}
        fields = {name: value for name, value in needed.items() if name in kind.__dataclass_fields__}
        if kind is LedgerBalance or kind is LedgerJournal:
            fields = {}
        assert reader_of(kind(**fields)) is not None


def test_every_answer_can_travel_in_the_canonical_encoding(village: Village) -> None:
    asked = [
        LedgerStatus(),
        LedgerBalance(everybody=True),
        LedgerShares(asset="printer"),
        LedgerJournal(limit=100),
        LedgerBlocks(),
        LedgerShow(id="Bob"),
        LedgerVerify(),
        NetworkShow(),
        MemberList(),
        BoundNodes(),
        AssetList(everybody=True),
        AssetShow(id="printer"),
        JobList(everybody=True),
        JobShow(id=show_id(Kind.JOB, village.job)),
    ]
    for question in asked:
        assert encode(village.ask(question))


def test_a_balance_is_ones_own_unless_somebody_is_named(village: Village) -> None:
    assert village.ask(LedgerBalance())["accounts"] == []
    (money, units) = village.ask(LedgerBalance(member="Cleo"))["accounts"]
    assert shown(money["free"]) == (10_000 - 1_250 - 900, "EUR", "Ada")
    assert shown(money["held"]) == (300, "EUR", "Ada")
    assert shown(units["free"]) == (250_000, "printer", "")
    everybody = village.ask(LedgerBalance(everybody=True))["accounts"]
    assert {row["member"]["name"] for row in everybody} == {"Bob", "Cleo"}


def test_shares_list_the_largest_owner_first(village: Village) -> None:
    value = village.ask(LedgerShares(asset=village.written(Kind.ASSET, village.printer, 8)))
    assert [(one["member"]["name"], one["units"]) for one in value["owners"]] == [("Bob", 750_000), ("Cleo", 250_000)]
    assert value["total"] == 1_000_000


def test_the_journal_tells_each_entry_in_a_sentence_newest_first(village: Village) -> None:
    texts = [row["text"] for row in village.ask(LedgerJournal(limit=100))["entries"]]
    job = f"3 x bracket ({show_id(Kind.JOB, village.job)[:14]})"
    assert texts == [
        f"Cleo accepts 2 pieces of {job}: fine",
        f"Bob delivers 2 pieces of {job}",
        f"Bob has done 10 % of {job}: warming up",
        "Cleo awards 3 x bracket to Bob for 9.00 EUR",
        "Cleo pays 9999.99 EUR to Bob",
        "Bob transfers 250,000 units of printer to Cleo",
        "Bob registers printer, a 3d-printer by Prusa",
        "Cleo pays 12.50 EUR to Bob: for eggs",
        "Ada issues 100.00 EUR to Cleo",
        "Ada opens the credit EUR, good for bread at Ada's",
        "Ada is sponsor of Cleo, who joins",
        "Ada makes an invitation",
        "Ada is sponsor of Bob, who joins",
        "Ada makes an invitation",
    ]


def test_the_journal_shows_a_refused_entry_with_its_reason(village: Village) -> None:
    rows = village.ask(LedgerJournal(member="Cleo", family="credit"))["entries"]
    assert [row["outcome"] for row in rows] == ["account.too-little", "ok"]


@pytest.mark.parametrize("family", ["job", "work"])
def test_the_journal_can_be_cut_to_one_family_of_operations(village: Village, family: str) -> None:
    rows = village.ask(LedgerJournal(family=family))["entries"]
    assert [row["operation"] for row in rows] == ["work.receipt/1", "work.deliver/1", "work.progress/1", "work.award/1"]


def test_the_journal_of_a_job_is_what_moved_it(village: Village) -> None:
    rows = village.ask(LedgerJournal(job=village.written(Kind.JOB, village.job, 10)))["entries"]
    assert [row["operation"] for row in rows] == ["work.receipt/1", "work.deliver/1", "work.progress/1", "work.award/1"]
    of_bob = village.ask(LedgerJournal(job=show_id(Kind.JOB, village.job), member="Bob"))["entries"]
    assert [row["by"]["name"] for row in of_bob] == ["Bob", "Bob"]


def test_the_journal_comes_in_pages_that_miss_nothing(village: Village) -> None:
    whole = village.ask(LedgerJournal(limit=100))["entries"]
    pages: list[dict[str, Any]] = []
    before = None
    while True:
        page = village.ask(LedgerJournal(limit=3, before_height=before))
        pages += page["entries"]
        if not page["more"]:
            break
        before = page["entries"][-1]["height"]
    assert pages == whole


def test_an_unknown_family_names_those_there_are(village: Village) -> None:
    failed = village.fails(LedgerJournal(family="wrok"))
    assert failed.kind is FailKind.USAGE
    assert "asset, credit, group, job, member, motion, share" in failed.sentence


def test_blocks_come_newest_first_with_their_leader(village: Village) -> None:
    rows = village.ask(LedgerBlocks(limit=4))["blocks"]
    height = village.chain.head.height
    assert [row["height"] for row in rows] == [height, height - 1, height - 2, height - 3]
    assert rows[0]["root"] == village.chain.head.state_root
    assert [(row["entries"], row["leader"]["name"]) for row in rows] == [(1, "Ada")] * 4
    assert [row["height"] for row in village.ask(LedgerBlocks(before_height=3))["blocks"]] == [2, 1]


@pytest.mark.parametrize("letters", [52, 10, 6])
def test_show_finds_whatever_an_id_or_its_beginning_names(village: Village, letters: int) -> None:
    head = village.chain.head.block
    named = {
        "entry": (Kind.ENTRY, village.award),
        "block": (Kind.BLOCK, head),
        "member": (Kind.MEMBER, village.bob.id),
        "asset": (Kind.ASSET, village.printer),
        "credit": (Kind.CREDIT, village.credit),
        "job": (Kind.JOB, village.job),
        "call": (Kind.CALL, b"\x11" * 32),
    }
    for what, (kind, identity) in named.items():
        value = village.ask(LedgerShow(id=village.written(kind, identity, letters)))
        assert (value["kind"], value["id"]) == (what, show_id(kind, identity))


def test_show_names_members_and_things_inside_an_entry(village: Village) -> None:
    content = village.ask(LedgerShow(id=show_id(Kind.ENTRY, village.transfer)))["content"]
    assert content["operation"]["to"] == {"id": show_id(Kind.MEMBER, village.cleo.id), "name": "Cleo"}
    assert content["operation"]["asset"] == show_id(Kind.ASSET, village.printer)
    assert content["says"] == "Bob transfers 250,000 units of printer to Cleo"


@pytest.mark.parametrize("name", ["Bob", "printer", "EUR", "EUR@Ada"])
def test_show_takes_a_name(village: Village, name: str) -> None:
    assert village.ask(LedgerShow(id=name))["kind"] in ("member", "asset", "credit")


@pytest.mark.parametrize("text", ["nobody", "ent-aaaaaaaaaa", "job-zzzz", "blk-", "-", "mem-1111", "call-aaaa"])
def test_show_says_not_found_for_what_is_not_there(village: Village, text: str) -> None:
    assert village.fails(LedgerShow(id=text)).kind is FailKind.NOT_FOUND


def test_members_come_with_sponsor_and_machines(village: Village) -> None:
    rows = village.ask(MemberList())["members"]
    assert [(row["name"], row["machines"], row.get("sponsor", {}).get("name")) for row in rows] == [
        ("Ada", 1, None),
        ("Bob", 1, "Ada"),
        ("Cleo", 1, "Ada"),
    ]
    assert rows[0]["note"] == "witness"
    assert village.ask(NetworkShow())["members"] == 3


def test_this_machine_is_marked_among_the_bound_ones(village: Village) -> None:
    (own,) = village.ask(BoundNodes())["nodes"]
    (other,) = village.ask(BoundNodes(member="Bob"))["nodes"]
    assert own["here"] and not other["here"]
    assert own["peer"].startswith("12D3KooW")


def test_status_counts_entries_and_members(village: Village) -> None:
    value = village.ask(LedgerStatus())
    assert (value["height"], value["entries"], value["members"], value["pending"]) == (14, 14, 3, 0)
    assert value["root"] == village.chain.state.root


def test_a_job_is_shown_with_parameters_payments_and_every_move(village: Village) -> None:
    value = village.ask(JobShow(id=show_id(Kind.JOB, village.job)))
    assert value["parameters"] == {"length": "120 mm", "material": "pla"}
    assert (value["delivered"], value["accepted"], value["part"]) == (2, 2, "bracket")
    assert [line["amount"] for line in (*value["price"], *value["paid"], *value["held"])] == [900, 600, 300]
    assert [line["text"] for line in value["journal"]] == [
        "awarded",
        "10 % done: warming up",
        "delivered 2 pieces",
        "accepted 2 pieces: fine; 6.00 EUR paid",
    ]


def test_jobs_are_listed_to_their_parties_and_to_whoever_asks_for_all(village: Village) -> None:
    assert village.ask(JobList())["jobs"] == []
    (row,) = village.ask(JobList(everybody=True))["jobs"]
    assert (row["what"], row["state"], row["quantity"]) == ("bracket", "started", 3)
    assert village.ask(JobList(everybody=True, state="ended"))["jobs"] == []


def test_assets_are_listed_to_their_owners(village: Village) -> None:
    assert village.ask(AssetList())["assets"] == []
    (row,) = village.ask(AssetList(everybody=True))["assets"]
    assert (row["label"], row["total"], row["title"], row["units"]) == ("printer", 1_000_000, "none", 0)
    assert village.ask(AssetShow(id="printer"))["maker"] == "Prusa"


def test_a_home_without_an_identity_a_network_or_a_sound_database_says_so(tmp_path: Path) -> None:
    bare = Home(root=tmp_path / "bare")
    assert _failed(offline.answer(LedgerBalance(), bare)).kind is FailKind.NOT_FOUND
    home = new_home(tmp_path / "new")
    assert _failed(offline.answer(LedgerBalance(), home)).kind is FailKind.REFUSED
    home.database.write_bytes(b"not a database, by any means" * 40)
    assert "ledger" in _failed(offline.answer(LedgerBalance(), home)).sentence


def test_verifying_and_exporting_report_how_far_they_are(village: Village, tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    for question in (LedgerVerify(), LedgerExport(path=str(tmp_path / "out"))):
        assert isinstance(offline.answer(question, village.home, heard.append), Done)
    assert [(one["done"], one["of"]) for one in heard] == [(14, 14), (14, 14)]


def test_a_question_for_the_daemon_alone_is_not_answered(village: Village) -> None:
    assert village.fails(Status()).kind is FailKind.DAEMON_DOWN


def test_a_home_founds_one_network_and_no_second(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    question = NetworkFound(network_name="First", root_seed=root_seed(ENTROPY, 0))
    dry = offline.answer(NetworkFound(network_name="First", root_seed=root_seed(ENTROPY, 0), dry_run=True), home)
    assert isinstance(dry, Done) and dry.value["dry_run"] and not home.database.exists()
    assert isinstance(offline.answer(question, home), Done)
    again = _failed(offline.answer(question, home))
    assert again.kind is FailKind.REFUSED and "First" in again.sentence


def test_founding_waits_for_no_daemon_but_names_the_one_that_runs(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    held = lock.take(home)
    try:
        failed = _failed(offline.answer(NetworkFound(network_name="First", root_seed=root_seed(ENTROPY, 0)), home))
    finally:
        held.release()
    assert failed.kind is FailKind.REFUSED and str(os.getpid()) in failed.sentence


def test_founding_with_another_members_root_key_is_refused(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    failed = _failed(offline.answer(NetworkFound(network_name="First", root_seed=bytes(32)), home))
    assert failed.kind is FailKind.REFUSED and not home.database.exists()


def test_a_balance_reads_neither_the_whole_state_nor_the_daemons_libraries(village: Village, project: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from dpnode import offline\n"
        "from dpnode.control.questions.ledger import LedgerBalance\n"
        "from dpnode.paths import Home\n"
        "from dpnode.store import questions\n"
        "asked = []\n"
        "whole = questions.state_chunk\n"
        "questions.state_chunk = lambda after: asked.append(after) or whole(after)\n"
        f"answer = offline.answer(LedgerBalance(member='Cleo'), Home(root=Path({str(village.home.root)!r})))\n"
        "assert answer.value['accounts'], answer\n"
        "heavy = {'trio', 'libp2p', 'aiosqlite', 'trio_asyncio', 'cryptography', 'ledger.fold', 'protocol'}\n"
        "print(sorted(heavy & set(sys.modules)), asked)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=project, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout.strip() == "[] []", run.stderr


def test_a_damaged_page_is_named_and_not_answered_from(village: Village, tmp_path: Path) -> None:
    home = new_home(tmp_path / "copy")
    content = bytearray(village.home.database.read_bytes())
    content[100:] = bytes(len(content) - 100)
    home.database.write_bytes(content)
    failed = _failed(offline.answer(LedgerExport(path=str(tmp_path / "out")), home))
    assert failed.kind in (FailKind.VERIFICATION, FailKind.FAILED)
    assert "ledger.db" in failed.sentence or "home" in failed.sentence


def _failed(answer: object) -> Failed:
    assert isinstance(answer, Failed), answer
    return answer
