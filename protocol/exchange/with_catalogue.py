"""Joins what files say to the functions known here: which function makes a part, which a machine serves.

The converters beside this file know no function; here their words and codes meet the catalogue. A part's own word for
how it is made (`printing-process = "SLA"`) counts before its technology code, since one code covers several functions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from protocol.capability.catalogue import Catalogue
from protocol.capability.functions import Function
from protocol.exchange.part_parameters import FittedCall, PartCall, for_function
from protocol.exchange.processes import MEANINGS
from protocol.exchange.text import show

_PROCESS_SETTINGS = ("printing-process", "process", "manufacturing-process")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueFunctions:
    """The catalogue as `okw_offers.KnownFunctions`."""

    catalogue: Catalogue

    def named_for(self, word: str) -> Sequence[str]:
        """The names of the functions that go by a word or technology code: none, one or several."""
        return [one.name for one in _functions_for(word, self.catalogue)]

    def parameters(self, function: str) -> Collection[str]:
        """The parameters of a function that `named_for` gave; raises `UnknownFunction` otherwise."""
        return _names(self.catalogue.named(function))

    def choice(self, function: str, parameter: str, word: str) -> str | None:
        """The id of the choice that `word` means, or None; raises as `parameters` does."""
        return self.catalogue.named(function).choice(parameter, word)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionOfPart:
    """The function to ask for, and the part's call cut down to it."""

    function: Function
    call: FittedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFunctionForPart:
    """Nothing known here makes this part; `reason` says which word or material it fails on."""

    part: str
    reason: str

    def __str__(self) -> str:
        return f"'{self.part}' cannot be called for: {self.reason}"


def function_for(call: PartCall, catalogue: Catalogue) -> FunctionOfPart | NoFunctionForPart:
    """The function that makes a part: of those its process names, the one that takes its material and leaves least out.

    A material that none of them knows is no ground to pick one: then there is no function for the part.
    """
    candidates = _candidates(call, catalogue)
    if not candidates:
        said = " or ".join(_meaning(code) for code in call.processes)
        why = f"nothing known here does {said}" if said else call.unknown[-1]  # what it says of its process, or lacks
        return NoFunctionForPart(part=call.part, reason=why)
    fitted = [FunctionOfPart(function=one, call=for_function(call, _names(one), one.choice)) for one in candidates]
    taking = [one for one in fitted if not one.call.material_refused]
    if not taking:
        names = " or ".join(one.title for one in candidates)
        material = show(str(call.parameters.get("material", "")))
        return NoFunctionForPart(part=call.part, reason=f"{names} is not known to work {material}")
    return min(taking, key=lambda one: len(one.call.left_out))


def _candidates(call: PartCall, catalogue: Catalogue) -> tuple[Function, ...]:
    """By the part's own word for the process, else by the first of its codes that names a function."""
    said = [value for name in _PROCESS_SETTINGS if isinstance(value := call.parameters.get(name), str)]
    for word in (*said, *call.processes):
        found = _functions_for(word, catalogue)
        if found:
            return found
    return ()


def _functions_for(word: str, catalogue: Catalogue) -> tuple[Function, ...]:
    """The functions that go by a word or technology code; a code that none claims is tried by its meaning."""
    found = catalogue.by_alias(word) or catalogue.by_tsdc(word)
    meaning = MEANINGS.get(word.upper())
    return found if found or meaning is None else catalogue.by_alias(meaning)


def _names(function: Function) -> frozenset[str]:
    return frozenset(one.name for one in function.definition.parameters)


def _meaning(code: str) -> str:
    return f"{MEANINGS[code]} ({code})" if code in MEANINGS else show(code)
