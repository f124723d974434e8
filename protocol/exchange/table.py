"""A table of a stranger's file, read key by key with the place of every fault told.

Keys are compared without regard to spelling habits: `documentationLanguage`, `documentation_language` and
`Documentation-Language` are one key, because all three are found in real files. Every question returns a usable value;
what was wrong stands among the findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from protocol.exchange.bounds import ITEMS_MAX, KEY_CHARS_MAX, LINE_CHARS_MAX, PATH_CHARS_MAX
from protocol.exchange.exact import number_of
from protocol.exchange.findings import Findings
from protocol.exchange.nodes import Tree
from protocol.exchange.text import clean_line, show

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PLACEHOLDER = re.compile(
    r"\[(?:REQUIRED|OPTIONAL)\b.*\]|\[(?:text|url|path|value|url-or-path|true/false|YYYY-MM-DD|language)\].*|xxx(?:\.\w{1,4})?"
    r"|your-awesome-.*",
    re.DOTALL,
)
_NAMING_KEYS = ("path", "location", "name", "title", "material-type", "identifier", "id", "url")
"""Where the naming text of a list's entry stands when the entry is a table, best first."""


def plain_key(key: str) -> str:
    """The one spelling keys are compared by: lower case, parted by hyphens."""
    return _HUMP.sub("-", key[:KEY_CHARS_MAX].strip()).replace("_", "-").replace(" ", "-").casefold()


def is_placeholder(text: str) -> bool:
    """Whether a template's text was left standing where a value belongs."""
    return _PLACEHOLDER.fullmatch(text.strip()) is not None


@dataclass(frozen=True, slots=True)
class Table:
    """One table; `place` is its own key in messages, empty for the whole file."""

    place: str
    entries: Mapping[str, tuple[str, Tree]]
    findings: Findings

    @classmethod
    def of(cls, tree: Mapping[str, Tree], place: str, findings: Findings) -> Table:
        """The table at `place`; of keys that differ in spelling only, the first counts, and that is told."""
        entries: dict[str, tuple[str, Tree]] = {}
        for key, value in tree.items():
            plain = plain_key(key)
            if plain in entries and value is not None:
                first = clean_line(entries[plain][0], KEY_CHARS_MAX)
                findings.warn(_joined(place, key), f"is the same key as {show(first)}; the first one counts")
            else:
                entries.setdefault(plain, (key, value))
        return cls(place, entries, findings)

    def where(self, key: str) -> str:
        """The key as it is spelled in the file, with the place of its table."""
        return _joined(self.place, self.entries[key][0] if key in self.entries else key)

    def has(self, *keys: str) -> bool:
        """Whether any of these keys holds something."""
        return any(self.entries[key][1] not in (None, "", []) for key in keys if key in self.entries)

    def get(self, key: str) -> Tree:
        """The value as it stands, None when absent or empty."""
        return self.entries[key][1] if key in self.entries else None

    def first(self, *keys: str) -> str:
        """The first of these keys that holds something; the first of all when none does."""
        return next((key for key in keys if self.has(key)), keys[0])

    def text(self, *keys: str, chars_max: int = LINE_CHARS_MAX) -> str:
        """One line of text from the first of these keys that holds something; empty when there is none."""
        key = self.first(*keys)
        value = self.get(key)
        match value:
            case None:
                return ""
            case list() if len(value) == 1 and not isinstance(value[0], dict | list):
                return self._line(key, value[0], chars_max)
            case dict() | list():
                self.findings.warn(self.where(key), f"should be one text, is {kind_of(value)}; it is left out")
                return ""
            case _:
                return self._line(key, value, chars_max)

    def texts(self, *keys: str, chars_max: int = PATH_CHARS_MAX) -> tuple[str, ...]:
        """A text or a list of texts; of a list's tables the naming key is taken (`path`, `location`, `name`, ...)."""
        key = self.first(*keys)
        value = self.get(key)
        items = value if isinstance(value, list) else [] if value is None else [value]
        if len(items) > ITEMS_MAX:
            self.findings.warn(self.where(key), f"holds {len(items)} entries; the first {ITEMS_MAX} are read")
        lines: list[str] = []
        for item in items[:ITEMS_MAX]:
            if isinstance(item, list):
                self.findings.warn(self.where(key), "should be a list of texts, holds a list; it is left out")
            elif isinstance(item, dict):
                lines.append(self._named(key, item, chars_max))
            else:
                lines.append(self._line(key, item, chars_max))
        return tuple(dict.fromkeys(line for line in lines if line))

    def table(self, key: str) -> Table | None:
        """The table under this key; `[[mass]]` written for `[mass]` is read when it holds exactly one."""
        value = self.get(key)
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
            self.findings.note(self.where(key), "is a list of one table where a table belongs; the one is read")
            value = value[0]
        return Table.of(value, self.where(key), self.findings) if isinstance(value, dict) else None

    def tables(self, key: str, most: int) -> Iterator[Table]:
        """The tables of a list under this key; anything else in it is told and left out."""
        value = self.get(key)
        if value is None:
            return
        items = value if isinstance(value, list) else [value]
        if len(items) > most:
            self.findings.warn(self.where(key), f"holds {len(items)} entries; the first {most} are read")
        for index, item in enumerate(items[:most]):
            place = f"{self.where(key)}[{index}]" if isinstance(value, list) else self.where(key)
            if isinstance(item, dict):
                yield Table.of(item, place, self.findings)
            elif item is not None:
                self.findings.warn(place, f"should be a table, is {kind_of(item)}; it is left out")

    def _named(self, key: str, item: dict[str, Tree], chars_max: int) -> str:
        inner = Table.of(item, self.where(key), self.findings)
        naming = inner.first(*_NAMING_KEYS)
        value = inner.get(naming)
        return inner._line(naming, value, chars_max) if isinstance(value, str) else ""

    def _line(self, key: str, value: Tree, chars_max: int) -> str:
        match value:
            case None:
                return ""
            case bool():
                return "true" if value else "false"
            case str() if is_placeholder(value):
                self.findings.warn(self.where(key), f"still holds the template's text {show(value)}; it is left out")
                return ""
            case str():
                return clean_line(value, chars_max)
            case _:
                exact = number_of(value)
                return "" if exact is None else number_text(value)


def number_text(value: Tree) -> str:
    """A whole number or Decimal as it was written, without an exponent's surprise."""
    return clean_line(f"{value:f}" if isinstance(value, Decimal) else str(value), 48)


def kind_of(value: Tree) -> str:
    """What a value is, in words for the end of a sentence: `a table`, `a number`, `empty`."""
    match value:
        case dict():
            return "a table"
        case list():
            return "a list"
        case None:
            return "empty"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case _:
            return "a number"


def _joined(place: str, key: str) -> str:
    shown = clean_line(key, KEY_CHARS_MAX)
    return f"{place}.{shown}" if place else shown
