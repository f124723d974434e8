"""How a 32-byte id is written for people: ``mem-`` and 52 letters, or a short form of 10.

Base32 in lower case without padding (RFC 4648), because it survives being read aloud and double-clicked. The prefix
says what it is an id of. A short form is for eyes; commands accept it only where exactly one id starts with it.
"""

from __future__ import annotations

import base64
from enum import StrEnum

from ledger.errors import RemoteError

SHORT_LETTERS = 10
"""50 bits: 100,000 ids share a short form with odds of one in 200,000."""
_FULL_LETTERS = 52


class Kind(StrEnum):
    """What an id names."""

    MEMBER = "mem"
    NETWORK = "net"
    ENTRY = "ent"
    BLOCK = "blk"
    JOB = "job"
    MOTION = "motion"
    CALL = "call"
    CREDIT = "cred"
    ASSET = "asset"
    GROUP = "group"
    FUNCTION = "fn"
    DESIGN = "design"
    HASH = "hash"
    KEY = "key"


class NotAnId(RemoteError):
    """This text is not an id of the wanted kind."""


def show_id(kind: Kind, value: bytes) -> str:
    """The full written form, e.g. ``job-`` and 52 letters."""
    return f"{kind.value}-{_letters(value)}"


def short(kind: Kind, value: bytes) -> str:
    """The form tables show: the kind and the first ten letters."""
    return f"{kind.value}-{_letters(value)[:SHORT_LETTERS]}"


def parse_id(kind: Kind, text: str) -> bytes:
    """The 32 bytes of a full written id; raises `NotAnId`."""
    prefix, dash, letters = text.strip().lower().partition("-")
    if not dash or prefix != kind.value or len(letters) != _FULL_LETTERS:
        raise NotAnId(f"not a full {kind.name.lower()} id ({kind.value}-... with {_FULL_LETTERS} letters)")
    try:
        value = base64.b32decode(letters.upper() + "====")
    except ValueError:
        raise NotAnId("an id holds only the letters a to z and the digits 2 to 7") from None
    if _letters(value) != letters:
        raise NotAnId("the last letter of the id is not one this program writes")
    return value


def matches(kind: Kind, text: str, value: bytes) -> bool:
    """Whether `text` is the full or a beginning of the written form of `value`."""
    wanted = text.strip().lower()
    return len(wanted) > len(kind.value) + 1 and show_id(kind, value).startswith(wanted)


def _letters(value: bytes) -> str:
    return base64.b32encode(value).decode("ascii").rstrip("=").lower()
