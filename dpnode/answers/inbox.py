"""Answers about what waits for a person, and why something was decided as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dpnode.answers import job_views as views
from dpnode.answers import matters
from dpnode.answers.job_moves import afford, awarded
from dpnode.answers.shown import name_of, party
from dpnode.clock import now
from dpnode.control.amounts import amount_text
from dpnode.control.answers import Answer, Done
from dpnode.control.questions import job as asked
from dpnode.control.questions.base import Question
from dpnode.control.resolve import Candidate, resolve
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.node import Node, readable
from dpnode.reading.naming import amount_shown, price_line_meant, price_shown
from ledger.names import Kind, show_id
from ledger.operations import accounts
from ledger.operations.work_job import Job
from ledger.operations.work_queries import awaited_of, job, open_jobs
from ledger.operations.work_stages import Party
from protocol.negotiation.contents import UNCHANGED, read_call, total
from protocol.negotiation.effects import Side
from protocol.negotiation.inbox import Waiting
from protocol.negotiation.inputs import Approve, Decline
from protocol.negotiation.participant import Deal
from protocol.negotiation.reasons import SENTENCES, Reason

WORK: dict[tuple[Party | None, Party | None], str] = {
    (Party.PROVIDER, Party.PROVIDER): "make and deliver",
    (Party.CUSTOMER, Party.CUSTOMER): "receipt a delivery",
    (Party.ARBITER, Party.ARBITER): "rule a dispute",
}
"""(whose move it is, who we are) -> what waits for a person."""


async def listed(node: Node, question: asked.InboxList, responder: Responder) -> Answer:
    """What waits, soonest first."""
    return Done(value={"items": waiting_rows(node)})


def waiting_rows(node: Node) -> list[dict[str, Any]]:
    """Everything that waits for a person here: calls and proposals, then jobs."""
    return [*(_row(node, one) for one in _waiting(node)), *_work_waiting(node)]


def _work_waiting(node: Node) -> list[dict[str, Any]]:
    """Jobs on the ledger whose next move is this member's: to deliver, to receipt, to rule."""
    state, me = node.core.chain.state, node.identity.member
    block_ms = max(now().wall_ms, node.core.chain.head.time_ms)
    rows = []
    for one in open_jobs(state, me):
        kind = WORK.get((awaited_of(one), one.party_of(me)))
        if kind is None:
            continue
        other = one.provider if one.customer == me else one.customer
        what = one.extras.get("part", views.function_name(node, one.function))
        row: dict[str, Any] = {
            "id": show_id(Kind.JOB, one.id),
            "kind": kind,
            "from": party(state, other),
            "title": f"{one.quantity} x {what}",
            "price": views.price(node, one.price),
        }
        until_ms = _until_ms(one)
        if until_ms is not None:
            row["left_ms"] = max(0, until_ms - block_ms)
        rows.append(row)
    return rows


def _until_ms(one: Job) -> int | None:
    """By when the move is awaited: the ruling, the end of the inspection, the delivery."""
    if one.dispute is not None and awaited_of(one) is Party.ARBITER:
        return one.dispute.at_ms + one.terms.silence_ms
    if one.open:
        return one.open[0].at_ms + one.terms.inspection_ms
    return one.deliver_by_ms if awaited_of(one) is Party.PROVIDER else None


def _waiting(node: Node) -> list[Waiting]:
    return node.core.conversation.negotiation.inbox(now())


def _refuse_job(text: str) -> None:
    """A job's next move is a command of its own, because it says how many and how good."""
    if text.strip().lower().startswith(f"{Kind.JOB.value}-"):
        raise Problem(
            FailKind.USAGE, "that is a job: say what happened by `dpnode job deliver`, `job receive` or `job rule`"
        )


def _meant(node: Node, text: str) -> Waiting:
    waiting = {one.item.id: one for one in _waiting(node)}
    found = resolve(text, [Candidate(kind=Kind.CALL, id=one) for one in waiting], what="waiting matter")
    return waiting[found.id]


def _row(node: Node, one: Waiting) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": show_id(Kind.CALL, one.item.id),
        "kind": "choose a proposal" if one.item.side is Side.CUSTOMER else "answer a call",
        "title": _title(node, one),
    }
    if one.left_ms is not None:
        row["left_ms"] = one.left_ms
    deal = views.deal_of(node, one.item.id)
    if deal is not None:
        row["from"] = party(node.core.chain.state, deal.customer)
        if deal.decision is not None and deal.decision.draft is not None:
            row["price"] = views.price(node, deal.decision.draft.price)
    return row


def _title(node: Node, one: Waiting) -> str:
    """What is asked, and about what: "sign this proposal? 4 x Hook"."""
    deal, calling = views.deal_of(node, one.item.id), views.calling_of(node, one.item.id)
    signed = calling.signed if calling is not None else None if deal is None else deal.signed_call
    if signed is None:
        return one.item.title
    call = read_call(signed.statement)
    quantity = call.quantity if deal is None or deal.changes.quantity is None else deal.changes.quantity
    return f"{one.item.title} {quantity} x {call.part or views.function_name(node, call.function)}"


async def show(node: Node, question: asked.InboxShow, responder: Responder) -> Answer:
    """One waiting matter in full."""
    if question.id.strip().lower().startswith(f"{Kind.JOB.value}-"):
        return Done(value=views.told(node, question.id))
    one = _meant(node, question.id)
    value = _row(node, one)
    deal, calling = views.deal_of(node, one.item.id), views.calling_of(node, one.item.id)
    value["notes"] = matters.reasons(node, calling, deal)
    if deal is not None and deal.changes != UNCHANGED:
        value["wished"] = matters.wished(node, deal.changes, _priced_in(deal))
    signed = deal.signed_call if deal is not None else calling.signed if calling is not None else None
    if signed is not None:
        told = views.of_call(node, read_call(signed.statement))
        value |= {key: told[key] for key in ("function_name", "parameters", "quantity", "deliver_by_ms")}
    if deal is not None and deal.decision is not None:
        value["steps"] = matters.steps(node, deal.decision)
        if deal.decision.draft is not None:
            value["sum"] = [_priced(line) for line in deal.decision.draft.price_lines]
    if calling is not None:
        value["proposals"] = views.proposals(node, calling)
    return Done(value=value)


async def approve(node: Node, question: asked.InboxApprove, responder: Responder) -> Answer:
    """Let a waiting matter go ahead: sign the proposal, or award the best one."""
    _refuse_job(question.id)
    one = _meant(node, question.id)
    deal = views.deal_of(node, one.item.id)
    calling = views.calling_of(node, one.item.id)
    if one.item.side is Side.CUSTOMER and question.price:
        raise Problem(FailKind.USAGE, "a price is the provider's to say; ask for another with `dpnode job counter`")
    if one.item.side is Side.CUSTOMER and calling is not None and calling.received:
        afford(node, views.in_order(node, calling)[0])
    total_asked = None if deal is None or not question.price else _price_asked(node, deal, question.price)
    if deal is not None:
        _customer_affords(node, deal, total_asked)
    if question.dry_run:
        return Done(value=_would(node, one, question))
    await node.negotiate(Approve(item=one.item.id, price_total=total_asked))
    if one.item.side is Side.CUSTOMER:
        return await awarded(node, one.item.id, question.wait_ms)
    deal = views.deal_of(node, one.item.id)
    return Done(value={"state": deal.state.value if deal is not None else "answered", "binding": "recorded"})


def _price_asked(node: Node, deal: Deal, texts: Sequence[str]) -> int:
    """A price of the owner's own in smallest units; only in the credit that the offer is priced in."""
    if len(texts) != 1:
        raise Problem(FailKind.USAGE, "a price of one amount is asked here")
    line = price_line_meant(node.core.chain.state, texts[0])
    priced = _priced_in(deal)
    if priced is None:
        raise Problem(FailKind.REFUSED, "this is not priced in one credit, so its price cannot be set by --price")
    if (line["kind"], line["id"]) != ("credit", priced):
        wanted = amount_shown(node.core.chain.state, "credit", priced, 0)
        given = amount_text(amount_shown(node.core.chain.state, line["kind"], line["id"], line["amount"]))
        raise Problem(
            FailKind.REFUSED,
            f"{given} is in another credit: this is priced in {wanted['name']}@{wanted['issuer']}",
            {"reason": Reason.CREDIT_UNKNOWN.value},
        )
    return int(line["amount"])


def _priced_in(deal: Deal) -> bytes | None:
    draft = None if deal.decision is None else deal.decision.draft
    one = None if draft is None else total(draft.price)
    return None if one is None else one[0]


def _customer_affords(node: Node, deal: Deal, total_asked: int | None) -> None:
    """Say whose money is lacking, and how much of which credit."""
    draft = None if deal.decision is None else deal.decision.draft
    one = None if draft is None else total(draft.price)
    if one is None or not node.assembled.policy.credit.require_money:
        return
    credit, needed = one[0], one[1] if total_asked is None else total_asked
    state = node.core.chain.state
    free = accounts.free(state, deal.customer, "credit", credit)
    if free < needed:
        name = name_of(state, deal.customer)
        at_hand, wanted = (matters.money(node, credit, amount) for amount in (free, needed))
        sentence = f"{SENTENCES[Reason.MONEY]}: {name} has {at_hand} free, and {wanted} is needed"
        raise Problem(FailKind.REFUSED, sentence, {"reason": Reason.MONEY.value})


def _would(node: Node, one: Waiting, question: asked.InboxApprove) -> dict[str, Any]:
    """What approving would do: sign a proposal of ours, or award the best of theirs."""
    value: dict[str, Any] = {"state": "waiting", "dry_run": True}
    calling = views.calling_of(node, one.item.id)
    if one.item.side is Side.CUSTOMER:
        best = views.proposals(node, calling)[:1] if calling is not None else []
        shown = {key: best[0][key] for key in ("provider", "price", "deliver_by_ms")} if best else {}
        return {**value, **shown, "says": "the best proposal is awarded; its price is held"}
    value["says"] = "a proposal is signed and sent; it binds until it lapses"
    row = _row(node, one)
    if question.price:
        line = price_line_meant(node.core.chain.state, question.price[0])
        row["price"] = price_shown(node.core.chain.state, [(line["kind"], line["id"], line["amount"])])
    return {**value, "price": row.get("price", [])}


async def refuse(node: Node, question: asked.InboxRefuse, responder: Responder) -> Answer:
    """Turn a waiting matter down."""
    _refuse_job(question.id)
    one = _meant(node, question.id)
    if not question.dry_run:
        await node.negotiate(Decline(item=one.item.id, text=question.reason))
    return Done(value={"state": "waiting" if question.dry_run else "refused", "dry_run": question.dry_run})


async def why(node: Node, question: asked.Why, responder: Responder) -> Answer:
    """How a call, proposal or job was decided here."""
    negotiation = node.core.conversation.negotiation
    candidates = [Candidate(kind=Kind.CALL, id=one.call) for one in negotiation.calls()]
    for calling in negotiation.calls():
        candidates += [Candidate(kind=Kind.JOB, id=one.id) for one in calling.received]
    for deal in negotiation.deals():
        candidates.append(Candidate(kind=Kind.CALL, id=deal.call))
        candidates += [Candidate(kind=Kind.JOB, id=one.id) for one in deal.offered]
    found = resolve(question.id, candidates, what="call, proposal or job")
    value: dict[str, Any] = {"id": show_id(found.kind, found.id)}
    call_id = found.id
    if found.kind is Kind.JOB:
        view = job(node.core.chain.state, found.id)
        call_id = view.job.call if view is not None else _call_of(node, found.id)
    deal_found, calling_found = views.deal_of(node, call_id), views.calling_of(node, call_id)
    value["reasons"] = matters.reasons(node, calling_found, deal_found)
    if deal_found is not None:
        value |= {"decision": deal_found.state.value, "reason": readable(deal_found.text)}
        if deal_found.decision is not None:
            value["steps"] = matters.steps(node, deal_found.decision)
            if deal_found.decision.draft is not None:
                value["sum"] = [_priced(line) for line in deal_found.decision.draft.price_lines]
    if calling_found is not None:
        value |= {"decision": calling_found.state.value, "reason": readable(calling_found.text)}
        value["ranking"] = matters.ranking(node, calling_found)
        value["notes"] = matters.answers(node, calling_found)
    return Done(value=value)


def _priced(line: str) -> dict[str, Any]:
    """A line of a sum, which ends in its amount."""
    what, _, amount = line.rpartition(": ")
    return {"what": what, "amount": amount}


def _call_of(node: Node, proposal: bytes) -> bytes:
    negotiation = node.core.conversation.negotiation
    for calling in negotiation.calls():
        if any(one.id == proposal for one in calling.received):
            return calling.call
    for deal in negotiation.deals():
        if any(one.id == proposal for one in deal.offered):
            return deal.call
    return proposal


ANSWERS: dict[type[Question], Any] = {
    asked.InboxList: listed,
    asked.InboxShow: show,
    asked.InboxApprove: approve,
    asked.InboxRefuse: refuse,
    asked.Why: why,
}
