"""Whether a room's own tests notice a small mistake in it: a sample of mutants, each run against these tests.

It works in a copy of the project, never in the checkout, and begins with the copy as it is: where its tests do not
pass, or do not run, nothing could be said of mutants. A mutant is killed where the tests fail, or take several times
as long as they do without it. Interrupted, it goes on with the mutants that are left; once the room is through, what
it kept of single mutants goes.

    python -m tests.release.mutation --room codec --sample 200 --least 90
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.release.campaign import code
from tests.release.gates import PROJECT
from tests.release.mutants import Mutant, mutants
from tests.release.toll import toll_street

KEPT = PROJECT / "build" / "release" / "mutants"
TIMES_LONGER, LONGER_S = 4, 15
"""What a mutant's tests may take: so many times what they take without it, and so much more."""
MEMORY_BYTES_MAX = 4 << 30
LEFT_BEHIND = (".git", ".venv", "build", "node_modules", "__pycache__", ".hypothesis", ".*_cache", ".coverage*")
CERTAIN = 1.96
"""Standard deviations on both sides of the middle: 95 in 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is mutated, and the tests that must notice."""

    files: tuple[str, ...]
    """Globs from the top of the project."""
    tests: tuple[str, ...]
    without: tuple[str, ...] = ()


CODEC, KEYS = ("ledger/canonical.py", "ledger/form.py"), ("ledger/keys.py",)
FOLD_TESTS = ("tests/ledger", "--ignore=tests/ledger/consensus")
ROOMS: Mapping[str, Room] = {
    "codec": Room(files=CODEC, tests=("tests/ledger/test_canonical.py", "tests/ledger/test_form.py")),
    "keys": Room(files=KEYS, tests=("tests/ledger/test_keys.py",)),
    "consensus": Room(files=("ledger/consensus/*.py",), tests=("tests/ledger/consensus",)),
    # The quick ones first: pytest runs what is named twice once.
    "store": Room(files=("dpnode/store/*.py",), tests=("tests/dpnode/store/test_store.py", "tests/dpnode/store")),
    "ledger": Room(files=("ledger/*.py",), tests=FOLD_TESTS, without=(*CODEC, *KEYS)),
    "operations": Room(files=("ledger/operations/*.py",), tests=FOLD_TESTS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A mutant and the file it is one of."""

    file: str
    mutant: Mutant

    @property
    def key(self) -> str:
        """What it is kept by: two mutants of one line may read alike."""
        return hashlib.sha256(f"{self.file}\n{self.mutant.source}".encode()).hexdigest()[:32]

    def __str__(self) -> str:
        return f"{self.file}:{self.mutant.line}: {self.mutant.what}"


class NothingSaid(Exception):
    """The room's tests do not pass as it stands: its mutants would all look killed."""


def population(root: Path, room: Room, only: Sequence[str] = ()) -> list[Placed]:
    """Every mutant of a room, or of these files of it, in one order."""
    files = sorted({path.relative_to(root).as_posix() for glob in room.files for path in root.glob(glob)})
    wanted = [file for file in files if file not in room.without and (not only or file in only)]
    return [Placed(file=file, mutant=mutant) for file in wanted for mutant in mutants((root / file).read_text("utf-8"))]


def sampled(of: Sequence[Placed], count: int, seed: int) -> list[Placed]:
    """So many of them, or all where there are no more; 0: all. Each is as likely as every other."""
    return list(of) if not 0 < count < len(of) else random.Random(seed).sample(of, count)


def margin_points(killed: int, run: int, of: int) -> float:
    """How far the whole may be from the sample, in points of a hundred, at 95 in 100; 0 where all were run.

    Wilson's interval, half its width, narrowed by how much of the whole the sample is.
    """
    if run == of:
        return 0.0
    share, square = killed / run, CERTAIN**2
    half = CERTAIN / (1 + square / run) * math.sqrt(share * (1 - share) / run + square / (4 * run * run))
    return 100 * half * math.sqrt((of - run) / (of - 1))


# -- one copy of the project


class Copy:
    """The project once more, where one file at a time is wrong."""

    def __init__(self, root: Path, room: Room, *, longer_s: float = LONGER_S) -> None:
        self._root, self._room = root, room
        self._most_s = TIMES_LONGER * self._as_it_is() + longer_s

    def _tests(self, most_s: float | None, *, remember: bool = False) -> int | None:
        """The exit status of the room's tests; None where they took too long."""
        quiet = ("-q", "-x", "-p", "no:cacheprovider", "--hypothesis-seed=1", *self._room.tests)
        environment = {name: value for name, value in os.environ.items() if name != "CI"}
        if not remember:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        with subprocess.Popen(
            [sys.executable, "-m", "pytest", *quiet],
            cwd=self._root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
            try:
                return process.wait(most_s)
            except subprocess.TimeoutExpired:
                return None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def _as_it_is(self) -> float:
        """How long the tests take; raises `NothingSaid` where they do not pass without a mutant."""
        began_s = time.monotonic()
        status = self._tests(None, remember=True)
        if status != 0:
            raise NothingSaid(f"unchanged, {' '.join(self._room.tests)} end with {status}: mend these first")
        return time.monotonic() - began_s

    def killed(self, placed: Placed) -> bool:
        """Whether the tests notice this one."""
        file = self._root / placed.file
        was = file.read_bytes()
        # Python believes compiled bytes by the second: those of the right file must not stand for the wrong one.
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
            compiled.unlink()
        file.write_text(placed.mutant.source, "utf-8")
        try:
            return self._tests(self._most_s) != 0
        finally:
            file.write_bytes(was)


# -- a room


def survivors(root: Path, room: Room, chosen: Sequence[Placed], kept: Path | None = None) -> Iterator[Placed]:
    """Those of `chosen` that the tests do not notice; what a mutant came to is kept until all are through."""
    known: dict[str, bool] = {}
    if kept is not None and kept.exists():
        known = {row["key"]: row["killed"] for row in map(json.loads, kept.read_text("utf-8").splitlines())}
    with tempfile.TemporaryDirectory() as folder:
        copy = None
        for number, placed in enumerate(chosen, 1):
            if placed.key not in known:
                copy = copy or Copy(_copied(root, Path(folder) / "project"), room)
                known[placed.key] = copy.killed(placed)
                if kept is not None:
                    _keep(kept, placed, killed=known[placed.key])
            print(f"{number} of {len(chosen)}", file=sys.stderr, flush=True)
            if not known[placed.key]:
                yield placed
    if kept is not None:
        kept.unlink(missing_ok=True)


def _copied(root: Path, to: Path) -> Path:
    shutil.copytree(root, to, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    return to


def _keep(file: Path, placed: Placed, *, killed: bool) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as kept:
        kept.write(json.dumps({"key": placed.key, "mutant": f"{placed}", "killed": killed}) + "\n")


def planted() -> dict[str, object]:
    """A small project of its own: good tests must kill every mutant of it, weak ones must not."""
    with tempfile.TemporaryDirectory() as folder:
        root = toll_street(Path(folder))
        room = Room(files=("toll.py",), tests=("test_toll.py",))
        chosen = population(root, room)
        good = [f"{one}" for one in survivors(root, room, chosen)]
        weak = [f"{one}" for one in survivors(root, replace(room, tests=("test_toll_weakly.py",)), chosen)]
    faults = [f"good tests did not notice {one}" for one in good]
    if not 0 < len(weak) < len(chosen):
        faults.append(f"weak tests let {len(weak)} of {len(chosen)} mutants live: some, not all, was expected")
    return {"planted_survivors": len(weak), "faults": faults}


def campaign(asked: argparse.Namespace) -> dict[str, object]:
    """One room."""
    room = ROOMS[asked.room]
    everything = population(PROJECT, room, asked.file)
    chosen = sampled(everything, asked.sample, asked.seed)
    if not chosen:
        return {"mutants": 0, "killed": 0, "faults": ["there is no such file in this room"]}
    only = "-".join(Path(file).stem for file in asked.file)
    kept = KEPT / f"{code()}-{asked.room}-{only}-{asked.sample}-{asked.seed}.jsonl"
    lived = [f"{one}" for one in survivors(PROJECT, room, chosen, kept)]
    run, killed = len(chosen), len(chosen) - len(lived)
    said = f"{asked.room}: {100 * killed / run:.1f} % of {run} mutants killed"
    said += f", of all {len(everything)} within {margin_points(killed, run, len(everything)):.1f} points of that"
    faults = [] if 100 * killed >= asked.least * run else [f"{said}; {asked.least} % at least must be"]
    return {"mutants": run, "killed": killed, "of": len(everything), "said": said, "survivors": lived, "faults": faults}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one room; 0 where enough were killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.release.mutation", description="Mutants of a room.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--room", choices=ROOMS)
    what.add_argument("--planted", action="store_true", help="a project that is known to be weak must be found so")
    parser.add_argument("--file", action="append", default=[], help="this file of the room; repeat for more")
    parser.add_argument("--sample", type=int, default=200, metavar="N", help="mutants, drawn by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least", type=int, default=90, metavar="PER CENT", help="that must be killed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    try:
        told = planted() if given.planted else campaign(given)
    except NothingSaid as fault:
        told = {"mutants": 0, "killed": 0, "faults": [f"{fault}"]}
    print(json.dumps(told) if given.json else "\n".join(f"{name}: {value}" for name, value in told.items()))
    return 1 if told["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
