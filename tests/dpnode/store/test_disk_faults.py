"""Every call of the disk fails once, for every call there is: named, nothing half done, nothing acknowledged lost."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator

import pytest

from dpnode.store import write
from dpnode.store.errors import JournalBroken, JournalFull, StoreBroken, StoreError, StoreFull, StoreUnreadable
from dpnode.store.journal import NAME, SALT_BYTES, start_journal
from dpnode.store.migrate import quick_check
from dpnode.store.statement import drive
from tests.dpnode.store.crash_disk import CrashDisk, acknowledged
from tests.dpnode.store.crash_vfs import PATH
from tests.dpnode.store.cut_home import opened, short_files
from tests.dpnode.store.material import Model, commit_number, comparable, stored
from tests.dpnode.store.power_cuts import batch

COMMITS = 12
FAILURES = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}


@pytest.fixture(autouse=True)
def short() -> Iterator[None]:
    with short_files():
        yield


def fault_at(site: int, code: int) -> Callable[[int, str], int | None]:
    """Fail once, at one call, whichever it is; reading needs no room."""
    return lambda number, what: code if number == site and (code == errno.EIO or what != "read") else None


def work_of_a_store(disk: CrashDisk, models: list[Model]) -> None:
    """Commit after commit; models[n + 1] is what holds after acknowledgement n."""
    port = None
    try:
        port = opened(disk)
        for number in range(COMMITS):
            commit = commit_number(number, len(models[-1].blocks))
            drive(port, write.write(commit))
            disk.ack(number)
            models.append(models[-1].copy())
            models[-1].apply(commit)
            if number % 7 == 6:
                drive(port, write.empty_log())
    finally:
        disk.fault = lambda number, what: None
        if port is not None:
            port.connection.close(True)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_disk_error_at_any_call_of_the_database_is_named_and_loses_nothing_acknowledged(
    failure: str, counted: list[str]
) -> None:
    clean = CrashDisk()
    models = [Model()]
    work_of_a_store(clean, models)
    expected = [comparable(model) for model in models]
    named: set[type[StoreError]] = set()
    for site in range(clean.steps):
        disk = CrashDisk()
        disk.fault = fault_at(site, FAILURES[failure])
        try:
            work_of_a_store(disk, [Model()])
        except StoreError as error:
            named.add(type(error))
            assert str(error)
        told = acknowledged(disk.log, len(disk.log))
        again = opened(CrashDisk({name: bytes(data) for name, data in disk.files.items()}))
        drive(again, quick_check(PATH))
        assert comparable(stored(again)) in expected[told + 1 : told + 3], f"site {site}"
        again.close()
    counted.append(f"{clean.steps} sites of {failure} under the ledger's database")
    assert named == {StoreBroken, StoreUnreadable} | ({StoreFull} if failure == "ENOSPC" else set())


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


def work_of_a_journal(disk: CrashDisk) -> None:
    """Six batches, a new beginning, one more."""
    journal, _ = start_journal(disk, NAME, create=True, salt=bytes(SALT_BYTES))
    for number in range(6):
        journal.append(batch(number))
        disk.ack(number)
    journal.prune([record for number in range(6) for record in batch(number)])
    journal.append(batch(6))
    disk.ack(6)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_disk_error_at_any_call_of_the_journal_is_named_and_loses_nothing_acknowledged(
    failure: str, counted: list[str]
) -> None:
    """V-9, V-10."""
    clean = CrashDisk()
    work_of_a_journal(clean)
    for site in range(clean.steps):
        disk = CrashDisk()
        disk.fault = fault_at(site, FAILURES[failure])
        try:
            work_of_a_journal(disk)
        except StoreError as error:
            assert isinstance(error, JournalBroken | JournalFull)
        disk.fault = lambda number, what: None
        told = acknowledged(disk.log, len(disk.log))
        if NAME not in disk.files:
            assert told == -1
            continue
        expected = [record for earlier in range(told + 1) for record in batch(earlier)]
        survivor = CrashDisk({name: bytes(data) for name, data in disk.files.items()})
        found = start_journal(survivor, NAME, create=False, salt=bytes(SALT_BYTES))[1]
        assert found in (expected, expected + batch(told + 1)), f"site {site}"
    counted.append(f"{clean.steps} sites of {failure} under the vote journal")


def test_a_journal_that_could_not_be_begun_anew_leaves_the_room_it_took_free() -> None:
    """V-9: half a new journal would fill a full disk for good."""
    disk = CrashDisk()
    journal, _ = start_journal(disk, NAME, create=True, salt=bytes(SALT_BYTES))
    journal.append(batch(0))
    disk.fault = lambda number, what: errno.ENOSPC if what == "write" else None
    with pytest.raises(JournalFull):
        journal.prune(batch(0))
    assert set(disk.files) == {NAME}
