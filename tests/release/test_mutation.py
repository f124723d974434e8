"""Mutants: each is one mistake, a good test notices it, a weak one does not, and what was run is not run again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.release.mutants import Mutant, mutants
from tests.release.mutation import ROOMS, Copy, NothingSaid, Placed, Room, margin_points, population, sampled, survivors
from tests.release.toll import toll_street

TOLL = Room(files=("toll.py",), tests=("test_toll.py",))
WEAK = replace(TOLL, tests=("test_toll_weakly.py",))

MISTAKES = {
    "x = a < b": ["a < b -> a <= b"],
    "x = a is not b": ["a is not b -> a is b"],
    "x = a in b in c": ["a in b in c -> a not in b in c", "a in b in c -> a in b not in c"],
    "x = a and b": ["a and b -> a or b"],
    "x = not a": ["not a -> a"],
    "x = a - 7": ["a - 7 -> a + 7", "7 -> 8", "7 -> 6"],
    "x = True": ["True -> False"],
    "a.b = c": ["a.b = c -> pass"],
    "a += c": ["a += c -> pass"],
    "a()": ["a() -> pass"],
    "raise a": ["raise a -> pass"],
    "def a(): return b": ["return b -> return None"],
    "def a(): return None": [],
    "x: 'tuple[int, 3]' = a": [],
    "def a(b: 3) -> 4: pass": [],
    "@a(b=True)\nclass C: pass": [],
    "assert a < 3": [],
    "'words'": [],
    "x = f'{a + 1}'": [],
    "x = a": [],
}


@pytest.mark.parametrize("source", MISTAKES)
def test_every_kind_of_mistake_is_made_and_no_other(source: str) -> None:
    assert [mutant.what for mutant in mutants(source)] == MISTAKES[source]


def test_a_mutant_differs_where_it_says_and_every_other_line_stays_where_it_was() -> None:
    source = "é = 'é' if (ü and\n    ö) else 5\nfor a in b:\n    c(\n        a,\n    )\n    d(a)\n"
    told = [(mutant.line, mutant.what) for mutant in mutants(source)]
    assert told == [(1, "ü and ö -> ü or ö"), (2, "5 -> 6"), (2, "5 -> 4"), (4, "c(a) -> pass"), (7, "d(a) -> pass")]
    for mutant in mutants(source):
        assert mutant.source != source
        assert mutant.source.splitlines()[-1] == ("    pass" if mutant.line == 7 else "    d(a)")
    assert mutants(source)[3].source.splitlines()[6] == "    d(a)"


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_has_files_and_its_mutants_are_all_different(name: str, project: Path) -> None:
    everything = population(project, ROOMS[name])
    assert 20 < len(everything) == len({placed.key for placed in everything})
    assert not {placed.file for placed in everything} & set(ROOMS[name].without)


def test_a_sample_is_the_same_for_the_same_seed_and_all_where_there_are_no_more() -> None:
    every = [Placed(file="a.py", mutant=Mutant(line=line, what="")) for line in range(50)]
    assert sampled(every, 10, 1) == sampled(every, 10, 1) != sampled(every, 10, 2)
    assert len({placed.mutant.line for placed in sampled(every, 10, 1)}) == 10
    assert sampled(every, 50, 1) == sampled(every, 0, 1) == every


def test_the_margin_shrinks_with_the_sample_and_is_none_where_all_were_run() -> None:
    assert margin_points(180, 200, 200) == 0
    assert 4.0 < margin_points(180, 200, 1_000_000) < 4.3
    assert margin_points(180, 200, 400) < margin_points(180, 200, 4_000) < margin_points(36, 40, 4_000)


def doubled(root: Path) -> list[Placed]:
    """Those of the line that a weak test looks at a little."""
    return [
        placed for placed in population(root, TOLL) if placed.mutant.what in ("2 -> 3", "2 * wheels -> 2 // wheels")
    ]


def test_a_good_test_kills_what_a_weak_one_lets_live(tmp_path: Path) -> None:
    root = toll_street(tmp_path)
    source = (root / "toll.py").read_text("utf-8")
    chosen = doubled(root)
    assert len(chosen) == 2
    assert list(survivors(root, TOLL, chosen)) == []
    assert [f"{one}" for one in survivors(root, WEAK, chosen)] == ["toll.py:8: 2 -> 3"]
    assert (root / "toll.py").read_text("utf-8") == source
    assert not (root / "__pycache__").exists(), "nothing is run where it stands"


def test_what_was_interrupted_goes_on_with_the_mutants_that_are_left(tmp_path: Path) -> None:
    root, kept = toll_street(tmp_path), tmp_path / "build" / "kept.jsonl"
    chosen = [placed for placed in doubled(root) if placed.mutant.what == "2 -> 3"]
    begun = survivors(root, WEAK, chosen, kept)
    assert next(begun) == chosen[0]
    begun.close()
    (root / "test_toll_weakly.py").write_text("this is no test", "utf-8")
    assert list(survivors(root, WEAK, chosen, kept)) == chosen, "kept, so nothing was run"
    assert not kept.exists()
    with pytest.raises(NothingSaid, match="mend these first"):
        list(survivors(root, WEAK, chosen, kept))


def test_a_mutant_that_never_ends_is_killed_in_time(tmp_path: Path) -> None:
    root = toll_street(tmp_path)
    endless = Mutant(line=1, what="", source="while True:\n    pass\n")
    assert Copy(root, TOLL, longer_s=0).killed(Placed(file="toll.py", mutant=endless))
