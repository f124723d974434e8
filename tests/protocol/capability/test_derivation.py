"""Interfaces come from definitions, and flows say what connects (SPEC C-8, C-9)."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import pytest

from ledger.form import Malformed
from ledger.quantities import Measure
from protocol.capability.definition_files import read_definition
from protocol.capability.derivation import connections, derive, describe, read_value, schema_value
from protocol.capability.flows import Flow, FlowType, Where, feeds, is_a
from protocol.capability.functions import parameters_to_value
from tests.protocol.capability.workshop import function, starter, want


def flow(kind: str, unit: str = "{piece}", type_: FlowType = FlowType.ITEM, **properties: str) -> Flow:
    return Flow(
        name="a", type=type_, kind=kind, unit=unit, place=Where.WORKSHOP, properties=tuple(sorted(properties.items()))
    )


@pytest.mark.parametrize(
    ("output", "into", "expected"),
    [
        (flow("part/milled"), flow("part"), True),
        (flow("part"), flow("part/milled"), False),
        (flow("part/milled"), flow("part/mill"), False),
        (flow("part"), flow("any"), True),
        (flow("any"), flow("part"), True),
        (flow("part", "1"), flow("part", "{piece}"), True),
        (flow("part", "g"), flow("part", "kg"), True),
        (flow("part", "g"), flow("part", "mm"), False),
        (flow("part"), flow("part", type_=FlowType.SERVICE), False),
        (flow("part", material="steel"), flow("part", material="steel"), True),
        (flow("part", material="steel"), flow("part", material="wood"), False),
        (flow("part", material="$material"), flow("part", material="wood"), True),
        (flow("part", material="steel"), flow("part", material="$material"), True),
        (flow("part"), flow("part", material="wood"), True),
        (flow("part", colour="red"), flow("part"), True),
    ],
)
def test_an_output_feeds_an_input_of_its_kind(output: Flow, into: Flow, expected: bool) -> None:
    """C-8"""
    assert feeds(output, into) is expected


def test_everything_is_a_kind_of_itself() -> None:
    assert is_a("part/milled", "part/milled")


def test_milled_parts_are_welded_assembled_inspected_and_carried() -> None:
    """C-8"""
    names = {one.hash: one.name for one in starter()}
    links = {(names[one.source], names[one.target]) for one in connections(one.definition for one in starter())}
    for target in ("welding", "mechanical-assembly", "inspection", "parcel-transport", "storage"):
        assert ("cnc-milling", target) in links
    assert ("pcb-fabrication", "electronics-assembly") in links
    assert ("design-work", "inspection") in links
    assert ("sewing", "pcb-fabrication") not in links
    assert ("cnc-milling", "cnc-milling") not in links


def test_the_form_asks_for_what_is_required_first_and_else_in_the_order_of_the_file() -> None:
    """C-9"""
    fields = describe(function("cnc-milling"))
    assert [one.name for one in fields][:5] == ["material", "length", "width", "height", "mass"]
    material, length = fields[:2]
    assert material.required
    assert ("mdf", "MDF") in material.choices
    assert ("circuit-board", "FR4") in material.choices
    assert ("foam", "foam") in material.choices
    assert (length.least, length.most, length.unit) == (Fraction(1, 10), Fraction(20_000), "mm")
    assert str(length) == "length (0.1 mm to 20000 mm)"
    assert str(material).startswith("material (acrylic, aluminium,")
    assert str(material).endswith("; required)")
    assert str(fields[-1]) == "grade (text)"
    assert (
        str(describe(function("parcel-transport"))[0]) == "distance (0.01 km to 50000 km; of the whole job; required)"
    )


def test_an_open_range_is_described_as_open() -> None:
    open_ranges = read_definition(
        """
        name = "a"
        title = "a"
        [[output]]
        name = "a"
        kind = "a"
        unit = "1"
        [parameter.free]
        kind = "measure"
        unit = "mm"
        [parameter.from]
        kind = "measure"
        unit = "mm"
        least = 1
        [parameter.to]
        kind = "measure"
        unit = "mm"
        most = 2
        """,
        "a.toml",
    )
    assert [str(one) for one in describe(open_ranges)] == [
        "free (any number of mm)",
        "from (from 1 mm)",
        "to (up to 2 mm)",
    ]


def test_the_shape_of_a_call_follows_from_the_definition() -> None:
    """C-9"""
    interface = derive(function("cnc-milling").definition)
    good = parameters_to_value(want("cnc-milling", material="wood", length="1 m", grade="oak").parameters)
    interface.parameters.check(good)
    for wrong in ({}, {**good, "more": "x"}, {**good, "material": "cheese"}, {**good, "length": "long"}):
        with pytest.raises(Malformed):
            interface.parameters.check(wrong)
    derive(function("3d-printing-fdm").definition).parameters.check({"material": "pla", "supports": "yes"})
    assert interface.takes == function("cnc-milling").definition.inputs
    assert interface.gives == function("cnc-milling").definition.outputs


def test_the_schema_depends_on_the_shape_and_not_on_limits() -> None:
    """C-9"""
    milling = function("cnc-milling").definition
    wider = replace(
        milling,
        parameters=tuple(
            replace(one, most=Fraction(10**6)) if one.name == "length" else one for one in milling.parameters
        ),
    )
    assert wider.hash != milling.hash
    assert derive(wider).schema == derive(milling).schema
    renamed = replace(milling, parameters=milling.parameters[1:])
    assert derive(renamed).schema != derive(milling).schema
    assert schema_value(milling)["parameters"]["axes"] == {"kind": "measure", "required": False, "unit": "1"}
    assert len({derive(one.definition).schema for one in starter()}) == len(starter())


def test_what_a_person_writes_for_a_parameter_is_understood_or_refused_with_the_nearest() -> None:
    """C-15"""
    milling = function("cnc-milling")
    assert read_value(milling, "length", "12 cm") == Measure(n=12, d=1, unit="cm")
    assert read_value(milling, "length", "120") == Measure(n=120, d=1, unit="mm")
    assert read_value(milling, "material", "Mild Steel") == "steel"
    assert read_value(milling, "grade", "S235") == "S235"
    for name, text, sentence in (
        ("lenght", "1", 'has no parameter "lenght"; did you mean "length"?'),
        ("qqq", "1", 'has no parameter "qqq"; it has axes,'),
        ("material", "steal", 'did you mean "steel"?'),
        ("length", "1 mmm", 'unknown unit "mmm"; did you mean "mm"?'),
    ):
        with pytest.raises(ValueError, match=re.escape(sentence)):
            read_value(milling, name, text)
