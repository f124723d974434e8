"""How jobs, calls and what waits for a person are told: from the ledger's record or our own conversation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dpnode.answers import matters
from dpnode.answers.shown import party
from dpnode.clock import now
from dpnode.control.resolve import Candidate, resolve
from dpnode.errors import FailKind, Problem
from dpnode.files import fetched
from dpnode.node import Node, readable
from dpnode.reading.naming import price_shown
from ledger.names import Kind, short, show_id
from ledger.operations.work_job import Job
from ledger.operations.work_queries import JobView, job, jobs_of
from ledger.operations.work_terms import PriceLine, Proposal, read_proposal
from protocol.capability.functions import parameters_from_value
from protocol.capability.units import show_measure
from protocol.negotiation.contents import Call, read_call
from protocol.negotiation.initiator import OPEN, Calling, CallState
from protocol.negotiation.participant import Deal
from protocol.negotiation.reasons import Reason

DONE_STATES = frozenset(CallState) - OPEN


def function_name(node: Node, function: bytes) -> str:
    """A function's short name, or its short id where its definition is not known here."""
    assert node.parts is not None
    known = node.parts.catalogue.by_hash(function)
    return short(Kind.FUNCTION, function) if known is None else known.name


def price(node: Node, lines: Iterable[PriceLine], amounts: Iterable[int] | None = None) -> list[dict[str, Any]]:
    """A price, or other amounts along its lines."""
    own = list(lines)
    counts = [line.amount for line in own] if amounts is None else list(amounts)
    shown = ((line.kind, line.thing, count) for line, count in zip(own, counts, strict=True))
    return price_shown(node.core.chain.state, shown)


def parameters(values: Any) -> dict[str, str]:
    """Parameters as texts."""
    shown: dict[str, str] = {}
    for name, value in sorted(parameters_from_value(dict(values)).items()):
        shown[name] = value if isinstance(value, str) else show_measure(value)
    return shown


# -- finding


def calling_of(node: Node, call: bytes) -> Calling | None:
    """Our own call of this id."""
    return next((one for one in node.core.conversation.negotiation.calls() if one.call == call), None)


def deal_of(node: Node, call: bytes) -> Deal | None:
    """Our conversation as a provider about this call."""
    return next((one for one in node.core.conversation.negotiation.deals() if one.call == call), None)


def job_or_call(node: Node, text: str) -> tuple[JobView | None, bytes]:
    """The job (with its call's id) or the call that an owner means; raises `Problem`."""
    state = node.core.chain.state
    negotiation = node.core.conversation.negotiation
    jobs = {one.id: one for one in jobs_of(state, node.identity.member, most=10_000)}
    candidates = [Candidate(kind=Kind.JOB, id=one) for one in jobs]
    candidates += [Candidate(kind=Kind.CALL, id=one.call) for one in negotiation.calls()]
    candidates += [Candidate(kind=Kind.CALL, id=one.call) for one in negotiation.deals()]
    found = resolve(text, candidates, what="job or call")
    if found.kind is Kind.JOB:
        return job(state, found.id), jobs[found.id].call
    calling = calling_of(node, found.id)
    made = calling.jobs if calling is not None else ()
    deal = deal_of(node, found.id)
    made = made or (deal.jobs if deal is not None else ())
    return (job(state, made[0]) if made else None), found.id


def job_meant(node: Node, text: str) -> JobView:
    """The job that an owner means; raises `Problem`."""
    view, call = job_or_call(node, text)
    if view is None:
        raise Problem(FailKind.NOT_FOUND, f"nothing was awarded for {short(Kind.CALL, call)} yet")
    return view


# -- telling


def told(node: Node, text: str) -> dict[str, Any]:
    """Everything about a job or call."""
    view, call = job_or_call(node, text)
    if view is not None:
        return of_job(node, view)
    calling, deal = calling_of(node, call), deal_of(node, call)
    if calling is not None:
        return of_calling(node, calling)
    assert deal is not None
    return of_deal(node, deal)


def of_job(node: Node, view: JobView) -> dict[str, Any]:
    """A job as the ledger has it, with what our own conversation adds."""
    state, one = node.core.chain.state, view.job
    value: dict[str, Any] = {
        "id": show_id(Kind.JOB, one.id),
        "call": show_id(Kind.CALL, one.call),
        "state": one.stage.value,
        "binding": "final",
        "customer": party(state, one.customer),
        "provider": party(state, one.provider),
        "function_name": function_name(node, one.function),
        "quantity": one.quantity,
        "delivered": one.delivered,
        "accepted": one.accepted,
        "price": price(node, one.price),
        "paid": price(node, one.price, one.paid),
        "held": price(node, one.price, one.left) if one.is_open else [],
        "deliver_by_ms": one.deliver_by_ms,
        "arbiters": [] if one.arbiter in (one.customer, one.provider) else [party(state, one.arbiter)],
        "next": view.awaits,
        "files": fetched(node, one.call),
        "journal": [_line(node, one, line) for line in view.log],
    }
    if not value["arbiters"] and one.is_open:
        days = one.terms.silence_ms // 86_400_000
        value["notes"] = [f"no third member was named to rule a dispute: what is held would be divided after {days} d"]
    if one.percent is not None:
        value["percent"] = one.percent
    if "design" in one.extras:
        value["design"] = show_id(Kind.DESIGN, one.extras["design"])
    if "part" in one.extras:
        value["part"] = one.extras["part"]
    if "asset" in one.extras:
        value["asset"] = show_id(Kind.ASSET, one.extras["asset"])
    calling = calling_of(node, one.call)
    deal = deal_of(node, one.call)
    if calling is not None:
        value["parameters"] = parameters(read_call(calling.signed.statement).parameters)
        value["proposals"] = proposals(node, calling)
    elif deal is not None and deal.signed_call is not None:
        value["parameters"] = parameters(read_call(deal.signed_call.statement).parameters)
    return value


def _line(node: Node, one: Job, line: Any) -> dict[str, Any]:
    said = ", ".join(f"{name} {value}" for name, value in sorted(line.said.items()) if isinstance(value, int | str))
    text = line.move if not said else f"{line.move}: {said}"
    if any(line.paid):
        amounts = price(node, one.price, line.paid)
        from dpnode.control.amounts import amount_text

        text += f"; pays {', '.join(amount_text(amount) for amount in amounts)}"
    value: dict[str, Any] = {"height": line.height, "time_ms": line.at_ms, "text": text}
    if line.by is not None:
        value["by"] = party(node.core.chain.state, line.by)
    return value


def of_call(node: Node, call: Call) -> dict[str, Any]:
    """What a call says."""
    state = node.core.chain.state
    value: dict[str, Any] = {
        "id": show_id(Kind.CALL, call.id),
        "call": show_id(Kind.CALL, call.id),
        "customer": party(state, call.customer),
        "function_name": function_name(node, call.function),
        "parameters": parameters(call.parameters),
        "quantity": call.quantity,
        "reply_by_ms": call.reply_by_ms,
        "deliver_by_ms": call.deliver_by_ms,
        "arbiters": [party(state, one) for one in call.arbiters],
        "binding": "recorded",
    }
    if call.design is not None:
        value["design"] = show_id(Kind.DESIGN, call.design)
    if call.part is not None:
        value["part"] = call.part
    if call.asset is not None:
        value["asset"] = show_id(Kind.ASSET, call.asset)
    return value


def of_calling(node: Node, calling: Calling) -> dict[str, Any]:
    """Our own call."""
    state = node.core.chain.state
    value = of_call(node, read_call(calling.signed.statement))
    value |= {
        "state": calling.state.value,
        "asked": [party(state, one) for one in calling.asked],
        "proposals": proposals(node, calling),
        "next": readable(calling.text) or calling.state.value,
        "notes": _how(calling),
        "journal": [
            {"time_ms": calling.made_ms, "by": party(state, reply.member), "text": matters.said(node, reply)}
            for reply in calling.replies
            if reply.reason is not Reason.FINE
        ],
    }
    return value


def _how(calling: Calling) -> list[str]:
    """The command that a call waits for."""
    if calling.state not in OPEN or not calling.received:
        return []
    return ["award one of the proposals: dpnode job award ID"]


def of_deal(node: Node, deal: Deal) -> dict[str, Any]:
    """A call we were asked."""
    state = node.core.chain.state
    if deal.signed_call is None:
        value: dict[str, Any] = {"id": show_id(Kind.CALL, deal.call), "customer": party(state, deal.customer)}
    else:
        value = of_call(node, read_call(deal.signed_call.statement))
    value["state"] = deal.state.value
    value["next"] = readable(deal.text) or deal.state.value
    value["proposals"] = [proposal(node, read_proposal(one.signed.statement), deal.state.value) for one in deal.offered]
    return value


def in_order(node: Node, calling: Calling) -> list[Proposal]:
    """The proposals of our call as they would be chosen, best first; those tried already last."""
    conversation = node.core.conversation
    ranked = conversation.negotiation.ranked(calling.call, now(), conversation.world)
    place = {one.candidate.proposal.id: number for number, one in enumerate(ranked)}
    received = sorted(calling.received, key=lambda one: (one.id not in calling.jobs, place.get(one.id, len(place))))
    return [read_proposal(one.signed.statement) for one in received]


def proposals(node: Node, calling: Calling) -> list[dict[str, Any]]:
    """The proposals of our call, in the order they would be chosen."""
    tried = {one.proposal: one.refused for one in calling.tries}
    rows = []
    for one in in_order(node, calling):
        state = "awarded" if one.id in calling.jobs else "received"
        if state == "received" and tried.get(one.id):
            state = f"refused: {tried[one.id]}"
        elif state == "received" and one.until_ms < now().wall_ms:
            state = "lapsed"
        rows.append(proposal(node, one, state))
    return rows


def proposal(node: Node, one: Proposal, state: str) -> dict[str, Any]:
    """One proposal."""
    return {
        "id": show_id(Kind.JOB, one.id),
        "provider": party(node.core.chain.state, one.provider),
        "price": price(node, one.price),
        "deliver_by_ms": one.deliver_by_ms,
        "until_ms": one.until_ms,
        "state": state,
    }
