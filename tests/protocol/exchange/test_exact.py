"""Numbers and quantities out of text: exactly, or not at all.

SPEC X-2, X-6.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.quantities import Measure, measure
from protocol.exchange.exact import Kind, in_unit, is_kind, number_in, number_of, quantity_in, range_in, unit_of
from protocol.exchange.exact import measure as fitting_measure


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("30", 30),
        (" 0.27 ", "27/100"),
        ("-1.5e3", -1500),
        (".5", "1/2"),
        (7, 7),
        (Decimal("22.5"), "45/2"),
        ("1e-3", "1/1000"),
    ],
)
def test_a_number_is_read_exactly(value: object, number: int | str) -> None:
    assert number_of(value) == Fraction(number)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "3 mm",
        "1,5",
        "0x10",
        "1_000",
        "nan",
        "inf",
        "1e999",
        "9" * 40,
        "٣",
        True,
        None,
        [1],
        1 << 80,
        Decimal("NaN"),
        *map(Decimal, ("1e5000", "1." + "1" * 50)),
    ],
)
def test_what_is_not_a_plain_number_is_none(value: object) -> None:
    assert number_of(value) is None


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("0.2mm", "1/5", "mm"),
        ("±0.150mm", "3/20", "mm"),
        ("20%", 20, "%"),
        ("249°C", 249, "Cel"),
        ("35μm", 35, "um"),
        ("893 mm/min", 893, "mm/min"),
        ("2 in", 2, "[in_i]"),
        ("1.5 KG", "3/2", "kg"),
        ('3"', 3, "[in_i]"),
        ("8000000 mm^3", 8000000, "mm3"),
    ],
)
def test_a_quantity_keeps_its_number_and_gets_a_ucum_unit(text: str, number: int | str, unit: str) -> None:
    assert quantity_in(text) == measure(Fraction(number), unit)


@pytest.mark.parametrize("text", ["", "mm", "12", "3 bananas", "about 3 mm", "1-2 mm", "5 Mg", "1e40 mm", "3mm " * 30])
def test_a_text_without_one_number_and_a_known_unit_is_no_quantity(text: str) -> None:
    assert quantity_in(text) is None


def test_a_range_gives_both_ends() -> None:
    assert range_in("0.1-0.3mm") == (measure(Fraction(1, 10), "mm"), measure(Fraction(3, 10), "mm"))
    assert range_in("20 to 100 mm/s") == (measure(20, "mm/s"), measure(100, "mm/s"))


@pytest.mark.parametrize("text", ["0.3-0.1mm", "0.1mm", "0.1-0.3", "0.1-0.3 foo", "1e30-1e31 mm", "1 - 2 mm" * 20])
def test_what_is_not_a_rising_range_is_none(text: str) -> None:
    assert range_in(text) is None


@pytest.mark.parametrize(
    ("given", "target", "expected"),
    [
        (measure(1, "[in_i]"), "mm", measure(Fraction(254, 10), "mm")),
        (measure(3, "kg"), "g", measure(3000, "g")),
        (measure(1, "[lb_av]"), "g", measure(Fraction(45359237, 100000), "g")),
        (measure(5, "mm"), "mm", measure(5, "mm")),
        (measure(5, "furlong"), "furlong", measure(5, "furlong")),
        (measure(5, "mm"), "g", None),
        (measure(5, "furlong"), "mm", None),
        (measure(5, "mm"), "furlong", None),
        (measure((1 << 53) - 1, "m"), "mm", None),
    ],
)
def test_a_measure_is_stated_in_another_unit_only_where_that_is_exact(
    given: Measure, target: str, expected: Measure | None
) -> None:
    assert in_unit(given, target) == expected


def test_a_measure_beyond_signed_whole_numbers_is_refused() -> None:
    assert fitting_measure(Fraction(1 << 53), "mm") is None
    assert fitting_measure(Fraction(1, 1 << 53), "mm") is None
    assert fitting_measure(Fraction(-7, 2), "mm") == Measure(n=-7, d=2, unit="mm")


def test_a_kind_is_told_by_its_unit() -> None:
    assert is_kind(measure(1, "cm"), Kind.LENGTH)
    assert not is_kind(measure(1, "cm"), Kind.MASS)
    assert not is_kind(measure(1, "parsec"), Kind.LENGTH)
    assert unit_of("MG") is None


@given(st.text(max_size=70))
def test_no_text_makes_a_reader_of_numbers_raise(text: str) -> None:
    for read in (number_in, quantity_in, range_in, unit_of):
        read(text)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=4))
def test_a_decimal_survives_the_way_through_text(number: Decimal) -> None:
    assert number_in(str(number)) == Fraction(number) if "E" not in str(number) else True
