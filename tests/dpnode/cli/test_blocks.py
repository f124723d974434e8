"""A table fits the terminal it is shown on, keeps whole what must be copied, and loses nothing in a pipe."""

import io
import os
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpnode.cli.blocks import Column, Facts, Table, cells_wide, render

JOB = "job-" + "a" * 10
COLUMNS = (
    Column(title="Id", key="id"),
    Column(title="What", key="what"),
    Column(title="With", key="with", spare=1),
    Column(title="Quantity", key="quantity", right=True, spare=2),
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(
    monkeypatch: pytest.MonkeyPatch, width: int, block: Table | Facts, stream: io.StringIO | None = None
) -> Sequence[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    stream = stream or Terminal()
    render([block], stream)
    return stream.getvalue().split(os.linesep)[:-1]


def two(**row: str) -> Table:
    return Table(columns=COLUMNS[:2], rows=[row])


def test_prose_wraps_before_an_id_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 40, two(id="job-" + "a" * 20, what="a long tale of a part and its maker"))
    assert [line[26:].rstrip() for line in lines[1:]] == ["a long tale of", "a part and its", "maker"]
    assert lines[1].startswith("job-" + "a" * 20) and max(map(len, lines)) <= 40


def test_columns_that_matter_least_give_way_and_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"id": JOB, "what": "a tale of a part", "with": "somebody else of note", "quantity": "4"}
    wide, narrow, narrower = (shown(monkeypatch, width, Table(columns=COLUMNS, rows=[row])) for width in (80, 58, 40))
    assert wide[0].split() == ["Id", "What", "With", "Quantity"]
    assert narrow[0].split() == ["Id", "What", "With"] and "no room here for: Quantity" in narrow[-1]
    assert narrower[0].split() == ["Id", "What"] and "no room here for: Quantity, With" in narrower[-1]


def test_rows_that_fit_in_no_way_beside_each_other_stand_one_below_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"id": "job-" + "a" * 30, "what": "/a/path/of/some/length"}, {"id": JOB, "what": ""}]
    lines = shown(monkeypatch, 44, Table(columns=COLUMNS[:2], rows=rows))
    assert lines == [f"Id    job-{'a' * 30}", "What  /a/path/of/some/length", "", f"Id  {JOB}"]


def test_facts_wrap_under_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 30, Facts(pairs=[("What", "a tale of a part and of its maker")]))
    assert lines == ["What  a tale of a part and of", "      its maker"]


def test_a_pipe_gets_every_column_and_every_letter_in_one_line_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"id": JOB, "what": "a part " * 200 + "end", "with": "x" * 300, "quantity": "4"}
    lines = shown(monkeypatch, 40, Table(columns=COLUMNS, rows=[row]), io.StringIO())
    assert len(lines) == 2
    assert "a part " * 200 + "end" in lines[1] and "x" * 300 in lines[1] and "…" not in lines[1]


_WORDS = st.text(st.sampled_from("ab工\u0301 "), max_size=60)


@given(
    rows=st.lists(st.fixed_dictionaries({"id": _WORDS, "what": _WORDS, "with": _WORDS}), min_size=1, max_size=3),
    width=st.integers(70, 120),
)
def test_no_line_of_words_that_fit_is_wider_than_the_terminal(rows: list[dict[str, str]], width: int) -> None:
    short = [
        {key: " ".join(text[i : i + 9] for i in range(0, len(text), 9)) for key, text in row.items()} for row in rows
    ]
    with pytest.MonkeyPatch.context() as patch:
        lines = shown(patch, width, Table(columns=COLUMNS[:3], rows=short))
    assert max(map(cells_wide, lines)) <= width
