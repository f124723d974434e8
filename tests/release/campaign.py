"""Runs the jobs of gates and keeps what each came to, so that what was interrupted goes on where it stood.

A job's outcome is a file in a folder named by the code and the size it ran with; other code begins anew. The report is
made from these files alone, so it never says more than was run.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.release.gates import LEFT_OUT, PROJECT, Gate, Job, Said

ROOMS = ("ledger", "protocol", "dpnode", "config", "tests", "scripts")
BAR = 24
FOUND_SHOWN_MAX = 20


def code() -> str:
    """What names the code that is run: a digest of everything in its rooms."""
    found = hashlib.sha256()
    for room in ROOMS:
        for file in sorted((PROJECT / room).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts and "node_modules" not in file.parts:
                found.update(f"{file.relative_to(PROJECT).as_posix()}\n".encode() + file.read_bytes())
    return found.hexdigest()[:16]


class Folder:
    """Where the outcomes lie."""

    def __init__(self, root: Path, *, small: bool) -> None:
        self.path = root / f"{code()}-{'small' if small else 'full'}"

    def _file(self, gate: Gate, job: Job) -> Path:
        return self.path / gate.name / f"{job.name}.json"

    def read(self, gate: Gate, job: Job) -> dict[str, Any] | None:
        """What a job came to, if it was run; one that did not hold is run again."""
        try:
            value: dict[str, Any] = json.loads(self._file(gate, job).read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return value

    def forget(self, jobs: Mapping[Gate, Sequence[Job]]) -> None:
        """These jobs were never run."""
        for gate, of in jobs.items():
            for job in of:
                self._file(gate, job).unlink(missing_ok=True)

    def write(self, gate: Gate, job: Job, outcome: dict[str, Any]) -> None:
        """Whole or not at all."""
        file = self._file(gate, job)
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps(outcome, indent=1), "utf-8")
        beside.replace(file)


def run(job: Job) -> dict[str, Any]:
    """One job in a process of its own."""
    began_s = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [sys.executable, "-m", *job.command],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    verdict = job.judge(Said(status=done.returncode, out=done.stdout, err=done.stderr))
    again = " ".join(("python -m", *job.command))
    return {**asdict(verdict), "seeds": job.seeds, "seconds": round(time.monotonic() - began_s, 1), "again": again}


def go_through(gate: Gate, jobs: Sequence[Job], folder: Folder, show: Callable[[str], None]) -> None:
    """Run what has not been run yet, some side by side."""
    left = [job for job in jobs if not (known := folder.read(gate, job)) or not known["held"]]
    failed, began_s = 0, time.monotonic()
    with ThreadPoolExecutor(gate.at_once) as pool:
        try:
            for job, outcome in _outcomes(pool, left, gate.at_once):
                folder.write(gate, job, outcome)
                failed += not outcome["held"]
                left.remove(job)
                show(_line(gate, len(jobs), len(left), failed, len(jobs) - len(left), time.monotonic() - began_s))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _outcomes(pool: ThreadPoolExecutor, jobs: Sequence[Job], at_once: int) -> Iterator[tuple[Job, dict[str, Any]]]:
    """As they come; no more are begun than run at once, so that an interruption leaves nothing queued."""
    waiting, running = list(jobs), dict[Future[dict[str, Any]], Job]()
    while waiting or running:
        while waiting and len(running) < at_once:
            job = waiting.pop(0)
            running[pool.submit(run, job)] = job
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield running.pop(future), future.result()


def _line(gate: Gate, count: int, left: int, failed: int, done: int, seconds: float) -> str:
    filled = BAR * done // count
    more = f", about {seconds / done * left / 60:.0f} min left" if left else ""
    bad = f", {failed} DID NOT HOLD" if failed else ""
    return f"{gate.name:12} [{'#' * filled}{'.' * (BAR - filled)}] {done} of {count}{bad}{more}"


def report(jobs: dict[Gate, list[Job]], folder: Folder, *, small: bool) -> dict[str, Any]:
    """What the outcomes say."""
    gates = {gate.name: _row(gate, of, folder) for gate, of in jobs.items()}
    return {
        "code": folder.path.name.partition("-")[0],
        "commit": _commit(),
        "size": "small" if small else "full",
        "python": sys.version.split()[0],
        "held": all(row["held"] for row in gates.values()),
        "gates": gates,
        "left_out": LEFT_OUT,
    }


def _row(gate: Gate, jobs: Sequence[Job], folder: Folder) -> dict[str, Any]:
    outcomes = [outcome for job in jobs if (outcome := folder.read(gate, job)) is not None]
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        counts.update(outcome["counts"])
    bad = [outcome for outcome in outcomes if not outcome["held"]]
    seeds = list(dict.fromkeys(outcome["seeds"] for outcome in outcomes if outcome["seeds"]))
    return {
        "what": gate.what,
        "held": len(outcomes) == len(jobs) and not bad,
        "jobs": len(jobs),
        "run": len(outcomes),
        "counts": dict(counts),
        "seeds": seeds if len(seeds) <= 2 else [seeds[0], "...", seeds[-1]],
        "seconds": round(sum(outcome["seconds"] for outcome in outcomes), 1),
        "found": [f"{found} (again: {one['again']})" for one in bad for found in one["found"]][:FOUND_SHOWN_MAX],
        "noted": [noted for outcome in outcomes for noted in outcome["noted"]],
    }


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(asked, cwd=PROJECT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
