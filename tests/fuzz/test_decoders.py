"""Ten thousand strangers per decoder: only documented errors come out, some bytes are taken, and those encode again."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.harnesses import HARNESSES
from tests.fuzz.mutation import mutant

RUNS = 10_000
SEED = 1


@pytest.mark.parametrize("name", HARNESSES)
def test_only_documented_errors_come_out_of_a_decoder(name: str) -> None:
    """B-1, B-7, B-8, B-9, E-2, E-5, F-1, V-4: see each harness."""
    harness = HARNESSES[name]
    seeds = harness.seeds()
    taken = [harness.run(seed) for seed in seeds]
    assert any(taken), f"no seed of {name} is taken, so nothing behind its first check was reached"
    dice = random.Random(f"{name} {SEED}")
    changed = 0
    for run in range(RUNS - len(seeds)):
        data = mutant(seeds, dice)
        try:
            changed += harness.run(data)
        except Exception as problem:
            raise AssertionError(
                f"{name}, run {run} of seed {SEED}: {type(problem).__name__} from {data.hex()}"
            ) from problem
    assert changed > 0, f"no changed bytes were ever taken by {name}"


def test_the_mutations_find_a_planted_fault() -> None:
    """A fuzzer that cannot fail is worth nothing: a decoder that trips over one value inside is found."""

    def planted(data: bytes) -> bool:
        if HARNESSES["canonical"].run(data) and b"\xcf\x00\x1f\xff\xff\xff\xff\xff\xff" in data:
            raise KeyError("planted")
        return False

    seeds, dice = HARNESSES["entry"].seeds(), random.Random(SEED)
    with pytest.raises(KeyError):
        for _ in range(RUNS):
            planted(mutant(seeds, dice))
