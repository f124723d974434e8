"""One function's offers as columns, so that a want is compared with thousands of them at once.

A row is one offer. Each measure has a column of mosts and one of leasts, each choice a column of bit masks; measures
that may be exchanged are kept sorted, because a want fits in some order only if its sorted values fit the sorted
limits. Columns are floats rounded outward: what they let through is judged exactly afterwards, and what they drop
could never have fitted (SPEC C-22).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ledger.keys import MemberId
from protocol.capability.functions import Definition, ParameterValue, ValueKind, number_in
from protocol.capability.offers import Offer
from protocol.capability.places import EARTH_KM, Place, direction
from protocol.capability.units import OtherKind, UnknownUnit

_ALL_CHOICES = -1
_DAY_MS = 86_400_000
_NEAR_KM = 50

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


def above(number: Fraction) -> float:
    """The smallest convenient float that is not below `number`."""
    try:
        return math.nextafter(float(number), math.inf)
    except OverflowError:
        return math.inf if number > 0 else -1e308


def below(number: Fraction) -> float:
    """The largest convenient float that is not above `number`."""
    return -above(-number)


def lead_points(lead_ms: int) -> float:
    """Points for an early beginning."""
    return SOON_POINTS * _DAY_MS / (_DAY_MS + lead_ms)


class Columns:
    """The offers of one function."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.rows: list[Row] = []
        self._until: list[int] = []
        self._points: list[float] = []
        self._places: list[tuple[float, float, float] | None] = []
        grouped = {name for group in definition.turn for name in group}
        self._single = [
            one.name for one in definition.parameters if one.kind is ValueKind.MEASURE and one.name not in grouped
        ]
        slots = [*self._single, *(f"{g}/{k}" for g, group in enumerate(definition.turn) for k in range(len(group)))]
        self._mosts: dict[str, list[float]] = {slot: [] for slot in slots}
        self._leasts: dict[str, list[float]] = {slot: [] for slot in slots}
        self._masks: dict[str, list[int]] = {one.name: [] for one in definition.parameters if one.choices}
        self._bits = {
            one.name: {choice: 1 << i for i, choice in enumerate(one.choices)} for one in definition.parameters
        }
        self._fewest: list[int] = []
        self._largest: list[int] = []

    def add(self, row: Row) -> None:
        """Append one offer."""
        offer = row.offer
        self.rows.append(row)
        self._until.append(row.until_ms)
        self._points.append(lead_points(offer.lead_ms) + (AUTOMATIC_POINTS if offer.automatic else 0))
        self._places.append(None if row.place is None else direction(row.place))
        self._fewest.append(offer.quantity_least)
        self._largest.append(offer.quantity_most)
        for name, masks in self._masks.items():
            masks.append(self._mask(offer, name))
        for name in self._single:
            least, most = self._range(offer, name)
            self._mosts[name].append(most)
            self._leasts[name].append(least)
        for g, group in enumerate(self.definition.turn):
            ranges = [self._range(offer, name) for name in group]
            for k, most in enumerate(sorted((high for _, high in ranges), reverse=True)):
                self._mosts[f"{g}/{k}"].append(most)
            for k, least in enumerate(sorted(low for low, _ in ranges)):
                self._leasts[f"{g}/{k}"].append(least)

    def _mask(self, offer: Offer, name: str) -> int:
        limit = offer.limits.get(name)
        if limit is None or not limit.among:
            return _ALL_CHOICES
        bits = self._bits[name]
        return sum(bits.get(choice, 0) for choice in limit.among)

    def _range(self, offer: Offer, name: str) -> tuple[float, float]:
        parameter, limit = self.definition.parameter(name), offer.limits.get(name)
        assert parameter is not None
        if limit is None:
            return -math.inf, math.inf
        try:
            return (
                -math.inf if limit.least is None else below(number_in(parameter, limit.least)),
                math.inf if limit.most is None else above(number_in(parameter, limit.most)),
            )
        except (UnknownUnit, OtherKind):
            return -math.inf, math.inf

    def remove(self, index: int) -> Row | None:
        """Take row `index` out; the last row moves into its place and is returned, None if it was the last."""
        last = len(self.rows) - 1
        moved = self.rows[last] if index != last else None
        everything: list[list[Any]] = [self.rows, self._until, self._points, self._places, self._fewest, self._largest]
        everything += [*self._mosts.values(), *self._leasts.values(), *self._masks.values()]
        for column in everything:
            column[index] = column[last]
            column.pop()
        return moved

    def candidates(
        self, values: Mapping[str, ParameterValue], measured: Mapping[str, Fraction], quantity: int, now_ms: int
    ) -> list[int]:
        """Rows that may satisfy a want; every row that does is among them (SPEC C-22)."""
        until = self._until
        left = [i for i, end in enumerate(until) if end > now_ms]
        for name, masks in self._masks.items():
            value = values.get(name)
            if isinstance(value, str):
                bit = self._bits[name][value]
                left = [i for i in left if masks[i] & bit]
        for slot, number in self._wanted(measured, descending=True):
            mosts, low = self._mosts[slot], below(number)
            left = [i for i in left if mosts[i] >= low]
        for slot, number in self._wanted(measured, descending=False):
            leasts, high = self._leasts[slot], above(number)
            left = [i for i in left if leasts[i] <= high]
        if quantity > 1:
            left = [i for i in left if self._fewest[i] <= quantity <= self._largest[i]]
        else:
            left = [i for i in left if self._fewest[i] <= quantity]
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

    def best_first(self, left: list[int], place: Place | None, most: int) -> list[tuple[float, int]]:
        """The `most` candidates of the highest score as (score, row), equal ones by member and name."""
        scores = self._scores(left, place)
        best = sorted(zip(scores, left, strict=True), reverse=True)[:most]
        rows = self.rows
        return sorted(best, key=lambda one: (-one[0], rows[one[1]].member, rows[one[1]].offer.name))

    def _scores(self, left: list[int], place: Place | None) -> list[float]:
        points, places = self._points, self._places
        if place is None:
            return [points[i] for i in left]
        x, y, z = direction(place)
        sqrt, scores = math.sqrt, []
        for i in left:
            there = places[i]
            score = points[i]
            if there is not None:
                # Two unit vectors are sqrt(2 - 2 cos) apart: a straight line, which ranks as the great circle does.
                apart = 2 - 2 * (x * there[0] + y * there[1] + z * there[2])
                score += _NEAR_POINTS_KM / (_NEAR_KM + EARTH_KM * sqrt(apart if apart > 0 else 0.0))
            scores.append(score)
        return scores
