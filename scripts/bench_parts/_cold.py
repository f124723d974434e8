"""How long a command takes from a cold process, on the large ledger, with the daemon up and with it stopped."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from scripts.bench_parts._homes import PROJECT, daemon
from scripts.bench_parts._run import Figure, Run

FLOOR_MS = 300.0
RUNS = 15


def cold(run: Run, words: Sequence[str], *, down_status: int = 0) -> Figure:
    """The slower of both medians, in milliseconds.

    `down_status` is the exit status expected of a command that only a daemon can answer, while there is none.
    """
    home = run.large().owner.home
    command = [sys.executable, "-m", "dpnode.cli.main", *words, "--home", str(home.root)]
    down_ms = _median_ms(command, down_status)
    with daemon(home):
        up_ms = _median_ms(command, 0)
    return Figure(
        value=round(max(up_ms, down_ms), 1),
        unit="ms",
        floor=FLOOR_MS,
        at_most=True,
        notes=(f"median of {RUNS} processes: {up_ms:.0f} ms with the daemon up, {down_ms:.0f} ms with it stopped",),
    )


def _median_ms(command: Sequence[str], expected: int) -> float:
    took_ms = []
    for _ in range(RUNS):
        began_s = time.perf_counter()
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdin=subprocess.DEVNULL, capture_output=True
        )
        took_ms.append((time.perf_counter() - began_s) * 1000)
        if done.returncode != expected:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()}")
    return statistics.median(took_ms)
