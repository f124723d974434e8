"""From functions and flows to the interface and message schema that serve them.

Nothing is written per function: the form a person fills in, the shape of a call's parameters on the wire, the id of
that shape, and which function can feed which are all computed from definitions (SPEC C-8, C-9). Two nodes that hold the
same definition derive the same interface, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from unicodedata import normalize

from ledger.canonical import Value, digest, encode
from ledger.form import Choice, Form, Map, MeasureForm, Text
from protocol.capability.flows import Flow, feeds
from protocol.capability.functions import Definition, Function, Parameter, ParameterValue, Scope, ValueKind
from protocol.capability.limits import TEXT_BYTES_MAX
from protocol.capability.reading import hint
from protocol.capability.units import read_amount, show_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One line of the form for a function."""

    name: str
    help: str
    kind: ValueKind
    unit: str
    choices: tuple[tuple[str, str], ...]
    """(choice, what people call it)."""
    least: Fraction | None
    most: Fraction | None
    required: bool
    scope: Scope

    def __str__(self) -> str:
        """``length (mm, 0.1 mm to 5000 mm)``."""
        parts = [", ".join(choice for choice, _ in self.choices)] if self.choices else []
        if self.kind is ValueKind.MEASURE:
            parts.append(_range(self.least, self.most, self.unit))
        if self.kind is ValueKind.TEXT:
            parts.append("text")
        if self.scope is Scope.JOB:
            parts.append("of the whole job")
        if self.required:
            parts.append("required")
        return f"{self.name} ({'; '.join(parts)})"


def _range(least: Fraction | None, most: Fraction | None, unit: str) -> str:
    if least is not None and most is not None:
        return f"{show_amount(least, unit)} to {show_amount(most, unit)}"
    if most is not None:
        return f"up to {show_amount(most, unit)}"
    return f"from {show_amount(least, unit)}" if least is not None else f"any number of {unit}"


def describe(function: Function) -> tuple[Field, ...]:
    """The form of a function: required fields first, else in the order of its file (SPEC C-9)."""
    order = {name: i for i, name in enumerate(function.prose.order)}
    parameters = sorted(
        function.definition.parameters, key=lambda one: (not one.required, order.get(one.name, len(order)), one.name)
    )
    return tuple(_field(function, one) for one in parameters)


def _field(function: Function, parameter: Parameter) -> Field:
    words = function.prose.words.get(parameter.name, {})
    return Field(
        name=parameter.name,
        help=function.prose.help_of.get(parameter.name, ""),
        kind=parameter.kind,
        unit=parameter.unit,
        choices=tuple(
            (choice, words[choice][0] if words.get(choice) else choice.replace("-", " "))
            for choice in parameter.choices
        ),
        least=parameter.least,
        most=parameter.most,
        required=parameter.required,
        scope=parameter.scope,
    )


def read_value(function: Function, name: str, text: str) -> ParameterValue:
    """What a person wrote for a parameter: ``120 mm``, ``PLA``, ``yes``; raises `ValueError` with a sentence."""
    parameter = function.definition.parameter(name)
    if parameter is None:
        known = [one.name for one in function.definition.parameters]
        more = hint(name, known) or f"; it has {', '.join(known)}"
        raise ValueError(f'{function.name} has no parameter "{name}"{more}')
    if parameter.kind is ValueKind.MEASURE:
        return read_amount(text, parameter.unit)
    if parameter.kind is ValueKind.TEXT:
        return normalize("NFC", text)
    choice = function.choice(name, text)
    if choice is None:
        more = hint(text, parameter.choices)
        raise ValueError(f'{name}: "{text}" is not one of {", ".join(parameter.choices)}{more}')
    return choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """What a node that serves a function takes and gives, derived from its definition."""

    function: bytes
    """32 bytes: the definition's hash."""
    schema: bytes
    """32 bytes: the id of the shape of its messages."""
    parameters: Map
    """The shape of a call's or proposal's parameters; limits are judged by `check_parameters`."""
    takes: tuple[Flow, ...]
    gives: tuple[Flow, ...]


def derive(definition: Definition) -> Interface:
    """The interface that serves `definition` (SPEC C-9)."""
    return Interface(
        function=definition.hash,
        schema=digest("interface", encode(schema_value(definition))),
        parameters=parameter_form(definition),
        takes=definition.inputs,
        gives=definition.outputs,
    )


def schema_value(definition: Definition) -> dict[str, Value]:
    """The message schema as a value: what each parameter is on the wire, what is taken and given.

    Limits are left out: a function whose limits alone were widened keeps its schema, so the same programs serve it.
    """
    shapes: dict[str, Value] = {}
    for one in definition.parameters:
        shape: dict[str, Value] = {"kind": str(one.kind), "required": one.required}
        if one.kind is ValueKind.MEASURE:
            shape["unit"] = one.unit
        elif one.kind is ValueKind.CHOICE:
            shape["choices"] = list(one.choices)
        shapes[one.name] = shape
    return {
        "gives": [flow.to_value() for flow in definition.outputs],
        "parameters": shapes,
        "takes": [flow.to_value() for flow in definition.inputs],
    }


def parameter_form(definition: Definition) -> Map:
    """The shape of a map of parameters for this function, unknown names refused."""
    required: dict[str, Form] = {}
    optional: dict[str, Form] = {}
    for one in definition.parameters:
        form: Form
        match one.kind:
            case ValueKind.MEASURE:
                form = MeasureForm()
            case ValueKind.CHOICE | ValueKind.FLAG:
                form = Choice(*one.choices)
            case ValueKind.TEXT:
                form = Text(TEXT_BYTES_MAX)
        (required if one.required else optional)[one.name] = form
    return Map(required, optional)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An output of one function that can be an input of another."""

    source: bytes
    output: str
    target: bytes
    input: str


def connections(definitions: Iterable[Definition]) -> list[Connection]:
    """Every way in which these functions can feed each other, in their order (SPEC C-8)."""
    known = tuple(definitions)
    return [
        Connection(source=maker.hash, output=output.name, target=taker.hash, input=into.name)
        for maker in known
        for output in maker.outputs
        for taker in known
        if taker.hash != maker.hash
        for into in taker.inputs
        if feeds(output, into)
    ]
