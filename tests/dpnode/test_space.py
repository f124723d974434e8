"""A full disk is waited for, whoever writes; whoever asks is answered, and every other error goes its way."""

from __future__ import annotations

import errno

import pytest
import trio
import trio.testing

from dpnode.errors import FailKind, Problem
from dpnode.space import AGAIN_S, Space, full_disk
from dpnode.store.errors import JournalFull, StoreBroken, StoreFull


class Disk:
    """Raises so many times, then takes everything."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.tries = 0

    async def write(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "written"


async def test_a_write_that_finds_no_room_is_tried_until_there_is_some(autojump_clock: trio.testing.MockClock) -> None:
    space = Space()
    disk = Disk(StoreFull("ledger.db"), JournalFull("votes"), OSError(errno.ENOSPC, "", "x"), StoreFull("ledger.db"))
    began = trio.current_time()
    assert await space.until_written(disk.write) == "written"
    assert disk.tries == 5 and trio.current_time() - began == pytest.approx(4 * AGAIN_S)
    assert space.why == ""


async def test_every_other_error_goes_its_way(autojump_clock: trio.testing.MockClock) -> None:
    for error in (StoreBroken("ledger.db", "x"), OSError(errno.EIO, "x"), Problem(FailKind.REFUSED, "x")):
        with pytest.raises(type(error)):
            await Space().until_written(Disk(error).write)


async def test_whoever_waits_is_told_at_once_and_whoever_comes_later_is_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    space = Space()
    never = trio.Event()
    space.check()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(space.until_written, Disk(*[StoreFull("ledger.db")] * 3).write)
        assert not await space.is_done(never.wait)
        with pytest.raises(Problem, match="is full"):
            space.check()
        assert not await space.is_done(never.wait)
    never.set()
    assert await space.is_done(never.wait)


async def test_it_is_full_as_long_as_one_write_waits(autojump_clock: trio.testing.MockClock) -> None:
    space = Space()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(space.until_written, Disk(*[StoreFull("ledger.db")] * 9).write)
        await space.until_written(Disk(JournalFull("votes")).write)
        assert "ledger.db is full" in space.why
        nursery.cancel_scope.cancel()
    assert space.why == ""


def test_a_full_disk_is_found_behind_the_sentence_made_of_it() -> None:
    try:
        try:
            raise OSError(errno.ENOSPC, "no room", "keys/x")
        except OSError as error:
            raise Problem(FailKind.FAILED, "no key can be made") from error
    except Problem as problem:
        assert "keys/x is full" in str(full_disk(problem))
    assert full_disk(Problem(FailKind.FAILED, "x")) is None
