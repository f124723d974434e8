"""Process settings of a part: every key that says how it is made, as an exact quantity where it has a unit.

LOSH lets a maker add keys of their own to a part (`infill`, `resolution-mm`, `smallest-tolerance-class`), JSON files
keep them under `manufacturing_params`, and either may nest a table per technology. All are read the same way: a unit
may stand in the value (`0.2mm`), in the key (`resolution-mm`), or be fixed by what the key means (`infill` is a
percentage).
"""

from __future__ import annotations

from protocol.exchange.bounds import DEPTH_MAX, SETTINGS_MAX
from protocol.exchange.design import Setting
from protocol.exchange.exact import measure, number_of, quantity_in, unit_of
from protocol.exchange.nodes import Tree
from protocol.exchange.okh_sizes import SIZE_KEYS
from protocol.exchange.table import Table, number_text

_NOT_SETTINGS = frozenset(
    {
        *SIZE_KEYS,
        *("outer-dimension-dim", "outer-dimensions-dim", "outer-dimension-unit", "outer-dimensions-unit"),
        *("name", "title", "id", "image", "tsdc", "source", "export", "auxiliary", "material", "materials", "mass"),
        *("okhv", "description", "function", "documentation-language", "licensor", "license", "licence", "version"),
        *("repo", "readme", "release", "bom", "manufacturing-instructions", "user-manual", "software", "part", "parts"),
        *("manufacturing-processes", "manufacturing-process"),
    }
)
"""Keys of a part that are read elsewhere, or say nothing about how it is made."""

_GROUPS = frozenset({"manufacturing-params", "process-settings", "printing-settings", "slicer", "parameters"})
"""Tables that only group settings; their own name is left off."""

_SETTINGS_OF_A_WHOLE = frozenset(
    {
        *("printing-process", "infill", "layer-height", "resolution", "resolution-mm", "raft-brim", "supports"),
        *("shell-thickness", "top-bottom-thickness", "smallest-tolerance-class", "smallest-inner-radius-mm"),
        *("finest-surface-roughness", *_GROUPS),
    }
)

_FIXED_UNITS = {"infill": "%", "infill-percentage": "%", "shell-thickness": "mm", "top-bottom-thickness": "mm"}
"""What a bare number means under these keys, by the 3D-printing criteria the LOSH manifests follow."""

_LONGER_NAMES = {
    "resolution": "layer-height",
    "infill-percentage": "infill",
    "support": "supports",
    "support-material": "supports",
    "manufacturing-process": "process",
}
"""Different words for the same setting -> the one used here, which is the parameter's name in a function definition."""

_YES = frozenset({"true", "yes", "required", "needed"})
_NO = frozenset({"false", "no", "not required", "not_required", "none"})
_FLAGS = frozenset({"supports", "raft-brim"})


def read_settings(part: Table, *, whole: bool = False) -> tuple[tuple[str, Setting], ...]:
    """The settings of a part in the file's order, at most SETTINGS_MAX; the first of a name counts.

    Of a whole design (`whole`) only keys known to be settings are read: the rest of its own keys speak of what it does.
    """
    found: dict[str, Setting] = {}
    _collect(part, "", found, whole, 0)
    return tuple(found.items())


def _collect(table: Table, prefix: str, found: dict[str, Setting], whole: bool, depth: int) -> None:
    for key, (_, value) in table.entries.items():
        wanted = depth > 0 or (key in _SETTINGS_OF_A_WHOLE if whole else key not in _NOT_SETTINGS)
        if value is None or not wanted:
            continue
        if len(found) >= SETTINGS_MAX:
            table.findings.warn(table.place, f"has more than {SETTINGS_MAX} settings; the rest are left out")
            return
        inner = table.table(key) if isinstance(value, dict | list) else None
        if inner is not None:
            own = "" if key in _GROUPS else key
            if depth < DEPTH_MAX:
                _collect(inner, ".".join(filter(None, (prefix, own))), found, whole, depth + 1)
            continue
        name, setting = _setting(table, key, value)
        if setting != "":
            found.setdefault(".".join(filter(None, (prefix, name))), setting)


def _setting(table: Table, key: str, value: Tree) -> tuple[str, Setting]:
    stem, _, last = key.rpartition("-")
    in_key = unit_of(last) if stem and last in ("mm", "cm", "g", "kg", "um") else None
    name = _LONGER_NAMES.get(stem if in_key else key, stem if in_key else key)
    number = number_of(value)
    if number is not None:
        unit = in_key.ucum if in_key else _FIXED_UNITS.get(key, "")
        exact = measure(number, unit) if unit else None
        plain = value if isinstance(value, str) else number_text(value)
        return name, exact if exact is not None else plain.strip()
    if isinstance(value, list):
        return name, ", ".join(table.texts(key))
    text = table.text(key)
    if name in _FLAGS:
        return name, "yes" if text.casefold() in _YES else "no" if text.casefold() in _NO else text
    return name, quantity_in(text) or text
