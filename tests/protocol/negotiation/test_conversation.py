"""From a call to an award and back again, one sentence at a time (SPEC N-1 to N-19)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from ledger.keys import MemberId
from ledger.operations.work_terms import read_proposal
from protocol.capability.places import Place
from protocol.negotiation.contents import Changes, FileNamed, read_call
from protocol.negotiation.effects import FetchFiles, Keep, Refused, Send
from protocol.negotiation.initiator import CallState
from protocol.negotiation.inputs import (
    Approve,
    Bargain,
    Choose,
    Connected,
    Decline,
    Final,
    Recorded,
    Started,
    Tick,
    Unreachable,
    Withdraw,
)
from protocol.negotiation.limits import LAPSE_GRACE_MS
from protocol.negotiation.messages import CallForProposals, Counter, NotUnderstood, Propose, Refuse, Reject
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
    fresh,
    member,
    messages,
    notices,
    now,
    price,
    quote,
    refused,
    shop,
    states,
    submits,
    town,
)


def one_call(customer: Node, *shops: Node, **changes: Any) -> CallForProposals:
    effects = customer.ask(*shops, **changes)
    message = messages(effects)[0]
    assert isinstance(message, CallForProposals)
    return message


def deal_of(node: Node) -> Any:
    (deal,) = node.core.deals()
    return deal


def call_of(node: Node) -> Any:
    (call,) = node.core.calls()
    return call


def test_a_job_is_awarded_to_the_cheaper_of_two_and_the_other_frees_its_slot() -> None:
    ledger = town()
    customer, a, b = Node("customer", ledger), shop("a", ledger), shop("b", ledger, price=price(900))
    call = one_call(customer, a, b, files=(FileNamed(name="part.stl", size_bytes=10, hash=fresh(9)),))
    (first,) = messages(a.hear(customer, call), customer)
    (second,) = messages(b.hear(customer, call), customer)
    assert submits(customer.hear(a, first)) == []
    (submit,) = submits(customer.hear(b, second))
    assert call_of(customer).state is CallState.AWARDING
    assert len(a.core.slots()) == len(b.core.slots()) == 1
    assert customer.settle(submit, (a, b)) is None
    assert call_of(customer).state is CallState.AWARDED
    assert deal_of(a).state is DealState.FREED
    assert a.core.slots() == []
    assert deal_of(b).state is DealState.BOOKED
    assert [slot.proposal for slot in b.core.slots()] == list(ledger.jobs)


def test_the_winner_fetches_the_files_the_call_named() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    named = FileNamed(name="part.stl", size_bytes=10, hash=fresh(9))
    call = one_call(customer, a, files=(named,))
    (proposal,) = messages(a.hear(customer, call))
    (submit,) = submits(customer.hear(a, proposal))
    assert ledger.award(customer.id, submit.operation, START_MS) is None
    effects = a.give(Final(time_ms=ledger.time_ms, awards=ledger.seen(submit.operation)))
    assert FetchFiles(member=customer.id, call=call.statement.id, files=(named,)) in effects
    assert len(notices(effects)) == 1
    again = a.give(Final(time_ms=ledger.time_ms, awards=ledger.seen(submit.operation)))
    assert again == []


def test_a_proposal_is_kept_before_it_is_sent() -> None:
    """SPEC N-5."""
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    effects = a.hear(customer, one_call(customer, a))
    kinds = [type(each) for each in effects]
    assert kinds.index(Keep) < kinds.index(Send)
    assert all(kind is not Keep for kind in kinds[kinds.index(Send) :])


def test_the_same_call_gets_the_same_answer_and_no_second_slot() -> None:
    """SPEC N-15."""
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a)
    first = messages(a.hear(customer, call))
    again = a.hear(customer, call, now(5000))
    assert messages(again) == first
    assert not any(isinstance(each, Keep) for each in again)
    assert len(a.core.slots()) == 1


def test_a_proposal_heard_twice_counts_once() -> None:
    ledger = town()
    customer, a, b = Node("customer", ledger), shop("a", ledger), shop("b", ledger)
    (proposal,) = messages(a.hear(customer, one_call(customer, a, b)))
    customer.hear(a, proposal)
    assert customer.hear(a, proposal) == []
    assert len(call_of(customer).received) == 1


def test_the_second_job_on_one_printer_comes_after_the_first() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    for number in range(3):
        a.hear(customer, one_call(customer, a, number=number) if number == 0 else _nth_call(customer, a, number))
    slots = a.core.slots()
    assert len(slots) == 3
    assert all(one.end_ms <= two.start_ms for one, two in pairwise(slots))


def _nth_call(customer: Node, a: Node, number: int) -> CallForProposals:
    (message,) = messages(customer.ask(a, number=number))
    assert isinstance(message, CallForProposals)
    return message


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


def test_a_call_nobody_answers_ends_unanswered_with_a_sentence() -> None:
    ledger = town()
    customer = Node("customer", ledger)
    customer.ask("a", "b")
    wake = customer.core.next_wake()
    assert wake == START_MS + 30_000
    customer.give(Tick(), now(29_999))
    assert call_of(customer).state is CallState.COLLECTING
    assert states(customer.give(Tick(), now(30_000))) == ["unanswered"]
    assert "nobody answered: 2 asked" in call_of(customer).text
    assert customer.core.next_wake() is None


def test_when_all_say_no_the_call_ends_early_and_counts_the_reasons() -> None:
    ledger = town()
    customer, a, b = Node("customer", ledger), shop("a", ledger, unfit=("too long",)), Node("b", ledger)
    call = one_call(customer, a, b)
    for node in (a, b):
        (refusal,) = messages(node.hear(customer, call))
        assert isinstance(refusal, Refuse)
        customer.hear(node, refusal)
    assert call_of(customer).state is CallState.REFUSED
    assert "1 x outside the limits" in call_of(customer).text
    assert "1 x this function is not offered here" in call_of(customer).text


def test_a_refusal_while_others_are_awaited_does_not_end_the_wait() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), Node("a", ledger)
    (refusal,) = messages(a.hear(customer, one_call(customer, a, "b")))
    customer.hear(a, refusal)
    assert call_of(customer).state is CallState.COLLECTING
    customer.give(Tick(), now(30_000))
    assert "1 x no answer in time" in call_of(customer).text


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


def test_an_unreachable_member_does_not_hold_up_a_proposal_that_is_there() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, "b")
    customer.give(Unreachable(member=member("b"), call=call.statement.id))
    (proposal,) = messages(a.hear(customer, call))
    assert len(submits(customer.hear(a, proposal))) == 1


def test_a_refused_award_makes_the_next_best_be_tried() -> None:
    """SPEC N-7."""
    ledger = town()
    customer, a, b = Node("customer", ledger), shop("a", ledger), shop("b", ledger, price=price(900))
    call = one_call(customer, a, b)
    for node in (a, b):
        effects = customer.hear(node, messages(node.hear(customer, call))[0])
    (submit,) = submits(effects)
    effects = customer.give(Recorded(purpose=submit.purpose, refused="work.lapsed"))
    (second,) = submits(effects)
    assert second.purpose != submit.purpose
    assert submits(customer.give(Recorded(purpose=submit.purpose, refused="work.lapsed"))) == []
    effects = customer.give(Recorded(purpose=second.purpose, refused="work.lapsed"))
    assert states(effects) == ["lapsed"]
    assert "work.lapsed" in call_of(customer).text


def test_no_more_awards_are_tried_than_the_policy_allows() -> None:
    ledger = town()
    policy = parse({"buy": {"tries": 1}}, AUTOMATIC)
    customer, a, b = Node("customer", ledger, policy=policy), shop("a", ledger), shop("b", ledger)
    call = one_call(customer, a, b)
    for node in (a, b):
        effects = customer.hear(node, messages(node.hear(customer, call))[0])
    (submit,) = submits(effects)
    assert submits(customer.give(Recorded(purpose=submit.purpose, refused="x"))) == []
    assert call_of(customer).state is CallState.LAPSED


def test_an_award_that_never_becomes_final_is_given_up_when_its_offer_lapsed() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    (submit,) = submits(customer.hear(a, messages(a.hear(customer, one_call(customer, a)))[0]))
    assert customer.core.next_wake() == submit.until_ms + LAPSE_GRACE_MS + 1
    ledger.time_ms = submit.until_ms
    assert customer.give(Final(time_ms=ledger.time_ms)) == []
    ledger.time_ms += 1
    assert states(customer.give(Final(time_ms=ledger.time_ms))) == ["lapsed"]


def test_a_job_that_is_on_the_ledger_after_all_is_found_whatever_was_believed() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    (submit,) = submits(customer.hear(a, messages(a.hear(customer, one_call(customer, a)))[0]))
    assert ledger.award(customer.id, submit.operation, START_MS) is None
    effects = customer.give(Recorded(purpose=submit.purpose, refused="work.call-closed"))
    assert states(effects) == ["awarded"]
    assert customer.give(Started()) == []


def test_a_slot_is_kept_until_a_block_later_than_the_offer_stands() -> None:
    """SPEC N-16."""
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    a.hear(customer, one_call(customer, a))
    until_ms = deal_of(a).offered[0].until_ms
    assert until_ms == START_MS + 15 * MINUTE_MS
    ledger.time_ms = until_ms
    a.give(Final(time_ms=until_ms))
    assert len(a.core.slots()) == 1
    ledger.time_ms = until_ms + 1
    assert states(a.give(Final(time_ms=until_ms + 1))) == ["freed"]
    assert a.core.slots() == []


def test_with_no_blocks_at_all_a_slot_is_kept_for_a_day_past() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    a.hear(customer, one_call(customer, a))
    wake = a.core.next_wake()
    assert wake == START_MS + 15 * MINUTE_MS + LAPSE_GRACE_MS + 1
    a.give(Tick(), now(wake - START_MS - 1))
    assert len(a.core.slots()) == 1
    a.give(Tick(), now(wake - START_MS))
    assert a.core.slots() == []


def test_an_award_in_the_block_that_passes_the_offers_time_books_the_slot_it_had() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    (submit,) = submits(customer.hear(a, messages(a.hear(customer, one_call(customer, a)))[0]))
    (before,) = a.core.slots()
    assert ledger.award(customer.id, submit.operation, submit.until_ms) is None
    ledger.time_ms = submit.until_ms + 1
    a.give(Tick())
    a.give(Final(time_ms=ledger.time_ms, awards=ledger.seen(submit.operation)))
    assert a.core.slots() == [before]


def test_a_late_award_of_a_freed_slot_is_booked_elsewhere_and_said() -> None:
    """SPEC N-17."""
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    (submit,) = submits(customer.hear(a, messages(a.hear(customer, one_call(customer, a)))[0]))
    late = now(15 * MINUTE_MS + LAPSE_GRACE_MS + 1)
    a.give(Tick(), late)
    assert deal_of(a).state is DealState.FREED
    assert ledger.award(customer.id, submit.operation, START_MS) is None
    effects = a.give(Final(time_ms=ledger.time_ms, awards=ledger.seen(submit.operation)), late)
    assert notices(effects)[0].item.title == "awarded, though the slot was given up"
    assert len(a.core.slots()) == 1
    assert a.core.slots()[0].start_ms >= late.wall_ms


def test_a_provider_that_lost_its_disk_finds_its_jobs_on_the_ledger() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    (submit,) = submits(customer.hear(a, messages(a.hear(customer, one_call(customer, a)))[0]))
    assert ledger.award(customer.id, submit.operation, START_MS) is None
    blank = shop("a", ledger)
    effects = blank.give(Started())
    assert FetchFiles(member=customer.id, call=call_of(customer).call, files=()) in effects
    assert deal_of(blank).state is DealState.BOOKED
    assert len(blank.core.slots()) == 1
    assert blank.give(Connected(member=customer.id)) == []
    for own in ((), (quote(unfit=("its length is not stated",)),), (quote(hours=((0, 0),)),)):
        unplanned = Node("a", ledger, own=own)
        unplanned.give(Started())
        assert deal_of(unplanned).text == "awarded, but its time must be planned by hand"
        assert unplanned.core.slots() == []


def test_a_provider_that_missed_the_block_frees_its_slot_on_reconnecting() -> None:
    ledger = town()
    customer, a, b = Node("customer", ledger), shop("a", ledger), shop("b", ledger, price=price(900))
    call = one_call(customer, a, b)
    for node in (a, b):
        effects = customer.hear(node, messages(node.hear(customer, call))[0])
    ledger.award(customer.id, submits(effects)[0].operation, START_MS)
    assert states(a.give(Connected(member=customer.id))) == ["freed"]
    assert states(b.give(Started())) == ["booked"]


def test_a_job_that_ended_frees_its_slot() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    (submit,) = submits(customer.hear(a, messages(a.hear(customer, one_call(customer, a)))[0]))
    customer.settle(submit, (a,))
    (job,) = ledger.jobs
    assert a.give(Final(time_ms=ledger.time_ms, ended=(fresh(1),))) == []
    assert states(a.give(Final(time_ms=ledger.time_ms, ended=(job,)))) == ["done"]
    assert a.core.slots() == []


def test_a_job_that_ended_unseen_is_found_ended_at_the_next_start() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    (submit,) = submits(customer.hear(a, messages(a.hear(customer, one_call(customer, a)))[0]))
    customer.settle(submit, (a,))
    (job,) = ledger.jobs
    ledger.jobs[job] = replace(ledger.jobs[job], open=False)
    a.restart()
    assert states(a.give(Started())) == ["done"]


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


def bargained(customer: Node, a: Node, total: int, *, number: int = 1, **changes: Any) -> Counter:
    order = Bargain(
        call=call_of(customer).call, member=a.id, changes=Changes(price_total=total, **changes), fresh=fresh(number)
    )
    (wish,) = messages(customer.give(order), a)
    assert isinstance(wish, Counter)
    return wish


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


def test_a_proposal_for_a_call_that_is_over_is_rejected_with_its_state() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a)
    customer.give(Withdraw(call=call.statement.id))
    (message,) = messages(customer.hear(a, messages(a.hear(customer, call))[0]))
    assert isinstance(message, Reject)
    assert message.text == "the call is withdrawn"


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


def test_the_policy_does_not_wait_until_the_offers_it_holds_have_lapsed() -> None:
    """SPEC N-6."""
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, "b", reply_by_ms=START_MS + 2 * HOUR_MS)
    customer.hear(a, messages(a.hear(customer, call))[0])
    assert customer.core.next_wake() == START_MS + 14 * MINUTE_MS
    assert len(submits(customer.give(Tick(), now(14 * MINUTE_MS)))) == 1


def test_after_a_restart_open_calls_are_made_again_and_the_award_is_submitted_again() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a)
    customer.restart()
    assert messages(customer.give(Started()), a) == [call]
    (proposal,) = messages(a.hear(customer, call))
    a.restart()
    assert messages(a.give(Started()), customer) == [proposal]
    (submit,) = submits(customer.hear(a, proposal))
    customer.restart()
    assert submits(customer.give(Started())) == [submit]


def test_an_open_counter_is_sent_again_after_a_restart() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a, "b", automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS)
    customer.hear(a, messages(a.hear(customer, call))[0])
    wish = bargained(customer, a, 990)
    customer.restart()
    assert messages(customer.give(Started()), a) == [wish]


def test_a_call_for_the_ledger_only_machine_is_known_by_its_job() -> None:
    ledger = town()
    customer, a, b = Node("customer", ledger), shop("a", ledger), shop("b", ledger)
    call = one_call(customer, a, b, automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS)
    proposals = [messages(node.hear(customer, call))[0] for node in (a, b)]
    for node, proposal in zip((a, b), proposals, strict=True):
        customer.hear(node, proposal)
    operation = {"t": "work.award/1", "proposals": [each.to_value()["statement"] for each in proposals]}
    assert ledger.award(customer.id, operation, START_MS) is None
    customer.give(Final(time_ms=ledger.time_ms, awards=ledger.seen(operation)))
    assert len(call_of(customer).jobs) == 2
    assert call_of(customer).state is CallState.AWARDED


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


def test_of_two_machines_the_one_that_is_ready_first_is_proposed() -> None:
    """SPEC N-11."""
    ledger = town()
    customer = Node("customer", ledger)
    small = quote(offer="small", machine="small", unfit=("too long",))
    slow = quote(offer="slow", machine="slow", duration_ms=5 * HOUR_MS)
    a = Node("a", ledger, own=(small, slow, quote()))
    a.hear(customer, one_call(customer, a))
    assert [slot.machine for slot in a.core.slots()] == ["printer"]
