"""The vote journal forgets nothing that was appended, and says so whenever it cannot be sure."""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from dpnode.store.async_journal import AsyncJournal
from dpnode.store.errors import JournalBroken, JournalFull, JournalLost, StoreLocked
from dpnode.store.journal import NAME, RECORD_BYTES_MAX, Journal, Record, open_journal, replay, start_journal
from tests.dpnode.store.crash_disk import CrashDisk
from tests.dpnode.store.power_cuts import batch

SALT = bytes(range(16))


def begun(disk: CrashDisk, *, create: bool = True) -> tuple[Journal, list[Record]]:
    return start_journal(disk, NAME, create=create, salt=SALT)


def written(batches: int) -> tuple[CrashDisk, Journal, list[Record]]:
    disk = CrashDisk()
    journal, _ = begun(disk)
    records: list[Record] = []
    for number in range(batches):
        journal.append(batch(number))
        disk.ack(number)
        records += batch(number)
    return disk, journal, records


def content(disk: CrashDisk) -> bytes:
    return bytes(disk.files[NAME])


def test_what_was_appended_comes_back_in_order_after_every_start() -> None:
    disk, _, records = written(10)
    for number in range(10, 15):
        journal, found = begun(CrashDisk({NAME: content(disk)}), create=False)
        assert found == records
        disk = journal._disk  # type: ignore[assignment]
        journal.append(batch(number))
        records += batch(number)


def test_a_journal_is_made_once_and_a_missing_one_is_lost() -> None:
    with pytest.raises(JournalLost, match="there is none"):
        begun(CrashDisk(), create=False)
    disk, _, _ = written(1)
    with pytest.raises(JournalLost, match="exists already"):
        begun(disk)


def test_pruning_leaves_exactly_what_it_was_given() -> None:
    disk, journal, _ = written(50)
    long = [Record(1, b"%d" % number) for number in range(3_000)]
    for kept in (batch(3), [], long):
        before = journal.size_bytes
        journal.prune(kept)
        journal.append(batch(99))
        assert begun(CrashDisk({NAME: content(disk)}), create=False)[1] == kept + batch(99)
    assert before < 10_000


def test_a_torn_last_batch_is_cut_off_at_every_length() -> None:
    disk, journal, records = written(5)
    before = len(content(disk))
    journal.append([Record(1, b"x" * 30), Record(2, b"y" * 30)])
    batch_end = before + 2 * (31 + 30 + 16)
    data = content(disk)
    assert len(data) > batch_end
    for length in range(before - 47, batch_end):
        assert replay(data[:length], NAME) == records, length
        assert replay(data[:length] + bytes(5_000), NAME) == records, "a file system may leave zeros behind"
    assert len(replay(data[:batch_end], NAME)) == len(records) + 2


def test_every_flipped_byte_in_what_is_known_to_be_synced_loses_the_journal() -> None:
    disk, journal, _ = written(4)
    journal.close()
    data = content(disk)
    seal = 47
    for place in range(len(data) - seal):
        damaged = bytearray(data)
        damaged[place] ^= 0x40
        with pytest.raises(JournalLost):
            replay(bytes(damaged), NAME)


@pytest.mark.parametrize("change", ["cut out", "repeated", "swapped", "from another journal"])
def test_a_middle_that_was_tampered_with_loses_the_journal(change: str) -> None:
    disk = CrashDisk()
    journal, _ = begun(disk)
    ends = [journal.size_bytes]
    for _ in range(6):
        journal.append([Record(1, b"equal length")])
        ends.append(journal.size_bytes)
    data = content(disk)
    parts = [data[start:end] for start, end in pairwise(ends)]
    match change:
        case "cut out":
            del parts[2]
        case "repeated":
            parts.insert(2, parts[2])
        case "swapped":
            parts[2], parts[3] = parts[3], parts[2]
        case _:
            other = CrashDisk()
            foreign, _ = start_journal(other, NAME, create=True, salt=bytes(16))
            for _ in range(6):
                foreign.append([Record(1, b"equal length")])
            parts[2] = bytes(other.files[NAME])[ends[2] : ends[3]]
    with pytest.raises(JournalLost, match="votes no more"):
        replay(data[: ends[0]] + b"".join(parts), NAME)


@pytest.mark.parametrize(
    "data", [b"", b"dpnode votes 1\n\n", b"dpnode votes 1\n\n" + SALT, b"dpnode votes 2\n\n" + bytes(99)]
)
def test_a_file_that_no_journal_ever_was_is_lost(data: bytes) -> None:
    with pytest.raises(JournalLost):
        replay(data, NAME)


@given(st.binary(max_size=300), st.integers(0, 3))
def test_no_bytes_break_the_replay_in_any_other_way(tail: bytes, batches: int) -> None:
    disk, _, records = written(batches)
    with suppress(JournalLost):
        assert replay(content(disk) + tail, NAME) == records


def test_a_record_that_contains_a_journal_is_not_taken_for_proof() -> None:
    inner = CrashDisk()
    forged, _ = start_journal(inner, NAME, create=True, salt=bytes(16))
    for number in range(9):
        forged.append(batch(number))
    disk, journal, records = written(2)
    journal.append([Record(1, content(inner) * 2), Record(1, b"")])
    data = content(disk)
    assert replay(data[:-60], NAME) == records


def test_a_full_disk_refuses_the_batch_whole_and_the_journal_goes_on_when_there_is_room() -> None:
    disk, journal, records = written(3)
    disk.fault = lambda number, what: errno.ENOSPC if what == "write" else None
    for _ in range(3):
        with pytest.raises(JournalFull, match="full"):
            journal.append(batch(3))
        with pytest.raises(JournalFull):
            journal.prune(batch(3))
    disk.fault = lambda number, what: None
    assert replay(content(disk), NAME) == records
    journal.append(batch(4))
    assert replay(content(disk), NAME) == records + batch(4)


def test_after_a_failed_sync_nothing_more_is_promised() -> None:
    disk, journal, _ = written(1)
    disk.fault = lambda number, what: errno.EIO if what == "sync" else None
    with pytest.raises(JournalBroken):
        journal.append(batch(1))
    disk.fault = lambda number, what: None
    for refused in (journal.append, journal.prune):
        with pytest.raises(JournalBroken, match="started again"):
            refused(batch(1))


@pytest.mark.parametrize(
    "records", [[], [Record(0, b"")], [Record(256, b"")], [Record(1, bytes(RECORD_BYTES_MAX + 1))]]
)
def test_what_a_journal_cannot_hold_is_our_own_mistake(records: list[Record]) -> None:
    _, journal, _ = written(0)
    with pytest.raises(AssertionError):
        journal.append(records)


async def test_a_real_folder_keeps_the_journal_for_one_owner_at_a_time(tmp_path: Path) -> None:
    with open_journal(tmp_path, create=True) as (journal, found):
        assert found == []
        votes = AsyncJournal(journal)
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(votes.append, [Record(1, b"same")])
        await votes.prune([Record(2, b"kept")])
        await votes.append([Record(3, b"later")])
        with pytest.raises(StoreLocked, match=rf"process {os.getpid()}\b"), open_journal(tmp_path, create=False):
            pass
    with open_journal(tmp_path, create=False) as (_, found):
        assert found == [Record(2, b"kept"), Record(3, b"later")]
    assert oct((tmp_path / NAME).stat().st_mode & 0o777) == "0o600"


def test_kill_9_loses_no_vote_that_was_acknowledged(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from dpnode.store.journal import *\n"
        "folder = Path(sys.argv[1])\n"
        "with open_journal(folder, create=not (folder / NAME).exists()) as (journal, found):\n"
        "    n = len(found)\n"
        "    while True:\n"
        "        journal.append([Record(1, b'%d' % n)]); print(n, flush=True); n += 1\n"
    )
    heard = -1
    for kills in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            text=True,
        )
        assert child.stdout is not None
        for _ in range(10 * kills + 3):
            heard = int(child.stdout.readline())
        child.kill()
        heard = max([heard, *(int(line) for line in child.stdout.read().split("\n")[:-1])])
        child.stdout.close()
        child.wait()
        found = replay((tmp_path / NAME).read_bytes(), NAME)
        assert [record.body for record in found] == [b"%d" % n for n in range(len(found))]
        assert len(found) in (heard + 1, heard + 2)
