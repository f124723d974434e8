"""Machines out of a facility file: kind, processes, materials and what limits their work.

Units are the ones the standard fixes (Open Know-Where 1.0 section 7.20: lengths in mm, volumes in mm3, laser power in
W), since its fields are bare numbers; a text with its own unit is read as it stands. The standard gives a working
space as one number: that is kept as it is, and never taken apart into three lengths.
"""

from __future__ import annotations

import re

from ledger.quantities import Measure
from protocol.exchange.bounds import ITEMS_MAX
from protocol.exchange.design import Extents
from protocol.exchange.exact import Kind, in_unit, is_kind, measure, number_of, quantity_in, range_in, unit_of
from protocol.exchange.facility import Equipment
from protocol.exchange.nodes import Tree
from protocol.exchange.okw_words import word_of
from protocol.exchange.table import Table, kind_of
from protocol.exchange.text import show

_SPACE_KEYS = ("x-travel", "y-travel", "z-travel")
_AXES = (("x", "y", "z"), ("length", "width", "height"), ("width", "depth", "height"))
_BY_THE_BY = re.compile(r"\s*[x×*]\s*", re.IGNORECASE)
_COUNT_MAX = 1000


def read_equipment(table: Table) -> Equipment:
    """One entry of `equipment`, whatever of it is there; doubts stand among the findings."""
    kind = word_of(table.text("equipment-type", "type", "name", "title", "description"))
    processes = [
        *_words(table, "manufacturing-process", "manufacturing-processes", "process", "processes"),
        *_words(table, "identifier"),
        kind,
    ]
    details = table.table("detailed-capabilities")
    name = kind or next((word for word in processes if word), "")
    return Equipment(
        key=table.place,
        name=name,
        make=table.text("make", "manufacturer", "brand", chars_max=80),
        model=table.text("model", chars_max=80),
        count=_count(table),
        processes=tuple(dict.fromkeys(word for word in processes if word)),
        materials=_materials(table, details),
        space=_space(table),
        volume=_one(table, "build-volume", Kind.VOLUME, "mm3"),
        surface=_one(table, "working-surface", Kind.LENGTH, "mm"),
        axes=_axes(table),
        nozzle=_one(table, "nozzle-size", Kind.LENGTH, "mm"),
        laser_power=_one(table, "laser-power", Kind.POWER, "W"),
        tolerance=_tolerance(details),
        tolerance_class=table.text("tolerance-class", chars_max=60),
        layers=_layers(table, details),
        condition=table.text("condition", "status", chars_max=60),
    )


def _words(table: Table, *keys: str) -> list[str]:
    return [word_of(text) for text in table.texts(*keys)]


def _materials(table: Table, details: Table | None) -> tuple[str, ...]:
    words = _words(table, "materials-worked", "materials", "material")
    if details is not None:
        words += _words(details, "supported-materials")
    unlike: dict[str, str] = {}
    for word in words:
        unlike.setdefault(word.casefold(), word)
    return tuple(word for word in unlike.values() if word)[:ITEMS_MAX]


def _count(table: Table) -> int:
    number = number_of(table.get("quantity"))
    if number is None:
        return 1
    if number.denominator != 1 or not 1 <= number <= _COUNT_MAX:
        table.findings.warn(table.where("quantity"), f"should be a count of 1 to {_COUNT_MAX}; 1 is taken")
        return 1
    return int(number)


def _axes(table: Table) -> int | None:
    number = number_of(table.get("axes"))
    if number is None:
        return None
    if number.denominator != 1 or not 1 <= number <= 20:
        table.findings.warn(table.where("axes"), "should be a count of 1 to 20; it is left out")
        return None
    return int(number)


def _space(table: Table) -> Extents | None:
    """The working space: `x_travel` and its like, or a bed or volume given by its sides."""
    if table.has(*_SPACE_KEYS):
        x, y, z = (_one(table, key, Kind.LENGTH, "mm") for key in _SPACE_KEYS)
        return Extents(x=x, y=y, z=z) if x or y or z else None
    for key in ("working-volume", "working-area", "build-volume", "bed-size", "build-area"):
        value = table.get(key)
        if isinstance(value, dict):
            sides = Table.of(value, table.where(key), table.findings)
            names = max(_AXES, key=lambda names: sum(1 for name in names if sides.has(name)))
            unit = sides.text("unit") or "mm"
            x, y, z = (_one(sides, name, Kind.LENGTH, unit) for name in names)
        elif isinstance(value, list):
            x, y, z = _three([_length(item, "") for item in value])
        elif isinstance(value, str):
            x, y, z = _by_the_by(value)
        else:
            continue
        if x or y or z:
            return Extents(x=x, y=y, z=z)
    return None


def _by_the_by(text: str) -> tuple[Measure | None, Measure | None, Measure | None]:
    """`220 x 220 x 250 mm`: the last unit counts for those before it that have none."""
    parts = _BY_THE_BY.split(text.strip()) if len(text) <= 80 else []
    if len(parts) not in (2, 3):
        return None, None, None
    last = quantity_in(parts[-1])
    unit = last.unit if last is not None else "mm"
    sides = [_length(part, unit) for part in parts]
    return _three(sides) if all(sides) else (None, None, None)


def _three(lengths: list[Measure | None]) -> tuple[Measure | None, Measure | None, Measure | None]:
    padded = [*lengths, None, None, None]
    return (padded[0], padded[1], padded[2]) if len(lengths) <= 3 else (None, None, None)


def _length(value: Tree, unit: str) -> Measure | None:
    number = number_of(value)
    read = (
        measure(number, unit or "mm") if number is not None else quantity_in(value) if isinstance(value, str) else None
    )
    return read if read is not None and read.n > 0 and is_kind(read, Kind.LENGTH) else None


def _one(table: Table, key: str, kind: Kind, unit: str) -> Measure | None:
    """One quantity of that kind, bare in the unit the standard fixes or with its own; told and left out otherwise."""
    value = table.get(key)
    if value is None or isinstance(value, dict | list):
        return None
    number = number_of(value)
    fixed = unit_of(unit)
    if number is not None and fixed is not None:
        read = measure(number, fixed.ucum)
    else:
        read = quantity_in(value) if isinstance(value, str) else None
        if read is None and isinstance(value, str) and _by_the_by(value) != (None, None, None):
            return None  # sides of a space, read elsewhere
    if read is None or not is_kind(read, kind) or read.n <= 0:
        shown = show(value) if isinstance(value, str) else kind_of(value)
        table.findings.warn(table.where(key), f"should be a {kind.value}, is {shown}; it is left out")
        return None
    return read


def _tolerance(details: Table | None) -> Measure | None:
    """The finest tolerance stated, of `tolerance` and `tolerance_range`; the sign in `±0.1mm` says both ways."""
    if details is None:
        return None
    stated = [details.text(key, chars_max=60) for key in ("tolerance-range", "tolerance")]
    read = [in_unit(given, "mm") for text in stated if (given := quantity_in(text)) is not None]
    lengths = [given for given in read if given is not None and given.n > 0]
    return min(lengths, key=lambda given: given.fraction, default=None)


def _layers(table: Table, details: Table | None) -> tuple[Measure, Measure] | None:
    for source in (table, details):
        text = "" if source is None else source.text("layer-height-range", "layer-height", chars_max=60)
        found = range_in(text)
        if found is None:
            continue
        thin, thick = (in_unit(end, "mm") for end in found)
        if thin is not None and thick is not None and thin.n > 0:
            return thin, thick
    return None
