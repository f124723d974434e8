"""What certificates say of the views: the tip, what a block may stand on, what is missing (SPEC V-7, V-11, V-16)."""

from __future__ import annotations

import pytest

from ledger.consensus import views as views_module
from ledger.consensus.views import Views
from tests.ledger.consensus.seat import BLOCK, OTHER, F, N, X, certificate

BASE = b"0" * 32
ALL = (0, 1, 2)


def views(story: str, floor: int = 0) -> Views:
    """Views after the floor, a letter each: `n` notarized, `x` given up, `b` both, `.` not known."""
    made = Views(floor)
    for view, letter in enumerate(story, start=floor + 1):
        if letter in "nb":
            assert made.add(certificate(ALL, N, view, bytes([view]) * 32)) is None
        if letter in "xb":
            assert made.add(certificate(ALL, X, view)) is None
    return made


@pytest.mark.parametrize(
    ("story", "tip", "gap"),
    [
        ("", 0, []),
        ("n", 1, []),
        ("x", 0, []),
        ("xx", 0, []),
        ("nx", 1, []),
        ("nn", 2, []),
        ("nb", 2, []),
        ("b", 1, []),
        (".", None, [1]),
        ("n.", None, [2]),
        (".n", 2, []),
        (".x", None, [1]),
        ("x.x", None, [2]),
        ("..", None, [2, 1]),
        ("n.x.x", None, [4, 2]),
        ("bxbx", 3, []),
    ],
)
def test_the_tip_is_the_highest_notarized_view_with_all_above_it_given_up(
    story: str, tip: int | None, gap: list[int]
) -> None:
    """V-15."""
    for floor in (0, 7):
        made = views(story, floor)
        view = floor + len(story) + 1
        found = made.tip(view, BASE)
        if tip is None:
            assert found is None
        else:
            assert found == (floor + tip, bytes([floor + tip]) * 32 if tip else BASE)
        assert made.gap(view, 64) == [floor + one for one in gap]


@pytest.mark.parametrize(
    ("story", "grounds"),
    [
        ("", {0}),
        ("n", {1}),
        ("b", {1, 0}),
        ("bb", {2, 1, 0}),
        ("nb", {2, 1}),
        ("bn", {2}),
        ("nx", {1}),
        ("b.", set()),
        (".b", {2}),
        ("xx", {0}),
    ],
)
def test_a_block_may_stand_on_any_notarized_one_with_all_above_it_given_up(story: str, grounds: set[int]) -> None:
    """V-16."""
    made = views(story)
    view = len(story) + 1
    for at in range(view):
        block = bytes([at]) * 32 if at else BASE
        assert made.stands_on(view, block, BASE) == (at if at in grounds else None)
    assert made.stands_on(view, OTHER, BASE) is None


def test_no_more_views_are_asked_for_than_allowed_the_highest_first() -> None:
    """V-20."""
    assert views("." * 100).gap(101, 64) == list(range(100, 36, -1))


def test_the_justification_of_a_view_is_the_tips_notarization_and_what_was_given_up_since() -> None:
    """V-15."""
    made = views("nxxx")
    shown = made.justification(1, 5, 64)
    assert [(one.view, one.kind) for one in shown] == [(1, N), (2, X), (3, X), (4, X)]
    assert [(one.view, one.kind) for one in made.justification(1, 5, 2)] == [(1, N), (3, X), (4, X)]
    assert [one.view for one in views("xx").justification(0, 3, 64)] == [1, 2]


def test_everything_at_or_below_a_final_view_is_dropped() -> None:
    """V-11."""
    made = views("nbxn")
    made.add(certificate(ALL, F, 2, bytes([2]) * 32))
    made.settle(3)
    assert (made.floor, sorted(made.notarized), sorted(made.nullified), made.final) == (3, [4], [], None)
    made.settle(1)
    assert made.floor == 3
    old = certificate(ALL, N, 3)
    assert made.knows(old)
    assert made.add(old) is None and sorted(made.notarized) == [4]


def test_certificates_that_contradict_each_other_are_noticed_whichever_comes_first() -> None:
    """V-14: only more than f liars can make both."""
    one, other = certificate(ALL, N, 3, BLOCK), certificate(ALL, N, 3, OTHER)
    final, rival, vain = certificate(ALL, F, 3, BLOCK), certificate(ALL, F, 3, OTHER), certificate(ALL, X, 3)
    pairs = ((one, other), (other, final), (vain, final), (final, rival))
    for first, second in (*pairs, *(pair[::-1] for pair in pairs)):
        made = Views(0)
        assert made.add(first) is None
        assert not made.knows(second)
        assert made.add(second) == first, (first.kind, second.kind)
    for first, second in ((one, vain), (vain, one), (one, final), (final, one)):
        made = Views(0)
        made.add(first)
        assert made.add(second) is None


def test_what_a_view_below_the_highest_finalization_came_to_is_compared_as_well() -> None:
    """V-14: until the floor has passed it."""
    for first, second in ((F, N), (F, F), (F, X), (N, F), (X, F)):
        made = Views(0)
        made.add(certificate(ALL, F, 5))
        assert made.add(certificate(ALL, first, 3, BLOCK)) is None
        assert not made.knows(certificate(ALL, second, 3, OTHER))
        found = made.add(certificate(ALL, second, 3, OTHER))
        assert found == certificate(ALL, first, 3, BLOCK), (first, second)
        assert made.final == certificate(ALL, F, 5)


def test_what_says_nothing_new_is_known() -> None:
    made = views("b")
    first = certificate(ALL, N, 1, bytes([1]) * 32)
    assert made.knows(first) and made.knows(certificate((1, 2, 3), X, 1))
    assert not made.knows(certificate(ALL, N, 1, OTHER))
    made.add(certificate(ALL, F, 5))
    assert made.knows(certificate((1, 2, 3), F, 5)) and not made.knows(certificate(ALL, F, 6))
    assert [one.kind for one in made.of(5)] == [F] and made.of(4) == []


def test_the_views_are_bounded_and_what_is_given_up_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """V-12: a network that finalizes nothing for hours fills no memory, and does not stand still for that."""
    monkeypatch.setattr(views_module, "VIEWS_KEPT_MAX", 4)
    made = views("n" + "x" * 30)
    assert len(made.nullified) == 4 and sorted(made.nullified) == [28, 29, 30, 31]
    assert made.tip(32, BASE) == (1, bytes([1]) * 32)
    assert made.gap(32, 64) == []
    assert made.knows(certificate(ALL, X, 2))
    made.settle(31)
    assert made._in_vain == set()
    many = views("n" * 30)
    assert sorted(many.notarized) == [27, 28, 29, 30]
    for view in range(1, 31):
        many.add(certificate(ALL, F, view, bytes([view]) * 32))
    assert sorted(many.finalized) == [27, 28, 29, 30]
