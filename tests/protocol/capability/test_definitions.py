"""Functions are named by their meaning, and checks are computed from it (SPEC C-3 to C-6)."""

from __future__ import annotations

import json
import tomllib
from copy import deepcopy
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.functions_data import starter_functions
from ledger.canonical import NotCanonical
from ledger.form import Malformed
from protocol.capability.definition_files import read_definition
from protocol.capability.functions import (
    definition_from_bytes,
    definition_from_value,
    plain,
)
from tests.protocol.capability.workshop import SMALL, small, starter


@pytest.mark.parametrize("one", starter(), ids=lambda one: one.name)
def test_each_starter_function_reads_back_from_its_bytes(one: Any) -> None:
    assert definition_from_bytes(one.definition.to_bytes()) == one.definition
    assert one.prose.title
    assert one.prose.help
    assert all(one.prose.help_of[parameter.name] for parameter in one.definition.parameters)


def test_the_hashes_of_the_starter_set_never_change(project: Path) -> None:
    """C-3: calls on every ledger name functions by them."""
    pinned = json.loads((project / "tests/vectors/functions.json").read_text(encoding="utf-8"))
    assert {one.name: one.hash.hex() for one in starter()} == {name: row["hash"] for name, row in pinned.items()}
    for one in starter():
        assert one.definition.to_bytes().hex() == pinned[one.name]["bytes"]


def test_no_two_starter_functions_share_a_name_alias_or_file() -> None:
    assert [f"{one.name}.toml" for one in starter()] == sorted(starter_functions())
    spoken = [plain(word) for one in starter() for word in {one.name, one.title, *one.prose.aliases}]
    twice = {word for word in spoken if spoken.count(word) > 1}
    assert twice <= {plain(one.title) for one in starter()} | {plain(one.name) for one in starter()}


REWORDINGS = {
    "another title": ('title = "drilling"', 'title = "Bohren"'),
    "an alias": ('title = "drilling"', 'title = "drilling"\naliases = ["holes"]\ntsdc = ["MEC"]'),
    "help": ('kind = "flag"', 'kind = "flag"\nhelp = "Whether the holes are deburred."'),
    "other words": ('["iron"]', '["iron", "metal"]'),
    "order of choices": ('["wood", "steel"]', '["steel", "wood"]'),
    "order of a turn group": ('["width", "depth"]', '["depth", "width"]'),
    "a limit written otherwise": ("500.5", "500.50"),
    "a comment": ("[parameter.clean]", "# clean\n[parameter.clean]"),
    "a default said aloud": ('kind = "text"\nof = "job"', 'kind = "text"\nrequired = false\nof = "job"'),
}


@pytest.mark.parametrize("change", REWORDINGS, ids=str)
def test_prose_and_order_do_not_change_the_hash(change: str) -> None:
    """C-3"""
    old, new = REWORDINGS[change]
    assert old in SMALL
    assert read_definition(SMALL.replace(old, new), "f").hash == small().hash


MEANINGS = {
    "a limit": ("500.5", "500.6"),
    "a unit": ('unit = "mm"\nleast', 'unit = "cm"\nleast'),
    "a choice": ('["wood", "steel"]', '["wood", "steel", "brass"]'),
    "required": ("required = true", "required = false"),
    "the short name": ('name = "drilling"', 'name = "boring"'),
    "a flow's kind": ("part/drilled", "part/bored"),
    "the scope": ('of = "job"', 'of = "piece"'),
    "a place": ('kind = "part/drilled"', 'kind = "part/drilled"\nplace = "to"'),
    "what may be turned": ('turn = [["width", "depth"]]', ""),
}


@pytest.mark.parametrize("change", MEANINGS, ids=str)
def test_another_meaning_is_another_hash(change: str) -> None:
    """C-3"""
    old, new = MEANINGS[change]
    assert old in SMALL
    text = SMALL.replace(old, new)
    if change == "a unit":
        text = text.replace('turn = [["width", "depth"]]', "")
        before = read_definition(SMALL.replace('turn = [["width", "depth"]]', ""), "f").hash
    else:
        before = small().hash
    assert read_definition(text, "f").hash != before


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_in_a_file_does_not_change_the_hash(dice: Any) -> None:
    """C-3"""
    one = dice.choice(starter())
    table = tomllib.loads(starter_functions()[f"{one.name}.toml"])
    blocks = [f"[parameter.{name}]\n" + "\n".join(_lines(keys, dice)) for name, keys in table["parameter"].items()]
    flows = [
        f"[[{kind}]]\n" + "\n".join(_lines(keys, dice)) for kind in ("input", "output") for keys in table.get(kind, [])
    ]
    rest = blocks + flows
    dice.shuffle(rest)
    head = _lines({key: text for key, text in table.items() if key not in {"parameter", "input", "output"}}, dice)
    assert read_definition("\n".join([*head, *rest]), "shuffled.toml").hash == one.hash


def _lines(keys: dict[str, Any], dice: Any) -> list[str]:
    lines = [f"{key} = {_toml(value)}" for key, value in keys.items()]
    dice.shuffle(lines)
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)


def _changed(path: str, new: Any) -> Any:
    """The value of the small definition with one thing in it changed; None deletes."""
    value = deepcopy(small().to_value())
    at: Any = value
    *steps, last = path.split(".")
    for step in steps:
        at = at[int(step)] if step.isdigit() else at[step]
    if new is None:
        del at[last]
    else:
        at[int(last) if last.isdigit() else last] = new
    return value


BAD_VALUES = [
    ("name", "Drilling"),
    ("name", None),
    ("in.0.name", "Plate"),
    ("in.0.kind", "Part"),
    ("in.0.unit", "mmm"),
    ("in.0.type", "thing"),
    ("in.0.properties", {"material": "$nothing"}),
    ("out", []),
    ("parameters.material.choices", ["wood", "steel"]),
    ("parameters.material.choices", ["Wood"]),
    ("parameters.material.choices", None),
    ("parameters.width.unit", "qq"),
    ("parameters.width.unit", None),
    ("parameters.width.least", {"d": 1, "n": 1, "u": "cm"}),
    ("parameters.width.least", {"d": 1, "n": 501, "u": "mm"}),
    ("parameters.clean.unit", "mm"),
    ("parameters.clean.choices", ["no", "yes"]),
    ("parameters.note.least", {"d": 1, "n": 1, "u": ""}),
    ("parameters.note.least", {"d": 1, "n": 1, "u": "1"}),
    ("parameters.NOTE", {"kind": "text", "of": "job", "required": False}),
    ("parameters.depth.unit", "cm"),
    ("turn.0", ["width", "depth"]),
    ("turn.0", ["depth", "depth"]),
    ("turn", [["depth", "width"], ["depth", "width"]]),
    ("turn", [["depth", "width"], ["clean", "note"]]),
    ("extra", 1),
]


@pytest.mark.parametrize(("path", "new"), BAD_VALUES, ids=[f"{row[0]}={row[1]}"[:60] for row in BAD_VALUES])
def test_a_definition_from_a_peer_that_contradicts_itself_is_refused(path: str, new: Any) -> None:
    """C-4"""
    with pytest.raises(Malformed):
        definition_from_value(_changed(path, new))


def test_a_limit_on_what_is_no_measure_is_refused() -> None:
    value = _changed("parameters.clean.least", {"d": 1, "n": 1, "u": "1"})
    with pytest.raises(Malformed):
        definition_from_value(value)


def test_groups_that_are_not_sorted_are_refused() -> None:
    value = small().to_value()
    for name in ("x-a", "x-b"):
        value["parameters"][name] = {"kind": "measure", "of": "piece", "required": False, "unit": "mm"}  # type: ignore[index]
    value["turn"] = [["x-a", "x-b"], ["depth", "width"]]
    with pytest.raises(Malformed, match="groups are sorted"):
        definition_from_value(value)


def test_flows_that_are_not_sorted_are_refused() -> None:
    value = small().to_value()
    flow = value["out"][0]  # type: ignore[index]
    value["out"] = [flow, {**flow, "name": "another"}]
    with pytest.raises(Malformed, match="sorted"):
        definition_from_value(value)


def test_a_definition_that_is_too_long_for_a_peer_is_refused() -> None:
    """C-4"""
    with pytest.raises(NotCanonical, match="at most 65536"):
        definition_from_bytes(bytes(65_537))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_definition_or_refused(data: bytes) -> None:
    with pytest.raises((NotCanonical, Malformed)):
        definition_from_bytes(data)


def test_limits_are_exact() -> None:
    width = small().parameter("width")
    assert width is not None
    assert (width.least, width.most) == (Fraction(1), Fraction(1001, 2))
