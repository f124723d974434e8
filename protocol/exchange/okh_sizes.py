"""Sizes and masses of a design's parts, in all the ways people write them.

Met in real files: `[outer-dimensions]` with an OpenSCAD snippet and a unit (LOSH); width, depth and height as numbers
or as texts of numbers (Open Know-How 2); length, width and height (JSON); the snippet alone under `outer-dimension`
with its unit under `outer-dimension-dim`; a table written as a list of one; misspelled keys; snippets with a bracket
missing.

A number without a unit is read in the unit that Open Know-How 2 fixes for it, millimetres and grams, and a finding says
so: no version of the standard gives a bare number another meaning.
"""

from __future__ import annotations

import difflib

from ledger.quantities import Measure
from protocol.exchange.design import Extents
from protocol.exchange.exact import Kind, is_kind, measure, number_of, quantity_in, unit_of
from protocol.exchange.findings import Findings
from protocol.exchange.nodes import Tree
from protocol.exchange.openscad import UnknownShape, size_of
from protocol.exchange.table import Table, kind_of
from protocol.exchange.text import show

SIZE_KEYS = ("outer-dimensions", "outer-dimension")
_UNIT_KEYS = ("outer-dimensions-dim", "outer-dimension-dim", "outer-dimensions-unit", "outer-dimension-unit")
_SNIPPET_KEYS = ("openscad", "open-scad")
_AXES = (("x", "y", "z"), ("length", "width", "height"), ("width", "depth", "height"))
_STANDARD_UNITS = {Kind.LENGTH: "mm", Kind.MASS: "g"}
_KNOWN = ("length", "width", "depth", "height", "x", "y", "z", "unit", "thickness", "diameter", *_SNIPPET_KEYS)


def read_extents(part: Table) -> Extents | None:
    """The outer size of a part or design; None when it says none, or nothing that can be read (then with a finding)."""
    key = part.first(*SIZE_KEYS)
    value = part.get(key)
    if value is None:
        return None
    if isinstance(value, str):
        return _from_snippet(value, part.text(*_UNIT_KEYS), part.where(key), part.findings)
    table = part.table(key)
    if table is None:
        part.findings.warn(part.where(key), f"should be a table, is {kind_of(value)}; the size is unknown")
        return None
    unit = table.text("unit")
    snippet = table.first(*_SNIPPET_KEYS)
    if table.has(snippet):
        written = table.get(snippet)
        if not isinstance(written, str):
            table.findings.warn(table.where(snippet), f"should be a text, is {kind_of(written)}; the size is unknown")
            return None
        return _from_snippet(written, unit, table.where(snippet), table.findings)
    return _from_axes(table, unit)


def read_mass(part: Table) -> Measure | None:
    """The mass of a part or design, with the unit it is stated in."""
    value = part.get("mass")
    if value is None:
        return None
    table = part.table("mass")
    if table is not None:
        unit = table.text("unit")
        return _quantity(table.get("value"), unit, Kind.MASS, table.where("value"), part.findings)
    return _quantity(value, "", Kind.MASS, part.where("mass"), part.findings)


def _from_snippet(snippet: str, unit: str, where: str, findings: Findings) -> Extents | None:
    size = size_of(snippet)
    if isinstance(size, UnknownShape):
        findings.warn(where, f"{size.reason}; the size is unknown")
        return None
    if size.unclosed:
        findings.warn(where, "its last bracket is missing; read as if it stood there")
    ucum = _unit(unit, Kind.LENGTH, where, findings)
    if ucum is None:
        return None
    axes = [measure(axis, ucum) for axis in (size.x, size.y, size.z)]
    return Extents(x=axes[0], y=axes[1], z=axes[2]) if any(axes) else None


def _from_axes(table: Table, unit: str) -> Extents | None:
    names = max(_AXES, key=lambda axes: sum(1 for axis in axes if table.has(axis)))
    for key, (written, _) in table.entries.items():
        if key not in _KNOWN:
            near = difflib.get_close_matches(key, _KNOWN, n=1, cutoff=0.6)
            hint = f"; did you mean {show(near[0])}?" if near else ""
            table.findings.warn(table.where(key), f"{show(written)} is not a dimension and is left out{hint}")
    bare = any(number_of(table.get(axis)) is not None for axis in names)
    known_unit = _unit(unit, Kind.LENGTH, table.place, table.findings) if bare or unit else "mm"
    if known_unit is None:
        return None
    axes = [
        _quantity(table.get(axis), known_unit, Kind.LENGTH, table.where(axis), table.findings)
        if table.has(axis)
        else None
        for axis in names
    ]
    for axis, known in zip(names, axes, strict=True):
        if known is None and any(axes):
            table.findings.warn(table.where(axis), "is not given; this extent is unknown")
    if not any(axes):
        table.findings.warn(table.place, "holds no dimension that can be read; the size is unknown")
        return None
    return Extents(x=axes[0], y=axes[1], z=axes[2])


def _quantity(value: Tree, unit: str, kind: Kind, where: str, findings: Findings) -> Measure | None:
    """A number with its unit beside it, or a text that holds both; above zero, and of the kind asked for."""
    number = number_of(value)
    if number is not None:
        ucum = _unit(unit, kind, where, findings)
        if ucum is None:
            return None
    else:
        read = quantity_in(value) if isinstance(value, str) else None
        if read is None or not is_kind(read, kind):
            shown = show(value) if isinstance(value, str) else kind_of(value)
            findings.warn(where, f"should be a {kind.value}, is {shown}; it is unknown")
            return None
        number, ucum = read.fraction, read.unit
    exact = measure(number, ucum) if number > 0 else None
    if exact is None:
        why = "has too many digits" if number > 0 else "is not above zero"
        findings.warn(where, f"is a {kind.value} that {why}; it is unknown")
    return exact


def _unit(unit: str, kind: Kind, where: str, findings: Findings) -> str | None:
    if not unit:
        standard = _STANDARD_UNITS[kind]
        findings.note(where, f"gives a {kind.value} without a unit; read in {standard}, as Open Know-How 2 fixes it")
        return standard
    known = unit_of(unit)
    if known is None or known.kind is not kind:
        findings.warn(where, f"{show(unit)} is not a unit of {kind.value} known here; the {kind.value} is unknown")
        return None
    return known.ucum
