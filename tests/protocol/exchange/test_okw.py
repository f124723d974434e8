"""A facility file in each shape people publish: what is there is taken, what lacks is listed, nobody is exposed.

SPEC X-10, X-11.
"""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from ledger.quantities import measure
from protocol.exchange.design import Extents
from protocol.exchange.facility import Equipment, Facility, Place
from protocol.exchange.findings import Finding, Severity
from protocol.exchange.okw import read_facility
from protocol.exchange.okw_words import word_of, words_to_try
from tests.protocol.exchange.strangers import box, mm, told


def facility(tree: object) -> tuple[Facility, tuple[Finding, ...]]:
    read = read_facility(json.dumps(tree).encode(), "f.json")
    assert read.facility is not None, [str(finding) for finding in read.findings]
    return read.facility, read.findings


def machine(**keys: object) -> tuple[Equipment, tuple[Finding, ...]]:
    read, findings = facility({"name": "f", "equipment": [{"equipment_type": "Router", **keys}]})
    assert len(read.equipment) == 1
    return read.equipment[0], findings


FULL = {
    "name": "Makerspace",
    "location": {
        "address": {"number": "123", "street": "Maker Street", "city": "Tech City", "region": "CA", "postcode": "1"},
        "gps_coordinates": "37.7749, -122.4194",
        "city": "Tech City",
        "country": "United States",
    },
    "facility_status": "Active",
    "access_type": "Public",
    "opening_hours": "Mon-Fri: 9:00-17:00",
    "contact": {"landline": "+1-555-0123", "email": "someone@example.org"},
    "owner": {"name": "An owner"},
    "manufacturing_processes": ["https://en.wikipedia.org/wiki/Laser_cutting", "laser cutting", "3DP"],
    "equipment": [
        {
            "equipment_type": "https://en.wikipedia.org/wiki/3D_printer",
            "manufacturing_process": "https://en.wikipedia.org/wiki/Fused_filament_fabrication",
            "make": "Prusa",
            "model": "MK3S+",
            "serial_number": "SN1",
            "quantity": 2,
            "condition": "Good",
            "axes": 3,
            "nozzle_size": 0.4,
            "laser_power": 30,
            "build_volume": 8000000,
            "working_surface": 600,
            "tolerance_class": "ISO 2768-m",
            "detailed_capabilities": {
                "layer_height_range": "0.1-0.3mm",
                "tolerance_range": "±0.150mm",
                "tolerance": "±0.1mm",
                "supported_materials": ["PETG", "Wood"],
            },
            "materials_worked": [
                {"material_type": "https://en.wikipedia.org/wiki/Polylactic_acid", "manufacturer": "G"},
                {"material_type": "https://en.wikipedia.org/wiki/PETG"},
            ],
        }
    ],
}


def test_a_whole_record_is_taken_as_far_as_an_offer_needs_it() -> None:
    read, findings = facility(FULL)
    assert findings == ()
    assert read == Facility(
        name="Makerspace",
        place=Place(city="Tech City", region="CA", country="United States", lat_e2=3775, lon_e2=-12240),
        opening_hours="Mon-Fri: 9:00-17:00",
        status="Active",
        access="Public",
        processes=("Laser cutting", "3DP"),
        equipment=(
            Equipment(
                key="equipment[0]",
                name="3D printer",
                make="Prusa",
                model="MK3S+",
                count=2,
                processes=("Fused filament fabrication", "3D printer"),
                materials=("Polylactic acid", "PETG", "Wood"),
                space=None,
                volume=measure(8_000_000, "mm3"),
                surface=mm(600),
                axes=3,
                nozzle=mm("0.4"),
                laser_power=measure(30, "W"),
                tolerance=mm("0.1"),
                tolerance_class="ISO 2768-m",
                layers=(mm("0.1"), mm("0.3")),
                condition="Good",
            ),
        ),
        missing=(),
    )


def test_nobody_and_no_street_can_be_found_in_what_is_kept() -> None:
    kept = repr(facility(FULL)[0])
    for private in ("Maker Street", "555-0123", "someone@", "An owner", "SN1", "7749"):
        assert private not in kept


def test_a_maps_record_names_a_place_and_no_machine() -> None:
    read, _ = facility(
        {
            "geocoding": {"latitude": 19.9008768, "longitude": 74.4946956},
            "address": {"zip_code": "423603", "extended": "DEPT."},
            "region": {"country": "IN", "state_region": "MAHARASHTRA", "city_town": "Kopargaon"},
            "location": {"geocoding_id": "4c"},
            "facility": {"name": "Fab Lab", "description": "fablab"},
        }
    )
    assert read.name == "Fab Lab"
    assert read.place == Place(city="Kopargaon", region="MAHARASHTRA", country="IN", lat_e2=1990, lon_e2=7450)
    assert read.missing == ("opening hours", "machines: none is listed")


def test_machines_grouped_under_capabilities_are_taken_one_by_one() -> None:
    read, _ = facility(
        {
            "name": "Lab",
            "capabilities": [
                {
                    "capability_type": "PCB",
                    "processes": ["PCB", "3DP"],
                    "equipment": [
                        {"name": "PCB Mill", "manufacturer": "LPKF", "model": "S104", "status": "Operational"}
                    ],
                },
                {"capability_type": "Assembly"},
            ],
            "availability": {"operating_hours": {"monday": "8-18", "sunday": "Closed", "friday": None}},
        }
    )
    assert [(one.name, one.make, one.condition, one.processes) for one in read.equipment] == [
        ("PCB Mill", "LPKF", "Operational", ("PCB Mill",))
    ]
    assert read.processes == ("PCB", "3DP", "Assembly")
    assert read.opening_hours == "monday: 8-18; sunday: Closed"


def test_a_list_of_atoms_is_read_by_its_numbers_and_descriptions() -> None:
    text = (
        "title: Shop\nprocesses:\n  - identifier: Q211387\n    description: soldering of things\n  - drilling\n  - 3\n"
        "tool-list-atoms:\n  - identifier: Q1879849\n    description: a station\n  - description: Oven\n  - link: x\n"
    )
    read = read_facility(text.encode(), "shop.yml")
    assert read.facility is not None
    assert read.facility.processes == ("soldering", "drilling", "3")
    assert [one.processes for one in read.facility.equipment] == [("soldering station", "a station"), ("Oven",)]
    assert told(read.findings, "tool-list-atoms", "1 machines do not say what they are")


def test_a_flat_record_in_a_list_of_one_is_read() -> None:
    read, _ = facility([{"name": "x", "latitude": -33.86, "longitude": "151.21", "city": "Sydney"}])
    assert read.place == Place(city="Sydney", region="", country="", lat_e2=-3385, lon_e2=15120)


def test_what_is_neither_text_nor_table_names_no_process() -> None:
    assert facility({"name": "x", "processes": [["a"], 3, {"name": "Sawing"}]})[0].processes == ("Sawing",)


def test_the_relational_schema_is_read_by_its_own_names() -> None:
    read, _ = facility(
        {
            "ManufacturingFacility": {"name": "F"},
            "Address": {"locality": "Town", "country": "X"},
            "ManufacturingEquipment": [{"brand": "B", "type": "Lathe"}, "junk"],
        }
    )
    assert (read.name, read.equipment[0].name, read.equipment[0].make) == ("F", "Lathe", "B")
    assert read.place is not None
    assert read.place.city == "Town"


@pytest.mark.parametrize(
    ("keys", "space"),
    [
        ({"x_travel": 250, "y_travel": "21 cm", "z_travel": 220.5}, "x250 y21cm z220.5"),
        ({"x_travel": 250}, "x250"),
        ({"working_volume": {"x": 1, "y": 2, "z": 3}}, "box"),
        ({"build_volume": {"length": 1, "width": 2, "height": 3, "unit": "mm"}}, "box"),
        ({"build_volume": "1 x 2 x 3 mm"}, "box"),
        ({"bed_size": "1×2×3"}, "box"),
        ({"bed_size": [1, 2, 3]}, "box"),
        ({"working-area": {"sides": 1}}, None),
        ({"bed_size": [1, 2, 3, 4]}, None),
        ({"bed_size": ["wide"]}, None),
        ({"bed_size": "large"}, None),
        ({"bed_size": "1 x"}, None),
        ({"x_travel": 0}, None),
    ],
)
def test_a_working_space_is_read_by_its_sides_and_never_from_one_number(
    keys: dict[str, object], space: str | None
) -> None:
    one, _ = machine(**keys)
    expected = {
        None: None,
        "box": box(1, 2, 3),
        "x250": Extents(x=mm(250), y=None, z=None),
        "x250 y21cm z220.5": Extents(x=mm(250), y=measure(21, "cm"), z=mm("220.5")),
    }[space]
    assert one.space == expected


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        ({"quantity": 0}, "quantity", "a count of 1 to 1000"),
        ({"quantity": 1.5}, "quantity", "a count"),
        ({"axes": 40}, "axes", "a count of 1 to 20"),
        ({"nozzle_size": "fine"}, "nozzle_size", "should be a length, is 'fine'"),
        ({"nozzle_size": "3 g"}, "nozzle_size", "should be a length"),
        ({"nozzle_size": True}, "nozzle_size", "is true or false"),
        ({"nozzle_size": -1}, "nozzle_size", "should be a length, is a number"),
        ({"laser_power": "30 mm"}, "laser_power", "should be a power"),
    ],
)
def test_a_machines_fault_is_told_and_left_out(keys: dict[str, object], key: str, words: str) -> None:
    one, findings = machine(**keys)
    assert told(findings, f"equipment[0].{key}", words)
    assert (one.count, one.axes, one.nozzle, one.laser_power) == (1, None, None, None)


def test_a_quantity_with_its_own_unit_is_read_as_it_stands() -> None:
    one, findings = machine(nozzle_size="0.4 mm", laser_power="0.03 kW", quantity="2")
    assert findings == ()
    assert (one.nozzle, one.laser_power, one.count) == (mm("0.4"), measure(Fraction(3, 100), "kW"), 2)


def test_layers_and_tolerances_that_say_nothing_are_none() -> None:
    one, _ = machine(
        detailed_capabilities={"layer_height_range": "0-0.3mm", "tolerance": "good", "tolerance_range": "1 W"}
    )
    assert (one.layers, one.tolerance) == (None, None)
    other, _ = machine(layer_height="0.1 - 0.2 mm")
    assert other.layers == (mm("0.1"), mm("0.2"))


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"location": {"gps_coordinates": "somewhere"}}, "should be 'latitude, longitude'"),
        ({"latitude": 91, "longitude": 0}, "is no place on Earth"),
        ({"location": {"gps_coordinates": "1, 200"}}, "is no place on Earth"),
    ],
)
def test_coordinates_that_are_none_are_told(tree: dict[str, object], words: str) -> None:
    read, findings = facility({"name": "x", **tree})
    assert read.place is None
    assert any(words in finding.sentence for finding in findings)
    assert "where it is" in read.missing


def test_hours_given_by_day_are_put_in_a_line_and_no_hours_are_missing() -> None:
    assert facility({"name": "x", "opening_hours": {"mon": "9-5"}})[0].opening_hours == "mon: 9-5"
    assert facility({"name": "x", "facility_type": "Lab"})[0].missing == (
        "where it is",
        "opening hours",
        "machines: none is listed",
    )


def test_a_facility_that_is_only_planned_says_so() -> None:
    assert "that it works: its status is 'Planned'" in facility({"name": "x", "facility_status": "Planned"})[0].missing


def test_more_machines_than_the_bound_are_left_out_and_told() -> None:
    group = {"equipment": [{"name": "Saw"}] * 150}
    read, findings = facility({"name": "x", "capabilities": [group, group]})
    assert len(read.equipment) == 200
    assert told(findings, "equipment", "more than 200 machines")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"okhv": "1", "name": "x"}', "is an Open Know-How design, not a facility"),
        ('{"source": "a map", "records": 3}', "is not an Open Know-Where facility: neither machines"),
        ('[{"name": "a"}, {"name": "b"}]', "holds 2 records; one facility per file is read"),
        ("[]", "it holds a list"),
        ("<html></html>", "is a web page"),
        ("a: [\n", "is broken YAML"),
    ],
)
def test_what_is_not_a_facility_is_refused_in_one_sentence(text: str, words: str) -> None:
    read = read_facility(text.encode(), "f")
    assert read.facility is None
    assert [finding.severity for finding in read.findings] == [Severity.ERROR]
    assert words in read.findings[0].sentence


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("https://en.wikipedia.org/wiki/Fused_filament_fabrication", "Fused filament fabrication"),
        ("https://en.wikipedia.org/wiki/D%C3%A9coupe/", "Découpe"),
        ("http://example.org/wiki/CNC_router#History", "CNC router"),
        ("https://www.wikidata.org/wiki/Q211387", "soldering"),
        ("Q99999999", ""),
        ("CNC Machining", "CNC Machining"),
        ("https://example.org", "https://example.org"),
    ],
)
def test_the_word_behind_a_link_is_its_end(text: str, word: str) -> None:
    assert word_of(text) == word


def test_a_narrow_word_is_followed_by_the_broader_one_only_where_that_is_safe() -> None:
    assert words_to_try(("TIG welding", "Selective laser sintering")) == (
        "TIG welding",
        "welding",
        "Selective laser sintering",
    )
