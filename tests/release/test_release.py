"""The gates of a release: what holds is told as that, what does not fails, and nothing is run twice.

The gates themselves run in full by `scripts/release`; here two cheap ones run in small, and each judgement is shown
to say no.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.release.campaign import Folder, go_through, report
from tests.release.gates import (
    GATES,
    LEFT_OUT,
    Gate,
    Job,
    Said,
    Verdict,
    bitten,
    campaigned,
    fuzzed,
    mutated,
    passed,
    simulated,
)
from tests.release.soak import GROWTH_BYTES_MAX, MORE_DESCRIPTORS_MAX, Sample, grown


def release(project: Path, *asked: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.release", *asked], cwd=project, capture_output=True, text=True, timeout=300
    )


def test_cheap_gates_hold_in_small_and_what_was_run_is_not_run_again(project: Path, tmp_path: Path) -> None:
    asked = ("--small", "--gate", "teeth", "--gate", "power-cuts", "--json", "--report", str(tmp_path))
    one = release(project, *asked)
    assert one.returncode == 0, one.stderr
    told = json.loads(one.stdout)
    assert (told["held"], told["size"], set(told["gates"])) == (True, "small", {"teeth", "power-cuts"})
    assert told["gates"]["teeth"]["counts"]["found"] == told["gates"]["teeth"]["jobs"] == 2
    assert told["gates"]["power-cuts"]["counts"]["cuts"] >= 40
    assert told["gates"]["power-cuts"]["seeds"] == ["1", "2"]
    two = release(project, *asked)
    assert json.loads(two.stdout)["gates"] == told["gates"]
    assert "[" not in two.stderr, "no job was run"


def test_the_gates_are_listed_with_what_is_left_out_and_why(project: Path) -> None:
    listed = release(project, "--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [*GATES, *LEFT_OUT]


def test_a_gate_that_is_not_there_is_a_wrong_command_line(project: Path) -> None:
    assert release(project, "--gate", "none").returncode == 2


@pytest.mark.parametrize("gate", GATES.values(), ids=lambda gate: gate.name)
def test_every_job_of_a_gate_has_a_name_of_its_own(gate: Gate) -> None:
    for jobs in (gate.full(), gate.small()):
        assert 0 < len(jobs) == len({job.name for job in jobs})


def summary(**more: object) -> str:
    return f"a line\n{json.dumps(more)}\n"


NO = Said(status=1, out="", err="Traceback\nboom")


@pytest.mark.parametrize(
    ("judge", "yes", "no"),
    [
        (simulated, Said(status=0, out=summary(seeds=5, failed=[]), err=""),
         Said(status=1, out=summary(seeds=5, failed=[3]), err="seed 3: broken")),
        (bitten, Said(status=1, out=summary(seeds=5, failed=[4]), err=""),
         Said(status=0, out=summary(seeds=100, failed=[]), err="It was not found.")),
        (campaigned("cuts"), Said(status=0, out=summary(campaigns=[{"cuts": 3}], faults=[]), err=""),
         Said(status=0, out=summary(campaigns=[{"cuts": 3}], faults=["lost"]), err="")),
        (fuzzed, Said(status=0, out="x 10 runs, 2 taken, 3/s, seed 1", err=""),
         Said(status=0, out="x 10 runs, 0 taken, 3/s, seed 1", err="")),
        (passed, Said(status=0, out="..\n2 passed in 1s", err=""),
         Said(status=0, out="SKIPPED [1] node is not there\n1 passed, 1 skipped in 1s", err="")),
        (mutated, Said(status=0, out=summary(mutants=9, killed=9, survivors=[], faults=[]), err=""),
         Said(status=1, out=summary(mutants=9, killed=8, survivors=["a.py:1: 1 -> 2"], faults=["88.9 %"]), err="")),
    ],
)  # fmt: skip
def test_a_gate_says_no_where_its_program_does(judge: Callable[[Said], Verdict], yes: Said, no: Said) -> None:
    assert judge(yes).held
    assert not judge(no).held and judge(no).found
    assert not judge(NO).held and judge(NO).found
    assert not judge(replace(yes, status=3)).held


def test_a_mutant_that_lived_is_named_whether_or_not_enough_were_killed() -> None:
    told = summary(mutants=20, killed=19, survivors=["a.py:1: 1 -> 2"], faults=[], said="95 %")
    verdict = mutated(Said(status=0, out=told, err=""))
    assert (verdict.held, verdict.noted) == (True, ("95 %", "lived: a.py:1: 1 -> 2"))


def toy(*codes: int) -> Gate:
    """Jobs that end with these statuses."""

    def judge(said: Said) -> Verdict:
        return Verdict(held=said.status == 0, counts={"jobs": 1}, found=() if said.status == 0 else ("no",))

    jobs = [Job(name=f"{i}", command=("tests.release.ending", f"{code}"), judge=judge) for i, code in enumerate(codes)]
    return Gate(name="toy", what="Ends.", full=lambda: jobs, small=lambda: jobs)


def test_what_did_not_hold_is_told_and_run_again_and_what_held_is_not(tmp_path: Path) -> None:
    folder, gate, lines = Folder(tmp_path, small=True), toy(0, 1), list[str]()
    assert not report({gate: gate.full()}, folder, small=True)["held"], "what was not run has not held"
    for run in range(2):
        go_through(gate, gate.full(), folder, lines.append)
        assert len(lines) == 2 + run
        row = report({gate: gate.full()}, folder, small=True)["gates"]["toy"]
        assert (row["held"], row["run"], row["counts"]) == (False, 2, {"jobs": 2})
        assert row["found"] == ["no (again: python -m tests.release.ending 1)"]
        assert "1 DID NOT HOLD" in lines[-1]


def test_a_soak_notices_what_grows() -> None:
    flat = [Sample(100 << 20, 40)] * 12
    assert grown("ann", flat) == []
    fatter = [Sample((100 << 20) + n * GROWTH_BYTES_MAX // 3, 40) for n in range(12)]
    busier = [Sample(100 << 20, 40 + n * MORE_DESCRIPTORS_MAX // 3) for n in range(12)]
    assert "MiB" in grown("ann", fatter)[0]
    assert "descriptors" in grown("ann", busier)[0]
