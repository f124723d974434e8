"""From a call to an award and back: ending, lapsing, losing, restarting (SPEC N-1 to N-19)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from protocol.negotiation.contents import FileNamed
from protocol.negotiation.effects import FetchFiles, Keep, Send
from protocol.negotiation.initiator import CallState
from protocol.negotiation.inputs import (
    Connected,
    Final,
    Recorded,
    Started,
    Tick,
    Withdraw,
)
from protocol.negotiation.limits import LAPSE_GRACE_MS
from protocol.negotiation.messages import CallForProposals, Refuse, Reject
from protocol.negotiation.participant import DealState
from protocol.negotiation.policy_parse import parse
from tests.protocol.negotiation.stage import (
    AUTOMATIC,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    START_MS,
    Node,
    call_of,
    deal_of,
    fresh,
    messages,
    notices,
    now,
    one_call,
    price,
    quote,
    shop,
    states,
    submits,
    town,
)


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


def test_a_proposal_for_a_call_that_is_over_is_rejected_with_its_state() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    call = one_call(customer, a)
    customer.give(Withdraw(call=call.statement.id))
    (message,) = messages(customer.hear(a, messages(a.hear(customer, call))[0]))
    assert isinstance(message, Reject)
    assert message.text == "the call is withdrawn"


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


def test_of_two_machines_the_one_that_is_ready_first_is_proposed() -> None:
    """SPEC N-11."""
    ledger = town()
    customer = Node("customer", ledger)
    small = quote(offer="small", machine="small", unfit=("too long",))
    slow = quote(offer="slow", machine="slow", duration_ms=5 * HOUR_MS)
    a = Node("a", ledger, own=(small, slow, quote()))
    a.hear(customer, one_call(customer, a))
    assert [slot.machine for slot in a.core.slots()] == ["printer"]
