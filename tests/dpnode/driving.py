"""Fakes around one driver: a disk and a network room that write down what they were asked, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import trio
import trio.testing

from dpnode.driver import Driver
from dpnode.store.errors import StoreError
from dpnode.store.journal import Journal
from dpnode.store.rows import Commit as StoreCommit
from dpnode.store.rows import ServedBlock
from dpnode.voting import VoteBook
from protocol.inputs import Input
from protocol.messages import read_message
from protocol.replication.door import Memory
from tests.protocol.stand import Stand
from tests.simulation.town import Person


@dataclass
class Story:
    """Everything the driver did, in order."""

    lines: list[tuple[str, Any]] = field(default_factory=list)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.lines]

    def of(self, kind: str) -> list[Any]:
        return [what for name, what in self.lines if name == kind]


@dataclass
class FakeStore:
    """A disk that a commit reaches after a moment, and only whole."""

    stand: Stand
    story: Story
    broken: bool = False
    slow_s: float = 0.0
    blocks_may: trio.Event | None = None
    """Where it is set, blocks wait for it."""
    blocks_came: trio.Event = field(default_factory=trio.Event)

    async def commit(self, commit: StoreCommit) -> None:
        if commit.blocks and self.blocks_may is not None:
            self.blocks_came.set()
            await self.blocks_may.wait()
        if self.broken:
            raise StoreError("the disk is full")
        self.stand.disk.commit(commit)
        self.story.lines.append(("commit", commit))

    async def blocks(self, from_height: int, bytes_max: int) -> list[ServedBlock]:
        await trio.sleep(self.slow_s)
        self.story.lines.append(("read", from_height))
        return list(self.stand.disk.blocks[from_height - 1 :])


@dataclass
class FakeNetwork:
    """A network room that only listens."""

    story: Story

    def send(self, peer_id: Any, body: bytes) -> bool:
        self.story.lines.append(("send", (bytes(peer_id), read_message(body))))
        return True

    def keep(self, peer_id: Any, addresses: Iterable[str]) -> None:
        self.story.lines.append(("keep", (bytes(peer_id), tuple(addresses))))

    def forget(self, peer_id: Any) -> None:
        self.story.lines.append(("forget", bytes(peer_id)))

    def disconnect(self, peer_id: Any) -> None:
        self.story.lines.append(("disconnect", bytes(peer_id)))

    def recheck(self) -> None:
        self.story.lines.append(("recheck", None))


class Bench:
    """A driver with its fakes around it, in a nursery of the test."""

    def __init__(self, who: Person, journal: Journal | None = None) -> None:
        self.stand = Stand(who)
        self.story = Story()
        self.store = FakeStore(self.stand, self.story)
        self.driver = Driver(
            self.stand.core,
            self.store,
            FakeNetwork(self.story),
            None if journal is None else VoteBook(journal, Memory()),
            lambda effect: self.story.lines.append((type(effect).__name__, effect)),
            lambda token: self.story.lines.append(("negotiated", token)),
        )

    async def after(self, *events: Input) -> Story:
        """Run until these were taken in and all is quiet."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.driver.run)
            for event in events:
                await self.driver.give(event)
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
        return self.story
