"""What the owner orders and decides on both sides, and what is told about it (SPEC N-1, N-9, N-14)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.keys import MemberId
from ledger.operations.work_terms import read_proposal
from protocol.capability.places import Place
from protocol.negotiation.contents import Changes, FileNamed, read_call
from protocol.negotiation.effects import Refused, Send
from protocol.negotiation.initiator import CallState
from protocol.negotiation.inputs import (
    Approve,
    Bargain,
    Choose,
    Decline,
    Recorded,
    Tick,
    Withdraw,
)
from protocol.negotiation.messages import Propose, Refuse, Reject
from protocol.negotiation.participant import DealState
from protocol.negotiation.policy_parse import parse
from protocol.negotiation.reasons import Reason
from protocol.negotiation.world import Standing
from tests.protocol.negotiation.stage import (
    ASK_ME,
    AUTOMATIC,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    PRINTER,
    START_MS,
    Node,
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
    states,
    submits,
    town,
)


def test_no_member_to_ask_is_refused_in_words() -> None:
    customer = Node("customer", town())
    assert refused(customer.ask("nobody", customer)).reason is Reason.NO_OFFER
    assert customer.core.calls() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reply_by_ms": START_MS - 1}, Reason.TOO_LATE),
        ({"deliver_by_ms": START_MS - 1}, Reason.TOO_LATE),
        ({"quantity": 0}, Reason.MALFORMED),
        ({"part": "a\x1b[31m"}, Reason.MALFORMED),
        ({"where": Place(lat_cdeg=1, lon_cdeg=0)}, Reason.MALFORMED),
        ({"parameters": {"length": {"d": 0, "n": 1, "u": "mm"}}}, Reason.MALFORMED),
        ({"parameters": {"length": 1.5}}, Reason.MALFORMED),
    ],
)
def test_a_request_that_cannot_be_a_call_is_refused_and_nothing_is_kept(changes: Any, reason: Reason) -> None:
    ledger = town()
    customer = Node("customer", ledger)
    assert refused(customer.ask("a", **changes)).reason is reason
    assert customer.disk == {}


def test_a_call_too_big_to_travel_is_refused() -> None:
    customer = Node("customer", town())
    files = tuple(FileNamed(name="n" * 119 + str(n % 10), size_bytes=n, hash=fresh(n)) for n in range(64))
    effects = customer.ask("a", files=files, parameters={f"p{n}": "x" * 199 for n in range(64)})
    assert "travel" in refused(effects).text


def test_with_ask_me_every_call_waits_for_a_person_who_signs_it() -> None:
    """SPEC N-14."""
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger, policy=ASK_ME)
    call = one_call(customer, a, reply_by_ms=START_MS + HOUR_MS)
    effects = a.hear(customer, call)
    assert messages(effects) == []
    assert notices(effects)[0].item.title == "sign this proposal?"
    (waiting,) = a.core.inbox(now(MINUTE_MS))
    assert waiting.left_ms == 59 * MINUTE_MS
    assert a.core.slots() == []
    assert messages(a.hear(customer, call)) == []
    effects = a.give(Approve(item=call.statement.id, price_total=1234), now(MINUTE_MS))
    (message,) = messages(effects)
    assert isinstance(message, Propose)
    assert read_proposal(message.statement).price == price(1234)
    assert a.core.inbox(now()) == []
    assert any("approved by a person" in line for line in a.core.why(message.statement.id))


def test_an_offer_that_is_not_automatic_waits_for_a_person_whatever_the_policy() -> None:
    """SPEC N-9."""
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger, automatic=False)
    call = one_call(customer, a)
    assert messages(a.hear(customer, call)) == []
    assert deal_of(a).state is DealState.WAITING
    (proposal,) = messages(a.give(Approve(item=call.statement.id)))
    assert isinstance(proposal, Propose)


def test_a_person_cannot_sign_what_the_rules_refuse_by_then() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger, policy=ASK_ME)
    call = one_call(customer, a)
    a.hear(customer, call)
    item = call.statement.id
    assert refused(a.give(Approve(item=item, price_total=-1))).reason is Reason.LIMITS
    assert refused(a.give(Approve(item=item, deliver_by_ms=1))).reason is Reason.LIMITS
    assert refused(a.give(Approve(item=item, deliver_by_ms=START_MS + 9 * DAY_MS))).reason is Reason.TOO_SOON
    ledger.free[customer.id] = 1
    assert refused(a.give(Approve(item=item))).reason is Reason.MONEY


def test_a_person_can_say_no_and_the_customer_reads_why() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger, policy=ASK_ME)
    call = one_call(customer, a)
    a.hear(customer, call)
    (message,) = messages(a.give(Decline(item=call.statement.id, text="on holiday\x1b" + "x" * 500)))
    assert isinstance(message, Refuse)
    assert message.reason is Reason.DECLINED
    assert message.text.startswith("on holidayx")
    assert len(message.text.encode()) <= 280
    customer.hear(a, message)
    assert call_of(customer).state is CallState.REFUSED
    assert refused(a.give(Decline(item=call.statement.id))).reason is Reason.UNKNOWN
    assert refused(a.give(Approve(item=call.statement.id))).reason is Reason.UNKNOWN


def test_an_item_nobody_looks_at_is_refused_when_its_time_is_over() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger, policy=ASK_ME)
    a.hear(customer, one_call(customer, a))
    wake = a.core.next_wake()
    assert wake == START_MS + 30_001
    (message,) = messages(a.give(Tick(), now(30_001)))
    assert isinstance(message, Refuse)
    assert message.reason is Reason.SILENT


def test_a_customer_who_decides_in_person_chooses_in_the_inbox() -> None:
    ledger = town()
    customer, a, b = Node("customer", ledger, policy=ASK_ME), shop("a", ledger), shop("b", ledger, price=price(900))
    call = one_call(customer, a, b, automatic=None)
    assert read_call(call.statement).automatic is False
    proposals = [messages(node.hear(customer, call))[0] for node in (a, b)]
    customer.hear(a, proposals[0])
    assert customer.core.inbox(now())[0].item.title == "award this proposal?"
    effects = customer.hear(b, proposals[1])
    assert notices(effects)[0].item.title == "award one of 2 proposals?"
    assert call_of(customer).state is CallState.CHOOSING
    chosen = proposals[0]
    assert isinstance(chosen, Propose)
    assert len(customer.core.ranked(call.statement.id, now(), customer.view)) == 2
    assert refused(customer.give(Choose(call=call.statement.id, proposal=fresh()))).reason is Reason.UNKNOWN
    (submit,) = submits(customer.give(Choose(call=call.statement.id, proposal=chosen.statement.id)))
    assert submit.operation["proposals"][0]["body"] == chosen.statement.body
    again = customer.give(Choose(call=call.statement.id, proposal=chosen.statement.id))
    assert refused(again).reason is Reason.CLOSED
    effects = customer.give(Recorded(purpose=submit.purpose, refused="account.too-little"))
    assert call_of(customer).state is CallState.CHOOSING
    assert len(notices(effects)) == 1
    (submit,) = submits(customer.give(Approve(item=call.statement.id)))
    assert customer.settle(submit, (a, b)) is None
    assert call_of(customer).state is CallState.AWARDED


def test_a_choice_nobody_makes_lapses_with_the_offers() -> None:
    ledger = town()
    customer, a = Node("customer", ledger, policy=ASK_ME), shop("a", ledger)
    call = one_call(customer, a, automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS)
    (proposal,) = messages(a.hear(customer, call))
    assert isinstance(proposal, Propose)
    customer.hear(a, proposal)
    until_ms = read_proposal(proposal.statement).until_ms
    assert until_ms == START_MS + 7 * DAY_MS
    assert customer.core.next_wake() == until_ms + 1
    assert states(customer.give(Tick(), now(7 * DAY_MS))) == []
    assert states(customer.give(Tick(), now(7 * DAY_MS + 1))) == ["lapsed"]


def test_a_choice_of_an_offer_whose_time_is_over_is_refused() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    b = shop("b", ledger, policy=parse({"terms": {"stands_person_days": 9}}, AUTOMATIC))
    call = one_call(customer, a, b, automatic=False, deliver_by_ms=START_MS + 30 * DAY_MS)
    proposals = [messages(node.hear(customer, call))[0] for node in (a, b)]
    for node, proposal in zip((a, b), proposals, strict=True):
        customer.hear(node, proposal)
    first = proposals[0]
    assert isinstance(first, Propose)
    late = customer.give(Choose(call=call.statement.id, proposal=first.statement.id), now(8 * DAY_MS))
    assert refused(late).reason is Reason.TOO_LATE


def test_an_automatic_call_above_the_value_asks_the_customer() -> None:
    ledger = town()
    policy = parse({"buy": {"ask_above_value": 999}}, AUTOMATIC)
    customer, a = Node("customer", ledger, policy=policy), shop("a", ledger)
    effects = customer.hear(a, messages(a.hear(customer, one_call(customer, a)))[0])
    assert call_of(customer).state is CallState.CHOOSING
    assert len(notices(effects)) == 1


def test_an_automatic_call_with_nothing_that_fits_ends_with_the_flaws() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, budget=price(500))
    customer.hear(a, messages(a.hear(customer, call))[0])
    assert call_of(customer).state is CallState.REFUSED
    assert "left out: the price is above the budget" in call_of(customer).text


def test_a_budget_that_is_told_is_answered_by_the_provider() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    (message,) = messages(a.hear(customer, one_call(customer, a, budget=price(500), tell_budget=True)))
    assert isinstance(message, Refuse)
    assert message.reason is Reason.BUDGET


def test_a_price_in_kind_waits_for_persons_on_both_sides() -> None:
    ledger = town()
    lines = (*price(5), replace(price(7)[0], kind="units", thing=PRINTER))
    customer, a = Node("customer", ledger), shop("a", ledger, price=lines)
    call = one_call(customer, a)
    a.hear(customer, call)
    assert deal_of(a).state is DealState.WAITING
    (proposal,) = messages(a.give(Approve(item=call.statement.id)))
    customer.hear(a, proposal)
    assert call_of(customer).state is CallState.CHOOSING


def test_withdrawing_tells_those_who_proposed_but_frees_nothing_of_theirs() -> None:
    """SPEC N-3."""
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, "b")
    (proposal,) = messages(a.hear(customer, call))
    customer.hear(a, proposal)
    effects = customer.give(Withdraw(call=call.statement.id))
    (reject,) = messages(effects)
    assert isinstance(reject, Reject)
    a.hear(customer, reject)
    assert len(a.core.slots()) == 1
    assert refused(customer.give(Withdraw(call=call.statement.id))).reason is Reason.CLOSED
    assert a.hear("b", reject) == []


def test_declining_ones_own_call_takes_it_back_with_the_words_given() -> None:
    ledger = town()
    customer = Node("customer", ledger)
    call = one_call(customer, shop("a", ledger))
    customer.give(Decline(item=call.statement.id, text="found it in a drawer"))
    assert call_of(customer).state is CallState.WITHDRAWN
    assert call_of(customer).text == "found it in a drawer"


def test_orders_about_unknown_things_are_refused() -> None:
    node = Node("customer", town())
    for given in (
        Choose(call=fresh(), proposal=fresh()),
        Approve(item=fresh()),
        Decline(item=fresh()),
        Withdraw(call=fresh()),
    ):
        assert refused(node.give(given)).reason is Reason.UNKNOWN
    order = Bargain(call=fresh(), member=member("a"), changes=Changes(quantity=1), fresh=fresh())
    assert refused(node.give(order)).reason is Reason.UNKNOWN
    assert node.give(Recorded(purpose=fresh())) == []


def test_why_tells_on_both_sides_how_it_came_about() -> None:
    ledger = town()
    ledger.standings[member("a")] = Standing(kept=3, broken=1)
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a)
    customer.hear(a, messages(a.hear(customer, call))[0])
    told = a.core.why(call.statement.id)
    assert told[0].startswith("as the provider: standing")
    assert any("set-up 10.00" in line for line in told)
    assert [line.split()[0] for line in told[1:] if not line.startswith(" ")] == [
        "identity", "rate", "capability", "owners", "materials", "calendar", "transport", "price", "due", "credit",
        "terms", "ask",
    ]  # fmt: skip
    heard = customer.core.why(call.statement.id)
    assert any("points = price" in line for line in heard)
    assert customer.core.why(fresh()) == []
    assert customer.core.ranked(fresh(), now(), customer.view) == []


def test_an_order_that_cannot_be_obeyed_changes_nothing() -> None:
    node = Node("customer", town())
    assert [type(each) for each in node.give(Withdraw(call=fresh()))] == [Refused]


def test_a_member_asked_is_never_the_caller_and_each_only_once() -> None:
    ledger = town()
    customer = Node("customer", ledger)
    effects = customer.ask("a", "a", customer, "stranger", "b")
    assert [each.to for each in effects if isinstance(each, Send)] == [MemberId(member("a")), MemberId(member("b"))]
