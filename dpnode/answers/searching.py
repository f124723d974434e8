"""Who offers what in the network: by function, by words, and by what an offer must be able to do.

A parameter alone is a filter: it holds for every function that has it, and for offers whose limits let it through.
"""

from __future__ import annotations

from collections.abc import Mapping

from dpnode.assembly import own_place
from dpnode.control.questions.capability import DirectorySearch
from dpnode.errors import FailKind, Problem
from dpnode.node import Node
from protocol.capability.catalogue import UnknownFunction
from protocol.capability.derivation import read_value
from protocol.capability.directory import Found, Listed
from protocol.capability.functions import Fault, Function, ParameterValue, check_parameters
from protocol.capability.matching import Match, Want, bounds_of, fit, numbers
from protocol.capability.reading import hint

LISTED_MAX = 100_000
"""Offers looked at for a filter; a directory holds fewer."""


def offers_found(node: Node, question: DirectorySearch, now_ms: int) -> tuple[list[Found | Listed], list[str]]:
    """The offers asked for, and why there are none; raises `Problem` for a function or parameter nobody knows."""
    directory = node.core.directory.directory
    place = own_place(node.settings)
    given = question.parameters
    if question.function is None and not given:
        return list(directory.search(question.words, now_ms, limit=question.limit)), []
    read = _read(node, question.function, given)
    if question.function is not None and not question.words:
        ((function, parameters),) = read
        want = Want(function=function.hash, parameters=parameters, place=place)
        if given and not check_parameters(function.definition, parameters):
            found = list[Found | Listed](directory.find(want, now_ms, limit=question.limit))
            return found, [] if found else [directory.explain_none(want, now_ms)]
    by_hash = {function.hash: (function, parameters) for function, parameters in read}
    rows: list[Found | Listed] = []
    for row in directory.search(question.words, now_ms, limit=LISTED_MAX):
        asked = by_hash.get(row.offer.function)
        if asked is not None and _can(*asked, row):
            rows.append(row)
    if rows:
        return rows, []
    said = ", ".join(f"{name} {text}" for name, text in given.items())
    what = f"nobody here can do {question.function}" if question.function else "nobody here offers anything"
    return rows, [f"{what} with {said}" if said else what]


def _read(node: Node, named: str | None, given: Mapping[str, str]) -> list[tuple[Function, dict[str, ParameterValue]]]:
    """The functions asked about, with the parameters as each of them reads them."""
    catalogue = node.assembled.catalogue
    try:
        functions = list(catalogue) if named is None else [catalogue.named(named)]
    except UnknownFunction as problem:
        raise Problem(FailKind.NOT_FOUND, str(problem)) from problem
    known = {parameter.name for function in functions for parameter in function.definition.parameters}
    if named is None and (unknown := sorted(set(given) - known)):
        raise Problem(FailKind.USAGE, f'no function has a parameter "{unknown[0]}"{hint(unknown[0], sorted(known))}')
    read: list[tuple[Function, dict[str, ParameterValue]]] = []
    wrong = "no function has all of these parameters: " + ", ".join(given)
    for function in functions:
        if named is None and any(function.definition.parameter(name) is None for name in given):
            continue
        try:
            parameters = {name: read_value(function, name, text) for name, text in given.items()}
        except ValueError as problem:
            wrong = str(problem)
            continue
        faults = [one for one in check_parameters(function.definition, parameters) if one.fault is not Fault.MISSING]
        if faults:
            wrong = f"{function.title} cannot be asked for like that: {'; '.join(str(one) for one in faults)}"
        else:
            read.append((function, parameters))
    if not read:
        raise Problem(FailKind.USAGE, wrong)
    return read


def _can(function: Function, parameters: dict[str, ParameterValue], row: Listed) -> bool:
    """Whether an offer's limits let through what is given; what is not given is left open."""
    want = Want(function=function.hash, parameters=parameters, quantity=max(1, row.offer.quantity_least))
    measured = numbers(function.definition, parameters)
    bounds = bounds_of(function.definition, row.offer)
    return isinstance(fit(function.definition, row.offer, want, measured, bounds), Match)
