"""The newcomer's first command: four daemons, one design, one job, one ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.journeys.nodes import person_environment

FIELDS = {"nodes", "network", "job", "height", "entries", "state_roots", "seconds"}
JOB_FIELDS = {"state", "provider", "price", "quantity", "design", "part"}


def test_the_neighbourhood_ends_with_a_paid_job_and_the_same_ledger_at_every_node(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(project / "scripts" / "neighbourhood.py"), "--json"],
        capture_output=True,
        text=True,
        timeout=240,
        env=person_environment(),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    *told, last = done.stdout.splitlines()
    value = json.loads(last)
    assert value.keys() >= FIELDS
    assert value["job"].keys() >= JOB_FIELDS
    assert len(value["nodes"]) >= 4 and len(value["state_roots"]) == len(value["nodes"])
    assert len(set(value["state_roots"])) == 1
    assert value["job"]["state"] == "done"
    assert value["job"]["part"] and value["job"]["design"] and value["job"]["price"][0]["amount"] > 0
    assert value["height"] > 0 and value["entries"] >= value["height"]
    assert len(told) > 20, "it tells its story as well"


def test_a_design_that_is_not_there_ends_the_neighbourhood_before_it_begins(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(project / "scripts" / "neighbourhood.py"), "--design", "nowhere.toml"],
        capture_output=True,
        text=True,
        timeout=60,
        env=person_environment(),
        check=False,
    )
    assert done.returncode == 2
    assert "nowhere.toml" in done.stderr
