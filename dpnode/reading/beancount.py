"""The ledger as books in the form of beancount 2: one transaction per entry that moved something.

Every owner has an account of what is free and one of what is held; what is issued, redeemed and registered comes from
and goes to `Equity:Issued`, so that every transaction balances. The amounts are what entries did, not what they say
(`replayed`). The last lines assert every balance against the state's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dpnode.control.amounts import decimal_text
from dpnode.reading.naming import name_of
from dpnode.reading.replayed import Moves, Replay
from dpnode.reading.sentences import sentence
from dpnode.reading.source import Asks, Report, Source
from dpnode.safe_text import safe
from ledger import queries
from ledger.entry import Entry
from ledger.names import Kind, show_id
from ledger.state import View

ISSUED = "Equity:Issued"
COMMODITY_CHARACTERS_MAX = 24


def books(source: Source, reading: Asks, report: Report) -> Iterator[str]:
    """The lines of the file."""
    return _Books(source, reading, report).lines()


class _Books:
    """One export on its way: the replayed state, and what was introduced so far."""

    def __init__(self, source: Source, reading: Asks, report: Report) -> None:
        self._source = source
        self._replay = Replay(source, reading, report, "writing the books")
        self._opened: set[str] = set()
        self._accounts: dict[bytes, str] = {}

    def lines(self) -> Iterator[str]:
        charter = self._source.charter
        yield f"; {safe(charter.name)}, {show_id(Kind.NETWORK, charter.network)}, to block {self._source.head.height}"
        yield f"option {_text('title')} {_text(charter.name)}"
        yield from self._open(ISSUED, charter.created_ms)
        for view, time_ms, entry, moved in self._replay.steps():
            yield from self._transaction(view, time_ms, entry, moved)
        yield from self._balances()

    def _transaction(self, view: View, time_ms: int, entry: Entry | None, moved: Moves) -> Iterator[str]:
        told = "what fell due by itself"
        if entry is not None:
            key = view.get(b"key/" + entry.key)
            told = sentence(view, entry.operation, None if key is None else key["member"])
        postings: list[str] = []
        totals: dict[tuple[str, bytes], int] = {}
        for (kind, thing, state, member), amount in sorted(moved.items()):
            account = f"{self._account(view, member)}:{state}"
            yield from self._open(account, time_ms)
            yield from self._commodity(view, kind, thing, time_ms)
            postings.append(f"  {account}  {_amount(view, kind, thing, amount)}")
            totals[kind, thing] = totals.get((kind, thing), 0) + amount
        postings += [f"  {ISSUED}  {_amount(view, *of, -total)}" for of, total in sorted(totals.items()) if total]
        yield ""
        yield f"{_day(time_ms)} * {_text(told)}"
        if entry is not None:
            yield f"  entry: {_text(show_id(Kind.ENTRY, entry.id))}"
        yield from postings

    def _account(self, view: View, member: bytes) -> str:
        """A member's accounts; they keep the name under which they were first used."""
        if member not in self._accounts:
            letters = re.sub(r"[^A-Za-z0-9]+", "-", name_of(view, member)).strip("-") or "M"
            identity = show_id(Kind.MEMBER, member).partition("-")[2][:8]
            self._accounts[member] = f"Assets:{letters[:1].upper()}{letters[1:32]}-{identity}"
        return self._accounts[member]

    def _open(self, account: str, time_ms: int) -> Iterator[str]:
        if account not in self._opened:
            self._opened.add(account)
            yield f"{_day(time_ms)} open {account}"

    def _commodity(self, view: View, kind: str, thing: bytes, time_ms: int) -> Iterator[str]:
        name, _ = _commodity(view, kind, thing)
        if name in self._opened:
            return
        self._opened.add(name)
        yield f"{_day(time_ms)} commodity {name}"
        credit = queries.credit(view, thing) if kind == "credit" else None
        if credit is not None:
            yield f"  id: {_text(show_id(Kind.CREDIT, thing))}"
            yield f"  issuer: {_text(show_id(Kind.MEMBER, credit.issuer))}"
            yield f"  redeemable: {_text(credit.redeemable)}"
        else:
            yield f"  id: {_text(show_id(Kind.ASSET, thing))}"

    def _balances(self) -> Iterator[str]:
        """Beancount checks a balance at the beginning of a day, so these stand on the day after the last block."""
        state = self._replay.state
        yield ""
        for one in queries.all_accounts(state):
            for part, amount in (("Free", one.free), ("Held", one.held)):
                account = f"{self._account(state, one.member)}:{part}"
                if account in self._opened:
                    day = _day(self._source.head.time_ms, days=1)
                    yield f"{day} balance {account}  {_amount(state, one.kind, one.thing, amount)}"


def _commodity(view: View, kind: str, thing: bytes) -> tuple[str, int]:
    """The commodity's name, and its decimals."""
    name, decimals = "THING", 0
    if kind == "credit":
        credit = queries.credit(view, thing)
        if credit is not None:
            name, decimals = credit.unit, credit.decimals
    else:
        asset = queries.asset(view, thing)
        name = ("OUT-" if kind == "output" else "") + (name if asset is None else asset.name)
    letters = re.sub(r"[^A-Z0-9]+", "-", name.upper()).strip("-")
    letters = letters if letters[:1].isalpha() else f"C{letters}"
    identity = show_id(Kind.CREDIT, thing).partition("-")[2][:8].upper()
    return f"{letters[: COMMODITY_CHARACTERS_MAX - 9].rstrip('-')}.{identity}", decimals


def _amount(view: View, kind: str, thing: bytes, amount: int) -> str:
    name, decimals = _commodity(view, kind, thing)
    return f"{decimal_text(amount, decimals)} {name}"


def _day(time_ms: int, *, days: int = 0) -> str:
    return (datetime.fromtimestamp(time_ms // 1000, UTC) + timedelta(days=days)).strftime("%Y-%m-%d")


def _text(text: str) -> str:
    escaped = safe(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
