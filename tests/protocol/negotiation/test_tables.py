"""Every state x every event of both machines, and what the tables promise by their shape alone (SPEC N-20)."""

from __future__ import annotations

import pytest

from protocol.negotiation.initiator import CALL_TABLE, OPEN, CallEvent, CallState
from protocol.negotiation.participant import ACTIVE, ASKING, DEAL, PROMISED, DealEvent, DealState

CALL_MOVES = {
    "collecting": {
        "answered": "collecting",
        "bargained": "collecting",
        "chosen": "awarding",
        "asks": "choosing",
        "silence": "unanswered",
        "none fit": "refused",
        "found": "awarded",
        "withdrawn": "withdrawn",
    },
    "choosing": {
        "answered": "choosing",
        "bargained": "choosing",
        "chosen": "awarding",
        "found": "awarded",
        "expired": "lapsed",
        "withdrawn": "withdrawn",
    },
    "awarding": {
        "answered": "awarding",
        "next": "awarding",
        "asks": "choosing",
        "found": "awarded",
        "expired": "lapsed",
    },
    "unanswered": {"found": "awarded"},
    "refused": {"found": "awarded"},
    "lapsed": {"found": "awarded"},
    "withdrawn": {"found": "awarded"},
    "awarded": {},
}

_BARGAINED = {"counter fits": "standing", "won": "booked", "lost": "freed"}
DEAL_MOVES = {
    "heard": {"fits": "standing", "asks": "waiting", "fails": "refused", "won": "booked"},
    "waiting": {
        **_BARGAINED,
        "approved": "standing",
        "declined": "refused",
        "overdue": "refused",
        "counter asks": "waiting",
        "counter fails": "waiting",
    },
    "standing": {**_BARGAINED, "counter asks": "bargaining", "counter fails": "standing", "lapsed": "freed"},
    "bargaining": {
        **_BARGAINED,
        "approved": "standing",
        "declined": "standing",
        "overdue": "standing",
        "counter asks": "bargaining",
        "counter fails": "bargaining",
        "lapsed": "freed",
    },
    "refused": {"counter fits": "standing", "counter asks": "waiting", "counter fails": "refused", "won": "booked"},
    "freed": {"won": "booked"},
    "booked": {"won": "booked", "ended": "done"},
    "done": {"won": "booked"},
}


@pytest.mark.parametrize("event", CallEvent)
@pytest.mark.parametrize("state", CallState)
def test_a_call_moves_exactly_as_the_table_says(state: CallState, event: CallEvent) -> None:
    expected = CALL_MOVES[state.value].get(event.value)
    found = CALL_TABLE.next(state, event)
    assert (found and found.value) == expected


@pytest.mark.parametrize("event", DealEvent)
@pytest.mark.parametrize("state", DealState)
def test_a_deal_moves_exactly_as_the_table_says(state: DealState, event: DealEvent) -> None:
    expected = DEAL_MOVES[state.value].get(event.value)
    found = DEAL.next(state, event)
    assert (found and found.value) == expected


@pytest.mark.parametrize("state", sorted(OPEN))
def test_every_open_call_can_end_without_anybody_else(state: CallState) -> None:
    alone = {CallEvent.SILENCE, CallEvent.EXPIRED}
    assert any(CALL_TABLE.next(state, event) for event in alone)


@pytest.mark.parametrize("state", sorted(ASKING | PROMISED))
def test_every_deal_that_waits_can_end_without_anybody_else(state: DealState) -> None:
    assert any(DEAL.next(state, event) for event in (DealEvent.OVERDUE, DealEvent.LAPSED))


@pytest.mark.parametrize("state", sorted(set(DealState) - {DealState.HEARD, DealState.BOOKED}))
def test_a_final_award_of_ours_is_booked_from_every_state(state: DealState) -> None:
    assert DEAL.next(state, DealEvent.WON) is DealState.BOOKED


def test_what_holds_a_slot_or_awaits_somebody_is_never_forgotten() -> None:
    assert {DealState.WAITING, DealState.STANDING, DealState.BARGAINING, DealState.BOOKED} == ACTIVE


def test_the_drawings_show_every_move_once() -> None:
    for table, moves in ((CALL_TABLE, CALL_MOVES), (DEAL, DEAL_MOVES)):
        lines = table.drawing().splitlines()
        assert lines[0] == "stateDiagram-v2"
        assert lines[1] == f"    [*] --> {table.start.value}"
        drawn = sum(len(line.split(": ", 1)[1].split(", ")) for line in lines[2:])
        assert drawn == sum(map(len, moves.values()))
