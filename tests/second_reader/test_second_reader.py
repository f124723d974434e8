"""A program in another language, written from SPEC.md alone, reads what we write and refuses what is wrong with it.

It checks an export's chain of headers, certificates, entries and signatures, and proofs; it does not fold.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.letters import LATER
from ledger.names import Kind, show_id
from tests.ledger.proving import Epochs, History, changed, flipped
from tests.second_reader.exports import Wrong, as_text, exported, of_epochs, proved, stored, text
from tests.vectors.generate import FOLDER

HERE = Path(__file__).resolve().parent
SPEC = HERE.parent.parent / "ledger" / "SPEC.md"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="the second reader needs Node.js 18 or later, and there is none")


def read(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(NODE), str(HERE / "read.mjs"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def judged(asked: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """What the reader says of many exports and proofs, in one process."""
    said = subprocess.run(
        [str(NODE), str(HERE / "read.mjs"), "many"],
        input="".join(json.dumps(one) + "\n" for one in asked),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert said.returncode == 0, said.stderr
    answers = [json.loads(line) for line in said.stdout.splitlines()]
    assert len(answers) == len(asked)
    return answers


@pytest.fixture(scope="module")
def history() -> History:
    return History()


@pytest.fixture(scope="module")
def export(history: History, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("stranger")
    return exported(stored(history, folder / "home"), folder / "ledger.jsonl")


def test_a_real_export_is_read_whole(history: History, export: str, tmp_path: Path) -> None:
    """O-10, O-11, O-12: several blocks and authors, a refused entry, blocks without a certificate of their own."""
    file = tmp_path / "ledger.jsonl"
    file.write_text(export, "ascii")
    said = read("export", file)
    assert said.returncode == 0, said.stderr
    network = show_id(Kind.NETWORK, history.network)
    assert json.loads(said.stdout) == {
        "network": network, "height": 5, "entries": 9, "refused": 1, "authors": 2, "epoch": 1}  # fmt: skip


def test_each_way_to_spoil_an_export_is_refused(history: History, export: str) -> None:
    """O-10, O-11, O-12, B-6, B-9, B-11, E-1, K-1, V-3."""
    wrong = Wrong(history)
    asked = [{"export": export}]
    for _, change in wrong.rows.values():
        lines = [json.loads(line) for line in export.splitlines()]
        change(lines)
        asked.append({"export": as_text(lines)})
    asked += [{"export": export[:-1]}, {"export": export[: len(export) // 2]}, {"export": ""}]
    good, *rest = judged(asked)
    assert good["shows"]["height"] == 5
    assert len(rest) > 30
    for (name, (sentence, _)), answer in zip(wrong.rows.items(), rest, strict=False):
        assert re.search(sentence, answer.get("refused", "taken")) and "refused" in answer, (name, answer)
    assert all("refused" in answer for answer in rest[len(wrong.rows) :])


def test_an_export_leads_through_changes_of_witnesses() -> None:
    """O-4, O-12: from the charter's one witness to four, to another four; no list is taken that was not made final."""
    epochs = Epochs()
    lines = of_epochs(epochs)
    ends = [i for i, line in enumerate(lines) if "epoch_end" in line]
    without = [{key: item for key, item in line.items() if key != "epoch_end"} for line in lines]
    swapped = [dict(line) for line in lines]
    swapped[ends[0]]["epoch_end"], swapped[ends[1]]["epoch_end"] = (
        lines[ends[1]]["epoch_end"],
        lines[ends[0]]["epoch_end"],
    )
    bare = [dict(line) for line in lines]
    del bare[ends[0]]["certificate"]
    damaged = [dict(line) for line in lines]
    damaged[ends[1]]["epoch_end"] = text(flipped(base64.b64decode(lines[ends[1]]["epoch_end"]), 700))
    good, *wrong = judged([{"export": as_text(one)} for one in (lines, without, swapped, bare, damaged)])
    assert good["shows"]["epoch"] == 3 and good["shows"]["height"] == 3
    assert all("refused" in one for one in wrong), wrong


def test_what_the_command_proves_is_shown_the_same_by_the_second_reader(history: History, tmp_path: Path) -> None:
    """O-1 to O-8."""
    home = stored(history, tmp_path / "home")
    proof, charter = tmp_path / "proof", tmp_path / "charter"
    charter.write_bytes(history.charter.body)
    ben = history.people[1]
    proof.write_bytes(proved(home, "share", "greenhouse", show_id(Kind.MEMBER, ben.id)))
    shows = json.loads(read("proof", proof, charter).stdout)
    assert (shows["free"], shows["total"], shows["name"]) == (125_000, 1_000_000, "greenhouse")
    assert (shows["member"], shows["height"]) == (show_id(Kind.MEMBER, ben.id), 5)
    proof.write_bytes(proved(home, "entry", show_id(Kind.ENTRY, history.mixed.entries[2].id)))
    assert json.loads(read("proof", proof, charter).stdout)["outcome"] == "account.too-little"
    charter.write_bytes(Epochs().town.charter.body)
    said = read("proof", proof, charter)
    assert (said.returncode, said.stdout) == (1, "") and "another network" in said.stderr


def test_no_bit_of_a_proof_is_turned_unseen_by_the_second_reader(history: History) -> None:
    """O-1 to O-8: one bit in every third byte, and parts taken from elsewhere."""
    epochs = Epochs()
    asked, names = [], []
    for name, charter, proof in (
        ("share", history.charter, history.share()),
        ("entry", history.charter, history.entry_at(2)),
        ("epochs", epochs.town.charter, epochs.proof()),
    ):
        spoilt = [flipped(proof, at) for at in range(0, len(proof), 3)] + [proof[:-1], proof + b"\0", b""]
        spoilt += [changed(proof, "certificate", "view", to=1 << 40), changed(proof, "version", to=2)]
        for data in (proof, *spoilt):
            asked.append({"charter": text(charter.body), "proof": text(data)})
            names.append((name, data is proof))
    for (name, is_whole), answer in zip(names, judged(asked), strict=True):
        assert ("shows" in answer) is is_whole, (name, answer)


def test_the_golden_vectors_hold_in_another_language() -> None:
    """B-1 to B-6, E-1, E-2, K-1, S-2, V-1, O-1 to O-8, O-12: taken and refused alike."""
    said = read("vectors", FOLDER)
    assert said.returncode == 0, said.stderr
    counted = json.loads(said.stdout)
    assert sum(counted.values()) > 600
    rows = json.loads((FOLDER / "epochs.json").read_text("utf-8"))
    assert counted["epochs"] == len(rows["valid"]) + len(rows["invalid"])


def test_the_reader_explains_itself_and_names_a_file_of_no_use(tmp_path: Path) -> None:
    assert read().returncode == 2 and "usage" in read("exprot", "x").stderr
    empty = tmp_path / "empty"
    empty.touch()
    said = read("export", empty)
    assert said.returncode == 1 and said.stderr.strip()


def test_spec_lists_the_signs_that_newer_tables_know() -> None:
    """B-3: a program with newer tables than Unicode 14 finds in SPEC.md what to leave out."""
    runs = [f"{first:X}" if first == last else f"{first:X}-{last:X}" for first, last in LATER]
    assert " ".join(runs) in " ".join(SPEC.read_text(encoding="utf-8").split())
