"""One function's offers as columns, so that a want is compared with thousands of them at once.

A row is one offer. Each measure has a column of mosts and one of leasts, each choice a column of bit masks; measures
that may be exchanged are kept sorted, because a want fits in some order only if its sorted values fit the sorted
limits. Columns are floats rounded outward: what they let through is judged exactly afterwards, and what they drop
could never have fitted (SPEC C-22).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from heapq import nlargest
from typing import Any, Generic, TypeVar

from ledger.keys import MemberId
from protocol.capability.functions import Definition, ParameterValue, ValueKind
from protocol.capability.limits import QUANTITY_MAX
from protocol.capability.matching import Bounds, bounds_of
from protocol.capability.offers import Offer
from protocol.capability.places import EARTH_KM, Place, direction

T = TypeVar("T", int, float)

_ALL_CHOICES = -1
_DAY_MS = 86_400_000
_NEAR_KM = 50
_NOWHERE = (1e9, 0.0, 0.0)
"""Stands for an unknown place: so far away that no point is left."""

NEAR_POINTS = 1000
"""For an offer at the place where it is wanted; half of it 50 km away, none where either place is unknown."""
_NEAR_POINTS_KM = NEAR_POINTS * _NEAR_KM
SOON_POINTS = 500
"""For work that begins at once; half of it with a lead time of a day."""
AUTOMATIC_POINTS = 250
"""For an offer that a policy answers without a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One offer of one member."""

    member: MemberId
    offer: Offer
    place: Place | None
    until_ms: int
    bounds: Mapping[str, Bounds | None]
    """The offer's limits in the function's units."""


def above(number: Fraction) -> float:
    """The smallest convenient float that is not below `number`."""
    try:
        return math.nextafter(float(number), math.inf)
    except OverflowError:
        return math.inf if number > 0 else -1e308


def below(number: Fraction) -> float:
    """The largest convenient float that is not above `number`."""
    return -above(-number)


def _rounded(bounds: Bounds | None) -> tuple[float, float]:
    """Bounds as floats that exclude nothing the bounds admit."""
    least, most = bounds or (None, None)
    return -math.inf if least is None else below(least), math.inf if most is None else above(most)


def lead_points(lead_ms: int) -> float:
    """Points for an early beginning."""
    return SOON_POINTS * _DAY_MS / (_DAY_MS + lead_ms)


class Column(Generic[T]):
    """One value per row, and how many rows limit anything: a column nobody limits is not looked at."""

    __slots__ = ("limited", "neutral", "values")

    def __init__(self, neutral: T) -> None:
        self.neutral: T = neutral
        self.values: list[T] = []
        self.limited = 0

    def append(self, value: T) -> None:
        """Add the next row's value."""
        self.values.append(value)
        self.limited += value != self.neutral

    def remove(self, index: int) -> None:
        """Take a row's value out; the last moves into its place."""
        self.limited -= self.values[index] != self.neutral
        last = self.values.pop()
        if index < len(self.values):
            self.values[index] = last


class Columns:
    """The offers of one function."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.rows: list[Row] = []
        self._until: list[int] = []
        self._points: list[float] = []
        self._places: list[tuple[float, float, float]] = []
        grouped = {name for group in definition.turn for name in group}
        self._single = [
            one.name for one in definition.parameters if one.kind is ValueKind.MEASURE and one.name not in grouped
        ]
        slots = [*self._single, *(f"{g}/{k}" for g, group in enumerate(definition.turn) for k in range(len(group)))]
        self._mosts = {slot: Column(math.inf) for slot in slots}
        self._leasts = {slot: Column(-math.inf) for slot in slots}
        self._masks: dict[str, Column[int]] = {
            one.name: Column(_ALL_CHOICES) for one in definition.parameters if one.choices
        }
        self._bits = {
            one.name: {choice: 1 << i for i, choice in enumerate(one.choices)} for one in definition.parameters
        }
        self._fewest: Column[int] = Column(1)
        self._largest: Column[int] = Column(QUANTITY_MAX)

    def add(self, *, member: MemberId, offer: Offer, place: Place | None, until_ms: int) -> int:
        """Append one offer; its row."""
        bounds = bounds_of(self.definition, offer)
        self.rows.append(Row(member=member, offer=offer, place=place, until_ms=until_ms, bounds=bounds))
        self._until.append(until_ms)
        self._points.append(lead_points(offer.lead_ms) + (AUTOMATIC_POINTS if offer.automatic else 0))
        self._places.append(_NOWHERE if place is None else direction(place))
        self._fewest.append(offer.quantity_least)
        self._largest.append(offer.quantity_most)
        for name, masks in self._masks.items():
            masks.append(self._mask(offer, name))
        for name in self._single:
            least, most = _rounded(bounds.get(name))
            self._mosts[name].append(most)
            self._leasts[name].append(least)
        for g, group in enumerate(self.definition.turn):
            ranges = [_rounded(bounds.get(name)) for name in group]
            for k, most in enumerate(sorted((high for _, high in ranges), reverse=True)):
                self._mosts[f"{g}/{k}"].append(most)
            for k, least in enumerate(sorted(low for low, _ in ranges)):
                self._leasts[f"{g}/{k}"].append(least)
        return len(self.rows) - 1

    def _mask(self, offer: Offer, name: str) -> int:
        limit = offer.limits.get(name)
        if limit is None or not limit.among:
            return _ALL_CHOICES
        bits = self._bits[name]
        return sum(bits.get(choice, 0) for choice in limit.among)

    def remove(self, index: int) -> Row | None:
        """Take row `index` out; the last row moves into its place and is returned, None if it was the last."""
        last = len(self.rows) - 1
        plain: list[list[Any]] = [self.rows, self._until, self._points, self._places]
        for values in plain:
            values[index] = values[last]
            values.pop()
        for column in (self._fewest, self._largest, *self._masks.values()):
            column.remove(index)
        for limits in (*self._mosts.values(), *self._leasts.values()):
            limits.remove(index)
        return self.rows[index] if index < last else None

    def candidates(
        self, values: Mapping[str, ParameterValue], measured: Mapping[str, Fraction], quantity: int, now_ms: int
    ) -> list[int]:
        """Rows that may satisfy a want; every row that does is among them (SPEC C-22)."""
        left = [i for i, end in enumerate(self._until) if end > now_ms]
        for name, column in self._masks.items():
            value = values.get(name)
            if column.limited and isinstance(value, str):
                bit, masks = self._bits[name][value], column.values
                left = [i for i in left if masks[i] & bit]
        for slot, number in self._wanted(measured, descending=True):
            if self._mosts[slot].limited:
                mosts, low = self._mosts[slot].values, below(number)
                left = [i for i in left if mosts[i] >= low]
        for slot, number in self._wanted(measured, descending=False):
            if self._leasts[slot].limited:
                leasts, high = self._leasts[slot].values, above(number)
                left = [i for i in left if leasts[i] <= high]
        if self._fewest.limited:
            fewest = self._fewest.values
            left = [i for i in left if fewest[i] <= quantity]
        if self._largest.limited and quantity > 1:
            largest = self._largest.values
            left = [i for i in left if largest[i] >= quantity]
        return left

    def _wanted(self, measured: Mapping[str, Fraction], *, descending: bool) -> list[tuple[str, Fraction]]:
        """Slot and value: each single measure, and the sorted values of each group against its sorted limits."""
        wanted = [(name, measured[name]) for name in self._single if name in measured]
        for g, group in enumerate(self.definition.turn):
            values = sorted((measured[name] for name in group if name in measured), reverse=descending)
            wanted += [(f"{g}/{k}", value) for k, value in enumerate(values)]
        return wanted

    def live(self, now_ms: int) -> list[Row]:
        """The offers that have not expired."""
        return [row for row in self.rows if row.until_ms > now_ms]

    def best_first(self, left: list[int], place: Place | None, first: int, most: int) -> Iterator[tuple[float, Row]]:
        """At most `most` candidates of the highest scores as (score, row), equal ones by member and name.

        The `first` are picked without sorting all: as a rule no more are asked for.
        """
        scores = self._scores(left, place)
        done = 0
        for count in (first, most):
            cut = nlargest(count, scores)[-1:] or [0.0]
            best = nlargest(count, (one for one in zip(scores, left, strict=True) if one[0] >= cut[0]))
            yield from sorted(((score, self.rows[i]) for score, i in best[done:]), key=_by_score)
            done = len(best)
            if done == len(left):
                break

    def _scores(self, left: list[int], place: Place | None) -> list[float]:
        points, places = self._points, self._places
        if place is None:
            return [points[i] for i in left]
        # Straight through the earth, which ranks as the great circle does.
        here, dist = direction(place), math.dist
        return [points[i] + _NEAR_POINTS_KM / (_NEAR_KM + EARTH_KM * dist(here, places[i])) for i in left]


def _by_score(one: tuple[float, Row]) -> tuple[float, MemberId, str]:
    return -one[0], one[1].member, one[1].offer.name
