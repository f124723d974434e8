"""Which machine is asked for which blocks, event by event (SPEC P-31, P-32, P-33, P-35, P-36, P-37, P-91)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.limits import LOST_OWING_MAX, RANGE_BYTES_MAX, RANGE_DEADLINE_MS, RANGE_SLOW_MS, RANGES_QUEUED_MAX
from protocol.messages import AskRange, Blocks
from protocol.replication.sync import CatchingUp
from tests.protocol.stand import now

A, B, C = b"a", b"b", b"c"


def blocks(start: int, count: int, height: int = 0) -> Blocks:
    return Blocks(start=start, blocks=[b"x"] * count, certificate=b"c", height=height)


def asked(sync: CatchingUp, height: int = 0, after_ms: int = 0) -> tuple[bytes, int] | None:
    found = sync.ask(height, now(after_ms))
    return None if found is None else (found[0], found[1].start)


def behind(**heights: int) -> CatchingUp:
    sync = CatchingUp()
    for name, height in heights.items():
        sync.known(name.encode(), height)
    return sync


def test_nobody_is_asked_while_nobody_is_ahead() -> None:
    assert asked(CatchingUp()) is None
    assert asked(behind(a=5), height=5) is None


def test_the_one_who_is_furthest_is_asked_for_the_next_block() -> None:
    assert behind(a=5, b=9, c=9).ask(3, now()) == (B, AskRange(start=4, bytes=RANGE_BYTES_MAX))


def test_a_lower_word_does_not_take_a_higher_one_back() -> None:
    sync = behind(a=9)
    sync.known(A, 3)
    assert sync.height_of(A) == 9
    assert sync.height_of(B) == 0


def test_only_one_range_is_asked_for_at_a_time() -> None:
    sync = behind(a=9)
    assert asked(sync) == (A, 1)
    assert asked(sync) is None
    assert sync.deadline_ms() == now().monotonic_ms + RANGE_DEADLINE_MS


def test_the_next_range_is_asked_for_while_one_waits_to_be_checked() -> None:
    sync = behind(a=9)
    asked(sync)
    assert sync.came(A, blocks(1, 4), 0, now())
    assert sync.deadline_ms() is None
    assert asked(sync) == (A, 5)


def test_no_more_than_three_ranges_wait() -> None:
    sync = behind(a=99)
    for n in range(RANGES_QUEUED_MAX):
        asked(sync)
        assert sync.came(A, blocks(1 + n, 1), 0, now())
    assert asked(sync) is None
    assert not sync.came(A, blocks(1 + RANGES_QUEUED_MAX, 1), 0, now())
    assert [waiting.blocks.start for waiting in sync.take()] == [1, 2, 3]
    assert asked(sync) == (A, 4)


def test_what_comes_of_one_machine_is_waited_for_and_checked_together() -> None:
    """P-37."""
    sync = behind(a=4)
    for start in (1, 2):
        asked(sync)
        sync.came(A, blocks(start, 1), 0, now())
    asked(sync)
    assert sync.is_busy and not sync.is_ready
    assert sync.take() == []
    sync.came(A, blocks(3, 2), 0, now())
    assert asked(sync) is None, "nothing more is claimed"
    taken = sync.take()
    assert [waiting.blocks.start for waiting in taken] == [1, 2, 3]
    sync.put_back(taken[1:])
    assert sync.take() == taken[1:]


def test_what_one_machine_brought_is_checked_at_once_when_another_is_asked_or_it_is_gone() -> None:
    """P-37: whoever stops in the middle delays nobody beyond its deadline, and what it brought is not lost."""
    for happens in ("overdue", "lost"):
        sync = behind(a=9, b=8)
        asked(sync)
        sync.came(A, blocks(1, 1), 0, now())
        assert asked(sync) == (A, 2) and not sync.is_ready
        if happens == "lost":
            sync.lost(A)
        assert asked(sync, after_ms=RANGE_DEADLINE_MS) == (B, 2)
        assert [waiting.peer for waiting in sync.take()] == [A]


def test_ranges_of_two_machines_are_not_checked_together() -> None:
    """P-37: who is at fault must be plain."""
    sync = CatchingUp()
    sync.came(A, blocks(1, 1), 0, now())
    sync.came(B, blocks(2, 1), 0, now())
    assert [waiting.peer for waiting in sync.take()] == [A]
    assert [waiting.peer for waiting in sync.take()] == [B]


@pytest.mark.parametrize("start", [1, 2, 4, 9])
def test_a_range_that_does_not_continue_what_waits_is_of_no_use(start: int) -> None:
    sync = behind(a=9)
    sync.came(B, blocks(1, 2), 0, now())
    assert sync.came(B, blocks(start, 1), 0, now()) is False


def test_a_range_nobody_asked_for_is_taken_where_it_continues() -> None:
    sync = CatchingUp()
    assert sync.came(A, blocks(4, 2), 3, now())
    assert sync.came(B, blocks(6, 1), 3, now())
    assert sync.is_busy
    assert sync.take() and sync.take()
    assert not sync.take()
    assert not sync.is_busy


def test_an_overdue_machine_is_left_and_the_next_is_asked() -> None:
    sync = behind(a=9)
    assert asked(sync) == (A, 1)
    assert asked(sync, after_ms=RANGE_DEADLINE_MS - 1) is None
    assert sync.target == 9
    assert asked(sync, after_ms=RANGE_DEADLINE_MS) is None
    assert sync.target == 0
    sync.known(B, 8)
    assert asked(sync, after_ms=RANGE_DEADLINE_MS) == (B, 1)


def test_what_takes_long_is_asked_of_another_that_has_nothing_to_do_and_the_first_to_bring_it_counts() -> None:
    """P-91: nobody is doubted for it before its deadline."""
    sync = behind(a=9, b=8)
    assert asked(sync) == (A, 1)
    assert sync.deadline_ms() == now(RANGE_SLOW_MS).monotonic_ms
    assert asked(sync, after_ms=RANGE_SLOW_MS - 1) is None
    assert asked(sync, after_ms=RANGE_SLOW_MS) == (B, 1)
    assert asked(sync, after_ms=RANGE_SLOW_MS) is None
    assert sync.deadline_ms() == now(RANGE_DEADLINE_MS).monotonic_ms
    assert sync.came(B, blocks(1, 4), 0, now(RANGE_SLOW_MS + 1))
    assert not sync.came(A, blocks(1, 4), 0, now(RANGE_SLOW_MS + 2))
    assert sync.target == 9
    assert [waiting.peer for waiting in sync.take()] == [B]


def test_who_failed_is_asked_again_only_after_a_new_word_and_then_last() -> None:
    sync = behind(a=9, b=8)
    asked(sync)
    sync.failed(A)
    sync.lost(B)
    assert asked(sync) is None
    sync.known(A, 20)
    sync.known(B, 8)
    assert asked(sync) == (B, 1)


def test_a_doubted_machine_makes_nobody_wait() -> None:
    sync = behind(a=9)
    sync.failed(A)
    sync.known(A, 99)
    assert asked(sync) == (A, 1)
    sync.known(B, 9)
    assert asked(sync) == (B, 1)


def test_what_a_doubted_machine_claims_is_no_target_until_it_brings_blocks() -> None:
    sync = behind(a=9, b=4)
    assert sync.target == 9
    sync.failed(A)
    sync.known(A, 10**15)
    assert sync.target == 4
    sync.lost(A)
    sync.known(A, 10**15)
    assert sync.target == 4
    sync.proved(A)
    assert sync.target == 10**15


def test_an_empty_answer_lowers_the_claim_and_raises_doubt() -> None:
    sync = behind(a=9)
    asked(sync, height=5)
    assert not sync.came(A, blocks(6, 0, height=10**12), 5, now())
    assert sync.height_of(A) == 5
    sync.known(A, 9)
    assert sync.target == 0


def test_an_empty_range_nobody_asked_for_raises_no_doubt() -> None:
    sync = behind(a=9)
    assert not sync.came(A, blocks(20, 0, height=9), 5, now())
    assert sync.target == 9


def test_a_lost_machine_owes_nothing_more() -> None:
    sync = behind(a=9, b=8)
    asked(sync)
    sync.lost(A)
    assert asked(sync) == (B, 1)
    sync.lost(C)
    assert sync.target == 8


def test_who_hangs_up_again_and_again_while_it_owes_blocks_makes_nobody_wait() -> None:
    """P-35: else a member could stop the only witness by claiming, hanging up in time, and claiming anew."""
    sync = behind(a=9)
    for _ in range(LOST_OWING_MAX):
        assert sync.target == 9
        assert asked(sync) == (A, 1)
        sync.lost(A)
        sync.known(A, 9)
    assert sync.target == 0
    assert asked(sync) == (A, 1)
    sync.proved(A)
    assert sync.target == 9


def test_a_range_that_does_not_hold_drops_all_that_waits() -> None:
    sync = behind(a=9, b=9)
    asked(sync)
    sync.came(A, blocks(1, 3), 0, now())
    sync.failed(A)
    assert not sync.is_busy
    assert asked(sync) == (B, 1)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("known", "came", "ask", "failed", "lost", "take", "proved")),
        st.sampled_from((A, B, C)),
        st.integers(1, 12),
        st.integers(0, 5),
    ),
    max_size=60,
)


@given(EVENTS)
def test_no_order_of_events_makes_it_hold_or_ask_for_too_much(events: list[tuple[str, bytes, int, int]]) -> None:
    sync, height, at_ms = CatchingUp(), 3, 0
    for what, peer, number, count in events:
        at_ms += number * 1_000
        match what:
            case "known":
                sync.known(peer, number)
            case "came":
                sync.came(peer, blocks(number, count, height=number + count), height, now())
            case "ask":
                found: Any = sync.ask(height, now(at_ms))
                assert found is None or found[1].start > height
            case "failed":
                sync.failed(peer)
            case "lost":
                sync.lost(peer)
            case "proved":
                sync.proved(peer)
            case _:
                sync.take()
        assert len(sync._queue) <= RANGES_QUEUED_MAX
        starts = [item.blocks.start for item in sync._queue]
        assert starts == sorted(starts)
