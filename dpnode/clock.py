"""The two clocks of the machine, read in one place."""

from __future__ import annotations

import time

from protocol.inputs import Now


def now() -> Now:
    """Both clocks at this instant."""
    return Now(wall_ms=time.time_ns() // 1_000_000, monotonic_ms=time.monotonic_ns() // 1_000_000)
