"""Whatever instant the power goes, the store holds exactly the commits that were acknowledged, or those and the next.

DPNODE_POWER_CUTS sets how many cuts are tried (default 400; the release asks for 100,000).
"""

import errno
import os
import random
from collections.abc import Callable

import pytest

from dpnode.store import write
from dpnode.store.errors import StoreError
from dpnode.store.migrate import Tuning, migrate, quick_check, scripts, settings
from dpnode.store.questions import headers
from dpnode.store.statement import drive
from tests.dpnode.store.crash_disk import CrashDisk, acknowledged, after_cut
from tests.dpnode.store.crash_vfs import PATH, ApswPort
from tests.dpnode.store.material import Model, commit_number, comparable, stored

CUTS = int(os.environ.get("DPNODE_POWER_CUTS", "400"))
TUNING = Tuning(exclusive=True, page_bytes=1024)


def opened(disk: CrashDisk, steps: list[str] | None = None) -> ApswPort:
    port = ApswPort(disk)
    try:
        drive(port, settings(TUNING))
        drive(port, migrate(PATH, steps or scripts()))
    except BaseException:
        port.close()
        raise
    return port


def record(commits: int, run_entries: int, monkeypatch: pytest.MonkeyPatch) -> tuple[CrashDisk, list[Model]]:
    """A run with a commit after another, the log emptied now and then; models[n + 1] is what holds after number n."""
    monkeypatch.setattr(write, "RUN_ENTRIES", run_entries)
    disk = CrashDisk()
    port = opened(disk)
    models = [Model()]
    for number in range(commits):
        commit = commit_number(number, len(models[-1].blocks))
        drive(port, write.write(commit))
        disk.ack(number)
        models.append(models[-1].copy())
        models[-1].apply(commit)
        if number % 7 == 6:
            drive(port, write.empty_log())
    port.close()
    return disk, models


def test_after_any_power_cut_every_acknowledged_commit_is_there_whole_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk, models = record(60, 64, monkeypatch)
    expected = [comparable(model) for model in models]
    # Every sync and its neighbours first, then anywhere.
    edges = [place + step for place, entry in enumerate(disk.log) if entry[0] in ("sync", "ack") for step in (0, 1)]
    dice = random.Random(7)
    outcomes: set[int] = set()
    for attempt in range(CUTS):
        cut_at = edges[attempt // 2 % len(edges)] if attempt % 2 else dice.randrange(len(disk.log) + 1)
        number = acknowledged(disk.log, cut_at)
        survivor = CrashDisk(after_cut(disk.before, disk.log, cut_at, random.Random(attempt)))
        port = opened(survivor)
        drive(port, quick_check(PATH))
        found = comparable(stored(port))
        assert found in expected[number + 1 : number + 3], f"attempt {attempt}, cut {cut_at}, acknowledged {number}"
        outcomes.add(expected.index(found) - number - 1)
        # It goes on from there, too.
        if attempt % 10 == 0:
            drive(port, write.write(commit_number(1_000, len(stored(port).blocks))))
        port.close()
    assert outcomes == {0, 1}, "some cuts must keep an unacknowledged commit and some must lose it"


def test_power_cuts_notice_a_store_that_does_not_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check has teeth: with synchronous=NORMAL an acknowledged commit is lost within 200 cuts."""
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


def fault_at(site: int, code: int) -> Callable[[int, str], int | None]:
    """Fail once, at one step; only a write can find the disk full."""

    def fault(number: int, what: str) -> int | None:
        return code if number == site and (code == errno.EIO or what == "write") else None

    return fault


@pytest.mark.parametrize("failure", ["EIO", "ENOSPC"])
def test_a_disk_error_at_any_step_is_named_and_loses_nothing_acknowledged(
    failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = getattr(errno, failure)
    monkeypatch.setattr(write, "RUN_ENTRIES", 32)
    clean, models = record(12, 32, monkeypatch)
    named: set[str] = set()
    for site in range(clean.steps):
        disk = CrashDisk()
        disk.fault = fault_at(site, code)
        reached = -1
        port = None
        model = Model()
        try:
            port = opened(disk)
            for number in range(12):
                drive(port, write.write(commit_number(number, len(model.blocks))))
                model.apply(commit_number(number, len(model.blocks)))
                reached = number
                if number % 7 == 6:
                    drive(port, write.empty_log())
        except StoreError as error:
            named.add(type(error).__name__)
            assert str(error)
        finally:
            disk.fault = lambda number, what: None
            if port is not None:
                port.connection.close(True)
        again = opened(CrashDisk({name: bytes(data) for name, data in disk.files.items()}))
        drive(again, quick_check(PATH))
        found = comparable(stored(again))
        assert found in [comparable(model) for model in models[reached + 1 : reached + 3]], f"site {site}"
        again.close()
    assert named >= ({"StoreBroken"} if failure == "EIO" else {"StoreFull"})


def test_a_commit_refused_by_a_full_disk_succeeds_once_there_is_room() -> None:
    disk = CrashDisk()
    port = opened(disk)
    drive(port, write.write(commit_number(0, 0)))
    model = Model()
    model.apply(commit_number(0, 0))
    disk.fault = lambda number, what: errno.ENOSPC if what == "write" else None
    commit = commit_number(1, len(model.blocks))
    for _ in range(3):
        with pytest.raises(StoreError, match="full"):
            drive(port, write.write(commit))
        assert comparable(stored(port)) == comparable(model)
    disk.fault = lambda number, what: None
    drive(port, write.write(commit))
    model.apply(commit)
    assert comparable(stored(port)) == comparable(model)
    port.close()
