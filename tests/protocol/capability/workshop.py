"""A small network to test with: the starter functions, some offers, adverts signed by real keys."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from config.functions_data import starter_functions
from ledger.canonical import digest
from ledger.keys import MemberId, SigningKey
from ledger.quantities import Measure
from protocol.capability.advertisement import Advert, issue, read_advert
from protocol.capability.catalogue import Catalogue
from protocol.capability.definition_files import read_definition
from protocol.capability.functions import Function, ParameterValue
from protocol.capability.matching import Want
from protocol.capability.offer_files import CreditName, read_offer
from protocol.capability.offers import Offer
from protocol.capability.places import Place
from protocol.capability.units import read_amount

NETWORK = digest("test-network")
EURO = digest("test-credit")
CREDITS = {"EUR": CreditName(id=EURO, decimals=2)}
NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@cache
def starter() -> tuple[Function, ...]:
    return tuple(read_definition(text, name) for name, text in starter_functions().items())


def catalogue() -> Catalogue:
    return Catalogue(starter())


def function(name: str) -> Function:
    return catalogue().named(name)


def measured(text: str) -> Measure:
    return read_amount(text, "1")


def want(name: str, quantity: int = 1, place: Place | None = None, **given: str) -> Want:
    """A want: measures are written ``length="120 mm"``, underscores stand for hyphens."""
    known = function(name)
    values: dict[str, ParameterValue] = {}
    for key, text in given.items():
        parameter = known.definition.parameter(key.replace("_", "-"))
        is_measure = parameter is not None and bool(parameter.unit)
        values[key.replace("_", "-")] = measured(text) if is_measure else text
    return Want(function=known.hash, parameters=values, quantity=quantity, place=place)


def offer(text: str) -> Offer:
    return read_offer(text, "offer.toml", catalogue(), CREDITS)


def router(name: str = "router", materials: str = '["wood"]', size: str = "600 mm", more: str = "") -> Offer:
    """A CNC router that takes plates up to `size` by 400 by 100 mm."""
    return offer(
        f"""
        name = "{name}"
        function = "cnc-milling"
        {more}
        [limits]
        material = {materials}
        length = {{ most = "{size}" }}
        width = {{ most = "400 mm" }}
        height = {{ most = "100 mm" }}
        """
    )


def key(n: int) -> SigningKey:
    return SigningKey(digest("test-key", n.to_bytes(4, "big")))


def member(n: int) -> MemberId:
    return MemberId(digest("test-member", n.to_bytes(4, "big")))


def advert(
    n: int, offers: Iterable[Offer], *, counter: int = 1, place: Place | None = None, now_ms: int = NOW_MS
) -> Advert:
    """The advert of member `n`."""
    return read_advert(
        issue(offers, network=NETWORK, member=member(n), counter=counter, place=place, now_ms=now_ms, signer=key(n))
    )
