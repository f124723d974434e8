"""One value has exactly one sequence of bytes: strict canonical MessagePack.

A hash or signature is taken over bytes, so two encodings of one value would be two ids. The encoder sorts map keys
and uses the shortest form; the decoder refuses whatever the encoder would not have written (SPEC B-1 to B-4):
``encode(decode(b)) == b`` or `NotCanonical`. Values are bool, int within +-(2^53 - 1), NFC text, bytes, lists, and
maps with ASCII keys of at least one letter; there is no nil, no float and no extension type.

Source: the MessagePack specification, and the measured defaults of its Python package (duplicate keys, non-minimal
integers and NaN are accepted there, which is why the bytes are compared in the end).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgpack

from ledger.errors import LocalError, RemoteError
from ledger.letters import is_settled

Value = Any
"""bool | int | str | bytes | list[Value] | dict[str, Value]; recursive, so checked at run time."""

INTEGER_MAX = 2**53 - 1
"""Any language's JSON can carry integers up to here exactly."""
BYTES_MAX = 1 << 20
"""1 MiB: the largest block, and so the largest thing anybody may send in one piece."""
DEPTH_MAX = 16
"""The deepest real value (an award with proposals and measures) needs 7."""
CONTAINERS_MAX = 20_000
"""Lists and maps in one value: 1 MiB of empty maps would cost 74 MiB of memory."""

ORDERLY_MAX = 1_024
ORDERLY_KEYS_MAX = 16
"""Key lists remembered as being in order, and how long one may be: 256 KiB, whatever others send."""

_ORDERLY: set[tuple[str, ...]] = set()
_TAGS: dict[str, bytes] = {}
_sha = hashlib.sha256
_pack: Callable[[Value], bytes] = msgpack.Packer(use_bin_type=True).pack
"""One packer for all: it holds no state between two values, and making one costs more than packing a small value."""


class NotCanonical(RemoteError):
    """These bytes are not the one encoding of a value."""


def digest(purpose: str, *parts: bytes) -> bytes:
    """SHA-256 of ``dpnode/<purpose>/1`` followed by `parts`: 32 bytes (SPEC B-5).

    The tag keeps a signature made for one purpose from being shown as one for another.
    """
    begins = _TAGS.get(purpose)
    if begins is None:
        begins = _TAGS[purpose] = tag(purpose)
    return _sha(begins + b"".join(parts)).digest()


def tag(purpose: str) -> bytes:
    """What is hashed before everything that has this purpose (SPEC B-5)."""
    return f"dpnode/{purpose}/1".encode("ascii")


def encode(value: Value) -> bytes:
    """The bytes of `value`; raises `LocalError` for a value that has none."""
    kind = value.__class__
    if kind is bool or kind is bytes:
        return _pack(value)
    return _pack(_ordered(value, DEPTH_MAX))


encode_own: Callable[[Value], bytes] = _pack
"""The bytes of a value of whole numbers within +-(2^53 - 1), lists, and maps written in key order: as `encode`,
without looking for our own mistakes. For what the fold writes at every entry."""


def decode(data: bytes, *, bytes_max: int = BYTES_MAX, depth_max: int = DEPTH_MAX) -> Value:
    """The value of `data`; raises `NotCanonical` for anything `encode` would not have written."""
    value = _unpacked(data, bytes_max)
    _refuse_foreign(value, depth_max)
    if _pack(value) != data:
        raise NotCanonical(_NOT_SHORTEST)
    return value


def decode_unjudged(data: bytes, *, bytes_max: int = BYTES_MAX) -> Value:
    """The value of `data`, shortest in form and no key twice; what may stand in it is left to the caller to judge.

    For a shape whose every part its reader names anyway; raises `NotCanonical`.
    """
    value = _unpacked(data, bytes_max)
    try:
        is_shortest = _pack(value) == data
    except ValueError:
        raise NotCanonical("nested too deeply") from None
    if not is_shortest:
        raise NotCanonical(_NOT_SHORTEST)
    return value


_NOT_SHORTEST = "not the shortest encoding, or a key stands twice"


def _unpacked(data: bytes, bytes_max: int) -> Value:
    if len(data) > bytes_max:
        raise NotCanonical(f"{len(data)} bytes where at most {bytes_max} are allowed")
    try:
        if len(data) > CONTAINERS_MAX:
            return _unpack_counting(data)
        return msgpack.unpackb(data, raw=False, use_list=True, strict_map_key=True)
    except NotCanonical:
        raise
    except (ValueError, msgpack.UnpackException) as problem:
        raise NotCanonical(f"not MessagePack: {type(problem).__name__}") from None


decode_own: Callable[[bytes], Value] = msgpack.unpackb
"""The value of bytes that `encode` made here: as `decode`, without checking what we wrote ourselves."""


def _unpack_counting(data: bytes) -> Value:
    """The value in `data`, given up at the first list or map too many, so that a bomb is never held."""
    left = CONTAINERS_MAX

    def counted(container: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise NotCanonical(f"more than {CONTAINERS_MAX} lists and maps")
        return container

    def counted_map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        return dict(counted(pairs))

    return msgpack.unpackb(data, raw=False, strict_map_key=True, object_pairs_hook=counted_map, list_hook=counted)


def _refuse_foreign(value: Value, depth: int) -> None:
    """Check types, ranges, key order and text form of a decoded value."""
    kind = value.__class__
    if kind is dict:
        if depth == 0:
            raise NotCanonical("nested too deeply")
        keys = tuple(value)
        if keys not in _ORDERLY:
            _refuse_disorder(keys)
        for item in value.values():
            # Most of what comes is bytes, plain text and small numbers; a call for each would be a third of reading
            # an entry.
            of = item.__class__
            if of is bytes or (of is str and item.isascii()) or (of is int and -INTEGER_MAX <= item <= INTEGER_MAX):
                continue
            _refuse_foreign(item, depth - 1)
    elif kind is list:
        if depth == 0:
            raise NotCanonical("nested too deeply")
        for item in value:
            of = item.__class__
            if of is not bytes and (of is not str or not item.isascii()):
                _refuse_foreign(item, depth - 1)
    elif kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise NotCanonical("an integer is beyond 2^53 - 1")
    elif kind is str:
        if not is_settled(value):
            raise NotCanonical("a text is not in NFC, or holds a sign that Unicode 14 does not know")
    elif kind is not bytes and kind is not bool:
        raise NotCanonical(f"a {kind.__name__} has no place here")


def _refuse_disorder(keys: tuple[Any, ...]) -> None:
    """Check a map's keys, and remember a few that are in order: most maps have the keys of many others."""
    last = ""
    for key in keys:
        if key.__class__ is not str or not key.isascii():
            raise NotCanonical("a map key is not ASCII text")
        if key <= last:
            raise NotCanonical("map keys are not in byte order")
        last = key
    if len(_ORDERLY) < ORDERLY_MAX and len(keys) <= ORDERLY_KEYS_MAX and all(len(key) <= 16 for key in keys):
        _ORDERLY.add(keys)


def _ordered(value: Value, depth: int) -> Value:
    """`value` with every map in key order; our own mistakes are found here, before they are signed."""
    kind = value.__class__
    if kind is bytes or kind is bool:
        return value
    if kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise LocalError(f"an integer beyond 2^53 - 1 cannot be encoded: {value}")
        return value
    if isinstance(value, str):
        if not value.isascii() and not is_settled(value):
            raise LocalError("a text that is not NFC, or not of Unicode 14, cannot be encoded")
        return str(value)
    if depth == 0:
        raise LocalError("a value nested too deeply cannot be encoded")
    if kind is dict:
        for key in value:
            if key.__class__ is not str or not key.isascii() or not key:
                raise LocalError(f"a map key must be ASCII text: {key!r}")
        ordered = {}
        for key in sorted(value):
            item = value[key]
            ordered[key] = item if item.__class__ is bytes else _ordered(item, depth - 1)
        return ordered
    if kind is list or kind is tuple:
        return [item if item.__class__ is bytes else _ordered(item, depth - 1) for item in value]
    raise LocalError(f"a {kind.__name__} cannot be encoded")
