"""Values are judged by a definition alone, and the catalogue understands the words of strangers (SPEC C-4 to C-6)."""

from __future__ import annotations

import pytest

from ledger.canonical import NotCanonical, encode
from ledger.form import Malformed
from ledger.names import Kind, show_id
from protocol.capability.catalogue import Catalogue, UnknownFunction
from protocol.capability.definition_files import read_definition
from protocol.capability.functions import (
    Fault,
    bare_function,
    check_parameters,
    parameters_from_value,
    parameters_to_value,
)
from tests.protocol.capability.workshop import SMALL, catalogue, function, measured, small, starter

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
