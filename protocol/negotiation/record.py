"""What is kept on disk between two starts: frozen records as canonical values, and back, without a line per field.

A record is a frozen dataclass of bool, int, str, bytes, string enumerations, tuples, plain maps and other records; a
field that is None is left out (canonical values have no nil). Only this node writes these bytes, so one that cannot
be read is `Damaged`, never a peer's fault.

Not here: anything signed or sent. Those shapes stand written out in `contents` and `messages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ledger.canonical import NotCanonical, Value, decode, encode
from ledger.errors import LocalError

R = TypeVar("R")

RECORD_BYTES_MAX = 1 << 22
"""4 MiB: a call with 64 members asked and 4 proposals of 16 KiB from each fits."""


class Damaged(LocalError):
    """A kept record cannot be read: the disk, or a program of another version, changed it."""


def pack(record: object) -> bytes:
    """The canonical bytes of `record`."""
    return encode(_value(record))


def unpack(kind: type[R], data: bytes) -> R:
    """The record of type `kind` in `data`; raises `Damaged`."""
    try:
        value = decode(data, bytes_max=RECORD_BYTES_MAX)
        record: R = _read(kind, value)
    except (NotCanonical, KeyError, TypeError, ValueError) as problem:
        raise Damaged(f"a kept {kind.__name__} cannot be read: {problem}") from problem
    return record


def _value(item: object) -> Value:
    if isinstance(item, StrEnum):
        return item.value
    if isinstance(item, (bool, int, str, bytes)):
        return item
    if isinstance(item, tuple):
        return [_value(each) for each in item]
    if isinstance(item, Mapping):
        return dict(item)
    if not is_dataclass(item):
        raise LocalError(f"a {type(item).__name__} cannot be kept")
    pairs = ((field.name, getattr(item, field.name)) for field in fields(item) if field.init)
    return {name: _value(each) for name, each in pairs if each is not None}


def _read(kind: Any, value: Value) -> Any:
    kind = getattr(kind, "__supertype__", kind)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (inner,) = (each for each in get_args(kind) if each is not type(None))
        return _read(inner, value)
    if origin is tuple:
        inner = get_args(kind)[0]
        return tuple(_read(inner, each) for each in _of(list, value))
    if origin is not None:
        return dict(_of(dict, value))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    if not isinstance(kind, type) or not is_dataclass(kind):
        return _of(kind, value)
    wanted = _hints(kind)
    if not set(_of(dict, value)) <= set(wanted):
        raise ValueError("there is a field this version does not know")
    return kind(**{name: _read(wanted[name], each) for name, each in value.items()})


def _of(kind: Any, value: Value) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{kind.__name__} is expected")
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.init}
