"""A part's entry as a call: its parameters, what it leaves unknown, and the function that makes it.

SPEC X-8, X-9.
"""

from __future__ import annotations

from collections.abc import Collection

import pytest

from ledger.quantities import measure
from protocol.capability.catalogue import Catalogue
from protocol.capability.definition_files import read_definition
from protocol.exchange.part_parameters import PartCall, call_parameters, for_function
from protocol.exchange.processes import code_of, is_known
from protocol.exchange.with_catalogue import CatalogueFunctions, FunctionOfPart, NoFunctionForPart, function_for
from tests.protocol.exchange.strangers import ROOT, grams, mm, only_part

HEAD = 'okhv = "1"\nname = "d"\nversion = "1"\nrepo = "r"\nlicense = "MIT"\n[[part]]\nname = "p"\n'


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    files = sorted((ROOT / "config" / "functions").glob("*.toml"))
    return Catalogue([read_definition(path.read_text(), path.name) for path in files])


def called(written: str) -> PartCall:
    return call_parameters(only_part(HEAD + written))


def test_everything_a_part_states_becomes_a_parameter() -> None:
    call = called(
        'tsdc = "3DP"\nmaterial = "PLA"\ninfill = 30\nresolution-mm = 0.3\nsupports = false\nprinting-process = "FDM"\n'
        'source = "a.scad"\nexport = ["a.stl", "a.scad"]\nmass = {value = 0.03, unit = "kg"}\n'
        'outer-dimensions = {openSCAD = "cube([12, 1, 0.5])", unit = "cm"}\n'
    )
    assert call == PartCall(
        part="p",
        processes=("3DP",),
        parameters={
            "material": "PLA",
            "length": mm(120),
            "width": mm(10),
            "height": mm(5),
            "mass": grams(30),
            "infill": measure(30, "%"),
            "layer-height": mm("0.3"),
            "supports": "no",
            "printing-process": "FDM",
        },
        files=("a.stl", "a.scad"),
        unknown=(),
    )


def test_what_a_part_does_not_say_is_listed_and_never_invented() -> None:
    call = called("")
    assert call.parameters == {}
    assert call.unknown == (
        "the material is not stated",
        "the outer dimensions are not known",
        "the mass is not stated",
        "how it is made (tsdc) is not stated",
    )


def test_what_no_parameter_can_carry_is_listed() -> None:
    call = called('tsdc = ["STD", "COT", "ZZZ"]\nmaterial = ["a", "b"]\nouter-dimensions = {height = 3, length = 2}\n')
    assert call.processes == ()
    assert "several materials are named; the first is asked for, not 'b'" in call.unknown
    assert "the width is not known" in call.unknown
    assert "STD: standard parts are bought, not made" in call.unknown
    assert "'ZZZ' is not a technology code known here" in call.unknown


def test_a_length_setting_is_stated_in_millimetres() -> None:
    assert called('nozzle = "0.04 cm"\nmaterial_thickness = "3 mm"').parameters["nozzle"] == mm("0.4")


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("3dp", "3DP"),
        ("tsdc:3DP", "3DP"),
        ("LASER", "LAS"),
        ("Post-processing", "POST"),
        ("cnc_milling", "CNC"),
        ("x", "X"),
    ],
)
def test_a_word_for_a_technology_is_read_as_its_code(word: str, code: str) -> None:
    assert code_of(word) == code
    assert is_known(code) is (code != "X")


def test_a_sheet_function_gets_the_smallest_extent_as_thickness() -> None:
    call = called('material = "plywood"\nouter-dimensions = {length = 3, width = 200, height = 100}')
    fitted = for_function(call, ("material", "length", "width", "thickness"))
    assert fitted.parameters == {"material": "plywood", "length": mm(200), "width": mm(100), "thickness": mm(3)}
    assert fitted.left_out == ()


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ('material = "a"\nouter-dimensions = {length = 3, width = 2}', ("material", "length", "width", "thickness")),
        (
            'material = "a"\nthickness = "9 mm"\nouter-dimensions = {length = 3, width = 2, height = 1}',
            ("material", "thickness"),
        ),
        ('material = "a"\nouter-dimensions = {length = 3, width = 2, height = 1}', ("length", "thickness")),
    ],
)
def test_a_thickness_is_not_made_up(written: str, names: Collection[str]) -> None:
    assert for_function(called(written), names).parameters.get("thickness") in (None, mm(9))


def test_a_turning_function_gets_a_diameter_only_from_two_equal_extents() -> None:
    names = ("diameter", "length")
    round_part = called('outer-dimensions = {openSCAD = "cylinder(h=80, d=20)", unit = "mm"}')
    assert for_function(round_part, names).parameters == {"diameter": mm(20), "length": mm(80)}
    flat = called("outer-dimensions = {length = 3, width = 2, height = 1}")
    assert "diameter" not in for_function(flat, names).parameters
    assert "diameter" not in for_function(called(""), names).parameters


def test_a_material_becomes_the_functions_own_word_and_what_it_says_more_is_its_grade(catalogue: Catalogue) -> None:
    milling = catalogue.named("cnc-milling")
    names = CatalogueFunctions(catalogue=catalogue).parameters("cnc-milling")
    fitted = for_function(called('material = "EN AW-2017A"'), names, milling.choice)
    assert fitted.parameters == {"material": "aluminium", "grade": "EN AW-2017A"}
    sheet = for_function(called('material = "Acrylic sheet"'), names, milling.choice)
    assert sheet.parameters["material"] == "acrylic"
    refused = for_function(called('material = "Screws"'), names, milling.choice)
    assert refused.parameters == {}
    assert refused.material_refused
    assert "the material 'Screws' is none that this function knows" in refused.left_out
    assert not for_function(called(""), names, milling.choice).material_refused


def test_what_a_function_does_not_ask_for_is_told() -> None:
    fitted = for_function(called('tsdc = "3DP"\ncolour-fastness = "good"\nmass = 3'), ("length",))
    assert fitted.left_out == (
        "mass (3 g) is nothing this function asks for",
        "colour-fastness ('good') is nothing this function asks for",
    )


@pytest.mark.parametrize(
    ("written", "function"),
    [
        ('tsdc = "3DP"\nmaterial = "PLA"', "3d-printing-fdm"),
        ('tsdc = "3DP"\nprinting-process = "SLA"', "3d-printing-resin"),
        ('tsdc = "CNC"\nmaterial = "EN AW-2017A"\nouter-dimensions = {length=1,width=2,height=3}', "cnc-milling"),
        ('tsdc = ["COT", "CNC"]\nmaterial = "wood"\nouter-dimensions = {length=1,width=2,height=3}', "cnc-milling"),
        ('tsdc = "LASER"\nmaterial = "Acrylic sheet"', "laser-cutting"),
        ('tsdc = "WEL"\nmaterial = "steel"', "welding"),
    ],
)
def test_a_part_finds_the_function_that_makes_it(written: str, function: str, catalogue: Catalogue) -> None:
    found = function_for(called(written), catalogue)
    assert isinstance(found, FunctionOfPart)
    assert found.function.name == function


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "how it is made (tsdc) is not stated"),
        ('tsdc = "STD"', "standard parts are bought, not made"),
        ('tsdc = "WJ"', "nothing known here does water jet cutting (WJ)"),
        ('tsdc = "3DP"\nmaterial = "Screws"', "is not known to work 'Screws'"),
    ],
)
def test_a_part_nothing_here_makes_says_why(written: str, reason: str, catalogue: Catalogue) -> None:
    found = function_for(called(written), catalogue)
    assert isinstance(found, NoFunctionForPart)
    assert str(found).startswith("'p' cannot be called for: ")
    assert reason in found.reason
