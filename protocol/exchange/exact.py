"""Numbers and quantities out of text, exactly: fractions with a UCUM unit, never a float.

The units are the ones met in design and facility files; each has its UCUM name, what it measures, and its size in that
kind's base unit, so that a length in inches can be stated in millimetres without rounding. Source: UCUM 2.1; the
international inch and avoirdupois pound are exact by definition.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from ledger.canonical import INTEGER_MAX
from ledger.quantities import Measure

_NUMBER = r"[+-]?(?:\d{1,18}(?:\.\d{1,18})?|\.\d{1,18})(?:[eE][+-]?\d{1,2})?"
_NUMBER_ONLY = re.compile(_NUMBER, re.ASCII)
_UNIT = r"(?P<unit>[^\d\s±≥≤<>~.,;-][^\s,;]{0,15})"
_QUANTITY = re.compile(rf"[±≥≤<>~]?\s*(?P<number>{_NUMBER})\s*{_UNIT}", re.ASCII)
_RANGE = re.compile(rf"(?P<least>{_NUMBER})\s*(?:-|–|to|\.\.)\s*(?P<most>{_NUMBER})\s*{_UNIT}", re.ASCII)


class Kind(StrEnum):
    """What a unit measures; the value is the word used in sentences."""

    LENGTH = "length"
    MASS = "mass"
    VOLUME = "volume"
    SHARE = "share"
    POWER = "power"
    TEMPERATURE = "temperature"
    SPEED = "speed"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit by its UCUM code, and its exact size, by which quantities of one kind are converted."""

    ucum: str
    kind: Kind
    size: Fraction
    """In the kind's base unit: mm, g, mm3, %, W, Cel, mm/s, s."""


def _unit(ucum: str, kind: Kind, size: Fraction | int) -> Unit:
    return Unit(ucum=ucum, kind=kind, size=Fraction(size))


_MM = _unit("mm", Kind.LENGTH, 1)
_CM = _unit("cm", Kind.LENGTH, 10)
_M = _unit("m", Kind.LENGTH, 1000)
_UM = _unit("um", Kind.LENGTH, Fraction(1, 1000))
_INCH = _unit("[in_i]", Kind.LENGTH, Fraction(254, 10))
_FOOT = _unit("[ft_i]", Kind.LENGTH, Fraction(3048, 10))
_G = _unit("g", Kind.MASS, 1)
_KG = _unit("kg", Kind.MASS, 1000)
_MG = _unit("mg", Kind.MASS, Fraction(1, 1000))
_POUND = _unit("[lb_av]", Kind.MASS, Fraction(45359237, 100000))
_OUNCE = _unit("[oz_av]", Kind.MASS, Fraction(45359237, 1600000))
_TONNE = _unit("t", Kind.MASS, 1_000_000)
_MM3 = _unit("mm3", Kind.VOLUME, 1)
_CM3 = _unit("cm3", Kind.VOLUME, 1000)
_LITRE = _unit("L", Kind.VOLUME, 1_000_000)
_PERCENT = _unit("%", Kind.SHARE, 1)
_W = _unit("W", Kind.POWER, 1)
_KW = _unit("kW", Kind.POWER, 1000)
_CELSIUS = _unit("Cel", Kind.TEMPERATURE, 1)
_MM_PER_S = _unit("mm/s", Kind.SPEED, 1)
_MM_PER_MIN = _unit("mm/min", Kind.SPEED, Fraction(1, 60))
_S = _unit("s", Kind.TIME, 1)
_MIN = _unit("min", Kind.TIME, 60)
_H = _unit("h", Kind.TIME, 3600)

_SPELLINGS: dict[str, Unit] = {
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), _MM),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), _CM),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), _M),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns"), _UM),
    **dict.fromkeys(("in", "inch", "inches", '"', "″", "[in_i]"), _INCH),
    **dict.fromkeys(("ft", "foot", "feet", "[ft_i]"), _FOOT),
    **dict.fromkeys(("g", "gram", "grams", "gr"), _G),
    **dict.fromkeys(("kg", "kilogram", "kilograms", "kilo"), _KG),
    "mg": _MG,
    **dict.fromkeys(("lb", "lbs", "pound", "pounds", "[lb_av]"), _POUND),
    **dict.fromkeys(("oz", "ounce", "ounces", "[oz_av]"), _OUNCE),
    **dict.fromkeys(("t", "tonne", "tonnes"), _TONNE),
    **dict.fromkeys(("mm3", "mm^3", "mm³"), _MM3),
    **dict.fromkeys(("cm3", "cm^3", "cm³"), _CM3),
    **dict.fromkeys(("l", "liter", "litre", "liters", "litres"), _LITRE),
    **dict.fromkeys(("%", "percent"), _PERCENT),
    "w": _W,
    "kw": _KW,
    **dict.fromkeys(("°c", "c", "cel", "celsius"), _CELSIUS),
    **dict.fromkeys(("mm/s", "mm/sec"), _MM_PER_S),
    "mm/min": _MM_PER_MIN,
    **dict.fromkeys(("s", "sec", "second", "seconds"), _S),
    **dict.fromkeys(("min", "minute", "minutes"), _MIN),
    **dict.fromkeys(("h", "hour", "hours"), _H),
}


def unit_of(spelling: str) -> Unit | None:
    """The unit behind a spelling, or None. `MM` is taken for `mm`; `Mg` and `MG` are not a milligram."""
    name = spelling.strip()
    if name.casefold() == "mg" and name != "mg":
        return None
    return _SPELLINGS.get(name.casefold())


def number_in(text: str) -> Fraction | None:
    """A plain decimal number, exactly, or None. A decimal comma is not guessed at."""
    stripped = text.strip()
    return Fraction(stripped) if len(stripped) <= 48 and _NUMBER_ONLY.fullmatch(stripped) else None


def number_of(value: object) -> Fraction | None:
    """The exact number in a parsed value: whole, decimal, or text that is nothing but a number; else None."""
    match value:
        case bool():
            return None
        case int():
            return Fraction(value) if value.bit_length() <= 64 else None
        case Decimal():
            sane = value.is_finite() and len(value.as_tuple().digits) <= 40 and abs(value.adjusted()) <= 40
            return Fraction(value) if sane else None
        case str():
            return number_in(value)
        case _:
            return None


def measure(value: Fraction, ucum: str) -> Measure | None:
    """A measure of that value, or None when it does not fit the ledger's whole numbers."""
    if abs(value.numerator) > INTEGER_MAX or value.denominator > INTEGER_MAX:
        return None
    return Measure(n=value.numerator, d=value.denominator, unit=ucum)


def quantity_in(text: str) -> Measure | None:
    """`0.2mm`, `54 W`, `±0.1mm` (the sign is dropped: a tolerance is a size) as a measure; None without a known
    unit."""
    found = _QUANTITY.fullmatch(text.strip()) if len(text) <= 64 else None
    if found is None:
        return None
    unit = unit_of(found["unit"])
    return None if unit is None else measure(Fraction(found["number"]), unit.ucum)


def range_in(text: str) -> tuple[Measure, Measure] | None:
    """`0.1-0.3mm` as (least, most), or None."""
    found = _RANGE.fullmatch(text.strip().removeprefix("±")) if len(text) <= 64 else None
    if found is None:
        return None
    unit = unit_of(found["unit"])
    if unit is None:
        return None
    least = measure(Fraction(found["least"]), unit.ucum)
    most = measure(Fraction(found["most"]), unit.ucum)
    return None if least is None or most is None or most.fraction < least.fraction else (least, most)


def in_unit(given: Measure, ucum: str) -> Measure | None:
    """The same quantity in another unit of its kind, exactly; None when the kinds differ or it does not fit."""
    if given.unit == ucum:
        return given
    source, target = unit_of(given.unit), unit_of(ucum)
    if source is None or target is None or source.kind is not target.kind:
        return None
    return measure(given.fraction * source.size / target.size, target.ucum)


def is_kind(given: Measure, kind: Kind) -> bool:
    """Whether the measure's unit is one of that kind."""
    unit = unit_of(given.unit)
    return unit is not None and unit.kind is kind
