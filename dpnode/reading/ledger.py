"""Answers about the ledger: how far it is, who has what, block by block.

The journal of entries stands in `journal`. Source: the keys of each answer stand beside the commands that show them.
"""

from __future__ import annotations

from typing import Any

from dpnode.control.questions.ledger import LedgerBalance, LedgerBlocks, LedgerShares, LedgerStatus
from dpnode.errors import FailKind, Problem
from dpnode.reading.naming import amount_shown, asset_meant, member_meant, party
from dpnode.reading.source import Asking, Source, at_once
from dpnode.store import questions
from ledger import queries
from ledger.canonical import decode
from ledger.names import Kind, show_id
from ledger.operations import accounts
from ledger.queries import Account
from ledger.state import View

Fields = dict[str, Any]
LIMIT_MAX = 1_000
"""Rows of one page; an answer stays far below the socket's limit."""


def page_limit(limit: int) -> int:
    """The number of rows asked for; raises `Problem` where that is none or too many."""
    if not 1 <= limit <= LIMIT_MAX:
        raise Problem(FailKind.USAGE, f"1 to {LIMIT_MAX} rows can be asked for")
    return limit


def status(source: Source, question: LedgerStatus) -> Asking[Fields]:
    """Height, root, and how far everything was checked."""
    counts = yield questions.counts()
    pending = source.pending if source.pending is not None else counts.pending
    value: Fields = {
        "network": {"id": show_id(Kind.NETWORK, source.charter.network), "name": source.charter.name},
        "height": source.head.height,
        "root": source.head.state_root,
        "block_ms": source.head.time_ms,
        "entries": source.head.entries,
        "members": sum(1 for one in queries.people(source.view) if one.left_ms is None),
        "pending": pending,
        "database_bytes": counts.disk_bytes,
    }
    if source.begins > 1:
        value["from"] = source.begins
    if "checked" in source.meta:
        value["checked_height"] = decode(source.meta["checked"])
    return value


def balance(source: Source, question: LedgerBalance) -> Asking[Fields]:
    """What one member has, or everybody; beside it what is left to us once our own pending entries are final."""
    view = source.view
    if question.everybody:
        found = queries.all_accounts(view)
    else:
        found = queries.accounts_of(view, member_meant(view, question.member, source.me))
    value: Fields = {"accounts": [_account(source, one) for one in found]}
    waiting = source.coming_entries if source.pending is not None else (yield questions.counts()).pending
    if waiting:
        entries = "1 entry of yours is" if waiting == 1 else f"{waiting} entries of yours are"
        value["notes"] = [f"{entries} not final yet: what is free and held is as the ledger has it without them"]
    return value


def _account(source: Source, account: Account) -> Fields:
    view, kind = source.view, Kind.CREDIT if account.kind == "credit" else Kind.ASSET
    value: Fields = {
        "member": party(view, account.member),
        "id": show_id(kind, account.thing),
        "free": amount_shown(view, account.kind, account.thing, account.free),
        "held": amount_shown(view, account.kind, account.thing, account.held),
    }
    if source.coming is not None and account.member == source.me:
        left = accounts.free(source.coming, account.member, account.kind, account.thing)
        value["left"] = amount_shown(view, account.kind, account.thing, left)
    return value


@at_once
def shares(source: Source, question: LedgerShares) -> Fields:
    """Who owns which part of an asset."""
    return asset_fields(source.view, asset_meant(source.view, question.asset))


def asset_fields(view: View, asset: queries.Asset) -> Fields:
    """An asset and its owners."""
    return {
        "asset": show_id(Kind.ASSET, asset.id),
        "label": asset.name,
        "kind": asset.kind,
        "total": asset.total,
        "owners": [
            {"member": party(view, one.member), "units": one.free + one.held, "held": one.held}
            for one in queries.owners(view, asset.id)
        ],
    }


def blocks(source: Source, question: LedgerBlocks) -> Asking[Fields]:
    """Blocks, newest first."""
    from ledger.block import read_header

    limit = page_limit(question.limit)
    below = min(question.before_height or source.head.height + 1, source.head.height + 1)
    first = max(1, below - limit)
    found = yield questions.headers(first, below - first)
    leaders = queries.witness_members(source.view)
    rows = []
    for stored in reversed(found):
        header = read_header(stored.header)
        before = yield questions.block_at(stored.height - 1)
        row: Fields = {
            "height": stored.height,
            "time_ms": stored.time_ms,
            "id": show_id(Kind.BLOCK, stored.id),
            "entries": stored.entries - (0 if before is None else before.entries),
            "root": header.state_root,
        }
        if leaders:
            row["leader"] = party(source.view, leaders[header.view % len(leaders)])
        rows.append(row)
    return {"blocks": rows}
