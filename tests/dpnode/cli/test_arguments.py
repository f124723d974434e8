"""Arguments are read exactly or refused; answers are laid out without a line out of place."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpnode.cli import shapes
from dpnode.cli.arguments import read_basis_points, read_moment_ms, read_span_ms
from dpnode.cli.blocks import Column, Exact, Facts, Note, Table, cells_wide, render
from dpnode.cli.progress import ProgressLine, bar_text

NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "wanted_ms"),
    [("90s", 90_000), ("15min", 900_000), ("15m", 900_000), ("12h", 43_200_000), ("3d", 259_200_000),
     ("2w", 1_209_600_000), ("1h30min", 5_400_000), ("1 h 30 min", 5_400_000), ("500ms", 500), ("0s", 0)],
)  # fmt: skip
def test_a_span_is_read_exactly(text: str, wanted_ms: int) -> None:
    assert read_span_ms(text) == wanted_ms
    assert read_moment_ms(text, NOW_MS) == NOW_MS + wanted_ms


@pytest.mark.parametrize("text", ["", "3", "d", "-3d", "1.5h", "3y", "3d!", "99999999d", "４d", "999999w"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time span"):
        read_span_ms(text)


def test_a_day_lasts_until_it_ends_and_a_zone_is_respected() -> None:
    day, morning = read_moment_ms("2026-05-01", NOW_MS), read_moment_ms("2026-05-01T00:00:00", NOW_MS)
    assert day - morning == 86_399_000
    assert read_moment_ms("2026-05-01T12:00:00+02:00", NOW_MS) == 1_777_629_600_000
    with pytest.raises(ValueError, match="neither a span"):
        read_moment_ms("tomorrow", NOW_MS)


@pytest.mark.parametrize(
    ("text", "wanted"), [("62.5%", 6_250), ("0", 0), ("100%", 10_000), ("33.33", 3_333), (" 5 %", 500)]
)
def test_a_percentage_is_read_exactly(text: str, wanted: int) -> None:
    assert read_basis_points(text) == wanted


@pytest.mark.parametrize("text", ["", "100.01%", "-1", "33.333", "1e1", "5%%", "half"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a percentage"):
        read_basis_points(text)


def _printed(*blocks: Table | Facts | Note | Exact) -> str:
    out = io.StringIO()
    render(blocks, out)
    return out.getvalue()


@given(st.lists(st.fixed_dictionaries({"a": st.text(max_size=30), "b": st.integers()}), min_size=1, max_size=5))
def test_every_row_of_a_table_is_one_line_and_its_columns_line_up(rows: list[dict[str, object]]) -> None:
    columns = (Column(title="A", key="a"), Column(title="B", key="b", right=True))
    lines = _printed(Table(columns=columns, rows=rows)).split("\n")[:-1]
    assert len(lines) == len(rows) + 1
    assert len({cells_wide(line) for line in lines}) == 1
    assert "\x1b" not in "".join(lines)


def test_wide_letters_take_two_columns() -> None:
    assert (cells_wide("abc"), cells_wide("工房"), cells_wide("e\u0301")) == (3, 4, 1)


def test_a_table_without_rows_says_so_and_an_absent_cell_is_a_dash() -> None:
    columns = (Column(title="A", key="a"), Column(title="B", key="b"))
    assert _printed(Table(columns=columns, rows=[], empty="None.")) == "None.\n"
    assert _printed(Table(columns=columns, rows=[{"a": "x"}])) == "A  B\nx  -\n"


def test_facts_line_up_and_blocks_are_apart() -> None:
    shown = _printed(Facts(pairs=[("One", "1"), ("Longer", "2\n3")]), Note(text="Note \x1b"), Exact(text="x" * 5_000))
    assert shown == "One     1\nLonger  2\n        3\n\nNote \\x1b\n\n" + "x" * 5_000 + "\n"


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (shapes.span(0), "0 s"),
        (shapes.span(999), "999 ms"),
        (shapes.span(45_000), "45 s"),
        (shapes.span(93_784_000), "1 d 2 h"),
        (shapes.span(-3_600_000), "-1 h"),
        (shapes.count(1_234_567), "1,234,567"),
        (shapes.size(1_023), "1023 B"),
        (shapes.size(1_536), "1.5 KiB"),
        (shapes.size(5 << 30), "5.0 GiB"),
        (shapes.ident("mem-" + "a" * 52), "mem-aaaaaaaaaa"),
        (shapes.party({"id": "mem-" + "a" * 52, "name": "anna"}), "anna (mem-aaaaaaaaaa)"),
        (shapes.share({"units": 1, "total": 3}), "33.3333 %"),
        (shapes.share({"units": 1_000_000, "total": 1_000_000}), "100.0000 %"),
        (shapes.percent_bp(6_250), "62.50 %"),
        (shapes.price([]), "nothing"),
        (
            shapes.price(
                [
                    {"kind": "credit", "amount": 1_250, "decimals": 2, "name": "EUR", "issuer": "founder"},
                    {"kind": "units", "amount": 5, "name": "printer"},
                ]
            ),
            "12.50 EUR@founder + 5 units:printer",
        ),
        (bar_text({"text": "blocks", "done": 1, "of": 2}), "[############............]  50 % blocks"),
        (bar_text({"text": "blocks", "done": 9, "of": 2}), "[########################] 100 % blocks"),
        (bar_text({"text": "a\x1b", "done": 1}), "a\\x1b 1"),
    ],
)
def test_values_are_written_for_people(shown: str, wanted: str) -> None:
    assert shown == wanted


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_on_a_terminal_only_and_wiped_at_the_end() -> None:
    terminal, pipe = _Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with ProgressLine(stream) as line:
            line.draw({"text": "x", "done": 1, "of": 2})
    assert terminal.getvalue().startswith("\r\x1b[K[####") and terminal.getvalue().endswith("\r\x1b[K")
    assert pipe.getvalue() == ""


def test_headings_are_bold_on_a_terminal_unless_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for no_color, bold in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", no_color)
        out = _Terminal()
        render([Facts(pairs=[("A", "1")])], out)
        assert ("\x1b[1m" in out.getvalue()) is bold
