"""Text that somebody else wrote, made harmless for a terminal and a log line.

Nothing a peer sends reaches a terminal raw: control characters and escape sequences could rewrite the screen, bidi
overrides and zero-width characters could make one text look like another, piles of combining marks could cover the
lines above. Each such character is shown as `\\x1b` or `\\u{202e}`, so that the owner sees that it was there. The
result is a single line of bounded length; it may still *look like* another name, which `mixed_scripts` tells.
"""

import unicodedata

TEXT_CHARACTERS_MAX = 200
"""A line of a table or a log; a longer text ends in an ellipsis."""

COMBINING_RUN_MAX = 2
"""More marks than this on one letter serve no script in names, only to cover neighbouring lines."""

_HARMLESS_CATEGORIES = frozenset(
    ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So")
)
_MARKS = frozenset(("Mn", "Mc", "Me"))

# Invisible although their category is a letter or a mark: fillers, the braille blank, variation selectors.
_INVISIBLE = frozenset((0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800, 0x034F, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F))
_LOOK_ALIKE_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "FULLWIDTH")


def safe(text: str, *, characters_max: int = TEXT_CHARACTERS_MAX) -> str:
    """`text` on one line, every dangerous character shown as its number, at most `characters_max` characters long."""
    if text.isascii() and text.isprintable() and len(text) <= characters_max:
        return text
    shown: list[str] = []
    length = 0
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in _MARKS else 0
        part = character if _is_harmless(character) and marks <= COMBINING_RUN_MAX else _as_number(character)
        if length + len(part) > characters_max:
            return _cut(shown, characters_max)
        shown.append(part)
        length += len(part)
    return "".join(shown)


def safe_lines(text: str, *, lines_max: int = 40, characters_max: int = TEXT_CHARACTERS_MAX) -> list[str]:
    """A longer text as safe lines, split at newlines only; what is over `lines_max` ends in an ellipsis."""
    lines = text.replace("\r\n", "\n").split("\n", lines_max)
    shown = [safe(line, characters_max=characters_max) for line in lines[:lines_max]]
    return [*shown, "…"] if len(lines) > lines_max else shown


def mixed_scripts(text: str) -> tuple[str, ...]:
    """The scripts with look-alike letters that one word of `text` mixes, else ().

    A Latin word with one Cyrillic letter in it is how a name is counterfeited; two words in two scripts are ordinary.
    """
    if text.isascii():
        return ()
    for word in text.split():
        found = sorted({script for character in word if (script := _script(character))})
        if len(found) > 1:
            return tuple(found)
    return ()


def safe_name(name: str, *, characters_max: int = 60) -> str:
    """A name somebody gave themselves, with a warning beside it when a word mixes look-alike scripts."""
    shown = safe(name, characters_max=characters_max)
    mixed = mixed_scripts(name)
    return f"{shown} [mixes {' and '.join(script.capitalize() for script in mixed)}]" if mixed else shown


def _is_harmless(character: str) -> bool:
    number = ord(character)
    if 0x20 <= number < 0x7F:
        return True
    if number in _INVISIBLE or 0xFE00 <= number <= 0xFE0F or 0xE0000 <= number <= 0xE0FFF:
        return False
    category = unicodedata.category(character)
    return category in _HARMLESS_CATEGORIES or category in _MARKS


def _as_number(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{{{number:x}}}"


def _cut(shown: list[str], characters_max: int) -> str:
    while shown and sum(map(len, shown)) > max(characters_max - 1, 0):
        shown.pop()
    return "".join(shown) + ("…" if characters_max > 0 else "")


def _script(character: str) -> str | None:
    if not character.isalpha():
        return None
    first = unicodedata.name(character, "").split(" ", 1)[0]
    return first if first in _LOOK_ALIKE_SCRIPTS else None
