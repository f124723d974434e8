"""The small clocks: how long a view is waited for, when a start may vote, what is asked and how often one is answered.

SPEC V-18 (pace), V-19 (repetition), V-20 (questions and answers), V-21 (the barrier).
"""

from __future__ import annotations

import pytest

from ledger.consensus.barrier import WAIT_DELTAS, Barrier
from ledger.consensus.pace import DELTA_MS, GROWTH_MAX, REPEAT_MS_MAX, Pace
from ledger.consensus.repair import BLOCKS_ASKED_MAX, PEERS_MAX, VIEWS_ASKED_MAX, Repair
from ledger.consensus.votes import quorum

# -- pace


def test_a_view_is_given_up_after_two_paces_and_after_three_with_a_proposal() -> None:
    """V-18."""
    pace = Pace(4)
    pace.entered(1_000)
    assert pace.give_up_ms(has_proposal=False) == 1_000 + 2 * DELTA_MS
    assert pace.give_up_ms(has_proposal=True) == 1_000 + 3 * DELTA_MS
    assert pace.carry_ms() == 1_000 + 3 * DELTA_MS // 4


def test_the_pace_slows_by_half_with_each_view_in_vain_to_a_bound_and_comes_back() -> None:
    """V-18."""
    pace, seen = Pace(4), []
    for _ in range(GROWTH_MAX + 3):
        seen.append(pace.delta_ms)
        pace.ended(in_vain=True)
    assert seen[:4] == [DELTA_MS, DELTA_MS * 3 // 2, DELTA_MS * 9 // 4, DELTA_MS * 27 // 8]
    assert seen[GROWTH_MAX] == seen[-1] == DELTA_MS * 3**GROWTH_MAX // 2**GROWTH_MAX
    for _ in range(GROWTH_MAX + 3):
        pace.ended(in_vain=False)
    assert pace.delta_ms == DELTA_MS


def test_everything_is_said_again_after_growing_pauses_up_to_a_bound() -> None:
    """V-19."""
    pace, pauses, at_ms = Pace(4), [], 0
    pace.entered(0)
    for _ in range(20):
        pauses.append(pace.repeat_ms - at_ms)
        at_ms = pace.repeat_ms
        pace.repeated(at_ms)
    assert pauses[:3] == [2 * DELTA_MS, 2 * DELTA_MS * 8 // 5, 2 * DELTA_MS * 64 // 25]
    assert pauses == sorted(pauses) and pauses[-1] == REPEAT_MS_MAX
    pace.entered(at_ms)
    assert pace.repeat_ms == at_ms + 2 * DELTA_MS


def test_a_witness_is_silent_once_no_vote_of_it_was_seen_for_two_rounds() -> None:
    """V-18: rule 17."""
    pace = Pace(4)
    pace.saw(1, 10)
    assert not pace.is_silent(1, 18, 1)
    assert pace.is_silent(1, 19, 1)
    pace.saw(1, 11)
    assert not pace.is_silent(1, 19, 1)
    pace.saw(1, 5)
    assert not pace.is_silent(1, 19, 1), "a late vote of an old view takes nothing back"


def test_who_was_never_heard_of_is_not_silent_and_who_said_hello_becomes_it() -> None:
    """V-18."""
    pace = Pace(4)
    assert not pace.is_silent(2, 1_000, 1)
    pace.known(2, 100)
    pace.known(2, 200)
    assert not pace.is_silent(2, 108, 1) and pace.is_silent(2, 109, 1)


@pytest.mark.parametrize(("n", "faulty"), [(1, 0), (2, 0), (3, 0), (4, 1), (7, 2)])
def test_nobody_is_skipped_while_more_look_silent_than_may_be_faulty(n: int, faulty: int) -> None:
    """V-18: with f = 0 nobody ever is."""
    pace = Pace(n)
    for silent in range(n):
        assert pace.is_silent(0, 1_000, faulty) is (0 < silent <= faulty)
        pace.saw(silent, 1)


# -- barrier


def opens(barrier: Barrier, monotonic_ms: int) -> bool:
    barrier.look(monotonic_ms, 300)
    return barrier.is_open


@pytest.mark.parametrize("n", [2, 3, 4, 5, 7])
def test_voting_waits_for_a_quorum_less_itself_and_a_little_for_the_rest(n: int) -> None:
    """V-21."""
    barrier, enough = Barrier(n), quorum(n) - 1
    barrier.token = 5
    for place in range(1, enough):
        barrier.answered(place, 5)
        barrier.answered(place, 5)
        assert not opens(barrier, 10_000_000) and barrier.wake_ms(300) is None
    barrier.answered(enough, 5)
    last_ms = 1_000 + WAIT_DELTAS * 300
    assert opens(barrier, 1_000) is (enough == n - 1)
    if enough < n - 1:
        assert barrier.wake_ms(300) == last_ms
        assert not opens(barrier, last_ms - 1)
        assert opens(barrier, last_ms)
    assert barrier.wake_ms(300) is None


def test_when_all_have_answered_nothing_is_waited_for() -> None:
    """V-21."""
    barrier = Barrier(4)
    for place in (1, 2, 3):
        barrier.answered(place, 0)
    barrier.look(0, 300)
    assert barrier.is_open


def test_an_answer_to_an_earlier_start_does_not_count() -> None:
    """V-21."""
    barrier = Barrier(4)
    barrier.token = 9
    for place in (1, 2, 3):
        barrier.answered(place, 8)
    barrier.look(10_000_000, 300)
    assert not barrier.is_open


def test_alone_or_cleared_nobody_is_asked() -> None:
    """V-21."""
    assert Barrier(1).is_open and Barrier(4, is_open=True).is_open and not Barrier(2).is_open


# -- questions and answers


def test_one_question_at_a_time_and_once_in_half_a_pace() -> None:
    """V-20."""
    repair = Repair()
    assert repair.ask(1, 0, 300) is None
    repair.source = b"peer"
    repair.want_views([5, 4, 5])
    repair.want_blocks([b"x"])
    question = repair.ask(1, 1_000, 300)
    assert question is not None
    peer, ask = question
    assert (peer, ask.epoch, ask.views, ask.blocks) == (b"peer", 1, (5, 4), (b"x",))
    repair.want_views([5])
    assert repair.ask(1, 1_149, 300) is None
    repair.want_views([5])
    assert repair.ask(1, 1_150, 300) is not None


def test_after_a_repetition_everybody_is_asked_and_at_once() -> None:
    """V-19, V-20."""
    repair = Repair()
    repair.source = b"peer"
    repair.want_blocks([b"x"])
    assert repair.ask(1, 0, 300) is not None
    repair.again()
    question = repair.ask(1, 1, 300)
    assert question is not None and question[0] is None
    repair.got(b"x")
    repair.again()
    assert repair.ask(1, 2, 300) is None


def test_what_is_asked_is_bounded_and_the_newest_wishes_stay() -> None:
    """V-20."""
    repair = Repair()
    repair.want_views(range(-5, 10_000))
    repair.want_blocks(bytes([one]) for one in range(100))
    question = repair.ask(1, 0, 300)
    assert question is not None
    assert len(question[1].views) == VIEWS_ASKED_MAX and min(question[1].views) == 1
    assert question[1].blocks == tuple(bytes([one]) for one in range(100 - BLOCKS_ASKED_MAX, 100))
    assert repair.wants(bytes([99])) and not repair.wants(bytes([0]))


def test_when_the_floor_moves_nothing_is_wanted_any_more() -> None:
    repair = Repair()
    repair.want_views([1])
    repair.want_blocks([b"x"])
    repair.forget()
    assert repair.ask(1, 0, 300) is None


def test_one_machine_is_answered_once_in_half_a_pace_about_each_thing() -> None:
    """V-20."""
    repair = Repair()
    assert repair.may_answer(b"p", "ask", 1_000, 300)
    assert not repair.may_answer(b"p", "ask", 1_149, 300)
    assert repair.may_answer(b"p", "behind", 1_149, 300) and repair.may_answer(b"q", "ask", 1_149, 300)
    assert repair.may_answer(b"p", "ask", 1_150, 300)


def test_of_how_many_machines_the_last_answer_is_remembered_is_bounded() -> None:
    """V-20."""
    repair = Repair()
    for number in range(3 * PEERS_MAX):
        assert repair.may_answer(number.to_bytes(4, "big"), "ask", 0, 300)
    assert len(repair._answered) == PEERS_MAX
