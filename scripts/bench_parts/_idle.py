"""One daemon with eight connected members' daemons, all of them with nothing to do."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from scripts.bench_parts._homes import daemon, know, make_owner, pause
from scripts.bench_parts._ledger import building, guest_of, newcomer, populate
from scripts.bench_parts._run import Run

PEERS = 8
SETTLE_S = 10.0
"""For greetings, first blocks and the check of their signatures."""
WATCHED_S = 40.0
"""Two of the longest rounds between two members fit, and 0.5 % of it are 20 ticks of the processor's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What the daemon in the middle costs."""

    resident_bytes: int
    cpu_share: float
    peers: int


def idle(run: Run) -> Idle:
    """Watch it once for all benchmarks of a run."""
    return run.once("idle", lambda: _watch(run))


def _watch(run: Run) -> Idle:
    folder = run.folder("idle")
    founder = make_owner(folder, "founder")
    others = [make_owner(folder, f"peer-{i}") for i in range(PEERS)]
    with building(founder) as (builder, founded):
        populate(builder, [guest_of(other) for other in others])
    with ExitStack() as stack:
        middle = stack.enter_context(daemon(founder.home))
        for i, other in enumerate(others):
            newcomer(other, founded)
            know(other.home, [middle.address_of(founder)])
            run.progress("daemons started", i, PEERS)
            stack.enter_context(daemon(other.home))
        while middle.status()["peers"] < PEERS:
            pause()
        _wait(run, "settling", SETTLE_S)
        before_s = middle.cpu_s()
        _wait(run, "watching an idle daemon, seconds", WATCHED_S)
        share = (middle.cpu_s() - before_s) / WATCHED_S
        return Idle(resident_bytes=middle.resident_bytes(), cpu_share=share, peers=middle.status()["peers"])


def _wait(run: Run, what: str, seconds: float) -> None:
    for second in range(round(seconds)):
        run.progress(what, second, round(seconds))
        pause(1.0)
