"""Fuzzes the decoders by name, with atheris where it can be imported and with our own mutations elsewhere.

Started by scripts/fuzz. A find is printed with its bytes; put them into a test before mending.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fuzz.harnesses import HARNESSES, Harness
from tests.fuzz.mutation import mutant


def main() -> int:
    """Run one harness, or each in turn."""
    reading = argparse.ArgumentParser(prog="scripts/fuzz", description="Throw strangers' bytes at the decoders.")
    reading.add_argument("name", nargs="*", metavar="NAME", help=f"of {', '.join(HARNESSES)}; all by default")
    reading.add_argument("--runs", type=int, default=10_000, help="per decoder (10000)")
    reading.add_argument("--seconds", type=int, default=0, help="per decoder at most; no bound by default")
    reading.add_argument("--seed", type=int, default=None, help="of the dice; the clock by default")
    reading.add_argument("--own", action="store_true", help="our own mutations even where atheris is there")
    given = reading.parse_args()
    names = given.name or list(HARNESSES)
    if unknown := [name for name in names if name not in HARNESSES]:
        reading.error(f"there is no harness {unknown[0]}; there are {', '.join(HARNESSES)}")
    seed = time.time_ns() if given.seed is None else given.seed
    atheris = None if given.own or len(names) > 1 else found_atheris()
    for name in names:
        if atheris is not None:
            return with_atheris(atheris, HARNESSES[name], given.runs, given.seconds, seed)
        with_own(name, HARNESSES[name], given.runs, given.seconds, seed)
    return 0


def found_atheris() -> Any:
    """The module, or None where it is not installed."""
    try:
        import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        return None
    return atheris


def with_own(name: str, harness: Harness, runs: int, seconds_max: int, seed: int) -> None:
    """Our own loop: reproducible by name and seed; `seconds_max` 0: no bound."""
    dice, seeds = random.Random(f"{name} {seed}"), harness.seeds()
    taken, began_ns = 0, time.monotonic_ns()
    for run in range(runs):
        if seconds_max and run % 64 == 0 and time.monotonic_ns() - began_ns > seconds_max * 10**9:
            runs = run
            break
        data = mutant(seeds, dice)
        try:
            taken += harness.run(data)
        except BaseException:
            print(f"{name}: run {run} of seed {seed} found\n{data.hex()}", file=sys.stderr)
            raise
    seconds = (time.monotonic_ns() - began_ns) / 1e9
    print(f"{name:12} {runs} runs, {taken} taken, {runs / max(seconds, 0.001):,.0f}/s, seed {seed}", flush=True)


def with_atheris(atheris: Any, harness: Harness, runs: int, seconds_max: int, seed: int) -> int:
    """Coverage leads the mutations; ours serve as its custom mutator, so that encodings stay whole."""
    seeds = harness.seeds()

    def one(data: bytes) -> None:
        harness.run(data)

    def custom(data: bytes, max_bytes: int, number: int) -> bytes:
        return mutant([data] if data else seeds, random.Random(number))[:max_bytes]

    with tempfile.TemporaryDirectory() as folder:
        for i, data in enumerate(seeds):
            (Path(folder) / f"{i}").write_bytes(data)
        atheris.instrument_all()
        options = [f"-atheris_runs={runs}", f"-seed={seed % 2**31}", "-max_len=70000", folder]
        if seconds_max:
            options.insert(0, f"-max_total_time={seconds_max}")
        atheris.Setup([sys.argv[0], *options], one, custom_mutator=custom)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
