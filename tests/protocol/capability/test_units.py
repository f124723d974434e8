"""Units are exact, and a wrong one is named with the right one (SPEC C-1, C-2)."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.quantities import Measure
from protocol.capability.units import (
    OtherKind,
    UnknownUnit,
    convert,
    is_ratio,
    is_unit,
    nearest_unit,
    read_amount,
    same_kind,
    show_amount,
    show_measure,
    show_number,
    unit,
)

WORKSHOP = [
    "mm", "cm", "m", "km", "um", "nm", "g", "kg", "mg", "t", "h", "min", "s", "ms", "d", "wk", "a", "mm/s", "mm/min",
    "m/s", "L", "mL", "l", "m2", "m3", "cm3", "mm2", "Cel", "K", "kW.h", "J", "W", "V", "A", "mA", "N", "N.m", "MPa",
    "bar", "Hz", "{piece}", "1", "%", "dB", "deg", "[in_i]", "[ft_i]", "[lb_av]", "[oz_av]", "/min", "1/min", "g/cm3",
    "har", "By", "kg{dry}", "m-1", "10", "Ohm", "uF",
]  # fmt: skip


@pytest.mark.parametrize("text", WORKSHOP)
def test_every_unit_a_workshop_needs_is_known(text: str) -> None:
    assert is_unit(text)
    assert unit(text).factor > 0


@pytest.mark.parametrize(
    ("number", "source", "target", "expected"),
    [
        (Fraction(1), "[in_i]", "mm", Fraction(254, 10)),
        (Fraction(1), "kW.h", "J", Fraction(3_600_000)),
        (Fraction(20), "Cel", "K", Fraction(29_315, 100)),
        (Fraction(0), "K", "Cel", Fraction(-27_315, 100)),
        (Fraction(60), "mm/s", "m/min", Fraction(36, 10)),
        (Fraction(1), "L", "cm3", Fraction(1000)),
        (Fraction(1), "d", "h", Fraction(24)),
        (Fraction(50), "%", "1", Fraction(1, 2)),
        (Fraction(30), "dB", "B", Fraction(3)),
        (Fraction(1), "/min", "Hz", Fraction(1, 60)),
        (Fraction(1), "N", "kg.m/s2", Fraction(1)),
        (Fraction(1), "har", "m2", Fraction(10_000)),
        (Fraction(1), "m-2", "/m2", Fraction(1)),
        (Fraction(7), "mm", "mm", Fraction(7)),
    ],
)
def test_conversion_is_exact(number: Fraction, source: str, target: str, expected: Fraction) -> None:
    """C-2"""
    assert convert(number, source, target) == expected


@pytest.mark.parametrize(("source", "target"), [("mm", "g"), ("dB", "1"), ("Cel", "mm"), ("m2", "m"), ("bit", "1")])
def test_other_kinds_of_quantity_are_not_converted(source: str, target: str) -> None:
    with pytest.raises(OtherKind, match="cannot be converted"):
        convert(Fraction(1), source, target)
    assert not same_kind(source, target)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("mmm", "mm"), ("°C", "Cel"), ("pcs", "{piece}"), ("inch", "[in_i]"), ("kWh", "kW.h"), ("milimeter", "mm"),
        ("Mm3m", "mm3"), ("m^2", "m2"), ("hours", "h"), ("kmin", "min"), ("µm", "um"), ("gramm", "g"),
    ],
)  # fmt: skip
def test_an_unknown_unit_is_refused_by_naming_it_and_the_nearest(text: str, nearest: str) -> None:
    """C-1"""
    with pytest.raises(UnknownUnit) as caught:
        unit(text)
    assert caught.value.unit == text
    assert caught.value.nearest == nearest
    assert text in str(caught.value)
    assert nearest in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", ".m", "m.", "m..s", "m/", "m//s", "m0", "0", "1000000", "+5", "m10", "m9.m9", "(m)", "m s", "x" * 25, "é",
     "Cel.m",      "{", "{a.b}", "[in_i", "mh", "kCel", "-1"],
)  # fmt: skip
def test_what_is_no_unit_is_refused(text: str) -> None:
    assert not is_unit(text)


def test_nothing_near_is_named_where_nothing_is_near() -> None:
    assert nearest_unit("qqqqqqqq") is None
    assert str(UnknownUnit("qqqqqqqq")) == 'unknown unit "qqqqqqqq"'


def test_only_degrees_celsius_have_a_zero_that_is_not_nothing() -> None:
    assert [text for text in WORKSHOP if not is_ratio(text)] == ["Cel"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120 mm", Measure(n=120, d=1, unit="mm")),
        ("0.2mm", Measure(n=1, d=5, unit="mm")),
        ("1/3 h", Measure(n=1, d=3, unit="h")),
        ("-5 Cel", Measure(n=-5, d=1, unit="Cel")),
        ("12", Measure(n=12, d=1, unit="g")),
    ],
)
def test_an_amount_is_read_as_people_write_it(text: str, expected: Measure) -> None:
    assert read_amount(text, "g") == expected


@pytest.mark.parametrize("text", ["", "mm", "1e3 mm", "1 2", "1/0 mm", "9" * 17 + " mm", "1,5 mm", "12 qqqq", "nan"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r'"'):
        read_amount(text, "g")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Fraction(12), "12"), (Fraction(1, 4), "0.25"), (Fraction(-1, 8), "-0.125"), (Fraction(1, 3), "1/3"),
        (Fraction(5, 2), "2.5"), (Fraction(1, 10**13), "1/10000000000000"), (Fraction(1, 7), "1/7"),
        (Fraction(1, 2**14), "1/16384"),
    ],
)  # fmt: skip
def test_a_number_is_shown_exactly(number: Fraction, text: str) -> None:
    assert show_number(number) == text


def test_a_count_is_shown_without_unit_and_a_note_without_braces() -> None:
    assert show_amount(Fraction(3), "1") == "3"
    assert show_measure(Measure(n=3, d=1, unit="{piece}")) == "3 piece"


@given(
    st.fractions(max_denominator=10**6),
    st.sampled_from(["mm", "km", "[in_i]", "um", "m"]),
    st.sampled_from(["cm", "[ft_i]"]),
)
def test_there_and_back_is_where_it_began(number: Fraction, source: str, target: str) -> None:
    assert convert(convert(number, source, target), target, source) == number


@given(st.text(max_size=30))
def test_any_text_is_a_unit_or_unknown(text: str) -> None:
    try:
        assert unit(text).factor > 0
    except UnknownUnit as problem:
        assert problem.unit == text[:24]


@given(st.fractions(max_denominator=10**6, min_value=-(10**9), max_value=10**9))  # within what can be signed
def test_what_is_shown_reads_back(number: Fraction) -> None:
    assert read_amount(f"{show_number(number)} mm", "g").fraction == number
