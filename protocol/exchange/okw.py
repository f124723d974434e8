"""Reads an Open Know-Where facility file, in any of the shapes people publish, into a Facility; every fault is a
finding.

Shapes met: the standard's own keys as JSON (`equipment`, `manufacturing_processes`, `location`); machines grouped under
`capabilities`; a map's record (`facility`, `geocoding`, `region`) that names no machine at all; a flat record with a
name and coordinates; YAML lists of "atoms" with Wikidata numbers. What is there is taken, what an offer lacks is
listed, and nothing is invented. Personal data is left where it is (see `facility`). Never raises on what is in the
file. Source: Open Know-Where 1.0 sections 4 to 8, and the files people published.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from protocol.exchange.bounds import EQUIPMENT_MAX, ITEMS_MAX
from protocol.exchange.exact import number_in, number_of
from protocol.exchange.facility import Equipment, Facility, Place
from protocol.exchange.findings import Finding, Findings
from protocol.exchange.nodes import Tree
from protocol.exchange.okw_equipment import read_equipment
from protocol.exchange.okw_words import word_of
from protocol.exchange.table import Table, kind_of
from protocol.exchange.tree import parse

_SIGNS = frozenset(
    {
        *(
            "equipment",
            "facility",
            "facility-status",
            "facility-type",
            "inventory-atoms",
            "supply-atoms",
            "product-atoms",
        ),
        *("tool-list-atoms", "geocoding", "gps-coordinates", "location", "capabilities", "opening-hours", "processes"),
        *("latitude", "manufacturing-facility", "manufacturing-equipment", "access-type"),
    }
)
"""Keys of which a facility file has one at least."""

_SIGNS_OF_A_DESIGN = ("okhv", "okh-manifest-version")
_EQUIPMENT_KEYS = ("equipment", "manufacturing-equipment", "tool-list-atoms")
_GRID = 5
"""Hundredths of a degree: about 5 km, what is public of a place before an award."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FacilityReading:
    """A facility and what there is to say about its file; without a facility one finding at least is an ERROR."""

    facility: Facility | None
    findings: tuple[Finding, ...]


def read_facility(data: bytes, name: str) -> FacilityReading:
    """Reads a facility file; `name` is used in findings only. Never raises."""
    findings = Findings(name)
    parsed = parse(data, findings)
    facility = None if parsed is None else _read(_only_one(parsed.tree), findings)
    return FacilityReading(facility=facility, findings=findings.all())


def _only_one(tree: Tree) -> Tree:
    return tree[0] if isinstance(tree, list) and len(tree) == 1 else tree


def _read(tree: Tree, findings: Findings) -> Facility | None:
    if isinstance(tree, list) and tree:
        findings.error("", f"holds {len(tree)} records; one facility per file is read")
        return None
    if not isinstance(tree, dict):
        findings.error("", f"is not an Open Know-Where facility: it holds {kind_of(tree)}, not keys with values")
        return None
    top = Table.of(tree, "", findings)
    if top.has(*_SIGNS_OF_A_DESIGN):
        findings.error("", "is an Open Know-How design, not a facility; it is what a call asks for")
        return None
    if not top.entries.keys() & _SIGNS:
        findings.error("", "is not an Open Know-Where facility: neither machines, nor processes, nor a place are there")
        return None
    inner = top.table("facility") or top.table("manufacturing-facility") or top
    equipment = tuple(_equipment(top))
    facility = Facility(
        name=inner.text("name", "title"),
        place=_place(top),
        opening_hours=_hours(top),
        status=top.text("facility-status", chars_max=60),
        access=top.text("access-type", chars_max=60),
        processes=_processes(top),
        equipment=equipment,
        missing=(),
    )
    return _with_missing(facility)


def _with_missing(facility: Facility) -> Facility:
    gaps = [
        ("the facility's name", bool(facility.name)),
        ("where it is", facility.place is not None),
        ("opening hours", bool(facility.opening_hours)),
        ("machines: none is listed", bool(facility.equipment)),
    ]
    missing = [what for what, there in gaps if not there]
    if facility.status and facility.status.casefold() != "active":
        missing.append(f"that it works: its status is '{facility.status}'")
    return replace(facility, missing=tuple(missing))


def _equipment(top: Table) -> list[Equipment]:
    key = top.first(*_EQUIPMENT_KEYS)
    found = [read_equipment(table) for table in top.tables(key, EQUIPMENT_MAX)]
    for capability in top.tables("capabilities", ITEMS_MAX):
        found.extend(read_equipment(table) for table in capability.tables("equipment", EQUIPMENT_MAX))
    kept = [machine for machine in found if machine.name or machine.processes]
    if len(kept) < len(found):
        top.findings.warn(top.where(key), f"{len(found) - len(kept)} machines do not say what they are")
    if len(kept) > EQUIPMENT_MAX:
        top.findings.warn(top.where(key), f"more than {EQUIPMENT_MAX} machines; the rest are left out")
    return kept[:EQUIPMENT_MAX]


def _processes(top: Table) -> tuple[str, ...]:
    words = [word_of(text) for text in top.texts("manufacturing-processes", "manufacturing-process")]
    for key in ("processes", "capabilities"):
        value = top.get(key)
        for item in value[:ITEMS_MAX] if isinstance(value, list) else []:
            words += _process_words(item, f"{top.where(key)}", top)
    unlike: dict[str, str] = {}
    for word in words:
        unlike.setdefault(word.casefold(), word)
    return tuple(word for word in unlike.values() if word)[:ITEMS_MAX]


def _process_words(item: Tree, place: str, top: Table) -> list[str]:
    if isinstance(item, str):
        return [word_of(item)]
    if not isinstance(item, dict):
        return []
    table = Table.of(item, place, top.findings)
    if table.has("processes"):
        return [word_of(text) for text in table.texts("processes")]
    identified = word_of(table.text("identifier", "link"))
    return [identified or word_of(table.text("name", "capability-type", "description", chars_max=80))]


def _place(top: Table) -> Place | None:
    location = top.table("location")
    address = (location.table("address") if location is not None else None) or top.table("address")
    region = top.table("region")
    sources = [table for table in (location, address, region, top) if table is not None]

    def named(*keys: str) -> str:
        return next((text for table in sources if (text := _plain_text(table, *keys))), "")

    lat, lon = _coordinates(top, location)
    city, county = named("city", "city-town", "locality"), named("region", "state-region", "state")
    country = named("country")
    if not (city or county or country or lat is not None):
        return None
    return Place(city=city, region=county, country=country, lat_e2=lat, lon_e2=lon)


def _plain_text(table: Table, *keys: str) -> str:
    """A text under one of these keys, passing by tables of the same name (`region` may be either)."""
    key = next((key for key in keys if table.has(key) and not isinstance(table.get(key), dict | list)), "")
    return table.text(key, chars_max=80) if key else ""


def _coordinates(top: Table, location: Table | None) -> tuple[int | None, int | None]:
    """Latitude and longitude on the public grid; both or neither."""
    geocoding = top.table("geocoding")
    for table in (geocoding, location, top):
        if table is None:
            continue
        lat, lon = number_of(table.get("latitude")), number_of(table.get("longitude"))
        where = table.where("latitude")
        if lat is None and lon is None and table.has("gps-coordinates"):
            where = table.where("gps-coordinates")
            first, _, second = table.text("gps-coordinates", chars_max=80).partition(",")
            lat, lon = number_in(first), number_in(second)
            if lat is None or lon is None:
                table.findings.warn(where, "should be 'latitude, longitude' in decimal degrees; it is left out")
                continue
        if lat is None or lon is None:
            continue
        if abs(lat) > 90 or abs(lon) > 180:
            table.findings.warn(where, "is no place on Earth; it is left out")
            continue
        return _on_grid(lat), _on_grid(lon)
    return None, None


def _on_grid(degrees: Fraction) -> int:
    return round(degrees * 100 / _GRID) * _GRID


def _hours(top: Table) -> str:
    """The opening hours as one line of text, as the standard has them; a table of days is put in a line."""
    if top.has("opening-hours") and not isinstance(top.get("opening-hours"), dict):
        return top.text("opening-hours")
    availability = top.table("availability")
    days = top.table("opening-hours") or (None if availability is None else availability.table("operating-hours"))
    if days is None:
        return ""
    return "; ".join(f"{day}: {hours}" for day in list(days.entries)[:7] if (hours := days.text(day, chars_max=40)))
