"""Sizes given as OpenSCAD snippets: the three primitives exactly, everything else unknown with a reason.

SPEC X-5.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.exchange.openscad import Size, UnknownShape, size_of

KNOWN = [
    ("cube(size = [400,350,150]);", (400, 350, 150)),
    ("cube(size = [400,350,150])", (400, 350, 150)),
    ("cube([1.5, 2, .25], center = true);", ("3/2", 2, "1/4")),
    ("cube(10)", (10, 10, 10)),
    ("cube(size=7, center=false);", (7, 7, 7)),
    ("  cube ( size = [ 1 , 2 , 3 ] ) ; ", (1, 2, 3)),
    ("cube([1e2, 2, 3]);;", (100, 2, 3)),
    ("cylinder(h=30, r=28)", (56, 56, 30)),
    ("cylinder(h = 163, r = 22.5);", (45, 45, 163)),
    ("cylinder(d=20, h=6, $fn=48)", (20, 20, 6)),
    ("cylinder(h=10, r1=4, r2=6, center=true)", (12, 12, 10)),
    ("cylinder(h=10, d1=4, d2=3)", (4, 4, 10)),
    ("cylinder(10, 5, 2)", (10, 10, 10)),
    ("cylinder(10, 5)", (10, 10, 10)),
    ("cylinder(h=10, r2=0.5)", (2, 2, 10)),
    ("sphere(5)", (10, 10, 10)),
    ("sphere(r = 2.5);", (5, 5, 5)),
    ("sphere(d=9, $fa=1, $fs=0.4)", (9, 9, 9)),
]

UNKNOWN = [
    ("", "empty"),
    ("polyhedron(points=[])", "none of cube, cylinder and sphere"),
    ("400 x 350 x 150", "none of cube, cylinder and sphere"),
    ("translate([0,0,1]) cube(3)", "none of cube, cylinder and sphere"),
    ("cube(3) cube(4)", "something follows the cube"),
    ("cube[3]", "'(' is missing before '['"),
    ("cube", "'(' is missing at the end"),
    ("cube()", "has no size"),
    ("cube(center=true)", "has no size"),
    ("cube([1,2])", "not one number or three"),
    ("cube(true)", "not one number or three"),
    ("cube([1,2,3,4])", "not one number or three"),
    ("cube([1,2,3],[4,5,6],7)", "more values than it takes"),
    ("cube(size=1, size=2)", "given twice"),
    ("cube(sides=3)", "has no 'sides'"),
    ("cube([1,2,3", "']' is missing"),
    ("cube([1 2 3])", "']' is missing before '2'"),
    ("cube([0,2,3])", "not above zero"),
    ("cube(-1)", "not above zero"),
    ("cube(2*3)", "more than one plain"),
    ("cube(1_000)", "not a plain number"),
    ("cube(width)", "not a plain number"),
    ("cube([1,2,3]) // a box", "more than one plain"),
    ("cube(size 3)", "not a plain number"),
    ("cube(3 4)", "',' is missing before '4'"),
    ("cylinder(r=4)", "no height"),
    ("cylinder(h=4)", "no radius"),
    ("cylinder(h=true, r=3)", "not one number"),
    ("cylinder(h=0, r=3)", "not above zero"),
    ("cylinder(h=1, r=3, d=6)", "both r and d"),
    ("cylinder(h=1, r=3, r1=6)", "both one radius and two"),
    ("sphere()", "no radius"),
    ("sphere(r=[1,2,3])", "not one number"),
    ("cube(" + "1" * 500 + ")", "longer than"),
]


@pytest.mark.parametrize(("snippet", "extents"), KNOWN)
def test_the_size_of_a_primitive_is_exact(snippet: str, extents: tuple[int | str, ...]) -> None:
    x, y, z = (Fraction(number) for number in extents)
    assert size_of(snippet) == Size(x=x, y=y, z=z)


@pytest.mark.parametrize(("snippet", "reason"), UNKNOWN)
def test_anything_else_is_unknown_and_says_why(snippet: str, reason: str) -> None:
    size = size_of(snippet)
    assert isinstance(size, UnknownShape)
    assert reason in size.reason


@pytest.mark.parametrize("snippet", ["cube(size = [120,100,5]", "cube(size = [120,100,5];", "cube([120,100,5] "])
def test_a_last_bracket_missing_at_the_end_is_forgiven_and_marked(snippet: str) -> None:
    assert size_of(snippet) == Size(x=Fraction(120), y=Fraction(100), z=Fraction(5), unclosed=True)


@given(st.text(alphabet="cubeylindrsph()[]=,;. 0123456789$rd12-+\n\t#", max_size=500) | st.text(max_size=500))
def test_no_snippet_makes_it_raise(snippet: str) -> None:
    assert isinstance(size_of(snippet), Size | UnknownShape)


@given(st.tuples(*[st.fractions(min_value="0.001", max_value=10_000, max_denominator=1000)] * 3).filter(all))
def test_a_cube_of_decimals_reads_back_as_written(sides: tuple[Fraction, ...]) -> None:
    written = [f"{round(side * 1000)}e-3" for side in sides]
    exact = [Fraction(round(side * 1000), 1000) for side in sides]
    assert size_of(f"cube([{', '.join(written)}]);") == Size(x=exact[0], y=exact[1], z=exact[2])
