"""Answers about what this node offers and what the network offers."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any
from unicodedata import normalize

import trio

from dpnode.answers.searching import offers_found
from dpnode.answers.shown import name_of, party
from dpnode.assembly import own_place, show_money
from dpnode.clock import now
from dpnode.control.answers import Answer, Done
from dpnode.control.questions import capability as asked
from dpnode.control.questions.base import Question
from dpnode.control.resolve import Candidate, resolve
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.node import Node
from dpnode.offers import TOO_MUCH, OwnOffer, credits_known, fits_with, put_file, put_in_place, read_folder, read_text
from dpnode.reading.naming import person_meant
from ledger.canonical import digest
from ledger.names import Kind, short, show_id
from protocol.capability.directory import Found, Listed
from protocol.capability.hours import show_hours
from protocol.capability.offer_files import read_offer, write_offer_toml
from protocol.capability.offers import Limit, Offer, Price, Rate, show_duration, show_limit
from protocol.capability.places import Place, distance_km
from protocol.capability.reading import WrongFile, nearest
from protocol.exchange.bounds import FILE_BYTES_MAX
from protocol.exchange.findings import Severity
from protocol.exchange.okw import read_facility
from protocol.exchange.okw_offers import OfferDraft, offers_from_facility
from protocol.exchange.with_catalogue import CatalogueFunctions
from protocol.inputs import Offered

NAMED_MAX = 8
"""Offers named in one sentence."""


def offer_id(name: str) -> bytes:
    """What an offer of ours is called by: 32 bytes of its name."""
    return digest("offer", name.encode("utf-8"))


def reload_offers(node: Node) -> dict[str, OwnOffer]:
    """Read the offers folder again; broken files become reminders."""
    parts = node.assembled
    folder = read_folder(node.home, parts.catalogue, node.core.chain.state)
    node.reminders = list(folder.problems)
    node.credits_read = frozenset(credits_known(node.core.chain.state))
    parts.offers.offers = {name: one.offer for name, one in folder.offers.items()}
    return dict(folder.offers)


async def keep_offered(node: Node) -> None:
    """While a file of ours is not offered: read the folder again once there is a credit that it may be priced in.

    A home that is fetching the ledger anew knows no credit at first.
    """
    while True:
        moved = node.moved
        if node.reminders and node.credits_read != frozenset(credits_known(node.core.chain.state)):
            await _advertise(node)
        await moved.wait()


async def _advertise(node: Node) -> dict[str, OwnOffer]:
    offers = reload_offers(node)
    if node.driver is not None:
        await node.driver.give(Offered(offers=tuple(one.offer for one in offers.values())))
    return offers


async def add(node: Node, question: asked.CapabilityAdd, responder: Responder) -> Answer:
    """Offer what a file describes."""
    path = Path(question.path)
    parts = node.assembled
    state = node.core.chain.state
    try:
        text = read_text(path)
        offer = read_offer(text, str(path), parts.catalogue, credits_known(state))
    except WrongFile as problem:
        raise Problem(FailKind.FAILED, str(problem)) from problem
    except (OSError, UnicodeDecodeError) as problem:
        raise Problem(FailKind.FAILED, f"{path} cannot be read as text: {problem}") from problem
    known = reload_offers(node)
    standing = known.get(offer.name)
    changes = [] if standing is None else _changes(node, standing.offer, offer)
    if standing is not None and standing.path != path and not question.replace:
        differs = f"what would change: {', '.join(one['key'] for one in changes)}" if changes else "it says the same"
        raise Problem(
            FailKind.REFUSED,
            f'you offer a "{offer.name}" already, by {standing.path}; {differs}; --replace takes the new file,'
            " --replace --dry-run shows the difference",
        )
    if standing is None and question.replace:
        raise Problem(FailKind.NOT_FOUND, f'there is no "{offer.name}" to replace here{_nearest(offer.name, known)}')
    if not fits_with(offer, [one.offer for name, one in known.items() if name != offer.name]):
        raise Problem(FailKind.REFUSED, TOO_MUCH)
    told: dict[str, Any] = {"changes": changes} if standing is not None else {}
    if standing is not None and not changes:
        told["notes"] = ["it says the same as what is offered"]
    if question.dry_run:
        return Done(value={**_told(node, offer, None), **told, "dry_run": True})
    if standing is None:
        put_file(node.home, offer.name, text)
    elif standing.path != path:
        put_in_place(standing.path, text)
    offers = await _advertise(node)
    return Done(value={**_told(node, offer, offers.get(offer.name)), **told})


def _changes(node: Node, old: Offer, new: Offer) -> list[dict[str, str]]:
    """What a new file would change, key by key, as both would be shown."""
    was, becomes = (_flat(_told(node, one, None), one) for one in (old, new))
    keys = [*was, *(key for key in becomes if key not in was)]
    absent = "-"
    return [
        {"key": key, "was": was.get(key, absent), "becomes": becomes.get(key, absent)}
        for key in keys
        if was.get(key, absent) != becomes.get(key, absent)
    ]


def _flat(told: dict[str, Any], offer: Offer) -> dict[str, str]:
    place = offer.place
    return {
        "function": f"{told['function_name']}",
        "definition": told["function"],
        **{f"limits.{name}": text for name, text in told["limits"].items()},
        "quantity": f"{offer.quantity_least} to {offer.quantity_most}",
        "lead": show_duration(Fraction(offer.lead_ms)),
        "time": told["rate"],
        "price": told["price"],
        "hours": told["hours"],
        "automatic": "yes" if offer.automatic else "no",
        **({} if offer.asset is None else {"asset": show_id(Kind.ASSET, offer.asset)}),
        **({} if place is None else {"place": f"{place.lat_cdeg / 100}, {place.lon_cdeg / 100}"}),
    }


def _nearest(name: str, known: Iterable[str]) -> str:
    """The offer that a name most likely means, as the end of a sentence; else all there are."""
    names = list(known)
    close = nearest(name, names)
    if close is not None:
        return f'; did you mean "{close}"?'
    return "; you offer " + ", ".join(f'"{one}"' for one in names[:NAMED_MAX]) if names else "; nothing is offered"


def _own(node: Node, text: str) -> OwnOffer:
    offers = reload_offers(node)
    candidates = [Candidate(kind=Kind.HASH, id=offer_id(name), name=name) for name in offers]
    try:
        return offers[resolve(text, candidates, what="capability").name]
    except Problem as problem:
        if problem.kind is not FailKind.NOT_FOUND:
            raise
    part = normalize("NFC", text.strip()).casefold()
    begun = [name for name in offers if part and name.casefold().startswith(part)]
    found = begun or [name for name in offers if part and part in name.casefold()]
    if len(found) == 1:
        return offers[found[0]]
    if found:
        choices = ", ".join(f'"{name}"' for name in found[:NAMED_MAX])
        raise Problem(FailKind.USAGE, f"{text[:60]!r} means more than one capability: {choices}", {"choices": choices})
    sentence = f"you offer no capability {text[:60]!r}{_nearest(text, offers)}"
    raise Problem(FailKind.NOT_FOUND, sentence, {"asked": text[:60]})


async def show(node: Node, question: asked.CapabilityShow, responder: Responder) -> Answer:
    """One offer in full."""
    own = _own(node, question.id)
    return Done(value=_told(node, own.offer, own))


async def listed(node: Node, question: asked.CapabilityList, responder: Responder) -> Answer:
    """What this node offers."""
    offers = reload_offers(node)
    return Done(value={"capabilities": [_told(node, one.offer, one) for one in offers.values()]})


async def remove(node: Node, question: asked.CapabilityRemove, responder: Responder) -> Answer:
    """Withdraw an offer; its file is kept beside, so that it can be added again."""
    own = _own(node, question.id)
    value = _told(node, own.offer, None)
    if question.dry_run:
        return Done(value={**value, "dry_run": True})
    kept = own.path.with_suffix(".removed")
    own.path.replace(kept)
    await _advertise(node)
    note = f"its file lies at {kept}: `dpnode cap add` takes it back"
    return Done(value={**value, "state": "withdrawn", "notes": [note]})


async def import_facility(node: Node, question: asked.CapabilityImport, responder: Responder) -> Answer:
    """Drafts from an Open Know-Where file: what it says is taken, what it lacks is listed."""
    path = Path(question.path)
    parts = node.assembled
    try:
        data = await trio.to_thread.run_sync(_read_some, path)
    except OSError as error:
        raise Problem(FailKind.NOT_FOUND, f"the facility {path} cannot be read: {error.strerror}") from error
    reading = read_facility(data, path.name)
    if reading.facility is None:
        said = [str(one) for one in reading.findings if one.severity is Severity.ERROR]
        raise Problem(FailKind.FAILED, "; ".join(said) or f"{path.name} is no facility")
    found = offers_from_facility(reading.facility, CatalogueFunctions(catalogue=parts.catalogue))
    rows, missing = [], [{"equipment": "the facility", "missing": [line]} for line in found.missing]
    for number, draft in enumerate(found.drafts, start=1):
        offer = _of_draft(node, draft, number)
        lacks = [*draft.missing, "the price and the time it takes"]
        missing.append({"equipment": offer.name, "missing": lacks})
        row: dict[str, Any] = {"id": show_id(Kind.HASH, offer_id(offer.name)), "label": offer.name}
        row["function_name"] = draft.function
        row |= {"state": "draft", "limits": _limits(offer)}
        if not question.dry_run:
            function = parts.catalogue.named(draft.function)
            lines = "".join(f"# Missing: {one}.\n" for one in lacks)
            row["path"] = str(put_draft(node, offer.name, lines + write_offer_toml(offer, function)))
        rows.append(row)
    value: dict[str, Any] = {"facility": reading.facility.name, "capabilities": rows, "missing": missing}
    notes = [str(one) for one in reading.findings if one.severity is not Severity.ERROR][:16]
    if rows and not question.dry_run:
        notes.append("complete the drafts with price and time, then give each to `dpnode cap add`")
    value["notes"] = notes
    if question.dry_run:
        value["dry_run"] = True
    return Done(value=value)


def _read_some(path: Path) -> bytes:
    """A little more than a facility file may have, so that a longer one is noticed."""
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX + 1)


def put_draft(node: Node, name: str, text: str) -> Path:
    """A draft lies in the offers folder under an ending that is not offered."""
    path = put_file(node.home, name, text)
    draft = path.with_suffix(".draft")
    path.replace(draft)
    return draft


def _of_draft(node: Node, draft: OfferDraft, number: int) -> Offer:
    function = node.assembled.catalogue.named(draft.function)
    limits: dict[str, Limit] = {limit.parameter: Limit(least=limit.least, most=limit.most) for limit in draft.limits}
    if draft.materials:
        limits["material"] = Limit(among=tuple(sorted(draft.materials)))
    return Offer(name=f"{draft.machine or draft.function} {number}"[:60], function=function.hash, limits=limits)


# -- the network's


async def search(node: Node, question: asked.DirectorySearch, responder: Responder) -> Answer:
    """Who offers what."""
    rows, notes = offers_found(node, question, now().wall_ms)
    if question.member is not None:
        member = person_meant(node.core.chain.state, question.member).id
        rows = [row for row in rows if row.member == member]
    adverts = [_row(node, row) for row in rows[: question.limit]]
    return Done(value={"adverts": adverts, "total": len(rows), "notes": notes})


def _row(node: Node, row: Found | Listed) -> dict[str, Any]:
    advert = node.core.directory.directory.advert(row.member)
    place = row.offer.place or (advert.place if advert is not None else None)
    value = _told(node, row.offer, None)
    value["member"] = party(node.core.chain.state, row.member)
    if advert is not None:
        value["until_ms"] = advert.until_ms
    here = own_place(node.settings)
    if place is not None and here is not None:
        value["distance_km"] = distance_km(Place(lat_cdeg=place.lat_cdeg, lon_cdeg=place.lon_cdeg), here)
    return value


# -- telling


def _told(node: Node, offer: Offer, own: OwnOffer | None) -> dict[str, Any]:
    function = node.assembled.catalogue.by_hash(offer.function)
    value: dict[str, Any] = {
        "id": show_id(Kind.HASH, offer_id(offer.name)),
        "label": offer.name,
        "function": show_id(Kind.FUNCTION, offer.function),
        "function_name": short(Kind.FUNCTION, offer.function) if function is None else function.name,
        "limits": _limits(offer),
        "price": "asked of a person" if offer.price is None else _price(node, offer.price),
        "rate": "not said: a job is reckoned to take no time" if _is_untimed(offer) else _rate(offer.time),
        "lead_time_ms": offer.lead_ms,
        "hours": _hours(offer) if offer.hours.spans else "always",
        "state": "offered" if own is not None else "known",
    }
    if own is not None:
        value["path"] = str(own.path)
        value["member"] = {
            "id": show_id(Kind.MEMBER, node.identity.member),
            "name": name_of(node.core.chain.state, node.identity.member),
        }
        advert = node.core.directory.directory.advert(node.identity.member)
        if advert is not None:
            value["until_ms"] = advert.until_ms
    return value


def _is_untimed(offer: Offer) -> bool:
    """Whether the calendar would never see this machine busy; only an offer that a person answers may be so."""
    return not (offer.time.set_up or offer.time.per_piece or offer.time.per)


def _limits(offer: Offer) -> dict[str, str]:
    return {name: show_limit(limit) for name, limit in sorted(offer.limits.items())}


def _hours(offer: Offer) -> str:
    return "; ".join(f"{day} {', '.join(spans)}" for day, spans in show_hours(offer.hours)) + " UTC"


def _price(node: Node, price: Price) -> str:
    def money(amount: Any) -> str:
        return show_money(node.core.chain, price.credit, amount)

    return _parts(price.rate, money)


def _rate(rate: Rate) -> str:
    return _parts(rate, show_duration)


def _parts(rate: Rate, show_one: Any) -> str:
    parts = []
    if rate.set_up:
        parts.append(f"{show_one(rate.set_up)} once")
    if rate.per_piece:
        parts.append(f"{show_one(rate.per_piece)} a piece")
    for name, one in sorted(rate.per.items()):
        parts.append(f"{show_one(one.fraction)} per {one.unit} of {name}")
    return " + ".join(parts) or "nothing"


ANSWERS: dict[type[Question], Any] = {
    asked.CapabilityAdd: add,
    asked.CapabilityList: listed,
    asked.CapabilityShow: show,
    asked.CapabilityRemove: remove,
    asked.CapabilityImport: import_facility,
    asked.DirectorySearch: search,
}
