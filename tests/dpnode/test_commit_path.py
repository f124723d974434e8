"""Every call of the disk on the way of an entry fails, for every call there is, under the real driver, store and votes.

What is asked of a daemon: nothing half done, no word of what is not on the disk, nothing signed after an error that the
disk may have lied about, and a start that needs no repair. A disk that is only full is waited for. SPEC P-70, V-8, V-9.
"""

from __future__ import annotations

import errno
import math
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import trio_asyncio  # type: ignore[import-untyped]

import dpnode.driver
import dpnode.voting
from dpnode.driver import Driver
from dpnode.space import AGAIN_S, Space
from dpnode.store.errors import StoreError
from dpnode.store.migrate import Tuning
from dpnode.store.statement import Procedure, drive
from dpnode.store.store import _serve_both
from dpnode.voting import VoteBook
from ledger.chain import Head
from protocol.effects import Effect, Final, Journal, Recorded
from protocol.inputs import Now, Submit
from tests.dpnode.driving import FakeNetwork, Story
from tests.dpnode.store.crash_disk import CrashDisk, acknowledged, after_cut
from tests.dpnode.store.crash_vfs import PATH, ApswPort
from tests.dpnode.store.cut_home import Home, Told, came_back, founded_home, short_files
from tests.protocol.stand import ANN, profile
from tests.simulation.town import DAY_MS, START_MS

ENTRIES = 3
JOURNAL_BYTES = 2_000
"""So short that the journal is begun anew on the way."""
ROOM_WITHIN_S = 20 * AGAIN_S
Fault = Callable[[int, str], int | None]


def NO_FAULT(number: int, what: str) -> int | None:
    """The disk is well."""
    return None


@pytest.fixture(autouse=True)
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's clocks are trio's; files are so short that the journal is begun anew on the way."""

    def now() -> Now:
        ms = math.ceil((trio.current_time() % 1e6) * 1000)
        return Now(wall_ms=START_MS + ms, monotonic_ms=1 + ms)

    monkeypatch.setattr(dpnode.driver, "now", now)
    with short_files():
        monkeypatch.setattr(dpnode.voting, "JOURNAL_BYTES_MAX", JOURNAL_BYTES)
        yield


class Connection:
    """The store's connection, over the port whose disk can fail."""

    def __init__(self, port: ApswPort) -> None:
        self._port = port

    async def drive(self, path: str, procedure: Procedure[Any]) -> Any:
        return drive(self._port, procedure)


class NotedVotes(VoteBook):
    """Votes that are noted as released once they were written."""

    def __init__(self, home: Home) -> None:
        super().__init__(home.journal, home.memory)
        self._home = home

    def write(self, wanted: Journal, head: Head) -> None:
        super().write(wanted, head)
        self._home.note(Told(vote=vote) for vote in wanted.votes)


class CarelessVotes(NotedVotes):
    """A planted fault: what the disk says is not listened to."""

    def write(self, wanted: Journal, head: Head) -> None:
        try:
            super().write(wanted, head)
        except StoreError:
            self._home.note(Told(vote=vote) for vote in wanted.votes)


class Life:
    """A witness's home under a driver: some entries recorded, one after the other."""

    def __init__(self, votes: type[NotedVotes] = NotedVotes) -> None:
        self.disk = CrashDisk(founded_home(ANN, 1))
        self.home = Home(ANN, self.disk, 1)
        self.votes = votes(self.home)
        self.first_site = self.disk.steps
        self.space = Space()
        self.finals: set[bytes] = set()
        self.recorded = 0
        self.error: StoreError | None = None
        self.told_when_full: int | None = None
        """How much had left the machine when the disk was first found full."""

    async def run(self, heal: Callable[[], None]) -> None:
        """Record all, have `heal` mend the disk once nothing moves, and see it through as far as it goes."""
        async with trio_asyncio.open_loop(), trio.open_nursery() as nursery:
            tuning = Tuning(exclusive=True, log_bytes=20_000)
            connection: Any = Connection(self.home.port)
            store = await nursery.start(_serve_both, Path(PATH), tuning, connection, connection)
            network = FakeNetwork(Story())
            driver = Driver(self.home.core, store, network, self.votes, self.tell, lambda token: None, self.space)
            nursery.start_soon(self._drive, driver)
            for number in range(ENTRIES):
                until_ms = START_MS + DAY_MS
                await driver.give(Submit(operations=(profile(f"{number}"),), token=number + 1, until_ms=until_ms))
                await self._until_quiet(number + 1)
            heal()
            await self._until_quiet(ENTRIES)
            nursery.cancel_scope.cancel()

    async def _until_quiet(self, asked: int) -> None:
        """Until everything asked is final, the driver has ended, or it waits for room."""
        with trio.move_on_after(ROOM_WITHIN_S):
            while self.error is None and len(self.finals) < asked:
                await trio.testing.wait_all_tasks_blocked(0.001)
                if self.space.why and self.disk.fault is not NO_FAULT:
                    if self.told_when_full is None:
                        self.told_when_full = len(self.home.told)
                    return
                await trio.sleep(AGAIN_S / 2)

    async def _drive(self, driver: Driver) -> None:
        try:
            await driver.run()
        except* StoreError as group:
            [self.error] = group.exceptions  # type: ignore[assignment]

    def tell(self, effect: Effect) -> None:
        """What the owner is told."""
        if isinstance(effect, Recorded):
            self.recorded += 1
            self.home.note(Told(entry=entry_id) for entry_id in effect.entry_ids)
        if isinstance(effect, Final):
            self.finals.add(effect.entry_id)
            self.home.note([Told(entry=effect.entry_id)])

    def lived(self, fault: Fault, heal: Callable[[], None] = lambda: None) -> None:
        """Live through this fault, switched off at the end however it is."""
        self.disk.fault = fault
        trio.run(self.run, heal, clock=trio.testing.MockClock(autojump_threshold=0.01))
        self.disk.fault = NO_FAULT
        with suppress(StoreError):
            self.home.journal.close()
        self.home.port.connection.close(True)

    def at_the_next_start(self) -> list[str]:
        """What is wrong with the home then: as the system has its files, and as a power cut here or there left them."""
        log = self.disk.log
        faults = self._comes_back({name: bytes(data) for name, data in self.disk.files.items()}, len(log))
        for seed in range(4):
            dice = random.Random(seed)
            cut_at = dice.randint(min(self.first_site, len(log)), len(log))
            faults += self._comes_back(after_cut(self.disk.before, log, cut_at, dice), cut_at)
        return faults

    def _comes_back(self, files: dict[str, bytes], cut_at: int) -> list[str]:
        home, faults = came_back(self.home, CrashDisk(files), acknowledged(self.disk.log, cut_at), 1)
        if home is not None:
            home.close()
        return faults


@pytest.fixture
def sites() -> range:
    """The calls of the disk between a start and the last entry's being final."""
    life = Life()
    life.lived(NO_FAULT)
    assert len(life.finals) == ENTRIES and life.error is None
    assert "rename" in [step[0] for step in life.disk.log], "the journal is begun anew on the way"
    return range(life.first_site, life.disk.steps)


def once(site: int, code: int) -> Fault:
    return lambda number, what: code if number == site else None


@pytest.mark.parametrize("failure", ["EIO", "ENOSPC"])
def test_after_a_call_of_the_disk_that_fails_once_nothing_is_half_done_and_the_next_start_needs_no_repair(
    failure: str, sites: range, counted: list[str]
) -> None:
    """P-70, V-8, V-9: either it is waited for, or the driver ends and says so; no vote can be contradicted after it."""
    ended: set[str] = set()
    for site in sites:
        life = Life()
        life.lived(once(site, getattr(errno, failure)), partial(make_room, life))
        if life.error is not None:
            assert life.error.lasting and str(life.error)
            ended.add(type(life.error).__name__)
        else:
            assert len(life.finals) == ENTRIES, f"site {site}: it goes on"
        assert life.at_the_next_start() == [], f"site {site}"
    counted.append(f"{len(sites)} sites of {failure} on the way of an entry through driver, journal and database")
    assert {"StoreBroken", "JournalBroken"} <= ended


def test_a_full_disk_is_waited_for_at_every_call_and_then_everything_is_done(sites: range, counted: list[str]) -> None:
    """P-70, V-9: meanwhile nothing is signed and nobody told."""
    waited = 0
    for site in sites:
        life = Life()
        life.lived(full_from(site), partial(make_room, life))
        waited += life.told_when_full is not None
        assert life.error is None and life.space.why == ""
        assert (len(life.finals), life.recorded) == (ENTRIES, ENTRIES), f"site {site}"
        assert life.at_the_next_start() == [], f"site {site}"
    counted.append(f"{waited} sites of a disk that stays full for a while on the same way")
    assert waited > len(sites) // 2


def full_from(site: int) -> Fault:
    return lambda number, what: errno.ENOSPC if number >= site and what == "write" else None


def make_room(life: Life) -> None:
    if life.told_when_full is not None:
        assert "is full" in life.space.why
        assert len(life.home.told) == life.told_when_full, "meanwhile nothing is signed and nobody told"
    life.disk.fault = NO_FAULT


def test_votes_that_do_not_listen_to_the_disk_are_noticed(sites: range) -> None:
    """The checks above can fail."""
    found = []
    for site in sites[::3]:
        life = Life(CarelessVotes)
        life.lived(once(site, errno.EIO))
        found += life.at_the_next_start()
    assert any("forgotten" in fault for fault in found), found
