"""The gates of a release: each a table row, its work cut into jobs that run the same programs as every other run does.

A job is one command. It holds where the program's own exit status and what it printed say so; what it printed is
counted and kept. Nothing here checks anything itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.harnesses import HARNESSES
from tests.simulation.plants import PLANTS
from tests.simulation.seeds import FRESH, fresh

PROJECT = Path(__file__).resolve().parents[2]
LEFT_OUT: dict[str, str] = {}
"""Rows of the plan for which there is no gate, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a finished program left behind."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a job came to."""

    held: bool
    counts: Mapping[str, int]
    found: tuple[str, ...] = ()
    """What did not hold, and how to see it again."""
    noted: tuple[str, ...] = ()
    """What is worth reading though it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of one program, by modules of this Python."""

    name: str
    command: tuple[str, ...]
    judge: Callable[[Said], Verdict]
    seeds: str = ""
    """Which it used, for the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One row: what must hold, and the jobs that show it."""

    name: str
    what: str
    """With the numbers of the full size."""
    full: Callable[[], list[Job]] = field(repr=False)
    small: Callable[[], list[Job]] = field(repr=False)
    at_once: int = 2
    """Jobs that may run side by side."""


# -- how a program says that it held


def _lines(said: Said) -> list[str]:
    return (said.err.strip() or said.out.strip()).splitlines()


def _failed(said: Said) -> Verdict:
    last = _lines(said)[-8:]
    return Verdict(held=False, counts={}, found=(f"exit status {said.status}: " + " | ".join(last),))


def _summary(said: Said) -> dict[str, object] | None:
    """The JSON object a program ends with."""
    try:
        value = json.loads(said.out.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def passed(said: Said) -> Verdict:
    """Every test passed; one that was skipped has shown nothing."""
    tail = said.out.strip().splitlines()[-1:] or [""]
    counted = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)", tail[0])}
    if said.status != 0 or not counted.get("passed"):
        found = [line for line in said.out.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return Verdict(held=False, counts=counted, found=tuple(found) or _failed(said).found)
    skipped = [line for line in said.out.splitlines() if line.startswith("SKIPPED")]
    return Verdict(held=not skipped, counts=counted, found=tuple(skipped))


def simulated(said: Said) -> Verdict:
    """No seed broke a rule."""
    summary = _summary(said)
    if summary is None or said.status not in (0, 1):
        return _failed(said)
    failed = summary["failed"]
    assert isinstance(failed, list)
    told = [line.strip() for line in said.err.splitlines() if not re.match(r"\s*[\d,]+ of ", line)]
    counts = {"seeds": int(str(summary["seeds"])), "failed": len(failed)}
    return Verdict(held=said.status == 0 and not failed, counts=counts, found=tuple(told if failed else ()))


def bitten(said: Said) -> Verdict:
    """The planted bug was found."""
    summary = _summary(said)
    if summary is None or said.status not in (0, 1):
        return _failed(said)
    failed = summary["failed"]
    assert isinstance(failed, list)
    counts = {"plants": 1, "found": len(failed), "seeds": int(str(summary["seeds"]))}
    return Verdict(held=bool(failed), counts=counts, found=() if failed else (_lines(said)[-1],))


def campaigned(*names: str) -> Callable[[Said], Verdict]:
    """No fault in a campaign's report; `names` are what is counted in it."""

    def judge(said: Said) -> Verdict:
        summary = _summary(said)
        if summary is None:
            return _failed(said)
        faults = summary["faults"]
        assert isinstance(faults, list)
        rows = summary.get("campaigns", [summary])
        assert isinstance(rows, list)
        counts = {name: sum(int(row[name]) for row in rows) for name in names}
        return Verdict(held=said.status == 0 and not faults, counts=counts, found=tuple(map(str, faults)))

    return judge


def fuzzed(said: Said) -> Verdict:
    """Nothing but what a decoder may say came out of it; some inputs were accepted."""
    own = re.search(r"(\d+) runs, (\d+) taken", said.out)
    led = re.search(r"Done (\d+) (?:runs )?in", said.err)
    if said.status != 0 or not (own or led):
        return _failed(said)
    counts = {"runs": int((own or led or [0, 0])[1])}
    taken = int(own[2]) if own else None
    found = () if taken is None or taken else ("no input was accepted, so nothing behind the first check was reached",)
    return Verdict(held=not found, counts=counts if taken is None else {**counts, "taken": taken}, found=found)


def mutated(said: Said) -> Verdict:
    """Enough mutants were killed; those that were not are noted one by one."""
    summary = _summary(said)
    if summary is None or said.status not in (0, 1):
        return _failed(said)
    faults, lived, told = summary["faults"], summary.get("survivors", []), summary.get("said", "")
    assert isinstance(faults, list) and isinstance(lived, list)
    counts = {name: int(str(summary[name])) for name in ("mutants", "killed")}
    held = said.status == 0 and not faults and counts["mutants"] > 0
    noted = (*([f"{told}"] if told else []), *(f"lived: {one}" for one in lived))
    return Verdict(held=held, counts=counts, found=tuple(map(str, faults)), noted=noted)


# -- jobs


def _pytest(name: str, *arguments: str, seeds: str = "") -> Job:
    quiet = ("-q", "-rs", "-p", "no:cacheprovider")
    return Job(name=name, command=("pytest", *quiet, *arguments), judge=passed, seeds=seeds)


def simulating(count: int, chunk: int, *more: str) -> list[Job]:
    """So many seeds from the first that follows from the code."""
    start = fresh(PROJECT).start
    return [
        Job(
            name=f"{first}",
            command=("tests.simulation.simulate", "--first", f"{first}", "--seeds", f"{chunk}", "--json", *more),
            judge=simulated,
            seeds=f"{first} to {first + chunk - 1}",
        )
        for first in range(start, start + count, chunk)
    ]


def lying(count: int, chunk: int) -> list[Job]:
    """Mixes with as many liars as there may be, among four and among seven."""
    storm = ("--faults", "liar,delay,duplication,reordering,unsaid,seats", "--always")
    jobs = [simulating(count // 2, chunk, "--witnesses", n, *storm) for n in ("4", "7")]
    return [
        Job(name=f"{n}-{job.name}", command=job.command, judge=job.judge, seeds=job.seeds)
        for n, part in zip("47", jobs, strict=True)
        for job in part
    ]


def biting(names: list[str]) -> list[Job]:
    """Each planted bug within a hundred fresh seeds."""
    start = fresh(PROJECT).start
    return [
        Job(
            name=name,
            command=(
                *("tests.simulation.simulate", "--plant", name),
                *("--first", f"{start}", "--seeds", f"{FRESH}", "--json"),
            ),
            judge=bitten,
            seeds=f"from {start} until found, {FRESH} at most",
        )
        for name in names
    ]


def campaigning(module: str, what: str, count: int, chunk: int, *counted: str) -> list[Job]:
    """`count` cuts or kills in campaigns of `chunk`, each with a seed of its own."""
    return [
        Job(
            name=f"{seed}",
            command=(module, f"--{what}", f"{chunk}", "--seed", f"{seed}", "--json"),
            judge=campaigned(*counted),
            seeds=f"{seed}",
        )
        for seed in range(1, count // chunk + 1)
    ]


MODELS = ("tests/ledger/operations/test_money_model.py", "tests/ledger/operations/test_work_machine.py")
STORE_MODEL = "tests/dpnode/store/test_model.py"


def modelling(times: int) -> list[Job]:
    """The stateful models, each time with other dice."""
    return [
        _pytest(f"{n}", *MODELS, STORE_MODEL, f"--hypothesis-seed={n}", seeds=f"hypothesis {n}")
        for n in range(1, times + 1)
    ]


def fuzzing(names: list[str], times: int, runs: int, seconds: int, *more: str) -> list[Job]:
    """Each decoder, `times` campaigns of `runs` or `seconds`, whichever is over first."""
    return [
        Job(
            name=f"{name}-{seed}",
            command=("tests.fuzz", name, "--runs", f"{runs}", "--seconds", f"{seconds}", "--seed", f"{seed}", *more),
            judge=fuzzed,
            seeds=f"{seed}",
        )
        for name in names
        for seed in range(1, times + 1)
    ]


MUTATED = ("codec", "keys", "consensus", "store", "ledger", "operations")
"""The rooms of tests.release.mutation, the quick ones first."""


def mutating(rooms: tuple[str, ...], sample: int, *more: str) -> list[Job]:
    """A sample of the mutants of each room, or all of them where there are no more."""
    return [
        Job(
            name=room,
            command=(
                *("tests.release.mutation", "--room", room, "--sample", f"{sample}"),
                *("--seed", "1", "--json", *more),
            ),
            judge=mutated,
            seeds="1",
        )
        for room in rooms
    ]


def weakly_tested() -> Job:
    """A project known to be tested weakly is found so."""
    command = ("tests.release.mutation", "--planted", "--json")
    return Job(name="planted", command=command, judge=campaigned("planted_survivors"))


def soaking(minutes: str, every_s: str) -> list[Job]:
    """Seven daemons for so long, a kill every so many seconds."""
    command = ("tests.release.soak", "--minutes", minutes, "--every", every_s, "--seed", "1", "--json")
    return [Job(name=f"{minutes}-minutes", command=command, judge=campaigned("kills", "payments"), seeds="1")]


def on_bad_lines(*cases: str) -> list[Job]:
    """Daemons on machines of their own; a case that cannot run here has shown nothing."""
    commands = [("tests.release.real_network", case, "--json") for case in cases]
    return [Job(name=command[1], command=command, judge=campaigned("payments"), seeds="1") for command in commands]


CUTS, KILLS = "tests.dpnode.store.power_cuts", "tests.journeys.kills"
AGAIN = "what_once_went_wrong or under_another_hash_seed or is_found_on_its_seed"
GATES = {
    gate.name: gate
    for gate in (
        Gate(
            name="past",
            what="Every seed that ever found something, equal histories under two hash seeds, planted bugs on theirs.",
            full=lambda: [_pytest("past", "tests/simulation", "-k", AGAIN)],
            small=lambda: [_pytest("past", "tests/simulation/test_simulate.py", "-k", "what_once_went_wrong")],
        ),
        Gate(
            name="simulation",
            what="20,000 fresh seeds of whole networks: no rule broken, all one within 120 s of healing.",
            full=lambda: simulating(20_000, 100),
            small=lambda: simulating(8, 4),
        ),
        Gate(
            name="liars",
            what="2,000 mixes with as many lying witnesses as there may be, among four and among seven.",
            full=lambda: lying(2_000, 50),
            small=lambda: lying(4, 2),
        ),
        Gate(
            name="teeth",
            what="Each planted bug is found again within 100 fresh seeds.",
            full=lambda: biting(list(PLANTS)),
            small=lambda: biting(list(PLANTS)[:2]),
        ),
        Gate(
            name="power-cuts",
            what="100,000 power cuts each of ledgers, vote journals and whole witnesses: nothing lost or contradicted.",
            full=lambda: campaigning(CUTS, "cuts", 100_000, 1_000, "cuts"),
            small=lambda: campaigning(CUTS, "cuts", 40, 20, "cuts"),
        ),
        Gate(
            name="disk-faults",
            what="EIO and a full disk at every site of the commit path, and in a running daemon.",
            full=lambda: [
                _pytest("store", "tests/dpnode/store/test_disk_faults.py"),
                _pytest("daemon", "tests/journeys/test_full_disk.py", "tests/journeys/test_damage.py"),
            ],
            small=lambda: [_pytest("store", "tests/dpnode/store/test_disk_faults.py")],
            at_once=1,
        ),
        Gate(
            name="kills",
            what="2,000 kill -9 of real daemons while entries flow: nothing acknowledged is lost.",
            full=lambda: campaigning(KILLS, "kills", 2_000, 100, "kills", "while_starting", "final", "recorded"),
            small=lambda: campaigning(KILLS, "kills", 4, 4, "kills", "while_starting", "final", "recorded"),
            at_once=1,
        ),
        Gate(
            name="models",
            what="The stateful models, 10,000 examples of 40 steps each at least: 50 times what every run does.",
            full=lambda: modelling(250),
            small=lambda: [_pytest("1", MODELS[0], "--hypothesis-seed=1", seeds="hypothesis 1")],
        ),
        Gate(
            name="fuzz",
            what="Every decoder, an hour of bytes nobody meant (or 100 million).",
            full=lambda: fuzzing(list(HARNESSES), 2, 50_000_000, 1_800),
            small=lambda: fuzzing(["canonical", "message"], 1, 500, 10, "--own"),
        ),
        Gate(
            name="attacks",
            what="Every named attack with a raw hostile peer.",
            full=lambda: [_pytest("attacks", "tests/attacks")],
            small=lambda: [_pytest("attacks", "tests/attacks/test_core_frames.py")],
        ),
        Gate(
            name="vectors",
            what="Golden vectors, and a second reader of exports, certificates and proofs in another language.",
            full=lambda: [_pytest("vectors", "tests/vectors", "tests/second_reader")],
            small=lambda: [_pytest("vectors", "tests/vectors")],
        ),
        Gate(
            name="journeys",
            what="Real daemons and sockets on loopback.",
            full=lambda: [_pytest("journeys", "tests/journeys")],
            small=lambda: [_pytest("journeys", "tests/journeys/test_words_of_others.py")],
            at_once=1,
        ),
        Gate(
            name="mutation",
            what="200 mutants each of six rooms: 90 % at least are killed by the room's own tests, the rest are named.",
            full=lambda: [weakly_tested(), *mutating(MUTATED, 200)],
            small=lambda: [weakly_tested(), *mutating(("keys",), 5, "--least", "50")],
        ),
        Gate(
            name="real-network",
            what="Daemons in network namespaces: loss, a slow line, partition and heal, a member behind a router.",
            full=lambda: on_bad_lines("loss", "slow", "partition", "nat"),
            small=lambda: on_bad_lines("loss"),
            at_once=1,
        ),
        Gate(
            name="soak",
            what="Seven daemons, eight hours, a kill a minute: memory and descriptors flat, logs bounded, all kept.",
            full=lambda: soaking("480", "60"),
            small=lambda: soaking("1", "12"),
            at_once=1,
        ),
    )
}
"""By name, the quick ones first."""
