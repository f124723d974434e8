"""A facility as an offer needs it: where roughly, when, which machines; never who to ring.

Contacts, street addresses, owners, serial numbers and exact coordinates stand in many facility files. None of them is
kept: what becomes an advert is read by every member (ledger.md, What is public), and a place is known to about 5 km.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.quantities import Measure
from protocol.exchange.design import Extents


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a facility is, no finer than its town; coordinates are both there or both None."""

    city: str
    region: str
    country: str
    """As written: a name or an ISO code."""
    lat_e2: int | None
    """Hundredths of a degree, a multiple of 5 (about 5 km)."""
    lon_e2: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """One entry of a facility's machines; a quantity the file does not state, or states in no known unit, is None."""

    key: str
    """Where it stands in the file, as `equipment[2]`."""
    name: str
    """What kind of machine it is, in words: the end of a Wikipedia link, or the name given."""
    make: str
    model: str
    count: int
    processes: tuple[str, ...]
    """What it does, in words, the closest first; the kind of machine is among them."""
    materials: tuple[str, ...]
    """In words, as given."""
    space: Extents | None
    """The working space axis by axis."""
    volume: Measure | None
    """The working space as one number, as Open Know-Where has it: says little about what fits."""
    surface: Measure | None
    """The working surface as one number."""
    axes: int | None
    nozzle: Measure | None
    laser_power: Measure | None
    tolerance: Measure | None
    """The finest it states."""
    tolerance_class: str
    layers: tuple[Measure, Measure] | None
    """Thinnest and thickest layer."""
    condition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facility:
    """What is kept of one facility file; a text the file does not give is empty."""

    name: str
    place: Place | None
    opening_hours: str
    status: str
    access: str
    processes: tuple[str, ...]
    """What the facility as a whole says it does, in words."""
    equipment: tuple[Equipment, ...]
    missing: tuple[str, ...]
    """Sentences: what any offer made from this file still needs."""
