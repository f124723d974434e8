"""A small network to test with: the starter functions, some offers, adverts signed by real keys."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from config.functions_data import starter_functions
from ledger.canonical import digest
from ledger.keys import MemberId, SigningKey
from ledger.names import Kind, show_id
from ledger.quantities import Measure
from protocol.capability.advertisement import Advert, issue, read_advert
from protocol.capability.catalogue import Catalogue
from protocol.capability.definition_files import read_definition
from protocol.capability.functions import Definition, Function, ParameterValue
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
SMALL = """
name = "drilling"
title = "drilling"
turn = [["width", "depth"]]
[[input]]
name = "plate"
kind = "material/plate"
unit = "{piece}"
properties = { material = "$material" }
[[output]]
name = "part"
kind = "part/drilled"
unit = "{piece}"
[parameter.material]
kind = "choice"
required = true
choices = ["wood", "steel"]
words.steel = ["iron"]
[parameter.width]
kind = "measure"
unit = "mm"
least = 1
most = 500.5
[parameter.depth]
kind = "measure"
unit = "mm"
[parameter.clean]
kind = "flag"
[parameter.note]
kind = "text"
of = "job"
"""
MACHINE = bytes(range(32))
FULL = f"""
# The printer in the cellar.
name = "Prusa in the cellar"
function = "3d-printing-fdm"
automatic = true
asset = "{show_id(Kind.ASSET, MACHINE)}"
[quantity]
most = 50
[limits]
material = ["PLA", "PETG"]
supports = "no"
length = {{ most = "25 cm" }}
width = {{ most = 210 }}
height = {{ most = "210 mm" }}
layer-height = {{ least = 0.1, most = "300 um" }}
[time]
lead = "1 h"
set-up = "20 min"
per-piece = "90 s"
per.mass = "4 min"
[price]
credit = "EUR"
set-up = 2
per-piece = "0.50"
[price.per]
mass = 0.05
[hours]
utc-offset = "+01:00"
mon = "08:00-18:00"
sat = ["08:00-12:00", "22:00-02:00"]
[place]
lat = 48.137
lon = -11.575
"""


@cache
def starter() -> tuple[Function, ...]:
    return tuple(read_definition(text, name) for name, text in starter_functions().items())


def catalogue() -> Catalogue:
    return Catalogue(starter())


def function(name: str) -> Function:
    return catalogue().named(name)


def small() -> Definition:
    """What SMALL means: every kind of parameter, a group that may be turned, a flow with a property."""
    return read_definition(SMALL, "drilling.toml").definition


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


def full() -> Offer:
    """FULL as an offer: every section of an offer file is in it."""
    return offer(FULL)


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
