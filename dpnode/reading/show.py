"""Whatever an id names, in full: entry, block, member, asset, credit, job, a call that an award closed.

The kind stands in front of every written id, so one kind is looked through; a text that is no id is taken as the name
of a member, an asset or a credit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dpnode.control.questions.ledger import LedgerShow
from dpnode.control.resolve import Candidate, resolve
from dpnode.errors import FailKind, Problem
from dpnode.reading.jobs import job_fields, job_meant
from dpnode.reading.journal import LIKE_MAX, Line, line_of, read_line
from dpnode.reading.lapsed import read_kept, why
from dpnode.reading.ledger import asset_fields
from dpnode.reading.naming import (
    amount_shown,
    asset_meant,
    credit_meant,
    id_beginning,
    party,
    person_meant,
    show_peer,
)
from dpnode.reading.owning import group_fields, group_meant
from dpnode.reading.sentences import sentence
from dpnode.reading.source import Asking, Source, at_once
from dpnode.store import questions
from dpnode.store.rows import FoundEntry, Head
from ledger import queries
from ledger.block import read_header
from ledger.entry import Entry, read_entry
from ledger.names import Kind, show_id
from ledger.operations.work_standing import standing
from ledger.statement import STATEMENT, read_statement

Fields = dict[str, Any]
Shower = Callable[[Source, str], Asking[Fields]]
MEMBER_FIELDS = {
    "arbiter",
    "arbiters",
    "customer",
    "from",
    "group",
    "member",
    "operator",
    "provider",
    "remove",
    "to",
}
"""Keys of operations and records whose 32 bytes name a member or a group."""
_KINDS = {
    "act": Kind.ENTRY,
    "asset": Kind.ASSET,
    "bid": Kind.ENTRY,
    "call": Kind.CALL,
    "credit": Kind.CREDIT,
    "design": Kind.DESIGN,
    "function": Kind.FUNCTION,
    "job": Kind.JOB,
    "lent": Kind.ENTRY,
    "motion": Kind.MOTION,
    "network": Kind.NETWORK,
    "offer": Kind.ENTRY,
}
"""Keys whose 32 bytes name something else."""


def show(source: Source, question: LedgerShow) -> Asking[Fields]:
    """The thing that an id, its beginning or a name means; NOT_FOUND where there is none."""
    text = question.id
    prefix, dash, _ = text.strip().lower().partition("-")
    if dash and prefix in SHOWN and id_beginning(Kind(prefix), text) is not None:
        try:
            return (yield from SHOWN[prefix](source, text))
        except Problem as problem:
            if problem.kind is not FailKind.NOT_FOUND:
                raise
    for shower in (_member, _group, _asset, _credit):
        try:
            return (yield from shower(source, text))
        except Problem as problem:
            if problem.kind is not FailKind.NOT_FOUND:
                raise
    sentence = f"nothing on the ledger is called {text[:60]!r}{source.lacking}"
    raise Problem(FailKind.NOT_FOUND, sentence, {"asked": text[:60]})


def _entry(source: Source, text: str) -> Asking[Fields]:
    beginning = id_beginning(Kind.ENTRY, text)
    found: list[FoundEntry] = (yield questions.entries_like(beginning, LIKE_MAX)) if beginning else []
    lines = {line.entry.id: line for line in (read_line(source.view, one) for one in found)}
    waiting = {one.id: one for one in (yield questions.pending())}
    lapsed = {one.entry.id: one for one in (yield from read_kept())}
    candidates = [Candidate(kind=Kind.ENTRY, id=one) for one in {**lines, **waiting, **lapsed}]
    meant = resolve(text, candidates, what="entry").id
    if meant in lines:
        return _line(source, lines[meant])
    if meant in waiting:
        entry = read_entry(waiting[meant].body, waiting[meant].signature)
        return {**_off_ledger(source, entry), "binding": "recorded"}
    one = lapsed[meant]
    return {
        **_off_ledger(source, one.entry),
        "outcome": one.code,
        "ended_ms": one.ended_ms,
        "notes": [f"It never stood in a block: {why(one.code)}."],
    }


def _off_ledger(source: Source, entry: Entry) -> Fields:
    """An entry that stands in no block."""
    key = source.view.get(b"key/" + entry.key)
    author = None if key is None else key["member"]
    value: Fields = {
        "id": show_id(Kind.ENTRY, entry.id),
        "kind": "entry",
        "content": {
            "says": sentence(source.view, entry.operation, author),
            "operation": plain(source, entry.operation),
            "sequence": entry.sequence,
            "until_ms": entry.until_ms,
        },
    }
    if author is not None:
        value["by"] = party(source.view, author)
    return value


def _line(source: Source, line: Line) -> Fields:
    entry = line.entry
    value: Fields = {
        "id": show_id(Kind.ENTRY, entry.id),
        "kind": "entry",
        "height": line.height,
        "time_ms": line.time_ms,
        "outcome": line.outcome or "ok",
        "binding": "final",
        "content": {
            "says": sentence(source.view, entry.operation, line.author),
            "operation": plain(source, entry.operation),
            "key": show_id(Kind.KEY, entry.key),
            "sequence": entry.sequence,
            "until_ms": entry.until_ms,
        },
    }
    if line.author is not None:
        value["by"] = party(source.view, line.author)
    return value


def _block(source: Source, text: str) -> Asking[Fields]:
    beginning = id_beginning(Kind.BLOCK, text)
    found: list[Head] = (yield questions.blocks_like(beginning, LIKE_MAX)) if beginning else []
    meant = resolve(text, [Candidate(kind=Kind.BLOCK, id=one.id) for one in found], what="block").id
    stored = next(one for one in found if one.id == meant)
    before = yield questions.block_at(stored.height - 1)
    header = read_header(stored.header)
    leaders = queries.witness_members(source.view)
    value: Fields = {
        "id": show_id(Kind.BLOCK, header.id),
        "kind": "block",
        "height": header.height,
        "time_ms": header.time_ms,
        "binding": "final",
        "content": {
            "entries": stored.entries - (0 if before is None else before.entries),
            "entries_root": header.entries_root,
            "epoch": header.epoch,
            "parent": show_id(Kind.BLOCK, header.parent),
            "state_root": header.state_root,
            "view": header.view,
        },
    }
    if leaders:
        value["by"] = party(source.view, leaders[header.view % len(leaders)])
    return value


@at_once
def _member(source: Source, text: str) -> Fields:
    view = source.view
    one = person_meant(view, text)
    counted = standing(view, one.id)
    content: Fields = {
        "name": one.name,
        "machines": [show_peer(peer) for peer in one.machines],
        "working_keys": [show_id(Kind.KEY, key) for key in one.keys],
        "takes_gifts": one.takes_gifts,
        "standing": {name: getattr(counted, name) for name in counted.__slots__},
    }
    if one.sponsor is not None:
        content["sponsor"] = party(view, one.sponsor)
    if one.left_ms is not None:
        content["left_ms"] = one.left_ms
    return {"id": show_id(Kind.MEMBER, one.id), "kind": "member", "time_ms": one.joined_ms, "content": content}


@at_once
def _asset(source: Source, text: str) -> Fields:
    found = asset_meant(source.view, text)
    content = asset_fields(source.view, found)
    content |= {name: plain(source, {name: one})[name] for name, one in found.record.items() if name not in content}
    return {
        "id": show_id(Kind.ASSET, found.id),
        "kind": "asset",
        "by": party(source.view, found.registrant),
        "time_ms": found.registered_ms,
        "content": content,
    }


@at_once
def _credit(source: Source, text: str) -> Fields:
    view = source.view
    unit, _, issuer = text.partition("@")
    found = credit_meant(view, unit, issuer)
    return {
        "id": show_id(Kind.CREDIT, found.id),
        "kind": "credit",
        "by": party(view, found.issuer),
        "time_ms": found.opened_ms,
        "content": {
            "unit": found.unit,
            "decimals": found.decimals,
            "redeemable": found.redeemable,
            "issued": amount_shown(view, "credit", found.id, found.issued),
            "redeemed": amount_shown(view, "credit", found.id, found.redeemed),
        },
    }


@at_once
def _group(source: Source, text: str) -> Fields:
    value = group_fields(source.view, group_meant(source.view, text))
    content = {name: one for name, one in value.items() if name not in ("id", "since_ms")}
    return {"id": value["id"], "kind": "group", "time_ms": value["since_ms"], "content": content}


def _job(source: Source, text: str) -> Asking[Fields]:
    value = yield from job_fields(source, job_meant(source.view, text))
    return {
        "id": value["id"],
        "kind": "job",
        "by": value["customer"],
        "binding": "final",
        "content": {name: one for name, one in value.items() if name not in ("id", "binding")},
    }


def _call(source: Source, text: str) -> Asking[Fields]:
    """A call as the ledger knows it: by the award that closed it."""
    view, head = source.view, len(b"call/")
    beginning = id_beginning(Kind.CALL, text) or b"?"
    keys = [key[head:] for key, _ in view.raw_range(b"call/" + beginning)]
    meant = resolve(text, [Candidate(kind=Kind.CALL, id=key[:32]) for key in keys], what="call on the ledger").id
    key = next(key for key in keys if key[:32] == meant)
    award: bytes = view.get(b"call/" + key) or b""
    line = yield from line_of(view, award)
    value: Fields = {
        "id": show_id(Kind.CALL, meant),
        "kind": "call",
        "by": party(view, key[32:]),
        "content": {"closed_by": show_id(Kind.ENTRY, award)},
    }
    if line is not None:
        value |= {"height": line.height, "time_ms": line.time_ms}
    return value


SHOWN: dict[str, Shower] = {
    Kind.ENTRY.value: _entry,
    Kind.BLOCK.value: _block,
    Kind.MEMBER.value: _member,
    Kind.ASSET.value: _asset,
    Kind.GROUP.value: _group,
    Kind.CREDIT.value: _credit,
    Kind.JOB.value: _job,
    Kind.CALL.value: _call,
}
"""Kind of id -> who shows it."""


def plain(source: Source, value: Fields) -> Fields:
    """An operation or record with its ids written out and members named."""
    return {name: _plain(source, name, one) for name, one in value.items()}


def _plain(source: Source, name: str, value: Any) -> Any:
    match value:
        case {"body": bytes(), "key": bytes(), "sig": bytes()} if len(value) == len(STATEMENT.required):
            # A second person's signed word: what it says, and by which key; its bytes say nothing to anybody.
            said = read_statement("", value)
            return {**plain(source, said.content), "signed_by": show_id(Kind.KEY, said.key)}
        case dict():
            return plain(source, value)
        case list():
            return [_plain(source, name, one) for one in value]
        case bytes() if len(value) == 32 and name in MEMBER_FIELDS:
            return party(source.view, value)
        case bytes() if len(value) == 32 and name in _KINDS:
            return show_id(_KINDS[name], value)
    return value
