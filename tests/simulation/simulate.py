"""Runs seeds of whole networks under faults and says what broke: the program behind `scripts/simulate`.

Each seed is a network of its own with everything drawn from the number: how many witnesses, which faults, what people
do. The exit status is 0 where every seed held, 1 where a rule was broken (with --plant: the bug was found), 2 for a
wrong command line, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from ledger.errors import LocalError
from tests.simulation.council import Council
from tests.simulation.memo import memoised, patched
from tests.simulation.plant import Plant
from tests.simulation.plants import PLANTS
from tests.simulation.storms import FAULTS

SHOWN_EVERY_S = 2.0
SEEDS = 100
WITNESSES_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one seed."""

    seed: int
    violation: str
    """Empty where every rule held."""
    witnesses: int
    machines: int
    faults: tuple[str, ...]
    height: int
    epoch: int
    simulated_ms: int
    frames: int
    trace: str
    """Hash of everything that happened: the same wherever the seed runs."""


def run_seed(
    seed: int,
    witnesses: int | None,
    allowed: frozenset[str] | None,
    *,
    always: bool = False,
    machines: int | None = None,
    tricks: frozenset[str] | None = None,
    crooked: frozenset[str] | None = None,
) -> Result:
    """One seed from beginning to end."""
    council = Council(
        seed,
        witnesses=witnesses,
        allowed=allowed,
        always=always,
        machines=machines,
        tricks=tricks,
        crooked=crooked,
    )
    violation = ""
    try:
        council.run()
    except (AssertionError, LocalError) as problem:
        violation = str(problem) or f"an assertion of the core failed: {problem!r}"
    cluster = council.cluster
    head = max((node.parts.core.chain.head for node in council.honest()), key=lambda one: one.height)
    return Result(
        seed=seed,
        violation=violation,
        witnesses=council.n,
        machines=len(cluster.nodes),
        faults=tuple(sorted(council.storm.names)),
        height=head.height,
        epoch=head.epoch,
        simulated_ms=cluster.now_ms,
        frames=cluster.links.carried,
        trace=cluster.trace.hexdigest(),
    )


@contextmanager
def planted(plant: Plant | None) -> Iterator[None]:
    """With a bug in the cores, or none."""
    with patched() as patch:
        if plant is not None:
            plant.put(patch)
        yield


def search(
    seeds: range,
    witnesses: int | None,
    allowed: frozenset[str] | None,
    plant: Plant | None = None,
    *,
    always: bool = False,
    machines: int | None = None,
) -> Iterator[Result]:
    """Seed after seed; a planted bug brings its own faults where none are asked for."""
    always |= plant is not None and plant.faults is not None and allowed is None
    tricks = crooked = None
    if plant is not None:
        tricks, crooked = plant.tricks, plant.crooked
        witnesses = plant.witnesses if witnesses is None else witnesses
        allowed = plant.faults if allowed is None else allowed
    for seed in seeds:
        with memoised(), planted(plant):
            result = run_seed(
                seed, witnesses, allowed, always=always, machines=machines, tricks=tricks, crooked=crooked
            )
        yield result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/simulate", description="Run whole networks under faults, each drawn from a seed."
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"how many; {SEEDS} unless told")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first of them")
    parser.add_argument("--seed", type=int, metavar="S", help="replay this one")
    parser.add_argument("--witnesses", type=int, metavar="n", help=f"1 to {WITNESSES_MAX}; drawn unless told")
    parser.add_argument(
        "--faults", default="all", metavar="LIST", help="all, none, list (says what there is), or names"
    )
    parser.add_argument("--always", action="store_true", help="every seed has all of those faults, not a few of them")
    parser.add_argument("--plant", metavar="NAME", help="put a known bug in, and stop at the first seed that finds it")
    parser.add_argument("--list-plants", action="store_true", help="name the bugs, one a line")
    parser.add_argument("--json", action="store_true", help="one object a seed, and one of all in the end")
    return parser


def _allowed(parser: argparse.ArgumentParser, said: str) -> frozenset[str] | None:
    if said == "all":
        return None
    names = frozenset(name.strip() for name in said.split(",") if name.strip() and said != "none")
    if unknown := sorted(names - set(FAULTS)):
        parser.error(f"there is no fault {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    return names


def _seeds(count: int) -> str:
    return "seed" if count == 1 else "seeds"


def _again(result: Result, asked: argparse.Namespace) -> str:
    more = [f"--{name} {getattr(asked, name)}" for name in ("witnesses", "plant") if getattr(asked, name) is not None]
    if asked.faults != "all":
        more.append(f"--faults {asked.faults}")
    if asked.always:
        more.append("--always")
    return " ".join(["scripts/simulate", f"--seed {result.seed}", *more])


def main() -> int:
    """Run the command line."""
    parser = _parser()
    asked = parser.parse_args()
    if asked.list_plants:
        print("\n".join(PLANTS))
        return 0
    if asked.faults == "list":
        print("\n".join(f"{name}: {what}" for name, what in FAULTS.items()))
        return 0
    if asked.plant is not None and asked.plant not in PLANTS:
        parser.error(f"there is no planted bug {asked.plant}; --list-plants names them")
    if asked.witnesses is not None and not 1 <= asked.witnesses <= WITNESSES_MAX:
        parser.error(f"a network here has 1 to {WITNESSES_MAX} witnesses")
    if asked.seeds < 1:
        parser.error("at least one seed")
    seeds = range(asked.first, asked.first + asked.seeds) if asked.seed is None else range(asked.seed, asked.seed + 1)
    plant = None if asked.plant is None else PLANTS[asked.plant]
    try:
        allowed = _allowed(parser, asked.faults)
        return _run(asked, search(seeds, asked.witnesses, allowed, plant, always=asked.always), len(seeds))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _run(asked: argparse.Namespace, results: Iterator[Result], count: int) -> int:
    began_s = shown_s = time.monotonic()
    failed: list[Result] = []
    done = simulated_ms = 0
    for result in results:
        done += 1
        simulated_ms += result.simulated_ms
        if asked.json:
            print(json.dumps(asdict(result)), flush=True)
        if result.violation:
            failed.append(result)
            print(f"seed {result.seed}: {result.violation}\n    again: {_again(result, asked)}", file=sys.stderr)
            if asked.plant is not None:
                break
        if time.monotonic() - shown_s >= SHOWN_EVERY_S:
            shown_s = time.monotonic()
            print(f"  {done:,} of {count:,} seeds", file=sys.stderr, flush=True)
    took_s = time.monotonic() - began_s
    found = [result.seed for result in failed]
    if asked.json:
        summary = {"seeds": done, "failed": found, "simulated_ms": simulated_ms, "took_s": round(took_s, 1)}
        print(json.dumps(summary))
    else:
        verdict = f"violations in {_seeds(len(found))} {', '.join(map(str, found))}" if found else "no violation"
        took = f"{simulated_ms / 60_000:,.0f} simulated minutes in {took_s:,.0f} s"
        print(f"{done:,} {_seeds(done)}, {took}: {verdict}")
    if asked.plant is not None and not found:
        print(f"{PLANTS[asked.plant].what} It was not found.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
