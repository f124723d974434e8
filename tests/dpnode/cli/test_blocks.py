"""A table on a narrow terminal keeps whole what must be copied."""

import io
import os

import pytest

from dpnode.cli.blocks import Column, Table, render


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, width: int, rows: list[dict[str, str]]) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    render([Table(columns=(Column(title="Id", key="id"), Column(title="What", key="what")), rows=rows)], stream)
    return stream.getvalue().split(os.linesep)


def test_prose_gives_way_before_an_id_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 40, [{"id": "job-" + "a" * 20, "what": "a long tale of a part and its maker"}])
    assert "job-" + "a" * 20 in lines[1] and lines[1].endswith("…") and len(lines[1]) == 40


def test_an_id_is_cut_where_there_is_nothing_else_to_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 30, [{"id": "job-" + "a" * 40, "what": "a tale of a part"}])
    assert all(len(line) <= 30 for line in lines) and "…" in lines[1]
