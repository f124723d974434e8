"""A manifest in each form Open Know-How has, and every way its parts are written.

SPEC X-1, X-6, X-7, X-8.
"""

from __future__ import annotations

import pytest

from protocol.exchange.design import Design, DesignForm, Extents, NoSuchPart, Part, find_part, path_inside
from protocol.exchange.okh import read_design
from tests.protocol.exchange.strangers import box, design, errors, grams, mm, only_part, told

LOSH = """
okhv = "OKH-LOSHv1.0"
name = "Loom"
repo = "https://example.org/loom"
version = "0.10.0"
license = "CERN-OHL-S-2.0"
licensor = ["A", "B"]
image = "loom.jpg"
function = "Weaves."
tsdc = "MEC"
bom = "bom.csv"
manufacturing-instructions = "guide.md"
rpm = 666

[outer-dimensions]
openSCAD = "cube(size = [400,350,150])"
unit = "mm"

[[part]]
name = "Clamp Ring"
image = "ring.jpg"
tsdc = ["3DP", "COT"]
source = "/3DParts/ring.scad"
export = ["/3DParts/ring.pdf", "/3DParts/ring.stl"]
material = "ABS"
printing-process = "FDM"
infill = 30
raft-brim = true
supports = false
resolution-mm = 0.27

[part.outer-dimensions]
openSCAD = "cylinder(h=30, r=28)"
unit = "cm"

[part.mass]
value = 0.03
unit = "kg"
"""

V1 = """%Open Know-How Manifest 1.0
---
title: Face shield
description: Keeps droplets off.
project-link: https://example.org/shield
manifest-author:
  name: Somebody
license:
  hardware: CERN-OHL-1.2
  documentation: CC-BY-4.0
licensor:
  name: A maker
version: 1.10
image: shield.jpg
bom: bom.csv
design-files:
  - path: frame.scad
    title: Frame
  - path: visor.dxf
manufacturing-files:
  - path: frame.stl
making-instructions:
  - path: guide.md
    title: Guide
  - title: Only a title
"""

JSON = """{"title": "Bracket", "okhv": "OKH-LOSHv1.0", "version": "1.0", "license": {"hardware": "MIT"},
 "licensor": {"name": "M"}, "function": "Holds.", "manufacturing_processes": ["3DP", "Post-processing"],
 "bom": {"external_file": "bom.json"}, "repo": "r",
 "manufacturing_specs": {"outer_dimensions": {"length": 50, "width": 30, "height": 20, "unit": "mm"},
   "process_requirements": [{"process_name": "3DP",
     "parameters": {"layer_height": "0.2mm", "infill_percentage": "20%", "support_material": "required"}},
     {"notes": "x"}]},
 "materials": [{"material_id": "PLA", "name": "Polylactic acid"}, {"name": "Steel"}],
 "parts": [{"name": "Arm", "tsdc": ["LASER"], "material": "Acrylic", "mass": 5.25, "image": null,
   "outer_dimensions": {"length": 35, "width": 164, "height": 11}, "source": [], "export": ["arm.dxf"],
   "manufacturing_params": {"power": "54W", "passes": 1, "deep": {"speed": "893 mm/min"}}}]}"""


def test_a_losh_manifest_is_read_whole() -> None:
    read = design(LOSH)
    assert read == Design(
        form=DesignForm.LOSH,
        standard="OKH-LOSHv1.0",
        title="Loom",
        version="0.10.0",
        licence="CERN-OHL-S-2.0",
        licensor="A, B",
        repo="https://example.org/loom",
        function="Weaves.",
        image="loom.jpg",
        bom="bom.csv",
        instructions=("guide.md",),
        whole=Part(
            name="Loom",
            key="",
            processes=("MEC",),
            materials=(),
            mass=None,
            extents=box(400, 350, 150),
            settings=(),
            sources=(),
            exports=(),
            image="loom.jpg",
        ),
        parts=read.parts,
    )
    assert read_design(LOSH.encode(), "okh.toml").findings == ()


def test_a_losh_part_keeps_its_numbers_units_and_settings_exactly() -> None:
    part = only_part(LOSH)
    assert (part.name, part.key, part.processes, part.materials) == ("Clamp Ring", "part[0]", ("3DP", "COT"), ("ABS",))
    assert part.mass is not None
    assert part.mass.unit == "kg"
    assert (part.mass.n, part.mass.d) == (3, 100)
    assert part.extents is not None
    assert [(one.n, one.unit) for one in part.extents.known] == [(56, "cm"), (56, "cm"), (30, "cm")]
    settings = dict(part.settings)
    assert settings["printing-process"] == "FDM"
    assert settings["layer-height"] == mm("0.27")
    assert (settings["raft-brim"], settings["supports"]) == ("yes", "no")
    assert part.sources == ("/3DParts/ring.scad",)
    assert part.exports == ("/3DParts/ring.pdf", "/3DParts/ring.stl")


def test_a_version_one_manifest_becomes_a_design_to_be_made_as_a_whole() -> None:
    read = design(V1, "okh.yml")
    assert (read.form, read.title, read.version, read.licence) == (DesignForm.V1, "Face shield", "1.10", "CERN-OHL-1.2")
    assert (read.licensor, read.repo) == ("A maker", "https://example.org/shield")
    assert read.function == "Keeps droplets off."
    assert read.parts == ()
    assert read.whole.sources == ("frame.scad", "visor.dxf")
    assert read.whole.exports == ("frame.stl",)
    assert read.instructions == ("guide.md", "Only a title")
    assert find_part(read, "face shield") is read.whole


def test_a_json_manifest_is_read_with_its_specs_and_parts() -> None:
    read = design(JSON, "okh.json")
    assert (read.form, read.licence, read.licensor, read.bom) == (DesignForm.JSON, "MIT", "M", "bom.json")
    assert read.whole.processes == ("3DP", "POST")
    assert read.whole.materials == ("PLA", "Steel")
    assert read.whole.extents == box(50, 30, 20)
    assert dict(read.whole.settings)["layer-height"] == mm("0.2")
    assert dict(read.whole.settings)["supports"] == "yes"
    (arm,) = read.parts
    assert (arm.processes, arm.materials, arm.mass, arm.image) == (("LAS",), ("Acrylic",), grams("5.25"), "")
    settings = dict(arm.settings)
    assert settings["passes"] == "1"
    assert not isinstance(settings["deep.speed"], str)
    assert settings["deep.speed"].unit == "mm/min"


PART = 'okhv = "1"\nname = "d"\nversion = "1"\nrepo = "r"\nlicense = "MIT"\n[[part]]\nname = "p"\n'


@pytest.mark.parametrize(
    ("written", "extents"),
    [
        ("outer-dimensions = {width = 4, depth = 5, height = 6}", box(4, 5, 6)),
        ('outer-dimensions = {width = "4", depth = "5", height = "6"}', box(4, 5, 6)),
        ('outer_dimensions = {length = "4 cm", width = "5 mm", height = 6}', None),
        ("outerDimensions = {x = 4, y = 5, z = 6}", box(4, 5, 6)),
        ('outer-dimension = "cube([4,5,6])"\nouter-dimension-dim = "mm"', box(4, 5, 6)),
        ('outer-dimensions = "cube([4,5,6])"', box(4, 5, 6)),
        ('[[part.outer-dimensions]]\nopenSCAD = "cube([4,5,6])"\nunit = "mm"', box(4, 5, 6)),
        ('[part.outer-dimensions]\nopenscad = "cube([4,5,6])"', box(4, 5, 6)),
        ("outer-dimensions = {depth = 28, height = 30}", Extents(x=None, y=mm(28), z=mm(30))),
        ('outer-dimensions = {width = 1, depth = 2, height = 3, unit = "stone"}', None),
        ("outer-dimensions = 7", None),
        ("outer-dimensions = {openSCAD = 7}", None),
        ('outer-dimensions = {openSCAD = "cube([1,2,3])", unit = "kg"}', None),
        ('outer-dimensions = {openSCAD = "cube(99999999999999999)"}', None),
        ("outer-dimensions = {width = 0, depth = -1, height = 99999999999999999}", None),
        ("outer-dimensions = {shape = 1}", None),
        ('outer-dimensions = {width = "wide", depth = [1], height = true}', None),
        ("outer-dimensions = []", None),
    ],
)
def test_a_size_is_read_in_every_way_it_is_written(written: str, extents: Extents | None) -> None:
    read = read_design((PART + written).encode(), "okh.toml")
    assert read.design is not None
    found = read.design.parts[0].extents
    if extents is not None:
        assert found == extents
    elif "4 cm" in written:
        assert found is not None
        assert [one.unit for one in found.known] == ["cm", "mm", "mm"]
    else:
        assert found is None
        assert written.endswith("[]") or read.findings != ()


@pytest.mark.parametrize(
    ("written", "mass"),
    [
        ("mass = 30", grams(30)),
        ('mass = "30 g"', grams(30)),
        ('mass = {value = 30, unit = "g"}', grams(30)),
        ('[[part.mass]]\nvalue = 30.5\nunit = "g"', grams("30.5")),
        ('mass = {value = 30, unit = "mm"}', None),
        ('mass = "heavy"', None),
        ('mass = "3 mm"', None),
        ("mass = -1", None),
        ("mass = {}", None),
        ("mass = [1, 2]", None),
    ],
)
def test_a_mass_is_read_in_every_way_it_is_written(written: str, mass: object) -> None:
    read = read_design((PART + written).encode(), "okh.toml")
    assert read.design is not None
    assert read.design.parts[0].mass == mass
    assert mass is not None or read.findings != ()


def test_a_number_without_a_unit_is_read_by_the_standard_and_that_is_told() -> None:
    read = read_design((PART + "mass = 30\n").encode(), "okh.toml")
    assert told(read.findings, "part[0].mass", "without a unit; read in g")


@pytest.mark.parametrize(
    ("written", "settings"),
    [
        ("layer-height-mm = 0.2", {"layer-height": mm("0.2")}),
        ("fabric-width-mm = 400", {"fabric-width": mm(400)}),
        ("passes = 3", {"passes": "3"}),
        ('supports = "perhaps"', {"supports": "perhaps"}),
        ('colours = ["red", "blue"]', {"colours": "red, blue"}),
        ("[part.tsdc.3DP]\ninfill = 20", {}),
        ('[part.process-settings]\nnozzle = "0.4 mm"', {"nozzle": mm("0.4")}),
        ("[part.slicer.first]\nspeed = 3", {"first.speed": "3"}),
        ('nothing = ""', {}),
    ],
)
def test_a_setting_has_its_unit_from_the_value_the_key_or_nowhere(written: str, settings: dict[str, object]) -> None:
    assert dict(only_part(PART + written).settings) == settings


def test_tsdc_tables_name_their_code_by_their_key() -> None:
    assert only_part(PART + "[part.tsdc.3DP]\ninfill = 20").processes == ("3DP",)


def test_more_settings_than_the_bound_are_left_out_and_told() -> None:
    many = "\n".join(f"s{number} = 1" for number in range(80))
    read = read_design((PART + many).encode(), "okh.toml")
    assert read.design is not None
    assert len(read.design.parts[0].settings) == 64
    assert told(read.findings, "part[0]", "more than 64 settings")


def test_two_parts_of_one_name_can_both_be_called_for() -> None:
    read = read_design((PART + '[[part]]\nname = "p"\n[[part]]\nimage = "x"\n').encode(), "okh.toml")
    assert read.design is not None
    assert [part.name for part in read.design.parts] == ["p", "p (2)", "part[2]"]
    assert told(read.findings, "part[1].name", "read as 'p (2)'")
    assert told(read.findings, "part[2].name", "is missing")


def test_a_part_is_found_by_name_then_loosely_and_else_the_nearest_are_named() -> None:
    read = design(LOSH)
    assert find_part(read, "Clamp Ring") is read.parts[0]
    assert find_part(read, "clamp-ring ") is read.parts[0]
    assert find_part(read, "Loom") is read.whole
    missed = find_part(read, "Clamp Rnig")
    assert missed == NoSuchPart(asked="Clamp Rnig", design="Loom", nearest=("Clamp Ring",), parts=1)
    assert str(missed) == "Loom has no part 'Clamp Rnig'; did you mean 'Clamp Ring'?"
    assert str(find_part(read, "zzz")) == "Loom has no part 'zzz'"
    assert "lists no parts" in str(find_part(design(V1, "okh.yml"), "Visor"))


@pytest.mark.parametrize(
    ("reference", "segments"),
    [
        ("parts/ring.stl", ("parts", "ring.stl")),
        ("/3DParts/ring.stl", ("3DParts", "ring.stl")),
        ("./a//b.stl", ("a", "b.stl")),
        ("Mechanical System/plate 1.pdf", ("Mechanical System", "plate 1.pdf")),
        ("../secret", None),
        ("a/../../b", None),
        ("https://example.org/a.stl", None),
        ("C:/windows", None),
        ("a\\..\\b", None),
        ("~/x", None),
        ("data:text/plain,x", None),
        ("a\x00b", None),
        ("", None),
        ("/", None),
    ],
)
def test_a_file_reference_never_leads_out_of_the_folder(reference: str, segments: tuple[str, ...] | None) -> None:
    assert path_inside(reference) == segments


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        ('okhv = "1"\n', "a.toml", "a.toml: name: is missing or empty: a design needs a name"),
        ("okh-manifest-version: 1\n", "a.yml", "a.yml: title: is missing or empty: a design needs a name"),
        ("a: 1\nb: 2\n", "a.yml", "a.yml: okhv: is not an Open Know-How manifest: neither a version"),
        ("- a\n- b\n", "a.yml", "a.yml: is not an Open Know-How manifest: it holds a list, not keys with values"),
        ('{"name": "x", "equipment": []}', "a.json", "a.json: is an Open Know-Where facility, not a design"),
        ("<html>", "a.toml", "a.toml: is a web page (HTML), not a manifest"),
        ('name = "x\n', "a.toml", "a.toml: is broken TOML at line 1"),
    ],
)
def test_what_is_not_a_design_is_refused_in_one_sentence(text: str, name: str, sentence: str) -> None:
    read = read_design(text.encode(), name)
    assert read.design is None
    assert [line[: len(sentence)] for line in errors(read)] == [sentence]
