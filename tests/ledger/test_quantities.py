"""How much: exact, reduced, and split without loss."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import INTEGER_MAX, decode, encode
from ledger.errors import LocalError
from ledger.quantities import Measure, NotAMeasure, measure, read_measure, split

NUMBERS = st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**6)


@given(NUMBERS)
def test_a_measure_survives_the_bytes(number: Fraction) -> None:
    """Q-1."""
    one = measure(number, "mm")
    assert one.fraction == number
    assert read_measure(decode(encode(one.to_value()))) == one


def test_nothing_is_zero_over_one() -> None:
    """Q-1."""
    assert read_measure({"d": 1, "n": 0, "u": "g"}) == Measure(n=0, d=1, unit="g")
    with pytest.raises(NotAMeasure):
        read_measure({"d": 2, "n": 0, "u": "g"})


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"d": 1, "n": 1},
        {"d": 1, "n": 1, "u": "mm", "x": 1},
        {"d": 0, "n": 1, "u": "mm"},
        {"d": -1, "n": 1, "u": "mm"},
        {"d": 2, "n": 4, "u": "mm"},
        {"d": 1, "n": True, "u": "mm"},
        {"d": True, "n": 1, "u": "mm"},
        {"d": 1, "n": "1", "u": "mm"},
        {"d": 1, "n": 1, "u": b"mm"},
        {"d": 1, "n": 1, "u": ""},
        {"d": 1, "n": 1, "u": "m" * 25},
        {"d": 1, "n": 1, "u": "µm"},
        {"d": 1, "n": 1, "u": "m\n"},
    ],
)
def test_what_is_no_reduced_measure_is_refused(value: Any) -> None:
    """Q-1."""
    with pytest.raises(NotAMeasure):
        read_measure(value)


def test_a_measure_with_too_many_digits_is_our_own_mistake() -> None:
    """Q-1."""
    for number in (Fraction(INTEGER_MAX + 1), Fraction(1, INTEGER_MAX + 1)):
        with pytest.raises(LocalError):
            measure(number, "mm")


WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)


@given(st.integers(0, INTEGER_MAX), WEIGHTS)
def test_a_split_loses_nothing_and_is_never_a_unit_away_from_fair(total: int, weights: list[int]) -> None:
    """Q-2."""
    parts = split(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


def test_what_is_left_goes_to_the_largest_remainder_and_ties_to_the_earlier() -> None:
    """Q-2."""
    assert split(10, [1, 1, 1]) == [4, 3, 3]
    assert split(11, [1, 1, 1]) == [4, 4, 3]
    assert split(100, [1, 2, 4]) == [14, 29, 57]
    assert split(1, [0, 5]) == [0, 1]
    assert split(0, [1, 2]) == [0, 0]


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_a_split_without_weights_is_our_own_mistake(total: int, weights: list[int]) -> None:
    """Q-2."""
    with pytest.raises(LocalError):
        split(total, weights)
