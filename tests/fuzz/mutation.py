"""Makes strangers' bytes: from seeds, by changing bytes, and by changing values so that the encoding still holds.

Bytes alone rarely get past a canonical decoder; a changed value, encoded again, reaches what stands behind it. Bytes
inside a value that are themselves canonical are opened and changed in place, so entries in blocks and statements in
messages are reached too. Everything follows from the dice given in.
"""

from __future__ import annotations

import random
from typing import Any

from ledger import form
from ledger.canonical import INTEGER_MAX, NotCanonical, decode, encode
from ledger.errors import LocalError
from protocol.messages import Anything

WORDS = (
    b"\x00", b"\xff", b"\xc0", b"\x80", b"\x90", b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xd9\x01a",
    b"\xcf", b"\xcb", b"\xd6\xff", b"\x1b[2J", "\u202e".encode(), b"-", b"1e999", b"0x", b"[", b"{", b'"',
)  # fmt: skip
LEAVES: tuple[Any, ...] = (
    0, 1, -1, 127, 2**31, 2**47, INTEGER_MAX, -INTEGER_MAX, True, False, "", "a", "x" * 300, "\x1b[2J", "Ω", b"",
    bytes(16), bytes(32), bytes(64), b"\x01" + bytes(31), [], {}, [0], {"a": 1},
)  # fmt: skip


def changed_bytes(data: bytes, dice: random.Random) -> bytes:
    """`data` with one to four small changes."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(out))
        match dice.randrange(6):
            case 0 if out:
                out[at % len(out)] ^= 1 << dice.randrange(8)
            case 1 if out:
                out[at % len(out)] = dice.randrange(256)
            case 2:
                out[at:at] = dice.choice(WORDS)
            case 3:
                del out[at : at + dice.randint(1, 8)]
            case 4:
                end = at + dice.randint(1, 16)
                out[at:at] = out[at:end]
            case _:
                del out[at:]
    return bytes(out)


def changed_value(value: Any, dice: random.Random) -> Any:
    """`value` with one change somewhere inside."""
    if isinstance(value, dict) and value:
        name = dice.choice(sorted(value))
        match dice.randrange(8):
            case 0:
                return {key: item for key, item in value.items() if key != name}
            case 1:
                return {**value, dice.choice(("t", "zz", "seq", "price")): dice.choice(LEAVES)}
            case _:
                return {**value, name: changed_value(value[name], dice)}
    if isinstance(value, list) and value:
        at = dice.randrange(len(value))
        match dice.randrange(8):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value, value[at]]
            case 2:
                return value[::-1]
            case _:
                return [*value[:at], changed_value(value[at], dice), *value[at + 1 :]]
    if isinstance(value, bytes) and value:
        inner = _opened(value)
        if isinstance(inner, dict | list) and dice.randrange(8):
            return encode(changed_value(inner, dice))
        if dice.randrange(2):
            return changed_bytes(value, dice)
    if isinstance(value, int) and not isinstance(value, bool) and dice.randrange(2):
        return max(-INTEGER_MAX, min(INTEGER_MAX, value + dice.choice((-1, 1, 5, 1000, -value, value))))
    return dice.choice(LEAVES)


def _opened(data: bytes) -> Any:
    try:
        return decode(data)
    except NotCanonical:
        return None


def mutant(seeds: list[bytes], dice: random.Random) -> bytes:
    """One stranger's bytes."""
    data = dice.choice(seeds)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        inner = _opened(data) if dice.randrange(4) else None
        if isinstance(inner, dict | list):
            try:
                data = encode(changed_value(inner, dice))
            except LocalError:
                data = changed_bytes(data, dice)
        else:
            data = changed_bytes(data, dice)
    return data


def example(of: Any, dice: random.Random) -> Any:
    """A value that has the form, or nearly: what relates two fields is left to chance."""
    match of:
        case form.Map():
            kept = {name: one for name, one in of.optional.items() if dice.randrange(2)}
            return {name: example(one, dice) for name, one in {**of.required, **kept}.items()}
        case form.List():
            return [example(of.of, dice) for _ in range(min(of.most, of.least + dice.randrange(3)))]
        case form.Dict():
            return {name: example(of.of, dice) for name in ("length", "material")[: dice.randrange(3)]}
        case form.Bytes():
            return dice.randbytes(dice.choice((of.least, min(of.most, of.least + 40))))
        case form.Text():
            return "abc def"[: max(of.least, min(7, of.most))]
        case form.Int():
            return dice.choice((of.least, min(of.most, max(of.least, 7)), of.most))
        case form.Flag():
            return bool(dice.randrange(2))
        case form.Choice():
            return dice.choice(of.options)
        case form.MeasureForm():
            return {"d": 1, "n": dice.randint(1, 50), "u": "mm"}
        case form.Either():
            return example(of.if_map if dice.randrange(2) else of.otherwise, dice)
        case form.Cases():
            return example(of.of[dice.choice(sorted(of.of))], dice)
        case form.PlaceForm():
            return {"lat": 4785, "lon": 1605}
        case Anything():
            return dice.choice((1, b"x", "text", [1, 2], {"a": 1}))
        case _:
            raise AssertionError(f"no example is made of {type(of).__name__}")
