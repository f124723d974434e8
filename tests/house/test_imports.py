"""What an import contract cannot see: which modules a core may use at all, and I/O that needs no import."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.sources import CORES, Source, planted, python_files

DATA_MODULES = {
    "__future__", "abc", "base64", "binascii", "bisect", "collections", "contextlib", "copy", "dataclasses", "decimal",
    "difflib", "enum", "fractions", "functools", "hashlib", "heapq", "hmac", "itertools", "json", "math", "operator",
    "re", "string", "struct", "types", "typing", "unicodedata",
}  # fmt: skip
"""Of the standard library: what computes and neither reads, waits, nor rolls dice."""

ALLOWED = {
    "ledger": DATA_MODULES | {"ledger", "nacl", "msgpack", "sortedcontainers"},
    # csv, datetime and tomllib read text handed to them; io is for a stream of text in memory.
    "protocol": DATA_MODULES | {"ledger", "protocol", "ruamel", "tomllib", "csv", "datetime", "io", "textwrap"},
    "config": DATA_MODULES | {"config", "tomllib", "pathlib", "importlib"},
}
"""Third-party packages are narrowed to single files by the contracts in pyproject.toml."""

PURE_SUBMODULES = {"urllib.parse"}
"""What computes inside a package that does more."""

IO_BUILTINS = {"open", "input", "print", "exec", "eval", "compile", "__import__", "breakpoint"}
SEEDED_BUILTINS = {"hash", "id"}
"""Differ from run to run: the same inputs would not give the same effects."""

CLOCK_CALLS = {("datetime", "now"), ("datetime", "today"), ("datetime", "utcnow"), ("date", "today"), ("io", "open")}


def imports_not_allowed(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [source.room if node.level else node.module or ""]
        for name in names:
            if name.split(".")[0] not in ALLOWED[source.room] and name not in PURE_SUBMODULES:
                yield f"{source.path}:{node.lineno}: {source.room} does not import {name}"  # type: ignore[attr-defined]


def machine_in_a_core(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) if name in IO_BUILTINS | SEEDED_BUILTINS:
                    yield f"{source.path}:{node.lineno}: a core does not call {name}()"
                case ast.Attribute(value=ast.Name(id=of), attr=name) if (of, name) in CLOCK_CALLS:
                    yield f"{source.path}:{node.lineno}: a core does not call {of}.{name}()"
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield f"{source.path}:{node.lineno}: a core is synchronous"


def floats(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Constant(value=float() | complex()):
                yield f"{source.path}:{node.lineno}: the ledger has no float, not even {node.value!r}"
            case ast.Call(func=ast.Name(id="float")):
                yield f"{source.path}:{node.lineno}: the ledger makes no float"


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_pure_room_imports_only_what_it_may(room: str) -> None:
    assert [complaint for source in python_files(room) for complaint in imports_not_allowed(source)] == []


@pytest.mark.parametrize("room", CORES)
def test_a_core_reads_no_file_no_clock_and_no_dice_and_never_waits(room: str) -> None:
    assert [complaint for source in python_files(room) for complaint in machine_in_a_core(source)] == []


def test_the_ledger_has_no_float() -> None:
    assert [complaint for source in python_files("ledger") for complaint in floats(source)] == []


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        (imports_not_allowed, "import time"),
        (imports_not_allowed, "def f():\n    from os import path"),
        (imports_not_allowed, "import protocol.core"),
        (imports_not_allowed, "import requests"),
        (machine_in_a_core, "x = open('f')"),
        (machine_in_a_core, "x = hash('f')"),
        (machine_in_a_core, "x = datetime.now()"),
        (machine_in_a_core, "async def f(): ..."),
        (floats, "x = 0.5"),
        (floats, "x = float(1)"),
    ],
)
def test_each_of_these_checks_finds_its_planted_fault(check, fault: str) -> None:  # type: ignore[no-untyped-def]
    assert len(list(check(planted(fault)))) >= 1
    assert list(check(planted("import hashlib\nx = 1 // 2"))) == []
