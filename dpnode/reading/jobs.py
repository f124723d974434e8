"""Answers about jobs from the ledger alone: what was awarded, delivered, receipted and paid, whoever is running.

Calls and proposals that no award has answered are not on the ledger; a running node adds them to these answers.
"""

from __future__ import annotations

from typing import Any

from dpnode.control.questions.job import JobList, JobShow
from dpnode.control.resolve import Candidate, resolve
from dpnode.reading.ledger import page_limit
from dpnode.reading.naming import id_beginning, party, price_shown
from dpnode.reading.sentences import pieces, price
from dpnode.reading.source import Asking, Source
from dpnode.store import questions
from ledger.names import Kind, show_id
from ledger.operations import work_queries
from ledger.operations.work_job import Job, LogLine, read_job
from ledger.operations.work_stages import Party
from ledger.operations.work_terms import PURPOSE
from ledger.quantities import read_measure
from ledger.state import View
from ledger.statement import read_statement

Fields = dict[str, Any]


def job_meant(view: View, text: str) -> bytes:
    """The id of the job meant by an id or the beginning of one; raises `Problem` (NOT_FOUND, USAGE)."""
    beginning = id_beginning(Kind.JOB, text) or b"?"
    head = len(b"job/")
    candidates = [Candidate(kind=Kind.JOB, id=key[head:]) for key, _ in view.raw_range(b"job/" + beginning)]
    return resolve(text, candidates, what="job").id


def listed(source: Source, question: JobList) -> Asking[Fields]:
    """A member's jobs, the open ones first, or everybody's; newest first."""
    view, limit = source.view, page_limit(question.limit)
    if question.everybody:
        head = len(b"job/")
        found = [read_job(view, key[head:]) for key, _ in view.raw_range(b"job/")]
        jobs = sorted((job for job in found if job is not None), key=lambda job: (-job.awarded_ms, job.id))
    else:
        jobs = list(work_queries.jobs_of(view, source.me))
    if question.state is not None:
        jobs = [job for job in jobs if question.state in (job.stage.value, "open" if job.is_open else "ended")]
    functions = yield from function_names({job.function for job in jobs[:limit]})
    return {"jobs": [row(source, job, functions) for job in jobs[:limit]]}


def shown(source: Source, question: JobShow) -> Asking[Fields]:
    """One job, with everything that happened to it."""
    return (yield from job_fields(source, job_meant(source.view, question.id)))


def row(source: Source, job: Job, functions: dict[bytes, str]) -> Fields:
    """A job in a list; `functions` has names by hash."""
    view = source.view
    role = job.party_of(source.me)
    other = job.provider if role is not Party.PROVIDER else job.customer
    part = job.extras.get("part")
    what = part if isinstance(part, str) else functions.get(job.function, show_id(Kind.FUNCTION, job.function))
    value: Fields = {
        "id": show_id(Kind.JOB, job.id),
        "state": job.stage.value,
        "what": what,
        "quantity": job.quantity,
        "other": party(view, other),
        "price": price_shown(view, [(line.kind, line.thing, line.amount) for line in job.price]),
        "deliver_by_ms": job.deliver_by_ms,
    }
    if role is not None:
        value["role"] = role.value
    return value


def job_fields(source: Source, job_id: bytes) -> Asking[Fields]:
    """Everything the ledger says of an existing job."""
    from dpnode.reading.journal import line_of

    view = source.view
    seen = work_queries.job(view, job_id)
    assert seen is not None, "asked for by an id that was just found"
    job = seen.job
    award = yield from line_of(view, job.award)
    functions = yield from function_names({job.function})
    lines = [(line.kind, line.thing) for line in job.price]
    value: Fields = {
        "id": show_id(Kind.JOB, job.id),
        "call": show_id(Kind.CALL, job.call),
        "award": show_id(Kind.ENTRY, job.award),
        "state": job.stage.value,
        "binding": "final",
        "customer": party(view, job.customer),
        "provider": party(view, job.provider),
        "arbiters": [party(view, job.arbiter)],
        "function": show_id(Kind.FUNCTION, job.function),
        "quantity": job.quantity,
        "delivered": job.delivered,
        "accepted": job.accepted,
        "price": price_shown(view, [(line.kind, line.thing, line.amount) for line in job.price]),
        "paid": _amounts(view, lines, job.paid),
        "held": _amounts(view, lines, job.left if job.is_open else (0,) * len(lines)),
        "deliver_by_ms": job.deliver_by_ms,
        "next": seen.awaits,
        "journal": [_moved(view, job, line) for line in seen.log],
    }
    if job.function in functions:
        value["function_name"] = functions[job.function]
    for name, kind in (("asset", Kind.ASSET), ("design", Kind.DESIGN)):
        if isinstance(job.extras.get(name), bytes):
            value[name] = show_id(kind, job.extras[name])
    if isinstance(job.extras.get("part"), str):
        value["part"] = job.extras["part"]
    if award is not None:
        value["parameters"] = _parameters(award.entry.operation, job.id)
    return value


def function_names(hashes: set[bytes]) -> Asking[dict[bytes, str]]:
    """Names by hash of those functions that this node knows: the starter set and what peers sent."""
    if not hashes:
        return {}
    from config.functions_data import starter_functions
    from protocol.capability.catalogue import Catalogue
    from protocol.capability.definition_files import read_definition

    catalogue = Catalogue(read_definition(text, name) for name, text in sorted(starter_functions().items()))
    if any(catalogue.by_hash(one) is None for one in hashes):
        for identity, data in (yield questions.kept("definition")):
            catalogue.add_foreign(data, identity)
    known = [function for one in sorted(hashes) if (function := catalogue.by_hash(one)) is not None]
    return {function.hash: function.name for function in known}


def _amounts(view: View, lines: list[tuple[str, bytes]], amounts: tuple[int, ...]) -> list[Fields]:
    return price_shown(view, [(kind, thing, n) for (kind, thing), n in zip(lines, amounts, strict=True)])


def _moved(view: View, job: Job, line: LogLine) -> Fields:
    value: Fields = {"height": line.height, "time_ms": line.at_ms, "text": _said(view, job, line)}
    if line.by is not None:
        value["by"] = party(view, line.by)
    return value


def _said(view: View, job: Job, line: LogLine) -> str:
    """A move in a few words; who made it stands beside it."""
    said = line.said
    told = {
        "award": "awarded",
        "progress": f"{said['percent']} % done" if "percent" in said else "at work",
        "deliver": f"delivered {pieces(said.get('quantity', 0))}",
        "receipt": f"accepted {pieces(said.get('accepted', 0))}"
        + (f", rejected {said['rejected']:,}" if said.get("rejected") else ""),
        "claim": "claimed payment after silence",
        "cancel": "cancelled",
        "fail": "gave it up",
        "void": "called it off as long overdue",
        "dispute": "disputed",
        "rule": "ruled",
        "silence": "the arbiter was silent; divided as agreed",
    }.get(line.move, line.move)
    extra = next((said[name] for name in ("note", "quality", "reason") if said.get(name)), "")
    paid = [(one.kind, one.thing, n) for one, n in zip(job.price, line.paid, strict=False) if n]
    return told + (f": {extra}" if extra else "") + (f"; {price(view, paid)} paid" if paid else "")


def _parameters(operation: Fields, job_id: bytes) -> dict[str, str]:
    """What the awarded proposal says of the work, as texts."""
    from protocol.capability.units import show_measure

    for value in operation["proposals"]:
        statement = read_statement(PURPOSE, value)
        if statement.id == job_id:
            content = statement.content["parameters"]
            return {
                name: one if isinstance(one, str) else show_measure(read_measure(one)) for name, one in content.items()
            }
    return {}
