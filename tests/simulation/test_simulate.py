"""Networks of witnesses under every fault at once, and the bugs that such a simulation must find.

Rules kept here: V-3 (true certificates), V-8, V-9, V-12 (votes), V-13 (time), V-14 (evidence), V-15 to V-23 (views,
starts, epochs), P-30, P-31 (ranges), Y-1 to Y-3 (recorded double votes); invariants 1, 4, 5, 6, 7 and 8 of the ledger.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.council import Council
from tests.simulation.memo import memoised
from tests.simulation.plants import PLANTS
from tests.simulation.simulate import Result, search
from tests.simulation.storms import FAULTS

SEEDS = range(100)
PAST = (8, 114, 116)
"""Seeds that found something once: blocks of several epochs served under one certificate, and an entry told as recorded
that was not on the disk; work that never ended for an entry that had lapsed; a start as the only witness of two."""
PLANTS_LEAST = 12
SAME_SEEDS = 10


def simulate(project: Path, *asked: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation.simulate", *asked],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=project,
        capture_output=True,
        text=True,
        timeout=300,
    )


def only(seed: int, name: str | None = None) -> Result:
    (result,) = search(range(seed, seed + 1), None, None, None if name is None else PLANTS[name])
    return result


@pytest.fixture(scope="module")
def stormed(project: Path) -> dict[int, dict[str, Any]]:
    """What every seed came to: half of them in each of two processes, since a machine has two cores."""
    half = len(SEEDS) // 2
    parts = [("--first", str(first), "--seeds", str(half)) for first in (SEEDS.start, SEEDS.start + half)]
    with ThreadPoolExecutor(len(parts)) as both:
        done = list(both.map(lambda part: simulate(project, *part, "--json"), parts))
    lines = [json.loads(line) for one in done for line in one.stdout.splitlines()]
    return {line["seed"]: line for line in lines if "seed" in line}


@pytest.mark.parametrize("seed", SEEDS)
def test_witnesses_agree_on_one_ledger_whatever_befalls_them(seed: int, stormed: dict[int, dict[str, Any]]) -> None:
    assert stormed[seed]["violation"] == "", f"again: scripts/simulate --seed {seed}"


@pytest.mark.parametrize("seed", [seed for seed in PAST if seed not in SEEDS])
def test_what_once_went_wrong_goes_right(seed: int) -> None:
    assert only(seed).violation == "", f"again: scripts/simulate --seed {seed}"


@pytest.mark.parametrize("name", PLANTS)
def test_a_bug_in_the_agreement_is_found_on_its_seed(name: str) -> None:
    assert only(PLANTS[name].seed, name).violation


def test_there_are_enough_planted_bugs_and_each_says_what_it_is(project: Path) -> None:
    listed = simulate(project, "--list-plants").stdout.splitlines()
    assert listed == list(PLANTS)
    assert len(listed) >= PLANTS_LEAST
    assert all(plant.what.endswith(".") for plant in PLANTS.values())


def test_the_same_seed_is_the_same_history_under_another_hash_seed(project: Path) -> None:
    one, two = (simulate(project, "--seeds", str(SAME_SEEDS), "--json", hash_seed=seed).stdout for seed in "12")
    traces = [json.loads(line)["trace"] for line in one.splitlines()[:-1]]
    assert len(set(traces)) == SAME_SEEDS
    assert one.splitlines()[:-1] == two.splitlines()[:-1]


def test_a_violation_is_told_with_how_to_see_it_again(project: Path) -> None:
    name = "quorum-one-too-small"
    said = simulate(project, "--plant", name, "--first", str(PLANTS[name].seed))
    assert said.returncode == 1
    assert f"scripts/simulate --seed {PLANTS[name].seed} --plant {name}" in said.stderr


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--faults", "rain"), "there is no fault rain"),
        (("--plant", "none"), "there is no planted bug none"),
        (("--witnesses", "99"), "1 to 8 witnesses"),
        (("--seeds", "0"), "at least one seed"),
    ],
)
def test_a_wrong_command_line_is_refused_with_a_sentence(project: Path, asked: tuple[str, str], said: str) -> None:
    done = simulate(project, *asked)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_without_faults_nothing_breaks_and_nobody_is_suspected(project: Path) -> None:
    done = simulate(project, "--faults", "none", "--seeds", "3", "--witnesses", "4", "--json")
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["faults"] for result in results[:-1]] == [[], [], []]
    assert results[-1]["failed"] == []


def test_every_fault_really_happens() -> None:
    """A simulation whose faults never happen would pass for ever."""
    happened: set[str] = set()
    with memoised():
        for seed in range(2):
            council = Council(seed, witnesses=7, allowed=frozenset(FAULTS) - {"loss"}, always=True)
            council.run()
            ballots, cluster = council.cluster.observer.ballots, council.cluster
            happened |= {name for name, count in council.storm.happened.items() if count}
            happened |= {"liar"} if ballots.liars and ballots.doubles else set()
            happened |= {"old-disk"} if ballots.restored else set()
            happened |= {"seats"} if len(ballots.keys) > 1 else set()
            happened |= {"crash"} if any(node.incarnation for node in cluster.nodes.values()) else set()
    timed = {"partition", "one-way", "blackout", "old-database", "old-disk", "jump"}
    assert happened == {*timed, "liar", "seats", "crash"}
