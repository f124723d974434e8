"""Networks of witnesses under every fault at once, and the bugs that such a simulation must find.

Rules kept here: V-3 (true certificates), V-8, V-9, V-12 (votes), V-13 (time), V-14 (evidence), V-15 to V-23 (views,
starts, epochs), P-30, P-31 (ranges), Y-1 to Y-3 (recorded double votes); invariants 1 to 8 of the ledger.
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
from tests.simulation.liars import EARLY_CHILD, TRICKS
from tests.simulation.memo import memoised
from tests.simulation.plants import PLANTS
from tests.simulation.seeds import CODE, FRESH, PAST, Past, fresh
from tests.simulation.simulate import Result, search
from tests.simulation.storms import FAULTS, OF_MEMBERS

PROJECT = Path(__file__).parents[2]
SEEDS = fresh(PROJECT)
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


def only(seed: int, name: str | None = None, faults: frozenset[str] | None = None) -> Result:
    (result,) = search(range(seed, seed + 1), None, faults, None if name is None else PLANTS[name])
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


@pytest.mark.parametrize("past", PAST, ids=lambda past: f"{past.seed} of {len(past.faults)}")
def test_what_once_went_wrong_goes_right(past: Past) -> None:
    again = f"scripts/simulate --seed {past.seed} --faults {','.join(sorted(past.faults))}"
    assert only(past.seed, faults=past.faults).violation == "", f"{past.found}; again: {again}"


def test_the_fresh_seeds_follow_from_the_code_alone(tmp_path: Path) -> None:
    for room in CODE:
        path = tmp_path / room
        (path if path.suffix else path / "rule.py").parent.mkdir(parents=True, exist_ok=True)
        (path if path.suffix else path / "rule.py").write_text("one\n")
    before = fresh(tmp_path)
    (tmp_path / "README.md").write_text("no code\n")
    assert (len(before), fresh(tmp_path)) == (FRESH, before)
    (tmp_path / "ledger" / "rule.py").write_text("two\n")
    assert not set(fresh(tmp_path)) & set(before)


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
    lossless, poor = frozenset(FAULTS) - {"loss"}, frozenset(OF_MEMBERS) | {"loss"}
    storms = [(0, 7, lossless), (1, 7, lossless), (0, 4, poor)]
    with memoised():
        for seed, witnesses, allowed in storms:
            council = Council(seed, witnesses=witnesses, allowed=allowed, always=True)
            council.run()
            ballots, cluster = council.cluster.observer.ballots, council.cluster
            counted = {**cluster.links.happened, **council.storm.happened}
            happened |= {name for name, count in counted.items() if count and name in council.storm.names}
            happened |= {"liar"} if ballots.liars and ballots.doubles else set()
            happened |= {"old-disk"} if ballots.restored else set()
            happened |= {"seats"} if len(ballots.keys) > 1 else set()
            happened |= {"jobs"} if cluster.observer.books.ended else set()
            happened |= {"crooks"} if any(crook.played for crook in council.crooks()) else set()
            happened |= {"new-keys"} if council.keys is not None and council.keys.rekeyed else set()
            happened |= {"crash"} if any(node.incarnation for node in cluster.nodes.values()) else set()
            happened |= {"skew"} if any(node.wrong_ms for node in cluster.nodes.values()) else set()
    assert happened == set(FAULTS)


def test_every_seed_has_all_the_faults_where_that_is_asked(project: Path) -> None:
    done = simulate(project, "--faults", "loss,delay", "--always", "--seeds", "3", "--json")
    assert [json.loads(line)["faults"] for line in done.stdout.splitlines()[:-1]] == 3 * [["delay", "loss"]]


LED_ON_CLOSING = [(seed, "liar seats delay reordering") for seed in (1, 3, 4)]
"""A liar leads the view after a closing block's while that is not final: in some of these it does."""


@pytest.mark.parametrize("trick", TRICKS)
def test_a_liar_really_plays_each_of_its_tricks(trick: str) -> None:
    played = 0
    for seed, faults in LED_ON_CLOSING if trick == EARLY_CHILD else [(2, "liar")]:
        with memoised():
            allowed = frozenset(faults.split())
            council = Council(seed, witnesses=4, allowed=allowed, always=True, tricks=frozenset({trick}))
            council.run()
        played += sum(node.liar.played[trick] for node in council.cluster.nodes.values() if node.liar)
    assert played > 0


def test_the_faults_are_listed_each_with_what_it_is(project: Path) -> None:
    listed = simulate(project, "--faults", "list").stdout.splitlines()
    assert [line.split(": ")[0] for line in listed] == list(FAULTS)
