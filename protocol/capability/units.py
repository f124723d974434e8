"""Units of measure: the part of UCUM that workshops need, converted exactly.

A unit is read as a product of powers of base dimensions times an exact factor, so ``kW.h`` and ``J`` compare without
a table of pairs. Factors are fractions, never floats (SPEC C-1, C-2). Degrees Celsius carry an offset and stand alone;
bel is a dimension of its own, since a level is not an amount. Text in braces counts pieces and is dimensionless.
Not here: parentheses, arbitrary units, and units whose factor is not rational (radian).

Source: The Unified Code for Units of Measure, version 2.1, case-sensitive form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache

from ledger.canonical import INTEGER_MAX
from ledger.quantities import UNIT_BYTES_MAX, Measure

_EXPONENT_MAX = 9
_FACTOR_DIGITS_MAX = 6

_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15,
}  # fmt: skip

Dimensions = tuple[int, ...]
"""Exponents of metre, second, gram, kelvin, ampere, candela, mole, degree, bel, bit."""


def _dimensions(**powers: int) -> Dimensions:
    order = ("m", "s", "g", "K", "A", "cd", "mol", "deg", "B", "bit")
    return tuple(powers.get(name, 0) for name in order)


_NONE = _dimensions()
_FORCE = _dimensions(g=1, m=1, s=-2)
_ENERGY = _dimensions(g=1, m=2, s=-2)
_METRIC: dict[str, tuple[Fraction, Dimensions]] = {
    "m": (Fraction(1), _dimensions(m=1)),
    "s": (Fraction(1), _dimensions(s=1)),
    "g": (Fraction(1), _dimensions(g=1)),
    "K": (Fraction(1), _dimensions(K=1)),
    "A": (Fraction(1), _dimensions(A=1)),
    "cd": (Fraction(1), _dimensions(cd=1)),
    "mol": (Fraction(1), _dimensions(mol=1)),
    "B": (Fraction(1), _dimensions(B=1)),
    "bit": (Fraction(1), _dimensions(bit=1)),
    "By": (Fraction(8), _dimensions(bit=1)),
    "L": (Fraction(1, 1000), _dimensions(m=3)),
    "l": (Fraction(1, 1000), _dimensions(m=3)),
    "ar": (Fraction(100), _dimensions(m=2)),
    "t": (Fraction(1_000_000), _dimensions(g=1)),
    "Hz": (Fraction(1), _dimensions(s=-1)),
    "N": (Fraction(1000), _FORCE),
    "Pa": (Fraction(1000), _dimensions(g=1, m=-1, s=-2)),
    "bar": (Fraction(100_000_000), _dimensions(g=1, m=-1, s=-2)),
    "J": (Fraction(1000), _ENERGY),
    "W": (Fraction(1000), _dimensions(g=1, m=2, s=-3)),
    "V": (Fraction(1000), _dimensions(g=1, m=2, s=-3, A=-1)),
    "Ohm": (Fraction(1000), _dimensions(g=1, m=2, s=-3, A=-2)),
    "F": (Fraction(1, 1000), _dimensions(g=-1, m=-2, s=4, A=2)),
    "C": (Fraction(1), _dimensions(A=1, s=1)),
}
_PLAIN: dict[str, tuple[Fraction, Dimensions]] = {
    "min": (Fraction(60), _dimensions(s=1)),
    "h": (Fraction(3600), _dimensions(s=1)),
    "d": (Fraction(86_400), _dimensions(s=1)),
    "wk": (Fraction(604_800), _dimensions(s=1)),
    "a": (Fraction(31_557_600), _dimensions(s=1)),
    "deg": (Fraction(1), _dimensions(deg=1)),
    "%": (Fraction(1, 100), _NONE),
    "[ppm]": (Fraction(1, 1_000_000), _NONE),
    "[in_i]": (Fraction(254, 10_000), _dimensions(m=1)),
    "[ft_i]": (Fraction(3048, 10_000), _dimensions(m=1)),
    "[lb_av]": (Fraction(45_359_237, 100_000), _dimensions(g=1)),
    "[oz_av]": (Fraction(45_359_237, 1_600_000), _dimensions(g=1)),
}
_COMMON = (
    "mm", "cm", "m", "km", "um", "nm", "g", "kg", "mg", "t", "s", "ms", "min", "h", "d", "wk", "a", "mm/s", "mm/min",
    "m/s", "km/h", "L", "mL", "L/min", "m2", "cm2", "mm2", "m3", "cm3", "mm3", "har", "Cel", "K", "W", "kW", "kW.h",
    "J", "V", "A", "mA", "N", "kN", "N.m", "Pa", "MPa", "bar", "Hz", "kHz", "%", "1", "{piece}", "dB", "deg", "By",
    "MBy", "g/cm3", "kg/m3", "[in_i]", "[ft_i]", "[lb_av]", "/min",
)  # fmt: skip
_EVERYDAY = {
    "°c": "Cel", "c": "Cel", "celsius": "Cel", "degc": "Cel", "µm": "um", "μm": "um", "micron": "um",
    "millimetre": "mm", "millimeter": "mm", "metre": "m", "meter": "m", "meters": "m", "inch": "[in_i]",
    "inches": "[in_i]", "in": "[in_i]", '"': "[in_i]", "foot": "[ft_i]", "feet": "[ft_i]", "ft": "[ft_i]",
    "lb": "[lb_av]", "lbs": "[lb_av]", "oz": "[oz_av]", "gram": "g", "grams": "g", "gr": "g", "kilo": "kg",
    "kgs": "kg", "hour": "h", "hours": "h", "hr": "h", "hrs": "h", "minute": "min", "minutes": "min", "mins": "min",
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "day": "d", "days": "d", "week": "wk", "weeks": "wk",
    "year": "a", "years": "a", "kwh": "kW.h", "nm": "N.m", "pcs": "{piece}", "pc": "{piece}", "piece": "{piece}",
    "pieces": "{piece}", "percent": "%", "liter": "L", "litre": "L", "ml": "mL", "sqm": "m2", "m²": "m2",
    "m³": "m3", "m^2": "m2", "m^3": "m3", "ohm": "Ohm", "degree": "deg", "°": "deg", "rpm": "/min", "kph": "km/h",
    "ha": "har",
}  # fmt: skip
_COMPONENT = re.compile(r"(?P<atom>\[[a-z_]+\]|[A-Za-z%]+)?(?P<power>[+-]?\d+)?(?P<note>\{[!-z|~]*\})?")
_PARTS = re.compile(r"(^|[./])([^./]*)")
_AMOUNT = re.compile(r"\s*(?P<number>[+-]?\d{1,18}(?:\.\d{1,12}|/\d{1,16})?)\s*(?P<unit>(?:[^\s\d.,]\S*)?)\s*")


class UnknownUnit(ValueError):
    """This is no unit we know; `nearest` may be the one that was meant."""

    def __init__(self, text: str) -> None:
        self.unit = text[:UNIT_BYTES_MAX]
        self.nearest = nearest_unit(self.unit)
        hint = f'; did you mean "{self.nearest}"?' if self.nearest else ""
        super().__init__(f'unknown unit "{self.unit}"{hint}')


class OtherKind(ValueError):
    """Two units measure different things, as mm and g do."""

    def __init__(self, source: str, target: str) -> None:
        super().__init__(f'"{source}" cannot be converted to "{target}"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit, taken apart: a number x of it is ``x * factor + offset`` in base units."""

    text: str
    factor: Fraction
    offset: Fraction
    dimensions: Dimensions


_CELSIUS = Unit(text="Cel", factor=Fraction(1), offset=Fraction(27_315, 100), dimensions=_dimensions(K=1))


@lru_cache(maxsize=1024)
def unit(text: str) -> Unit:
    """The unit written as `text` in UCUM; raises `UnknownUnit` (SPEC C-1)."""
    if not 1 <= len(text) <= UNIT_BYTES_MAX or not text.isascii():
        raise UnknownUnit(text)
    if text == "Cel":
        return _CELSIUS
    factor = Fraction(1)
    powers = list(_NONE)
    for sign_text, part in _PARTS.findall("1" + text if text[0] == "/" else text):
        one_factor, one_powers, power = _component(part, text)
        if sign_text == "/":
            power = -power
        factor *= one_factor**power
        powers = [have + power * more for have, more in zip(powers, one_powers, strict=True)]
    if any(abs(power) > _EXPONENT_MAX for power in powers):
        raise UnknownUnit(text)
    return Unit(text=text, factor=factor, offset=Fraction(0), dimensions=tuple(powers))


def _component(part: str, whole: str) -> tuple[Fraction, Dimensions, int]:
    """Factor, dimensions and power of one component such as ``mm2``, ``{piece}`` or ``1``."""
    found = _COMPONENT.fullmatch(part)
    if found is None:
        raise UnknownUnit(whole)
    atom, power_text = found["atom"], found["power"]
    if atom is None:
        if power_text is None and found["note"] is not None:
            return Fraction(1), _NONE, 1
        if power_text is None or not power_text.isdigit() or not 0 < int(power_text) < 10**_FACTOR_DIGITS_MAX:
            raise UnknownUnit(whole)
        return Fraction(int(power_text)), _NONE, 1
    power = 1 if power_text is None else int(power_text)
    if not 0 < abs(power) <= _EXPONENT_MAX:
        raise UnknownUnit(whole)
    factor, dimensions = _atom(atom, whole)
    return factor, dimensions, power


def _atom(atom: str, whole: str) -> tuple[Fraction, Dimensions]:
    known = _PLAIN.get(atom) or _METRIC.get(atom)
    if known is not None:
        return known
    for prefix, exponent in _PREFIXES.items():
        base = _METRIC.get(atom[len(prefix) :]) if atom.startswith(prefix) else None
        if base is not None:
            return base[0] * Fraction(10) ** exponent, base[1]
    raise UnknownUnit(whole)


def nearest_unit(text: str) -> str | None:
    """The known unit that `text` most likely means, or None."""
    everyday = _EVERYDAY.get(text.strip().lower())
    if everyday is not None:
        return everyday
    by_case = {common.lower(): common for common in _COMMON} | _EVERYDAY
    close = get_close_matches(text.strip().lower(), by_case, n=1, cutoff=0.5)
    return by_case[close[0]] if close else None


def is_unit(text: str) -> bool:
    """Whether `text` is a unit we know."""
    try:
        unit(text)
    except UnknownUnit:
        return False
    return True


def same_kind(first: str, second: str) -> bool:
    """Whether two known units measure the same thing; raises `UnknownUnit`."""
    return unit(first).dimensions == unit(second).dimensions


def is_ratio(text: str) -> bool:
    """Whether zero of this unit means nothing at all, as with mm and unlike with Cel; raises `UnknownUnit`."""
    return unit(text).offset == 0


def convert(number: Fraction, source: str, target: str) -> Fraction:
    """`number` of `source` in `target`, exactly (SPEC C-2); raises `UnknownUnit` or `OtherKind`."""
    if source == target:
        return number
    have, want = unit(source), unit(target)
    if have.dimensions != want.dimensions:
        raise OtherKind(source, target)
    return (number * have.factor + have.offset - want.offset) / want.factor


def read_amount(text: str, default_unit: str) -> Measure:
    """The measure a person wrote, ``120 mm``, ``0.2mm`` or ``1/3 h``; without a unit it is in `default_unit`.

    Raises `UnknownUnit`, or `ValueError` with a sentence where it is no number.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text[:40]}" is not a number with a unit, such as "120 {default_unit}"')
    name = found["unit"] or default_unit
    unit(name)
    try:
        number = Fraction(found["number"])
    except ZeroDivisionError:
        raise ValueError(f'"{text[:40]}" divides by zero') from None
    if abs(number.numerator) > INTEGER_MAX:
        raise ValueError(f'"{text[:40]}" has more digits than can be signed')
    return Measure(n=number.numerator, d=number.denominator, unit=name)


def show_number(number: Fraction, *, digits_max: int = 12) -> str:
    """``0.25``, ``12`` or, where no short decimal is exact, ``1/3``."""
    if number.denominator == 1:
        return str(number.numerator)
    rest = number.denominator
    twos = fives = 0
    while rest % 2 == 0 and twos <= digits_max:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0 and fives <= digits_max:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    if rest != 1 or places > digits_max:
        return f"{number.numerator}/{number.denominator}"
    scaled = abs(number.numerator) * 10**places // number.denominator
    whole, decimals = divmod(scaled, 10**places)
    return f"{'-' if number < 0 else ''}{whole}.{decimals:0{places}d}"


def show_unit(text: str) -> str:
    """The unit as people write it after a number: a count has none, a note loses its braces."""
    return "" if text == "1" else text.replace("{", "").replace("}", "")


def show_amount(number: Fraction, unit_text: str) -> str:
    """``120 mm``; a count stands alone."""
    return f"{show_number(number)} {show_unit(unit_text)}".rstrip()


def show_measure(value: Measure) -> str:
    """``120 mm`` for a measure."""
    return show_amount(value.fraction, value.unit)
