"""Machines become drafts of offers where their words name one function; everything else is listed.

SPEC X-10, X-11, X-12.
"""

from __future__ import annotations

import json

import pytest

from ledger.quantities import measure
from protocol.capability.catalogue import Catalogue
from protocol.capability.definition_files import read_definition
from protocol.exchange.okw import read_facility
from protocol.exchange.okw_offers import FacilityOffers, Limit, OfferDraft, offers_from_facility
from protocol.exchange.with_catalogue import CatalogueFunctions
from tests.protocol.exchange.strangers import ROOT, mm


@pytest.fixture(scope="module")
def functions() -> CatalogueFunctions:
    files = sorted((ROOT / "config" / "functions").glob("*.toml"))
    return CatalogueFunctions(catalogue=Catalogue([read_definition(path.read_text(), path.name) for path in files]))


def offers(functions: CatalogueFunctions, *machines: dict[str, object], **keys: object) -> FacilityOffers:
    tree = {"name": "f", "city": "c", "opening_hours": "always", "equipment": list(machines), **keys}
    read = read_facility(json.dumps(tree).encode(), "f.json")
    assert read.facility is not None
    return offers_from_facility(read.facility, functions)


def test_a_machine_becomes_a_draft_with_its_limits_and_what_the_owner_must_say(functions: CatalogueFunctions) -> None:
    made = offers(
        functions,
        {
            "equipment_type": "https://en.wikipedia.org/wiki/3D_printer",
            "manufacturing_process": "https://en.wikipedia.org/wiki/Fused_filament_fabrication",
            "make": "Prusa",
            "model": "MK4",
            "quantity": 2,
            "axes": 3,
            "x_travel": 250,
            "y_travel": 210,
            "z_travel": 220,
            "nozzle_size": 0.4,
            "detailed_capabilities": {"layer_height_range": "0.1-0.3mm", "tolerance": "±0.2mm"},
            "materials_worked": ["PLA", "Polylactic acid", "Chocolate"],
        },
    )
    assert made == FacilityOffers(
        drafts=(
            OfferDraft(
                function="3d-printing-fdm",
                machine="3D printer Prusa MK4",
                count=2,
                materials=("pla",),
                limits=(
                    Limit(parameter="length", most=mm(250)),
                    Limit(parameter="width", most=mm(210)),
                    Limit(parameter="height", most=mm(220)),
                    Limit(parameter="layer-height", least=mm("0.1"), most=mm("0.3")),
                    Limit(parameter="nozzle", least=mm("0.4"), most=mm("0.4")),
                    Limit(parameter="tolerance", least=mm("0.2")),
                ),
                hours="always",
                missing=("the material 'Chocolate' is none that 3d-printing-fdm knows", "rate", "lead time", "price"),
            ),
        ),
        missing=(),
    )


def test_one_number_for_a_working_space_is_not_taken_apart(functions: CatalogueFunctions) -> None:
    (draft,) = offers(functions, {"name": "3D printer", "build_volume": 8000000, "materials": ["PLA"]}).drafts
    assert draft.limits == ()
    assert "the sides of its working space (stated is one number only: 8000000 mm3)" in draft.missing
    (partly,) = offers(functions, {"name": "CNC router", "axes": 4, "x_travel": 600}).drafts
    assert partly.limits == (Limit(parameter="length", most=mm(600)), Limit(parameter="axes", most=measure(4, "1")))
    assert {"the most it takes in width", "the most it takes in height", "the materials it works"} < set(partly.missing)


def test_a_machine_that_serves_no_function_or_several_is_listed_and_not_guessed(functions: CatalogueFunctions) -> None:
    made = offers(functions, {"name": "Spatula", "make": "Steel"}, {"manufacturing_process": "3DP"})
    assert made.drafts == ()
    assert made.missing[0] == "Spatula Steel serves no function known here"
    assert made.missing[1].startswith("3DP may serve 3d-printing-")
    assert made.missing[1].endswith(": say which")


def test_a_broader_word_is_tried_and_a_process_without_a_machine_is_listed(functions: CatalogueFunctions) -> None:
    made = offers(functions, {"name": "TIG welding"}, manufacturing_processes=["Laser cutting", "Welding", "Cooking"])
    assert [draft.function for draft in made.drafts] == ["welding"]
    assert made.missing == ("'Laser cutting' is named as a process, but no machine for it is listed",)


def test_what_stands_in_the_way_of_an_offer_is_listed(functions: CatalogueFunctions) -> None:
    made = offers(
        functions,
        {"name": "Assembly station", "condition": "Needs Maintenance"},
        facility_status="Planned",
        opening_hours=None,
    )
    assert "that it works: its status is 'Planned'" in made.missing
    assert {"that it works: its condition is 'Needs Maintenance'", "hours"} < set(made.drafts[0].missing)
    assert made.drafts[0].materials == ()
