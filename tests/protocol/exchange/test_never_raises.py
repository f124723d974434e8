"""Whatever is in a file, a reader answers: with something that can be used, or with a sentence; and within bounds."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from protocol.exchange.bounds import EQUIPMENT_MAX, FINDINGS_MAX, PARTS_MAX, SETTINGS_MAX
from protocol.exchange.findings import Severity
from protocol.exchange.okh import read_design
from protocol.exchange.okw import read_facility
from protocol.exchange.part_parameters import call_parameters, for_function
from tests.protocol.exchange.strangers import SAMPLES


def _words(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(text.split(" "))


DESIGN_KEYS = _words(
    "okhv name title version license licensor repo function part parts tsdc outer-dimensions "
    "outer_dimensions openSCAD unit mass value material materials source export image bom software infill "
    "resolution-mm manufacturing_specs process_requirements parameters hardware manufacturing_processes "
    "path width depth height supports"
)
FACILITY_KEYS = _words(
    "name location address city country region gps_coordinates geocoding latitude longitude equipment "
    "capabilities equipment_type manufacturing_process make model quantity axes build_volume x_travel "
    "bed_size nozzle_size processes detailed_capabilities layer_height_range tolerance materials_worked "
    "material_type opening_hours facility_status availability operating_hours tool-list-atoms identifier "
    "facility"
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "cube([1,2,3])",
            "cylinder(h=1, r=2)",
            "mm",
            "kg",
            "30 g",
            "0.1-0.3mm",
            "1x2x3",
            "3DP",
            "Q211387",
            "1, 2",
            "xxx",
        ]
    )
)


def trees(keys: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, object]]:
    inner = st.recursive(
        LEAVES,
        lambda below: st.lists(below, max_size=4) | st.dictionaries(keys | st.text(max_size=5), below, max_size=6),
        max_leaves=25,
    )
    return st.dictionaries(keys, inner, max_size=12)


def read_both(data: bytes) -> None:
    for read in (read_design(data, "file"), read_facility(data, "file")):
        assert len(read.findings) <= FINDINGS_MAX + 2
        assert all(str(finding).isprintable() for finding in read.findings)
        refused = any(finding.severity is Severity.ERROR for finding in read.findings)
        found = read.design if hasattr(read, "design") else read.facility
        assert refused is (found is None)


@given(trees(DESIGN_KEYS))
def test_no_tree_of_a_designs_keys_makes_a_reader_raise(tree: dict[str, object]) -> None:
    data = json.dumps({"okhv": "1", "name": "n", **tree}).encode()
    read_both(data)
    design = read_design(data, "file").design
    if design is None:
        return
    assert len(design.parts) <= PARTS_MAX
    for part in (design.whole, *design.parts):
        assert len(part.settings) <= SETTINGS_MAX
        call = call_parameters(part)
        for_function(call, ("material", "length", "width", "thickness", "grade"), lambda _, word: word[:3] or None)
        for_function(call, ("diameter", "length"))


@given(trees(FACILITY_KEYS))
def test_no_tree_of_a_facilitys_keys_makes_a_reader_raise(tree: dict[str, object]) -> None:
    data = json.dumps({"equipment": [], **tree}).encode()
    read_both(data)
    facility = read_facility(data, "file").facility
    assert facility is None or len(facility.equipment) <= EQUIPMENT_MAX


@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_no_bytes_make_a_reader_raise(data: bytes) -> None:
    read_both(data)


@given(st.data())
def test_no_damage_to_a_good_file_makes_a_reader_raise(draw: st.DataObject) -> None:
    whole = (SAMPLES / draw.draw(st.sampled_from(["okh.toml", "facility.json"]))).read_bytes()
    at = draw.draw(st.integers(0, len(whole)))
    cut = draw.draw(st.integers(0, 40))
    read_both(whole[:at] + draw.draw(st.binary(max_size=6)) + whole[at + cut :])


@given(st.text(max_size=50))
def test_the_file_name_is_only_shown(name: str) -> None:
    finding = read_design(b"", name).findings[0]
    assert str(finding).isprintable() or finding.file == ""
