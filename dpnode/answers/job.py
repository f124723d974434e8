"""Answers about jobs: calling, awarding, and the moves of a job on the ledger.

A call is a conversation and goes to the negotiation; everything from the award on is an entry.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio

from dpnode.answers import job_views as views
from dpnode.answers.shown import party
from dpnode.assembly import own_place
from dpnode.clock import now
from dpnode.control.answers import Answer, Done
from dpnode.control.questions import job as asked
from dpnode.control.questions.base import Question
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.files import keep_files, name_call_files
from dpnode.node import Node, Standing
from dpnode.reading.naming import asset_meant, person_meant, price_line_meant
from dpnode.wants import Wanted, wanted_by
from ledger.names import Kind, parse_id, show_id
from ledger.operations.work_endings import cancel_bp
from ledger.operations.work_money import part_of_left
from ledger.operations.work_moves import opens_ms
from ledger.operations.work_queries import JobView, job, jobs_of
from ledger.operations.work_stages import Move, Stage
from ledger.operations.work_terms import PriceLine
from protocol.capability.functions import parameters_to_value
from protocol.capability.places import Place, about
from protocol.negotiation.effects import Changed, Side
from protocol.negotiation.initiator import OPEN
from protocol.negotiation.inputs import Ask, Choose, JobRequest, Withdraw

DELIVER_MS = 7 * 86_400_000
"""By when a job is wanted when its owner says nothing: a week."""
EVIDENCE_BYTES_MAX = 256 << 20


async def call(node: Node, question: asked.JobCall, responder: Responder) -> Answer:
    """Call for proposals from those who can make it."""
    state = node.core.chain.state
    place = _place(node, question.place)
    assert node.parts is not None
    directory = node.core.directory.directory
    wanted = wanted_by(question, node.parts.catalogue, directory, node.identity.member, place, now().wall_ms)
    asset = None if question.asset is None else asset_meant(state, question.asset).id
    found = [one for one in wanted.found if asset is None or one.offer.asset == asset]
    if not found:
        raise Problem(FailKind.NOT_FOUND, directory.explain_none(wanted.want, now().wall_ms))
    members = tuple(dict.fromkeys(one.member for one in found))
    deliver_by_ms = question.deliver_by_ms or now().wall_ms + DELIVER_MS
    budget = tuple(_line(price_line_meant(state, text)) for text in question.budget)
    arbiters = tuple(person_meant(state, text).id for text in question.arbiters)
    value = _called(node, question, wanted, members, deliver_by_ms)
    if question.dry_run:
        return Done(value={**value, "dry_run": True})
    files = await keep_files(node, list(wanted.files))
    request = JobRequest(
        function=wanted.function.hash,
        parameters=parameters_to_value(wanted.want.parameters),
        quantity=question.quantity,
        deliver_by_ms=deliver_by_ms,
        reply_by_ms=question.reply_by_ms,
        automatic=question.automatic,
        where=place,
        arbiters=arbiters,
        design=wanted.design,
        part=wanted.part,
        asset=asset,
        files=tuple(one.named for one in files),
        budget=budget,
        tell_budget=bool(budget),
    )
    effects = await node.negotiate(Ask(request=request, members=members, fresh=secrets.token_bytes(32)))
    call_id = next(effect.call for effect in effects if isinstance(effect, Changed) and effect.side is Side.CUSTOMER)
    await name_call_files(node, call_id, request.files)
    if question.wait_ms:
        await _follow(node, call_id, question.wait_ms, responder)
    calling = views.calling_of(node, call_id)
    assert calling is not None
    value |= {"call": show_id(Kind.CALL, call_id), "state": calling.state.value, "reply_by_ms": calling.reply_by_ms}
    value["proposals"] = views.proposals(node, calling)
    if calling.jobs:
        view = job(node.core.chain.state, calling.jobs[0])
        assert view is not None
        value |= {
            "job": show_id(Kind.JOB, view.job.id),
            "provider": party(node.core.chain.state, view.job.provider),
            "price": views.price(node, view.job.price),
        }
    elif calling.state not in OPEN:
        value["notes"] = [*value["notes"], calling.text]
    return Done(value=value)


def _called(
    node: Node, question: asked.JobCall, wanted: Wanted, members: Sequence[bytes], deliver_by_ms: int
) -> dict[str, Any]:
    value: dict[str, Any] = {
        "function_name": wanted.function.name,
        "quantity": question.quantity,
        "parameters": views.parameters(parameters_to_value(wanted.want.parameters)),
        "asked": [party(node.core.chain.state, one) for one in members],
        "deliver_by_ms": deliver_by_ms,
        "missing_files": list(wanted.missing_files),
        "notes": list(wanted.notes),
    }
    if wanted.part is not None:
        value["part"] = wanted.part
    if wanted.design is not None:
        value["design"] = show_id(Kind.DESIGN, wanted.design)
    return value


async def _follow(node: Node, call_id: bytes, wait_ms: int, responder: Responder) -> None:
    """Report what happens to a call until it has ended or the time is over."""
    seen = len(node.changes)
    with trio.move_on_after(wait_ms / 1000):
        while True:
            moved = node.moved
            for at_ms, change in node.changes[seen:]:
                if change.call == call_id:
                    await responder.progress({"time_ms": at_ms, "state": change.state, "text": change.text})
            seen = len(node.changes)
            calling = views.calling_of(node, call_id)
            if calling is None or calling.state not in OPEN:
                return
            await moved.wait()


def _line(value: dict[str, Any]) -> PriceLine:
    return PriceLine(kind=value["kind"], thing=value["id"], amount=value["amount"])


def _place(node: Node, text: str | None) -> Place | None:
    if text is None:
        return own_place(node.settings)
    from fractions import Fraction

    try:
        lat, lon = (Fraction(part.strip()) for part in text.split(","))
        return about(lat, lon)
    except (ValueError, ZeroDivisionError) as problem:
        raise Problem(FailKind.USAGE, f"{text[:60]!r} is no place; write it like 52.52,13.40") from problem


# -- reading


async def listed(node: Node, question: asked.JobList, responder: Responder) -> Answer:
    """Jobs and open calls."""
    state, me = node.core.chain.state, node.identity.member
    rows: list[dict[str, Any]] = []
    for calling in reversed(node.core.conversation.negotiation.calls()):
        if not calling.jobs:
            told = views.of_calling(node, calling)
            rows.append(
                {
                    "id": told["call"],
                    "state": told["state"],
                    "role": "customer",
                    "what": told.get("part", told["function_name"]),
                    "quantity": told["quantity"],
                    "deliver_by_ms": told["deliver_by_ms"],
                }
            )
    for one in jobs_of(state, me, most=question.limit):
        is_customer = one.customer == me
        role = "customer" if is_customer else "provider" if one.provider == me else "arbiter"
        rows.append(
            {
                "id": show_id(Kind.JOB, one.id),
                "state": one.stage.value,
                "role": role,
                "what": one.extras.get("part", views.function_name(node, one.function)),
                "quantity": one.quantity,
                "other": party(state, one.provider if is_customer else one.customer),
                "price": views.price(node, one.price),
                "deliver_by_ms": one.deliver_by_ms,
            }
        )
    kept = [row for row in rows if question.state is None or row["state"] == question.state]
    return Done(value={"jobs": kept[: question.limit]})


async def show(node: Node, question: asked.JobShow, responder: Responder) -> Answer:
    """One job or call."""
    return Done(value=views.told(node, question.id))


async def watch(node: Node, question: asked.JobWatch, responder: Responder) -> Answer:
    """Report each change until the job or call has ended."""
    _, call_id = views.job_or_call(node, question.id)
    seen = ""
    with trio.move_on_after(question.wait_ms / 1000):
        while True:
            moved = node.moved
            view, _ = views.job_or_call(node, show_id(Kind.CALL, call_id)) if _is_talk(node, call_id) else (
                views.job_meant(node, question.id),
                call_id,
            )
            told = views.told(node, question.id)
            text = f"{told['state']}: {told.get('next', '')}"
            if text != seen:
                seen = text
                progress = {"time_ms": now().wall_ms, "state": told["state"], "text": told.get("next", "")}
                await responder.progress({**progress, "binding": told.get("binding", "recorded")})
            calling = views.calling_of(node, call_id)
            if view is not None and not view.job.is_open:
                break
            if view is None and calling is not None and calling.state not in OPEN:
                break
            await moved.wait()
    return Done(value=views.told(node, question.id))


def _is_talk(node: Node, call_id: bytes) -> bool:
    return views.calling_of(node, call_id) is not None or views.deal_of(node, call_id) is not None


# -- moves


async def award(node: Node, question: asked.JobAward, responder: Responder) -> Answer:
    """Award one proposal."""
    if len(question.proposals) != 1:
        raise Problem(FailKind.USAGE, "baskets of several proposals are not made here yet: name one proposal")
    text = question.proposals[0].strip()
    for calling in node.core.conversation.negotiation.calls():
        for received in calling.received:
            written = show_id(Kind.JOB, received.id)
            if written == text or (len(text) >= 8 and written.startswith(text)):
                return await _award(node, calling.call, received.id, question)
    raise Problem(FailKind.NOT_FOUND, f"there is no proposal {text[:60]!r} here; `dpnode job show CALL` lists them")


async def _award(node: Node, call_id: bytes, proposal: bytes, question: asked.JobAward) -> Answer:
    if question.dry_run:
        return Done(value={"job": show_id(Kind.JOB, proposal), "dry_run": True, "binding": "recorded"})
    await node.negotiate(Choose(call=call_id, proposal=proposal))
    return await awarded(node, call_id, question.wait_ms)


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
        return Done(value={"call": show_id(Kind.CALL, call_id), "state": "awarding", "binding": "recorded"})
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
        return Done(value={**_moved(node, view), "dry_run": True})
    (standing,) = await node.submit([operation], wait_ms=question.wait_ms)
    return _written(node, view, standing)


def _written(node: Node, view: JobView, standing: Standing) -> Answer:
    if standing.outcome:
        raise Problem(FailKind.REFUSED, f"the ledger refused it: {standing.outcome}", {"reason": standing.outcome})
    after = job(node.core.chain.state, view.job.id) or view
    value = {**_moved(node, after), "entry": show_id(Kind.ENTRY, standing.entry_id)}
    value["binding"] = "final" if standing.is_final else "recorded"
    if standing.is_final:
        value["height"] = standing.height
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
        if not question.dry_run:
            await node.negotiate(Withdraw(call=call_id))
        return Done(value={"call": show_id(Kind.CALL, call_id), "state": "withdrawn", "dry_run": question.dry_run})
    one = view.job
    block_ms = max(now().wall_ms, node.core.chain.head.time_ms)
    voidable = one.stage in (Stage.AWARDED, Stage.STARTED, Stage.REJECTED) and block_ms > opens_ms(one, Move.VOID)
    operation = {"t": "work.void/1" if voidable or one.provider == node.identity.member else "work.cancel/1"}
    answer = await _move(node, view, question, operation)
    if isinstance(answer, Done) and not voidable:
        answer.value["fee"] = views.price(node, one.price, part_of_left(one, cancel_bp(one)))
    return answer


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
    from ledger.canonical import digest

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
    asked.JobCall: call,
    asked.JobList: listed,
    asked.JobShow: show,
    asked.JobWatch: watch,
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
