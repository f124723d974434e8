"""Functions by definition: what one kind of work takes in, gives out and can be asked for.

A definition is data. Its meaning (flows, parameters, limits) has one canonical value whose hash is the function's name
in calls, offers and proposals; prose, aliases and the words people use for a choice stand beside it and are not hashed
(SPEC C-3 to C-5). Checks are computed from the definition, so a new kind of work needs a file and no code.

Not here: reading the files (`definition_files`), finding a function by a word (`catalogue`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Any

from ledger.canonical import Value, decode, digest, encode
from ledger.form import PARAMETERS, Choice, Dict, Flag, List, Malformed, Map, MeasureForm, Text
from ledger.quantities import Measure, measure, read_measure
from protocol.capability.flows import FLOW, NAME, Flow, flow_from_value
from protocol.capability.limits import (
    CHOICES_MAX,
    DEFINITION_BYTES_MAX,
    FLOWS_MAX,
    NAME_BYTES_MAX,
    PARAMETERS_MAX,
    TEXT_BYTES_MAX,
    TURN_GROUPS_MAX,
    TURN_NAMES_MAX,
)
from protocol.capability.units import OtherKind, UnknownUnit, convert, is_unit, show_amount, show_measure

ParameterValue = Measure | str
"""A measure, or the text of a choice, flag or free text."""
YES_NO = ("no", "yes")
"""A flag is a choice of these two."""


class ValueKind(StrEnum):
    """What a parameter's value is."""

    MEASURE = "measure"
    CHOICE = "choice"
    FLAG = "flag"
    TEXT = "text"


class Scope(StrEnum):
    """What a parameter describes; a price per piece counts it once a piece."""

    PIECE = "piece"
    JOB = "job"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One thing that can be asked for."""

    name: str
    kind: ValueKind
    unit: str = ""
    """Of a measure; empty otherwise."""
    choices: tuple[str, ...] = ()
    """Sorted; of a choice or flag."""
    least: Fraction | None = None
    most: Fraction | None = None  # both inclusive, in `unit`
    required: bool = False
    scope: Scope = Scope.PIECE

    def to_value(self) -> dict[str, Value]:
        """The form in a definition's canonical value."""
        value: dict[str, Value] = {"kind": str(self.kind), "of": str(self.scope), "required": self.required}
        if self.kind is ValueKind.MEASURE:
            value["unit"] = self.unit
            for name, limit in (("least", self.least), ("most", self.most)):
                if limit is not None:
                    value[name] = measure(limit, self.unit).to_value()
        elif self.kind is ValueKind.CHOICE:
            value["choices"] = list(self.choices)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The meaning of one function, and nothing that may be reworded."""

    name: str
    inputs: tuple[Flow, ...]
    outputs: tuple[Flow, ...]
    """Both sorted by the flow's name."""
    parameters: tuple[Parameter, ...]
    """Sorted by name."""
    turn: tuple[tuple[str, ...], ...] = ()
    """Groups of measures that may be exchanged for one another: a part may be turned on the bed."""
    hash: bytes = field(init=False)
    """32 bytes: the function's name everywhere (SPEC C-3)."""
    _by_name: dict[str, Parameter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", digest("function", encode(self.to_value())))
        object.__setattr__(self, "_by_name", {one.name: one for one in self.parameters})

    def parameter(self, name: str) -> Parameter | None:
        """The parameter called so, or None."""
        return self._by_name.get(name)

    def to_value(self) -> dict[str, Value]:
        """The canonical value whose bytes are hashed (SPEC C-3)."""
        return {
            "in": [flow.to_value() for flow in self.inputs],
            "name": self.name,
            "out": [flow.to_value() for flow in self.outputs],
            "parameters": {one.name: one.to_value() for one in self.parameters},
            "turn": [list(group) for group in self.turn],
        }

    def to_bytes(self) -> bytes:
        """What a peer is sent who asks for this hash."""
        return encode(self.to_value())


_NAME_TEXT = Text(NAME_BYTES_MAX)
DEFINITION = Map(
    {
        "in": List(FLOW, 0, FLOWS_MAX),
        "name": _NAME_TEXT,
        "out": List(FLOW, 1, FLOWS_MAX),
        "parameters": Dict(
            Map(
                {"kind": Choice(*ValueKind), "of": Choice(*Scope), "required": Flag()},
                {
                    "choices": List(_NAME_TEXT, 1, CHOICES_MAX),
                    "least": MeasureForm(),
                    "most": MeasureForm(),
                    "unit": Text(24),
                },
            ),
            PARAMETERS_MAX,
            key_bytes_max=NAME_BYTES_MAX,
        ),
        "turn": List(List(_NAME_TEXT, 2, TURN_NAMES_MAX), 0, TURN_GROUPS_MAX),
    }
)


def definition_from_bytes(data: bytes) -> Definition:
    """The definition a peer sent; raises `NotCanonical` or `Malformed` (SPEC C-4)."""
    return definition_from_value(decode(data, bytes_max=DEFINITION_BYTES_MAX))


def definition_from_value(value: Value) -> Definition:
    """The definition in `value`, which must be exactly what `Definition.to_value` gives; raises `Malformed`."""
    DEFINITION.check(value)
    definition = Definition(
        name=value["name"],
        inputs=tuple(flow_from_value(flow, f"in[{i}]") for i, flow in enumerate(value["in"])),
        outputs=tuple(flow_from_value(flow, f"out[{i}]") for i, flow in enumerate(value["out"])),
        parameters=tuple(_parameter_from_value(name, one) for name, one in sorted(value["parameters"].items())),
        turn=tuple(tuple(group) for group in value["turn"]),
    )
    problem = inconsistency(definition)
    if problem:
        raise Malformed(*problem)
    if definition.to_value() != value:
        raise Malformed("", "the same meaning is written in another way than the one that is hashed")
    return definition


def _parameter_from_value(name: str, value: dict[str, Any]) -> Parameter:
    kind = ValueKind(value["kind"])
    unit = value.get("unit", "")
    limits: dict[str, Fraction] = {}
    for key in ("least", "most"):
        if key in value:
            limit = read_measure(value[key])
            if limit.unit != unit:
                raise Malformed(f"parameters.{name}.{key}", "a limit is in the parameter's own unit")
            limits[key] = limit.fraction
    return Parameter(
        name=name,
        kind=kind,
        unit=unit,
        choices=YES_NO if kind is ValueKind.FLAG else tuple(value.get("choices", ())),
        least=limits.get("least"),
        most=limits.get("most"),
        required=value["required"],
        scope=Scope(value["of"]),
    )


def inconsistency(definition: Definition) -> tuple[str, str] | None:
    """(path, sentence) of the first thing in a definition that contradicts itself, or None (SPEC C-4)."""
    if not NAME.fullmatch(definition.name):
        return "name", "a name is small letters, digits and single hyphens"
    for parameter in definition.parameters:
        what = _parameter_inconsistency(parameter)
        if what is not None:
            return f"parameters.{parameter.name}", what
    for flows, path in ((definition.inputs, "in"), (definition.outputs, "out")):
        names = [flow.name for flow in flows]
        if names != sorted(set(names)):
            return path, "flows are sorted by name and no two have the same"
        for flow in flows:
            for _, text in flow.properties:
                if text.startswith("$") and definition.parameter(text[1:]) is None:
                    return f"{path}.{flow.name}", "a property refers to a parameter that is not defined"
    if list(definition.turn) != sorted(definition.turn):
        return "turn", "groups are sorted"
    return _turn_inconsistency(definition)


def _turn_inconsistency(definition: Definition) -> tuple[str, str] | None:
    seen: set[str] = set()
    for group in definition.turn:
        members = [definition.parameter(name) for name in group]
        if any(one is None or one.kind is not ValueKind.MEASURE for one in members):
            return "turn", "only measures of the function can be exchanged"
        if len({one.unit for one in members if one is not None}) != 1:
            return "turn", "parameters that can be exchanged have the same unit"
        if list(group) != sorted(set(group)) or seen & set(group):
            return "turn", "a group is sorted and no parameter stands twice"
        seen |= set(group)
    return None


def _parameter_inconsistency(parameter: Parameter) -> str | None:
    if not NAME.fullmatch(parameter.name):
        return "a name is small letters, digits and single hyphens"
    if (parameter.kind is ValueKind.MEASURE) != bool(parameter.unit):
        return "a measure has a unit, and nothing else has"
    if parameter.unit and not is_unit(parameter.unit):
        return "its unit is not known"
    limits = [limit for limit in (parameter.least, parameter.most) if limit is not None]
    if limits and not parameter.unit:
        return "only a measure has limits"
    if limits != sorted(limits):
        return "the least is more than the most"
    if (parameter.kind in {ValueKind.CHOICE, ValueKind.FLAG}) != bool(parameter.choices):
        return "a choice has choices, and nothing else has"
    if list(parameter.choices) != sorted(set(parameter.choices)):
        return "choices are sorted and none stands twice"
    if not all(NAME.fullmatch(choice) for choice in parameter.choices):
        return "a choice is small letters, digits and single hyphens"
    return None


class Fault(StrEnum):
    """What can be wrong with the value of a parameter; a closed list."""

    UNKNOWN = "unknown-parameter"
    MISSING = "missing"
    NOT_A_MEASURE = "not-a-measure"
    NOT_A_TEXT = "not-a-text"
    UNIT = "unit"
    BELOW = "below"
    ABOVE = "above"
    CHOICE = "choice"
    TOO_LONG = "too-long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One value that a definition does not admit."""

    parameter: str
    fault: Fault
    what: str
    """A sentence without the parameter's name."""

    def __str__(self) -> str:
        return f"{self.parameter}: {self.what}"


def check_parameters(definition: Definition, values: Mapping[str, ParameterValue]) -> list[Problem]:
    """Everything about `values` that `definition` does not admit; empty if all is well (SPEC C-6)."""
    problems = [
        Problem(parameter=name, fault=Fault.UNKNOWN, what=f"{definition.name} has no such parameter")
        for name in sorted(values)
        if definition.parameter(name) is None
    ]
    for parameter in definition.parameters:
        value = values.get(parameter.name)
        if value is None:
            if parameter.required:
                problems.append(Problem(parameter=parameter.name, fault=Fault.MISSING, what="it must be given"))
            continue
        found = _check_value(parameter, value)
        if found is not None:
            problems.append(Problem(parameter=parameter.name, fault=found[0], what=found[1]))
    return problems


def _check_value(parameter: Parameter, value: ParameterValue) -> tuple[Fault, str] | None:
    if parameter.kind is ValueKind.MEASURE:
        return _check_measure(parameter, value)
    if not isinstance(value, str):
        return Fault.NOT_A_TEXT, "a text is expected, not a measure"
    if parameter.kind is ValueKind.TEXT:
        fits = len(value.encode("utf-8", "surrogatepass")) <= TEXT_BYTES_MAX
        return None if fits else (Fault.TOO_LONG, f"at most {TEXT_BYTES_MAX} bytes are allowed")
    if value not in parameter.choices:
        return Fault.CHOICE, f"one of {', '.join(parameter.choices)} is expected"
    return None


def _check_measure(parameter: Parameter, value: ParameterValue) -> tuple[Fault, str] | None:
    if isinstance(value, str):
        return Fault.NOT_A_MEASURE, f"a number of {parameter.unit} is expected"
    try:
        number = number_in(parameter, value)
    except (UnknownUnit, OtherKind) as problem:
        return Fault.UNIT, str(problem)
    if parameter.least is not None and number < parameter.least:
        return Fault.BELOW, f"{show_measure(value)} is less than {show_amount(parameter.least, parameter.unit)}"
    if parameter.most is not None and number > parameter.most:
        return Fault.ABOVE, f"{show_measure(value)} is more than {show_amount(parameter.most, parameter.unit)}"
    return None


def number_in(parameter: Parameter, value: Measure) -> Fraction:
    """`value` in the parameter's unit, exactly; raises `UnknownUnit` or `OtherKind`."""
    return convert(value.fraction, value.unit, parameter.unit)


def parameters_from_value(value: Value) -> dict[str, ParameterValue]:
    """The parameters of a call or proposal as typed values; raises `Malformed`."""
    PARAMETERS.check(value, "parameters")
    return {name: one if isinstance(one, str) else read_measure(one) for name, one in value.items()}


def parameters_to_value(values: Mapping[str, ParameterValue]) -> dict[str, Value]:
    """The form of typed parameters in a call or proposal."""
    return {name: one if isinstance(one, str) else one.to_value() for name, one in values.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """What people read and write about a function; may be reworded and translated without a new function."""

    title: str
    help: str = ""
    aliases: tuple[str, ...] = ()
    tsdc: tuple[str, ...] = ()
    """Technology-specific Documentation Criteria codes (DIN SPEC 3105-1) whose parts this function makes."""
    order: tuple[str, ...] = ()
    """Parameters in the order of a form."""
    help_of: Mapping[str, str] = field(default_factory=dict)
    """Parameter -> one sentence."""
    words: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Parameter -> choice -> what people call it, the first one shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A definition and the prose that is known about it here."""

    definition: Definition
    prose: Prose

    @property
    def hash(self) -> bytes:
        """The definition's hash, 32 bytes."""
        return self.definition.hash

    @property
    def name(self) -> str:
        """The short name, e.g. ``cnc-milling``."""
        return self.definition.name

    @property
    def title(self) -> str:
        """What people call it, e.g. ``CNC milling``."""
        return self.prose.title

    def choice(self, parameter: str, word: str) -> str | None:
        """The choice of `parameter` that people mean by `word`, or None: exact names first, then words."""
        known = self.definition.parameter(parameter)
        if known is None or not known.choices:
            return None
        wanted = plain(word)
        for choice in known.choices:
            if plain(choice) == wanted:
                return choice
        for choice, words in self.prose.words.get(parameter, {}).items():
            if any(plain(one) == wanted for one in words):
                return choice
        return None


def bare_function(definition: Definition) -> Function:
    """A function known only by its definition, as when a peer sent it."""
    return Function(definition=definition, prose=Prose(title=definition.name.replace("-", " ")))


@lru_cache(maxsize=4096)
def plain(word: str) -> str:
    """`word` for comparing: no case, blanks, hyphens or underscores."""
    return "".join(letter for letter in word.casefold() if letter not in " -_\t")
