"""Which signs a text may hold: those of Unicode 14, whatever Python judges them.

Whether a text is in NFC, and whether a sign is printable, changes with the Unicode tables of the Python that looks:
one node would take an entry that another calls malformed, and the network would split (SPEC B-3). Signs that were
assigned in one version never change their normal form later (Unicode's stability policy), so a text may hold only
signs that every supported Python knows. Python 3.11 has Unicode 14; what 15.0 and 15.1 added stands here.
"""

from __future__ import annotations

import re
from unicodedata import category, is_normalized, normalize

LATER = (
    (0xCF3, 0xCF3), (0xECE, 0xECE), (0x2FFC, 0x2FFF), (0x31EF, 0x31EF), (0x10EFD, 0x10EFF), (0x1123F, 0x11241),
    (0x11B00, 0x11B09), (0x11F00, 0x11F10), (0x11F12, 0x11F3A), (0x11F3E, 0x11F59), (0x1342F, 0x1342F),
    (0x13439, 0x13455), (0x1B132, 0x1B132), (0x1B155, 0x1B155), (0x1D2C0, 0x1D2D3), (0x1DF25, 0x1DF2A),
    (0x1E030, 0x1E06D), (0x1E08F, 0x1E08F), (0x1E4D0, 0x1E4F9), (0x1F6DC, 0x1F6DC), (0x1F774, 0x1F776),
    (0x1F77B, 0x1F77F), (0x1F7D9, 0x1F7D9), (0x1FA75, 0x1FA77), (0x1FA87, 0x1FA88), (0x1FAAD, 0x1FAAF),
    (0x1FABB, 0x1FABD), (0x1FABF, 0x1FABF), (0x1FACE, 0x1FACF), (0x1FADA, 0x1FADB), (0x1FAE8, 0x1FAE8),
    (0x1FAF7, 0x1FAF8), (0x2B739, 0x2B739), (0x2EBF0, 0x2EE5D), (0x31350, 0x323AF),
)  # fmt: skip
"""First and last code point of every run that Unicode 15.0 or 15.1 assigned."""
_HAS_LATER = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in LATER) + "]").search


def is_settled(text: str) -> bool:
    """Whether `text` is in NFC and holds only signs that Unicode 14 assigned."""
    if text.isascii():
        return True
    if not is_normalized("NFC", text) or _HAS_LATER(text):
        return False
    # Whole texts are judged at once: a peer's 1 MiB, sign by sign, would hold a node up for over a second.
    return text.isprintable() or not any(category(sign) in ("Cn", "Cs") for sign in set(text))


def settled(text: str) -> str:
    """`text` in NFC, with a replacement sign where Unicode 14 has none: for showing, never for signing."""
    if text.isascii():
        return text
    known = "".join(sign if is_settled(sign) else "\ufffd" for sign in normalize("NFC", text))
    return known if is_settled(known) else normalize("NFC", known)


def is_plain(text: str) -> bool:
    """Whether `text` holds only signs one can see and the space: no control, format or private-use sign."""
    return text.isprintable() and is_settled(text)
