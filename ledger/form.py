"""The shape a map from outside must have, said once and checked in one place.

A form is a small tree of `Map`, `List`, `Int`, ... whose `check` walks a decoded value and raises `Malformed` with
the path of the first thing that is wrong. Unknown keys are refused (SPEC B-7): what a reader does not understand must
not be signed past it. Only shape and bounds are judged here; meaning is judged in the fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ledger.canonical import INTEGER_MAX, Value
from ledger.errors import RemoteError
from ledger.letters import is_plain
from ledger.quantities import NotAMeasure, read_measure


class Malformed(RemoteError):
    """The value at `path` is not as the form says."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path or 'value'}: {what}")
        self.path = path


class Form(Protocol):
    """Anything that can judge a value's shape."""

    def check(self, value: Value, path: str = "") -> None:
        """Return if `value` has this form, else raise `Malformed`."""


class Bytes:
    """Bytes of a fixed length, or between two lengths."""

    __slots__ = ("least", "most")

    def __init__(self, least: int, most: int | None = None) -> None:
        self.least = least
        self.most = least if most is None else most

    def check(self, value: Value, path: str = "") -> None:
        """Bytes of the right length."""
        if value.__class__ is not bytes or not self.least <= len(value) <= self.most:
            raise Malformed(path, f"{self.least} to {self.most} bytes are expected")


class Text:
    """Text of at most so many bytes in UTF-8, without control characters (line breaks where `lines`)."""

    __slots__ = ("least", "lines", "most")

    def __init__(self, most: int, *, least: int = 1, lines: bool = False) -> None:
        self.most = most
        self.least = least
        self.lines = lines

    def check(self, value: Value, path: str = "") -> None:
        """Printable text of the right length."""
        if value.__class__ is not str:
            raise Malformed(path, "text is expected")
        is_ascii = value.isascii()
        size = len(value) if is_ascii else len(value.encode("utf-8", "surrogatepass"))
        if not self.least <= size <= self.most:
            raise Malformed(path, f"text of {self.least} to {self.most} bytes is expected")
        plain = value.replace("\n", " ") if self.lines else value
        if not (plain.isprintable() if is_ascii else is_plain(plain)):
            raise Malformed(path, "text without control characters is expected")


class Int:
    """A whole number from `least` to `most`; never a bool."""

    __slots__ = ("least", "most")

    def __init__(self, least: int = 0, most: int = INTEGER_MAX) -> None:
        self.least = least
        self.most = most

    def check(self, value: Value, path: str = "") -> None:
        """A whole number within the bounds."""
        if value.__class__ is not int or not self.least <= value <= self.most:
            raise Malformed(path, f"a whole number from {self.least} to {self.most} is expected")


class Flag:
    """True or false."""

    __slots__ = ()

    def check(self, value: Value, path: str = "") -> None:
        """A bool."""
        if value.__class__ is not bool:
            raise Malformed(path, "true or false is expected")


class Choice:
    """One of a few texts."""

    __slots__ = ("options",)

    def __init__(self, *options: str) -> None:
        self.options = options

    def check(self, value: Value, path: str = "") -> None:
        """One of the options."""
        if value.__class__ is not str or value not in self.options:
            raise Malformed(path, f"one of {', '.join(self.options)} is expected")


class List:
    """A list of `least` to `most` values of one form."""

    __slots__ = ("least", "most", "of")

    def __init__(self, of: Form, least: int, most: int) -> None:
        self.of = of
        self.least = least
        self.most = most

    def check(self, value: Value, path: str = "") -> None:
        """A list of the right length whose every item has the form."""
        if value.__class__ is not list or not self.least <= len(value) <= self.most:
            raise Malformed(path, f"a list of {self.least} to {self.most} is expected")
        for i, item in enumerate(value):
            self.of.check(item, f"{path}[{i}]")


class Map:
    """A map with these keys and no others."""

    __slots__ = ("_all", "_required", "optional", "required")

    def __init__(self, required: Mapping[str, Form], optional: Mapping[str, Form] | None = None) -> None:
        self.required = dict(required)
        self.optional = dict(optional or {})
        self._all = {**self.required, **self.optional}
        self._required = frozenset(self.required)

    def check(self, value: Value, path: str = "") -> None:
        """A map with all required keys, perhaps optional ones, and none besides."""
        if value.__class__ is not dict:
            raise Malformed(path, "a map is expected")
        if not value.keys() >= self._required:
            raise Malformed(path, f"{min(self._required - value.keys())} is missing")
        dot = f"{path}." if path else ""
        for key, item in value.items():
            form = self._all.get(key)
            if form is None:
                raise Malformed(path, "there is a key this version does not know")
            form.check(item, dot + key)


class Dict:
    """A map with free keys of bounded length and values of one form."""

    __slots__ = ("key_bytes_max", "most", "of")

    def __init__(self, of: Form, most: int, *, key_bytes_max: int = 48) -> None:
        self.of = of
        self.most = most
        self.key_bytes_max = key_bytes_max

    def check(self, value: Value, path: str = "") -> None:
        """A map of at most so many keys."""
        if value.__class__ is not dict or len(value) > self.most:
            raise Malformed(path, f"a map of at most {self.most} is expected")
        for key, item in value.items():
            if not 1 <= len(key) <= self.key_bytes_max or not is_plain(key):
                raise Malformed(path, f"a key is 1 to {self.key_bytes_max} printable characters")
            self.of.check(item, f"{path}.{key}")


class MeasureForm:
    """A measure: {"d", "n", "u"} (SPEC Q-1)."""

    __slots__ = ()

    def check(self, value: Value, path: str = "") -> None:
        """A reduced fraction with a unit."""
        try:
            read_measure(value)
        except NotAMeasure as problem:
            raise Malformed(path, problem.reason) from None


class Either:
    """The first form if the value is a map, the second otherwise."""

    __slots__ = ("if_map", "otherwise")

    def __init__(self, if_map: Form, otherwise: Form) -> None:
        self.if_map = if_map
        self.otherwise = otherwise

    def check(self, value: Value, path: str = "") -> None:
        """Whichever form the value's type asks for."""
        (self.if_map if value.__class__ is dict else self.otherwise).check(value, path)


class Cases:
    """A map whose text under one key says which form the rest of it has."""

    __slots__ = ("by", "of")

    def __init__(self, by: str, of: Mapping[str, Map]) -> None:
        self.by = by
        self.of = {case: Map({by: Choice(case), **rest.required}, rest.optional) for case, rest in of.items()}

    def check(self, value: Value, path: str = "") -> None:
        """A map of a case there is, in that case's form."""
        if value.__class__ is not dict:
            raise Malformed(path, "a map is expected")
        case = value.get(self.by)
        if case.__class__ is not str or case not in self.of:
            raise Malformed(path, f"{self.by} is one of {', '.join(self.of)}")
        self.of[case].check(value, path)


INTEGER_FORM = Int(1)
"""A count of at least one."""


class PlaceForm:
    """About where: {lat, lon} in hundredths of a degree on a grid of 5, about 5 km, and no finer."""

    __slots__ = ()
    _map = Map({"lat": Int(-9000, 9000), "lon": Int(-18_000, 18_000)})

    def check(self, value: Value, path: str = "") -> None:
        """A point of the grid."""
        self._map.check(value, path)
        if value["lat"] % 5 or value["lon"] % 5:
            raise Malformed(path, "a place is given on the grid of 0.05 degrees")


PLACE = PlaceForm()
ID = Bytes(32)
"""A 32-byte hash or key."""
MOMENT_MS = Int(0, 2**47)
"""Unix milliseconds; 2^47 is the year 6429."""
PARAMETERS = Dict(Either(MeasureForm(), Text(200)), 64)
"""A function's parameters: name -> measure or text."""
PRICE_LINE = Map({"amount": Int(), "id": ID, "kind": Choice("credit", "units", "output")})
"""So much of one thing; a price is a list of them."""


def has_form(form: Form, value: Value) -> str | None:
    """None if `value` has `form`, else the sentence that says what is wrong."""
    try:
        form.check(value)
    except Malformed as problem:
        return problem.reason
    return None
