"""From what an owner asks for to a want the directory can look up: a part of a design, or a function by name.

A design says how a part is made (tsdc), of what, how large and how heavy; each function that makes such parts is
asked whether it can take that, and the one that leaves least out is called. What the owner writes with
``--param`` comes last and wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dpnode.control.questions.job import JobCall
from dpnode.errors import FailKind, Problem
from ledger.canonical import digest
from protocol.capability.catalogue import Catalogue, UnknownFunction
from protocol.capability.derivation import read_value
from protocol.capability.directory import Directory, Found
from protocol.capability.functions import Function, ParameterValue, check_parameters
from protocol.capability.matching import Want
from protocol.capability.places import Place
from protocol.exchange.bounds import FILE_BYTES_MAX
from protocol.exchange.design import Design, NoSuchPart, Part, find_part, path_inside
from protocol.exchange.findings import Severity
from protocol.exchange.okh import read_design
from protocol.exchange.part_parameters import FittedCall, PartCall, call_parameters, for_function
from protocol.exchange.with_catalogue import NoFunctionForPart, function_for

FINDINGS_SHOWN_MAX = 5
PARTS_NAMED_MAX = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to call for, and who can serve it."""

    function: Function
    want: Want
    found: tuple[Found, ...]
    """Offers of other members that satisfy it, best first."""
    design: bytes | None = None
    """32 bytes: the manifest's hash."""
    part: str | None = None
    files: tuple[tuple[str, Path], ...] = ()
    """(name, path) of what the maker will want and what is here of it."""
    missing_files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What the design left unknown or could not be carried over."""


def wanted_by(
    question: JobCall, catalogue: Catalogue, directory: Directory, me: bytes, place: Place | None, now_ms: int
) -> Wanted:
    """What a `job call` asks for; raises `Problem` with the sentence its owner reads."""
    if question.design is None and question.function is None:
        raise Problem(FailKind.USAGE, "name a design (--design FILE --part NAME) or a function (--function NAME)")
    if question.design is not None:
        return _of_design(question, Path(question.design), catalogue, directory, me, place, now_ms)
    try:
        function = catalogue.named(question.function or "")
    except UnknownFunction as unknown:
        raise Problem(FailKind.NOT_FOUND, str(unknown)) from unknown
    parameters = _given(function, question.parameters, {})
    want = _checked(function, parameters, question.quantity, place)
    return Wanted(function=function, want=want, found=_others(directory, want, me, now_ms))


def _of_design(
    question: JobCall,
    path: Path,
    catalogue: Catalogue,
    directory: Directory,
    me: bytes,
    place: Place | None,
    now_ms: int,
) -> Wanted:
    data = _read(path)
    reading = read_design(data, path.name)
    if reading.design is None:
        said = [str(one) for one in reading.findings if one.severity is Severity.ERROR] or [f"{path.name} is no design"]
        raise Problem(FailKind.FAILED, "; ".join(said[:FINDINGS_SHOWN_MAX]))
    part = _part(reading.design, question.part)
    call = call_parameters(part)
    function, fitted = _function(call, question.function, catalogue)
    notes = [*call.unknown, *(str(one) for one in reading.findings if one.severity is Severity.WARNING)]
    want = _checked(function, _given(function, question.parameters, fitted.parameters), question.quantity, place)
    found = _others(directory, want, me, now_ms)
    files, missing = _files(path, (path.name, *call.files), question.files)
    return Wanted(
        function=function,
        want=want,
        found=found,
        design=digest("design", data),
        part=part.name,
        files=files,
        missing_files=missing,
        notes=tuple([*notes, *fitted.left_out][:32]),
    )


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise Problem(FailKind.FAILED, f"{path} is longer than the {FILE_BYTES_MAX} bytes a manifest may have")
        return path.read_bytes()
    except OSError as error:
        raise Problem(FailKind.NOT_FOUND, f"the design {path} cannot be read: {error.strerror}") from error


def _part(design: Design, name: str | None) -> Part:
    if name is None:
        if len(design.parts) > 1:
            names = ", ".join(f"'{part.name}'" for part in design.parts[:PARTS_NAMED_MAX])
            if len(design.parts) > PARTS_NAMED_MAX:
                names += f" and {len(design.parts) - PARTS_NAMED_MAX} more"
            raise Problem(FailKind.USAGE, f"{design.title} has {len(design.parts)} parts; choose by --part: {names}")
        return design.parts[0] if design.parts else design.whole
    found = find_part(design, name)
    if isinstance(found, NoSuchPart):
        raise Problem(FailKind.NOT_FOUND, str(found))
    return found


def _function(call: PartCall, named: str | None, catalogue: Catalogue) -> tuple[Function, FittedCall]:
    """The function that makes a part: the one the owner names, else the one the design's words lead to."""
    if named is None:
        chosen = function_for(call, catalogue)
        if isinstance(chosen, NoFunctionForPart):
            raise Problem(FailKind.NOT_FOUND, f"{chosen}; say how by --function NAME (`dpnode directory` shows names)")
        return chosen.function, chosen.call
    try:
        function = catalogue.named(named)
    except UnknownFunction as unknown:
        raise Problem(FailKind.NOT_FOUND, str(unknown)) from unknown
    names = [parameter.name for parameter in function.definition.parameters]
    return function, for_function(call, names, function.choice)


def _given(
    function: Function, given: Mapping[str, str], parameters: Mapping[str, ParameterValue]
) -> dict[str, ParameterValue]:
    result = dict(parameters)
    for name, text in given.items():
        try:
            result[name] = read_value(function, name, text)
        except ValueError as problem:
            raise Problem(FailKind.USAGE, f"--param {name}: {problem}") from problem
    return result


def _checked(function: Function, parameters: dict[str, ParameterValue], quantity: int, place: Place | None) -> Want:
    problems = check_parameters(function.definition, parameters)
    if problems:
        said = "; ".join(str(problem) for problem in problems[:FINDINGS_SHOWN_MAX])
        raise Problem(FailKind.USAGE, f"{function.title}: {said}. Say it by --param NAME=VALUE")
    return Want(function=function.hash, parameters=parameters, quantity=quantity, place=place)


def _others(directory: Directory, want: Want, me: bytes, now_ms: int) -> tuple[Found, ...]:
    return tuple(found for found in directory.find(want, now_ms) if found.member != me)


def _files(
    manifest: Path, references: tuple[str, ...], further: tuple[str, ...]
) -> tuple[tuple[tuple[str, Path], ...], tuple[str, ...]]:
    """The files that are here by name, and those the design names that are not."""
    here: dict[str, Path] = {}
    missing: list[str] = []
    folder = manifest.parent.resolve()
    for reference in references:
        segments = path_inside(reference)
        path = None if segments is None else folder.joinpath(*segments)
        # A link inside a stranger's folder may lead anywhere; what it leads to is not sent to others.
        if path is None or not path.is_file() or not path.resolve().is_relative_to(folder):
            missing.append(reference)
        else:
            here["-".join(segments or ())[-100:]] = path
    for text in further:
        path = Path(text)
        if not path.is_file():
            raise Problem(FailKind.NOT_FOUND, f"the file {text} is not there")
        here[path.name[-100:]] = path
    return tuple(here.items()), tuple(missing)
