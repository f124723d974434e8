"""A witness's home, ledger and vote journal, on one disk whose power can be cut; the core that lives on it is real.

What it let out, or told its owner, stands as a numbered acknowledgement in the disk's log: a vote once its journal has
returned, an entry once it was said to be recorded, a block once it was said to be final. `came_back` starts the home
from what a cut left, as a daemon does, and names everything of that which is gone and every vote that could now be
contradicted.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dpnode.voting
from dpnode.assembly import voter_of
from dpnode.errors import Problem
from dpnode.shelf import Founded, check_head_row, founding_commit, pending_row, step_commit
from dpnode.store import questions, write
from dpnode.store.errors import StoreError
from dpnode.store.journal import SALT_BYTES, Record, start_journal
from dpnode.store.migrate import Tuning, migrate, quick_check, scripts, settings
from dpnode.store.rows import Commit as StoreCommit
from dpnode.store.statement import drive, one
from dpnode.voting import VoteBook, halt_record, records_of, remembered
from ledger.block import read_block
from ledger.consensus.votes import Vote, VoteKind
from protocol.effects import (
    Commit,
    DropPending,
    Effect,
    Final,
    Halt,
    Journal,
    Keep,
    KeepPending,
    Recorded,
    Send,
)
from protocol.inputs import PeerConnected, Quiet, Received, Stored
from protocol.messages import write_message
from tests.dpnode.store.crash_disk import CrashDisk, Folder
from tests.dpnode.store.crash_vfs import PATH, ApswPort
from tests.protocol.stand import Stand, now, profile
from tests.simulation.town import Disk, Person, build, network, person

NAMES = ("ann", "ben", "cat", "dan")
TUNING = Tuning(exclusive=True, page_bytes=1024)
VOTES = "votes"
JOURNAL_BYTES = 12_000
"""So small that a life begins its journal anew several times."""
SETTLE_EVERY = 9
"""Commits between two moves of the write-ahead log into the database."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that left the machine: a vote of ours, an entry recorded (`entry`), or one final in a block."""

    vote: Vote | None = None
    entry: bytes = b""
    block: tuple[int, bytes] | None = None


def opened(disk: CrashDisk, steps: list[str] | None = None) -> ApswPort:
    """The database on a disk, as a start opens it."""
    port = ApswPort(disk)
    try:
        drive(port, settings(TUNING))
        drive(port, migrate(PATH, steps or scripts()))
    except BaseException:
        port.close()
        raise
    return port


def founded_home(who: Person, witnesses: int) -> dict[str, bytes]:
    """The files of a home that belongs to a network and was closed well."""
    disk = CrashDisk()
    port = opened(disk)
    drive(port, write.write(founding_commit(network(*NAMES, witnesses=witnesses))))
    port.close()
    journal, _ = start_journal(Folder(disk, VOTES), VOTES, create=True, salt=bytes(SALT_BYTES))
    journal.close()
    return {name: bytes(data) for name, data in disk.files.items()}


class Home(Stand):
    """One member's core on that disk; performs what lasts in the driver's order and notes what leaves the machine."""

    def __init__(self, who: Person, disk: CrashDisk, witnesses: int, *, is_careful: bool = True) -> None:
        # Not the stand's own beginning: what there is comes from the disk.
        self.who, self.founded, self.options = who, network(*NAMES, witnesses=witnesses), {}
        self.at_ms = self.tokens = 0
        self.power = disk
        self.is_careful = is_careful
        """False plants the fault: votes leave before they are written."""
        self.told: list[Told] = []
        self.commits = 0
        self.port = opened(disk)
        drive(self.port, quick_check(PATH))
        self.journal, records = start_journal(Folder(disk, VOTES), VOTES, create=False, salt=bytes(SALT_BYTES))
        self.memory = remembered(records)
        self.book = VoteBook(self.journal, self.memory)
        self.disk = as_read(self.founded, self.port, records)
        self.parts = build(who, self.disk)
        newest = drive(self.port, questions.head())
        check_head_row(self.core.chain, None if newest is None else newest.header)

    def perform(self, effects: list[Effect]) -> list[Effect]:
        done: list[Effect] = []
        for effect in effects:
            done.append(effect)
            match effect:
                case Keep():
                    self._commit(StoreCommit(kept=[(effect.kind, effect.id, effect.value)]))
                case KeepPending():
                    self._commit(StoreCommit(pending_new=[pending_row(entry) for entry in effect.entries]))
                case DropPending():
                    self._commit(StoreCommit(pending_done=effect.ids))
                case Journal():
                    if not self.is_careful:
                        self.note(Told(vote=vote) for vote in effect.votes)
                    self.book.write(effect, self.core.chain.head)
                    self.disk.journal += records_of(effect)
                    self.note(Told(vote=vote) for vote in effect.votes)
                case Halt():
                    self.book.halt(effect.reason)
                    self.disk.journal.append(halt_record(effect.reason))
                case Commit():
                    self._commit(step_commit(self.core.chain, effect.step, effect.certificate))
                    done += self.give(Stored())
                case Recorded():
                    self.note(Told(entry=entry_id) for entry_id in effect.entry_ids)
                case Final():
                    block = (effect.height, self.disk.ids[effect.height - 1])
                    self.note([Told(entry=effect.entry_id, block=block)])
                case _:
                    pass
        return done

    def _commit(self, commit: StoreCommit) -> None:
        drive(self.port, write.write(commit))
        self.disk.commit(commit)
        self.commits += 1
        if self.commits % SETTLE_EVERY == 0:
            drive(self.port, write.empty_log())

    def note(self, told: Iterable[Told]) -> None:
        """These leave the machine now."""
        for each in told:
            self.told.append(each)
            self.power.ack(len(self.told) - 1)

    def close(self) -> None:
        """Switch off as a stop by command does."""
        self.journal.close()
        self.port.close()


def as_read(founded: Founded, port: ApswPort, records: list[Record]) -> Disk:
    """What stands on the disk as the virtual one that the core is built from."""
    disk = Disk(founded)
    disk.pairs = dict(drive(port, questions.state_range(b"")))
    disk.meta = drive(port, questions.meta())
    disk.pending = {entry.id: entry for entry in drive(port, questions.pending())}
    disk.kept = {(kind, key): value for kind, key, value in port.run(one("SELECT kind, id, value FROM kept"))}
    disk.blocks = drive(port, questions.blocks(1, 1 << 40))
    disk.ids = [head.id for head in drive(port, questions.headers(1, 1 << 40))]
    disk.journal = list(records)
    return disk


@contextmanager
def short_files() -> Iterator[None]:
    """Runs and journals so short that a small life has several."""
    before = write.RUN_ENTRIES, dpnode.voting.JOURNAL_BYTES_MAX
    write.RUN_ENTRIES, dpnode.voting.JOURNAL_BYTES_MAX = 16, JOURNAL_BYTES
    try:
        yield
    finally:
        write.RUN_ENTRIES, dpnode.voting.JOURNAL_BYTES_MAX = before


class Neighbourhood:
    """The home and the other witnesses, who hear each other as well as the dice let them."""

    def __init__(self, home: Home, witnesses: int, dice: random.Random) -> None:
        self.home = home
        self.stands: list[Any] = [home, *(Stand(person(name), *NAMES, witnesses=witnesses) for name in NAMES[1:])]
        self.dice = dice
        self.lost_of_100 = 0
        self.waiting: list[tuple[bytes, bytes, Any]] = []
        for stand in self.stands:
            self.take(stand, stand.restart())
        for stand in self.stands:
            for other in self.stands:
                if other is not stand:
                    self.take(stand, stand.give(PeerConnected(peer=other.who.peer)))
        self.deliver()

    def take(self, stand: Stand, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send) and self.dice.randrange(100) >= self.lost_of_100:
                self.waiting.append((stand.who.peer, effect.peer, effect.message))
        for answer in stand.answer(effects) if isinstance(effects, list) else []:
            self.waiting += [(stand.who.peer, other.who.peer, answer) for other in self.stands if other is not stand]

    def deliver(self) -> None:
        while self.waiting:
            source, to, message = self.waiting.pop(0)
            for stand in self.stands:
                if stand.who.peer == to:
                    self.take(stand, stand.give(Received(peer=source, frame=write_message(message))))
                    self.take(stand, stand.give(Quiet()))

    def live(self, entries: int) -> None:
        """Everybody records something now and then; views are given up, carried, and made up for."""
        for number in range(entries):
            self.lost_of_100 = self.dice.choice((0, 30, 60, 90)) if len(self.stands) > 1 else 0
            stand = self.home if self.dice.random() < 0.5 else self.dice.choice(self.stands)
            self.take(stand, stand.submit(profile(f"{stand.who.name} {number}")))
            for _ in range(self.dice.choice((1, 4, 16))):
                for each in self.stands:
                    self.take(each, each.tick(self.dice.choice((20, 200))))
                    self.take(each, each.give(Quiet()))
                self.deliver()


def a_life(seed: int, *, witnesses: int, entries: int, is_careful: bool = True) -> Home:
    """A recorded life of the first witness, from a start to a stop."""
    who = person(NAMES[0])
    home = Home(who, CrashDisk(founded_home(who, witnesses)), witnesses, is_careful=is_careful)
    Neighbourhood(home, witnesses, random.Random(seed)).live(entries)
    home.close()
    return home


def came_back(life: Home, survivor: CrashDisk, acknowledged: int, witnesses: int) -> tuple[Home | None, list[str]]:
    """The home as it starts from what a cut left, and what is wrong with it; it has begun to live when this returns."""
    try:
        home = Home(life.who, survivor, witnesses)
    except (StoreError, Problem) as problem:
        return None, [f"it does not start: {problem}"]
    faults = []
    voter = voter_of(home.core.chain, life.who.voting, home.disk.journal)
    if voter.key is None:
        faults.append(f"it votes no more: {voter.why}")
    home.at_ms = life.at_ms
    home.perform(home.core.started(now(home.at_ms)))
    if witnesses == 1 and (why := home.ledger.orderer.silence()):
        faults.append(f"it votes no more: {why}")
    signer = home.ledger.orderer._replica._book.signer
    known = set(home.disk.pending) | set(_entries_of(home))
    for told in life.told[: acknowledged + 1]:
        if told.entry and told.entry not in known:
            faults.append(f"an entry told to be recorded is lost: {told.entry.hex()[:8]}")
        if told.block is not None and home.disk.ids[told.block[0] - 1 : told.block[0]] != [told.block[1]]:
            faults.append(f"block {told.block[0]} was final and is another or none")
        if told.vote is not None:
            faults += [f"{said} in view {told.vote.view}" for said in _tempted(signer, told.vote)]
    return home, faults


def _entries_of(home: Home) -> Iterator[bytes]:
    for block in home.disk.blocks:
        yield from (entry.id for entry in read_block(block.body).entries)


def _tempted(signer: Any, before: Vote) -> Iterator[str]:
    """What the signer would do although it contradicts a vote that may have been sent."""
    if not signer.remembers(before):
        yield f"a {before.kind} is forgotten"
    other = b"" if before.kind is VoteKind.NULLIFY else bytes(32)
    opposite = {VoteKind.FINALIZE: VoteKind.NULLIFY, VoteKind.NULLIFY: VoteKind.FINALIZE}.get(before.kind)
    if signer.cast(before.view, before.kind, other) is not None:
        yield f"a second {before.kind} is signed"
    if opposite is not None and signer.cast(before.view, opposite, b"" if other else bytes(32)) is not None:
        yield f"a {opposite} is signed beside a {before.kind}"
