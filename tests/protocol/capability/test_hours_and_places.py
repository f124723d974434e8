"""Opening hours are kept in UTC, places only roughly (SPEC C-13, C-20, C-21)."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import decode, encode
from ledger.form import Malformed
from protocol.capability.hours import WEEK_MIN, Hours, hours_from_value, show_hours
from protocol.capability.offer_files import write_offer_toml
from protocol.capability.places import Place, about, distance_km, place_from_value
from tests.protocol.capability.workshop import (
    HOUR_MS,
    full,
    function,
    offer,
)


def test_hours_are_kept_in_utc_and_wrap_around_the_week() -> None:
    """C-13"""
    hours = full().hours
    assert show_hours(hours) == [
        ("mon", ["07:00-17:00"]),
        ("sat", ["07:00-11:00", "21:00-24:00"]),
        ("sun", ["00:00-01:00"]),
    ]
    sunday = offer('name = "a"\nfunction = "sewing"\n[hours]\nutc-offset = "-02:00"\nsun = "20:00-24:00"').hours
    assert sunday.spans == ((0, 120), (WEEK_MIN - 120, WEEK_MIN))
    monday = offer('name = "a"\nfunction = "sewing"\n[hours]\nutc-offset = "+02:00"\nmon = "00:00-03:00"').hours
    assert monday.spans == ((0, 60), (WEEK_MIN - 120, WEEK_MIN))


def test_open_is_open_and_closed_is_closed() -> None:
    """C-13"""
    hours = Hours(spans=((8 * 60, 18 * 60),))
    monday_ms = 4 * 86_400_000
    assert not hours.is_open(monday_ms)
    assert hours.is_open(monday_ms + 8 * HOUR_MS)
    assert not hours.is_open(monday_ms + 18 * HOUR_MS)
    assert Hours().is_open(monday_ms)
    assert hours_from_value([[480, 1080]], "hours") == hours


@given(st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 1440)), max_size=4), st.integers(-14, 14))
def test_hours_written_read_back(spans: list[tuple[int, int]], offset: int) -> None:
    texts = [f'"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}"' for a, b in spans]
    head = 'name = "a"\nfunction = "sewing"\n'
    one = offer(f'{head}[hours]\nutc-offset = "{offset:+03d}:00"\nwed = [{", ".join(texts)}]')
    assert offer(write_offer_toml(one, function("sewing"))) == one
    assert all(0 <= start < end <= WEEK_MIN for start, end in one.hours.spans)


def test_a_place_is_published_only_to_five_kilometres() -> None:
    """C-20"""
    place = about(Fraction("52.5163"), Fraction("13.3777"))
    assert place == Place(lat_cdeg=5250, lon_cdeg=1340)
    assert str(place) == "about 52.50 N, 13.40 E"
    assert str(about(Fraction(-1), Fraction(-1))) == "about 1.00 S, 1.00 W"
    assert place_from_value(decode(encode(place.to_value()))) == place
    with pytest.raises(Malformed, match="no finer"):
        place_from_value({"lat": 5251, "lon": 1340})
    with pytest.raises(ValueError, match="latitude"):
        about(Fraction(0), Fraction(181))


def test_distances_are_those_of_the_globe() -> None:
    """C-21"""
    berlin, munich = Place(lat_cdeg=5250, lon_cdeg=1340), Place(lat_cdeg=4815, lon_cdeg=1160)
    assert 495 <= distance_km(berlin, munich) <= 510
    assert distance_km(berlin, berlin) == 0
    poles = Place(lat_cdeg=9000, lon_cdeg=0), Place(lat_cdeg=-9000, lon_cdeg=0)
    assert distance_km(*poles) == 20_015
