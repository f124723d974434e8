"""How far two places are apart, in whole kilometres.

A float is used here and only here in this room: a distance ranks and limits, it is never signed, paid or folded.
Places are known to about 5 km, so the rounding hides every difference between two machines' mathematics.
"""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

from protocol.negotiation.contents import Place

_EARTH_KM = 6371


def distance_km(one: Place | None, other: Place | None) -> int | None:
    """Along the great circle; None where either place is unknown."""
    if one is None or other is None:
        return None
    north, south = radians(one.lat / 100), radians(other.lat / 100)
    east = radians((one.lon - other.lon) / 100)
    half = sin((north - south) / 2) ** 2 + cos(north) * cos(south) * sin(east / 2) ** 2
    return round(2 * _EARTH_KM * asin(min(1.0, sqrt(half))))
