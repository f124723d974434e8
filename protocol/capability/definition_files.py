"""Reading a function's definition from its TOML file: meaning to one side, prose to the other.

Errors name file and key (SPEC C-15). The order of keys, comments, prose and aliases have no influence on the hash.
"""

from __future__ import annotations

from fractions import Fraction

from protocol.capability.flows import KIND, NAME, Flow, FlowType, Where
from protocol.capability.functions import (
    YES_NO,
    Definition,
    Function,
    Parameter,
    Prose,
    Scope,
    ValueKind,
    inconsistency,
)
from protocol.capability.limits import (
    CHOICES_MAX,
    DEFINITION_BYTES_MAX,
    DEFINITION_FILE_BYTES_MAX,
    FLOWS_MAX,
    NAME_BYTES_MAX,
    PARAMETERS_MAX,
    PROPERTIES_MAX,
    TURN_GROUPS_MAX,
)
from protocol.capability.reading import Section, WrongFile, hint, parse_toml
from protocol.capability.units import UnknownUnit, unit


def read_definition(text: str, file_name: str) -> Function:
    """The function in a definition file's text; raises `WrongFile` naming file and key."""
    top = parse_toml(text, file_name, DEFINITION_FILE_BYTES_MAX)
    name = _name(top, "name")
    title = top.text("title", required=True)
    about = top.text("help", bytes_max=2000)
    aliases, tsdc = top.texts("aliases"), top.texts("tsdc")
    turn = tuple(sorted(tuple(sorted(group)) for group in top.lists("turn", TURN_GROUPS_MAX)))
    inputs = _flows(top, "input")
    outputs = _flows(top, "output")
    if not outputs:
        raise top.wrong("output", "a function has at least one [[output]]")
    parameters, prose = _parameters(top.table("parameter"))
    top.end()
    definition = Definition(name=name, inputs=inputs, outputs=outputs, parameters=parameters, turn=turn)
    problem = inconsistency(definition)
    if problem is not None:
        raise WrongFile(file_name, problem[0].replace("parameters.", "parameter."), problem[1])
    if len(definition.to_bytes()) > DEFINITION_BYTES_MAX:
        raise WrongFile(file_name, "", f"its meaning is longer than {DEFINITION_BYTES_MAX} bytes")
    return Function(
        definition=definition,
        prose=Prose(
            title=title,
            help=about,
            aliases=aliases,
            tsdc=tsdc,
            order=prose.order,
            help_of=prose.help_of,
            words=prose.words,
        ),
    )


def _name(section: Section, key: str) -> str:
    text = section.text(key, required=True, bytes_max=NAME_BYTES_MAX)
    if not NAME.fullmatch(text):
        raise section.wrong(key, "small letters, digits and single hyphens are expected")
    return text


def _unit(section: Section) -> str:
    text = section.text("unit", required=True)
    try:
        return unit(text).text
    except UnknownUnit as problem:
        raise section.wrong("unit", str(problem)) from None


def _flows(top: Section, key: str) -> tuple[Flow, ...]:
    flows = sorted((_flow(one) for one in top.tables(key, FLOWS_MAX)), key=lambda one: one.name)
    if len({flow.name for flow in flows}) != len(flows):
        raise top.wrong(key, "two of them have the same name")
    return tuple(flows)


def _flow(section: Section) -> Flow:
    kind = section.text("kind", required=True)
    if not KIND.fullmatch(kind):
        raise section.wrong("kind", "a path of names such as part/printed is expected")
    properties = section.table("properties")
    names = properties.names()
    if len(names) > PROPERTIES_MAX or not all(NAME.fullmatch(name) for name in names):
        raise section.wrong("properties", f"at most {PROPERTIES_MAX} properties with plain names are expected")
    flow = Flow(
        name=_name(section, "name"),
        type=FlowType(_one_of(section, "type", tuple(FlowType), FlowType.ITEM)),
        kind=kind,
        unit=_unit(section),
        place=Where(_one_of(section, "place", tuple(Where), Where.WORKSHOP)),
        properties=tuple(sorted((name, properties.text(name, bytes_max=80)) for name in names)),
    )
    section.end()
    return flow


def _one_of(section: Section, key: str, known: tuple[str, ...], default: str) -> str:
    text = section.text(key) or default
    if text not in known:
        raise section.wrong(key, f'"{text}" is not one of {", ".join(known)}{hint(text, known)}')
    return text


def _parameters(section: Section) -> tuple[tuple[Parameter, ...], Prose]:
    """The parameters sorted by name, and their part of the prose."""
    order = section.names()
    if len(order) > PARAMETERS_MAX:
        raise section.wrong("", f"at most {PARAMETERS_MAX} parameters are allowed")
    parameters: list[Parameter] = []
    help_of: dict[str, str] = {}
    words: dict[str, dict[str, tuple[str, ...]]] = {}
    for name in order:
        if not NAME.fullmatch(name) or len(name) > NAME_BYTES_MAX:
            raise section.wrong(name, "small letters, digits and single hyphens are expected in a name")
        one = section.table(name)
        help_of[name] = one.text("help", bytes_max=2000)
        parameter = _parameter(name, one)
        parameters.append(parameter)
        spoken = one.table("words")
        words[name] = {choice: spoken.texts(choice) for choice in spoken.names() if choice in parameter.choices}
        for stranger in spoken.names():
            raise spoken.wrong(stranger, f"there is no such choice{hint(stranger, parameter.choices)}")
        one.end()
    parameters.sort(key=lambda one: one.name)
    return tuple(parameters), Prose(title="", order=order, help_of=help_of, words=words)


def _parameter(name: str, section: Section) -> Parameter:
    kind = ValueKind(_one_of(section, "kind", tuple(ValueKind), ""))
    choices: tuple[str, ...] = YES_NO if kind is ValueKind.FLAG else ()
    unit_text = ""
    limits: list[Fraction | None] = [None, None]
    if kind is ValueKind.CHOICE:
        given = section.texts("choices", bytes_max=NAME_BYTES_MAX, most=CHOICES_MAX)
        choices = tuple(sorted(set(given)))
        if len(choices) != len(given):
            raise section.wrong("choices", "a choice stands twice")
    elif kind is ValueKind.MEASURE:
        unit_text = _unit(section)
        limits = [section.number("least"), section.number("most")]
    return Parameter(
        name=name,
        kind=kind,
        unit=unit_text,
        choices=choices,
        least=limits[0],
        most=limits[1],
        required=section.flag("required", False),
        scope=Scope(_one_of(section, "of", tuple(Scope), Scope.PIECE)),
    )
