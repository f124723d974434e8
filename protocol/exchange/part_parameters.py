"""What a part's entry in a design says about the work, as the parameters of a call.

`call_parameters` takes everything a part states, under the parameter names that function definitions use. Which of
them a given function has, and which of its choices a material is, only the definition knows: `for_function` cuts the
call down to it. A size goes in as length, width and height along x, y and z; definitions say themselves which axes
may be turned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

from ledger.quantities import Measure
from protocol.exchange.design import Part
from protocol.exchange.exact import Kind, in_unit, is_kind
from protocol.exchange.processes import MEANINGS, is_known
from protocol.exchange.text import show

ParameterValue: TypeAlias = "Measure | str"

Choice: TypeAlias = Callable[[str, str], "str | None"]
"""(parameter, a stranger's word) -> the id of the definition's choice, or None when it is none of them."""

_AXES = ("length", "width", "height")
_NOT_WORK = {"STD": "standard parts are bought, not made", "COT": "coating has no function of its own here"}
"""Codes that name no work a call can ask for; the sentence says why."""


_FORMS_OF_STOCK = frozenset({"sheet", "plate", "board", "panel", "filament", "rod", "bar", "tube", "block", "stock"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCall:
    """What a part asks of whoever makes it."""

    part: str
    processes: tuple[str, ...]
    """Technology codes that name work, in the file's order; the first is the main one."""
    parameters: dict[str, ParameterValue]
    """Parameter name -> exact measure, or text (a flag is `yes` or `no`). Lengths are in mm, masses in g."""
    files: tuple[str, ...]
    """Exports, then sources: what the maker will want, as named in the manifest."""
    unknown: tuple[str, ...]
    """Sentences: what the part does not say, or says in a way no parameter carries; what concerns its process last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCall:
    """A part's call cut down to one function."""

    parameters: dict[str, ParameterValue]
    material_refused: bool
    """The design names a material that is none of the function's choices: it is not the function to ask."""
    left_out: tuple[str, ...]
    """Sentences: what the design says that this function has no parameter for, or no choice."""


def call_parameters(part: Part) -> PartCall:
    """The parameters a part's entry gives, and what it leaves unknown. Nothing is added that the part does not say."""
    parameters: dict[str, ParameterValue] = {}
    unknown: list[str] = []
    if part.materials:
        parameters["material"] = part.materials[0]
        if len(part.materials) > 1:
            others = ", ".join(show(name) for name in part.materials[1:4])
            unknown.append(f"several materials are named; the first is asked for, not {others}")
    else:
        unknown.append("the material is not stated")
    _add_sizes(part, parameters, unknown)
    if part.mass is not None:
        parameters["mass"] = in_unit(part.mass, "g") or part.mass
    else:
        unknown.append("the mass is not stated")
    for name, setting in part.settings:
        if isinstance(setting, Measure) and is_kind(setting, Kind.LENGTH):
            setting = in_unit(setting, "mm") or setting
        if name not in parameters:
            parameters[name] = setting
    processes = _work(part, unknown)
    return PartCall(
        part=part.name,
        processes=processes,
        parameters=parameters,
        files=tuple(dict.fromkeys((*part.exports, *part.sources))),
        unknown=tuple(unknown),
    )


def for_function(call: PartCall, names: Collection[str], choice: Choice | None = None) -> FittedCall:
    """The parameters of a call that a function with the parameters `names` takes.

    A function of a material with `thickness` and no `height` works a sheet: the smallest extent is its thickness, the
    others length and width; one with a `diameter` turns: two equal extents are the diameter. `choice` turns the
    design's word for the material into the function's own; a word that says more is kept as `grade`, a word that is
    none of them is left out.
    """
    parameters = dict(call.parameters)
    left_out: list[str] = []
    _lay_flat(parameters, names)
    _stand_on_axis(parameters, names)
    refused = choice is not None and "material" in names and not _choose_material(parameters, names, choice, left_out)
    for name in [name for name in parameters if name not in names]:
        value = parameters.pop(name)
        left_out.append(f"{name} ({_shown(value)}) is nothing this function asks for")
    return FittedCall(parameters=parameters, material_refused=refused, left_out=tuple(left_out))


def _add_sizes(part: Part, parameters: dict[str, ParameterValue], unknown: list[str]) -> None:
    if part.extents is None:
        unknown.append("the outer dimensions are not known")
        return
    for name, axis in zip(_AXES, (part.extents.x, part.extents.y, part.extents.z), strict=True):
        if axis is None:
            unknown.append(f"the {name} is not known")
        else:
            parameters[name] = in_unit(axis, "mm") or axis


def _work(part: Part, unknown: list[str]) -> tuple[str, ...]:
    if not part.processes:
        unknown.append("how it is made (tsdc) is not stated")
    for code in part.processes:
        if code in _NOT_WORK:
            unknown.append(f"{code}: {_NOT_WORK[code]}")
        elif not is_known(code):
            unknown.append(f"{show(code)} is not a technology code known here")
    return tuple(code for code in part.processes if code in MEANINGS and code not in _NOT_WORK)


def _lay_flat(parameters: dict[str, ParameterValue], names: Collection[str]) -> None:
    if not {"material", "thickness"} <= set(names) or "height" in names or "thickness" in parameters:
        return
    extents = [value for name in _AXES if isinstance(value := parameters.get(name), Measure)]
    if len(extents) < len(_AXES):
        return
    shortest, *rest = sorted(range(len(extents)), key=lambda index: extents[index].fraction)
    first, second = sorted(rest)
    parameters["length"], parameters["width"] = extents[first], extents[second]
    parameters["thickness"] = extents[shortest]
    del parameters["height"]


def _stand_on_axis(parameters: dict[str, ParameterValue], names: Collection[str]) -> None:
    if "diameter" not in names or "width" in names or "diameter" in parameters:
        return
    if all(name in parameters for name in _AXES) and parameters["length"] == parameters["width"]:
        parameters["diameter"] = parameters.pop("width")
        parameters["length"] = parameters.pop("height")


def _choose_material(
    parameters: dict[str, ParameterValue], names: Collection[str], choice: Choice, left_out: list[str]
) -> bool:
    """Puts the function's own word in the material's place; False when it has none for it."""
    word = parameters.get("material")
    if not isinstance(word, str):
        return True
    chosen = choice("material", word) or choice("material", _without_form(word))
    if chosen is None:
        del parameters["material"]
        left_out.append(f"the material {show(word)} is none that this function knows")
        return False
    parameters["material"] = chosen
    if "grade" in names and "grade" not in parameters and _loose(word) != _loose(chosen):
        parameters["grade"] = word
    return True


def _without_form(word: str) -> str:
    """`Acrylic sheet` is acrylic: the stock's form is left off, since the function says itself what it works from."""
    return " ".join(one for one in word.split() if one.casefold() not in _FORMS_OF_STOCK)


def _shown(value: ParameterValue) -> str:
    return f"{value.fraction} {value.unit}" if isinstance(value, Measure) else show(value)


def _loose(word: str) -> str:
    return "".join(sign for sign in word.casefold() if sign.isalnum())
