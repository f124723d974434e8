"""How a source file looks here: it says what it is for, stays small, finishes what it begins and hides no error."""

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from tests.house.sources import CORES, ROOMS, Source, planted, python_files, texts

LINES_MAX = 400
LONGER: dict[str, str] = {}
"""Files that may be longer: path -> why they hold one idea all the same."""

EDGES: dict[str, str] = {
    "dpnode/cli/main.py": "the owner's terminal: a sentence there, the traceback in a file",
    "dpnode/control/server.py": "one asker's task",
    "dpnode/net/dialer.py": "one address of a peer, whose handshake may raise anything",
    "dpnode/net/gossip.py": "one gossiped message",
    "dpnode/net/host.py": "one peer's connection or stream",
    "dpnode/net/links.py": "one peer's link",
    "dpnode/net/requests.py": "one peer's request",
    "dpnode/net/room.py": "the network room, which is built again",
    "dpnode/process.py": "the process itself",
}
"""Files that may catch every exception: path -> whose task ends there. Each such place leaves a log line."""

INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]|[^\\S \n]")
"""Bidirectional controls, zero-width signs, tabs, carriage returns: what a reader sees is then not what runs."""

LOGS = {"exception", "error", "warning", "info", "debug", "log", "critical", "_unexpected"}
"""Calls that leave a line for the owner; `_unexpected` is the command line's own traceback file."""


def too_long(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if lines > LINES_MAX and source.path not in LONGER:
        yield f"{source.path}: {lines} lines; one idea fits {LINES_MAX}"


def opens_without_a_sentence(source: Source) -> Iterator[str]:
    first = (ast.get_docstring(source.tree) or "").split("\n")[0]
    words = re.findall(r"[\w'-]+", first.lower())
    if not source.tree.body and source.stem == "__init__":
        return
    if len(words) < 4:
        yield f"{source.path}: the module does not open with a sentence that says what it is for"
    elif words[0] == source.stem and words[1] in {"module", "py", "file"}:
        yield f"{source.path}: the module opens with its own name"


def unfinished(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            # The name is what is searched for in every file; nothing is left unimplemented here.
            case ast.Name(id="NotImplementedError"):
                yield f"{source.path}:{node.lineno}: a stub is not finished"
            case ast.Attribute(value=ast.Name(id="time"), attr="sleep"):
                yield f"{source.path}:{node.lineno}: nothing here sleeps; wait for what is awaited, with a deadline"
            case ast.ImportFrom(module="time", names=names) if any(name.name == "sleep" for name in names):
                yield f"{source.path}:{node.lineno}: nothing here sleeps; wait for what is awaited, with a deadline"


def catches_everything(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or names_everything(node.type)):
            if isinstance(node.body[-1], ast.Raise):
                continue  # it tidies up and lets the error go on
            if source.path not in EDGES:
                yield f"{source.path}:{node.lineno}: catches everything and is not a listed edge"
            elif not any(speaks(one) for one in ast.walk(node)):
                yield f"{source.path}:{node.lineno}: catches everything without a log line"


def names_everything(kind: ast.expr) -> bool:
    return any(isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"} for one in ast.walk(kind))


def speaks(node: ast.AST) -> bool:
    match node:
        case ast.Raise():
            return True
        case ast.Call(func=ast.Attribute(attr=name)) | ast.Call(func=ast.Name(id=name)):
            return name in LOGS
    return False


def public_without_docstring(source: Source) -> Iterator[str]:
    def visit(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
                overrides = any(
                    isinstance(one, ast.Name) and one.id in {"override", "overload"} for one in node.decorator_list
                )
                if not (ast.get_docstring(node) or overrides):
                    yield f"{source.path}:{node.lineno}: {prefix}{node.name} is public and has no docstring"
                if isinstance(node, ast.ClassDef):
                    yield from visit(node.body, f"{node.name}.")

    yield from visit(source.tree.body, "")


def data_that_can_change(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and node.name[0] != "_":
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                if isinstance(called, ast.Name) and called.id == "dataclass":
                    said = {one.arg for one in decorator.keywords} if isinstance(decorator, ast.Call) else set()
                    if not {"frozen", "slots"} <= said:
                        yield f"{source.path}:{node.lineno}: {node.name}: data in a core is frozen and has slots"


def invisible(source: Source) -> Iterator[str]:
    for number, line in enumerate(source.text.split("\n"), 1):
        if found := INVISIBLE.search(line):
            yield f"{source.path}:{number}: holds the sign U+{ord(found[0]):04X}, which nobody sees"


Check = Callable[[Source], Iterator[str]]
EVERYWHERE = (*ROOMS, "scripts", "tests")
CHECKS: tuple[tuple[Check, tuple[str, ...], str], ...] = (
    (too_long, EVERYWHERE, "x = 1\n" * (LINES_MAX + 1)),
    (opens_without_a_sentence, EVERYWHERE, '"""Planted."""\nx = 1'),
    (unfinished, (*ROOMS, "scripts", "tests"), "import time\ntime.sleep(1)"),
    (catches_everything, (*ROOMS, "scripts"), "try:\n    x = 1\nexcept (ValueError, Exception):\n    pass"),
    (public_without_docstring, ROOMS, "class A:\n    '''A.'''\n    def run(self): ..."),
    (data_that_can_change, CORES, "@dataclass(slots=True)\nclass A: ..."),
    (invisible, EVERYWHERE, "x = 'a\u202eb'"),
)  # fmt: skip


@pytest.mark.parametrize("check", [row[0] for row in CHECKS], ids=lambda check: check.__name__)
def test_no_file_is(check: Check) -> None:
    (folders,) = [row[1] for row in CHECKS if row[0] is check]
    assert [complaint for source in python_files(*folders) for complaint in check(source)] == []


@pytest.mark.parametrize(
    ("check", "fault"), [(row[0], row[2]) for row in CHECKS], ids=lambda one: getattr(one, "__name__", "")
)
def test_each_of_these_checks_finds_its_planted_fault(check: Check, fault: str) -> None:
    assert len(list(check(planted(fault)))) >= 1
    assert list(check(planted('"""A file in which nothing at all is wrong."""\n'))) == []


def test_a_listed_edge_that_says_nothing_is_found() -> None:
    (path,) = list(EDGES)[:1] or [""]
    silent = planted("try:\n    x = 1\nexcept Exception:\n    pass", path=path)
    assert len(list(catches_everything(silent))) == 1


def test_no_listed_exception_is_stale() -> None:
    by_path = {source.path: source for source in python_files(*EVERYWHERE)}
    assert [path for path in LONGER if path not in by_path or by_path[path].text.count("\n") <= LINES_MAX] == []
    assert [path for path in EDGES if path not in by_path or "except" not in by_path[path].text] == []


def test_every_folder_of_a_room_is_a_package() -> None:
    """A folder without `__init__.py` works in a checkout and is missing from the installed program."""
    folders = {source.path.rsplit("/", 1)[0] for source in python_files(*ROOMS)}
    packages = {source.path.rsplit("/", 1)[0] for source in python_files(*ROOMS) if source.stem == "__init__"}
    assert folders - packages == set()


def test_every_text_file_is_readable_as_it_is() -> None:
    assert [path for path, text in texts(".md", ".toml", ".sql", ".service").items() if INVISIBLE.search(text)] == []
