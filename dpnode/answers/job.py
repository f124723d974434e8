"""Answers about calling for work and looking at it: call, list, show, watch.

A call is a conversation and goes to the negotiation; what follows an award stands in `job_moves`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import trio

from dpnode.answers import job_views as views
from dpnode.answers import matters
from dpnode.answers.shown import party
from dpnode.assembly import own_place
from dpnode.clock import now
from dpnode.control.answers import Answer, Done
from dpnode.control.questions import job as asked
from dpnode.control.questions.base import Question
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.files import keep_files, name_call_files
from dpnode.node import Node, readable
from dpnode.reading.naming import asset_meant, person_meant, price_line_meant
from dpnode.wants import Wanted, wanted_by
from ledger.keys import MemberId
from ledger.names import Kind, show_id
from ledger.operations.work_queries import job, jobs_of
from ledger.operations.work_terms import ARBITERS_MAX, PriceLine
from ledger.queries import people
from protocol.capability.functions import parameters_to_value
from protocol.capability.places import Place, about
from protocol.negotiation.effects import Changed, Side
from protocol.negotiation.initiator import OPEN
from protocol.negotiation.inputs import Ask, JobRequest

DELIVER_MS = 7 * 86_400_000
"""By when a job is wanted when its owner says nothing: a week."""


async def call(node: Node, question: asked.JobCall, responder: Responder) -> Answer:
    """Call for proposals from those who can make it."""
    state = node.core.chain.state
    place = _place(node, question.place)
    assert node.parts is not None
    directory = node.core.directory.directory
    wanted = wanted_by(question, node.parts.catalogue, directory, node.identity.member, place, now().wall_ms)
    asset = None if question.asset is None else asset_meant(state, question.asset).id
    found = [one for one in wanted.found if asset is None or one.offer.asset == asset]
    if not found and wanted.found:
        raise Problem(FailKind.NOT_FOUND, "who could make it does not offer it on that asset")
    if not found:
        raise Problem(FailKind.NOT_FOUND, directory.explain_none(wanted.want, now().wall_ms, node.identity.member))
    members = tuple(dict.fromkeys(one.member for one in found))
    deliver_by_ms = question.deliver_by_ms or now().wall_ms + DELIVER_MS
    budget = tuple(_line(price_line_meant(state, text)) for text in question.budget)
    arbiters = tuple(person_meant(state, text).id for text in question.arbiters) or _others_to_rule(node)
    value = _called(node, question, wanted, members, deliver_by_ms)
    value["notes"] += _nobody_rules(node, arbiters)
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
        value["notes"] = [readable(calling.text), *matters.answers(node, calling), *value["notes"]]
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


def _others_to_rule(node: Node) -> tuple[MemberId, ...]:
    """Whom to name where the charter's arbiters are ourselves: the longest-standing others, if at least two."""
    chain, me = node.core.chain, node.identity.member
    if any(one != me for one in chain.charter.arbiters):
        return ()
    others = [one for one in people(chain.state) if one.id != me and one.left_ms is None]
    # With one other member alone nobody is left beside the two parties; the ledger lets silence decide then (W-9).
    return (
        ()
        if len(others) < 2
        else tuple(one.id for one in sorted(others, key=lambda one: (one.joined_ms, one.id))[:ARBITERS_MAX])
    )


def _nobody_rules(node: Node, named: Sequence[bytes]) -> list[str]:
    """A warning where a dispute about this call could only end by waiting: a party never rules its own job."""
    chain, me = node.core.chain, node.identity.member
    if any(one != me for one in (named or chain.charter.arbiters)):
        return []
    return ["nobody could rule a dispute about this: name a third member by --arbiter"]


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
    with trio.move_on_after(question.wait_ms / 1000) as waiting:
        while True:
            moved = node.moved
            view, _ = (
                views.job_or_call(node, show_id(Kind.CALL, call_id))
                if _is_talk(node, call_id)
                else (
                    views.job_meant(node, question.id),
                    call_id,
                )
            )
            told = views.told(node, question.id)
            text = f"{told['state']}: {told.get('next', '')}"
            if text != seen:
                seen = text
                progress = {"time_ms": now().wall_ms, "state": told["state"], "text": told.get("next", "")}
                await node.kept()
                await responder.progress({**progress, "binding": told.get("binding", "recorded")})
            calling = views.calling_of(node, call_id)
            if view is not None and not view.job.is_open:
                break
            if view is None and calling is not None and calling.state not in OPEN:
                break
            await moved.wait()
    ran_out = {"timed_out": True} if waiting.cancelled_caught else {}
    return Done(value={**views.told(node, question.id), **ran_out})


def _is_talk(node: Node, call_id: bytes) -> bool:
    return views.calling_of(node, call_id) is not None or views.deal_of(node, call_id) is not None


ANSWERS: dict[type[Question], Any] = {
    asked.JobCall: call,
    asked.JobList: listed,
    asked.JobShow: show,
    asked.JobWatch: watch,
}
