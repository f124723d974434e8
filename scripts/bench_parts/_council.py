"""A network of several witnesses, each a real `dpnode` process on loopback, and a member's node in this process."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio

from config.parse import load
from dpnode.daemon import _Daemon
from dpnode.node import Node
from dpnode.seat import Seat
from dpnode.shelf import Founded
from scripts.bench_parts._homes import Daemon, Owner, daemon, know, make_owner
from scripts.bench_parts._ledger import founded_by, newcomer

T = TypeVar("T")
MET_WITHIN_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Council:
    """Running witnesses, and the home of a member who sends entries."""

    witnesses: tuple[Daemon, ...]
    owners: tuple[Owner, ...]
    member: Owner
    founded: Founded


@contextmanager
def council(folder: Path, witnesses: int) -> Iterator[Council]:
    """A fresh network whose founders are the witnesses and one more member; the witnesses run for the block."""
    owners = [make_owner(folder, f"witness-{i}") for i in range(witnesses)]
    member = make_owner(folder, "member")
    founded = founded_by([*owners, member], witnesses)
    for owner in (*owners, member):
        newcomer(owner, founded)
    with ExitStack() as running:
        daemons: list[Daemon] = []
        for owner in owners:
            known = [one.address_of(other) for one, other in zip(daemons, owners, strict=False)]
            know(owner.home, known)
            daemons.append(running.enter_context(daemon(owner.home)))
        know(member.home, [one.address_of(other) for one, other in zip(daemons, owners, strict=True)])
        yield Council(witnesses=tuple(daemons), owners=tuple(owners), member=member, founded=founded)


def as_member(one: Council, work: Callable[[Node], Awaitable[T]], *, met: int) -> T:
    """Run the member's node and do `work` once it and the witnesses are connected, `met` of them."""

    async def run() -> T:
        ready = trio.Event()
        settings = load(Path(one.member.home.config))
        with closing(Seat(one.member.home, one.member.identity.member)) as seat:
            running = _Daemon(one.member.home, settings, one.member.identity, lambda _: ready.set(), seat)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(running.run)
                await ready.wait()
                await _until(lambda: len(running._node.core.ledger.neighbours.peers) >= met)
                await _until(lambda: all(_linked(each) >= met - 1 for each in one.witnesses))
                done = await work(running._node)
                running._node.stop.set()
        return done

    return trio.run(run)


async def _until(holds: Callable[[], bool]) -> None:
    """Other processes cannot call us: look again and again."""
    for _ in range(MET_WITHIN_S * 20):
        if holds():
            return
        await trio.sleep(0.05)
    raise RuntimeError(f"the nodes have not met within {MET_WITHIN_S} s")


def _linked(witness: Daemon) -> int:
    """With how many other witnesses it is connected: all but the member."""
    return int(witness.status()["peers"]) - 1


def seconds_since(began_s: float) -> float:
    """Wall time."""
    return time.monotonic() - began_s
