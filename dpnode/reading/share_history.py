"""What an owner has of each asset since when, and what it has given: read off the whole ledger, run again.

A holding begins when there was none before. An asset has given an owner what became theirs of its output, and the
credits that came in the very entry in which units of it went.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from dpnode.control.questions.owning import ShareHistory
from dpnode.errors import FailKind, Problem
from dpnode.reading.naming import amount_shown, party
from dpnode.reading.owning import owner_meant
from dpnode.reading.replayed import Moves, Replay
from dpnode.reading.source import Asks, Report, Source
from ledger import queries
from ledger.names import Kind, show_id

Fields = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class _Past:
    """One owner's past with one asset."""

    units: int = 0
    since_ms: int = 0
    until_ms: int = 0
    given: dict[tuple[str, bytes], int] = field(default_factory=lambda: defaultdict(int))


def history(source: Source, reading: Asks, question: ShareHistory, report: Report) -> Fields:
    """{"owner", "shares": [{asset, label, units, since_ms, until_ms?, given}...]}, those still held first."""
    if source.begins > 1:
        sentence = f"an owner's past needs every entry there was{source.lacking}: ask another member for it"
        raise Problem(FailKind.REFUSED, sentence)
    owner: bytes = source.me if question.owner is None else owner_meant(source.view, question.owner)
    past: dict[bytes, _Past] = defaultdict(_Past)
    for _, time_ms, _, moved in Replay(source, reading, report, "going through the ledger").steps():
        _note(past, owner, time_ms, moved)
    rows = [_row(source, asset, one) for asset, one in past.items()]
    rows.sort(key=lambda row: (row["units"] == 0, row["since_ms"], row["asset"]))
    return {"owner": party(source.view, owner), "shares": rows}


def _note(past: dict[bytes, _Past], owner: bytes, time_ms: int, moved: Moves) -> None:
    """One entry: free and held counted together, so that what is only held for a while has not gone."""
    whole: dict[tuple[str, bytes], int] = defaultdict(int)
    for (kind, thing, _, who), amount in moved.items():
        if who == owner:
            whole[kind, thing] += amount
    gone = [thing for (kind, thing), amount in whole.items() if kind == "units" and amount < 0]
    for (kind, thing), amount in whole.items():
        if kind == "units" and amount:
            one = past[thing]
            if not one.units:
                one.since_ms = time_ms
            one.units += amount
            if not one.units:
                one.until_ms = time_ms
        elif kind == "output" and amount > 0:
            past[thing].given[kind, thing] += amount
        elif kind == "credit" and amount > 0 and len(gone) == 1:
            past[gone[0]].given[kind, thing] += amount


def _row(source: Source, identity: bytes, one: _Past) -> Fields:
    view, asset = source.view, queries.asset(source.view, identity)
    value: Fields = {
        "asset": show_id(Kind.ASSET, identity),
        "label": "" if asset is None else asset.name,
        "units": one.units,
        "since_ms": one.since_ms,
        "given": [amount_shown(view, kind, thing, amount) for (kind, thing), amount in sorted(one.given.items())],
    }
    return value if one.units else {**value, "until_ms": one.until_ms}
