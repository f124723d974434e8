"""From what an owner types to what the ledger means, and from ids back to names.

An id or its beginning is looked up by key range, so that it costs one look-up however many members there are; only a
name makes us read them all. A credit is its unit and issuer: "EUR@founder"; the issuer may be left out where that
leaves one choice.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from dpnode.answers.shown import name_of, party
from dpnode.control.amounts import Amount, amount_text, parse_amount, shown_amount
from dpnode.control.resolve import Candidate, resolve
from dpnode.errors import FailKind, Problem
from ledger import queries
from ledger.keys import MemberId
from ledger.names import Kind, short, show_id
from ledger.queries import Asset, Credit, Person
from ledger.state import View

ID_LETTERS = 52
_PEER_LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def id_beginning(kind: Kind, text: str) -> bytes | None:
    """The whole bytes in a written id of `kind` or the beginning of one; None where it is no such thing.

    Empty for a single letter, which holds five bits.
    """
    prefix, dash, letters = text.strip().lower().partition("-")
    if not dash or prefix != kind.value or not 1 <= len(letters) <= ID_LETTERS:
        return None
    try:
        return base64.b32decode(letters.upper() + "A" * (-len(letters) % 8))[: len(letters) * 5 // 8]
    except ValueError:
        return None


def show_peer(peer: bytes) -> str:
    """A peer id in base58, as libp2p writes it."""
    number, text = int.from_bytes(peer, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _PEER_LETTERS[digit] + text
    return "1" * (len(peer) - len(peer.lstrip(b"\0"))) + text


def person_meant(view: View, text: str) -> Person:
    """The member meant by an id, its beginning or a name; raises `Problem` (NOT_FOUND, USAGE)."""
    found = _meant(
        Kind.MEMBER, text, "member", lambda prefix: queries.people(view, prefix), lambda one: (one.id, one.name)
    )
    person = queries.person(view, found.id)
    assert person is not None
    return person


def member_meant(view: View, text: str | None, me: MemberId) -> MemberId:
    """As `person_meant`; oneself for None."""
    return me if text is None else person_meant(view, text).id


def asset_meant(view: View, text: str) -> Asset:
    """The asset meant by an id, its beginning or a name; raises `Problem`."""
    found = _meant(
        Kind.ASSET, text, "asset", lambda prefix: queries.assets(view, prefix), lambda one: (one.id, one.name)
    )
    asset = queries.asset(view, found.id)
    assert asset is not None
    return asset


def credit_meant(view: View, text: str, issuer: str = "", *, own: MemberId | None = None) -> Credit:
    """The credit of this unit (or id) and issuer; raises `Problem`.

    Args:
        issuer: name or id; empty where it was left out.
        own: only credits that this member issued.
    """
    if id_beginning(Kind.CREDIT, text) is not None:
        found = _meant(
            Kind.CREDIT, text, "credit", lambda prefix: queries.credits(view, prefix), lambda one: (one.id, one.unit)
        )
        known = queries.credit(view, found.id)
        assert known is not None
        return known
    wanted = person_meant(view, issuer).id if issuer else own
    candidates = [one for one in queries.credits(view) if wanted is None or one.issuer == wanted]
    named = [one for one in candidates if one.unit == text]
    named = named or [one for one in candidates if one.unit.casefold() == text.casefold()]
    if len(named) == 1:
        return named[0]
    if named:
        choices = ", ".join(f"{one.unit}@{name_of(view, one.issuer)} ({short(Kind.CREDIT, one.id)})" for one in named)
        raise Problem(FailKind.USAGE, f"{text[:60]!r} means more than one credit: {choices}", {"choices": choices})
    of_whom = " of yours" if own is not None and not issuer else f" of {issuer[:60]}" if issuer else ""
    raise Problem(FailKind.NOT_FOUND, f"there is no credit {text[:60]!r}{of_whom} here", {"asked": text[:60]})


def amount_meant(view: View, text: str, *, own: MemberId | None = None) -> tuple[Credit, int]:
    """A written amount of a credit as (credit, smallest units); raises `Problem`."""
    amount = parse_amount(text)
    if amount.kind != "credit":
        raise Problem(FailKind.USAGE, f'{text[:60]!r} is no amount of a credit; write it like "12.50 EUR@founder"')
    found = credit_meant(view, amount.thing, amount.issuer, own=own)
    return found, positive(amount, found.decimals)


def price_line_meant(view: View, text: str) -> dict[str, Any]:
    """A written amount of anything as a line of a price: {"amount", "id", "kind"}; raises `Problem`."""
    amount = parse_amount(text)
    if amount.kind == "credit":
        credit, smallest = amount_meant(view, text)
        return {"amount": smallest, "id": credit.id, "kind": "credit"}
    asset = asset_meant(view, amount.thing)
    return {"amount": positive(amount, 0), "id": asset.id, "kind": amount.kind}


def positive(amount: Amount, decimals: int) -> int:
    """The amount in smallest units; raises `Problem` where it is nothing."""
    smallest = amount.in_smallest(decimals)
    if smallest < 1:
        raise Problem(FailKind.USAGE, "the amount is nothing: at least the smallest unit is needed")
    return smallest


def amount_shown(view: View, kind: str, thing: bytes, amount: int) -> dict[str, Any]:
    """The map an answer carries for so much of a credit, of an asset's units or of its output."""
    if kind == "credit":
        credit = queries.credit(view, thing)
        if credit is not None:
            return shown_amount(
                kind=kind,
                identity=show_id(Kind.CREDIT, thing),
                amount=amount,
                name=credit.unit,
                decimals=credit.decimals,
                issuer=name_of(view, credit.issuer),
            )
        return shown_amount(kind=kind, identity=show_id(Kind.CREDIT, thing), amount=amount, name="?")
    asset = queries.asset(view, thing)
    identity = show_id(Kind.ASSET, thing)
    return shown_amount(kind=kind, identity=identity, amount=amount, name="?" if asset is None else asset.name)


def too_little(view: View, kind: str, thing: bytes, free: int, needed: int) -> Problem:
    """That less is free than needed, as amounts are written; the ledger itself would count in smallest units."""
    at_hand, wanted = (amount_text(amount_shown(view, kind, thing, amount)) for amount in (free, needed))
    sentence = f"you have {at_hand} free, and {wanted} is needed"
    return Problem(FailKind.REFUSED, sentence, {"reason": "account.too-little"})


def price_shown(view: View, lines: Iterable[tuple[str, bytes, int]]) -> list[dict[str, Any]]:
    """Lines (kind, thing, amount) as an answer carries a price."""
    return [amount_shown(view, kind, thing, amount) for kind, thing, amount in lines]


def _meant(
    kind: Kind,
    text: str,
    what: str,
    listed: Callable[[bytes], Iterable[Any]],
    named: Callable[[Any], tuple[bytes, str]],
) -> Candidate:
    """The candidate that `text` means: by the id's own range first, by everybody's names else."""
    beginning = id_beginning(kind, text)
    if beginning:
        near = [Candidate(kind=kind, id=identity) for identity, _ in map(named, listed(beginning))]
        try:
            return resolve(text, near, what=what)
        except Problem as problem:
            if problem.kind is not FailKind.NOT_FOUND:
                raise
    everybody = [Candidate(kind=kind, id=identity, name=name) for identity, name in map(named, listed(b""))]
    return resolve(text, everybody, what=what)


__all__ = [
    "amount_meant",
    "amount_shown",
    "asset_meant",
    "credit_meant",
    "id_beginning",
    "member_meant",
    "name_of",
    "party",
    "person_meant",
    "positive",
    "price_line_meant",
    "price_shown",
    "show_peer",
]
