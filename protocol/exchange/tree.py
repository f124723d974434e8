"""Bytes of an unknown file become one plain tree, whichever of TOML, YAML or JSON they are written in.

The form is told from the content, never from the file's name: people call YAML `okh.toml` and save web pages as
manifests. Numbers stay exact (whole or Decimal), dates become text, and in YAML every scalar stays the text that was
written. Bounds stand in `bounds`; a file beyond them is refused with a sentence, never half read.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum

from protocol.exchange.bounds import DEPTH_MAX, FILE_BYTES_MAX, KEY_CHARS_MAX, NODES_MAX
from protocol.exchange.findings import Findings
from protocol.exchange.nodes import Tree
from protocol.exchange.text import clean_line
from protocol.exchange.yaml_tree import read_yaml


class Form(StrEnum):
    """What a file is written in; the value is the name a sentence uses."""

    TOML = "TOML"
    YAML = "YAML"
    JSON = "JSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A file that was read whole and within bounds; `form` is told from its content."""

    form: Form
    tree: Tree


_TOML_LINE = re.compile(r"\s*(?:\[\[?[^\]=:,]+\]\]?\s*(?:#.*)?|[\w\"'.-]{1,80}\s*=.*)")
_YAML_LINE = re.compile(r"(?:---.*|%.*|\s*(?:- )?[\w\"' -]{1,80}:(?:\s.*)?|\s*- .*)")
_LINE_OF = re.compile(r"\(at line (\d+), column \d+\)$")
_KEY_TOKEN = re.compile(r"""[\w-]+|"[^"\n]*"|'[^'\n]*'|\.|[ \t]+|.""")
_DOTS_OF_PROSE = 200
"""More words with a dot after each than any sentence has; so many key parts still cost nothing."""

_SHOWN_OF_A_LINE = 200
_SHOWN_OF_A_FILE = 400
"""Signs of a line, and lines of a file, that are looked at to tell its form: no manifest needs more."""


def parse(data: bytes, findings: Findings) -> Parsed | None:
    """The tree of a manifest or facility file; None with an ERROR among the findings when there is none."""
    text = _decoded(data, findings)
    if text is None:
        return None
    form = _form_of(text)
    tree: Tree = None
    match form:
        case None:
            findings.error("", _not_a_manifest(text))
            return None
        case Form.JSON:
            tree = _read_json(text, findings)
        case Form.TOML:
            tree = _read_toml(text, findings)
        case Form.YAML:
            tree = read_yaml(text, findings)
    if tree is None or not _within_bounds(tree, findings):
        return None
    return Parsed(form=form, tree=tree)


def _decoded(data: bytes, findings: Findings) -> str | None:
    if len(data) > FILE_BYTES_MAX:
        findings.error("", f"the file has {len(data)} bytes; at most {FILE_BYTES_MAX} are read")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        findings.error("", f"is not UTF-8 text (line {line}); save it as UTF-8")
        return None
    if not text.strip():
        findings.error("", "the file is empty")
        return None
    return text


def _form_of(text: str) -> Form | None:
    """What the text is written in, by its first sign and then by which kind of line comes more often."""
    start = text.lstrip()
    if start.startswith("<"):
        return None
    if start.startswith("{"):
        return Form.JSON
    stripped = (line.strip() for line in text.splitlines())
    starts = [line[:_SHOWN_OF_A_LINE] for line in stripped if line and not line.startswith("#")][:_SHOWN_OF_A_FILE]
    toml = sum(1 for line in starts if _TOML_LINE.fullmatch(line))
    yaml = sum(1 for line in starts if _YAML_LINE.fullmatch(line))
    if start.startswith("["):
        inside = start[1:].lstrip()[:1]
        if inside in tuple('{"]'):
            return Form.JSON
        if toml == 0:
            # A letter begins the name of a table, which nobody closed.
            return Form.TOML if inside.isalpha() else Form.JSON
    if toml == 0 and yaml == 0:
        return None
    return Form.TOML if toml >= yaml else Form.YAML


def _not_a_manifest(text: str) -> str:
    start = text.lstrip()[:200].casefold()
    if start.startswith(("<!doctype html", "<html", "<head", "<body")):
        return "is a web page (HTML), not a manifest; fetch the raw file instead"
    if start.startswith("<"):
        return "is HTML or XML, not a manifest; fetch the raw TOML, YAML or JSON file instead"
    return "is neither TOML, YAML nor JSON"


def _read_json(text: str, findings: Findings) -> Tree:
    twice: list[str] = []

    def pairs(items: list[tuple[str, Tree]]) -> dict[str, Tree]:
        table: dict[str, Tree] = {}
        for key, value in items:
            if key in table:
                twice.append(key)
            else:
                table[key] = value
        return table

    try:
        tree: Tree = json.loads(
            text, object_pairs_hook=pairs, parse_float=_decimal, parse_int=_whole, parse_constant=str
        )
    except json.JSONDecodeError as fault:
        findings.error("", f"is broken JSON at line {fault.lineno}: {fault.msg}")
        return None
    except RecursionError:
        findings.error("", _too_deep())
        return None
    for key in twice:
        findings.warn(_key(key), "stands there twice; the first one counts")
    return tree


def _read_toml(text: str, findings: Findings) -> Tree:
    if any(_has_deep_key(line) for line in text.splitlines()):
        findings.error("", _too_deep())
        return None
    try:
        return _plain(tomllib.loads(text, parse_float=_decimal))
    except tomllib.TOMLDecodeError as fault:
        findings.error("", _toml_sentence(str(fault)))
    except RecursionError:
        findings.error("", _too_deep())
    except ValueError:  # a whole number longer than Python converts; tomllib lets it through as it is
        findings.error("", "is broken TOML: a number in it is too long")
    return None


def _has_deep_key(line: str) -> bool:
    """Whether a line holds a dotted key of more than DEPTH_MAX parts (`a.a.a ... = 1`, `[a.a.a ...]`).

    tomllib needs time in the square of the parts, so such a line is refused before it is read. One pass over the line.
    A sentence inside a long text may hold dots, too: up to _DOTS_OF_PROSE of them count only before a `=` or `]`.
    """
    if line.count(".") < DEPTH_MAX:
        return False
    dots, after_part = 0, False
    for token in _KEY_TOKEN.findall(line):
        if token == ".":
            dots = dots + 1 if after_part else 0
            after_part = False
            if dots >= _DOTS_OF_PROSE:
                return True
        elif token in ("=", "]"):
            if after_part and dots >= DEPTH_MAX:
                return True
            dots, after_part = 0, False
        elif token[0].isalnum() or token[0] in "_-\"'":
            dots = 0 if after_part else dots
            after_part = True
        elif token[0] not in " \t":
            dots, after_part = 0, False
    return False


def _toml_sentence(message: str) -> str:
    found = _LINE_OF.search(message)
    what = clean_line(_LINE_OF.sub("", message)).rstrip(" .")
    return f"is broken TOML at line {found[1]}: {what}" if found else f"is broken TOML: {what}"


def _plain(value: object) -> Tree:
    """tomllib's values as ours: dates as ISO text, numbers too long to be meant as text."""
    match value:
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case bool() | str() | Decimal():
            return value
        case int():
            return value if value.bit_length() <= 64 else "a number too long to be meant"
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            raise AssertionError(f"tomllib gave a {type(value).__name__}")


def _decimal(text: str) -> Decimal | str:
    """A float's text as Decimal; inf, nan and numbers beyond reason stay text."""
    short = len(text) <= 40 and text.lstrip("+-")[:1].isdigit()
    return Decimal(text.replace("_", "")) if short else text[:40]


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= 20 else text[:40]


def _key(key: str) -> str:
    return clean_line(key, KEY_CHARS_MAX)


def _too_deep() -> str:
    return f"is nested more than {DEPTH_MAX} levels deep"


def _within_bounds(tree: Tree, findings: Findings) -> bool:
    level: list[Tree] = [tree]
    nodes = 0
    for _ in range(DEPTH_MAX + 1):
        nodes += len(level)
        if nodes > NODES_MAX:
            findings.error("", f"holds more than {NODES_MAX} values")
            return False
        below: list[Tree] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            return True
        level = below
    findings.error("", _too_deep())
    return False
