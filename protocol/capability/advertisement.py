"""Adverts: a member's signed, numbered, expiring list of what it offers.

One advert stands per member: the one with the highest number. It carries its offers whole, about where the workshop
is, and the moment it ends; a member renews it at half its life and takes it back by an empty one. Whether one that
arrives is taken in is decided by numbered rules, each tagged IGNORE (not now, nobody's fault) or REJECT (the sender's
fault); cheap checks come before the signature (SPEC C-16 to C-19).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from ledger.canonical import NotCanonical, Value, encode
from ledger.form import ID, MOMENT_MS, Int, List, Malformed, Map
from ledger.keys import MemberId, PublicKey, SigningKey
from ledger.statement import Statement, sign_statement
from protocol.capability.limits import (
    ADVERT_AHEAD_MAX_MS,
    ADVERT_BYTES_MAX,
    ADVERT_LIFE_MAX_MS,
    ADVERT_LIFE_MS,
    OFFERS_MAX,
)
from protocol.capability.offers import OFFER, Offer, offer_from_value
from protocol.capability.places import PLACE, Place, place_from_value

PURPOSE = "advert"
"""The statement's tag: an advert is never a proposal."""

ADVERT = Map(
    {
        "counter": Int(1),
        "issued": MOMENT_MS,
        "member": ID,
        "network": ID,
        "offers": List(OFFER, 0, OFFERS_MAX),
        "until": MOMENT_MS,
    },
    {"place": PLACE},
)


class AdvertTooLong(ValueError):
    """The owner's offers do not fit in one advert; the sentence says by how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """What one member offers, as it was signed."""

    statement: Statement
    """Kept to be passed on to others byte for byte."""
    network: bytes
    member: MemberId
    counter: int
    """Grows with every advert of this member."""
    issued_ms: int
    until_ms: int
    place: Place | None
    offers: tuple[Offer, ...]

    @property
    def functions(self) -> frozenset[bytes]:
        """The hashes of the functions it offers, so that unknown ones can be asked for."""
        return frozenset(offer.function for offer in self.offers)


def issue(
    offers: Iterable[Offer],
    *,
    network: bytes,
    member: MemberId,
    counter: int,
    place: Place | None,
    now_ms: int,
    signer: SigningKey,
    life_ms: int = ADVERT_LIFE_MS,
) -> Statement:
    """A signed advert (SPEC C-16); raises `AdvertTooLong`. `counter` comes from `next_counter`."""
    listed = [offer.to_value() for offer in offers]
    content: dict[str, Value] = {
        "counter": counter,
        "issued": now_ms,
        "member": member,
        "network": network,
        "offers": listed,
        "until": now_ms + life_ms,
    }
    if place is not None:
        content["place"] = place.to_value()
    size = len(encode(content))
    if len(listed) > OFFERS_MAX or size > ADVERT_BYTES_MAX:
        raise AdvertTooLong(
            f"{len(listed)} offers of {size} bytes; an advert carries {OFFERS_MAX} and {ADVERT_BYTES_MAX} bytes"
        )
    return sign_statement(PURPOSE, content, signer)


def next_counter(last: int, now_ms: int) -> int:
    """A number above every earlier one, also after a restored backup forgot the last (SPEC C-16)."""
    return max(last + 1, now_ms)


def renew_at_ms(issued_ms: int, until_ms: int) -> int:
    """When an advert is to be renewed: at half its life."""
    return issued_ms + (until_ms - issued_ms) // 2


def read_advert(statement: Statement) -> Advert:
    """The advert in a statement, its signature *not* checked; raises `NotCanonical` or `Malformed`."""
    value = statement.content
    ADVERT.check(value)
    offers = tuple(offer_from_value(one, f"offers[{i}]") for i, one in enumerate(value["offers"]))
    if len({offer.name for offer in offers}) != len(offers):
        raise Malformed("offers", "two offers have the same name")
    return Advert(
        statement=statement,
        network=value["network"],
        member=MemberId(value["member"]),
        counter=value["counter"],
        issued_ms=value["issued"],
        until_ms=value["until"],
        place=place_from_value(value["place"]) if "place" in value else None,
        offers=offers,
    )


class Verdict(StrEnum):
    """What a node does with a gossiped advert."""

    ACCEPT = "accept"
    """Take it in and pass it on."""
    IGNORE = "ignore"
    """Neither; the sender may be honest."""
    REJECT = "reject"
    """Neither, and the sender is at fault: an honest node would not have passed it on."""


class Rule(StrEnum):
    """The rule that decided; a closed list, in the order of checking (SPEC C-17)."""

    SIZE = "size"
    FORM = "form"
    NETWORK = "network"
    FUTURE = "future"
    LIFE = "life"
    EXPIRED = "expired"
    OLDER = "older"
    NOT_A_MEMBER = "not-a-member"
    FOREIGN_KEY = "foreign-key"
    SIGNATURE = "signature"
    FINE = "fine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict, the rule behind it, and the advert where it is accepted."""

    verdict: Verdict
    rule: Rule
    reason: str = ""
    advert: Advert | None = None


def _ignore(rule: Rule, reason: str) -> Judgement:
    return Judgement(verdict=Verdict.IGNORE, rule=rule, reason=reason)


def _reject(rule: Rule, reason: str) -> Judgement:
    return Judgement(verdict=Verdict.REJECT, rule=rule, reason=reason)


def judge(
    statement: Statement,
    *,
    network: bytes,
    now_ms: int,
    member_of_key: Callable[[PublicKey], MemberId | None],
    newest: Callable[[MemberId], int | None],
) -> Judgement:
    """Whether an advert that arrived is taken in (SPEC C-17).

    `member_of_key` answers for current working keys of members; `newest` is the number of the advert held of a member.
    """
    # [REJECT] its body is not longer than an advert may be
    if len(statement.body) > ADVERT_BYTES_MAX:
        return _reject(Rule.SIZE, f"more than {ADVERT_BYTES_MAX} bytes")
    # [REJECT] it is the one encoding of an advert, tagged as one
    try:
        advert = read_advert(statement)
    except (NotCanonical, Malformed) as problem:
        return _reject(Rule.FORM, problem.reason)
    if statement.purpose != PURPOSE:
        return _reject(Rule.FORM, "a statement for another purpose")
    # [REJECT] it is of this network
    if advert.network != network:
        return _reject(Rule.NETWORK, "of another network")
    # [REJECT] it was not issued more than 120 s in the future
    if advert.issued_ms > now_ms + ADVERT_AHEAD_MAX_MS:
        return _reject(Rule.FUTURE, "issued in the future")
    # [REJECT] it lives for more than nothing and at most a week
    if not 0 < advert.until_ms - advert.issued_ms <= ADVERT_LIFE_MAX_MS:
        return _reject(Rule.LIFE, "valid for longer than a week, or not at all")
    # [IGNORE] it has not expired
    if advert.until_ms <= now_ms:
        return _ignore(Rule.EXPIRED, "expired")
    # [IGNORE] its number is above that of the one we hold
    held = newest(advert.member)
    if held is not None and advert.counter <= held:
        return _ignore(Rule.OLDER, "not newer than the one held")
    # [IGNORE] its key is a member's; we may be behind with the ledger
    owner = member_of_key(statement.key)
    if owner is None:
        return _ignore(Rule.NOT_A_MEMBER, "its key is no member's here")
    # [REJECT] its key is that of the member it speaks for
    if owner != advert.member:
        return _reject(Rule.FOREIGN_KEY, "signed with another member's key")
    # [REJECT] its signature is good
    if not statement.is_signed():
        return _reject(Rule.SIGNATURE, "its signature is wrong")
    return Judgement(verdict=Verdict.ACCEPT, rule=Rule.FINE, advert=advert)
