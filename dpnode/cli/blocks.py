"""What a command may print: facts, tables and notes, every text of them made safe on the way out.

Commands never print: they hand blocks to `render`, so that no peer's text can reach the terminal past `safe_text`.
Tables are laid out here instead of by a library because importing one costs a third of what a whole command may take.
Colour is only the weight of headings, only on a terminal, and not when NO_COLOR is set (no-color.org).
"""

import os
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias

from dpnode.safe_text import safe, safe_lines

Shape: TypeAlias = Callable[[Any], str]
ABSENT = "-"
GAP = "  "
PLAIN_WIDTH = 1_000
"""Into a file or pipe nothing is cut: another program may want all of it."""
CELL_LEAST = 12
PROSE_LEAST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: its title, the key it shows, how, and whether numbers line up at the right."""

    title: str
    key: str
    shape: Shape = str
    right: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under titles; `empty` is said instead when there are none."""

    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    empty: str = "Nothing here."
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names and texts, the names lined up; an absent fact is left out."""

    pairs: Sequence[tuple[str, str]]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One sentence, or several lines."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """One ASCII text to be copied whole (an invitation, a word list): never cut, still made safe."""

    text: str


Block: TypeAlias = Table | Facts | Note | Exact


def facts(value: Mapping[str, Any], *wanted: tuple[str, str, Shape], title: str = "") -> Facts:
    """Facts from a map: (what it is called, its key, how to show it); absent keys and empty texts are left out."""
    pairs = [(name, shape(value[key])) for name, key, shape in wanted if value.get(key) not in (None, "", [], {})]
    return Facts(pairs=pairs, title=title)


def render(blocks: Iterable[Block], stream: TextIO) -> None:
    """Print blocks with an empty line between them."""
    terminal = stream.isatty()
    bold = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size().columns if terminal else PLAIN_WIDTH
    first = True
    for block in blocks:
        lines = list(_lines(block, width, bold))
        if not lines:
            continue
        if not first:
            stream.write("\n")
        first = False
        for line in lines:
            stream.write(line.rstrip() + "\n")


def cells_wide(text: str) -> int:
    """How many columns of a terminal a safe text takes: wide East Asian letters two, marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _lines(block: Block, width: int, bold: bool) -> Iterator[str]:
    match block:
        case Table():
            if block.title:
                yield _heavy(safe(block.title), bold)
            yield from _table(block, width, bold) if block.rows else [block.empty]
        case Facts():
            if block.title and block.pairs:
                yield _heavy(safe(block.title), bold)
            left = max((cells_wide(name) for name, _ in block.pairs), default=0)
            for name, text in block.pairs:
                first, *rest = safe_lines(text, characters_max=400)
                yield _heavy(_padded(name, left), bold) + GAP + first
                yield from (" " * (left + len(GAP)) + line for line in rest)
        case Note():
            yield from safe_lines(block.text, characters_max=1_000)
        case Exact():
            yield from safe_lines(block.text, lines_max=200, characters_max=20_000)


def _table(table: Table, width: int, bold: bool) -> Iterator[str]:
    shown = [[_cell(column, row) for column in table.columns] for row in table.rows]
    widths = [
        max(cells_wide(column.title), max(cells_wide(row[index]) for row in shown))
        for index, column in enumerate(table.columns)
    ]
    # What holds a blank is prose, which can be cut; an id that is cut can no longer be copied and used.
    prose = [i for i in range(len(widths)) if any(" " in row[i] for row in shown)]
    room = width - len(GAP) * (len(widths) - 1)
    _narrow(widths, prose, room, least=PROSE_LEAST)
    _narrow(widths, range(len(widths)), room, least=CELL_LEAST)
    titles = [_fitted(column.title, widths[i], column.right) for i, column in enumerate(table.columns)]
    yield _heavy(GAP.join(titles), bold)
    for row in shown:
        yield GAP.join(_fitted(text, widths[i], table.columns[i].right) for i, text in enumerate(row))


def _narrow(widths: list[int], may_give: Sequence[int], width: int, *, least: int) -> None:
    """Make columns narrower, the widest first, until all of them fit or those that may are at their least."""
    over = sum(widths) - width
    while over > 0 and may_give:
        widest = max(may_give, key=lambda i: widths[i])
        if widths[widest] <= least:
            return
        widths[widest] -= 1
        over -= 1


def _cell(column: Column, row: Mapping[str, Any]) -> str:
    value = row.get(column.key)
    return safe(column.shape(value)) if value is not None and value != "" else ABSENT


def _fitted(text: str, width: int, right: bool) -> str:
    if cells_wide(text) > width:
        while text and cells_wide(text) > width - 1:
            text = text[:-1]
        text += "…"
    return " " * (width - cells_wide(text)) + text if right else _padded(text, width)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells_wide(text))


def _heavy(text: str, bold: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if bold else text
