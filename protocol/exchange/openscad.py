"""The outer size of a shape given as one OpenSCAD primitive: cube, cylinder or sphere; anything else stays unknown.

Open Know-How (LOSH) states outer dimensions as a snippet such as `cube(size = [400,350,150]);`. Only a call of one of
the three primitives with plain numbers is read, with OpenSCAD's own rules (positions, `d` for `2 r`, a missing
cylinder radius is 1); where it stands (`center`) does not change its size. One fault is forgiven, and marked: the
call's last bracket missing at the very end of the text, which nine of the eighteen parts of the best-known LOSH
manifest do. This is not an interpreter: no expressions, variables, transformations or comments. Source: OpenSCAD User
Manual, "Primitive Solids".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

from protocol.exchange.bounds import OPENSCAD_CHARS_MAX
from protocol.exchange.exact import number_in
from protocol.exchange.text import show

Argument: TypeAlias = "Fraction | tuple[Fraction, ...] | bool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Extents along x, y and z, each above zero, in whatever unit stands beside the snippet."""

    x: Fraction
    y: Fraction
    z: Fraction
    unclosed: bool = False
    """The snippet ends before its last bracket, as many published ones do; where the text ends only one reading is
    left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownShape:
    """The snippet gives no size."""

    reason: str
    """Why the size is not known, as the end of a sentence."""


_TOKEN = re.compile(r"\s*(?:[$A-Za-z_]\w*|[+-]?(?:\d|\.\d)[\w.]*(?:(?<=[eE])[+-]\d+)?|[()\[\],;=])")
_POSITIONS = {
    "cube": ("size", "center"),
    "cylinder": ("h", "r1", "r2", "center"),
    "sphere": ("r",),
}
_NAMES = {
    "cube": frozenset({"size", "center"}),
    "cylinder": frozenset({"h", "r", "d", "r1", "r2", "d1", "d2", "center", "$fn", "$fa", "$fs"}),
    "sphere": frozenset({"r", "d", "$fn", "$fa", "$fs"}),
}


class _Unread(ValueError):
    """The snippet is not one of the shapes read here; the text is the reason."""


def size_of(snippet: str) -> Size | UnknownShape:
    """The extents of the primitive in `snippet`, exactly, or the reason why they are unknown. Never raises."""
    try:
        reader = _Reader(_tokens(snippet))
        shape, arguments = reader.call()
        size = replace(_SIZES[shape](arguments), unclosed=reader.unclosed)
        if min(size.x, size.y, size.z) <= 0:
            raise _Unread(f"{show(snippet)} has a size that is not above zero")
        return size
    except _Unread as unread:
        return UnknownShape(reason=str(unread))


def _tokens(snippet: str) -> list[str]:
    if len(snippet) > OPENSCAD_CHARS_MAX:
        raise _Unread(f"the OpenSCAD text is longer than {OPENSCAD_CHARS_MAX} signs")
    text = snippet.strip()
    tokens: list[str] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _Unread(f"{show(snippet)} is more than one plain cube, cylinder or sphere")
        tokens.append(found[0].strip())
        at = found.end()
    return tokens


class _Reader:
    __slots__ = ("_at", "_tokens", "unclosed")

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self.unclosed = False

    def call(self) -> tuple[str, dict[str, Argument]]:
        shape = self._next()
        if shape not in _POSITIONS:
            raise _Unread(
                f"{show(shape)} is none of cube, cylinder and sphere" if shape else "the OpenSCAD text is empty"
            )
        self._expect("(")
        arguments: dict[str, Argument] = {}
        position = 0
        while self._peek() not in (")", ";", ""):
            if arguments:
                self._expect(",")
            name, value, named = self._argument(shape, position)
            if name in arguments:
                raise _Unread(f"the {shape}'s {name} is given twice")
            arguments[name] = value
            position += 0 if named else 1
        if self._peek() == ")":
            self._next()
        else:
            self.unclosed = True
        while self._peek() == ";":
            self._next()
        if self._peek():
            raise _Unread(f"something follows the {shape}: {show(self._peek())}")
        return shape, arguments

    def _argument(self, shape: str, position: int) -> tuple[str, Argument, bool]:
        named = self._at + 1 < len(self._tokens) and self._tokens[self._at + 1] == "="
        if named:
            name = self._next()
            self._expect("=")
            if name not in _NAMES[shape]:
                raise _Unread(f"a {shape} has no {show(name)}")
        else:
            if position >= len(_POSITIONS[shape]):
                raise _Unread(f"the {shape} has more values than it takes")
            name = _POSITIONS[shape][position]
        return name, self._value(shape), named

    def _value(self, shape: str) -> Argument:
        token = self._next()
        if token in ("true", "false"):
            return token == "true"
        if token != "[":
            return self._number(token, shape)
        numbers = [self._number(self._next(), shape)]
        while self._peek() == ",":
            self._next()
            numbers.append(self._number(self._next(), shape))
        self._expect("]")
        return tuple(numbers)

    def _number(self, token: str, shape: str) -> Fraction:
        number = number_in(token)
        if number is None:
            raise _Unread(f"{show(token)} in the {shape} is not a plain number")
        return number

    def _expect(self, sign: str) -> None:
        found = self._next()
        if found != sign:
            where = f"before {show(found)}" if found else "at the end"
            raise _Unread(f"'{sign}' is missing {where} of the OpenSCAD text")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token


def _cube(arguments: dict[str, Argument]) -> Size:
    match arguments.get("size"):
        case (x, y, z):
            return Size(x=x, y=y, z=z)
        case Fraction() as edge:
            return Size(x=edge, y=edge, z=edge)
        case None:
            raise _Unread("the cube has no size")
        case _:
            raise _Unread("the cube's size is not one number or three")


def _cylinder(arguments: dict[str, Argument]) -> Size:
    height = _plain(arguments, "h", "cylinder")
    if height is None:
        raise _Unread("the cylinder has no height")
    names = ("r", "d", "r1", "r2", "d1", "d2")
    given = {name: number for name in names if (number := _plain(arguments, name, "cylinder"))}
    bottom = _diameter(given, "1", "cylinder")
    top = _diameter(given, "2", "cylinder")
    whole = _diameter(given, "", "cylinder")
    if whole is not None:
        if bottom is not None or top is not None:
            raise _Unread("the cylinder has both one radius and two")
        return Size(x=whole, y=whole, z=height)
    if bottom is None and top is None:
        raise _Unread("the cylinder has no radius")
    default = Fraction(2)  # OpenSCAD takes a radius of 1 for the end that is not given
    widest = max(default if bottom is None else bottom, default if top is None else top)
    return Size(x=widest, y=widest, z=height)


def _sphere(arguments: dict[str, Argument]) -> Size:
    given = {name: number for name in ("r", "d") if (number := _plain(arguments, name, "sphere"))}
    across = _diameter(given, "", "sphere")
    if across is None:
        raise _Unread("the sphere has no radius")
    return Size(x=across, y=across, z=across)


def _plain(arguments: dict[str, Argument], name: str, shape: str) -> Fraction | None:
    value = arguments.get(name)
    if value is None:
        return None
    if not isinstance(value, Fraction):
        raise _Unread(f"the {shape}'s {name} is not one number")
    if value <= 0:
        raise _Unread(f"the {shape}'s {name} is not above zero")
    return value


def _diameter(given: dict[str, Fraction], end: str, shape: str) -> Fraction | None:
    radius, across = given.get(f"r{end}"), given.get(f"d{end}")
    if radius is not None and across is not None:
        raise _Unread(f"the {shape} has both r{end} and d{end}")
    if across is not None:
        return across
    return None if radius is None else 2 * radius


_SIZES = {"cube": _cube, "cylinder": _cylinder, "sphere": _sphere}
