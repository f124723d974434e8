"""How fast a new node fetches, checks, applies and stores a whole ledger from another node, both real daemons.

The newcomer is a member whose home holds the charter and nothing more. It checks every certificate, hash and encoding
and compares the state's root at the end of each range, then commits with SQLite's FULL. The time runs from the last
moment it was seen without a link to the moment its status shows the founder's height, handshake included.
"""

from __future__ import annotations

import time
from typing import Any

from scripts.bench_parts._homes import Daemon, daemon, know, pause
from scripts.bench_parts._ledger import newcomer
from scripts.bench_parts._run import Figure, Run

FLOOR_PER_S = 12_000.0
LOOK_S = 0.05
"""Between two questions: seldom enough to cost the newcomer nothing, often enough beside seconds."""


def catch_up(run: Run) -> Figure:
    """Entries per second."""
    large, owner = run.large(), run.newcomer()
    newcomer(owner, large.founded)
    with daemon(owner.home) as new:
        know(large.owner.home, [new.address_of(owner)])
        cpu_before_s = new.cpu_s()
        with daemon(large.owner.home) as old:
            serving_before_s = old.cpu_s()
            began_s = _linked(new)
            status = _caught_up(new, large.height, run)
            took_s = time.monotonic() - began_s
            serving_s = old.cpu_s() - serving_before_s
        cpu_s = new.cpu_s() - cpu_before_s
        resident = new.resident_bytes()
    if status["root"] != large.state_root or status["entries"] != large.entries:
        raise RuntimeError("the newcomer's ledger is not the founder's")
    disk = owner.home.database.stat().st_size
    per_s = large.entries / took_s
    return Figure(
        value=round(per_s),
        unit="entries/s",
        floor=FLOOR_PER_S,
        notes=(
            f"{large.entries:,} entries in {large.height:,} blocks in {took_s:.2f} s",
            f"processor time per entry: {cpu_s / large.entries * 1e6:.1f} us here, "
            f"{serving_s / large.entries * 1e6:.1f} us at the other end",
            f"newcomer: {resident / 1e6:.0f} MB resident, {disk / large.entries:.0f} B of disk per entry",
        ),
    )


def _linked(new: Daemon) -> float:
    """The last moment at which the newcomer had neither link nor block."""
    while True:
        seen_s = time.monotonic()
        status = new.status()
        if status["peers"] or status["height"]:
            return seen_s
        pause(LOOK_S / 10)


def _caught_up(new: Daemon, height: int, run: Run) -> dict[str, Any]:
    while (status := new.status())["height"] < height:
        run.progress("blocks fetched and stored", status["height"], height)
        pause(LOOK_S)
    return status
