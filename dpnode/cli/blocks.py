"""What a command may print: facts, tables and notes, every text of them made safe on the way out.

Commands never print: they hand blocks to `render`, so that no peer's text can reach the terminal past `safe_text`.
Tables are laid out here instead of by a library because importing one costs a third of what a whole command may take.
Colour is only the weight of headings, only on a terminal, and not when NO_COLOR is set (no-color.org).

On a terminal a table fits the window: texts wrap at blanks, then the columns that matter least are left out and named,
then each row becomes a list of facts. No id or path is ever cut, since what is cut cannot be copied. Into a file or a
pipe every row is one line with all of it.
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
CELL_CHARACTERS_MAX = 4_000
"""More than any text that a peer may send for one cell."""
WIDTH_LEAST = 20
"""A window that says it is narrower is not one."""
PROSE_LEAST = 16
"""Narrower than this a text is a ladder of words: rather leave a lesser column out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: its title, the key it shows, how, and whether numbers line up at the right."""

    title: str
    key: str
    shape: Shape = str
    right: bool = False
    spare: int = 0
    """Left out on a narrow terminal, the highest number first; 0 is never left out."""


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
    width = max(WIDTH_LEAST, shutil.get_terminal_size().columns) if terminal else None
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


def _lines(block: Block, width: int | None, bold: bool) -> Iterator[str]:
    match block:
        case Table():
            if block.title:
                yield _heavy(safe(block.title), bold)
            yield from _table(block, width, bold) if block.rows else [block.empty]
        case Facts():
            if block.title and block.pairs:
                yield _heavy(safe(block.title), bold)
            left = max((cells_wide(name) for name, _ in block.pairs), default=0)
            room = None if width is None else max(PROSE_LEAST, width - left - len(GAP))
            for name, text in block.pairs:
                first, *rest = _wrapped(safe_lines(text, characters_max=CELL_CHARACTERS_MAX), room)
                yield _heavy(_padded(name, left), bold) + GAP + first
                yield from (" " * (left + len(GAP)) + line for line in rest)
        case Note():
            yield from safe_lines(block.text, characters_max=1_000)
        case Exact():
            yield from safe_lines(block.text, lines_max=200, characters_max=20_000)


def _table(table: Table, width: int | None, bold: bool) -> Iterator[str]:
    columns, left_out = list(table.columns), list[Column]()
    cells = {column.key: [_cell(column, row) for row in table.rows] for column in columns}
    widths = [_widest(column, cells[column.key]) for column in columns]
    if width is not None:
        while sum(_least(column, cells[column.key]) + len(GAP) for column in columns) - len(GAP) > width:
            spare = max(columns, key=lambda column: column.spare)
            if not spare.spare:
                break
            columns.remove(spare)
            left_out.append(spare)
        widths = [_widest(column, cells[column.key]) for column in columns]
        for prose_least in (PROSE_LEAST, 0):
            least = [_least(column, cells[column.key], prose_least) for column in columns]
            _narrow(widths, least, width - len(GAP) * (len(columns) - 1))
        if sum(widths) + len(GAP) * (len(columns) - 1) > width:
            yield from _listed(table, cells, width, bold)
            return
    yield from _rows([[column.title] for column in columns], columns, widths, bold=bold)
    for number in range(len(table.rows)):
        yield from _rows([[cells[column.key][number]] for column in columns], columns, widths)
    if left_out:
        yield f"(no room here for: {', '.join(column.title for column in left_out)}; a pipe or --json has them)"


def _rows(
    texts: Sequence[list[str]], columns: Sequence[Column], widths: Sequence[int], *, bold: bool = False
) -> Iterator[str]:
    """One row, as many lines high as its highest cell."""
    wrapped = [_wrapped(text, width) for text, width in zip(texts, widths, strict=True)]
    for number in range(max(map(len, wrapped))):
        line = [cell[number] if number < len(cell) else "" for cell in wrapped]
        shown = (_fitted(text, widths[i], columns[i].right) for i, text in enumerate(line))
        yield _heavy(GAP.join(shown), bold) if bold else GAP.join(shown)


def _listed(table: Table, cells: Mapping[str, Sequence[str]], width: int, bold: bool) -> Iterator[str]:
    """The rows one below the other, where they do not fit beside each other."""
    for number in range(len(table.rows)):
        if number:
            yield ""
        pairs = [(column.title, cells[column.key][number]) for column in table.columns]
        yield from _lines(Facts(pairs=[pair for pair in pairs if pair[1] != ABSENT]), width, bold)


def _widest(column: Column, cells: Sequence[str]) -> int:
    return max(cells_wide(column.title), *map(cells_wide, cells))


def _least(column: Column, cells: Sequence[str], prose_least: int = PROSE_LEAST) -> int:
    """How narrow a column may become: no word is broken, and prose keeps some room."""
    words = max((cells_wide(word) for text in (column.title, *cells) for word in text.split()), default=1)
    return max(words, min(prose_least, _widest(column, cells)))


def _narrow(widths: list[int], least: Sequence[int], room: int) -> None:
    """Make columns narrower, the widest first, until all of them fit or all are at their least."""
    over = sum(widths) - room
    while over > 0:
        may_give = [i for i in range(len(widths)) if widths[i] > least[i]]
        if not may_give:
            return
        widths[max(may_give, key=lambda i: widths[i])] -= 1
        over -= 1


def _wrapped(lines: Iterable[str], width: int | None) -> list[str]:
    """Lines broken at blanks so that each fits, where its words do."""
    found: list[str] = []
    for line in lines:
        if width is None or cells_wide(line) <= width:
            found.append(line)
            continue
        indent = line[: len(line) - len(line.lstrip())]
        now = indent
        for word in line.split():
            if now.strip() and cells_wide(now) + 1 + cells_wide(word) > width:
                found.append(now)
                now = indent + word
            else:
                now = f"{now} {word}" if now.strip() else indent + word
        found.append(now)
    return found


def _cell(column: Column, row: Mapping[str, Any]) -> str:
    value = row.get(column.key)
    if value is None or value == "":
        return ABSENT
    return safe(column.shape(value), characters_max=CELL_CHARACTERS_MAX)


def _fitted(text: str, width: int, right: bool) -> str:
    return " " * (width - cells_wide(text)) + text if right else _padded(text, width)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells_wide(text))


def _heavy(text: str, bold: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if bold else text
