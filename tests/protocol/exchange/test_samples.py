"""Our own samples are what they say: clean files, closed shapes, and sizes that agree with the manifest."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction

import pytest

from protocol.capability.catalogue import Catalogue
from protocol.capability.definition_files import read_definition
from protocol.capability.functions import check_parameters
from protocol.exchange.design import Design, path_inside
from protocol.exchange.findings import Severity
from protocol.exchange.okh import read_design
from protocol.exchange.okw import read_facility
from protocol.exchange.okw_offers import offers_from_facility
from protocol.exchange.part_parameters import call_parameters
from protocol.exchange.with_catalogue import CatalogueFunctions, FunctionOfPart, function_for
from tests.protocol.exchange.strangers import ROOT, SAMPLES

Point = tuple[Fraction, Fraction, Fraction]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    files = sorted((ROOT / "config" / "functions").glob("*.toml"))
    return Catalogue([read_definition(path.read_text(), path.name) for path in files])


@pytest.fixture(scope="module")
def rail() -> Design:
    read = read_design((SAMPLES / "okh.toml").read_bytes(), "okh.toml")
    assert read.design is not None
    assert all(finding.severity is Severity.NOTE for finding in read.findings)
    return read.design


def facets(name: str) -> list[tuple[Point, Point, Point]]:
    """The triangles of an ASCII STL file, exactly."""
    lines = (SAMPLES / "parts" / name).read_text().splitlines()
    assert lines[0].startswith("solid ")
    assert lines[-1].startswith("endsolid ")
    points = [
        (Fraction(x), Fraction(y), Fraction(z))
        for x, y, z in (line.split()[1:] for line in lines if " vertex " in line)
    ]
    assert len(points) == 3 * sum(1 for line in lines if " facet normal " in line)
    return [(points[n], points[n + 1], points[n + 2]) for n in range(0, len(points), 3)]


def test_every_file_the_design_names_is_there(rail: Design) -> None:
    named = [rail.bom, *rail.instructions]
    for part in rail.parts:
        named += [*part.sources, *part.exports]
    assert len(named) == 8
    for reference in named:
        segments = path_inside(reference)
        assert segments is not None
        assert SAMPLES.joinpath(*segments).is_file(), reference


def test_the_design_has_parts_for_a_printer_and_for_a_router(rail: Design) -> None:
    assert [(part.name, part.processes, part.materials) for part in rail.parts] == [
        ("Hook", ("3DP",), ("PLA",)),
        ("Spacer", ("3DP",), ("PLA",)),
        ("Rail", ("CNC",), ("plywood",)),
    ]
    assert rail.licence == "CC0-1.0"


@pytest.mark.parametrize("part", ["Hook", "Spacer", "Rail"])
def test_every_part_can_be_called_for_with_the_functions_shipped(part: str, rail: Design, catalogue: Catalogue) -> None:
    entry = next(one for one in rail.parts if one.name == part)
    call = call_parameters(entry)
    assert call.unknown == ()
    found = function_for(call, catalogue)
    assert isinstance(found, FunctionOfPart)
    assert check_parameters(found.function.definition, found.call.parameters) == []


@pytest.mark.parametrize(("name", "part"), [("hook.stl", "Hook"), ("spacer.stl", "Spacer")])
def test_a_shape_to_print_is_closed_faces_outward_and_has_the_size_and_mass_stated(
    name: str, part: str, rail: Design
) -> None:
    triangles = facets(name)
    edges = Counter((a, b) for one in triangles for a, b in zip(one, (*one[1:], one[0]), strict=True))
    assert all(count == 1 and edges[(b, a)] == 1 for (a, b), count in edges.items())
    six_volumes = sum(
        a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
        for a, b, c in triangles
    )
    entry = next(one for one in rail.parts if one.name == part)
    assert entry.extents is not None
    assert entry.mass is not None
    grams_of_pla = six_volumes / 6 / 1000 * Fraction(124, 100)
    assert abs(grams_of_pla - entry.mass.fraction) < entry.mass.fraction / 50
    points = [point for one in triangles for point in one]
    sides = [max(point[axis] for point in points) - min(point[axis] for point in points) for axis in range(3)]
    assert sides == [one.fraction for one in entry.extents.known]


def test_the_drawing_to_cut_is_a_closed_outline_of_the_size_stated(rail: Design) -> None:
    lines = [line.strip() for line in (SAMPLES / "parts" / "rail.dxf").read_text().splitlines()]
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    assert pairs[-1] == ("0", "EOF")
    assert [value for code, value in pairs if code == "0" and value in ("SECTION", "ENDSEC")] == [
        "SECTION",
        "ENDSEC",
    ] * 3
    entities = pairs[pairs.index(("2", "ENTITIES")) :]
    assert [value for code, value in entities if code == "0"] == (
        ["POLYLINE"] + ["VERTEX"] * 8 + ["SEQEND", "CIRCLE", "CIRCLE", "ENDSEC", "EOF"]
    )
    assert ("70", "1") in entities  # the outline is closed
    size = next(one for one in rail.parts if one.name == "Rail").extents
    assert size is not None
    across = [max(Fraction(value) for code, value in entities if code == axis) for axis in ("10", "20")]
    assert across == [one.fraction for one in size.known[:2]]


def test_the_sources_state_the_same_lengths_as_the_exports() -> None:
    hook = (SAMPLES / "parts" / "hook.scad").read_text()
    values = {name: Fraction(value) for name, value in re.findall(r"^(\w+) = ([\d.]+);", hook, re.MULTILINE)}
    points = {point for one in facets("hook.stl") for point in one}
    assert values["reach"] == max(x for x, _, _ in points)
    assert (-values["drop"], values["wall"]) == (min(y for _, y, _ in points), max(y for _, y, _ in points))
    assert values["width"] == max(z for _, _, z in points)
    assert values["wall"] + values["board"] + values["play"] in {x for x, _, _ in points}


def test_the_sample_facility_offers_what_the_sample_design_needs(catalogue: Catalogue, rail: Design) -> None:
    read = read_facility((SAMPLES / "facility.json").read_bytes(), "facility.json")
    assert read.findings == ()
    assert read.facility is not None
    made = offers_from_facility(read.facility, CatalogueFunctions(catalogue=catalogue))
    assert made.missing == ()
    assert [(draft.function, draft.count, draft.materials) for draft in made.drafts] == [
        ("3d-printing-fdm", 2, ("pla", "petg")),
        ("cnc-milling", 1, ("plywood", "wood")),
    ]
    assert all(draft.missing == ("rate", "lead time", "price") for draft in made.drafts)
    needed = {function_for(call_parameters(part), catalogue).function.name for part in rail.parts}  # type: ignore[union-attr]
    assert needed == {draft.function for draft in made.drafts}
