"""How tests look here: a name is a sentence that can be false, nothing is skipped in silence or mocked."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.sources import Source, planted, python_files

WORDS_LEAST = 3


def named_like_a_label(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            if len(node.name.split("_")) - 1 < WORDS_LEAST:
                yield f"{source.path}:{node.lineno}: {node.name} is a label, not a sentence that can be false"


def skipped_in_silence(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"skip", "skipif", "xfail"}:
            calls = [one for one in ast.walk(source.tree) if isinstance(one, ast.Call) and one.func is node]
            said = [one for call in calls for one in (*call.args, *call.keywords)]
            least = 2 if node.attr == "skipif" else 1
            if len(said) < least:
                yield f"{source.path}:{node.lineno}: {node.attr} without a reason"


def mocks(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.ImportFrom(module=module) if module in {"unittest", "unittest.mock", "mock"}:
                yield f"{source.path}:{node.lineno}: no mock of our own code: a fake that keeps the protocol"
            case ast.Import(names=names) if any(name.name in {"unittest.mock", "mock"} for name in names):
                yield f"{source.path}:{node.lineno}: no mock of our own code: a fake that keeps the protocol"


# Each check beside a text that it must complain of; none of these texts is ever run.
CHECKS = (
    (named_like_a_label, "def test_split(): ..."),
    (skipped_in_silence, "@mark.skip\ndef test_a_b_c(): ..."),
    (mocks, "from unittest.mock import Mock"),
)


@pytest.mark.parametrize("check", [row[0] for row in CHECKS], ids=lambda check: check.__name__)
def test_no_test_is(check) -> None:  # type: ignore[no-untyped-def]
    assert [complaint for source in python_files("tests") for complaint in check(source)] == []


@pytest.mark.parametrize(("check", "fault"), CHECKS, ids=lambda one: getattr(one, "__name__", ""))
def test_each_of_these_checks_finds_its_planted_fault(check, fault: str) -> None:  # type: ignore[no-untyped-def]
    assert len(list(check(planted(fault, path="tests/planted.py")))) >= 1


def test_every_test_file_is_one_that_pytest_collects() -> None:
    """A file of tests with another name would pass for ever."""
    for source in python_files("tests"):
        if any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in source.tree.body):
            assert source.stem.startswith("test_"), f"{source.path} holds tests but is not collected"
