"""Reading an owner's TOML: every mistake is named with its file and key, and a wrong key with the nearest right one.

A `Section` is one table of a parsed file. Each question takes its key out; `end()` refuses what is left, so a
misspelt key is never silently ignored (SPEC C-15). Numbers are exact: a TOML float is read as the decimal that stands
there.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from ledger.canonical import INTEGER_MAX
from ledger.letters import is_plain

_FLOAT = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,12})?(?:[eE][+-]?\d{1,2})?")


class WrongFile(ValueError):
    """The owner's file says something that cannot be taken; the sentence names file and key."""

    def __init__(self, file: str, key: str, what: str) -> None:
        super().__init__(f"{file}: {key}: {what}" if key else f"{file}: {what}")
        self.file = file
        self.key = key
        self.what = what


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` most likely means, or None."""
    by_case = {one.casefold(): one for one in known}
    close = get_close_matches(word.casefold(), by_case, n=1, cutoff=0.55)
    return by_case[close[0]] if close else None


def hint(word: str, known: Iterable[str]) -> str:
    """``; did you mean "..."?`` or nothing."""
    close = nearest(word, known)
    return f'; did you mean "{close}"?' if close else ""


def parse_toml(text: str, file: str, bytes_max: int) -> Section:
    """The top table of a TOML text; raises `WrongFile`."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > bytes_max:
        raise WrongFile(file, "", f"{size} bytes where at most {bytes_max} are read")
    try:
        table = tomllib.loads(text, parse_float=_exact)
    except RecursionError:
        raise WrongFile(file, "", "not TOML: nested too deeply") from None
    except ValueError as problem:
        raise WrongFile(file, "", f"not TOML: {problem}") from None
    return Section(file, "", table)


def _exact(text: str) -> Fraction:
    """A TOML float as the exact decimal it is; huge exponents would make huge numbers."""
    plain = text.replace("_", "")
    if not _FLOAT.fullmatch(plain):
        raise ValueError(f"the number {text[:40]} is not a plain decimal of up to 15 and 12 digits")
    return Fraction(plain)


class Section:
    """One table of a file and the keys not yet asked for."""

    def __init__(self, file: str, path: str, table: Mapping[str, Any]) -> None:
        self.file = file
        self.path = path
        self._table = dict(table)
        self._asked: list[str] = []

    def wrong(self, key: str, what: str) -> WrongFile:
        """The error to raise for `key` of this table."""
        return WrongFile(self.file, self._dotted(key), what)

    def _dotted(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else self.path or key

    def _take(self, key: str, required: bool) -> Any:
        self._asked.append(key)
        if required and key not in self._table:
            raise self.wrong(key, f"missing{self._misspelt(key)}")
        return self._table.pop(key, None)

    def _misspelt(self, key: str) -> str:
        close = nearest(key, self._table)
        return f' (there is "{close}")' if close else ""

    def has(self, key: str) -> bool:
        """Whether the key stands there, unasked."""
        return key in self._table

    def names(self) -> tuple[str, ...]:
        """The keys not yet asked for, in the file's order."""
        return tuple(self._table)

    def text(self, key: str, *, required: bool = False, bytes_max: int = 1000) -> str:
        """A text in NFC without control characters; empty where absent."""
        value = self._take(key, required)
        return "" if value is None else self._text(key, value, bytes_max)

    def _text(self, key: str, value: Any, bytes_max: int) -> str:
        if not isinstance(value, str):
            raise self.wrong(key, "a text in quotes is expected")
        text = unicodedata.normalize("NFC", value.strip())
        if not text or len(text.encode()) > bytes_max or not is_plain(text):
            what = "of text without control characters or signs younger than Unicode 14 are expected"
            raise self.wrong(key, f"1 to {bytes_max} bytes {what}")
        return text

    def texts(self, key: str, *, bytes_max: int = 200, most: int = 256) -> tuple[str, ...]:
        """A list of texts; a single text is a list of one; absent is empty."""
        value = self._take(key, False)
        if value is None:
            return ()
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or len(items) > most:
            raise self.wrong(key, f"a list of at most {most} texts is expected")
        return tuple(self._text(key, item, bytes_max) for item in items)

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._take(key, False)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false is expected")
        return value

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self._take(key, False)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.wrong(key, f"a whole number from {least} to {most} is expected")
        return value

    def number(self, key: str) -> Fraction | None:
        """An exact number; None where absent."""
        value = self._take(key, False)
        return None if value is None else self._number(key, value)

    def _number(self, key: str, value: Any) -> Fraction:
        if isinstance(value, bool) or not isinstance(value, int | Fraction):
            raise self.wrong(key, "a number is expected")
        exact = Fraction(value)
        if abs(exact.numerator) > INTEGER_MAX or exact.denominator > INTEGER_MAX:
            raise self.wrong(key, "a number with fewer digits is expected")
        return exact

    def number_or_text(self, key: str) -> Fraction | str | None:
        """An exact number, or a text such as ``120 mm``; None where absent."""
        value = self._take(key, False)
        if value is None:
            return None
        return self._text(key, value, 80) if isinstance(value, str) else self._number(key, value)

    def is_table(self, key: str) -> bool:
        """Whether an unasked key holds a table."""
        return isinstance(self._table.get(key), dict)

    def table(self, key: str) -> Section:
        """A sub-table; an empty one where absent."""
        value = self._take(key, False)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(key, f"a table is expected: [{self._dotted(key)}]")
        return Section(self.file, self._dotted(key), value or {})

    def tables(self, key: str, most: int) -> list[Section]:
        """A list of tables, as ``[[key]]`` makes it; empty where absent."""
        value = self._take(key, False)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > most or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, f"at most {most} tables are expected: [[{self._dotted(key)}]]")
        return [Section(self.file, f"{self._dotted(key)}[{i}]", item) for i, item in enumerate(value)]

    def lists(self, key: str, most: int) -> list[tuple[str, ...]]:
        """A list of lists of texts; empty where absent."""
        value = self._take(key, False)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > most or not all(isinstance(item, list) for item in value):
            raise self.wrong(key, f"a list of at most {most} lists is expected")
        return [tuple(self._text(key, item, 200) for item in group) for group in value]

    def end(self) -> None:
        """Refuse keys nobody asked for; raises `WrongFile` naming the nearest right key."""
        for key in self._table:
            known = sorted(set(self._asked))
            more = hint(key, known) or f"; known here: {', '.join(known)}"
            raise self.wrong(key, f"unknown key{more}")
