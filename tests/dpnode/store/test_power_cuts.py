"""Whatever instant the power goes, nothing acknowledged is lost and no vote forgotten; and these checks can fail.

DPNODE_POWER_CUTS sets how many cuts each kind gets (default 3,000); `scripts/power_cuts` makes the same at any size.
SPEC V-8, V-9, V-10.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator

import pytest

from dpnode.store import write
from dpnode.store.migrate import migrate, scripts, settings
from dpnode.store.questions import headers
from dpnode.store.statement import drive
from tests.dpnode.store.crash_disk import CrashDisk, Step, acknowledged, after_cut
from tests.dpnode.store.crash_vfs import PATH, ApswPort
from tests.dpnode.store.cut_home import TUNING, opened, short_files
from tests.dpnode.store.material import commit_number, stored
from tests.dpnode.store.power_cuts import Cuts, cut_homes, cut_journals, cut_stores

CUTS = int(os.environ.get("DPNODE_POWER_CUTS", "3000"))
SEED = 1
PLANTED_CUTS = 100


@pytest.fixture(autouse=True)
def short() -> Iterator[None]:
    with short_files():
        yield


CAMPAIGNS: dict[str, Callable[[], Cuts]] = {
    "database": lambda: cut_stores(CUTS, SEED),
    "journal": lambda: cut_journals(CUTS, SEED),
    "witness alone": lambda: cut_homes(CUTS - CUTS // 2, SEED, 1),
    "witness of four": lambda: cut_homes(CUTS // 2, SEED, 4),
}


@pytest.mark.parametrize("what", CAMPAIGNS)
def test_after_any_power_cut_what_was_acknowledged_is_there_and_no_vote_that_could_have_been_sent_is_contradicted(
    what: str, counted: list[str]
) -> None:
    """V-8, V-9, V-10: and all of it opens without any repair."""
    found = CAMPAIGNS[what]()
    counted.append(found.sentence())
    assert found.faults == []
    assert 0 < found.kept < found.cuts, "some cuts must keep what was not acknowledged yet, and some must lose it"
    assert found.cuts == CUTS // (2 if "witness" in what else 1) or CUTS % 2


def without_syncs_of(file: str) -> Callable[[list[Step]], list[Step]]:
    """A disk that says of one file that it is synced and does nothing."""
    return lambda log: [step for step in log if step[:2] != ("sync", file)]


def test_power_cuts_notice_a_store_that_does_not_sync() -> None:
    """With synchronous=NORMAL an acknowledged commit is lost within 200 cuts."""
    disk = CrashDisk()
    port = opened(disk)
    port.connection.execute("PRAGMA synchronous = NORMAL")
    for number in range(30):
        drive(port, write.write(commit_number(number, len(drive(port, headers(0, 1_000))))))
        disk.ack(number)
    lost = 0
    for attempt in range(200):
        cut_at = random.Random(attempt).randrange(len(disk.log))
        number = acknowledged(disk.log, cut_at)
        survivor = opened(CrashDisk(after_cut(disk.before, disk.log, cut_at, random.Random(attempt))))
        if int(stored(survivor).meta.get("number", b"-1")) < number:
            lost += 1
        survivor.close()
    port.close()
    assert lost > 0


def test_power_cuts_notice_a_journal_that_does_not_sync() -> None:
    """V-9."""
    assert cut_journals(PLANTED_CUTS, SEED, without_syncs_of("votes.journal")).faults


@pytest.mark.parametrize("witnesses", [1, 4])
def test_power_cuts_notice_a_witness_whose_journal_does_not_sync(witnesses: int) -> None:
    """V-9: a vote that was sent is forgotten, or the home does not start at all."""
    found = cut_homes(PLANTED_CUTS, SEED, witnesses, change=without_syncs_of("votes/votes.journal"))
    assert any("forgotten" in fault for fault in found.faults), found.faults


@pytest.mark.parametrize("witnesses", [1, 4])
def test_power_cuts_notice_a_witness_that_sends_a_vote_before_it_is_written(witnesses: int) -> None:
    """V-8, V-9: after the start it would sign the opposite."""
    found = cut_homes(PLANTED_CUTS, SEED, witnesses, is_careful=False)
    assert any("forgotten" in fault for fault in found.faults), found.faults


def test_power_cuts_notice_a_witness_whose_database_does_not_sync() -> None:
    found = cut_homes(PLANTED_CUTS, SEED, 1, change=without_syncs_of("ledger.db-wal"))
    assert any("lost" in fault or "votes no more" in fault for fault in found.faults), found.faults


def test_a_torn_migration_leaves_the_old_schema_or_the_new_one() -> None:
    steps = [
        *scripts(),
        "CREATE TABLE extra (a INTEGER); INSERT INTO extra VALUES (1); ALTER TABLE run ADD COLUMN note TEXT",
    ]
    old = CrashDisk()
    port = opened(old)
    drive(port, write.write(commit_number(0, 0)))
    port.close()
    disk = CrashDisk({name: bytes(data) for name, data in old.files.items()})
    opened(disk, steps).close()
    versions: set[int] = set()
    for cut_at in range(len(disk.log) + 1):
        for seed in range(3):
            survivor = CrashDisk(after_cut(disk.before, disk.log, cut_at, random.Random(seed)))
            port = ApswPort(survivor)
            drive(port, settings(TUNING))
            version = port.connection.execute("PRAGMA user_version").fetchall()[0][0]
            tables = {row[0] for row in port.connection.execute("SELECT name FROM sqlite_master")}
            assert ("extra" in tables) == (version == 2)
            assert stored(port).meta == {"number": b"0"}
            drive(port, migrate(PATH, steps))
            versions.add(version)
            port.close()
    assert versions == {1, 2}
