"""Does this offer satisfy this want? Pure, total, and always with reasons.

A want is a function with parameters and a quantity. An offer fits if the want is one the function admits and every
stated value lies within the offer's limits; a limited parameter that the want leaves open does not exclude, but is
reported, since a person may have to ask. Measures that the definition lets be exchanged fit if some order of them does
(SPEC C-7). Tightening an offer never makes it fit more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from itertools import permutations

from ledger.quantities import Measure
from protocol.capability.functions import (
    Definition,
    Parameter,
    ParameterValue,
    ValueKind,
    check_parameters,
    number_in,
)
from protocol.capability.offers import Limit, Offer, show_limit
from protocol.capability.places import Place
from protocol.capability.units import OtherKind, UnknownUnit, show_amount, show_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What somebody is looking for."""

    function: bytes
    """32 bytes: the definition's hash."""
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    quantity: int = 1
    place: Place | None = None
    """About where it is needed; ranks, never excludes."""


class Why(StrEnum):
    """Why an offer does not satisfy a want; a closed list."""

    FUNCTION = "another-function"
    WANT = "want-not-admitted"
    """The function itself does not admit this value."""
    OFFER = "offer-not-understood"
    """The offer limits something that the function does not have."""
    BELOW = "below"
    ABOVE = "above"
    CHOICE = "choice"
    TURN = "does-not-fit"
    """No order of the exchangeable measures is within the limits."""
    QUANTITY_BELOW = "too-few-pieces"
    QUANTITY_ABOVE = "too-many-pieces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that stands in the way."""

    why: Why
    parameter: str = ""
    """Its name; of a group of exchangeable measures all names, joined by " x "."""
    wanted: str = ""
    offered: str = ""

    def __str__(self) -> str:
        match self.why:
            case Why.FUNCTION:
                return "the offer is for another function"
            case Why.WANT | Why.OFFER:
                return f"{self.parameter}: {self.offered}"
            case _:
                return f"{self.parameter}: {self.wanted} is wanted, {self.offered} is offered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The offer satisfies the want."""

    unstated: tuple[str, ...] = ()
    """Parameters the offer limits and the want leaves open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """The offer does not satisfy the want."""

    reasons: tuple[Reason, ...]
    """At least one; in the order of the parameters' names."""

    def __str__(self) -> str:
        return "; ".join(str(reason) for reason in self.reasons)


def match(definition: Definition, offer: Offer, want: Want) -> Match | Mismatch:
    """Whether `offer` satisfies `want`, both of the function `definition` (SPEC C-7)."""
    if want.function != definition.hash or offer.function != definition.hash:
        return Mismatch(reasons=(Reason(why=Why.FUNCTION),))
    problems = check_parameters(definition, want.parameters)
    if problems:
        return Mismatch(
            reasons=tuple(Reason(why=Why.WANT, parameter=one.parameter, offered=one.what) for one in problems)
        )
    return fit(definition, offer, want, numbers(definition, want.parameters), bounds_of(definition, offer))


def numbers(definition: Definition, values: Mapping[str, ParameterValue]) -> dict[str, Fraction]:
    """The measures among admitted `values`, each in its parameter's unit."""
    found: dict[str, Fraction] = {}
    for name, value in values.items():
        parameter = definition.parameter(name)
        if parameter is not None and isinstance(value, Measure):
            found[name] = number_in(parameter, value)
    return found


Bounds = tuple[Fraction | None, Fraction | None]
"""Least and most in the parameter's unit; both None for choices."""


def bounds_of(definition: Definition, offer: Offer) -> dict[str, Bounds | None]:
    """Each limit of `offer` in its parameter's unit; None where it does not suit the function."""
    return {name: _bounds(definition.parameter(name), limit) for name, limit in offer.limits.items()}


def _bounds(parameter: Parameter | None, limit: Limit) -> Bounds | None:
    if parameter is None or parameter.kind is ValueKind.TEXT:
        return None
    if (parameter.kind is ValueKind.MEASURE) == bool(limit.among):
        return None
    try:
        return (
            None if limit.least is None else number_in(parameter, limit.least),
            None if limit.most is None else number_in(parameter, limit.most),
        )
    except (UnknownUnit, OtherKind):
        return None


def fit(
    definition: Definition,
    offer: Offer,
    want: Want,
    measured: Mapping[str, Fraction],
    bounds: Mapping[str, Bounds | None],
) -> Match | Mismatch:
    """`match` for a want that the definition admits, with what `numbers` and `bounds_of` worked out once."""
    reasons: list[Reason] = []
    unstated: list[str] = []
    for name in sorted(offer.limits):
        limit = offer.limits[name]
        parameter, range_ = definition.parameter(name), bounds[name]
        if parameter is None or range_ is None:
            what = "the offer limits it in a way the function does not know"
            reasons.append(Reason(why=Why.OFFER, parameter=name, offered=what))
        elif name not in want.parameters:
            unstated.append(name)
        elif limit.among:
            value = want.parameters[name]
            if value not in limit.among:
                reasons.append(
                    Reason(why=Why.CHOICE, parameter=name, wanted=str(value), offered=", ".join(limit.among))
                )
        elif not any(name in group for group in definition.turn):
            reasons += _outside(parameter, limit, measured[name], range_)
    for group in definition.turn:
        reasons += _unturnable(definition, group, offer, measured, bounds)
    reasons += _quantity(offer, want.quantity)
    if reasons:
        return Mismatch(reasons=tuple(reasons))
    return Match(unstated=tuple(unstated))


def _outside(parameter: Parameter, limit: Limit, number: Fraction, bounds: Bounds) -> list[Reason]:
    least, most = bounds
    wanted, offered = show_amount(number, parameter.unit), show_limit(limit)
    if least is not None and number < least:
        return [Reason(why=Why.BELOW, parameter=parameter.name, wanted=wanted, offered=offered)]
    if most is not None and number > most:
        return [Reason(why=Why.ABOVE, parameter=parameter.name, wanted=wanted, offered=offered)]
    return []


def _unturnable(
    definition: Definition,
    group: tuple[str, ...],
    offer: Offer,
    measured: Mapping[str, Fraction],
    bounds: Mapping[str, Bounds | None],
) -> list[Reason]:
    """A reason unless the stated measures of `group` fit into its limits in some order."""
    values = [measured[name] for name in group if name in measured]
    slots = [bounds.get(name) or (None, None) for name in group]
    for order in permutations(slots, len(values)):
        if all(
            (least is None or least <= value) and (most is None or value <= most)
            for value, (least, most) in zip(values, order, strict=True)
        ):
            return []
    unit = definition.parameter(group[0])
    assert unit is not None
    wanted = " x ".join(show_number(value) for value in sorted(values, reverse=True)) + f" {unit.unit}"
    return [Reason(why=Why.TURN, parameter=" x ".join(group), wanted=wanted, offered=_show_slots(group, offer))]


def _show_slots(group: tuple[str, ...], offer: Offer) -> str:
    """``up to 250 x 210 x 210 mm``, or the limits one by one where they are of another sort."""
    limits = [offer.limits[name] for name in group if name in offer.limits]
    mosts = [limit.most for limit in limits if limit.most is not None and limit.least is None]
    if len(mosts) == len(group) and len({most.unit for most in mosts}) == 1:
        sizes = sorted((most.fraction for most in mosts), reverse=True)
        return f"up to {' x '.join(show_number(size) for size in sizes)} {mosts[0].unit}"
    return ", ".join(f"{name} {show_limit(offer.limits[name])}" for name in group if name in offer.limits)


def _quantity(offer: Offer, quantity: int) -> list[Reason]:
    if quantity < offer.quantity_least:
        why, offered = Why.QUANTITY_BELOW, f"at least {offer.quantity_least}"
    elif quantity > offer.quantity_most:
        why, offered = Why.QUANTITY_ABOVE, f"at most {offer.quantity_most}"
    else:
        return []
    return [Reason(why=why, parameter="pieces", wanted=str(quantity), offered=offered)]
