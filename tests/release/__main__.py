"""Goes through the gates of a release and says which held: the program behind `scripts/release`.

The exit status is 0 where every gate asked for held, 1 where one did not, 2 for a wrong command line, 130 when
interrupted: started again, it goes on with what is left.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.release.campaign import Folder, go_through, report
from tests.release.gates import GATES, LEFT_OUT, PROJECT, Gate, Job

REPORT = PROJECT / "build" / "release"


def _parser() -> argparse.ArgumentParser:
    left = "; ".join(f"{name}: {why}" for name, why in LEFT_OUT.items())
    parser = argparse.ArgumentParser(
        prog="scripts/release",
        description="Run every gate of a release in full, by the same code as each change. Days on two cores.",
        epilog=f"Left out: {left}" if left else None,
    )
    parser.add_argument(
        "--gate", action="append", metavar="NAME", choices=sorted(GATES), help="this one; repeat for more"
    )
    parser.add_argument("--list", action="store_true", help="name the gates, one a line, and what is left out")
    parser.add_argument("--small", action="store_true", help="a few jobs of each: shows that the gates themselves work")
    parser.add_argument("--anew", action="store_true", help="run again what has held before with the same code")
    parser.add_argument("--report", type=Path, default=REPORT, metavar="FOLDER", help="where outcomes are kept")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    return parser


class Shown:
    """The line of the gate that is running: written over on a terminal, one after the other elsewhere."""

    def __init__(self) -> None:
        self._over = sys.stderr.isatty()

    def line(self, text: str) -> None:
        """Show progress."""
        print(f"\r\x1b[2K{text}" if self._over else text, end="" if self._over else "\n", file=sys.stderr, flush=True)

    def over(self) -> None:
        """The gate is done."""
        if self._over:
            print(file=sys.stderr, flush=True)


def main() -> int:
    """Run the command line."""
    asked = _parser().parse_args()
    if asked.list:
        for gate in GATES.values():
            print(f"{gate.name:12} {gate.what}")
        for name, why in LEFT_OUT.items():
            print(f"{name:12} left out. {why}")
        return 0
    gates = [gate for gate in GATES.values() if not asked.gate or gate.name in asked.gate]
    jobs = {gate: gate.small() if asked.small else gate.full() for gate in gates}
    folder, shown = Folder(asked.report, small=asked.small), Shown()
    if asked.anew:
        folder.forget(jobs)
    try:
        for gate, of in jobs.items():
            go_through(gate, of, folder, shown.line)
            shown.over()
    except KeyboardInterrupt:
        _write(jobs, folder, asked)
        print("\ninterrupted; what was run is kept: the same command goes on with the rest", file=sys.stderr)
        return 130
    return 0 if _write(jobs, folder, asked)["held"] else 1


def _write(jobs: dict[Gate, list[Job]], folder: Folder, asked: argparse.Namespace) -> dict[str, Any]:
    """The report, kept beside the outcomes and told."""
    told = report(jobs, folder, small=asked.small)
    folder.path.mkdir(parents=True, exist_ok=True)
    file = folder.path / "report.json"
    file.write_text(json.dumps(told, indent=1), "utf-8")
    if asked.json:
        print(json.dumps(told))
        return told
    for name, row in told["gates"].items():
        counts = ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in row["counts"].items())
        verdict = "held" if row["held"] else f"DID NOT HOLD ({row['run']} of {row['jobs']} jobs run)"
        print(f"{name:12} {verdict}: {counts or 'nothing counted'}; {row['seconds']:,.0f} s")
        for line in (*row["found"], *row["noted"]):
            print(f"    {line}")
    print(f"report: {file}")
    return told


if __name__ == "__main__":
    sys.exit(main())
