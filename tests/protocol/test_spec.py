"""What SPEC.md draws and tabulates is what the code does: the drawings are printed from the tables (SPEC N-20, P-2)."""

import re
from pathlib import Path

from protocol import limits
from protocol.messages import MESSAGES
from protocol.negotiation.initiator import CALL_TABLE
from protocol.negotiation.participant import DEAL


def spec(project: Path) -> str:
    return (project / "protocol" / "SPEC.md").read_text(encoding="utf-8")


def drawings(text: str) -> list[str]:
    return re.findall(r"```mermaid\n(.*?)\n```", text, re.DOTALL)


def test_the_drawings_are_those_of_the_tables(project: Path) -> None:
    assert drawings(spec(project)) == [CALL_TABLE.drawing(), DEAL.drawing()]


def test_an_old_drawing_would_be_noticed() -> None:
    old = CALL_TABLE.drawing().replace("withdrawn", "forgotten")
    assert drawings(f"```mermaid\n{old}\n```") != [CALL_TABLE.drawing()]


def test_the_table_of_messages_names_every_type_and_every_field(project: Path) -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*?) \| [^|]+ \|$", spec(project), re.MULTILINE))
    del rows["t"]
    assert rows.keys() == MESSAGES.keys()
    for name, kind in MESSAGES.items():
        told = re.findall(r"(?<![a-z])([a-z]+)(\??): ", rows[name])
        assert {field for field, mark in told if not mark} == set(kind.FORM.required), name
        assert {field for field, mark in told if mark} == set(kind.FORM.optional), name


def test_the_figures_in_the_rules_are_those_of_the_limits(project: Path) -> None:
    text = spec(project)
    for figure in (
        limits.FRAME_BYTES_MAX,
        limits.RANGE_BYTES_MAX,
        limits.POOL_ENTRIES_MAX,
        limits.POOL_ENTRIES_PER_KEY_MAX,
        limits.CANDIDATES_PER_KEY_MAX,
        limits.TRIAL_ENTRIES_MAX,
        limits.HAVE_PER_MESSAGE,
        limits.DEFINITION_BYTES_MAX,
    ):
        assert f"{figure:,}" in text, figure
