"""From a facility's machines to drafts of offers: which function each serves, within which limits, and what is missing.

A draft is not an offer: price, rate and lead time are the owner's to say, and no facility file has them in a form that
could be signed. A machine whose words name no function, or several, becomes a sentence in `missing`, not a guess.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.quantities import Measure, measure
from protocol.exchange.facility import Equipment, Facility
from protocol.exchange.okw_words import words_to_try
from protocol.exchange.text import show


class KnownFunctions(Protocol):
    """What the drafts need to know of the function definitions at hand."""

    def named_for(self, word: str) -> Sequence[str]:
        """The names of the functions that go by this word (a process, a machine, a technology code)."""
        ...

    def parameters(self, function: str) -> Collection[str]:
        """The names of a function's parameters."""
        ...

    def choice(self, function: str, parameter: str, word: str) -> str | None:
        """The id of the choice a stranger's word means, or None."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A function's parameter narrowed by a machine; an end that is None is left as the definition has it."""

    parameter: str
    least: Measure | None = None
    most: Measure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferDraft:
    """What a facility file says towards one offer: one machine, or several alike, serving one function."""

    function: str
    machine: str
    """Kind, make and model in one line."""
    count: int
    materials: tuple[str, ...]
    """Ids of the function's choices; empty when the file names none that it knows."""
    limits: tuple[Limit, ...]
    hours: str
    """Opening hours as written; the owner turns them into a calendar."""
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FacilityOffers:
    """The drafts in the file's order, and what no draft could be made of."""

    drafts: tuple[OfferDraft, ...]
    missing: tuple[str, ...]
    """What concerns the facility as a whole, and machines that map to nothing."""


_OWNERS_TO_SAY = ("rate", "lead time", "price")


def offers_from_facility(facility: Facility, functions: KnownFunctions) -> FacilityOffers:
    """One draft for each machine whose words name exactly one function; the rest is listed as missing."""
    drafts: list[OfferDraft] = []
    missing = list(facility.missing)
    for machine in facility.equipment:
        names = _functions_of(machine.processes, functions)
        if len(names) == 1:
            drafts.append(_draft(machine, names[0], facility, functions))
        elif names:
            missing.append(f"{_called(machine)} may serve {' or '.join(names)}: say which")
        else:
            missing.append(f"{_called(machine)} serves no function known here")
    served = {draft.function for draft in drafts}
    for word in facility.processes:
        names = _functions_of((word,), functions)
        if names and not served.intersection(names):
            missing.append(f"{show(word)} is named as a process, but no machine for it is listed")
    return FacilityOffers(drafts=tuple(drafts), missing=tuple(dict.fromkeys(missing)))


def _functions_of(words: tuple[str, ...], functions: KnownFunctions) -> tuple[str, ...]:
    """The function the words agree on: the first word that names exactly one, else all the first telling word names."""
    several: tuple[str, ...] = ()
    for word in words_to_try(words):
        names = tuple(dict.fromkeys(functions.named_for(word)))
        if len(names) == 1:
            return names
        several = several or names
    return several


def _draft(machine: Equipment, function: str, facility: Facility, functions: KnownFunctions) -> OfferDraft:
    names = functions.parameters(function)
    limits, missing = _limits(machine, names)
    materials, unknown = _materials(machine, function, names, functions)
    missing += unknown
    if "maintenance" in machine.condition.casefold() or "broken" in machine.condition.casefold():
        missing.append(f"that it works: its condition is {show(machine.condition)}")
    if not facility.opening_hours:
        missing.append("hours")
    return OfferDraft(
        function=function,
        machine=_called(machine),
        count=machine.count,
        materials=materials,
        limits=limits,
        hours=facility.opening_hours,
        missing=(*missing, *_OWNERS_TO_SAY),
    )


def _limits(machine: Equipment, names: Collection[str]) -> tuple[tuple[Limit, ...], list[str]]:
    limits: list[Limit] = []
    missing: list[str] = []
    if machine.space is not None:
        # A sheet's thickness is not what the third axis can travel, so `height` alone takes the third length.
        for name, most in zip(
            ("length", "width", "height"), (machine.space.x, machine.space.y, machine.space.z), strict=True
        ):
            if most is not None:
                limits.append(Limit(parameter=name, most=most))
            elif name in names:
                missing.append(f"the most it takes in {name}")
    elif {"length", "width"} <= set(names):
        one = machine.volume or machine.surface
        stated = f" (stated is one number only: {one.fraction} {one.unit})" if one is not None else ""
        missing.append(f"the sides of its working space{stated}")
    if machine.layers is not None:
        limits.append(Limit(parameter="layer-height", least=machine.layers[0], most=machine.layers[1]))
    if machine.nozzle is not None:
        limits.append(Limit(parameter="nozzle", least=machine.nozzle, most=machine.nozzle))
    if machine.tolerance is not None:
        limits.append(Limit(parameter="tolerance", least=machine.tolerance))
    if machine.axes is not None:
        limits.append(Limit(parameter="axes", most=measure(machine.axes, "1")))
    return tuple(limit for limit in limits if limit.parameter in names), missing


def _materials(
    machine: Equipment, function: str, names: Collection[str], functions: KnownFunctions
) -> tuple[tuple[str, ...], list[str]]:
    if "material" not in names:
        return (), []
    known: list[str] = []
    unknown: list[str] = []
    for word in machine.materials:
        chosen = functions.choice(function, "material", word)
        if chosen is None:
            unknown.append(f"the material {show(word)} is none that {function} knows")
        else:
            known.append(chosen)
    if not known:
        unknown.append("the materials it works")
    return tuple(dict.fromkeys(known)), unknown


def _called(machine: Equipment) -> str:
    return " ".join(part for part in (machine.name or machine.processes[0], machine.make, machine.model) if part)
