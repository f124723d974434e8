"""What a hostile member sends changes nothing here, costs little, and gets one reason back (SPEC N-2, N-4, N-21)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ledger.canonical import encode
from ledger.form import Malformed
from ledger.keys import Signature, SigningKey
from ledger.statement import STATEMENT_BYTES_MAX, Statement, sign_statement
from protocol.negotiation import calls as calls_module
from protocol.negotiation import customer as customer_module
from protocol.negotiation import provider as provider_module
from protocol.negotiation.contents import Changes
from protocol.negotiation.effects import Keep
from protocol.negotiation.inputs import Bargain, Decline, Heard, Tick, Withdraw
from protocol.negotiation.limits import PROPOSALS_PER_MEMBER_MAX, REPLY_AHEAD_MS_MAX
from protocol.negotiation.messages import (
    TYPES,
    CallForProposals,
    Counter,
    NotUnderstood,
    Propose,
    Refuse,
    Reject,
    from_value,
)
from protocol.negotiation.policy_parse import parse
from protocol.negotiation.reasons import Reason
from tests.protocol.negotiation.stage import (
    AUTOMATIC,
    HOUR_MS,
    MINUTE_MS,
    NETWORK,
    START_MS,
    Node,
    call_value,
    fresh,
    key_of,
    member,
    messages,
    now,
    refused,
    shop,
    town,
)


def signed(value: Any, *, purpose: str = "call", key: SigningKey | None = None) -> Statement:
    return sign_statement(purpose, value, key or key_of("customer"))


def forged(value: Any) -> Statement:
    honest = signed(value)
    return Statement(purpose="call", body=honest.body, key=honest.key, signature=Signature(bytes(64)))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: signed(call_value(network=fresh(7))), Reason.OTHER_NETWORK),
        (lambda: forged(call_value()), Reason.FORGED),
        (lambda: signed(call_value(), key=key_of("b")), Reason.NOT_YOURS),
        (lambda: signed(call_value(), key=SigningKey(fresh(3))), Reason.NOT_YOURS),
        (lambda: signed(call_value(customer=member("b"))), Reason.NOT_YOURS),
        (lambda: signed(call_value(), purpose="proposal"), Reason.FORGED),
        (lambda: signed(call_value(extra=1)), Reason.MALFORMED),
        (lambda: signed(call_value(quantity=0)), Reason.MALFORMED),
        (lambda: signed(call_value(part="\x1b[2J")), Reason.MALFORMED),
        (lambda: signed(call_value(part="abc\u202egpj")), Reason.MALFORMED),
        (lambda: signed(call_value(files=[{"bytes": 1, "hash": fresh(), "name": "a\nb"}])), Reason.MALFORMED),
        (lambda: signed(call_value(where={"lat": 5201, "lon": 0})), Reason.MALFORMED),
        (lambda: signed(call_value(parameters={f"p{n}": "x" for n in range(65)})), Reason.MALFORMED),
        (lambda: Statement(purpose="call", body=b"\xc1", key=fresh(), signature=bytes(64)), Reason.MALFORMED),  # type: ignore[arg-type]
    ],
)
def test_a_call_that_is_not_what_it_says_is_not_understood(make: Callable[[], Statement], reason: Reason) -> None:
    a = shop("a", town())
    effects = a.hear("customer", CallForProposals(statement=make()))
    (message,) = messages(effects)
    assert isinstance(message, NotUnderstood)
    assert message.reason is reason
    assert message.text.isprintable()
    assert a.disk == {}
    assert a.core.slots() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reply_by": START_MS - 3 * MINUTE_MS}, Reason.TOO_LATE),
        ({"deliver_by": START_MS - 1}, Reason.TOO_LATE),
        ({"reply_by": START_MS + REPLY_AHEAD_MS_MAX + 1}, Reason.LIMITS),
    ],
)
def test_a_replayed_or_endless_call_is_refused_and_not_remembered(changes: Any, reason: Reason) -> None:
    a = shop("a", town())
    (message,) = messages(a.hear("customer", CallForProposals(statement=signed(call_value(**changes)))))
    assert isinstance(message, Refuse)
    assert message.reason is reason
    assert a.disk == {}


def test_a_call_that_was_awarded_already_is_refused_when_replayed() -> None:
    ledger = town()
    statement = signed(call_value())
    ledger.closed.add((statement.id, member("customer")))
    a = shop("a", ledger)
    (message,) = messages(a.hear("customer", CallForProposals(statement=statement)))
    assert isinstance(message, Refuse)
    assert message.reason is Reason.CLOSED


def test_ones_own_call_is_not_answered_with_a_proposal() -> None:
    a = shop("customer", town())
    (message,) = messages(a.hear("customer", CallForProposals(statement=signed(call_value()))))
    assert isinstance(message, Refuse)
    assert message.reason is Reason.NOT_YOURS


def test_a_stranger_with_a_signature_is_still_a_stranger() -> None:
    ledger = town()
    a = shop("a", ledger)
    statement = signed(call_value(customer=member("stranger")), key=key_of("stranger"))
    (message,) = messages(a.hear("stranger", CallForProposals(statement=statement)))
    assert isinstance(message, NotUnderstood)
    assert a.disk == {}


def test_a_flood_of_calls_is_refused_and_fills_no_memory() -> None:
    policy = parse({"rate": {"calls_per_hour": 5, "newcomer_calls_per_hour": 5}}, AUTOMATIC)
    a = shop("a", town(), policy=policy)
    reasons = []
    for number in range(20):
        statement = signed(call_value(nonce=fresh(number)[:16]))
        (message,) = messages(a.hear("customer", CallForProposals(statement=statement)))
        reasons.append(message.reason if isinstance(message, Refuse) else None)
    assert reasons == [None] * 5 + [Reason.RATE] * 15
    assert len(a.core.deals()) == 5
    later = signed(call_value(nonce=fresh(99)[:16], reply_by=START_MS + 2 * HOUR_MS))
    (message,) = messages(a.hear("customer", CallForProposals(statement=later), now(HOUR_MS)))
    assert isinstance(message, Propose)


def test_open_calls_of_one_member_are_bounded() -> None:
    policy = parse({"rate": {"calls_open": 2}}, AUTOMATIC)
    a = shop("a", town(), policy=policy)
    for number in range(3):
        statement = signed(call_value(nonce=fresh(number)[:16]))
        (message,) = messages(a.hear("customer", CallForProposals(statement=statement)))
    assert isinstance(message, Refuse)
    assert message.reason is Reason.BUSY


def test_remembered_deals_are_bounded_and_the_ended_ones_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "DEALS_MAX", 2)
    ledger = town()
    a = shop("a", ledger, unfit=("no",))
    for number in range(2):
        a.hear("customer", CallForProposals(statement=signed(call_value(nonce=fresh(number)[:16]))))
    third = CallForProposals(statement=signed(call_value(nonce=fresh(3)[:16], reply_by=START_MS + HOUR_MS)))
    (message,) = messages(a.hear("customer", third))
    assert isinstance(message, Refuse)
    assert message.reason is Reason.BUSY
    effects = a.hear("customer", third, now(4 * MINUTE_MS))
    assert [each.value is None for each in effects if isinstance(each, Keep)] == [True, False]
    assert len(a.core.deals()) == len(a.disk) == 2


def test_remembered_calls_are_bounded_and_open_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_module, "CALLS_MAX", 2)
    customer = Node("customer", town())
    for number in range(2):
        customer.ask("a", number=number)
    assert refused(customer.ask("a", number=2)).reason is Reason.BUSY
    customer.give(Withdraw(call=customer.core.calls()[1].call))
    customer.ask("a", number=2)
    assert len(customer.core.calls()) == len(customer.disk) == 2
    assert calls_module.CALL_KIND == "call"


def proposed(customer: Node, a: Node) -> Propose:
    (call,) = [each for each in messages(customer.ask(a, "b")) if isinstance(each, CallForProposals)][:1]
    (message,) = messages(a.hear(customer, call))
    assert isinstance(message, Propose)
    return message


def test_a_proposal_is_taken_only_from_the_provider_it_names_and_who_was_asked() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    message = proposed(customer, a)
    content = message.statement.content
    hostile = [
        ("b", message),
        ("a", Propose(statement=sign_statement("proposal", {**content, "network": fresh()}, key_of("a")))),
        ("a", Propose(statement=sign_statement("proposal", {**content, "call": fresh()}, key_of("a")))),
        ("a", Propose(statement=sign_statement("proposal", {**content, "customer": member("b")}, key_of("a")))),
        ("a", Propose(statement=sign_statement("proposal", {**content, "price": []}, key_of("a")))),
        ("c", Propose(statement=sign_statement("proposal", {**content, "provider": member("c")}, key_of("c")))),
    ]
    for sender, each in hostile:
        (answer,) = messages(customer.hear(sender, each))
        assert isinstance(answer, NotUnderstood)
    assert customer.core.calls()[0].received == ()


def test_proposals_of_one_member_are_bounded() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    content = proposed(customer, a).statement.content
    for number in range(PROPOSALS_PER_MEMBER_MAX + 1):
        each = sign_statement("proposal", {**content, "nonce": fresh(number)[:16]}, key_of("a"))
        effects = customer.hear(a, Propose(statement=each))
    (answer,) = messages(effects)
    assert isinstance(answer, NotUnderstood)
    assert answer.reason is Reason.REPEATED
    assert len(customer.core.calls()[0].received) == PROPOSALS_PER_MEMBER_MAX


def test_answers_of_those_not_asked_or_about_nothing_change_nothing() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    message = proposed(customer, a)
    call = customer.core.calls()[0].call
    before = customer.core.calls()
    for sender, each in (
        ("c", Refuse(call=call, reason=Reason.RATE, text="no")),
        ("b", Refuse(call=fresh(), reason=Reason.RATE, text="no")),
        ("c", NotUnderstood(about=call, reason=Reason.MALFORMED, text="what?")),
        ("b", Reject(call=call, proposal=message.statement.id, text="no")),
    ):
        assert customer.hear(sender, each) == []
    assert customer.core.calls() == before


def test_a_refusal_cannot_take_a_proposal_back() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    customer.hear(a, proposed(customer, a))
    call = customer.core.calls()[0].call
    assert customer.hear(a, Refuse(call=call, reason=Reason.DECLINED, text="I changed my mind")) == []
    assert customer.core.calls()[0].replies[0].reason is Reason.FINE


def test_what_a_provider_did_not_understand_counts_as_its_answer() -> None:
    ledger = town()
    customer = Node("customer", ledger)
    customer.ask("a", "b")
    call = customer.core.calls()[0].call
    customer.hear("a", NotUnderstood(about=call, reason=Reason.MALFORMED, text="too new for me"))
    assert customer.hear("a", NotUnderstood(about=call, reason=Reason.MALFORMED, text="again")) == []
    assert customer.core.calls()[0].replies[0].text == "too new for me"


def counter(sender: str, to: str, call: bytes, *, key: str = "", **changes: Any) -> Counter:
    value = {
        "call": call,
        "from": member(sender),
        "network": NETWORK,
        "nonce": fresh()[:16],
        "quantity": 1,
        "round": 1,
        "to": member(to),
        **changes,
    }
    return Counter(statement=sign_statement("counter", value, key_of(key or sender)))


@pytest.mark.parametrize("to_customer", [True, False])
def test_counters_that_are_not_what_they_say_are_not_understood(to_customer: bool) -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    proposed(customer, a)
    call = customer.core.calls()[0].call
    node, sender = (customer, "a") if to_customer else (a, "customer")
    for message in (
        counter(sender, "b", call),
        counter(sender, node.name, call, key="b"),
        counter(sender, node.name, call, network=fresh()),
        counter(sender, node.name, call, round=4),
        counter("b", node.name, call),
        Counter(statement=Statement(purpose="counter", body=b"\xc1", key=fresh(), signature=bytes(64))),  # type: ignore[arg-type]
    ):
        (answer,) = messages(node.hear(sender, message))
        assert isinstance(answer, NotUnderstood)


def test_a_counter_about_an_unknown_call_says_so_and_one_not_asked_is_ignored() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    (answer,) = messages(a.hear(customer, counter("customer", "a", fresh())))
    assert isinstance(answer, Refuse)
    assert answer.reason is Reason.UNKNOWN
    customer.ask("a")
    call = customer.core.calls()[0].call
    assert customer.hear("c", counter("c", "customer", call)) == []
    assert customer.hear("a", counter("a", "customer", call, price=5)) != []
    assert "a total of 5" in customer.core.calls()[0].replies[0].text


def test_a_counter_to_a_deal_known_from_the_ledger_only_is_unknown() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    effects = customer.hear(a, proposed(customer, a))
    assert effects
    effects = customer.give(Tick(), now(30_000))
    submit = next(each for each in effects if hasattr(each, "operation"))
    ledger.award(customer.id, submit.operation, START_MS)
    blank = shop("a", ledger)
    blank.give(Heard(member=customer.id, message=counter("customer", "a", customer.core.calls()[0].call)))
    call = customer.core.calls()[0].call
    (answer,) = messages(blank.hear(customer, counter("customer", "a", call)))
    assert isinstance(answer, Refuse)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("award", {}),
        ("call", {}),
        ("call", {"statement": {"body": b"x" * (STATEMENT_BYTES_MAX + 1), "key": fresh(), "sig": bytes(64)}}),
        ("refuse", {"call": fresh(), "reason": "because", "text": "no"}),
        ("refuse", {"call": fresh(), "reason": "rate", "text": "x" * 281}),
        ("refuse", {"call": fresh(), "reason": "rate", "text": "a\x1b[31mb"}),
        ("refuse", {"call": fresh(), "reason": "rate", "text": ""}),
        ("reject", {"call": b"short", "proposal": fresh(), "text": "no"}),
        ("not-understood", {"about": fresh(), "reason": "rate", "text": "\u202e"}),
        ("refuse", {"call": fresh(), "reason": "rate", "text": "no", "more": 1}),
    ],
)
def test_a_body_out_of_form_never_gets_in(kind: str, body: Any) -> None:
    with pytest.raises(Malformed):
        from_value(kind, body)


def test_every_message_comes_back_from_its_own_value() -> None:
    statement = signed(call_value())
    all_ = [
        CallForProposals(statement=statement),
        Propose(statement=signed({}, purpose="proposal")),
        Refuse(call=fresh(), reason=Reason.RATE, text="no"),
        Counter(statement=signed({}, purpose="counter")),
        Reject(call=fresh(), proposal=fresh(1), text="no"),
        NotUnderstood(about=fresh(), reason=Reason.FORGED, text="no"),
    ]
    assert tuple(each.TYPE for each in all_) == TYPES
    for each in all_:
        assert from_value(each.TYPE, each.to_value()) == each
        assert encode(each.to_value())


def test_a_declined_or_bargained_foreign_item_is_refused() -> None:
    ledger = town()
    customer, a = Node("customer", ledger), shop("a", ledger)
    proposed(customer, a)
    call = customer.core.calls()[0].call
    assert refused(a.give(Decline(item=call))).reason is Reason.UNKNOWN
    order = Bargain(call=call, member=member("d"), changes=Changes(quantity=1), fresh=fresh())
    assert refused(customer.give(order)).reason is Reason.UNKNOWN
