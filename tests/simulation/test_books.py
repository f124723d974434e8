"""Each check of what people have can fail: books that are right pass, and each wrong in them is named.

Invariants 1 to 4 of the ledger as the simulation checks them; rules kept here: A-1 to A-5, W-25, S-4.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from ledger.canonical import encode
from ledger.chain import Chain
from tests.simulation import replay
from tests.simulation.books import Books
from tests.simulation.council import Council
from tests.simulation.memo import memoised

ANN, BEN, EUR, JOB = b"a" * 32, b"b" * 32, b"e" * 32, b"j" * 32
ACCOUNT_ANN, ACCOUNT_BEN = (b"holding/" + who + b"c" + EUR for who in (ANN, BEN))
Changes = dict[bytes, Any]


def account(free: int, held: int = 0) -> dict[str, int]:
    return {"free": free, "held": held}


def hold(amount: int) -> dict[str, Any]:
    return {"from": ANN, "lines": [{"amount": amount, "id": EUR, "kind": "credit"}]}


def job(paid: int, stage: str = "started") -> dict[str, Any]:
    price = [{"amount": 30, "id": EUR, "kind": "credit"}]
    return {"customer": ANN, "paid": [paid], "price": price, "stage": stage}


ISSUED: Changes = {b"credit/" + EUR: {"issued": 100, "redeemed": 0}, ACCOUNT_ANN: account(100)}
AWARDED: Changes = {ACCOUNT_ANN: account(70, 30), b"hold/" + JOB: hold(30), b"job/" + JOB: job(0)}
PAID: Changes = {
    ACCOUNT_ANN: account(70, 20),
    ACCOUNT_BEN: account(10),
    b"hold/" + JOB: hold(20),
    b"job/" + JOB: job(10),
}
OVER: Changes = {ACCOUNT_ANN: account(90), b"hold/" + JOB: None, b"job/" + JOB: job(10, "cancelled")}
LIFE = (ISSUED, AWARDED, PAID, OVER)


def told(*blocks: Changes) -> list[str]:
    books = Books()
    return [
        books.take(height, {key: None if value is None else encode(value) for key, value in changes.items()})
        for height, changes in enumerate(blocks, start=1)
    ]


def test_a_job_from_its_award_to_its_end_leaves_the_books_right() -> None:
    assert told(*LIFE) == ["", "", "", ""]


@pytest.mark.parametrize("first", range(1, 4))
def test_the_books_are_right_too_where_blocks_come_together(first: int) -> None:
    together: Changes = {}
    for changes in LIFE[:first]:
        together |= changes
    assert set(told(together, *LIFE[first:])) == {""}


WRONG = (
    ("below zero", (ISSUED, {ACCOUNT_ANN: account(-1), ACCOUNT_BEN: account(101)})),
    ("what is held was spent", (ISSUED, AWARDED, {ACCOUNT_ANN: account(70, 29), ACCOUNT_BEN: account(1)})),
    ("what is held was spent", (ISSUED, {ACCOUNT_ANN: account(70, 30)})),
    ("is there again", (*LIFE, {ACCOUNT_ANN: account(70, 20), b"hold/" + JOB: hold(20)})),
    ("do not sum to the whole", (ISSUED, AWARDED, {**PAID, b"job/" + JOB: job(9)})),
    ("do not sum to the whole", (ISSUED, AWARDED, {ACCOUNT_ANN: account(100), b"hold/" + JOB: None})),
    ("more was paid than was held", (ISSUED, AWARDED, {**OVER, b"job/" + JOB: job(31, "done")})),
    ("its money still held", (ISSUED, AWARDED, {b"job/" + JOB: job(0, "cancelled")})),
    ("the sums are wrong", (ISSUED, {ACCOUNT_BEN: account(1)})),
    ("the sums are wrong", (ISSUED, {b"credit/" + EUR: {"issued": 100, "redeemed": 1}, ACCOUNT_ANN: account(100)})),
)


@pytest.mark.parametrize(("said", "blocks"), WRONG)
def test_each_wrong_in_the_books_is_named(said: str, blocks: tuple[Changes, ...]) -> None:
    *before, last = told(*blocks)
    assert set(before) == {""}
    assert said in last


@pytest.fixture(scope="module")
def lived() -> Iterator[Council]:
    """A council after a life with jobs in it."""
    with memoised():
        council = Council(0, witnesses=4, allowed=frozenset({"jobs"}), always=True)
        council.run()
        yield council


def test_in_the_simulation_holds_really_begin_and_end(lived: Council) -> None:
    assert lived.cluster.observer.books.ended > 0


@pytest.mark.parametrize("seed", range(3))
def test_the_same_blocks_make_the_same_state_in_other_batches(seed: int, lived: Council) -> None:
    disk = lived.honest()[0].disk
    assert replay.difference(lived.cluster.founded, disk, random.Random(seed)) == ""
    assert len(list(replay.batches(disk.blocks, random.Random(seed)))) > 1


def test_a_state_that_its_blocks_do_not_make_is_seen(lived: Council) -> None:
    disk = lived.honest()[0].disk
    disk.pairs[b"member/" + bytes(32)] = encode({})
    try:
        said = replay.difference(lived.cluster.founded, disk, random.Random(0))
    finally:
        del disk.pairs[b"member/" + bytes(32)]
    assert "another state" in said


def test_a_rule_that_depends_on_the_batch_is_seen(lived: Council, monkeypatch: pytest.MonkeyPatch) -> None:
    check = Chain.check

    def forgetful(self: Chain, blocks: Any, *given: Any) -> Any:
        step = check(self, blocks, *given)
        if len(blocks) > 1:
            key = max(step.settled.changes)
            object.__setattr__(step, "settled", self.state.settle({**step.settled.changes, key: None}))
        return step

    monkeypatch.setattr(Chain, "check", forgetful)
    assert replay.difference(lived.cluster.founded, lived.honest()[0].disk, random.Random(0))
