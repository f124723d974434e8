"""Several machines bring blocks at once: which heights of whom, in which order, and what one costs that does not bring.

SPEC P-90, P-91, P-92, and P-31 of it.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given

from protocol.limits import (
    ASKED_AT_ONCE_MAX,
    RANGE_BYTES_MAX,
    RANGE_DEADLINE_MS,
    RANGE_MS,
    RANGE_SLOW_MS,
    RANGES_LATER_MAX,
    RANGES_QUEUED_MAX,
)
from protocol.messages import AskRange, Blocks
from protocol.replication.sync import CatchingUp
from tests.protocol.replication.test_sync import EVENTS, A, B, C, asked, behind, blocks
from tests.protocol.stand import now

FULL = 100
"""Blocks in a range here: of a hundredth of the most each."""


def full(start: int, count: int = FULL, height: int = 10_000) -> Blocks:
    return Blocks(start=start, blocks=[b"x" * (RANGE_BYTES_MAX // FULL)] * count, certificate=b"c", height=height)


def spread() -> tuple[CatchingUp, dict[bytes, AskRange]]:
    """Three machines are ahead, and a first range has told how large blocks are."""
    sync = behind(a=10_000, b=10_000, c=10_000)
    assert asked(sync) == (A, 1)
    sync.came(A, full(1), 0, now())
    return sync, dict(sync.ask_all(0, now()))


def test_several_machines_bring_different_heights_at_once() -> None:
    """P-90: none of which stands in two of their stretches."""
    sync, asks = spread()
    assert asks.keys() == {A, B, C}
    assert asks[A].start == 1 + FULL
    assert asks[B].start > asks[A].start + 2 * FULL
    assert asks[C].start > asks[B].start + 2 * FULL
    assert sync.ask_all(0, now()) == []
    below = asks[B].start - 1
    while asks[A].start + FULL <= below:
        sync.came(A, full(asks[A].start), 0, now())
        sync.take()
        asks[A] = dict(sync.ask_all(0, now()))[A]
    assert asks[A].end == below


def test_ranges_are_checked_in_the_order_of_their_heights_whoever_comes_first() -> None:
    """P-90."""
    sync, asks = spread()
    assert sync.came(C, full(asks[C].start), 0, now())
    assert sync.came(B, full(asks[B].start), 0, now())
    assert not sync.is_ready, "more of the lowest stretch is on its way"
    heights = []
    for _ in range(40):
        for peer, one in list(asks.items()):
            del asks[peer]
            last = one.start + FULL - 1 if one.end is None else min(one.end, one.start + FULL - 1)
            sync.came(peer, full(one.start, last - one.start + 1), 0, now())
        heights += [(one.blocks.start, one.last) for one in sync.take()]
        asks |= sync.ask_all(0, now())
    assert len(heights) > 40
    assert all(below[1] + 1 == above[0] for below, above in pairwise(heights))


def test_what_waits_of_several_machines_is_bounded() -> None:
    """P-90: where the lowest range does not come, the others fetch so far ahead and no further."""
    sync, asks = spread()
    slow = asks.pop(A)
    ahead = 0
    while asks:
        (peer, one), *_ = asks.items()
        del asks[peer]
        last = one.start + FULL - 1 if one.end is None else min(one.end, one.start + FULL - 1)
        ahead += sync.came(peer, full(one.start, last - one.start + 1), 0, now())
        asks |= sync.ask_all(0, now())
    assert len(sync._later) == ahead < RANGES_LATER_MAX
    sync.came(A, full(slow.start), 0, now())
    assert (A, slow.start + FULL) in [(peer, one.start) for peer, one in sync.ask_all(0, now())]


def test_a_liar_costs_what_it_brought_itself() -> None:
    """P-31, P-92: what others brought above it waits for the same heights from somebody else."""
    sync, asks = spread()
    sync.came(B, full(asks[B].start), 0, now())
    sync.came(A, full(asks[A].start), 0, now())
    assert {one.peer for one in sync.take()} == {A}
    sync.failed(A)
    (again,) = sync.ask_all(0, now())
    assert (again[0], again[1].start) == (B, 1), "all that the liar brought"
    assert [one.peer for one in sync._later] == [B]


@pytest.mark.parametrize("happens", ["lost", "overdue", "empty"])
def test_what_a_machine_does_not_bring_is_asked_of_another_and_nothing_else_is(happens: str) -> None:
    """P-92."""
    sync, asks = spread()
    sync.came(C, full(asks[C].start), 0, now())
    sync.came(A, full(asks[A].start), 0, now())
    owed, at_ms = asks[B].start, 0
    if happens == "lost":
        sync.lost(B)
    elif happens == "empty":
        sync.came(B, blocks(owed, 0), 0, now())
    else:
        at_ms = RANGE_DEADLINE_MS
    starts = {one.start: peer for peer, one in sync.ask_all(0, now(at_ms))}
    assert starts[owed] in (A, C)
    assert asks[C].start not in starts and asks[A].start not in starts


def test_a_slow_machine_is_asked_for_less_at_a_time() -> None:
    """P-91: so that what is asked for comes within a few seconds, on a slow line too."""
    sync = behind(a=10_000)
    asked(sync)
    sync.came(A, full(1), 0, now(4 * RANGE_MS))
    (found,) = sync.ask_all(0, now(4 * RANGE_MS))
    assert found[1].bytes == RANGE_BYTES_MAX // FULL * FULL // 4
    sync.came(A, blocks(found[1].start, 1), 0, now(9 * RANGE_MS))
    (again,) = sync.ask_all(0, now(9 * RANGE_MS))
    assert again[1].bytes == found[1].bytes, "little of it tells of no line"


def test_where_all_are_slow_nothing_is_asked_for_twice() -> None:
    """P-91: a line that all share would only become slower."""
    sync = behind(a=10_000, b=10_000)
    asked(sync)
    sync.came(A, full(1), 0, now(RANGE_MS))
    assert len(sync.ask_all(0, now(RANGE_MS))) == 2
    sync.known(C, 10_000)
    sync.ask_all(0, now(RANGE_MS))
    assert sync.ask_all(0, now(RANGE_MS + RANGE_SLOW_MS)) == []
    assert len(sync.ask_all(0, now(5 * RANGE_MS))) == 0


@given(EVENTS)
def test_whatever_machines_bring_no_height_is_left_out_and_none_is_forgotten(
    events: list[tuple[str, bytes, int, int]],
) -> None:
    """P-90, P-92: after any events one good machine brings all that is missing, in order."""
    sync, height, at_ms = CatchingUp(), 3, 0
    owed: list[tuple[bytes, AskRange]] = []
    for what, peer, number, count in events:
        at_ms += 500 * number
        match what:
            case "known":
                sync.known(peer, 40 * number)
            case "came" if owed:
                whose, one = owed.pop(number % len(owed))
                sync.came(whose, full(one.start, max(1, 9 * count), 400), height, now(at_ms))
            case "failed":
                sync.failed(peer)
            case "lost":
                sync.lost(peer)
            case "take":
                for taken in sync.take():
                    assert taken.blocks.start <= height + 1 or not taken.blocks.blocks
                    height = max(height, taken.last)
            case _:
                owed += sync.ask_all(height, now(at_ms))
        assert len(sync._queue) <= RANGES_QUEUED_MAX
        assert len(sync._later) <= RANGES_LATER_MAX + RANGES_QUEUED_MAX
        assert len(sync._asked) <= ASKED_AT_ONCE_MAX
    good = b"good"
    sync.known(good, 1_000)
    for peer in (A, B, C):
        sync.lost(peer)
    for _ in range(200):
        at_ms += 1
        for whose, one in sync.ask_all(height, now(at_ms)):
            last = min(1_000, one.start + FULL - 1, one.end or 1_000)
            sync.came(whose, full(one.start, last - one.start + 1, 1_000), height, now(at_ms))
        for taken in sync.take():
            assert taken.blocks.start <= height + 1
            height = max(height, taken.last)
    assert height >= 1_000
