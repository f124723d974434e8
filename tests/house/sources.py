"""The project's own text as the house tests read it: every file of the rooms, once, parsed.

A check is a function from one source to its complaints, so that each can also be fed a planted fault: a check that
cannot fail is worth nothing.
"""

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
CORES = ("ledger", "protocol")
ROOMS = (*CORES, "config", "dpnode")
LEFT_OUT = {".venv", ".git", "__pycache__", "build", "dist", "node_modules"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One Python file."""

    path: str
    """From the project's folder, with forward slashes."""
    text: str

    @property
    def tree(self) -> ast.Module:
        return parsed(self.text)

    @property
    def room(self) -> str:
        return self.path.split("/")[0]

    @property
    def stem(self) -> str:
        return Path(self.path).stem


@functools.cache
def parsed(text: str) -> ast.Module:
    return ast.parse(text)


@functools.cache
def python_files(*folders: str) -> tuple[Source, ...]:
    """Every Python file under these folders of the project, scripts without a suffix included."""
    found = []
    for folder in folders:
        for path in sorted((PROJECT / folder).rglob("*")):
            if LEFT_OUT.isdisjoint(path.parts) and path.is_file() and is_python(path):
                found.append(Source(path=path.relative_to(PROJECT).as_posix(), text=path.read_text(encoding="utf-8")))
    return tuple(found)


def is_python(path: Path) -> bool:
    if path.suffix == ".py":
        return True
    with path.open("rb") as file:
        first = file.readline(100)
    return path.suffix == "" and first.startswith(b"#!") and b"python" in first


@functools.cache
def texts(*suffixes: str) -> dict[str, str]:
    """Every text file of the project that ends so: path -> content."""
    found = {}
    for path in sorted(PROJECT.rglob("*")):
        inside = path.relative_to(PROJECT)
        if path.suffix in suffixes and path.is_file() and LEFT_OUT.isdisjoint(inside.parts):
            found[inside.as_posix()] = path.read_text(encoding="utf-8")
    return found


def planted(text: str, path: str = "ledger/planted.py") -> Source:
    """A source that stands nowhere, to show that a check can fail."""
    return Source(path=path, text=text)
