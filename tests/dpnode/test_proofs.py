"""An owner makes a proof with the daemon up or stopped, and a stranger who has the charter reads it in plain words."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dpnode.cli.main import main
from dpnode.control.questions.ledger import LedgerProve
from dpnode.control.questions.network import NetworkCharter
from dpnode.errors import FailKind, Problem
from dpnode.reading.proof_shown import checked
from dpnode.shelf import KEPT_EPOCH_END, step_commit
from dpnode.store import questions
from dpnode.store.offline import reading
from ledger.block import make_block, witnesses_hash
from ledger.canonical import decode
from ledger.chain import Advance
from ledger.names import Kind, show_id
from ledger.proof import check
from ledger.state import Overlay
from tests.dpnode.answers.nodes import Wire, asked, running
from tests.dpnode.answers.village import Village


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Village:
    return Village(tmp_path_factory.mktemp("village") / "ada")


def shown(village: Village, **asking: Any) -> dict[str, Any]:
    """What a proof made with the daemon stopped shows."""
    proof = village.ask(LedgerProve(**asking))
    return checked(proof["proof"], village.ask(NetworkCharter())["charter"])


def test_a_share_is_told_with_its_total_and_its_height(village: Village) -> None:
    value = shown(village, what="share", id="printer", member="Cleo")
    member = show_id(Kind.MEMBER, village.cleo.id)[:14]
    assert value["shows"].startswith(f"at block 14 the member {member} owned 250,000 of the 1,000,000 units of printer")
    assert (value["free"], value["held"], value["total"]) == (250_000, 0, 1_000_000)
    assert value["time_ms"] == village.chain.head.time_ms


def test_a_balance_is_told_in_its_unit_with_what_is_held(village: Village) -> None:
    value = shown(village, what="balance", member="Cleo")
    assert " owned 81.50 EUR of the credit cred-" in value["shows"]
    assert value["shows"].endswith(", 3.00 of it held for something not decided yet")
    assert (value["signed"], value["witnesses"], value["epoch"]) == (1, 1, 1)


def test_a_founder_who_has_nothing_is_named_by_the_charter(village: Village) -> None:
    value = shown(village, what="balance", id="EUR@Ada", member="Ada")
    assert "the founder Ada, owned 0.00 EUR" in value["shows"] and value["free"] == 0
    assert "owned none of the 1,000,000 units" in shown(village, what="share", id="printer")["shows"]


def test_an_entry_is_told_with_its_outcome_however_old(village: Village) -> None:
    refused = shown(village, what="entry", id=village.written(Kind.ENTRY, village.refused, 12))
    assert "credits.pay/1, was refused (account.too-little)" in refused["shows"]
    first = shown(village, what="entry", id=show_id(Kind.ENTRY, village.credit))
    assert first["shows"].endswith("credits.open/1, was applied") and first["height"] == 5
    assert first["content"]["unit"] == "EUR"


def test_a_block_without_a_certificate_is_shown_by_the_one_above_it(tmp_path: Path) -> None:
    grown = Village(tmp_path / "ada")
    entry = grown.entry(grown.bob.working, {"t": "membership.profile/1", "about": "wood"})
    grown.block(certified=False)
    grown.record(grown.bob, {"t": "membership.profile/1", "about": "steel"})
    value = shown(grown, what="entry", id=show_id(Kind.ENTRY, entry.id))
    assert value["height"] == grown.chain.head.height - 1


@pytest.mark.parametrize(
    ("asking", "kind"),
    [
        ({"what": "everything"}, FailKind.USAGE),
        ({"what": "entry"}, FailKind.USAGE),
        ({"what": "entry", "id": "ent-aaaaaaaa"}, FailKind.NOT_FOUND),
        ({"what": "share", "id": "lathe"}, FailKind.NOT_FOUND),
        ({"what": "balance", "member": "Ada"}, FailKind.USAGE),
        ({"what": "balance", "member": "nobody"}, FailKind.NOT_FOUND),
        ({"what": "balance", "id": "USD@Ada"}, FailKind.NOT_FOUND),
    ],
    ids=str,
)
def test_what_cannot_be_proved_is_said(village: Village, asking: dict[str, Any], kind: FailKind) -> None:
    assert village.fails(LedgerProve(**asking)).kind is kind


async def test_a_running_node_makes_the_same_proof(village: Village) -> None:
    for question in (
        LedgerProve(what="share", id="printer", member="Cleo"),
        LedgerProve(what="balance", member="Bob"),
        LedgerProve(what="entry", id=show_id(Kind.ENTRY, village.paid)),
        NetworkCharter(),
    ):
        stopped = village.ask(question)
        async with running(village.home, Wire()) as node:
            assert await asked(node, question) == stopped


def test_a_damaged_proof_and_a_charter_of_others_are_refused_by_name(village: Village, tmp_path: Path) -> None:
    charter = village.ask(NetworkCharter())["charter"]
    proof = village.ask(LedgerProve(what="share", id="printer", member="Cleo"))["proof"]
    other = Village(tmp_path / "other").ask(NetworkCharter())["charter"]
    for data, body, sentence in (
        (proof[:-1], charter, "the proof does not hold: not MessagePack"),
        (proof, other, "another network than the one this charter founds"),
        (proof, proof, "the charter file is no charter"),
        (b"", charter, "the proof is empty"),
    ):
        with pytest.raises(Problem, match=sentence) as refused:
            checked(data, body)
        assert refused.value.kind is FailKind.VERIFICATION


@pytest.fixture
def made(village: Village, tmp_path: Path) -> tuple[Path, Path]:
    """A proof and the charter, written by the commands."""
    proof, charter = tmp_path / "proof", tmp_path / "charter"
    home = ["--home", str(village.home.root)]
    assert main(["ledger", "prove", "share", "printer", "Bob", "--out", str(proof), *home]) == 0
    assert main(["network", "charter", "--out", str(charter), *home]) == 0
    return proof, charter


def test_the_commands_make_and_check_a_proof_without_a_home(
    made: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proof, charter = made
    monkeypatch.setenv("DPNODE_HOME", str(tmp_path / "nowhere"))
    capsys.readouterr()
    assert main(["ledger", "check", str(proof), "--charter", str(charter)]) == 0
    out = capsys.readouterr().out
    assert "At block 14 the member mem-" in out and "750,000 of the 1,000,000 units of printer" in out
    assert "Time" in out and "Signed by 1 of the 1 witnesses" in out
    assert main(["ledger", "check", str(proof), "--charter", str(charter), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 1_000_000
    assert not (tmp_path / "nowhere").exists()


def test_a_proof_that_does_not_hold_ends_with_exit_8(
    made: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    proof, charter = made
    wrong = bytearray(proof.read_bytes())
    wrong[len(wrong) // 2] ^= 1
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bytes(wrong))))
    capsys.readouterr()
    assert main(["ledger", "check", "-", "--charter", str(charter)]) == 8
    assert "the proof does not hold" in capsys.readouterr().err
    assert main(["ledger", "check", str(proof) + "x", "--charter", str(charter)]) == 4


def test_bytes_go_to_a_pipe_and_to_a_new_file_and_never_to_a_terminal(
    village: Village, made: tuple[Path, Path], project: Path, tmp_path: Path
) -> None:
    proof, _ = made
    home = ["--home", str(village.home.root)]
    command = [sys.executable, "-m", "dpnode.cli.main", "ledger", "prove", "share", "printer", "Bob", *home]
    piped = subprocess.run(command, cwd=project, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert (piped.returncode, piped.stdout) == (0, proof.read_bytes())
    assert main(["ledger", "prove", "share", "printer", "--out", str(proof), *home]) == 5
    leader, follower = os.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(follower, "wb") as terminal:
        said = subprocess.run(
            command, cwd=project, stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.PIPE, timeout=60
        )
    assert said.returncode == 2 and b"give --out FILE" in said.stderr


def test_what_shows_the_next_witnesses_is_kept_in_the_transaction_that_closes_an_epoch(tmp_path: Path) -> None:
    """O-4: afterwards the state has gone on, and nobody could make it any more."""
    grown = Village(tmp_path / "ada")
    chain = grown.chain
    tx = Overlay(chain.state)
    tx.put(b"witnesses", {"epoch": 2, "list": chain.witnesses})
    settled = chain.state.settle(tx.changes)
    view = chain.head.view + 1
    block = make_block(
        network=chain.network,
        epoch=1,
        view=view,
        height=chain.head.height + 1,
        parent=chain.head.block,
        time_ms=chain.head.time_ms + 1,
        state_root=settled.root,
        witnesses=witnesses_hash(chain.witnesses),
        entries=(),
        outcomes=(),
    )
    step = Advance(blocks=(block,), settled=settled, head=chain._after(block, settled, view, 0, closes=True))
    commit = step_commit(chain, step, grown.certificate(step))
    [(kind, number, kept)] = commit.kept
    assert (kind, number) == (KEPT_EPOCH_END, (1).to_bytes(8, "big")) and kept is not None
    grown.store(step)
    with reading(grown.home.database) as opened:
        assert opened.ask(questions.kept(KEPT_EPOCH_END)) == [(number, kept)]
    assert decode(kept)["block"] == block.header.body
    proof = village_proof(grown)
    assert check(proof, chain.charter).header.epoch == 1 and "epochs" not in decode(proof)


def village_proof(grown: Village) -> bytes:
    proof: bytes = grown.ask(LedgerProve(what="share", id="printer", member="Bob"))["proof"]
    return proof
