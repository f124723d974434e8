"""What a question is made of, and how its fields are checked when they come over the socket.

A field's annotation is its form: str, int, bool, bytes, `Texts` (a list of texts), `Named` (texts by name), each
possibly `| None`. Everything is bounded, although only the owner's own programs can reach the socket: a bound turns a
mistake in a script into a sentence instead of a swollen daemon.
"""

import dataclasses
import typing
import unicodedata
from dataclasses import dataclass
from typing import ClassVar, TypeVar, dataclass_transform

from ledger.letters import is_settled

TEXT_BYTES_MAX = 16 * 1024
"""One text: the longest is an invitation or a reason for a dispute."""

ITEMS_MAX = 256
"""Entries of one list or map: 64 proposals or parameters, and room."""

INT_MAX = 2**53 - 1
"""The bound of the ledger's own integers (SPEC B-3)."""

Texts = tuple[str, ...]
Named = dict[str, str]

_T = TypeVar("_T")


class BadQuestion(ValueError):
    """The sender's fault: this is no question; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The base of every question; made into a named one by `question`."""

    name: ClassVar[str] = ""
    streams: ClassVar[bool] = False
    """Whether progress is sent before the answer, and the work ends when the asker goes away."""
    offline: ClassVar[bool] = False
    """Whether `dpnode.offline` can answer it from the database without a daemon."""


_REGISTRY: dict[str, type[Question]] = {}


def registered(name: str) -> type[Question] | None:
    """The question of that name, if its family has been imported."""
    return _REGISTRY.get(name)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(dataclasses.field,))
def question(name: str, *, streams: bool = False, offline: bool = False) -> typing.Callable[[type[_T]], type[_T]]:
    """Make a class a frozen dataclass and a member of the closed set of questions under `name`."""

    def make(kind: type[_T]) -> type[_T]:
        made = dataclass(frozen=True, slots=True, kw_only=True)(kind)
        assert issubclass(made, Question)
        assert name not in _REGISTRY, name
        made.name, made.streams, made.offline = name, streams, offline
        _REGISTRY[name] = made
        return made

    return make


def encode_fields(asked: Question) -> dict[str, object]:
    """The fields that are not None, by name; tuples become lists and text becomes NFC, as the encoding wants it.

    Errors:
        BadQuestion: a text that is no text (a stray byte from the command line).
    """
    fields: dict[str, object] = {}
    for field in dataclasses.fields(asked):
        value = getattr(asked, field.name)
        if value is not None:
            fields[field.name] = _outgoing(f"{asked.name}: {field.name}", value)
    return fields


def _outgoing(where: str, value: object) -> object:
    match value:
        case str():
            if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
                raise BadQuestion(f"{where} holds bytes that are not UTF-8")
            text = unicodedata.normalize("NFC", value)
            if not is_settled(text):
                raise BadQuestion(f"{where} holds a sign that Unicode 14 does not have")
            return text
        case tuple():
            return [_outgoing(where, item) for item in value]
        case dict():
            if not all(isinstance(key, str) and key and key.isascii() for key in value):
                raise BadQuestion(f"{where} has a name that is not ASCII")
            return {key: _outgoing(where, item) for key, item in value.items()}
        case _:
            return value


def decode_fields(kind: type[Question], fields: dict[str, object]) -> Question:
    """A question of `kind` from its fields; raises `BadQuestion` naming the field at fault."""
    known = {field.name: field for field in dataclasses.fields(kind)}
    forms = typing.get_type_hints(kind)
    for name in fields:
        if name not in known:
            raise BadQuestion(f"{kind.name}: there is no field {name[:60]!r}")
    values: dict[str, object] = {}
    for name, field in known.items():
        if name in fields:
            values[name] = _checked(f"{kind.name}: {name}", forms[name], fields[name])
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise BadQuestion(f"{kind.name}: the field {name!r} is missing")
    return kind(**values)


def _checked(where: str, form: object, value: object) -> object:
    wanted = [part for part in typing.get_args(form) if part is not type(None)] if _is_optional(form) else [form]
    (only,) = wanted
    if only is bool:
        if isinstance(value, bool):
            return value
        raise BadQuestion(f"{where} is true or false")
    if only is int:
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= INT_MAX:
            return value
        raise BadQuestion(f"{where} is a whole number")
    if only is str:
        return _text(where, value)
    if only is bytes:
        if isinstance(value, bytes) and len(value) <= TEXT_BYTES_MAX:
            return value
        raise BadQuestion(f"{where} is at most {TEXT_BYTES_MAX} bytes")
    if only == Texts:
        if isinstance(value, list) and len(value) <= ITEMS_MAX:
            return tuple(_text(where, item) for item in value)
        raise BadQuestion(f"{where} is a list of at most {ITEMS_MAX} texts")
    assert only == Named, (where, only)
    if isinstance(value, dict) and len(value) <= ITEMS_MAX:
        return {_text(where, key): _text(where, item) for key, item in value.items()}
    raise BadQuestion(f"{where} is a map of at most {ITEMS_MAX} texts")


def _is_optional(form: object) -> bool:
    return type(None) in typing.get_args(form)


def _text(where: str, value: object) -> str:
    if isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) <= TEXT_BYTES_MAX:
        return value
    raise BadQuestion(f"{where} is a text of at most {TEXT_BYTES_MAX} bytes")
