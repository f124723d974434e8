"""An offer narrows a function, in its file and in an advert (SPEC C-10, C-11, C-15)."""

from __future__ import annotations

from copy import deepcopy
from fractions import Fraction
from typing import Any

import pytest

from ledger.canonical import decode, encode
from ledger.form import Malformed
from ledger.names import Kind, show_id
from ledger.quantities import Measure, measure
from protocol.capability.hours import WEEK_MIN
from protocol.capability.limits import QUANTITY_MAX
from protocol.capability.offer_files import read_offer, write_offer_toml
from protocol.capability.offers import (
    Limit,
    Price,
    Rate,
    offer_from_value,
    show_limit,
)
from protocol.capability.places import Place
from protocol.capability.reading import WrongFile
from tests.protocol.capability.workshop import (
    CREDITS,
    EURO,
    FULL,
    HOUR_MS,
    MACHINE,
    catalogue,
    full,
    function,
    offer,
)

FDM = function("3d-printing-fdm")


def test_an_offer_file_is_read_exactly() -> None:
    one = full()
    assert one.name == "Prusa in the cellar"
    assert one.function == FDM.hash
    assert one.automatic
    assert one.asset == MACHINE
    assert (one.quantity_least, one.quantity_most) == (1, 50)
    assert one.limits["material"] == Limit(among=("petg", "pla"))
    assert one.limits["supports"] == Limit(among=("no",))
    assert one.limits["length"] == Limit(most=Measure(n=250, d=1, unit="mm"))
    assert one.limits["layer-height"] == Limit(least=Measure(n=1, d=10, unit="mm"), most=Measure(n=3, d=10, unit="mm"))
    assert one.lead_ms == HOUR_MS
    assert one.time == Rate(set_up=Fraction(1_200_000), per_piece=Fraction(90_000), per={"mass": measure(240_000, "g")})
    assert one.price == Price(
        credit=EURO, rate=Rate(set_up=Fraction(200), per_piece=Fraction(50), per={"mass": measure(5, "g")})
    )
    assert one.place == Place(lat_cdeg=4815, lon_cdeg=-1160)


def test_what_is_left_out_is_open() -> None:
    one = offer('name = "a"\nfunction = "sewing"')
    assert (one.limits, one.price, one.place, one.asset, one.automatic) == ({}, None, None, None, False)
    assert (one.quantity_least, one.quantity_most, one.lead_ms) == (1, QUANTITY_MAX, 0)
    assert one.hours.is_open(0)


WRONG = [
    ('name = "Prusa in the cellar"', "", "name: missing"),
    ("3d-printing-fdm", "3d-print-fmd", 'function: unknown function "3d-print-fmd"; did you mean "3d-printing-fdm"?'),
    ("automatic = true", "automatc = true", 'automatc: unknown key; did you mean "automatic"?'),
    ("automatic = true", "zzz = true", "zzz: unknown key; known here: asset, automatic,"),
    ("automatic = true", 'automatic = "yes"', "automatic: true or false"),
    ("lead = ", "led = ", 'time.led: unknown key; did you mean "lead"?'),
    ('"25 cm"', '"25 cmm"', 'limits.length.most: unknown unit "cmm"; did you mean "mm"?'),
    ('"25 cm"', '"25 g"', 'limits.length.most: "g" cannot be converted to "mm"'),
    ('"25 cm"', '"wide"', 'limits.length.most: "wide" is not a number with a unit'),
    ('"25 cm"', "0", "limits.length.most: a limit of zero leaves nothing to make"),
    ('"25 cm"', '"0 mm"', "limits.length.most: a limit of zero"),
    ('"25 cm"', "6000", "limits.length.most: the function itself ends at 5000 mm"),
    ('"25 cm"', "-5", "limits.length.most: the function itself begins at 0.1 mm"),
    ('"25 cm"', '"1/9007199254740993 mm"', "limits.length.most: the function itself begins"),
    ('{ most = "25 cm" }', "{ most = 250, mots = 5 }", 'limits.length.mots: unknown key; did you mean "most"?'),
    ('{ most = "25 cm" }', "{ }", "limits.length: a least or a most is expected"),
    ('{ most = "25 cm" }', "250", "limits.length: a table is expected"),
    ("least = 0.1, ", "least = 0.4, ", "limits.layer-height.least: it is more than the most"),
    ("length = {", "lenght = {", 'limits.lenght: 3d-printing-fdm has no such parameter; did you mean "length"?'),
    ("length = {", "qqq = {", "limits.qqq: 3d-printing-fdm has no such parameter; it has colour, grade,"),
    ('supports = "no"', 'colour = "red"', "limits.colour: a free text has no limits"),
    ('["PLA", "PETG"]', '["PLAA"]', 'limits.material: "PLAA" is no choice; did you mean "pla"?'),
    ('["PLA", "PETG"]', "[]", "limits.material: at least one of abs,"),
    ('["PLA", "PETG"]', "[5]", "limits.material: a text in quotes"),
    ("most = 50", "most = 0", "quantity.most: a whole number from 1"),
    ("most = 50", "least = 60\nmost = 50", "quantity.least: 60 is more than the most, 50"),
    ('"20 min"', "20", "time.set-up: a time with its unit"),
    ('"20 min"', '"20 mm"', 'time.set-up: "mm" cannot be converted to "ms"'),
    ('"20 min"', '"-20 min"', "time.set-up: it is not below zero"),
    ('"1 h"', '"20 a"', "time.lead: at most 3660 days"),
    ('"EUR"', '"EURO"', 'price.credit: there is no credit "EURO" here; did you mean "EUR"?'),
    ('credit = "EUR"', "", "price.credit: missing"),
    ("set-up = 2\n", "set-up = -2\n", "price.set-up: it is not below zero"),
    ("set-up = 2\n", "set-up = true\n", "price.set-up: a number is expected"),
    ("set-up = 2\n", 'set-up = "9007199254740991"\n', "price.set-up: it has more digits than can be signed"),
    ("mass = 0.05", "masss = 0.05", 'price.per.masss: 3d-printing-fdm has no such parameter; did you mean "mass"?'),
    ("mass = 0.05", "material = 0.05", "price.per.material: only a parameter that can be counted"),
    ('utc-offset = "+01:00"', 'utc-offset = "1"', 'hours.utc-offset: "1" is not an offset'),
    ('"08:00-18:00"', '"8-18"', 'hours.mon: "8-18" is not a span'),
    ('"08:00-18:00"', '"08:00-25:00"', 'hours.mon: "08:00-25:00" is beyond'),
    ("mon = ", "mo = ", 'hours.mo: unknown key; did you mean "mon"?'),
    ("lat = 48.137", "lat = 98", "place: a latitude is -90 to 90"),
    ("lat = 48.137", "", "place: lat and lon are expected"),
    ('asset = "asset-', 'asset = "', "asset: not a full asset id"),
    ("[quantity]", "[[quantity]]", "quantity: a table is expected"),
    ("automatic = true", "automatic = = true", "not TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), WRONG, ids=[f"{n}-{row[2][:50]}" for n, row in enumerate(WRONG)])
def test_a_wrong_offer_file_is_refused_with_file_key_and_the_nearest(old: str, new: str, sentence: str) -> None:
    """C-11, C-15"""
    assert old in FULL
    with pytest.raises(WrongFile) as caught:
        read_offer(FULL.replace(old, new, 1), "cellar.toml", catalogue(), CREDITS)
    assert str(caught.value).startswith("cellar.toml: ")
    assert sentence in str(caught.value)


def test_an_automatic_offer_that_does_not_say_how_long_a_job_takes_is_refused() -> None:
    """C-15: else its machine is sold to everybody at once."""
    head = 'name = "a"\nfunction = "sewing"\n'
    for text in ("automatic = true", 'automatic = true\n[time]\nlead = "1 h"'):
        with pytest.raises(WrongFile, match=r"^offer\.toml: time: missing: an automatic offer says how long"):
            offer(head + text)
    for text in ("automatic = false", 'automatic = true\n[time]\nset-up = "0 min"'):
        assert offer(head + text).time.set_up == 0


def test_a_least_of_zero_is_refused_where_it_limits_nothing_and_allowed_where_the_function_has_it() -> None:
    """C-11"""
    assert offer('name = "a"\nfunction = "3d-printing-fdm"\n[limits]\ninfill = { least = 0, most = 50 }').limits[
        "infill"
    ]
    with pytest.raises(WrongFile, match="begins at 1"):
        offer('name = "a"\nfunction = "electronics-assembly"\n[limits]\ncomponents = { least = 0 }')


def test_a_rate_needs_a_parameter_that_is_never_below_zero() -> None:
    """C-11"""
    from protocol.capability.catalogue import Catalogue
    from protocol.capability.definition_files import read_definition

    oven = read_definition(
        """
        name = "baking"
        title = "baking"
        [[output]]
        name = "cake"
        kind = "food/cake"
        unit = "{piece}"
        [parameter.heat]
        kind = "measure"
        unit = "Cel"
        [parameter.shift]
        kind = "measure"
        unit = "mm"
        """,
        "baking.toml",
    )
    head = 'name = "a"\nfunction = "baking"\n'
    for name, sentence in (("heat", "can be counted"), ("shift", "never below zero")):
        with pytest.raises(WrongFile, match=sentence):
            read_offer(f'{head}[time.per]\n{name} = "1 min"', "f", Catalogue([oven]), {})
    cold = read_offer(f"{head}[limits]\nheat = {{ most = 0 }}", "f", Catalogue([oven]), {})
    assert cold.limits["heat"].most == Measure(n=0, d=1, unit="Cel")
    with pytest.raises(WrongFile, match="limits nothing"):
        read_offer(f"{head}[limits]\nshift = {{ least = 0 }}", "f", Catalogue([oven]), {})
    with pytest.raises(WrongFile, match="more digits"):
        read_offer(f'{head}[limits]\nshift = {{ most = "1/9007199254740993 mm" }}', "f", Catalogue([oven]), {})


def test_a_written_offer_reads_back_as_itself() -> None:
    one = full()
    again = read_offer(write_offer_toml(one, FDM, "EUR", 2), "again.toml", catalogue(), CREDITS)
    assert again == one
    bare = offer('name = "a \\"quoted\\" \\\\ name"\nfunction = "sewing"\n[quantity]\nleast = 5')
    assert offer(write_offer_toml(bare, function("sewing"))) == bare
    by_id = {show_id(Kind.CREDIT, EURO): CREDITS["EUR"]}
    assert read_offer(write_offer_toml(one, FDM, decimals=2), "again.toml", catalogue(), by_id) == one


def test_an_offer_in_an_advert_reads_back_as_itself() -> None:
    """C-10"""
    for one in (full(), offer('name = "a"\nfunction = "sewing"')):
        assert offer_from_value(decode(encode(one.to_value()))) == one


def _changed(path: str, new: Any) -> Any:
    value = deepcopy(decode(encode(full().to_value())))
    at = value
    *steps, last = path.split(".")
    for step in steps:
        at = at[step]
    at[last] = new
    return value


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("quantity", [5, 4]),
        ("quantity", [0, 4]),
        ("limits.material", {"among": ["pla", "petg"]}),
        ("limits.material", {"among": ["pla", "pla"]}),
        ("limits.material", {}),
        ("limits.material", {"among": ["pla"], "most": {"d": 1, "n": 1, "u": "mm"}}),
        ("limits.length", {"least": {"d": 1, "n": 2, "u": "mm"}, "most": {"d": 1, "n": 1, "u": "mm"}}),
        ("limits.length", {"least": {"d": 1, "n": 2, "u": "mm"}, "most": {"d": 1, "n": 1, "u": "m"}}),
        ("time.set", {"d": 1, "n": -1, "u": "1"}),
        ("time.set", {"d": 1, "n": 1, "u": "ms"}),
        ("time.per.mass", {"d": 1, "n": -1, "u": "g"}),
        ("price.kind", "units"),
        ("hours", [[5, 5]]),
        ("hours", [[5, 7], [7, 8]]),
        ("hours", [[0, WEEK_MIN + 1]]),
        ("place", {"lat": 1, "lon": 0}),
        ("place", {"lat": 0, "lon": 18_005}),
        ("name", "a\u001bb"),
        ("name", "a\u202eb"),
        ("function", bytes(31)),
        ("lead_ms", -1),
        ("more", 1),
    ],
)
def test_an_offer_from_a_peer_that_contradicts_itself_is_refused(path: str, new: Any) -> None:
    """C-10, C-13, C-14, C-20"""
    with pytest.raises(Malformed):
        offer_from_value(_changed(path, new))


def test_a_limit_is_shown_as_people_say_it() -> None:
    assert show_limit(Limit(among=("pla", "petg"))) == "pla, petg"
    assert show_limit(Limit(least=measure(1, "mm"), most=measure(2, "mm"))) == "1 mm to 2 mm"
    assert show_limit(Limit(most=measure(2, "mm"))) == "up to 2 mm"
    assert show_limit(Limit(least=measure(2, "mm"))) == "from 2 mm"
    assert show_limit(Limit()) == "anything"
