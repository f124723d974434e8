"""How many seeds of the simulation one core gets through: seven witnesses for sixty simulated seconds, all faults.

Counted in processor time, so that whatever else runs on the machine takes nothing away from it.
"""

import time

from scripts.bench_parts._run import Figure, Run
from tests.simulation.simulate import search

SEEDS = 30
WITNESSES = 7
MACHINES = 7
FLOOR = 30.0
_MINUTE_MS = 60_000


def simulation_volume(run: Run) -> Figure:
    """Seeds of 60 simulated seconds in a minute."""
    simulated_ms = frames = 0
    broken: list[int] = []
    start_s = time.process_time()
    for result in search(range(SEEDS), WITNESSES, None, machines=MACHINES):
        simulated_ms += result.simulated_ms
        frames += result.frames
        broken += [result.seed] if result.violation else []
        run.progress("seeds", result.seed + 1, SEEDS)
    took_s = time.process_time() - start_s
    said = f"{SEEDS} seeds, {simulated_ms / _MINUTE_MS:.1f} simulated minutes, {frames:,} messages in {took_s:.1f} s"
    notes = (said, *((f"violations in seeds {broken}",) if broken else ()))
    return Figure(value=round(simulated_ms / _MINUTE_MS / took_s * 60, 1), unit="seeds/min", floor=FLOOR, notes=notes)
