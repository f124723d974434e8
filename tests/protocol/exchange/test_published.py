"""What other people published, every file of it: nothing raises, and what is expected of some is exact."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

from ledger.quantities import measure
from protocol.exchange.design import DesignForm, Extents, find_part
from protocol.exchange.findings import Severity
from protocol.exchange.okh import DesignReading, read_design
from protocol.exchange.okw import read_facility
from protocol.exchange.part_parameters import call_parameters
from tests.protocol.exchange.strangers import all_of, box, errors, grams, mm, one, told


def reading(start: str) -> DesignReading:
    return read_design(one("okh", start), start)


def test_every_published_design_is_read_or_refused_with_a_sentence() -> None:
    files = all_of("okh")
    readings = {name: read_design(data, name) for name, data in files}
    refused = sorted(name for name, read in readings.items() if read.design is None)
    assert refused == ["helpful-library__alpha_okh_okh-seat-helpful.yml", "ok-validate__this-should-fail.yaml"]
    assert all(errors(read) for read in readings.values() if read.design is None)
    designs = [read.design for read in readings.values() if read.design is not None]
    assert Counter(read.form for read in designs) == {DesignForm.LOSH: 60, DesignForm.V1: 13, DesignForm.JSON: 6}
    parts = [part for read in designs for part in read.parts]
    assert len(parts) == 70
    assert sum(1 for part in parts if part.extents is not None) == 56
    assert sum(1 for part in parts if part.mass is not None) == 45
    assert Counter(code for part in parts for code in part.processes) == {
        "3DP": 38,
        "CNC": 23,
        "COT": 14,
        "SHEET": 5,
        "LAS": 3,
        "PCB": 1,
    }
    warnings = [
        finding for read in readings.values() for finding in read.findings if finding.severity is Severity.WARNING
    ]
    assert sum(1 for finding in warnings if "last bracket is missing" in finding.sentence) == 19


@pytest.mark.parametrize(
    ("start", "part", "extents", "mass", "processes", "materials"),
    [
        ("LOSH-list__okh-OHLOOM", "Clamp Ring", box(56, 56, 30), grams(30), ("3DP",), ("ABS",)),
        ("LOSH-list__okh-OHLOOM", "CombModul", box(120, 100, 5), grams(30), ("3DP",), ("PLA",)),
        ("LOSH-list__okh-OHLOOM", "Warpclothbeam 2", box(45, 45, 162), grams(65), ("3DP",), ("PLA",)),
        ("LOSH-list__okh-OHLOOM", "WarpClothBeam", box(35, 35, 710), grams(330), ("CNC", "COT"), ("wood",)),
        ("tm-miha", "SideFrame", box(580, 140, 18), grams(700), ("CNC", "COT"), ("wood",)),
        ("LOSH-list__okh-cosi", "Aluminium Plate 1", box(1084, 140, 10), None, ("CNC",), ("EN AW-2017A",)),
        ("LOSH-list__okh-cosi", "LimitSwitchHolder z-axis 1of2", None, None, ("3DP",), ("PLA",)),
        ("PlanktoScope", "PlanktoScope-Case", box(275, 125, 105), None, ("CNC",), ()),
        ("PlanktoScope", "PlanktoScope-HAT", box(100, 65, 10), None, ("PCB",), ()),
        (
            "OPEN-NEXT__LOSH-dummy-MOSH-A__okh",
            "Clamp Ring",
            Extents(x=None, y=mm(28), z=mm(30)),
            None,
            ("3DP",),
            ("PLA",),
        ),
        ("ohm-SYNTHETIC__3d-printed-prosthetic-hand-1", "Base", box(35, 164, 11), grams("361.73"), ("3DP",), ("PETG",)),
        (
            "ohm-SYNTHETIC__3d-printed-prosthetic-hand-1",
            "Housing (2)",
            box(114, 179, 40),
            grams("482.52"),
            ("3DP",),
            ("PETG",),
        ),
        ("ohm-SYNTHETIC__laser-cut", "Cover", box(39, 131, 86), grams("979.14"), ("LAS",), ("Acrylic sheet",)),
        ("ohm-SYNTHETIC__arduino", "Core Component", None, None, ("SHEET",), ("Steel sheet",)),
        ("ohm-HANDMADE", "Test 3D Printed Bracket", box(50, 30, 20), None, ("3DP",), ("PLA",)),
        ("TheTesla__rotary", "rotary-encoder-protection", box(32, 50, 30), grams(100), (), ()),
        ("LOSH-list__okh-Jubilee", "Jubilee", box(560, 480, 610), None, ("ASM",), ()),
        ("7B-Things__braille", "Braille Signage Generator", None, None, (), ()),
    ],
)
def test_a_published_part_is_read_exactly(
    start: str, part: str, extents: object, mass: object, processes: tuple[str, ...], materials: tuple[str, ...]
) -> None:
    read = reading(start)
    assert read.design is not None
    found = find_part(read.design, part)
    assert not isinstance(found, type(None))
    assert (found.extents, found.mass, found.processes, found.materials) == (extents, mass, processes, materials)  # type: ignore[union-attr]


def test_the_looms_printed_part_becomes_a_call() -> None:
    read = reading("LOSH-list__okh-OHLOOM")
    assert read.design is not None
    call = call_parameters(read.design.parts[0])
    assert call.parameters == {
        "material": "ABS",
        "length": mm(56),
        "width": mm(56),
        "height": mm(30),
        "mass": grams(30),
        "printing-process": "FDM",
        "infill": measure(30, "%"),
        "raft-brim": "yes",
        "supports": "no",
        "layer-height": measure(Fraction(1, 5), "mm"),
        "shell-thickness": mm(3),
        "top-bottom-thickness": mm(3),
    }
    assert call.unknown == ()


@pytest.mark.parametrize(
    ("start", "key", "words"),
    [
        ("LOSH-list__okh-OHLOOM", "part[1].outer-dimensions.openSCAD", "its last bracket is missing"),
        ("tm-miha", "part[0].mass", "is a list of one table"),
        ("OPEN-NEXT__LOSH-dummy-MOSH-A__3D", "outer-dimensions.widht", "did you mean 'width'?"),
        ("TheTesla__OSH", "mass", "without a unit; read in g"),
        ("helpful-library__alpha_okh_okh-seat", "", "is broken YAML at line 3"),
        (
            "helpful-library__alpha_okh_okh-manifest-surge-english.",
            "license.software",
            "is a licence for software only",
        ),
        ("helpful-library__beta_okh_bread", "license", "names no licence"),
        ("ohm__test-project-05", "license.hardware", "still holds the template's text"),
        ("ohm-SYNTHETIC__arduino", "parts[2].name", "read as 'Primary Module (2)'"),
        ("ok-validate__this-should-fail", "okhv", "is not an Open Know-How manifest"),
    ],
)
def test_the_dirt_of_a_published_design_is_told(start: str, key: str, words: str) -> None:
    assert told(reading(start).findings, key, words), [str(finding) for finding in reading(start).findings]


def test_every_published_facility_is_read_or_refused_with_a_sentence() -> None:
    readings = {name: read_facility(data, name) for name, data in all_of("okw")}
    refused = sorted(name for name, read in readings.items() if read.facility is None)
    assert refused == [
        "helpful-library__atoms_QH00001.yaml",
        "helpful-library__atoms_QH00002.yaml",
        "iopa-source_05.json",
    ]
    facilities = [read.facility for read in readings.values() if read.facility is not None]
    assert len(facilities) == 59
    assert sum(len(one.equipment) for one in facilities) == 74
    assert sum(1 for one in facilities if not one.equipment) == 32
    assert sum(1 for one in facilities if one.place is not None and one.place.lat_e2 is not None) == 52
    places = [one.place for one in facilities if one.place is not None and one.place.lat_e2 is not None]
    assert all(one.lat_e2 is not None and one.lon_e2 is not None for one in places)
    assert all((one.lat_e2 or 0) % 5 == 0 and (one.lon_e2 or 0) % 5 == 0 for one in places)


def test_a_design_is_no_facility_and_a_facility_no_design() -> None:
    for name, data in all_of("okh"):
        assert read_facility(data, name).facility is None, name
    for name, data in all_of("okw"):
        assert read_design(data, name).design is None, name


def test_the_kept_part_of_every_facility_holds_no_address_and_no_contact() -> None:
    for name, data in all_of("okw"):
        kept = repr(read_facility(data, name).facility)
        assert "@example" not in kept, name
        assert "+1-" not in kept, name
