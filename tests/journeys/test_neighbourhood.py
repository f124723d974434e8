"""The newcomer's first command: four daemons, one design, one job, one ledger; also with a dead witness."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.nodes import person_environment

FIELDS = {"nodes", "network", "job", "height", "entries", "state_roots", "seconds"}
JOB_FIELDS = {"state", "provider", "price", "quantity", "design", "part"}


def neighbourhood(project: Path, *arguments: str, within_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(project / "scripts" / "neighbourhood.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=within_s,
        env=person_environment(),
        stdin=subprocess.DEVNULL,
        check=False,
    )


def held(done: subprocess.CompletedProcess[str]) -> tuple[list[str], dict[str, Any]]:
    """What a run told, and its result, which must be that of a paid job and one ledger."""
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    *told, last = done.stdout.splitlines()
    value = json.loads(last)
    assert value.keys() >= FIELDS
    assert value["job"].keys() >= JOB_FIELDS
    assert len(value["nodes"]) >= 4 and len(value["state_roots"]) == len(value["nodes"])
    assert len(set(value["state_roots"])) == 1
    assert value["job"]["state"] == "done"
    return told, value


def test_the_neighbourhood_ends_with_a_paid_job_and_the_same_ledger_at_every_node(project: Path) -> None:
    told, value = held(neighbourhood(project, "--json", within_s=240))
    assert (value["witnesses"], value["killed"]) == (1, None)
    assert value["job"]["part"] and value["job"]["design"] and value["job"]["price"][0]["amount"] > 0
    assert value["height"] > 0 and value["entries"] >= value["height"]
    assert len(told) > 20, "it tells its story as well"


def test_a_job_is_paid_while_one_of_four_witnesses_is_dead_and_it_catches_up_afterwards(project: Path) -> None:
    """V-2, G-4: the seats are voted and accepted by the commands that README names."""
    told, value = held(neighbourhood(project, "--witnesses", "4", "--kill-one", "--json", within_s=300))
    assert value["witnesses"] == 4
    assert value["killed"] in value["nodes"] and value["killed"] != "customer"
    assert any("4 witnesses: keeps going with any one down or lying." in line for line in told)
    killed, paid, again = (
        next(i for i, line in enumerate(told) if said in line)
        for said in ("kill -9", "the money is paid", "starts again; it missed")
    )
    assert killed < paid < again


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--witnesses", "0"), "--witnesses is from 1 to 7, not 0"),
        (("--witnesses", "8"), "--witnesses is from 1 to 7, not 8"),
        (("--kill-one",), "--kill-one needs --witnesses 4 or more, not 1"),
        (("--witnesses", "3", "--kill-one"), "--kill-one needs --witnesses 4 or more, not 3"),
    ],
)
def test_witnesses_that_cannot_be_are_refused_with_what_their_number_means(
    project: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = neighbourhood(project, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "n witnesses keep going with f = (n - 1) // 3 of them down or lying" in done.stderr


def test_a_design_that_is_not_there_ends_the_neighbourhood_before_it_begins(project: Path) -> None:
    done = neighbourhood(project, "--design", "nowhere.toml")
    assert done.returncode == 2
    assert "nowhere.toml" in done.stderr
