"""What a workshop offers is what its files say: taken, shown, withdrawn, imported, and found by the others."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest
import trio

from dpnode.answers.capability import keep_offered, reload_offers
from dpnode.control.questions.capability import (
    CapabilityAdd,
    CapabilityImport,
    CapabilityList,
    CapabilityRemove,
    CapabilityShow,
    DirectorySearch,
)
from dpnode.control.questions.holdings import CreditOpen
from dpnode.control.questions.job import JobCall
from dpnode.errors import FailKind
from dpnode.offers import fits_with, read_folder
from protocol.capability.limits import OFFERS_MAX
from tests.dpnode.answers.grown import Grown
from tests.dpnode.answers.nodes import Wire, asked, join_home, refused, running, until, until_heard
from tests.dpnode.answers.trade import WANTED

PRINTER = (files("config") / "samples" / "offers" / "printer.toml").read_text("utf-8")
FACILITY = """
{"facility": {"name": "Open shed"}, "equipment": [
  {"equipment_type": "https://en.wikipedia.org/wiki/3D_printing", "make": "Prusa", "model": "MK3",
   "manufacturing_process": "https://en.wikipedia.org/wiki/Fused_filament_fabrication"},
  {"equipment_type": "https://en.wikipedia.org/wiki/Time_machine"}
]}
"""


@pytest.fixture
def grown(tmp_path: Path) -> Grown:
    return Grown(tmp_path / "ada")


def written(folder: Path, text: str = PRINTER, name: str = "printer.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


async def test_an_offer_priced_in_a_credit_that_comes_later_is_offered_then(grown: Grown) -> None:
    async with running(grown.home) as ada, trio.open_nursery() as nursery:
        written(grown.home.offers)
        assert reload_offers(ada) == {} and "EUR" in ada.reminders[0]
        nursery.start_soon(keep_offered, ada)
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        await until_heard(ada, lambda: not ada.reminders)
        assert list(ada.assembled.offers.offers) == ["Desk printer"]
        await until_heard(ada, lambda: ada.core.directory.directory.advert(ada.identity.member))
        nursery.cancel_scope.cancel()


async def test_a_capability_is_added_listed_shown_and_removed(grown: Grown, tmp_path: Path) -> None:
    path = written(tmp_path)
    async with running(grown.home) as ada:
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        assert (await asked(ada, CapabilityAdd(path=path, dry_run=True)))["dry_run"]
        assert (await asked(ada, CapabilityList()))["capabilities"] == []
        added = await asked(ada, CapabilityAdd(path=path))
        assert (added["label"], added["function_name"]) == ("Desk printer", "3d-printing-fdm")
        (row,) = (await asked(ada, CapabilityList()))["capabilities"]
        for text in (row["id"], row["id"][:12], "desk printer"):
            shown = await asked(ada, CapabilityShow(id=text))
            assert shown["limits"]["material"] == "petg, pla" and "1.00 EUR once" in shown["price"]
        await asked(ada, CapabilityRemove(id="Desk printer"))
        assert (await asked(ada, CapabilityList()))["capabilities"] == []
        assert (await refused(ada, CapabilityShow(id="Desk printer"))).kind is FailKind.NOT_FOUND


async def test_an_offer_is_replaced_only_where_that_is_said_and_what_changes_is_told(
    grown: Grown, tmp_path: Path
) -> None:
    path = written(tmp_path)
    dearer = written(tmp_path, PRINTER.replace("most = 250", "most = 180").replace('"0.50"', '"0.75"'), "dearer.toml")
    async with running(grown.home) as ada:
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        nothing = await refused(ada, CapabilityAdd(path=path, replace=True))
        assert nothing.kind is FailKind.NOT_FOUND and "nothing is offered" in nothing.sentence
        await asked(ada, CapabilityAdd(path=path))
        taken = await refused(ada, CapabilityAdd(path=dearer))
        assert taken.kind is FailKind.REFUSED and "--replace" in taken.sentence
        assert "limits.length, price" in taken.sentence
        for dry_run in (True, False):
            told = await asked(ada, CapabilityAdd(path=dearer, replace=True, dry_run=dry_run))
            length, price = told["changes"]
            assert (length["key"], length["was"], length["becomes"]) == (
                "limits.length",
                "up to 250 mm",
                "up to 180 mm",
            )
            assert "0.50 EUR a piece" in price["was"] and "0.75 EUR a piece" in price["becomes"]
            shown = await asked(ada, CapabilityShow(id="desk"))
            assert shown["limits"]["length"] == ("up to 250 mm" if dry_run else "up to 180 mm")
        assert len((await asked(ada, CapabilityList()))["capabilities"]) == 1
        same = await asked(ada, CapabilityAdd(path=dearer, replace=True))
        assert same["changes"] == [] and "the same" in same["notes"][0]


async def test_a_capability_is_meant_by_a_part_of_its_name_that_only_it_has(grown: Grown, tmp_path: Path) -> None:
    async with running(grown.home) as ada:
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        for number, name in enumerate(("Desk printer", "Cellar printer", "Desk")):
            await asked(
                ada, CapabilityAdd(path=written(tmp_path, PRINTER.replace("Desk printer", name), f"{number}.toml"))
            )
        for text, label in (
            ("desk", "Desk"),
            ("DESK P", "Desk printer"),
            ("lar", "Cellar printer"),
            ("cel", "Cellar printer"),
        ):
            assert (await asked(ada, CapabilityShow(id=text)))["label"] == label
        several = await refused(ada, CapabilityShow(id="printer"))
        assert several.kind is FailKind.USAGE and '"Cellar printer", "Desk printer"' in several.sentence
        misspelt = await refused(ada, CapabilityShow(id="Celar printer"))
        assert misspelt.kind is FailKind.NOT_FOUND and 'did you mean "Cellar printer"?' in misspelt.sentence
        far = await refused(ada, CapabilityRemove(id="zzzzzz"))
        assert 'you offer "' in far.sentence


async def test_offers_stand_again_after_a_restart_and_a_broken_file_is_only_named(grown: Grown, tmp_path: Path) -> None:
    async with running(grown.home) as ada:
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        await asked(ada, CapabilityAdd(path=written(tmp_path)))
    (grown.home.offers / "broken.toml").write_text('name = "x"\nfunktion = "y"\n')
    async with running(grown.home) as ada:
        assert ada.parts is not None
        folder = read_folder(grown.home, ada.parts.catalogue, ada.core.chain.state)
        assert list(folder.offers) == ["Desk printer"]
        (problem,) = folder.problems
        assert "broken.toml" in problem and "function" in problem


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("most = 250", "most = 0", "limit of zero"),
        ('mass = "4 min"', 'mass = "4 parsec"', "parsec"),
        ('credit = "EUR"', 'credit = "EURO"', 'did you mean "EUR"'),
        ("3d-printing-fdm", "3d-printing-fdn", 'did you mean "3d-printing-fdm"'),
    ],
)
async def test_a_wrong_file_is_refused_with_its_key(
    grown: Grown, tmp_path: Path, wrong: str, right: str, said: str
) -> None:
    assert wrong in PRINTER
    async with running(grown.home) as ada:
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        problem = await refused(ada, CapabilityAdd(path=written(tmp_path, PRINTER.replace(wrong, right, 1))))
        assert "printer.toml" in problem.sentence and said in problem.sentence
        assert (await asked(ada, CapabilityList()))["capabilities"] == []


async def test_more_than_one_advert_carries_is_refused_and_the_node_lives(grown: Grown, tmp_path: Path) -> None:
    plain = re.sub(r"(?s)\[price\].*", "", PRINTER)
    async with running(grown.home) as ada:
        assert ada.parts is not None
        path, text, number = "", "", 0
        for number in range(OFFERS_MAX):
            text = plain.replace("Desk printer", f"Desk printer {number:02d} " + "x" * 40)
            path = written(tmp_path, text, f"p{number}.toml")
            offers = list(ada.parts.offers.offers.values())
            if offers and not fits_with(offers[0], offers):
                break
            await asked(ada, CapabilityAdd(path=path))
        problem = await refused(ada, CapabilityAdd(path=path))
        assert problem.kind is FailKind.REFUSED and "an advert carries" in problem.sentence
        assert len((await asked(ada, CapabilityList()))["capabilities"]) == number > 10
        # The same many files, put there by hand: the last one is named and the others are offered.
        (grown.home.offers / "zzz.toml").write_text(text)
        assert len((await asked(ada, CapabilityList()))["capabilities"]) == number
        assert any("zzz.toml" in line for line in ada.reminders)


async def test_a_facility_becomes_drafts_and_what_it_lacks_is_listed(grown: Grown, tmp_path: Path) -> None:
    path = written(tmp_path, FACILITY, "shed.json")
    async with running(grown.home) as ada:
        dry = await asked(ada, CapabilityImport(path=path, dry_run=True))
        assert dry["dry_run"] and not list(grown.home.offers.iterdir())
        found = await asked(ada, CapabilityImport(path=path))
        (row,) = found["capabilities"]
        assert (row["function_name"], row["state"]) == ("3d-printing-fdm", "draft")
        assert "Missing" in Path(row["path"]).read_text()  # noqa: ASYNC240
        assert any("serves no function" in line for one in found["missing"] for line in one["missing"])
        assert (await asked(ada, CapabilityList()))["capabilities"] == []
        wrong = await refused(ada, CapabilityImport(path=written(tmp_path, '{"okhv": "1"}', "x.json")))
        assert "x.json" in wrong.sentence


async def test_others_find_an_offer_by_words_and_by_what_it_can_do(grown: Grown, tmp_path: Path) -> None:
    home = join_home(grown, tmp_path / "bob", "Bob", 7)
    wire = Wire()
    async with running(grown.home, wire) as ada, running(home, wire) as bob:
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        height = ada.core.chain.head.height
        await until(bob, lambda: bob.core.chain.head.height >= height)
        await asked(bob, CapabilityAdd(path=written(tmp_path)))
        directory = ada.core.directory.directory
        await until_heard(ada, lambda: directory.advert(bob.identity.member))
        (row,) = (await asked(ada, DirectorySearch(words="desk pla")))["adverts"]
        assert (row["member"]["name"], row["function_name"]) == ("Bob", "3d-printing-fdm")
        can = DirectorySearch(function="3d-printing-fdm", parameters={"material": "PLA", "length": "20 cm"})
        assert len((await asked(ada, can))["adverts"]) == 1
        cannot = DirectorySearch(function="3d-printing-fdm", parameters={"material": "PLA", "length": "90 cm"})
        nobody = await asked(ada, cannot)
        assert nobody["adverts"] == [] and "up to 250" in nobody["notes"][0]
        assert (await asked(ada, DirectorySearch(member="Ada")))["adverts"] == []
        assert (await refused(ada, DirectorySearch(function="3d-printing-fdn"))).kind is FailKind.NOT_FOUND
        for parameters, found in (
            ({"length": "20 cm"}, 1),
            ({"length": "5 m"}, 0),
            ({"material": "pla", "length": "20 cm"}, 1),
            ({"material": "steel"}, 0),
        ):
            for function in (None, "3d-printing-fdm"):
                if function is not None and parameters == {"material": "steel"}:
                    continue
                told = await asked(ada, DirectorySearch(function=function, parameters=parameters))
                assert (len(told["adverts"]), bool(told["notes"])) == (found, not found), (function, parameters)
            assert (await asked(ada, DirectorySearch(words="laser", parameters=parameters)))["adverts"] == []
        wrong = await refused(ada, DirectorySearch(parameters={"lenght": "5 m"}))
        assert wrong.kind is FailKind.USAGE and 'no function has a parameter "lenght"' in wrong.sentence
        assert "length" in wrong.sentence
        assert (await refused(ada, DirectorySearch(parameters={"length": "5 kg"}))).kind is FailKind.USAGE
        alone = await refused(bob, JobCall(function="3d-printing-fdm", parameters=WANTED))
        assert alone.kind is FailKind.NOT_FOUND and alone.sentence.startswith("nobody here but you can do 3D printing")
