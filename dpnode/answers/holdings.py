"""Answers that issue, pay, register and hand over: credits, assets and shares.

Each makes one entry of the owner's and waits for it to become final, so what is answered is what everybody sees. A
transfer of shares is the exception: it takes two people, so it begins with an offer that the other's machine shows.
"""

from __future__ import annotations

import secrets
from fractions import Fraction
from pathlib import Path
from typing import Any

import trio

from dpnode.answers.pending import with_pending
from dpnode.answers.recording import done, recorded
from dpnode.answers.shown import party
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.base import Question
from dpnode.control.questions.holdings import (
    AssetRegister,
    CreditIssue,
    CreditOpen,
    CreditPay,
    CreditRedeem,
    ShareAccept,
    ShareTransfer,
)
from dpnode.control.resolve import Candidate, resolve
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.files import keep_files
from dpnode.node import Node
from dpnode.reading.naming import amount_meant, amount_shown, asset_meant, person_meant, too_little
from dpnode.reading.owning import owner_meant
from dpnode.safe_text import safe
from ledger import queries, share_queries
from ledger.canonical import Value
from ledger.keys import MemberId
from ledger.names import Kind, short, show_id
from ledger.operations import accounts
from ledger.queries import Person
from ledger.state import View
from protocol.capability.places import about
from protocol.negotiation.limits import FILES_MAX
from protocol.share_offers import AcceptShares, OfferSeen, OfferShares, SharesDeclined, SharesEnded, SharesKept

Fields = dict[str, Any]
Operation = dict[str, Value]


def _done(*parts: Fields) -> Done:
    value: Fields = {}
    notes = [note for part in parts for note in part.get("notes", [])]
    for part in parts:
        value |= part
    if notes:
        value["notes"] = notes
    value.pop("entry_id", None)
    return Done(value=value)


# -- credits


async def open_credit(node: Node, question: CreditOpen, responder: Responder) -> Answer:
    """Open a credit; its id is that of the entry."""
    operation: Operation = {
        "decimals": question.decimals,
        "redeemable": question.redeemable,
        "t": "credits.open/1",
        "unit": question.symbol,
    }
    if any(letter.isspace() or letter in "@:," for letter in question.symbol) or question.symbol[:1].isdigit():
        raise Problem(FailKind.USAGE, "a credit's name has no blank, @, colon or comma, and begins with no digit")
    _not_yet_opened(node, question.symbol)
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    value: Fields = {"symbol": question.symbol, "redeemable": question.redeemable, "decimals": question.decimals}
    if "entry_id" in written:
        value["credit"] = show_id(Kind.CREDIT, written["entry_id"])
    return _done(value, written)


def _not_yet_opened(node: Node, symbol: str) -> None:
    """Two credits of one name and issuer would be told apart by their ids alone, by everybody and for good.

    One that waits to become final counts as well: a command is given again when its answer was late.
    """
    for one in queries.credits(with_pending(node)):
        if one.issuer == node.identity.member and one.unit.casefold() == symbol.casefold():
            sentence = f"you opened {safe(one.unit)} already ({short(Kind.CREDIT, one.id)}): choose another name"
            raise Problem(FailKind.REFUSED, sentence, {"credit": show_id(Kind.CREDIT, one.id)})


async def issue(node: Node, question: CreditIssue, responder: Responder) -> Answer:
    """Make units of one's own credit."""
    state, me = node.core.chain.state, node.identity.member
    credit, amount = amount_meant(state, question.amount, own=None if "@" in question.amount else me)
    to = me if question.member is None else person_meant(state, question.member).id
    operation: Operation = {"amount": amount, "credit": credit.id, "t": "credits.issue/1", "to": to}
    _note(operation, question.note)
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    value = {"amount": amount_shown(state, "credit", credit.id, amount), "from": party(state, me)}
    return _done(value, {"to": party(state, to)}, written)


async def pay(node: Node, question: CreditPay, responder: Responder) -> Answer:
    """Pay a member or group."""
    state, me = node.core.chain.state, node.identity.member
    credit, amount = amount_meant(state, question.amount)
    to = owner_meant(state, question.member)
    operation: Operation = {"amount": amount, "credit": credit.id, "t": "credits.pay/1", "to": to}
    _note(operation, question.note)
    if question.group is not None:
        shown = {"amount": amount_shown(state, "credit", credit.id, amount), "to": party(state, to)}
        return await done(node, operation, question, **shown)
    free = _free(node, credit.id, amount)
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    value = {
        "amount": amount_shown(state, "credit", credit.id, amount),
        "from": party(state, me),
        "to": party(state, to),
        "left": amount_shown(state, "credit", credit.id, _left(node, written, credit.id, free - amount)),
    }
    return _done(value, written)


async def redeem(node: Node, question: CreditRedeem, responder: Responder) -> Answer:
    """Take units of one's own credit out of being."""
    state, me = node.core.chain.state, node.identity.member
    credit, amount = amount_meant(state, question.amount, own=None if "@" in question.amount else me)
    operation: Operation = {"amount": amount, "credit": credit.id, "t": "credits.redeem/1"}
    _note(operation, question.note)
    free = _free(node, credit.id, amount)
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    value = {
        "amount": amount_shown(state, "credit", credit.id, amount),
        "left": amount_shown(state, "credit", credit.id, _left(node, written, credit.id, free - amount)),
    }
    return _done(value, written)


def _free(node: Node, credit: bytes, needed: int) -> int:
    """What is free, what waits counted, in smallest units; raises `Problem` where it is less than needed."""
    state = with_pending(node)
    free = accounts.free(state, node.identity.member, "credit", credit)
    if free < needed:
        raise too_little(state, "credit", credit, free, needed)
    return free


def _left(node: Node, written: Fields, credit: bytes, expected: int) -> int:
    """What is free once all of ours is final; what would be, where nothing was written."""
    if written.get("dry_run"):
        return expected
    return accounts.free(with_pending(node), node.identity.member, "credit", credit)


def _note(operation: Operation, note: str) -> None:
    if note:
        operation["note"] = note


# -- assets


async def register(node: Node, question: AssetRegister, responder: Responder) -> Answer:
    """Enter a thing; its papers and photos stay here and are named by salted hashes."""
    _not_yet_named(node, question.label)
    operation: Operation = {
        "kind": question.kind,
        "name": question.label,
        "t": "assets.register/1",
        "units": question.units,
    }
    for name, text in (("maker", question.maker), ("serial", question.serial)):
        if text:
            operation[name] = text
    if question.place is not None:
        operation["place"] = _place(question.place)
    files = [Path(text) for text in (*question.papers, *question.photos)]
    if len(files) > FILES_MAX:
        raise Problem(FailKind.USAGE, f"{len(files)} files; at most {FILES_MAX} can be named at once")
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise Problem(FailKind.NOT_FOUND, f"there is no file {missing[0]}")
    if files and not question.dry_run:
        # Refused for another reason, nothing should have been copied.
        node.dry_run([operation])
        operation |= await _evidence(node, len(question.papers), files)
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    value: Fields = {"label": question.label, "kind": question.kind, "units": question.units}
    if "entry_id" in written:
        value["asset"] = show_id(Kind.ASSET, written["entry_id"])
    if files and not question.dry_run:
        value["notes"] = [f"the {len(files)} files are kept in {node.home.files}, so that they can be shown later"]
    return _done(value, written)


def _not_yet_named(node: Node, label: str) -> None:
    """An entry stays for good: a command given twice must not make two things that only their ids tell apart."""
    for one in queries.assets(with_pending(node)):
        if one.operator == node.identity.member and one.name.casefold() == label.casefold():
            sentence = f"you registered {safe(one.name)} already ({short(Kind.ASSET, one.id)}): choose another name"
            raise Problem(FailKind.REFUSED, sentence, {"asset": show_id(Kind.ASSET, one.id)})


async def _evidence(node: Node, papers: int, files: list[Path]) -> Operation:
    """The first paper is the title, the first photo the picture; the others are papers."""
    try:
        kept = await keep_files(node, [(path.name, path) for path in files])
    except OSError as error:
        raise Problem(FailKind.FAILED, f"a file cannot be read: {error}") from error
    hashes: list[Value] = [one.named.hash for one in kept]
    more = [*hashes[1:papers], *hashes[papers + 1 :]]
    named: Operation = {"papers": more} if more else {}
    if papers:
        named["title"] = hashes[0]
    if len(hashes) > papers:
        named["photo"] = hashes[papers]
    return named


def _place(text: str) -> Operation:
    try:
        lat, lon = (Fraction(part.strip()) for part in text.split(","))
        return about(lat, lon).to_value()
    except (ValueError, ZeroDivisionError) as error:
        raise Problem(FailKind.USAGE, f'{text[:60]!r} is no place; write it like "52.50,13.40"') from error


# -- shares


async def transfer(node: Node, question: ShareTransfer, responder: Responder) -> Answer:
    """Offer units to a member; where they take gifts, hand them over at once."""
    state, me = node.core.chain.state, node.identity.member
    asset = asset_meant(state, question.asset)
    to = _receiver(state, question.member)
    if to.id == me:
        raise Problem(FailKind.REFUSED, "these units are yours already", {"reason": "share.to-self"})
    if to.left_ms is not None:
        raise Problem(FailKind.REFUSED, f"{safe(to.name)} has left the network", {"reason": "share.to-nobody"})
    value: Fields = {"asset": show_id(Kind.ASSET, asset.id), "units": question.units, "to": party(state, to.id)}
    if to.takes_gifts:
        operation: Operation = {"asset": asset.id, "t": "shares.transfer/1", "to": to.id, "units": question.units}
        _note(operation, question.note)
        return _done(value, await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run))
    free = accounts.free(state, me, "units", asset.id)
    if not 1 <= question.units <= free:
        sentence = f"{free:,} units of {safe(asset.name)} are free to be given"
        raise Problem(FailKind.REFUSED, sentence, {"reason": "account.too-little"})
    if len(question.note.encode()) > 140:
        raise Problem(FailKind.USAGE, "a note has at most 140 bytes")
    if question.dry_run:
        return _done(value, {"dry_run": True})
    order = OfferShares(
        asset=asset.id, to=to.id, units=question.units, note=question.note, nonce=secrets.token_bytes(16)
    )
    kept = await _ordered(node, order)
    notes = [f"{safe(to.name)} becomes the owner by accepting: dpnode share accept"]
    if not node.core.shares.is_there(to.id):
        notes.append("their machine is away just now; the offer is told as soon as both are there")
    return _done(value, {"offer": show_id(Kind.HASH, kept), "notes": notes})


def _receiver(state: View, text: str) -> Person:
    """A member; a group has no key to accept with, so where one is meant the owner is told what to do instead."""
    try:
        return person_meant(state, text)
    except Problem as problem:
        if problem.kind is FailKind.NOT_FOUND and any(one.name == text for one in share_queries.groups(state)):
            sentence = f"{safe(text)} is a group, which takes units that stand for it: dpnode share offer"
            raise Problem(FailKind.USAGE, sentence) from problem
        raise


async def accept(node: Node, question: ShareAccept, responder: Responder) -> Answer:
    """List what is offered; or accept one and wait until the giver's machine has entered the transfer."""
    shares, state = node.core.shares, node.core.chain.state
    if question.id is None:
        return Done(value={"offers": [_offer(node, one) for one in shares.taken.values() if one.accept is None]})
    offer = shares.taken[_offer_meant(node, question.id)]
    value: Fields = {
        "offer": show_id(Kind.HASH, offer.id),
        "asset": show_id(Kind.ASSET, offer.asset),
        "units": offer.units,
        "from": party(state, offer.giver),
    }
    if question.dry_run:
        return _done(value, {"dry_run": True})
    await _ordered(node, AcceptShares(offer=offer.id))
    ended = await _ended(node, offer.id, question.wait_ms)
    if ended is None:
        away = "" if shares.is_there(offer.giver) else "; their machine is away just now"
        notes = [f"accepted and kept; {safe(party(state, offer.giver)['name'])}'s machine enters the transfer{away}"]
        return _done(value, {"binding": "agreed", "notes": notes, **({"timed_out": True} if question.wait_ms else {})})
    if ended.outcome:
        raise Problem(FailKind.REFUSED, "the offer has lapsed", {"reason": ended.outcome})
    if ended.entry:
        value["entry"] = show_id(Kind.ENTRY, ended.entry)
    return _done(value, {"binding": "final", "height": ended.height})


async def _ordered(node: Node, order: OfferShares | AcceptShares) -> bytes:
    """Give the core an order about shares; returns the offer's id. Raises `Problem` where it is declined."""
    for effect in await node.negotiate(order):
        if isinstance(effect, SharesKept):
            return effect.offer
        if isinstance(effect, SharesDeclined):
            raise Problem(FailKind.REFUSED, effect.text, {"reason": effect.reason})
    raise AssertionError("an order about shares is kept or declined")


async def _ended(node: Node, offer: bytes, wait_ms: int) -> SharesEnded | None:
    """How an offer ended, or None where it did not in time."""
    with trio.move_on_after(wait_ms / 1000):
        while offer not in node.core.shares.ended:
            await node.moved.wait()
    return node.core.shares.ended.get(offer)


def _offer_meant(node: Node, text: str) -> bytes:
    candidates = [Candidate(kind=Kind.HASH, id=one) for one in node.core.shares.taken]
    return resolve(text, candidates, what="offer of shares").id


def _offer(node: Node, offer: OfferSeen) -> Fields:
    state = node.core.chain.state
    asset = queries.asset(state, offer.asset)
    return {
        "id": show_id(Kind.HASH, offer.id),
        "asset": show_id(Kind.ASSET, offer.asset),
        "label": "" if asset is None else asset.name,
        "units": offer.units,
        "from": party(state, MemberId(offer.giver)),
        "until_ms": offer.until_ms,
        "note": offer.note,
    }


ANSWERS: dict[type[Question], Any] = {
    CreditOpen: open_credit,
    CreditIssue: issue,
    CreditPay: pay,
    CreditRedeem: redeem,
    AssetRegister: register,
    ShareTransfer: transfer,
    ShareAccept: accept,
}
