"""A form takes exactly the values it says, and names the place of the first thing that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.canonical import INTEGER_MAX
from ledger.form import (
    ID,
    MOMENT_MS,
    PARAMETERS,
    PLACE,
    PRICE_LINE,
    Bytes,
    Cases,
    Choice,
    Dict,
    Either,
    Flag,
    Form,
    Int,
    List,
    Malformed,
    Map,
    MeasureForm,
    Text,
    has_form,
)

MM = {"d": 1, "n": 40, "u": "mm"}
LINE = {"amount": 1, "id": b"c" * 32, "kind": "credit"}
CASES = Cases("kind", {"seat": Map({"who": Int()}), "plain": Map({}, {"why": Text(9)})})
GOOD: list[tuple[Form, Any]] = [
    (CASES, {"kind": "seat", "who": 1}),
    (CASES, {"kind": "plain"}),
    (CASES, {"kind": "plain", "why": "so"}),
    (Bytes(2), b"ab"),
    (Bytes(1, 3), b"abc"),
    (ID, bytes(32)),
    (Text(4), "abcd"),
    (Text(4), "Öl"),
    (Text(3, least=0), ""),
    (Text(9, lines=True), "a\nb"),
    (Int(), 0),
    (Int(-2, 2), -2),
    (Int(), INTEGER_MAX),
    (MOMENT_MS, 2**47),
    (Flag(), False),
    (Choice("a", "b"), "b"),
    (List(Int(), 1, 2), [1, 2]),
    (Map({"a": Int()}), {"a": 1}),
    (Map({"a": Int()}, {"b": Flag()}), {"a": 1, "b": True}),
    (Dict(Int(), 2), {"x": 1, "y": 2}),
    (MeasureForm(), MM),
    (Either(MeasureForm(), Text(3)), MM),
    (Either(MeasureForm(), Text(3)), "PLA"),
    (PLACE, {"lat": -9000, "lon": 18_000}),
    (PLACE, {"lat": 4785, "lon": 1605}),
    (PRICE_LINE, LINE),
    (PARAMETERS, {"length": MM, "material": "PLA"}),
]
BAD: list[tuple[Form, Any, str]] = [
    (Bytes(2), b"a", ""),
    (Bytes(2), "ab", ""),
    (Bytes(1, 3), b"abcd", ""),
    (ID, bytes(31), ""),
    (Text(4), "", ""),
    (Text(4), b"a", ""),
    (Text(4), "abcde", ""),
    (Text(4), "ÖÖÖ", ""),
    (Text(9), "a\nb", ""),
    (Text(9, lines=True), "a\tb", ""),
    (Text(9, lines=True), "a\r\nb", ""),
    (Text(9), "a\x1b[0m", ""),
    (Text(9), "a\u202eb", ""),
    (Text(9), "a\u200bb", ""),
    (Text(9), "a\xa0b", ""),
    (Text(9), "\U0001fae8", ""),
    (Int(), -1, ""),
    (Int(), True, ""),
    (Int(), "1", ""),
    (Int(1, 2), 3, ""),
    (MOMENT_MS, 2**47 + 1, ""),
    (Flag(), 1, ""),
    (Choice("a", "b"), "c", ""),
    (Choice("a"), b"a", ""),
    (List(Int(), 1, 2), [], ""),
    (List(Int(), 1, 2), [1, 2, 3], ""),
    (List(Int(), 1, 2), [1, "x"], "[1]"),
    (List(Int(), 1, 2), {"a": 1}, ""),
    (Map({"a": Int()}), {}, ""),
    (Map({"a": Int()}), {"a": 1, "b": 1}, ""),
    (Map({"a": Int()}), [1], ""),
    (Map({"a": Map({"b": Int()})}), {"a": {"b": "x"}}, "a.b"),
    (Dict(Int(), 2), {"x": 1, "y": 2, "z": 3}, ""),
    (Dict(Int(), 2), [1], ""),
    (Dict(Int(), 2), {"": 1}, ""),
    (Dict(Int(), 2, key_bytes_max=2), {"abc": 1}, ""),
    (Dict(Int(), 2), {"a\n": 1}, ""),
    (Dict(Int(), 2), {"x": "1"}, ".x"),
    (MeasureForm(), {"d": 2, "n": 2, "u": "mm"}, ""),
    (Either(MeasureForm(), Text(3)), {}, ""),
    (Either(MeasureForm(), Text(3)), 7, ""),
    (PLACE, {"lat": 9005, "lon": 0}, "lat"),
    (PLACE, {"lat": 0, "lon": -18_005}, "lon"),
    (PLACE, {"lat": 4786, "lon": 1605}, ""),
    (PLACE, {"lat": 4785, "lon": 1601}, ""),
    (PRICE_LINE, {**LINE, "amount": -1}, "amount"),
    (PRICE_LINE, {**LINE, "kind": "gold"}, "kind"),
    (PRICE_LINE, {**LINE, "id": b"c"}, "id"),
    (PARAMETERS, {"length": {"d": 2, "n": 2, "u": "mm"}}, ".length"),
    (PARAMETERS, {f"p{i}": "x" for i in range(65)}, ""),
    (CASES, ["seat"], ""),
    (CASES, {}, ""),
    (CASES, {"who": 1}, ""),
    (CASES, {"kind": "sit", "who": 1}, ""),
    (CASES, {"kind": ["seat"], "who": 1}, ""),
    (CASES, {"kind": "seat"}, ""),
    (CASES, {"kind": "seat", "who": "1"}, "who"),
    (CASES, {"kind": "plain", "who": 1}, ""),
]


@pytest.mark.parametrize(("form", "value"), GOOD)
def test_a_value_of_the_form_is_taken(form: Form, value: Any) -> None:
    """B-7, Q-3, Q-4."""
    form.check(value)
    assert has_form(form, value) is None


@pytest.mark.parametrize(("form", "value", "path"), BAD)
def test_any_other_value_is_refused_and_its_place_named(form: Form, value: Any, path: str) -> None:
    """B-7, Q-3, Q-4, W-30."""
    with pytest.raises(Malformed) as caught:
        form.check(value)
    assert caught.value.path == path
    assert caught.value.reason.startswith(path or "value")
    assert has_form(form, value) == caught.value.reason


def test_a_refusal_never_repeats_what_the_stranger_wrote() -> None:
    """B-7: it may hold terminal escapes."""
    said = has_form(Map({"a": Int()}), {"a": 1, "\x1b[2J": 1})
    assert said is not None
    assert said.isprintable()
