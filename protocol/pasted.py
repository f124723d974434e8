"""Texts that people copy from one screen to another: a beginning that says what it is, base32, and a check.

The check tells a text that was copied in part from one that is wrong (SPEC P-50, P-57).
"""

from __future__ import annotations

import base64

from ledger.canonical import digest
from ledger.errors import RemoteError

CHECK_BYTES = 4


class BadText(RemoteError):
    """This is no such text; the reason is a sentence for whoever pasted it."""


def write_pasted(begins: str, tag: str, body: bytes) -> str:
    """The text of `body`: lower-case letters and digits behind `begins`."""
    return _letters(begins, body + digest(tag, body)[:CHECK_BYTES])


def read_pasted(text: str, begins: str, tag: str, *, what: str, bytes_max: int) -> bytes:
    """The body in a text; white space and capitals do not matter. Raises `BadText`.

    Args:
        what: as a sentence names it, e.g. "a ticket".
    """
    name = what.partition(" ")[2]
    letters = "".join(text.split()).lower()
    if not letters.startswith(begins):
        raise BadText(f"{what} begins with {begins}")
    packed = letters[len(begins) :].upper()
    if len(packed) > 2 * bytes_max:
        raise BadText(f"this is too long for {what}")
    try:
        checked = base64.b32decode(packed + "=" * (-len(packed) % 8))
    except ValueError:
        raise BadText(f"the {name} is damaged: copy all of it, and nothing else") from None
    body, check = checked[:-CHECK_BYTES], checked[-CHECK_BYTES:]
    # The last letter of base32 has bits that mean nothing; only one spelling is taken.
    if digest(tag, body)[:CHECK_BYTES] != check or _letters(begins, checked) != letters:
        raise BadText(f"the {name} is damaged: copy all of it, and nothing else")
    return body


def _letters(begins: str, checked: bytes) -> str:
    return begins + base64.b32encode(checked).decode("ascii").rstrip("=").lower()
