"""About where: a place known to 5 km, and how far two of them are apart.

A place is public only as the middle of a cell of 0.05 degrees, about 5.5 km from south to north (SPEC C-20); the
address itself is never in a call, an offer or an advert. Distances rank offers and are whole kilometres; nothing that
is signed or paid depends on them, so the sphere and the machine's trigonometry are exact enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ledger.canonical import Value
from ledger.form import Int, Malformed, Map

CELL_CDEG = 5
"""Side of a cell in hundredths of a degree."""
EARTH_KM = 6371
"""Mean radius of the earth."""

PLACE = Map({"lat": Int(-9000, 9000), "lon": Int(-18_000, 18_000)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A cell, named by its middle in hundredths of a degree; both are multiples of 5."""

    lat_cdeg: int
    lon_cdeg: int

    def to_value(self) -> dict[str, Value]:
        """The form in calls and adverts."""
        return {"lat": self.lat_cdeg, "lon": self.lon_cdeg}

    def __str__(self) -> str:
        north, east = self.lat_cdeg >= 0, self.lon_cdeg >= 0
        lat, lon = divmod(abs(self.lat_cdeg), 100), divmod(abs(self.lon_cdeg), 100)
        return f"about {lat[0]}.{lat[1]:02d} {'N' if north else 'S'}, {lon[0]}.{lon[1]:02d} {'E' if east else 'W'}"


def about(lat_deg: Fraction, lon_deg: Fraction) -> Place:
    """The cell of a position in degrees; raises `ValueError` beyond the poles or the date line."""
    if not -90 <= lat_deg <= 90 or not -180 <= lon_deg <= 180:
        raise ValueError("a latitude is -90 to 90 and a longitude -180 to 180 degrees")
    return Place(
        lat_cdeg=round(lat_deg * 100 / CELL_CDEG) * CELL_CDEG,
        lon_cdeg=round(lon_deg * 100 / CELL_CDEG) * CELL_CDEG,
    )


def place_from_value(value: dict[str, Any], path: str = "place") -> Place:
    """The place in a value that has the form `PLACE`; raises `Malformed` where it is finer than a cell."""
    if value["lat"] % CELL_CDEG or value["lon"] % CELL_CDEG:
        raise Malformed(path, "a place is given on the grid of 0.05 degrees, no finer")
    return Place(lat_cdeg=value["lat"], lon_cdeg=value["lon"])


def direction(place: Place) -> tuple[float, float, float]:
    """The unit vector from the earth's middle to `place`."""
    lat, lon = math.radians(place.lat_cdeg / 100), math.radians(place.lon_cdeg / 100)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def distance_km(first: Place, second: Place) -> int:
    """Whole kilometres along the great circle between the two cells."""
    chord = math.dist(direction(first), direction(second))
    return round(2 * EARTH_KM * math.asin(min(1.0, chord / 2)))
