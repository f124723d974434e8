"""Answers about the moves of a job: award, progress, deliver, receive, claim, cancel, fail, dispute, rule.

From the award on everything is an entry; each answer tells what the job came to and how binding that is by now.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio

from dpnode.answers import job_views as views
from dpnode.answers.pending import ran_out, with_operations
from dpnode.clock import now
from dpnode.control.answers import Answer, Done
from dpnode.control.questions import job as asked
from dpnode.control.questions.base import Question
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.node import Node, Standing
from dpnode.reading.naming import too_little
from dpnode.reading.sentences import sentence
from ledger.canonical import digest
from ledger.names import Kind, parse_id, show_id
from ledger.operations import accounts
from ledger.operations.work_endings import cancel_bp
from ledger.operations.work_money import part_of_left
from ledger.operations.work_moves import opens_ms
from ledger.operations.work_queries import JobView, job
from ledger.operations.work_stages import Move, Stage
from ledger.operations.work_terms import Proposal, read_proposal
from ledger.statement import Statement
from protocol.negotiation.initiator import OPEN, CallState
from protocol.negotiation.inputs import Choose, Withdraw

EVIDENCE_BYTES_MAX = 256 << 20
"""A long film of a machine at work; it is only hashed."""


async def award(node: Node, question: asked.JobAward, responder: Responder) -> Answer:
    """Award one proposal."""
    if len(question.proposals) != 1:
        raise Problem(FailKind.USAGE, "baskets of several proposals are not made here yet: name one proposal")
    text = question.proposals[0].strip()
    for calling in node.core.conversation.negotiation.calls():
        for received in calling.received:
            written = show_id(Kind.JOB, received.id)
            if written == text or (len(text) >= 8 and written.startswith(text)):
                if calling.state is CallState.AWARDED:
                    made = ", ".join(show_id(Kind.JOB, one) for one in calling.jobs)
                    raise Problem(FailKind.REFUSED, f"this call is awarded already: {made}", {"reason": "closed"})
                return await _award(node, calling.call, received.signed.statement, question)
    raise Problem(FailKind.NOT_FOUND, f"there is no proposal {text[:60]!r} here; `dpnode job show CALL` lists them")


async def _award(node: Node, call_id: bytes, signed: Statement, question: asked.JobAward) -> Answer:
    proposal = read_proposal(signed)
    afford(node, proposal)
    if question.dry_run:
        told = views.proposal(node, proposal, "received")
        value = {key: told[key] for key in ("provider", "price", "deliver_by_ms", "until_ms")}
        says = "it is awarded; its price is held until the job ends"
        return Done(value={"job": told["id"], **value, "says": says, "dry_run": True})
    await node.negotiate(Choose(call=call_id, proposal=proposal.id))
    return await awarded(node, call_id, question.wait_ms)


def afford(node: Node, proposal: Proposal) -> None:
    """Say in the money's own words what is lacking; the ledger would say it in smallest units."""
    state = node.core.chain.state
    for line in proposal.price:
        free = accounts.free(state, node.identity.member, line.kind, line.thing)
        if free < line.amount:
            raise too_little(state, line.kind, line.thing, free, line.amount)


async def awarded(node: Node, call_id: bytes, wait_ms: int) -> Answer:
    """Wait for what the ledger makes of an award that was just submitted."""
    with trio.move_on_after(wait_ms / 1000):
        while True:
            moved = node.moved
            calling = views.calling_of(node, call_id)
            if calling is None or calling.jobs:
                break
            if calling.state not in OPEN or any(one.refused for one in calling.tries[-1:]):
                code = calling.tries[-1].refused if calling.tries else None
                raise Problem(FailKind.REFUSED, calling.text or "the award was refused", {"reason": code or "lapsed"})
            await moved.wait()
    calling = views.calling_of(node, call_id)
    if calling is None or not calling.jobs:
        value = {"call": show_id(Kind.CALL, call_id), "state": "awarding", "binding": "recorded"}
        return Done(value=value | ran_out(node, wait_ms))
    view = job(node.core.chain.state, calling.jobs[0])
    assert view is not None
    return Done(value={**_moved(node, view), "binding": "final", "height": view.job.awarded_height})


def _moved(node: Node, view: JobView) -> dict[str, Any]:
    one = view.job
    value: dict[str, Any] = {
        "job": show_id(Kind.JOB, one.id),
        "state": one.stage.value,
        "paid": views.price(node, one.price, one.paid),
    }
    if one.is_open:
        value["held"] = views.price(node, one.price, one.left)
    return value


async def _move(node: Node, view: JobView, question: Any, operation: dict[str, Any]) -> Answer:
    """Record one move and tell what the job came to."""
    operation = {**operation, "job": view.job.id}
    if question.dry_run:
        node.dry_run([operation])
        says = sentence(node.core.chain.state, operation, node.identity.member)
        after = job(with_operations(node, [operation]), view.job.id) or view
        would = {f"{key}_then": one for key, one in _moved(node, after).items() if key != "job"}
        return Done(value={**_moved(node, view), **would, "says": says, "dry_run": True})
    (standing,) = await node.submit([operation], wait_ms=question.wait_ms)
    return _written(node, view, standing, question.wait_ms)


def _written(node: Node, view: JobView, standing: Standing, wait_ms: int) -> Answer:
    if standing.outcome:
        raise Problem(FailKind.REFUSED, f"the ledger refused it: {standing.outcome}", {"reason": standing.outcome})
    after = job(node.core.chain.state, view.job.id) or view
    value = {**_moved(node, after), "entry": show_id(Kind.ENTRY, standing.entry_id)}
    value["binding"] = "final" if standing.is_final else "recorded"
    if standing.is_final:
        value["height"] = standing.height
    else:
        value |= ran_out(node, wait_ms)
    return Done(value=value)


async def progress(node: Node, question: asked.JobProgress, responder: Responder) -> Answer:
    """The provider says how far the work is."""
    operation: dict[str, Any] = {"t": "work.progress/1"}
    if question.percent is not None:
        operation["percent"] = question.percent
    if question.note is not None:
        operation["note"] = question.note
    return await _move(node, views.job_meant(node, question.id), question, operation)


async def deliver(node: Node, question: asked.JobDeliver, responder: Responder) -> Answer:
    """The provider hands pieces over."""
    view = views.job_meant(node, question.id)
    one = view.job
    left = one.quantity - one.accepted - one.inspecting
    operation: dict[str, Any] = {"quantity": question.quantity or max(1, left), "t": "work.deliver/1"}
    return await _move(node, view, question, _with_evidence(operation, question.evidence))


async def receive(node: Node, question: asked.JobReceive, responder: Responder) -> Answer:
    """The customer receipts a delivery."""
    view = views.job_meant(node, question.id)
    accepted = question.accepted
    if accepted is None:
        accepted = max(0, view.job.inspecting - (question.rejected or 0))
    operation: dict[str, Any] = {"accepted": accepted, "t": "work.receipt/1"}
    if question.rejected is not None:
        operation["rejected"] = question.rejected
    if question.quality is not None:
        operation["quality"] = question.quality
    return await _move(node, view, question, _with_evidence(operation, question.evidence))


async def claim(node: Node, question: asked.JobClaim, responder: Responder) -> Answer:
    """The provider takes the payment after silence."""
    return await _move(node, views.job_meant(node, question.id), question, {"t": "work.claim/1"})


async def cancel(node: Node, question: asked.JobCancel, responder: Responder) -> Answer:
    """Cancel a job for its fee, void an overdue one, or take an open call back."""
    view, call_id = views.job_or_call(node, question.id)
    if view is None:
        return await _withdraw(node, call_id, question)
    one = view.job
    block_ms = max(now().wall_ms, node.core.chain.head.time_ms)
    voidable = one.stage in (Stage.AWARDED, Stage.STARTED, Stage.REJECTED) and block_ms > opens_ms(one, Move.VOID)
    operation = {"t": "work.void/1" if voidable or one.provider == node.identity.member else "work.cancel/1"}
    answer = await _move(node, view, question, operation)
    if isinstance(answer, Done) and not voidable:
        answer.value["fee"] = views.price(node, one.price, part_of_left(one, cancel_bp(one)))
    return answer


async def _withdraw(node: Node, call_id: bytes, question: asked.JobCancel) -> Answer:
    """Take an open call back; nothing was promised, so it costs nothing."""
    calling = views.calling_of(node, call_id)
    if calling is None:
        raise Problem(FailKind.REFUSED, "that is another member's call: only the customer can take it back")
    value: dict[str, Any] = {"call": show_id(Kind.CALL, call_id)}
    if question.dry_run:
        if calling.state not in OPEN:
            raise Problem(FailKind.REFUSED, f"this call is {calling.state.value} already", {"reason": "closed"})
        states = {"state": calling.state.value, "state_then": CallState.WITHDRAWN.value}
        return Done(value={**value, **states, "says": "the call is taken back; it costs nothing", "dry_run": True})
    await node.negotiate(Withdraw(call=call_id))
    return Done(value={**value, "state": CallState.WITHDRAWN.value})


async def fail(node: Node, question: asked.JobFail, responder: Responder) -> Answer:
    """The provider cannot do it."""
    operation = {"reason": question.reason, "t": "work.fail/1"}
    return await _move(node, views.job_meant(node, question.id), question, operation)


async def dispute(node: Node, question: asked.JobDispute, responder: Responder) -> Answer:
    """Ask the arbiter."""
    operation = _with_evidence({"reason": question.reason, "t": "work.dispute/1"}, question.evidence)
    return await _move(node, views.job_meant(node, question.id), question, operation)


async def rule(node: Node, question: asked.JobRule, responder: Responder) -> Answer:
    """The arbiter divides what is held."""
    view = _to_rule(node, question.id)
    return await _move(node, view, question, {"provider_bp": question.provider_bp, "t": "work.rule/1"})


def _to_rule(node: Node, text: str) -> JobView:
    """An arbiter may name a job it is not listed for yet by its full id."""
    try:
        return views.job_meant(node, text)
    except Problem:
        try:
            view = job(node.core.chain.state, parse_id(Kind.JOB, text))
        except ValueError:
            view = None
        if view is None:
            raise
        return view


def _with_evidence(operation: dict[str, Any], evidence: Sequence[str]) -> dict[str, Any]:
    """Name files of evidence by a salted hash: the salt stands beside the file, so its owner can show both later."""
    if not evidence:
        return operation
    return {**operation, "evidence": [_evidence(Path(text)) for text in evidence]}


def _evidence(path: Path) -> bytes:
    try:
        if path.stat().st_size > EVIDENCE_BYTES_MAX:
            raise Problem(FailKind.REFUSED, f"{path} is larger than {EVIDENCE_BYTES_MAX} bytes")
        salt = secrets.token_bytes(16)
        note = path.with_name(path.name + ".salt")
        if note.exists():
            salt = bytes.fromhex(note.read_text("ascii").strip())
        else:
            note.write_text(salt.hex() + "\n", "ascii")
        return digest("file", salt, hashlib.sha256(path.read_bytes()).digest())
    except (OSError, ValueError) as error:
        raise Problem(FailKind.NOT_FOUND, f"the evidence {path} cannot be read: {error}") from error


ANSWERS: dict[type[Question], Any] = {
    asked.JobAward: award,
    asked.JobProgress: progress,
    asked.JobDeliver: deliver,
    asked.JobReceive: receive,
    asked.JobClaim: claim,
    asked.JobCancel: cancel,
    asked.JobFail: fail,
    asked.JobDispute: dispute,
    asked.JobRule: rule,
}
