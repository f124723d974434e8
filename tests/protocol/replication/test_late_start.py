"""Beginning late: who is asked for which piece, what a liar costs, when the ledger is replayed (SPEC P-93 to P-99)."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.pieces import read_piece
from protocol.limits import (
    LATE_ALONE_MS,
    LATE_PATIENCE_MS,
    OUTLINE_AGAIN_MS,
    OUTLINE_LATER_MS,
    OUTLINES_MAX,
    PIECE_FAILURES_MAX,
    PIECE_REST_MS,
    PIECES_ASKED_MAX,
    PIECES_PER_MACHINE_MAX,
    RANGE_SLOW_MS,
)
from protocol.replication.late_words import (
    AskOutline,
    Begin,
    Brought,
    Connected,
    Dial,
    Effect,
    KeepOutline,
    LeftAside,
    Lost,
    Offered,
    Replay,
    Spoiled,
    Tick,
    Unanswered,
)
from protocol.replication.snapshot_words import Machine, Offer, write_offer
from tests.ledger.town import Town
from tests.protocol.replication.late_home import (
    ALL,
    HISTORY,
    LARGE,
    MAKING,
    OUTLINES,
    PAIRS,
    PIECES,
    SHORT,
    SMALL,
    A,
    B,
    C,
    Home,
    of,
    offering,
)
from tests.protocol.stand import now


def test_a_machine_is_asked_what_it_has_and_then_for_pieces_until_all_are_there() -> None:
    """P-93, P-95."""
    home = Home()
    assert home.hear(Connected(peer=A)) == [AskOutline(peer=A)]
    effects = home.hear(Offered(peer=A, reply=offering(SMALL)))
    assert isinstance(effects[0], KeepOutline), "before any piece"
    (begin,) = of(home.finish(), Begin)
    got = [pair for node, data in home.kept.items() for pair in read_piece(data, begin.outline, node)]
    assert sorted(got) == PAIRS
    assert home.hear(Tick()) == [], "it is being read"


def test_no_more_is_on_its_way_than_the_bounds_allow() -> None:
    """P-95."""
    home = Home()
    home.meet(A, depth=LARGE)
    assert len(home.asked) == PIECES_PER_MACHINE_MAX
    home.meet(*(bytes([n]) for n in range(10)), depth=LARGE)
    assert len(home.asked) == PIECES_ASKED_MAX
    assert len({one.node for one in home.asked}) == PIECES_ASKED_MAX


def test_a_piece_that_takes_long_is_asked_of_another_machine_and_counts_once() -> None:
    """P-95."""
    home = Home()
    home.meet(A)
    slow = list(home.asked)
    home.asked.clear()
    home.meet(B)
    while home.asked:
        home.bring(home.asked.popleft())
    assert home.core.wake_ms(now()) == now(RANGE_SLOW_MS).monotonic_ms
    home.hear(Tick(), RANGE_SLOW_MS)
    assert [(one.peer, one.node) for one in home.asked] == [(B, one.node) for one in slow]
    assert of(home.finish(), Begin)
    assert home.bring(slow[0]) == []


def test_who_brings_a_wrong_piece_is_named_and_left_aside_and_the_others_go_on() -> None:
    """P-96."""
    home = Home()
    home.meet(A, B)
    lie = next(one for one in home.asked if one.peer == A)
    (aside,) = of(home.hear(Brought(peer=A, node=lie.node, data=ALL[lie.node] + b"\0")), LeftAside)
    assert (aside.peer, "brought what is no piece" in aside.sentence) == (A, True)
    assert lie.node not in home.kept
    assert home.hear(Connected(peer=A)) == [], "also after it came back"
    home.asked = deque(one for one in home.asked if one.peer == B)
    assert of(home.finish(), Begin)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"\xc1", "cannot be used"),
        (write_offer(Offer(outline=(OUTLINES[SMALL][0][:-1], OUTLINES[SMALL][1]))), "cut off"),
        (write_offer(Offer(outline=(OUTLINES[SMALL][0], OUTLINES[SMALL][1][:-32]))), "no hashes"),
        (write_offer(Offer(outline=(OUTLINES[SMALL][0], bytes(256)))), "state root"),
    ],
)
def test_who_offers_a_snapshot_that_does_not_hold_is_named_and_left_aside(reply: bytes, why: str) -> None:
    """P-96."""
    home = Home()
    home.hear(Connected(peer=A))
    (aside,) = of(home.hear(Offered(peer=A, reply=reply)), LeftAside)
    assert why in aside.sentence
    assert home.hear(Tick()) == []


def test_a_snapshot_of_another_network_another_history_or_of_a_size_there_is_no_room_for_is_refused() -> None:
    """P-56, P-95, P-96."""
    height = HISTORY.head.header.height
    for given_, why in (
        ({"charter": Town(people=1).charter}, "cannot be used"),
        ({"anchor": (height, bytes(32))}, f"its block {height} is not the one that the invitation names"),
        ({"room_bytes": 100}, "there is room for 100 here"),
    ):
        home = Home(**given_)
        home.hear(Connected(peer=A))
        (aside,) = of(home.hear(Offered(peer=A, reply=offering(SMALL))), LeftAside)
        assert why in aside.sentence


def test_a_machine_that_makes_one_is_asked_again_until_it_has() -> None:
    """P-94."""
    home = Home()
    home.hear(Connected(peer=A))
    assert home.hear(Offered(peer=A, reply=MAKING)) == []
    assert home.core.wake_ms(now()) == now(OUTLINE_AGAIN_MS).monotonic_ms
    assert home.hear(Tick(), OUTLINE_AGAIN_MS) == [AskOutline(peer=A)]
    home.hear(Offered(peer=A, reply=offering(SMALL)))
    assert of(home.finish(), Begin)


def test_who_does_not_answer_is_left_in_peace_and_asked_anew_three_times() -> None:
    """P-96, P-98."""
    home = Home()
    effects = home.meet(A)
    for failure in range(PIECE_FAILURES_MAX):
        home.asked.clear()
        effects = home.hear(Unanswered(peer=A, node=None))
        assert not of(effects, AskOutline)
        if failure < PIECE_FAILURES_MAX - 1:
            assert of(home.hear(Tick(), PIECE_REST_MS), AskOutline)
    (replay,) = of(effects, Replay)
    assert "nobody who is connected has a snapshot" in replay.reason
    assert home.core.wake_ms(now(home.at_ms)) is None


def test_who_offers_again_and_again_and_brings_nothing_is_not_waited_for() -> None:
    """P-96, P-98."""
    home = Home()
    effects = home.meet(A)
    for _ in range(PIECE_FAILURES_MAX):
        assert not of(effects, Replay)
        for one in [home.asked.popleft() for _ in range(len(home.asked))]:
            effects += home.hear(Unanswered(peer=A, node=one.node))
        if of(home.hear(Tick(), PIECE_REST_MS), AskOutline):
            home.hear(Offered(peer=A, reply=offering(SMALL)))
    assert of(effects, Replay)


def test_what_one_machine_did_not_bring_another_does() -> None:
    """P-95, P-97: also of the outline of another, whose pieces have the same names."""
    home = Home()
    home.meet(A)
    home.bring(home.asked.popleft())
    home.asked.clear()
    home.hear(Lost(peer=A))
    assert not home.asked
    home.meet(B)
    assert {one.peer for one in home.asked} == {B}
    assert of(home.finish(), Begin)
    assert len(home.kept) == len(PIECES[SMALL])


def test_where_nobody_has_the_rest_another_outline_is_gone_on_with_and_no_piece_is_fetched_twice() -> None:
    """P-97."""
    home = Home()
    home.meet(A)
    home.asked.clear()
    home.hear(Lost(peer=A))
    home.meet(B, depth=LARGE)
    assert home.outline == OUTLINES[LARGE]
    (begin,) = of(home.finish(), Begin)
    assert begin.outline.depth == LARGE


def test_after_a_start_what_is_on_the_disk_is_not_fetched_again() -> None:
    """P-97."""
    first = Home()
    first.meet(A)
    for _ in range(4):
        first.bring(first.asked.popleft())
    sizes = {node: len(data) for node, data in first.kept.items()}
    again = Home(kept=first.outline, pieces=sizes)
    assert again.core.progress().pieces == 4
    again.meet(B)
    assert of(again.finish(), Begin)
    assert not again.kept.keys() & first.kept.keys()


def test_what_was_whole_before_a_start_needs_nobody() -> None:
    """P-97."""
    sizes = {node: len(data) for node, data in PIECES[SMALL].items()}
    home = Home(kept=OUTLINES[SMALL], pieces=sizes)
    assert of(home.hear(Tick()), Begin)


def test_a_spoiled_piece_is_fetched_again() -> None:
    """P-97."""
    home = Home()
    home.meet(A)
    assert of(home.finish(), Begin)
    (node, *_) = PIECES[SMALL]
    home.hear(Spoiled(node=node))
    assert [one.node for one in home.asked] == [node]
    assert of(home.finish(), Begin)


def test_an_outline_that_was_spoiled_on_the_disk_is_offered_again() -> None:
    """P-97."""
    home = Home(kept=(OUTLINES[SMALL][0][:-3], OUTLINES[SMALL][1]))
    home.meet(A)
    assert of(home.finish(), Begin)


def test_a_ledger_that_everybody_calls_short_is_replayed() -> None:
    """P-98."""
    home = Home()
    home.hear(Connected(peer=A))
    home.hear(Connected(peer=B))
    assert not of(home.hear(Offered(peer=A, reply=SHORT)), Replay)
    (replay,) = of(home.hear(Offered(peer=B, reply=SHORT)), Replay)
    assert "fewer than 100 entries" in replay.reason
    assert home.hear(Connected(peer=C)) == []


def test_who_only_promises_is_not_waited_for_without_end() -> None:
    """P-98."""
    home = Home()
    home.hear(Connected(peer=A))
    found: list[Any] = []
    for _ in range(LATE_PATIENCE_MS // OUTLINE_AGAIN_MS + 2):
        found += of(home.hear(Tick(), OUTLINE_AGAIN_MS), Replay)
        if not found:
            home.hear(Offered(peer=A, reply=MAKING))
    assert [one.reason for one in found] == ["nothing came of a snapshot for a while"]


def test_where_all_lied_somebody_else_is_waited_for_a_little() -> None:
    """P-98."""
    home = Home()
    home.hear(Connected(peer=A))
    home.hear(Offered(peer=A, reply=b"x"))
    assert home.core.wake_ms(now()) == now(LATE_ALONE_MS).monotonic_ms
    assert not of(home.hear(Tick(), LATE_ALONE_MS - 1), Replay)
    assert of(home.hear(Tick(), 1), Replay)


def test_with_nobody_connected_it_waits() -> None:
    home = Home()
    assert home.hear(Tick(), 10 * LATE_PATIENCE_MS) == []
    assert home.core.wake_ms(now(home.at_ms)) is None


def test_machines_that_are_named_are_dialled_and_those_known_are_not() -> None:
    """P-99."""
    home = Home()
    home.hear(Connected(peer=A))
    home.hear(Connected(peer=B))
    named = [Machine(peer=peer, addresses=("/ip4/127.0.0.1/tcp/1",)) for peer in (A, B, C)]
    effects = home.hear(Offered(peer=A, reply=offering(SMALL, *named)))
    assert of(effects, Dial) == [Dial(peer=C, addresses=("/ip4/127.0.0.1/tcp/1",))]


def test_no_more_outlines_are_held_than_the_bound() -> None:
    """P-95."""
    home = Home()
    again = []
    for depth in OUTLINES:
        again += of(home.meet(bytes([depth]), depth=depth), AskOutline)
    assert len(home.core._outlines) == OUTLINES_MAX
    assert len(again) == len(OUTLINES), "each was asked once"
    assert len(of(home.hear(Tick(), OUTLINE_LATER_MS), AskOutline)) == len(OUTLINES) - OUTLINES_MAX


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("meet", "lose", "bring", "lie", "fail", "offer", "short", "tick", "spoil")),
        st.sampled_from((A, B, C)),
        st.integers(0, 7),
    ),
    max_size=80,
)


@given(EVENTS)
def test_whatever_machines_do_a_good_one_brings_the_rest_and_nothing_wrong_is_kept(
    events: list[tuple[str, bytes, int]],
) -> None:
    """P-95 to P-98."""
    home = Home()
    effects: list[Effect] = []
    for what, peer, number in events:
        match what:
            case "meet":
                effects = home.hear(Connected(peer=peer))
            case "lose":
                effects = home.hear(Lost(peer=peer))
            case "bring" if home.asked:
                effects = home.bring(home.asked.popleft(), number)
            case "lie" if home.asked:
                one = home.asked.popleft()
                effects = home.hear(Brought(peer=one.peer, node=one.node, data=bytes([number]) * 40))
            case "fail" if home.asked:
                one = home.asked.popleft()
                effects = home.hear(Unanswered(peer=one.peer, node=one.node), number)
            case "offer":
                effects = home.hear(Offered(peer=peer, reply=offering(SMALL if number % 2 else LARGE)))
            case "short":
                effects = home.hear(Offered(peer=peer, reply=SHORT))
            case "spoil" if home.kept:
                node = list(home.kept)[number % len(home.kept)]
                effects = home.hear(Spoiled(node=node))
            case _:
                effects = home.hear(Tick(), 1_000 * number)
        assert all(data == ALL[node] for node, data in home.kept.items())
        assert sum(len(one.of) for one in home.core._asked.values()) <= PIECES_ASKED_MAX
        if of(effects, Replay):
            assert home.hear(Connected(peer=b"good")) == []
            return
    if any(of(home.hear(Lost(peer=peer)), Replay) for peer in (A, B, C)):
        return
    home.asked.clear()
    done = of(home.meet(b"good"), Begin) or of(home.finish(), Begin) or home.core._is_whole
    assert done
