"""No text of a peer can steer a terminal, hide itself or forge a line."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dpnode.safe_text import COMBINING_RUN_MAX, mixed_scripts, safe, safe_lines, safe_name

DANGEROUS = [
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\",
    "\x9b31m",
    "a\rb",
    "a\nb",
    "a\x00b",
    "a\x7fb",
    "\u202egnp.exe",
    "\u2066hidden\u2069",
    "a\u200bb\u200d\ufeff",
    "\u2028\u2029\u0085",
    "\U000e0041\U000e0042",
    "\u3164\u115f\u2800",
    "a\ufe0f",
    "\ue000",
    "\ud800",
]


@pytest.mark.parametrize("text", DANGEROUS, ids=ascii)
def test_each_known_trick_is_shown_as_numbers(text: str) -> None:
    shown = safe(text)
    assert shown != text
    assert "\\" in shown
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in shown)


@given(st.text(st.characters(), max_size=400), st.integers(0, 300))
@example("\x1b" * 300, 200)
@example("e" + "\u0301" * 50, 200)
def test_what_is_shown_has_no_control_character_and_no_more_than_its_length(text: str, limit: int) -> None:
    shown = safe(text, characters_max=limit)
    assert len(shown) <= limit
    assert all(unicodedata.category(c)[0] not in "C" and unicodedata.category(c) not in ("Zl", "Zp") for c in shown)
    run = 0
    for character in shown:
        run = run + 1 if unicodedata.category(character)[0] == "M" else 0
        assert run <= COMBINING_RUN_MAX
    shown.encode("utf-8")


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs")), max_size=200))
def test_plain_ascii_is_left_as_it_is(text: str) -> None:
    assert safe(text) == text


@given(st.text(st.characters(), max_size=300))
def test_making_safe_twice_changes_nothing_more(text: str) -> None:
    once = safe(text, characters_max=5_000)
    assert safe(once, characters_max=5_000) == once


def test_ordinary_names_of_many_scripts_are_left_as_they_are() -> None:
    for name in ("Werkstatt Jörg", "Ñandú", "Мастерская", "工房", "χειρουργός", "ورشة", "Café"):
        assert safe(name) == name
        assert mixed_scripts(name) == ()


def test_a_latin_name_with_one_cyrillic_letter_is_marked() -> None:
    assert mixed_scripts("f\u043eunder") == ("CYRILLIC", "LATIN")
    assert safe_name("f\u043eunder") == "f\u043eunder [mixes Cyrillic and Latin]"
    assert safe_name("founder") == "founder"
    assert mixed_scripts("Мастерская Berlin") == ()


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert safe("a" * 300, characters_max=10) == "a" * 9 + "…"
    assert safe_lines("a\nb\nc", lines_max=2) == ["a", "b", "…"]
    assert safe_lines("a\r\nb\x1b") == ["a", "b\\x1b"]
