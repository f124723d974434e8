"""Strangers' text made fit to show and to sign: NFC, without control signs, of bounded length.

A manifest may hold terminal escapes, bidirectional overrides or half a surrogate pair. They are taken out where text
enters, so that nothing behind this door has to think of them.
"""

from __future__ import annotations

import unicodedata

from protocol.exchange.bounds import LINE_CHARS_MAX

_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control, format (bidi overrides, zero widths), surrogate, private, unassigned, line and paragraph separators."""


def clean_line(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """One line: every run of white space is one space, unfit signs are gone, at most `chars_max` characters.

    The cut before normalising bounds the work; normalising can make text longer, so it is cut again after.
    """
    spaced = "".join(" " if sign.isspace() else sign for sign in text[: 4 * chars_max])
    kept = "".join(sign for sign in spaced if unicodedata.category(sign) not in _FORBIDDEN_CATEGORIES)
    line = " ".join(unicodedata.normalize("NFC", kept).split())
    return line if len(line) <= chars_max else line[: chars_max - 1].rstrip() + "…"


def show(text: str) -> str:
    """A stranger's text quoted inside a sentence of ours: one short line in single quotation marks."""
    return f"'{clean_line(text, 60)}'"
