"""How much: exact measures with a unit, whole amounts, and splits that lose nothing.

Money, fractions of an asset and counts are whole numbers; a physical quantity is a reduced fraction with a UCUM unit
(SPEC Q-1). There is no float anywhere in this room: two nodes never round differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

from ledger.canonical import INTEGER_MAX, Value
from ledger.errors import LocalError, RemoteError

UNIT_BYTES_MAX = 24
"""The longest unit in use is `kW.h/(m2.a)`; UCUM codes are short."""


class NotAMeasure(RemoteError):
    """This value is not {"d", "n", "u"} with a reduced fraction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """An exact physical quantity: `n`/`d` of UCUM unit `unit`."""

    n: int
    d: int
    unit: str

    @property
    def fraction(self) -> Fraction:
        """The number without its unit."""
        return Fraction(self.n, self.d)

    def to_value(self) -> dict[str, Value]:
        """The form in signed bytes (SPEC Q-1)."""
        return {"d": self.d, "n": self.n, "u": self.unit}


def measure(number: Fraction | int, unit: str) -> Measure:
    """`number` of `unit`; raises `LocalError` where the parts are beyond 2^53 - 1."""
    exact = Fraction(number)
    if abs(exact.numerator) > INTEGER_MAX or exact.denominator > INTEGER_MAX:
        raise LocalError(f"{exact} {unit} has more digits than can be signed")
    return Measure(n=exact.numerator, d=exact.denominator, unit=unit)


def read_measure(value: Value) -> Measure:
    """The measure in `value`; raises `NotAMeasure` unless it is reduced and d >= 1."""
    if not isinstance(value, dict) or set(value) != {"d", "n", "u"}:
        raise NotAMeasure("a measure is a map of d, n and u")
    d, n, unit = value["d"], value["n"], value["u"]
    if type(d) is not int or type(n) is not int or not isinstance(unit, str):
        raise NotAMeasure("a measure's d and n are whole numbers, its u a unit")
    if d < 1 or gcd(n, d) != 1:
        raise NotAMeasure("a measure's fraction is reduced, with d of at least 1")
    if not unit.isascii() or not 1 <= len(unit) <= UNIT_BYTES_MAX or not unit.isprintable():
        raise NotAMeasure("a unit is 1 to 24 printable ASCII characters")
    return Measure(n=n, d=d, unit=unit)


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Share `total` by `weights` without loss: largest remainder, ties to the earlier (SPEC Q-2).

    The parts sum to `total`. Raises `LocalError` for a negative total or weight, or where no weight is positive.
    """
    whole = sum(weights)
    if total < 0 or whole <= 0 or any(weight < 0 for weight in weights):
        raise LocalError("a split needs a total of at least 0 and weights that sum to more than 0")
    parts = [total * weight // whole for weight in weights]
    rest = total - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[:rest]:
        parts[i] += 1
    return parts
