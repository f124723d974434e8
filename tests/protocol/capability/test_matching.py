"""Whether an offer satisfies a want, with every reason (SPEC C-7)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.quantities import Measure, measure
from protocol.capability.functions import ParameterValue
from protocol.capability.matching import Match, Mismatch, Want, Why, match
from protocol.capability.offers import Limit, Offer
from tests.protocol.capability.workshop import function, offer, router, want

MILLING = function("cnc-milling")
ROUTER = router(materials='["wood", "mdf"]', more="quantity = { least = 2, most = 100 }")
FITS = {"material": "wood", "length": "500 mm"}

TABLE = [
    (want("cnc-milling", 2, **FITS), Match(unstated=("height", "width"))),
    (want("cnc-milling", 2, **FITS, width="40 cm", height="1/10 m"), Match()),
    (want("cnc-milling", 2, material="wood", length="90 mm", width="600 mm", height="390 mm"), Match()),
    (want("cnc-milling", 2, material="steel"), [(Why.CHOICE, "material", "steel", "mdf, wood")]),
    (
        want("cnc-milling", 2, **FITS, width="450 mm", height="10 mm"),
        [(Why.TURN, "height x length x width", "500 x 450 x 10 mm", "up to 600 x 400 x 100 mm")],
    ),
    (want("cnc-milling", 1, **FITS), [(Why.QUANTITY_BELOW, "pieces", "1", "at least 2")]),
    (want("cnc-milling", 101, **FITS), [(Why.QUANTITY_ABOVE, "pieces", "101", "at most 100")]),
    (
        want("cnc-milling", 1, material="steel", length="1 m"),
        [
            (Why.CHOICE, "material", "steel", "mdf, wood"),
            (Why.TURN, "height x length x width", "1000 mm", "up to 600 x 400 x 100 mm"),
            (Why.QUANTITY_BELOW, "pieces", "1", "at least 2"),
        ],
    ),
    (want("cnc-milling", 2), [(Why.WANT, "material", "", "it must be given")]),
    (want("cnc-milling", 2, **FITS, flavour="sweet"), [(Why.WANT, "flavour", "", "cnc-milling has no such parameter")]),
    (want("sewing", material="cotton"), [(Why.FUNCTION, "", "", "")]),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "expected"), TABLE, ids=range(len(TABLE)))
def test_a_want_fits_or_every_reason_is_given(wanted: Want, expected: Match | list[tuple[Why, str, str, str]]) -> None:
    """C-7"""
    verdict = match(MILLING.definition, ROUTER, wanted)
    if isinstance(expected, Match):
        assert verdict == expected
    else:
        assert isinstance(verdict, Mismatch)
        assert [(one.why, one.parameter, one.wanted, one.offered) for one in verdict.reasons] == expected
        assert str(verdict)


def test_a_precision_is_a_least() -> None:
    """C-7"""
    rough = offer('name = "a"\nfunction = "cnc-milling"\n[limits]\ntolerance = { least = "0.1 mm", most = "1 mm" }')
    for tolerance, why in (("0.05 mm", Why.BELOW), ("2 mm", Why.ABOVE), ("100 um", None), ("1 mm", None)):
        verdict = match(MILLING.definition, rough, want("cnc-milling", material="wood", tolerance=tolerance))
        assert (verdict.reasons[0].why if isinstance(verdict, Mismatch) else None) is why


@pytest.mark.parametrize(
    "limit",
    [
        ("weight", Limit(most=measure(1, "g"))),
        ("mass", Limit(most=measure(1, "mm"))),
        ("mass", Limit(most=measure(1, "qq"))),
        ("mass", Limit(among=("heavy",))),
        ("material", Limit(most=measure(1, "mm"))),
        ("grade", Limit(among=("fine",))),
    ],
)
def test_an_offer_that_limits_what_the_function_does_not_have_never_fits(limit: tuple[str, Limit]) -> None:
    odd = replace(ROUTER, limits=dict([limit]))
    verdict = match(MILLING.definition, odd, want("cnc-milling", 2, **FITS))
    assert isinstance(verdict, Mismatch)
    assert [one.why for one in verdict.reasons] == [Why.OFFER]
    assert limit[0] in str(verdict)


def test_limits_of_a_group_that_are_no_plain_sizes_are_named_one_by_one() -> None:
    narrow = replace(ROUTER, limits={"length": Limit(least=measure(10, "mm"), most=measure(20, "mm"))})
    wanted = want("cnc-milling", 2, material="wood", length="5 mm", width="5 mm", height="5 mm")
    verdict = match(MILLING.definition, narrow, wanted)
    assert isinstance(verdict, Mismatch)
    assert verdict.reasons[0].offered == "length 10 mm to 20 mm"


sizes = st.fractions(Fraction(1, 10), 2000, max_denominator=10)
maybe_sizes = st.none() | sizes


def _limits(least: Fraction | None, most: Fraction | None) -> Limit | None:
    if least is None and most is None:
        return None
    if least is not None and most is not None and least > most:
        least, most = most, least
    return Limit(
        least=None if least is None else measure(least, "mm"), most=None if most is None else measure(most, "mm")
    )


ranges = st.builds(_limits, maybe_sizes, maybe_sizes)
materials = st.sets(st.sampled_from(["wood", "steel", "mdf"]), min_size=1).map(lambda some: tuple(sorted(some)))


@st.composite
def offers(draw: st.DrawFn) -> Offer:
    limits = {name: draw(ranges) for name in ("length", "width", "height", "tolerance")}
    known = {name: limit for name, limit in limits.items() if limit is not None}
    return replace(
        ROUTER, limits={**known, "material": Limit(among=draw(materials))}, quantity_least=draw(st.integers(1, 3))
    )


@st.composite
def wants(draw: st.DrawFn) -> Want:
    given_sizes = {name: draw(maybe_sizes) for name in ("length", "width", "height")}
    values: dict[str, ParameterValue] = {n: measure(size, "mm") for n, size in given_sizes.items() if size is not None}
    values["material"] = draw(st.sampled_from(["wood", "steel", "mdf"]))
    tolerance = draw(st.none() | st.fractions(Fraction(1, 100), 10, max_denominator=100))
    if tolerance is not None:
        values["tolerance"] = measure(tolerance, "mm")
    return Want(function=MILLING.hash, parameters=values, quantity=draw(st.integers(1, 5)))


def _tighter(draw: st.DrawFn, one: Offer) -> Offer:
    """`one` with some limits drawn closer, added, or choices taken away."""
    limits = dict(one.limits)
    for name in ("length", "width", "height", "tolerance"):
        more = draw(ranges)
        if more is not None:
            have = limits.get(name, Limit())
            least = max((end for end in (have.least, more.least) if end), key=lambda end: end.fraction, default=None)
            most = min((end for end in (have.most, more.most) if end), key=lambda end: end.fraction, default=None)
            limits[name] = Limit(least=least, most=most)
    among = limits["material"].among
    limits["material"] = Limit(among=among[: draw(st.integers(1, len(among)))])
    return replace(one, limits=limits, quantity_most=draw(st.integers(3, 100)))


@given(st.data())
def test_tightening_an_offer_never_makes_it_fit_more(data: st.DataObject) -> None:
    """C-7"""
    loose, wanted = data.draw(offers()), data.draw(wants())
    tight = data.draw(st.composite(lambda draw: _tighter(draw, loose))())
    if isinstance(match(MILLING.definition, tight, wanted), Match):
        assert isinstance(match(MILLING.definition, loose, wanted), Match)


@given(offers(), wants())
def test_turning_the_part_changes_nothing(one: Offer, wanted: Want) -> None:
    """C-7"""
    group = ("length", "width", "height")
    values = [wanted.parameters.get(name) for name in group]
    verdicts = set()
    for order in permutations(values):
        turned = {name: value for name, value in wanted.parameters.items() if name not in group}
        turned |= {name: value for name, value in zip(group, order, strict=True) if value is not None}
        verdicts.add(isinstance(match(MILLING.definition, one, replace(wanted, parameters=turned)), Match))
    assert len(verdicts) == 1


@given(offers(), wants(), st.sampled_from(["cm", "m", "um", "[in_i]"]))
def test_the_unit_in_which_something_is_said_changes_nothing(one: Offer, wanted: Want, unit: str) -> None:
    from protocol.capability.units import convert

    other: dict[str, ParameterValue] = {
        name: measure(convert(value.fraction, value.unit, unit), unit) if isinstance(value, Measure) else value
        for name, value in wanted.parameters.items()
    }
    before = match(MILLING.definition, one, wanted)
    assert type(match(MILLING.definition, one, replace(wanted, parameters=other))) is type(before)
