"""Bargaining: three rounds at most, binding nobody, each proposal standing by itself (SPEC N-13, N-22)."""

from __future__ import annotations

from ledger.operations.work_terms import read_proposal
from protocol.negotiation.contents import Changes
from protocol.negotiation.initiator import CallState
from protocol.negotiation.inputs import (
    Approve,
    Bargain,
    Decline,
    Final,
    Started,
    Tick,
)
from protocol.negotiation.messages import Counter, NotUnderstood, Propose, Refuse
from protocol.negotiation.participant import DealState
from protocol.negotiation.policy_parse import parse
from protocol.negotiation.reasons import Reason
from tests.protocol.negotiation.stage import (
    AUTOMATIC,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    START_MS,
    Node,
    bargained,
    call_of,
    deal_of,
    fresh,
    member,
    messages,
    notices,
    now,
    one_call,
    price,
    refused,
    shop,
    submits,
    town,
)


def test_a_call_due_too_soon_is_countered_with_the_first_possible_date() -> None:
    """SPEC N-12, N-22."""
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, deliver_by_ms=START_MS + HOUR_MS, automatic=False, reply_by_ms=START_MS + 60_000)
    (message,) = messages(a.hear(customer, call))
    assert isinstance(message, Counter)
    possible = START_MS + 60_000 + 15 * MINUTE_MS + 2 * HOUR_MS
    customer.hear(a, message)
    (reply,) = call_of(customer).replies
    assert reply.changes == Changes(deliver_by_ms=possible)
    assert call_of(customer).state is CallState.REFUSED


def test_without_counters_a_call_due_too_soon_is_refused() -> None:
    ledger = town()
    policy = parse({"due": {"counter": False}}, AUTOMATIC)
    customer, a = Node("customer", ledger), shop("a", ledger, policy=policy)
    (message,) = messages(a.hear(customer, one_call(customer, a, deliver_by_ms=START_MS + HOUR_MS)))
    assert isinstance(message, Refuse)
    assert message.reason is Reason.TOO_SOON


def test_after_a_counter_the_customer_may_ask_with_just_that_date() -> None:
    """SPEC N-22."""
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, "b", deliver_by_ms=START_MS + HOUR_MS, automatic=False)
    (counter,) = messages(a.hear(customer, call))
    customer.hear(a, counter)
    assert customer.hear(a, counter) == []
    (reply,) = call_of(customer).replies
    order = Bargain(call=call.statement.id, member=a.id, changes=reply.changes, fresh=fresh(1))
    (wish,) = messages(customer.give(order), a)
    (proposal,) = messages(a.hear(customer, wish))
    assert isinstance(proposal, Propose)
    assert deal_of(a).state is DealState.STANDING
    customer.hear(a, proposal)
    (ranked,) = customer.core.ranked(call.statement.id, now(), customer.view)
    assert ranked.candidate.flaw is None


def test_a_counter_within_the_discount_is_proposed_to_alone_and_takes_its_own_slot() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS)
    (first,) = messages(a.hear(customer, call))
    customer.hear(a, first)
    (second,) = messages(a.hear(customer, bargained(customer, a, 950)))
    assert isinstance(second, Propose)
    assert read_proposal(second.statement).price == price(950)
    one, two = a.core.slots()
    assert one.end_ms <= two.start_ms
    customer.hear(a, second)
    best = customer.core.ranked(call.statement.id, now(), customer.view)[0]
    assert best.candidate.proposal.price == price(950)
    assert best.candidate.flaw is None
    (submit,) = submits(customer.give(Approve(item=call.statement.id)))
    customer.settle(submit, (a,))
    assert [slot.proposal for slot in a.core.slots()] == list(ledger.jobs)


def test_a_counter_below_the_discount_asks_a_person_while_the_first_offer_stands() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS)
    customer.hear(a, messages(a.hear(customer, call))[0])
    wish = bargained(customer, a, 700)
    effects = a.hear(customer, wish)
    assert notices(effects)[0].item.title == "sign a changed proposal?"
    assert deal_of(a).state is DealState.BARGAINING
    assert messages(a.hear(customer, wish)) == messages(a.hear(customer, call))
    (refusal,) = messages(a.give(Decline(item=call.statement.id)))
    assert isinstance(refusal, Refuse)
    assert deal_of(a).state is DealState.STANDING
    customer.hear(a, refusal)
    a.hear(customer, bargained(customer, a, 800, number=2))
    (proposal,) = messages(a.give(Approve(item=call.statement.id)))
    assert isinstance(proposal, Propose)
    assert read_proposal(proposal.statement).price == price(800)


def test_a_counter_that_cannot_be_met_is_refused_and_the_offer_stands() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS)
    customer.hear(a, messages(a.hear(customer, call))[0])
    wish = bargained(customer, a, 1000, deliver_by_ms=START_MS + MINUTE_MS)
    (refusal,) = messages(a.hear(customer, wish))
    assert isinstance(refusal, Refuse)
    assert refusal.reason is Reason.TOO_SOON
    assert len(a.core.slots()) == 1
    customer.hear(a, refusal)
    assert call_of(customer).replies[0].reason is Reason.TOO_SOON


def test_a_bargain_that_a_person_forgets_ends_and_the_offer_stands_on() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS)
    customer.hear(a, messages(a.hear(customer, call))[0])
    a.hear(customer, bargained(customer, a, 700))
    a.hear(customer, bargained(customer, a, 1, number=2, deliver_by_ms=START_MS + 1))
    assert deal_of(a).state is DealState.BARGAINING
    a.give(Tick(), now(2 * DAY_MS))
    assert deal_of(a).state is DealState.STANDING


def test_counters_end_after_three_rounds() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS)
    customer.hear(a, messages(a.hear(customer, call))[0])
    for number in range(1, 4):
        a.hear(customer, bargained(customer, a, 990 - number, number=number))
    order = Bargain(call=call.statement.id, member=a.id, changes=Changes(price_total=1), fresh=fresh(9))
    assert refused(customer.give(order)).reason is Reason.REPEATED
    assert len(a.core.slots()) == 4


def test_a_counter_after_the_award_or_to_a_stranger_has_its_reason() -> None:
    ledger = town()
    customer, a, b = Node("customer", ledger), shop("a", ledger), shop("b", ledger)
    call = one_call(customer, a, automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS)
    customer.hear(a, messages(a.hear(customer, call))[0])
    wish = bargained(customer, a, 990)
    (message,) = messages(b.hear(customer, wish))
    assert isinstance(message, NotUnderstood)
    (submit,) = submits(customer.give(Approve(item=call.statement.id)))
    customer.settle(submit, (a,))
    (message,) = messages(a.hear(customer, wish))
    assert isinstance(message, Refuse)
    assert message.reason is Reason.CLOSED
    order = Bargain(call=call.statement.id, member=a.id, changes=Changes(quantity=1), fresh=fresh(2))
    assert refused(customer.give(order)).reason is Reason.CLOSED
    order = Bargain(call=call.statement.id, member=b.id, changes=Changes(quantity=1), fresh=fresh(2))
    assert refused(customer.give(order)).reason is Reason.UNKNOWN


def test_a_counter_that_asks_for_nothing_or_nonsense_is_not_sent() -> None:
    ledger = town()
    customer = Node("customer", ledger)
    one_call(customer, shop("a", ledger))
    for changes, note in ((Changes(), ""), (Changes(quantity=0), ""), (Changes(quantity=1), "\x1b")):
        order = Bargain(call=call_of(customer).call, member=member("a"), changes=changes, note=note, fresh=fresh(2))
        assert refused(customer.give(order)).reason is Reason.MALFORMED


def test_a_counter_for_a_call_that_was_refused_and_is_over_is_too_late() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger, unfit=("no",))
    call = one_call(customer, a, "b", automatic=False, reply_by_ms=START_MS + MINUTE_MS)
    customer.hear(a, messages(a.hear(customer, call))[0])
    wish = bargained(customer, a, 990)
    (message,) = messages(a.hear(customer, wish, now(4 * MINUTE_MS)))
    assert isinstance(message, Refuse)
    assert message.reason is Reason.TOO_LATE


def test_an_open_counter_is_sent_again_after_a_restart() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, "b", automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS)
    customer.hear(a, messages(a.hear(customer, call))[0])
    wish = bargained(customer, a, 990)
    customer.restart()
    assert messages(customer.give(Started()), a) == [wish]


def test_two_proposals_of_one_call_may_both_become_jobs_in_their_own_slots() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS)
    (first,) = messages(a.hear(customer, call))
    customer.hear(a, first)
    (second,) = messages(a.hear(customer, bargained(customer, a, 950)))
    before = a.core.slots()
    operation = {"t": "work.award/1", "proposals": [each.to_value()["statement"] for each in (first, second)]}
    assert ledger.award(customer.id, operation, START_MS) is None
    a.give(Final(time_ms=ledger.time_ms, awards=ledger.seen(operation)))
    assert a.core.slots() == before
    one, two = deal_of(a).jobs
    a.give(Final(time_ms=ledger.time_ms, ended=(one,)))
    assert [slot.proposal for slot in a.core.slots()] == [two]
    assert deal_of(a).state is DealState.BOOKED
