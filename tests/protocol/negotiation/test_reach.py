"""Members that cannot be reached: they hold up nothing, and nobody counts them as having answered (SPEC N-6)."""

from __future__ import annotations

from protocol.negotiation.initiator import CallState
from protocol.negotiation.inputs import Connected, Tick, Unreachable
from tests.protocol.negotiation.stage import (
    HOUR_MS,
    START_MS,
    Node,
    call_of,
    member,
    messages,
    now,
    one_call,
    shop,
    submits,
    town,
)


def test_unreachable_members_do_not_end_a_wait_by_themselves() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a)
    customer.give(Unreachable(member=a.id, call=call.statement.id))
    customer.give(Unreachable(member=a.id, call=call.statement.id))
    assert call_of(customer).state is CallState.COLLECTING
    assert messages(customer.give(Connected(member=a.id)), a) == [call]
    customer.give(Tick(), now(30_000))
    assert call_of(customer).state is CallState.UNANSWERED


def test_who_comes_back_while_a_person_chooses_is_still_called_until_the_reply_by() -> None:
    """SPEC N-6."""
    ledger = town()
    customer, a, b = Node("customer", ledger), shop("a", ledger), shop("b", ledger)
    call = one_call(customer, a, b, automatic=False, reply_by_ms=START_MS + HOUR_MS)
    customer.give(Unreachable(member=b.id, call=call.statement.id))
    (proposal,) = messages(a.hear(customer, call))
    customer.hear(a, proposal)
    assert call_of(customer).state is CallState.CHOOSING
    assert messages(customer.give(Connected(member=b.id), now(HOUR_MS + 1)), b) == []
    assert messages(customer.give(Connected(member=b.id)), b) == [call]
    assert [each.member for each in call_of(customer).replies] == [a.id]
    (other,) = messages(b.hear(customer, call))
    customer.hear(b, other)
    assert (call_of(customer).text, len(call_of(customer).received)) == ("2 of 2 have answered", 2)


def test_who_was_not_reached_has_not_answered_and_is_counted_anew_once_there() -> None:
    """SPEC N-6."""
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, "b")
    customer.give(Unreachable(member=a.id, call=call.statement.id))
    assert call_of(customer).text == "0 of 2 have answered, 1 not reached yet"
    assert [each.text for each in call_of(customer).replies] == ["not reached yet"]
    customer.give(Connected(member=member("b")))
    assert call_of(customer).text == "0 of 2 have answered, 1 not reached yet"
    customer.give(Connected(member=a.id))
    assert (call_of(customer).text, call_of(customer).replies) == ("0 of 2 have answered", ())
    assert customer.twin().calls() == customer.core.calls()


def test_an_unreachable_member_does_not_hold_up_a_proposal_that_is_there() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, "b")
    customer.give(Unreachable(member=member("b"), call=call.statement.id))
    (proposal,) = messages(a.hear(customer, call))
    assert len(submits(customer.hear(a, proposal))) == 1
