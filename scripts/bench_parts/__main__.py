"""Measures what was asked for, one benchmark after the other, and prints figures.

A benchmark is a file of this folder without a leading underscore; it has a function of its own name that takes the
`Run` and gives a `Figure`. Exit status 0 if every floor measured holds, 1 if one does not, 2 for a wrong name.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path

from scripts.bench_parts._run import Figure, Run, say

ORDER = (
    "job",
    "finality_bulk",
    "catch_up",
    "catch_up_ratio",
    "catch_up_quorum",
    "catch_up_certificates",
    "directory",
    "idle_memory",
    "idle_cpu",
    "status_cold",
    "balance_cold",
    "proof_size",
    "proof_make",
    "proof_check",
    "finality_quorum",
    "finality_single",
    "finality_single_p99",
    "finality_one_down",
    "simulation_volume",
)
"""As the issue's table has them."""


def names() -> list[str]:
    """All benchmarks there are."""
    return [name for name in ORDER if (Path(__file__).parent / f"{name}.py").exists()]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure this checkout against its floors.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all when none is named")
    parser.add_argument("--list", action="store_true", help="print the names and measure nothing")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - set(names())):
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(names())}")
    if asked.list:
        print("\n".join(names()))
        return 0
    figures: dict[str, Figure] = {}

    def measure(name: str) -> Figure:
        if name not in figures:
            say(f"measuring {name}")
            module = importlib.import_module(f"scripts.bench_parts.{name}")
            figures[name] = getattr(module, name)(run)
        return figures[name]

    with tempfile.TemporaryDirectory(prefix="dpnode-bench-") as scratch:
        run = Run(Path(scratch), measure)
        wanted = asked.names or names()
        for name in wanted:
            figure = measure(name)
            print("\n".join([figure.line(name), *(f"    {note}" for note in figure.notes)]), flush=True)
    if asked.json:
        print(json.dumps({name: figures[name].to_value() for name in wanted}))
    return 0 if all(figures[name].holds is not False for name in wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
