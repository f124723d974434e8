"""Cuts the power of a disk in memory at any write, and says what an owner or another member would have lost by it.

Three things are cut: the ledger's database alone, the vote journal alone, and a witness's whole home with its core,
alone and among four. A fifth of the homes lose the power again while they start. The same at any size:

    python -m tests.dpnode.store.power_cuts --cuts 100000 --seed 7
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dpnode.store import write
from dpnode.store.errors import JournalLost, StoreError
from dpnode.store.journal import NAME, SALT_BYTES, Record, replay, start_journal
from dpnode.store.migrate import quick_check
from dpnode.store.statement import drive
from tests.dpnode.store.crash_disk import CrashDisk, Step, acknowledged, after_cut
from tests.dpnode.store.crash_vfs import PATH
from tests.dpnode.store.cut_home import Home, a_life, came_back, opened, short_files
from tests.dpnode.store.material import Model, commit_number, comparable, stored

CUTS_PER_LIFE = 1_000
"""Then another life begins, so that a large campaign sees many."""
ENTRIES = 30
FAULTS_SHOWN = 20


@dataclass(slots=True)
class Cuts:
    """What cutting one thing came to."""

    what: str
    cuts: int = 0
    again: int = 0
    """Of these, how often the power went a second time, during the start that followed."""
    kept: int = 0
    """How often more survived than was acknowledged: all of what was under way."""
    faults: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """The counts as a line."""
        again = f", {self.again} of them twice" if self.again else ""
        return f"{self.cuts} power cuts of {self.what}{again}: {len(self.faults)} faults"


# -- the database


def a_store(seed: int) -> tuple[CrashDisk, list[Model]]:
    """Commit after commit, the log emptied now and then; models[n + 1] is what holds after acknowledgement n."""
    disk = CrashDisk()
    port = opened(disk)
    models = [Model()]
    for number in range(ENTRIES + 10):
        commit = commit_number(1_000 * seed + number, len(models[-1].blocks))
        drive(port, write.write(commit))
        disk.ack(number)
        models.append(models[-1].copy())
        models[-1].apply(commit)
        if number % 7 == 6:
            drive(port, write.empty_log())
    port.close()
    return disk, models


def cut_stores(cuts: int, seed: int) -> Cuts:
    """Every survivor holds exactly the commits that were acknowledged, or those and the next."""
    found = Cuts("the ledger's database")
    for number in _lives(cuts, seed):
        disk, models = a_store(number)
        expected = [comparable(model) for model in models]
        for dice, cut_at, files in _survivors(disk.before, disk.log, _share(cuts, number - seed), number):
            told = acknowledged(disk.log, cut_at)
            found.cuts += 1
            try:
                port = opened(CrashDisk(files))
            except StoreError as error:
                found.faults.append(f"life {number}, step {cut_at}: {error}")
                continue
            try:
                drive(port, quick_check(PATH))
                there = comparable(stored(port))
                if there not in expected[told + 1 : told + 3]:
                    found.faults.append(f"life {number}, step {cut_at}: not what was acknowledged")
                    continue
                found.kept += there != expected[told + 1]
                if dice.random() < 0.1:
                    drive(port, write.write(commit_number(9_999, len(stored(port).blocks))))  # it goes on from there
            except StoreError as error:
                found.faults.append(f"life {number}, step {cut_at}: {error}")
            finally:
                port.close()
    return found


# -- the journal


def batch(number: int) -> list[Record]:
    """Batches of 1 to 4 records, some longer than a sector, each saying its number."""
    dice = random.Random(number)
    return [
        Record(dice.randint(1, 255), b"%d " % number + dice.randbytes(dice.choice((0, 40, 700, 2_000))))
        for _ in range(dice.randint(1, 4))
    ]


def a_journal(seed: int) -> tuple[CrashDisk, list[list[Record]]]:
    """Batch after batch, begun anew now and then; states[n + 1] is what holds after acknowledgement n."""
    disk = CrashDisk()
    journal, _ = start_journal(disk, NAME, create=True, salt=bytes(SALT_BYTES))
    states: list[list[Record]] = [[]]
    for number in range(ENTRIES):
        more = batch(1_000 * seed + number)
        if number % 9 == 8:
            kept = states[-1][-3:]
            journal.prune([*kept, *more])
            states.append([*kept, *more])
        else:
            journal.append(more)
            states.append(states[-1] + more)
        disk.ack(number)
    return disk, states


def cut_journals(cuts: int, seed: int, change: Callable[[list[Step]], list[Step]] = list) -> Cuts:
    """Every survivor holds the batches that were acknowledged, or those and the next; `change` plants faults."""
    found = Cuts("the vote journal")
    for number in _lives(cuts, seed):
        disk, states = a_journal(number)
        log = change(disk.log)
        for _, cut_at, files in _survivors({}, log, _share(cuts, number - seed), number):
            told = acknowledged(log, cut_at)
            found.cuts += 1
            if NAME not in files and told == -1:
                continue
            survivor = CrashDisk(files)
            try:
                again, there = start_journal(survivor, NAME, create=False, salt=bytes(SALT_BYTES))
            except JournalLost as lost:
                found.faults.append(f"life {number}, step {cut_at}: {lost}")
                continue
            again.append(batch(77))
            goes_on = replay(bytes(survivor.files[NAME]), NAME) == there + batch(77)
            if not goes_on or there not in states[told + 1 : told + 3]:
                found.faults.append(f"life {number}, step {cut_at}: not what was acknowledged")
            found.kept += there != states[told + 1]
    return found


# -- both, and the core between them


def cut_homes(
    cuts: int,
    seed: int,
    witnesses: int,
    *,
    is_careful: bool = True,
    change: Callable[[list[Step]], list[Step]] = list,
) -> Cuts:
    """Every survivor starts by itself, has all that was told, and signs nothing against what it may have sent.

    `is_careful` and `change` plant faults: votes sent before they are written, a disk that does not do what it said.
    """
    found = Cuts("a witness alone, ledger and votes" if witnesses == 1 else f"a witness among {witnesses}")
    for number in _lives(cuts, seed):
        life = a_life(number, witnesses=witnesses, entries=ENTRIES, is_careful=is_careful)
        log = change(life.power.log)
        for dice, cut_at, files in _survivors(life.power.before, log, _share(cuts, number - seed), number):
            told = acknowledged(log, cut_at)
            found.cuts += 1
            survivor = CrashDisk(files)
            faults = _came_back(life, survivor, told, witnesses, found)
            if not faults and dice.random() < 0.2:
                found.again += 1
                second = after_cut(survivor.before, survivor.log, dice.randrange(len(survivor.log) + 1), dice)
                faults = _came_back(life, CrashDisk(second), told, witnesses, found)
            found.faults += [f"life {number}, step {cut_at}: {fault}" for fault in faults[:1]]
    return found


def _came_back(life: Home, survivor: CrashDisk, told: int, witnesses: int, found: Cuts) -> list[str]:
    home, faults = came_back(life, survivor, told, witnesses)
    if home is not None:
        more = life.told[told + 1].vote if told + 1 < len(life.told) else None
        found.kept += more is not None and more in home.memory.votes
        home.port.close()
    return faults


# -- what they share


def _lives(cuts: int, seed: int) -> range:
    return range(seed, seed + -(-cuts // CUTS_PER_LIFE))


def _share(cuts: int, life: int) -> int:
    return min(CUTS_PER_LIFE, cuts - life * CUTS_PER_LIFE)


def _survivors(before: dict[str, bytes], log: list[Step], cuts: int, seed: int):  # type: ignore[no-untyped-def]
    """(dice, step, files) of so many cuts: half of them beside a sync or an acknowledgement, the others anywhere."""
    edges = [place + step for place, entry in enumerate(log) if entry[0] in ("sync", "ack") for step in (0, 1)]
    for attempt in range(cuts):
        dice = random.Random(f"{seed} {attempt}")
        cut_at = edges[attempt // 2 % len(edges)] if attempt % 2 and edges else dice.randrange(len(log) + 1)
        yield dice, cut_at, after_cut(before, log, cut_at, dice)


def campaign(cuts: int, seed: int) -> list[Cuts]:
    """So many cuts: of the database, of the journal, and half each of a witness alone and among four."""
    with short_files():
        return [
            cut_stores(cuts, seed),
            cut_journals(cuts, seed),
            cut_homes(cuts - cuts // 2, seed, 1),
            cut_homes(cuts // 2, seed, 4),
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign; 0 only if nothing was lost."""
    about = (
        "Cut the power of a ledger and a vote journal anywhere; nothing acknowledged may be lost, no vote forgotten."
    )
    parser = argparse.ArgumentParser(prog="scripts/power_cuts", description=about)
    parser.add_argument("--cuts", type=int, default=3_000, help="of the database, of the journal, and of whole homes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    began_s = time.monotonic()
    found = campaign(given.cuts, given.seed)
    seconds = round(time.monotonic() - began_s, 1)
    faults = [f"{one.what}: {fault}" for one in found for fault in one.faults]
    if given.json:
        rows = [{"what": one.what, "cuts": one.cuts, "again": one.again, "kept": one.kept} for one in found]
        print(json.dumps({"seed": given.seed, "seconds": seconds, "campaigns": rows, "faults": faults}))
    else:
        for one in found:
            print(one.sentence())
        print(f"{sum(one.cuts + one.again for one in found)} power cuts in {seconds} s, seed {given.seed}")
        for fault in faults[:FAULTS_SHOWN]:
            print(f"FAULT {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
