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
from ledger.canonical import NotCanonical, encode
from ledger.form import Malformed
from ledger.names import Kind, show_id
from protocol.capability.catalogue import Catalogue, UnknownFunction
from protocol.capability.definition_files import read_definition
from protocol.capability.functions import (
    Definition,
    Fault,
    bare_function,
    check_parameters,
    definition_from_bytes,
    definition_from_value,
    parameters_from_value,
    parameters_to_value,
    plain,
)
from protocol.capability.reading import WrongFile
from tests.protocol.capability.workshop import catalogue, function, measured, starter

SMALL = """
name = "drilling"
title = "drilling"
turn = [["width", "depth"]]
[[input]]
name = "plate"
kind = "material/plate"
unit = "{piece}"
properties = { material = "$material" }
[[output]]
name = "part"
kind = "part/drilled"
unit = "{piece}"
[parameter.material]
kind = "choice"
required = true
choices = ["wood", "steel"]
words.steel = ["iron"]
[parameter.width]
kind = "measure"
unit = "mm"
least = 1
most = 500.5
[parameter.depth]
kind = "measure"
unit = "mm"
[parameter.clean]
kind = "flag"
[parameter.note]
kind = "text"
of = "job"
"""


def small() -> Definition:
    return read_definition(SMALL, "drilling.toml").definition


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


WRONG_FILES = [
    ("name = ", "nme = ", "drilling.toml: name: missing (there is \"nme\")"),
    ('name = "drilling"', 'name = "Drilling!"', "drilling.toml: name: small letters"),
    ('title = "drilling"', 'title = "drilling"\ntitel = "x"', 'titel: unknown key; did you mean "title"?'),
    ('title = "drilling"', 'title = 5', "title: a text in quotes"),
    ('title = "drilling"', 'title = "a\\u001bb"', "title: 1 to 1000 bytes of text without control"),
    ('unit = "mm"\nleast', 'unit = "mmm"\nleast', 'parameter.width.unit: unknown unit "mmm"; did you mean "mm"?'),
    ('kind = "flag"', 'kind = "flg"',
     'parameter.clean.kind: "flg" is not one of measure, choice, flag, text; did you mean "flag"?'),
    ('kind = "flag"', "", "parameter.clean.kind: \"\" is not one of"),
    ("least = 1\n", "least = 600\n", "parameter.width: the least is more than the most"),
    ('words.steel = ["iron"]', 'words.steal = ["iron"]',
     'parameter.material.words.steal: there is no such choice; did you mean "steel"?'),
    ('["wood", "steel"]', '["wood", "wood"]', "parameter.material.choices: a choice stands twice"),
    ('["wood", "steel"]', '["Wood"]', "parameter.material"),
    ('choices = ["wood", "steel"]\nwords.steel = ["iron"]', "choices = []", "parameter.material: a choice has choices"),
    ('"$material"', '"$colour"', "in.plate: a property refers to a parameter that is not defined"),
    ('[["width", "depth"]]', '[["width", "note"]]', "turn: only measures"),
    ('[["width", "depth"]]', '[["width", "width"]]', "turn: a group is sorted"),
    ('[["width", "depth"]]', '["width"]', "turn: a list of at most"),
    ('kind = "part/drilled"', 'kind = "Part"', "output[0].kind: a path of names"),
    ('kind = "part/drilled"', 'kind = "part/drilled"\nplace = "here"', 'output[0].place: "here" is not one of'),
    ("[[output]]", "[[outputs]]", "output: a function has at least one"),
    ("[parameter.clean]", "[parameter.Clean]", "parameter.Clean: small letters"),
    ("[parameter.clean]", '[parameter.clean]\nunit = "mm"', "parameter.clean.unit: unknown key"),
    ("required = true", 'required = "yes"', "parameter.material.required: true or false"),
    ("most = 500.5", "most = 1e99999", "not TOML"),
    ("most = 500.5", "most = nan", "not TOML"),
    ("most = 500.5", 'most = "5"', "parameter.width.most: a number is expected"),
    ("most = 500.5", "most = 99999999999999999", "parameter.width.most: a number with fewer digits"),
    ("name = ", "name = = ", "drilling.toml: not TOML"),
    ("{ material = ", "{ Material = ", "input[0].properties"),
    ('[[input]]\nname = "plate"',
     '[[input]]\nname = "part"\nkind = "x"\nunit = "1"\n[[input]]\nname = "part"', "input: two of them"),
    ("[parameter.clean]\nkind = \"flag\"", "[parameter]\nclean = 5", "parameter.clean: a table is expected"),
    ('properties = { material = "$material" }', 'properties = 5', "input[0].properties: a table is expected"),
    ('turn = [["width", "depth"]]', 'turn = [["width", "depth"]]\naliases = 5', "aliases: a list of at most"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), WRONG_FILES, ids=[row[2][:60] for row in WRONG_FILES])
def test_a_wrong_definition_file_is_refused_with_file_and_key(old: str, new: str, sentence: str) -> None:
    """C-15"""
    assert old in SMALL
    with pytest.raises(WrongFile) as caught:
        read_definition(SMALL.replace(old, new, 1), "drilling.toml")
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("drilling.toml: ")


def test_a_file_that_is_too_long_or_too_deep_or_means_too_much_is_refused() -> None:
    with pytest.raises(WrongFile, match="bytes where at most"):
        read_definition("#" * 262_145, "long.toml")
    with pytest.raises(WrongFile, match="nested too deeply"):
        read_definition("a = " + "[" * 100_000, "deep.toml")
    many = "\n".join(f'[parameter.p{n}]\nkind = "text"' for n in range(65))
    with pytest.raises(WrongFile, match="at most 64 parameters"):
        read_definition(f'name = "a"\ntitle = "a"\n[[output]]\nname = "a"\nkind = "a"\nunit = "1"\n{many}', "many.toml")
    names = ", ".join(f'"{"x" * 40}{n:03d}"' for n in range(200))
    wide = "\n".join(f'[parameter.p{n}]\nkind = "choice"\nchoices = [{names}]' for n in range(9))
    with pytest.raises(WrongFile, match="its meaning is longer"):
        read_definition(f'name = "a"\ntitle = "a"\n[[output]]\nname = "a"\nkind = "a"\nunit = "1"\n{wide}', "wide.toml")


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


CHECKS = [
    ({}, [("material", Fault.MISSING)]),
    ({"material": "wood"}, []),
    ({"material": "gold"}, [("material", Fault.CHOICE)]),
    ({"material": "wood", "colour": "red"}, [("colour", Fault.UNKNOWN)]),
    ({"material": "5 mm"}, [("material", Fault.NOT_A_TEXT)]),
    ({"material": "wood", "width": "1 m"}, [("width", Fault.ABOVE)]),
    ({"material": "wood", "width": "500.5 mm"}, []),
    ({"material": "wood", "width": "0.1 cm"}, []),
    ({"material": "wood", "width": "0.999 mm"}, [("width", Fault.BELOW)]),
    ({"material": "wood", "width": "5 g"}, [("width", Fault.UNIT)]),
    ({"material": "wood", "width": "wide"}, [("width", Fault.NOT_A_MEASURE)]),
    ({"material": "wood", "clean": "yes"}, []),
    ({"material": "wood", "clean": "perhaps"}, [("clean", Fault.CHOICE)]),
    ({"material": "wood", "note": "x" * 200}, []),
    ({"material": "wood", "note": "x" * 201}, [("note", Fault.TOO_LONG)]),
    ({"width": "1 m", "clean": "1 mm"},
     [("clean", Fault.NOT_A_TEXT), ("material", Fault.MISSING), ("width", Fault.ABOVE)]),
]  # fmt: skip


@pytest.mark.parametrize(("given_values", "expected"), CHECKS, ids=[str(row[0])[:60] for row in CHECKS])
def test_parameters_are_judged_by_the_definition_alone(
    given_values: dict[str, str], expected: list[tuple[str, Fault]]
) -> None:
    """C-5, C-6"""
    values = {name: measured(text) if text[0].isdigit() else text for name, text in given_values.items()}
    problems = check_parameters(small(), values)
    assert [(one.parameter, one.fault) for one in problems] == expected
    assert all(str(one).startswith(one.parameter + ": ") for one in problems)


def test_a_unit_only_the_peer_knows_is_a_fault_and_not_a_crash() -> None:
    values = parameters_from_value({"material": "wood", "width": {"d": 1, "n": 1, "u": "parsec"}})
    assert [one.fault for one in check_parameters(small(), values)] == [Fault.UNIT]


def test_parameters_on_the_wire_read_back() -> None:
    wire = {"material": "wood", "width": {"d": 2, "n": 5, "u": "cm"}}
    assert parameters_to_value(parameters_from_value(wire)) == wire
    with pytest.raises(Malformed):
        parameters_from_value({"width": 5})


@pytest.mark.parametrize(
    ("name", "parameter", "word", "choice"),
    [
        ("cnc-milling", "material", "EN AW-2017A", "aluminium"),
        ("cnc-milling", "material", "Stainless Steel", "stainless-steel"),
        ("cnc-milling", "material", "cheese", None),
        ("cnc-milling", "length", "long", None),
        ("cnc-milling", "nothing", "wood", None),
        ("3d-printing-fdm", "material", "Polylactic_acid", "pla"),
        ("3d-printing-fdm", "supports", "Yes", "yes"),
    ],
)
def test_a_strangers_word_for_a_choice_is_understood(name: str, parameter: str, word: str, choice: str | None) -> None:
    assert function(name).choice(parameter, word) == choice


def test_a_function_is_found_by_name_id_beginning_alias_or_title() -> None:
    known = catalogue()
    milling = known.named("cnc-milling")
    text = show_id(Kind.FUNCTION, milling.hash)
    for word in ("cnc-milling", "CNC Milling", "router", "CNC_router", text, text[:12]):
        assert known.named(word) is milling
    assert known.by_hash(milling.hash) is milling
    assert known.by_hash(bytes(32)) is None
    assert [one.name for one in known.by_tsdc("3dp")] == ["3d-printing-fdm", "3d-printing-resin"]
    assert known.by_tsdc("STD") == ()
    assert len(known) == len(list(known)) == len(starter())


def test_an_unknown_function_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownFunction, match='unknown function "cnc millin"; did you mean "cnc mill'):
        catalogue().named("cnc millin")
    with pytest.raises(UnknownFunction, match='^unknown function "fn-' + "a" * 52 + '"'):
        catalogue().named("fn-" + "a" * 52)


def test_a_definition_of_a_peer_is_taken_in_only_under_its_hash_and_never_displaces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """C-4"""
    monkeypatch.setattr("protocol.capability.catalogue.FOREIGN_DEFINITIONS_MAX", 1)
    known = Catalogue([function("sewing")])
    data, wanted = small().to_bytes(), small().hash
    assert not known.add_foreign(data, bytes(32))
    assert known.add_foreign(data, wanted)
    assert known.add_foreign(data, wanted)
    assert known.by_hash(wanted) == bare_function(small())
    other = read_definition(SMALL.replace('"drilling"', '"boring"'), "f").definition
    assert not known.add_foreign(other.to_bytes(), other.hash)
    assert known.by_hash(function("sewing").hash) is not None
    with pytest.raises(NotCanonical):
        known.add_foreign(b"\xc1", wanted)
    with pytest.raises(Malformed):
        known.add_foreign(encode([1]), wanted)
    known.add(read_definition(SMALL, "drilling.toml"))
    assert known.add_foreign(other.to_bytes(), other.hash), "the owner's own file makes room"


def test_limits_are_exact() -> None:
    width = small().parameter("width")
    assert width is not None
    assert (width.least, width.most) == (Fraction(1), Fraction(1001, 2))
