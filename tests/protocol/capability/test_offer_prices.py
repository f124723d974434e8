"""An offer's price and duration explain themselves (SPEC C-12)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import INTEGER_MAX
from ledger.quantities import Measure, measure
from protocol.capability.offers import (
    Price,
    Rate,
    Sum,
    Unpriced,
    duration,
    price,
    show_duration,
)
from protocol.capability.units import show_number
from tests.protocol.capability.workshop import (
    EURO,
    full,
    function,
    measured,
    offer,
)

FDM = function("3d-printing-fdm")


def test_the_price_is_the_sum_of_its_parts_rounded_up_once() -> None:
    """C-12"""
    total = price(full(), FDM.definition, {"mass": measured("12.1 g")}, 3, show=lambda n: show_number(n / 100))
    assert total == Sum(
        total=532,
        exact=Fraction(5315, 10),
        lines=(
            "set-up: 2",
            "3 pieces x 0.5: 1.5",
            "3 pieces x mass 12.1 g x 0.05 per g: 1.815",
            "sum: 5.32 (rounded up from 5.315)",
        ),
    )


def test_the_duration_is_the_sum_of_its_parts() -> None:
    """C-12"""
    total = duration(full(), FDM.definition, {"mass": measured("0.01 kg")}, 1)
    assert isinstance(total, Sum)
    assert total.total == 1_200_000 + 90_000 + 10 * 240_000
    assert total.lines == (
        "set-up: 20 min",
        "1 piece x 2 min: 2 min",
        "1 piece x mass 10 g x 4 min per g: 40 min",
        "sum: 1 h 2 min",
    )


def test_a_parameter_of_the_job_is_counted_once() -> None:
    """C-12"""
    carrier = offer(
        'name = "bike"\nfunction = "parcel-transport"\n[price]\ncredit = "EUR"\nper.distance = "1.00"\nper.mass = 0.10'
    )
    parcels = {"distance": measured("5 km"), "mass": measured("2 kg")}
    total = price(carrier, function("parcel-transport").definition, parcels, 3)
    assert isinstance(total, Sum)
    assert total.total == 5 * 100 + 3 * 2 * 10
    assert total.lines[0] == "distance 5 km x 100 per km: 500"


def test_where_a_value_is_missing_there_is_no_price() -> None:
    """C-12"""
    assert price(full(), FDM.definition, {}, 1) == Unpriced(
        reason="it depends on mass, which the request does not state", missing=("mass",)
    )
    assert price(replace(full(), price=None), FDM.definition, {}, 1) == Unpriced(reason="the offer names no price")


@pytest.mark.parametrize(
    ("per", "values", "reason"),
    [
        ({"mass": measure(1, "mm")}, {"mass": "1 g"}, "mass: "),
        ({"mass": measure(1, "qq")}, {"mass": "1 g"}, "unknown unit"),
        ({"weight": measure(1, "g")}, {"weight": "1 g"}, "nothing that can be counted"),
        ({"mass": measure(1, "g")}, {"mass": "-1 g"}, "nothing that can be counted"),
        ({"mass": measure(INTEGER_MAX, "g")}, {"mass": "2 g"}, "more digits than the ledger"),
    ],
)
def test_a_rate_that_makes_no_sense_is_no_price(per: dict[str, Measure], values: dict[str, str], reason: str) -> None:
    odd = replace(full(), price=Price(credit=EURO, rate=Rate(per=per)))
    result = price(odd, FDM.definition, {name: measured(text) for name, text in values.items()}, 1)
    assert isinstance(result, Unpriced)
    assert reason in result.reason


@given(
    st.fractions(0, 10**6, max_denominator=10**4),
    st.fractions(0, 10**6, max_denominator=10**4),
    st.fractions(0, 10**6, max_denominator=10**4),
    st.fractions(0, 10**5, max_denominator=100),
    st.integers(1, 1000),
)
def test_a_price_is_never_negative_and_never_falls_with_the_quantity(
    set_up: Fraction, piece: Fraction, gram: Fraction, mass: Fraction, quantity: int
) -> None:
    """C-12"""
    rate = Rate(set_up=set_up, per_piece=piece, per={"mass": measure(gram, "g")})
    one = replace(full(), price=Price(credit=EURO, rate=rate))
    values = {"mass": measure(mass, "g")}
    few, more = (price(one, FDM.definition, values, n) for n in (quantity, quantity + 1))
    assert isinstance(few, Sum)
    assert isinstance(more, Sum)
    assert 0 <= few.total <= more.total
    assert few.exact == set_up + quantity * (piece + gram * mass)
    assert 0 <= few.total - few.exact < 1


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [(0, "0 s"), (1500, "1.5 s"), (60_000, "1 min"), (61_000, "2 min"),
     (3_600_000, "1 h"), (90_060_000, "1 d 1 h 1 min")],
)  # fmt: skip
def test_a_duration_is_shown_in_whole_minutes_from_a_minute_on(time_ms: int, text: str) -> None:
    assert show_duration(Fraction(time_ms)) == text
