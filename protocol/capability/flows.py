"""What flows between workshops: a type of item or of service, with its unit, properties and place.

An atomic function is known by what goes in and what comes out. A flow's *kind* is a path from the general to the
special (``part/printed`` is a ``part``); its *properties* are texts, or a reference to a parameter (``$material``)
whose value is known only in a call. Two functions connect where an output of one can be an input of the other; that is
decided here, from the flows alone (SPEC C-8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ledger.canonical import Value
from ledger.form import Choice, Dict, Malformed, Map, Text
from protocol.capability.limits import NAME_BYTES_MAX, PROPERTIES_MAX
from protocol.capability.units import is_unit, same_kind

NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""Names of functions, parameters, flows and choices: small letters, digits and single hyphens."""
KIND = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:/[a-z0-9]+(?:-[a-z0-9]+)*){0,7}")
"""A path of such names."""
ANY = "any"
"""The kind that stands for whatever is given, as in transport."""


class FlowType(StrEnum):
    """Whether something is handed over or done."""

    ITEM = "item"
    SERVICE = "service"


class Where(StrEnum):
    """At which place of the job the flow enters or leaves."""

    WORKSHOP = "workshop"
    """Where the work is done."""
    FROM = "from"
    """Where the job starts, as in transport."""
    TO = "to"
    """Where the job ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One input or output of a function."""

    name: str
    """Its role in the function: ``filament``, ``part``."""
    type: FlowType
    kind: str
    unit: str
    place: Where
    properties: tuple[tuple[str, str], ...]
    """Sorted (name, text or ``$parameter``)."""

    def to_value(self) -> dict[str, Value]:
        """The form in a definition's canonical value."""
        return {
            "kind": self.kind,
            "name": self.name,
            "place": str(self.place),
            "properties": dict(self.properties),
            "type": str(self.type),
            "unit": self.unit,
        }


FLOW = Map(
    {
        "kind": Text(200),
        "name": Text(NAME_BYTES_MAX),
        "place": Choice(*Where),
        "properties": Dict(Text(80), PROPERTIES_MAX, key_bytes_max=NAME_BYTES_MAX),
        "type": Choice(*FlowType),
        "unit": Text(24),
    }
)


def flow_from_value(value: dict[str, Any], path: str) -> Flow:
    """The flow in a value that has the form `FLOW`; raises `Malformed` for a bad name, kind or unit."""
    names = [value["name"], *value["properties"]]
    if not all(NAME.fullmatch(name) for name in names):
        raise Malformed(path, "a name is small letters, digits and single hyphens")
    if not KIND.fullmatch(value["kind"]):
        raise Malformed(path, "a kind is a path of names such as part/printed")
    if not is_unit(value["unit"]):
        raise Malformed(path, "its unit is not known")
    return Flow(
        name=value["name"],
        type=FlowType(value["type"]),
        kind=value["kind"],
        unit=value["unit"],
        place=Where(value["place"]),
        properties=tuple(sorted(value["properties"].items())),
    )


def is_a(special: str, general: str) -> bool:
    """Whether `special` is `general` or a kind of it; everything is an ``any``."""
    return ANY in (special, general) or special == general or special.startswith(general + "/")


def feeds(output: Flow, into: Flow) -> bool:
    """Whether what leaves as `output` can enter as `into` (SPEC C-8).

    The kind must be the same or more special, the units must measure the same thing, and no property may be fixed to
    different texts on the two sides. A reference is settled in a call, and a property one side is silent about is open.
    """
    if output.type is not into.type or not is_a(output.kind, into.kind) or not same_kind(output.unit, into.unit):
        return False
    given = dict(output.properties)
    for name, wanted in into.properties:
        have = given.get(name)
        if have is not None and have != wanted and not have.startswith("$") and not wanted.startswith("$"):
            return False
    return True
