"""Answers about bargaining: a customer asks one provider to propose differently, at most three times.

A counter binds nobody and takes nothing back: what was proposed before stands beside what may come (SPEC N-22).
"""

from __future__ import annotations

import secrets
from typing import Any

import trio

from dpnode.answers import job_views as views
from dpnode.answers import matters
from dpnode.answers.shown import name_of, party
from dpnode.control.amounts import amount_text
from dpnode.control.answers import Answer, Done
from dpnode.control.questions import job as asked
from dpnode.control.questions.base import Question
from dpnode.control.resolve import Candidate, resolve
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.node import Node
from dpnode.reading.naming import amount_shown, person_meant, price_line_meant
from ledger.keys import MemberId
from ledger.names import Kind, show_id
from ledger.operations.work_terms import read_proposal
from protocol.negotiation.contents import UNCHANGED, Changes, total
from protocol.negotiation.initiator import CALL_TABLE, CallEvent, Calling, Reply
from protocol.negotiation.inputs import Bargain
from protocol.negotiation.limits import ROUNDS_MAX
from protocol.negotiation.reasons import SENTENCES, Reason


async def counter(node: Node, question: asked.JobCounter, responder: Responder) -> Answer:
    """Send a counter and wait for what the provider says."""
    calling, member = _meant(node, question)
    credit = _priced_in(calling, member)
    changes = Changes(
        price_total=None if question.price is None else _price(node, question.price, credit, member),
        deliver_by_ms=question.deliver_by_ms,
        quantity=question.quantity,
    )
    if changes == UNCHANGED:
        raise Problem(FailKind.USAGE, "say what should be different: --price, --by or --quantity")
    if CALL_TABLE.next(calling.state, CallEvent.BARGAINED) is None:
        raise Problem(FailKind.REFUSED, f"this call is {calling.state.value}", {"reason": Reason.CLOSED.value})
    number = _round(calling, member)
    if number > ROUNDS_MAX:
        sentence = f"{SENTENCES[Reason.REPEATED]}: {ROUNDS_MAX} counters"
        raise Problem(FailKind.REFUSED, sentence, {"reason": Reason.REPEATED.value})
    name = name_of(node.core.chain.state, member)
    value: dict[str, Any] = {
        "call": show_id(Kind.CALL, calling.call),
        "provider": party(node.core.chain.state, member),
        "round": number,
        "says": f"{name} is asked for {matters.wished(node, changes, credit)}; what was proposed stands meanwhile",
    }
    if question.dry_run:
        return Done(value={**value, "state": calling.state.value, "dry_run": True})
    before = {one.id for one in calling.received}
    await node.negotiate(Bargain(call=calling.call, member=member, changes=changes, fresh=secrets.token_bytes(32)))
    reply = await _reply(node, calling.call, member, question.wait_ms)
    after = views.calling_of(node, calling.call)
    assert after is not None
    value |= {"state": after.state.value, "binding": "recorded"}
    value["proposals"] = [
        row for row in views.proposals(node, after) if row["id"] not in {show_id(Kind.JOB, one) for one in before}
    ]
    if reply is None:
        value["notes"] = [f"{name} has not answered yet: `dpnode job show` tells when"]
        if question.wait_ms:
            value["timed_out"] = True
    elif reply.reason is not Reason.FINE:
        value["notes"] = [f"{name}: {matters.said(node, reply)}"]
    return Done(value=value)


def _meant(node: Node, question: asked.JobCounter) -> tuple[Calling, MemberId]:
    """The call and the member to bargain with; raises `Problem`."""
    calls = node.core.conversation.negotiation.calls()
    candidates = [Candidate(kind=Kind.CALL, id=one.call) for one in calls]
    candidates += [Candidate(kind=Kind.JOB, id=each.id) for one in calls for each in one.received]
    found = resolve(question.id, candidates, what="proposal or call of yours")
    if found.kind is Kind.JOB:
        if question.member is not None:
            raise Problem(FailKind.USAGE, "a proposal says already whose it is: leave --to out")
        calling = next(one for one in calls if any(each.id == found.id for each in one.received))
        return calling, next(each.provider for each in calling.received if each.id == found.id)
    calling = next(one for one in calls if one.call == found.id)
    if question.member is not None:
        member = person_meant(node.core.chain.state, question.member).id
        if member not in calling.asked:
            raise Problem(FailKind.REFUSED, f"{name_of(node.core.chain.state, member)} was not asked in this call")
        return calling, member
    if len(calling.asked) != 1:
        raise Problem(FailKind.USAGE, f"{len(calling.asked)} members were asked: name a proposal, or one by --to")
    return calling, calling.asked[0]


def _priced_in(calling: Calling, member: MemberId) -> bytes | None:
    """The one credit of the member's latest proposal, else of the budget."""
    prices = [read_proposal(one.signed.statement).price for one in calling.received if one.provider == member]
    one = total(prices[-1] if prices else calling.budget)
    return None if one is None else one[0]


def _price(node: Node, text: str, credit: bytes | None, member: MemberId) -> int:
    """A total in smallest units of the credit that is bargained in."""
    state = node.core.chain.state
    line = price_line_meant(state, text)
    if credit is None:
        name = name_of(state, member)
        raise Problem(FailKind.REFUSED, f"{name} has proposed no price in one credit, so there is none to bring down")
    if (line["kind"], line["id"]) != ("credit", credit):
        wanted = amount_shown(state, "credit", credit, 0)
        given = amount_text(amount_shown(state, line["kind"], line["id"], line["amount"]))
        sentence = f"{given} is in another credit: this is priced in {wanted['name']}@{wanted['issuer']}"
        raise Problem(FailKind.REFUSED, sentence, {"reason": Reason.CREDIT_UNKNOWN.value})
    return int(line["amount"])


def _round(calling: Calling, member: MemberId) -> int:
    """The number of the next counter between the two, both directions counted."""
    rounds = [wish.round for wish in calling.wishes if wish.member == member]
    rounds += [reply.round for reply in calling.replies if reply.member == member]
    return max(rounds, default=0) + 1


async def _reply(node: Node, call: bytes, member: MemberId, wait_ms: int) -> Reply | None:
    """What the member answered, or None where it was silent so long."""
    with trio.move_on_after(wait_ms / 1000):
        while True:
            moved = node.moved
            calling = views.calling_of(node, call)
            found = None if calling is None else next((one for one in calling.replies if one.member == member), None)
            if found is not None or calling is None:
                return found
            await moved.wait()
    return None


ANSWERS: dict[type[Question], Any] = {asked.JobCounter: counter}
