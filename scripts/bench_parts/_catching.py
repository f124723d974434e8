"""A member's daemon that fetches a whole ledger from another daemon, and what that costs.

The newcomer is a member whose home holds the charter and nothing more. It checks every certificate, hash and encoding
and compares the state's root at the end of each range, then commits with SQLite's FULL. The time runs from the last
moment it was seen without a link to the moment its status shows the other's height, handshake included.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from scripts.bench_parts._homes import Daemon, Owner, daemon, know, pause
from scripts.bench_parts._ledger import Large, newcomer
from scripts.bench_parts._run import Figure, Run

FLOOR_PER_S = 12_000.0
LINK_LOOK_S = 0.005
"""Between two questions until there is a link: from then on it is measured."""
LOOK_S = 0.02
"""Between two questions at the end: what the figure is uncertain by."""
LOOK_S_MAX = 0.5
"""Between two questions before: each costs the newcomer 2 ms of its one core, twenty a second 4 % of the figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """How a newcomer came by a ledger."""

    large: Large
    took_s: float
    cpu_s: float
    """Processor time of the newcomer, all threads."""
    serving_s: float
    """That of the other end."""
    resident_bytes: int
    disk_bytes: int

    def figure(self) -> Figure:
        """Entries per second."""
        entries = self.large.entries
        return Figure(
            value=round(entries / self.took_s),
            unit="entries/s",
            floor=FLOOR_PER_S,
            notes=(
                f"{entries:,} entries in {self.large.height:,} blocks in {self.took_s:.2f} s",
                f"processor time per entry: {self.cpu_s / entries * 1e6:.1f} us here, "
                f"{self.serving_s / entries * 1e6:.1f} us at the other end",
                f"newcomer: {self.resident_bytes / 1e6:.0f} MB resident, {self.disk_bytes / entries:.0f} B of disk per "
                "entry",
            ),
        )


def caught_up(run: Run, large: Large, owner: Owner, *, module: str = "dpnode.process") -> Caught:
    """Have `owner`, a member without a ledger, fetch the large one; `module` is what its daemon's process runs."""
    newcomer(owner, large.founded)
    with daemon(owner.home, module) as new:
        know(large.owner.home, [new.address_of(owner)])
        cpu_before_s = new.cpu_s()
        with daemon(large.owner.home) as old:
            serving_before_s = old.cpu_s()
            began_s = _linked(new)
            status = _reached(new, large.height, began_s, run)
            took_s = time.monotonic() - began_s
            serving_s = old.cpu_s() - serving_before_s
        cpu_s = new.cpu_s() - cpu_before_s
        resident = new.resident_bytes()
    if status["root"] != large.state_root or status["entries"] != large.entries:
        raise RuntimeError("the newcomer's ledger is not the founder's")
    return Caught(
        large=large,
        took_s=took_s,
        cpu_s=cpu_s,
        serving_s=serving_s,
        resident_bytes=resident,
        disk_bytes=owner.home.database.stat().st_size,
    )


def _linked(new: Daemon) -> float:
    """The last moment at which the newcomer had neither link nor block."""
    while True:
        seen_s = time.monotonic()
        status = new.status()
        if status["peers"] or status["height"]:
            return seen_s
        pause(LINK_LOOK_S)


def _reached(new: Daemon, height: int, began_s: float, run: Run) -> dict[str, Any]:
    """The status once it is there; asked the more often the nearer that seems."""
    while (status := new.status())["height"] < height:
        run.progress("blocks fetched and stored", status["height"], height)
        left_s = (time.monotonic() - began_s) * (height - status["height"]) / max(1, status["height"])
        pause(min(LOOK_S_MAX, max(LOOK_S, left_s / 4)))
    return status
