"""Who can do this, and what can be done instead (SPEC C-18, C-22 to C-25)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.quantities import measure
from protocol.capability.catalogue import Catalogue
from protocol.capability.definition_files import read_definition
from protocol.capability.directory import Directory
from protocol.capability.matching import Match, Want, match
from protocol.capability.offers import Limit, Offer
from protocol.capability.places import Place
from tests.protocol.capability.test_matching import MILLING, offers, wants
from tests.protocol.capability.workshop import DAY_MS, NOW_MS, advert, catalogue, function, member, offer, router, want

HERE = Place(lat_cdeg=5250, lon_cdeg=1340)
THERE = Place(lat_cdeg=4815, lon_cdeg=1160)


def directory(*listed: tuple[int, list[Offer]], place: Place | None = None) -> Directory:
    one = Directory(catalogue())
    for n, some in listed:
        assert one.put(advert(n, some, place=place))
    return one


def printer(name: str = "printer", more: str = "") -> Offer:
    return offer(f'name = "{name}"\nfunction = "3d-printing-fdm"\n{more}\n[limits]\nmaterial = ["pla"]')


def test_only_offers_that_fit_are_found() -> None:
    """C-22"""
    here = directory((1, [router()]), (2, [router(materials='["steel"]')]), (3, [printer()]))
    found = here.find(want("cnc-milling", material="wood", length="500 mm"), NOW_MS)
    assert [one.member for one in found] == [member(1)]
    assert found[0].offer == router()
    assert found[0].unstated == ("height", "width")
    assert here.find(want("cnc-milling", material="titanium"), NOW_MS) == []
    assert here.find(want("cnc-milling"), NOW_MS) == [], "a want that the function does not admit"
    assert here.find(want("sewing", material="cotton"), NOW_MS) == []


def test_near_soon_and_automatic_come_first() -> None:
    """C-23"""
    one = Directory(catalogue())
    slow = router(more='[time]\nlead = "1 d"')
    quick = router(more='automatic = true\n[time]\nset-up = "0 min"')
    one.put(advert(1, [slow], place=HERE))
    one.put(advert(2, [quick], place=THERE))
    one.put(advert(3, [quick], place=HERE))
    one.put(advert(4, [slow]))
    one.put(advert(5, [replace(quick, place=HERE)], place=THERE))
    found = one.find(want("cnc-milling", place=HERE, material="wood"), NOW_MS)
    scores = {entry.member: (entry.score, entry.distance_km) for entry in found}
    assert scores[member(1)] == (1250, 0)
    assert scores[member(3)] == scores[member(5)] == (1750, 0)
    assert scores[member(4)] == (250, None)
    assert 750 < scores[member(2)][0] < 900
    assert [entry.score for entry in found] == sorted((entry.score for entry in found), reverse=True)
    assert [entry.member for entry in found[:2]] == sorted([member(3), member(5)])
    assert {entry.distance_km for entry in one.find(want("cnc-milling", material="wood"), NOW_MS)} == {None}


def test_a_search_returns_no_more_than_asked_for_and_looks_further_where_the_best_do_not_fit() -> None:
    """C-22"""
    here = directory(*((n, [router()]) for n in range(20)))
    assert len(here.find(want("cnc-milling", material="wood"), NOW_MS, limit=3)) == 3
    # These pass the columns (sorted sizes fit) and fail exactly: length and width have both a least and a most.
    odd = router(more='automatic = true\n[time]\nset-up = "0 min"')
    limits = {
        "length": Limit(least=measure(10, "mm"), most=measure(20, "mm")),
        "width": Limit(least=measure(1, "mm"), most=measure(100, "mm")),
        "height": Limit(least=measure(50, "mm"), most=measure(60, "mm")),
    }
    odd = replace(odd, limits={**odd.limits, **limits})
    mixed = directory(*((n, [odd]) for n in range(20)), *((n, [router()]) for n in range(20, 23)))
    wanted = want("cnc-milling", material="wood", length="30 mm", width="55 mm", height="30 mm")
    assert {one.member for one in mixed.find(wanted, NOW_MS, limit=3)} == {member(n) for n in range(20, 23)}


def test_what_has_expired_is_neither_found_nor_listed_nor_counted() -> None:
    """C-22"""
    here = directory((1, [router()]))
    later = NOW_MS + DAY_MS
    wanted = want("cnc-milling", material="wood")
    assert here.find(wanted, later) == []
    assert here.search("router", later) == []
    assert here.explain_none(wanted, later) == "nobody here can do CNC milling"
    assert here.next_expiry_ms() == later
    assert here.sweep(later - 1) == []
    assert here.sweep(later) == [member(1)]
    assert (len(here), here.next_expiry_ms()) == (0, None)


def test_the_newest_advert_stands_alone_and_an_empty_one_takes_it_back() -> None:
    """C-18"""
    here = directory((1, [router(), router("second")]), (2, [router()]))
    assert here.newest(member(1)) == 1
    assert here.put(advert(1, [printer()], counter=2))
    wanted = want("cnc-milling", material="wood")
    assert [one.member for one in here.find(wanted, NOW_MS)] == [member(2)]
    assert here.find(want("3d-printing-fdm", material="pla"), NOW_MS)
    assert here.put(advert(1, [], counter=3))
    assert here.find(want("3d-printing-fdm", material="pla"), NOW_MS) == []
    assert (here.newest(member(1)), here.newest(member(9)), len(here)) == (3, None, 2)
    held = here.advert(member(1))
    assert held is not None
    assert held.counter == 3
    here.forget(member(9))


def test_a_full_directory_refuses_and_displaces_nothing() -> None:
    """C-24"""
    two = Directory(catalogue(), adverts_max=2)
    assert [two.put(advert(n, [router()])) for n in (1, 2, 3)] == [True, True, False]
    assert two.put(advert(2, [printer()], counter=2)), "a newer one of a member who is in takes no more room"
    small = Directory(catalogue(), adverts_bytes_max=len(advert(1, [router()]).statement.body))
    assert small.put(advert(1, [router()]))
    assert not small.put(advert(2, [router()]))
    assert small.put(advert(1, [router()], counter=2))
    assert {one.member for one in two} == {member(1), member(2)}


def test_offers_of_an_unknown_function_wait_for_its_definition() -> None:
    known = Catalogue([function("sewing")])
    here = Directory(known)
    milling = function("cnc-milling").definition
    here.put(advert(1, [router(), printer()]))
    here.put(advert(2, [router()]))
    here.put(advert(3, [router()]))
    here.forget(member(3))
    assert here.unknown_functions() == sorted([milling.hash, function("3d-printing-fdm").hash])
    wanted = want("cnc-milling", material="wood")
    assert here.find(wanted, NOW_MS) == []
    assert here.explain_none(wanted, NOW_MS) == "nobody here knows that function"
    here.learned(milling.hash)
    assert known.add_foreign(milling.to_bytes(), milling.hash)
    here.learned(milling.hash)
    assert {one.member for one in here.find(wanted, NOW_MS)} == {member(1), member(2)}
    assert here.unknown_functions() == [function("3d-printing-fdm").hash]
    here.forget(member(1))
    assert here.unknown_functions() == []
    assert [one.member for one in here.search("cnc", NOW_MS)] == [member(2)]


NOBODY: list[tuple[str, Callable[[], Directory], Want, str]] = [
    ("no such function", directory, want("sewing", material="cotton"), "nobody here can do sewing"),
    (
        "another material",
        lambda: directory((1, [router()]), (2, [router(), router("b")]), (3, [printer()])),
        want("cnc-milling", material="steel"),
        "nobody here can do CNC milling in steel; 2 can in wood",
    ),
    (
        "several other materials",
        lambda: directory((1, [router(materials='["wood", "mdf"]')]), (2, [router()])),
        want("cnc-milling", material="stainless-steel"),
        "nobody here can do CNC milling in stainless steel; 2 can in wood, 1 in MDF",
    ),
    (
        "too large",
        lambda: directory((1, [router()]), (2, [router(size="80 cm")])),
        want("cnc-milling", material="wood", length="2 m"),
        "nobody here can do CNC milling at 2 m; 2 can up to 800 x 400 x 100 mm",
    ),
    (
        "too many",
        lambda: directory(
            (1, [router(more="quantity = { most = 10 }")]), (2, [router(more="quantity = { most = 20 }")])
        ),
        want("cnc-milling", 30, material="wood"),
        "nobody here can do CNC milling for 30 pieces; 2 can at most 20",
    ),
    (
        "too few",
        lambda: directory(
            (1, [router(more="quantity = { least = 10 }")]), (2, [router(more="quantity = { least = 5 }")])
        ),
        want("cnc-milling", 1, material="wood"),
        "nobody here can do CNC milling for 1 piece; 2 can at least 5",
    ),
    (
        "too fine",
        lambda: directory((1, [offer('name = "a"\nfunction = "cnc-milling"\n[limits]\ntolerance = { least = 0.1 }')])),
        want("cnc-milling", material="wood", tolerance="50 um"),
        "nobody here can do CNC milling with tolerance 50 um; 1 can from 0.1 mm",
    ),
    (
        "too heavy",
        lambda: directory((1, [offer('name = "a"\nfunction = "cnc-milling"\n[limits]\nmass = { most = 100 }')])),
        want("cnc-milling", material="wood", mass="1 kg"),
        "nobody here can do CNC milling with mass 1 kg; 1 can up to 100 g",
    ),
    (
        "each fails at something else",
        lambda: directory((1, [router()]), (2, [router(materials='["steel"]', size="2 m")])),
        want("cnc-milling", material="steel", length="3 m"),
        "nobody here can do CNC milling at 3 m; 1 can up to 2000 x 400 x 100 mm",
    ),
    (
        "together it would do",
        lambda: directory((1, [router(size="5 m")]), (2, [router(materials='["steel"]')])),
        want("cnc-milling", material="steel", length="3 m"),
        "nobody here can do CNC milling at 3 m in steel; 1 can up to 600 x 400 x 100 mm, 1 can in wood",
    ),
    (
        "another choice than a material",
        lambda: directory((1, [offer('name = "a"\nfunction = "inspection"\n[limits]\nmethod = ["visual"]')])),
        want("inspection", method="load"),
        "nobody here can do inspection with method load; 1 can with method visual",
    ),
    (
        "a want that makes no sense",
        lambda: directory((1, [router()])),
        want("cnc-milling", material="cheese"),
        "CNC milling cannot be asked for like that: material: one of acrylic, aluminium,",
    ),
    (
        "somebody can",
        lambda: directory((1, [router()])),
        want("cnc-milling", material="wood"),
        "somebody here can do CNC milling as wanted",
    ),
    (
        "an offer nobody understands",
        lambda: directory((1, [replace(router(), limits={"flavour": Limit(most=measure(1, "mm"))})])),
        want("cnc-milling", material="wood"),
        "nobody here can do CNC milling with flavour",
    ),
]


@pytest.mark.parametrize(("what", "make", "wanted", "sentence"), NOBODY, ids=[row[0] for row in NOBODY])
def test_why_nobody_can_is_said_in_one_sentence(
    what: str, make: Callable[[], Directory], wanted: Want, sentence: str
) -> None:
    """C-25"""
    said = make().explain_none(wanted, NOW_MS)
    assert said == sentence or (sentence.endswith(",") and said.startswith(sentence))


@pytest.mark.parametrize(
    ("own", "others", "sentence"),
    [
        ([router()], [], "nobody here but you can do CNC milling"),
        ([router()], [router(materials='["steel"]')], "nobody here but you can do CNC milling in wood; 1 can in steel"),
        ([router(materials='["steel"]')], [], "nobody here can do CNC milling"),
        ([], [router(materials='["steel"]')], "nobody here can do CNC milling in wood; 1 can in steel"),
    ],
    ids=["only I can", "I can and others could other things", "I could something else", "I offer nothing"],
)
def test_who_asks_cannot_be_asked_and_is_told_so(own: list[Offer], others: list[Offer], sentence: str) -> None:
    """C-25"""
    here = directory((1, own), (2, others))
    assert here.explain_none(want("cnc-milling", material="wood"), NOW_MS, member(1)) == sentence


def test_a_search_by_words_finds_function_machine_and_material() -> None:
    here = directory((1, [router("Old Betsy"), printer("prusa")]), (2, [router(materials='["steel"]')]))
    everything = {(one.member, one.offer.name) for one in here.search("", NOW_MS)}
    assert everything == {(member(1), "Old Betsy"), (member(1), "prusa"), (member(2), "router")}
    for words, names in {
        "cnc": {"Old Betsy", "router"},
        "CNC wood": {"Old Betsy"},
        "betsy": {"Old Betsy"},
        "print": {"prusa"},
        "pla": {"prusa"},
        "milling stee": {"router"},
        "gold": set(),
        "betsy steel": set(),
    }.items():
        assert {one.offer.name for one in here.search(words, NOW_MS)} == names, words
    assert len(here.search("", NOW_MS, limit=2)) == 2
    listed = here.search("prusa", NOW_MS)[0]
    assert (listed.place, listed.until_ms) == (None, NOW_MS + DAY_MS)


def test_a_function_known_only_by_its_definition_is_searched_by_its_name() -> None:
    known = Catalogue()
    milling = function("cnc-milling").definition
    known.add_foreign(milling.to_bytes(), milling.hash)
    here = Directory(known)
    here.put(advert(1, [router()]))
    assert here.search("milling", NOW_MS)
    assert here.explain_none(want("cnc-milling", material="steel"), NOW_MS).endswith(
        "cnc milling in steel; 1 can in wood"
    )


@settings(max_examples=30)
@given(st.lists(offers(), max_size=12), wants())
def test_the_directory_finds_exactly_what_matches(some: list[Offer], wanted: Want) -> None:
    """C-22: the columns drop nothing that fits and let nothing through that does not."""
    here = directory(*((n, [one]) for n, one in enumerate(some)))
    expected = {member(n) for n, one in enumerate(some) if isinstance(match(MILLING.definition, one, wanted), Match)}
    assert {one.member for one in here.find(wanted, NOW_MS)} == expected
    said = here.explain_none(wanted, NOW_MS)
    assert said.isprintable()
    assert said.startswith("nobody") == (not expected)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=30))
def test_a_directory_after_many_changes_is_like_a_fresh_one(steps: list[tuple[int, int]]) -> None:
    """C-18"""
    here = Directory(catalogue())
    counters: dict[int, int] = {}
    shelf: dict[int, list[Offer]] = {}
    menu = [[], [router()], [router(), printer()], [router("b"), router(materials='["steel"]'), printer("c")]]
    for n, what in steps:
        counters[n] = counters.get(n, 0) + 1
        shelf[n] = menu[what]
        assert here.put(advert(n, menu[what], counter=counters[n]))
    fresh = directory(*shelf.items())

    def seen(one: Directory) -> list[Any]:
        looked = [one.find(want("cnc-milling", material=what), NOW_MS) for what in ("wood", "steel")]
        return [*looked, one.search("", NOW_MS)]

    assert seen(here) == seen(fresh)


def test_limits_beyond_any_float_are_compared_all_the_same() -> None:
    from fractions import Fraction

    from protocol.capability.columns import above, below

    assert above(Fraction(10) ** 400) > 1e308 > below(Fraction(10) ** 400) / 2
    assert below(-(Fraction(10) ** 400)) < -1e308 < above(-(Fraction(10) ** 400)) / 2
    assert below(Fraction(1, 3)) < Fraction(1, 3) < above(Fraction(1, 3))


def test_a_measure_of_a_function_without_exchangeable_sizes_is_sorted_out_by_its_column() -> None:
    tiny = read_definition(
        """
        name = "weighing"
        title = "weighing"
        [[output]]
        name = "report"
        type = "service"
        kind = "service/weighing"
        unit = "1"
        [parameter.mass]
        kind = "measure"
        unit = "g"
        """,
        "weighing.toml",
    )
    here = Directory(Catalogue([tiny]))
    for n, limit in enumerate(({"most": 10}, {"least": 20}, {"least": 5, "most": 15})):
        ends = {key: measure(value, "g") for key, value in limit.items()}
        here.put(advert(n, [Offer(name="scale", function=tiny.hash, limits={"mass": Limit(**ends)})]))
    for grams, who in {5: {0, 2}, 12: {2}, 17: set(), 25: {1}}.items():
        wanted = Want(function=tiny.hash, parameters={"mass": measure(grams, "g")})
        assert {one.member for one in here.find(wanted, NOW_MS)} == {member(n) for n in who}
