"""What a workshop offers: a function within tighter limits, and what it takes and costs.

An offer narrows a function to one machine: limits per measure, the choices it accepts, how many pieces, when it is
open. Price and duration are each set-up + per piece + per named parameter, exact and rounded up once (SPEC C-12); the
sum comes with its lines, so that both sides can be told why. Amounts of money are in smallest units of one credit.

Not here: the file an owner writes (`offer_files`), who is asked (`directory`), the promise itself (negotiation).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ledger.canonical import INTEGER_MAX, Value
from ledger.form import ID, Choice, Dict, Flag, Int, List, Malformed, Map, MeasureForm, Text
from ledger.quantities import Measure, measure, read_measure
from protocol.capability.functions import Definition, ParameterValue, Scope
from protocol.capability.hours import ALWAYS, HOURS, Hours, hours_from_value
from protocol.capability.limits import (
    CHOICES_MAX,
    NAME_BYTES_MAX,
    OFFER_NAME_BYTES_MAX,
    PARAMETERS_MAX,
    QUANTITY_MAX,
)
from protocol.capability.places import PLACE, Place, place_from_value
from protocol.capability.units import OtherKind, UnknownUnit, convert, show_amount, show_measure, show_number, show_unit

ZERO = Fraction(0)
_LEAD_MAX_MS = 10 * 366 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one offer accepts of one parameter: a range of a measure, or some choices."""

    least: Measure | None = None
    most: Measure | None = None
    among: tuple[str, ...] = ()
    """Sorted; of a choice or flag."""

    def to_value(self) -> dict[str, Value]:
        """The form in an offer."""
        value: dict[str, Value] = {}
        if self.among:
            value["among"] = list(self.among)
        if self.least is not None:
            value["least"] = self.least.to_value()
        if self.most is not None:
            value["most"] = self.most.to_value()
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Set-up once, so much per piece, and so much per unit of named parameters; none is below zero."""

    set_up: Fraction = ZERO
    per_piece: Fraction = ZERO
    per: Mapping[str, Measure] = field(default_factory=dict)
    """Parameter -> amount for one of the measure's unit: 4 min per g is 240,000 with unit g, in ms."""

    def to_value(self) -> dict[str, Value]:
        """The form in an offer."""
        return {
            "per": {name: one.to_value() for name, one in self.per.items()},
            "piece": measure(self.per_piece, "1").to_value(),
            "set": measure(self.set_up, "1").to_value(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A rate in smallest units of one credit."""

    credit: bytes
    """32 bytes: the credit's id on the ledger."""
    rate: Rate

    def to_value(self) -> dict[str, Value]:
        """The form in an offer."""
        return {"id": self.credit, "kind": "credit", "rate": self.rate.to_value()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One machine or bench, and the work it is offered for."""

    name: str
    """What the owner calls it; unique in a workshop."""
    function: bytes
    """32 bytes: the definition's hash."""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    quantity_least: int = 1
    quantity_most: int = QUANTITY_MAX
    time: Rate = field(default_factory=Rate)
    """In milliseconds on the machine."""
    lead_ms: int = 0
    """Between the award and the beginning of the work."""
    price: Price | None = None
    """None: a person names it."""
    hours: Hours = ALWAYS
    place: Place | None = None
    """Where the machine stands, if not where the advert says."""
    asset: bytes | None = None
    """32 bytes: the machine on the ledger."""
    automatic: bool = False
    """Whether a policy may answer without a person."""

    def to_value(self) -> dict[str, Value]:
        """The form in an advert (SPEC C-10)."""
        value: dict[str, Value] = {
            "automatic": self.automatic,
            "function": self.function,
            "lead_ms": self.lead_ms,
            "limits": {name: limit.to_value() for name, limit in self.limits.items()},
            "name": self.name,
            "quantity": [self.quantity_least, self.quantity_most],
            "time": self.time.to_value(),
        }
        if self.price is not None:
            value["price"] = self.price.to_value()
        if self.hours.spans:
            value["hours"] = self.hours.to_value()
        if self.place is not None:
            value["place"] = self.place.to_value()
        if self.asset is not None:
            value["asset"] = self.asset
        return value


_NAME = Text(NAME_BYTES_MAX)
_LIMIT = Map({}, {"among": List(_NAME, 1, CHOICES_MAX), "least": MeasureForm(), "most": MeasureForm()})
_RATE = Map(
    {
        "per": Dict(MeasureForm(), PARAMETERS_MAX, key_bytes_max=NAME_BYTES_MAX),
        "piece": MeasureForm(),
        "set": MeasureForm(),
    }
)
OFFER = Map(
    {
        "automatic": Flag(),
        "function": ID,
        "lead_ms": Int(0, _LEAD_MAX_MS),
        "limits": Dict(_LIMIT, PARAMETERS_MAX, key_bytes_max=NAME_BYTES_MAX),
        "name": Text(OFFER_NAME_BYTES_MAX),
        "quantity": List(Int(1, QUANTITY_MAX), 2, 2),
        "time": _RATE,
    },
    {
        "asset": ID,
        "hours": HOURS,
        "place": PLACE,
        "price": Map({"id": ID, "kind": Choice("credit"), "rate": _RATE}),
    },
)


def offer_from_value(value: dict[str, Any], path: str = "offer") -> Offer:
    """The offer in `value`; raises `Malformed` (SPEC C-10)."""
    OFFER.check(value, path)
    least, most = value["quantity"]
    if least > most:
        raise Malformed(f"{path}.quantity", "the least is more than the most")
    return Offer(
        name=value["name"],
        function=value["function"],
        limits={name: _limit(one, f"{path}.limits.{name}") for name, one in value["limits"].items()},
        quantity_least=least,
        quantity_most=most,
        time=_rate(value["time"], f"{path}.time"),
        lead_ms=value["lead_ms"],
        price=_price(value["price"], f"{path}.price") if "price" in value else None,
        hours=hours_from_value(value["hours"], f"{path}.hours") if "hours" in value else ALWAYS,
        place=place_from_value(value["place"], f"{path}.place") if "place" in value else None,
        asset=value.get("asset"),
        automatic=value["automatic"],
    )


def _limit(value: dict[str, Any], path: str) -> Limit:
    among = tuple(value.get("among", ()))
    least = read_measure(value["least"]) if "least" in value else None
    most = read_measure(value["most"]) if "most" in value else None
    if bool(among) == bool(least or most):
        raise Malformed(path, "a limit is either a range or some choices")
    if list(among) != sorted(set(among)):
        raise Malformed(path, "choices are sorted and none stands twice")
    if least and most and least.unit != most.unit:
        raise Malformed(path, "both limits are in one unit")
    if least and most and least.fraction > most.fraction:
        raise Malformed(path, "the least is more than the most")
    return Limit(least=least, most=most, among=among)


def _rate(value: dict[str, Any], path: str) -> Rate:
    set_up, piece = read_measure(value["set"]), read_measure(value["piece"])
    per = {name: read_measure(one) for name, one in value["per"].items()}
    if set_up.unit != "1" or piece.unit != "1":
        raise Malformed(path, "set-up and piece are plain numbers")
    if min([set_up.n, piece.n, *(one.n for one in per.values())]) < 0:
        raise Malformed(path, "a rate is not below zero")
    return Rate(set_up=set_up.fraction, per_piece=piece.fraction, per=per)


def _price(value: dict[str, Any], path: str) -> Price:
    return Price(credit=value["id"], rate=_rate(value["rate"], f"{path}.rate"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """A total and how it came about."""

    total: int
    """Rounded up once, from `exact`."""
    exact: Fraction
    lines: tuple[str, ...]
    """One per part, then the sum; for ``dpnode why``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpriced:
    """Why there is no total; a person must say."""

    reason: str
    missing: tuple[str, ...] = ()
    """Parameters the rate needs and the request does not state."""


Show = Callable[[Fraction], str]
"""How one amount of money or time is written."""


def price(
    offer: Offer,
    definition: Definition,
    values: Mapping[str, ParameterValue],
    quantity: int,
    *,
    show: Show = show_number,
) -> Sum | Unpriced:
    """What `quantity` pieces cost in smallest units of the offer's credit (SPEC C-12); never below zero."""
    if offer.price is None:
        return Unpriced(reason="the offer names no price")
    return add_up(offer.price.rate, definition, values, quantity, show)


def duration(
    offer: Offer, definition: Definition, values: Mapping[str, ParameterValue], quantity: int
) -> Sum | Unpriced:
    """How many milliseconds of the machine `quantity` pieces take (SPEC C-12)."""
    return add_up(offer.time, definition, values, quantity, show_duration)


def add_up(
    rate: Rate, definition: Definition, values: Mapping[str, ParameterValue], quantity: int, show: Show
) -> Sum | Unpriced:
    """Set-up + per piece + per parameter, exact, rounded up once."""
    missing = tuple(name for name in sorted(rate.per) if not isinstance(values.get(name), Measure))
    if missing:
        return Unpriced(
            reason=f"it depends on {' and '.join(missing)}, which the request does not state", missing=missing
        )
    total = rate.set_up
    lines = [f"set-up: {show(rate.set_up)}"] if rate.set_up else []
    pieces = "1 piece" if quantity == 1 else f"{quantity} pieces"
    if rate.per_piece:
        part = rate.per_piece * quantity
        total += part
        lines.append(f"{pieces} x {show(rate.per_piece)}: {show(part)}")
    for name in sorted(rate.per):
        one, value = rate.per[name], values[name]
        parameter = definition.parameter(name)
        assert isinstance(value, Measure)
        try:
            number = convert(value.fraction, value.unit, one.unit)
        except (UnknownUnit, OtherKind) as problem:
            return Unpriced(reason=f"{name}: {problem}")
        if parameter is None or number < 0:
            return Unpriced(reason=f"{name} is nothing that can be counted")
        counted = 1 if parameter.scope is Scope.JOB else quantity
        part = one.fraction * number * counted
        total += part
        times = f"{pieces} x " if parameter.scope is Scope.PIECE else ""
        each = f"{show(one.fraction)} per {show_unit(one.unit) or '1'}"
        lines.append(f"{times}{name} {show_amount(number, one.unit)} x {each}: {show(part)}")
    rounded = -(-total.numerator // total.denominator)
    if rounded > INTEGER_MAX:
        return Unpriced(reason="the sum has more digits than the ledger carries")
    lines.append(f"sum: {show(Fraction(rounded))}" + (f" (rounded up from {show(total)})" if rounded != total else ""))
    return Sum(total=rounded, exact=total, lines=tuple(lines))


def show_duration(time_ms: Fraction) -> str:
    """Milliseconds as ``1 d 2 h 5 min``; below a minute in seconds."""
    whole_ms = -(-time_ms.numerator // time_ms.denominator)
    if whole_ms < 60_000:
        return f"{show_number(Fraction(whole_ms, 1000))} s"
    minutes = -(-whole_ms // 60_000)
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    parts = [f"{n} {name}" for n, name in ((days, "d"), (hours, "h"), (minutes, "min")) if n]
    return " ".join(parts)


def show_limit(limit: Limit) -> str:
    """``pla, petg`` or ``0.1 mm to 0.3 mm`` or ``up to 250 mm``."""
    if limit.among:
        return ", ".join(limit.among)
    if limit.least and limit.most:
        return f"{show_measure(limit.least)} to {show_measure(limit.most)}"
    if limit.most:
        return f"up to {show_measure(limit.most)}"
    return f"from {show_measure(limit.least)}" if limit.least else "anything"
