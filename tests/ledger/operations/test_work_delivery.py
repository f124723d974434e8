"""Progress, part deliveries, receipts, claims after silence, and that every order of them pays the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import INTEGER_MAX
from ledger.operations import accounts
from ledger.operations.work_job import Delivery
from ledger.operations.work_stages import Stage
from ledger.operations.work_terms import DELIVERIES_OPEN_MAX
from tests.ledger.operations.work_world import (
    ASSET,
    CREDIT,
    CUSTOMER,
    DELIVER_BY_MS,
    HOUR_MS,
    INSPECTION_MS,
    MONEY,
    PROVIDER,
    START_MS,
    TERMS,
    World,
    credit,
    units,
)


@pytest.fixture
def world() -> World:
    return World()


def test_the_first_progress_starts_a_job_and_later_ones_keep_the_last_percent(world: World) -> None:
    """W-12."""
    job = world.job()
    assert world.do(PROVIDER, "progress", job=job, percent=40, note="first layer is on") == ""
    assert (world.read(job).stage, world.read(job).percent) == (Stage.STARTED, 40)
    assert world.do(PROVIDER, "progress", job=job) == ""
    assert world.read(job).percent == 40
    assert world.do(PROVIDER, "progress", job=job, percent=0) == ""
    assert world.read(job).percent == 0


def test_delivering_more_than_was_ordered_is_refused(world: World) -> None:
    """W-13."""
    job = world.job(quantity=10)
    before = world.snapshot()
    assert world.do(PROVIDER, "deliver", job=job, quantity=11) == "work.too-many-pieces"
    assert world.snapshot() == before
    assert world.do(PROVIDER, "deliver", job=job, quantity=7) == ""
    assert world.do(PROVIDER, "deliver", job=job, quantity=4) == "work.too-many-pieces"
    assert world.do(CUSTOMER, "receipt", job=job, accepted=7) == ""
    assert world.do(PROVIDER, "deliver", job=job, quantity=4) == "work.too-many-pieces"
    assert world.do(PROVIDER, "deliver", job=job, quantity=3) == ""


def test_rejected_pieces_may_be_replaced(world: World) -> None:
    """W-13."""
    job = world.job(quantity=10)
    assert world.do(PROVIDER, "deliver", job=job, quantity=10) == ""
    assert world.do(CUSTOMER, "receipt", job=job, accepted=6, rejected=4) == ""
    read = world.read(job)
    assert (read.stage, read.owed, read.rejected, read.accepted) == (Stage.REJECTED, 4, 4, 6)
    assert world.do(PROVIDER, "deliver", job=job, quantity=3) == ""
    assert world.read(job).owed == 1
    assert world.do(CUSTOMER, "receipt", job=job, accepted=3) == ""
    assert world.read(job).stage is Stage.REJECTED
    assert world.do(PROVIDER, "deliver", job=job, quantity=1) == ""
    assert world.do(CUSTOMER, "receipt", job=job, accepted=1) == ""
    read = world.read(job)
    assert (read.stage, read.delivered, read.accepted, read.rejected, read.owed) == (Stage.DONE, 14, 10, 4, 0)


def test_at_most_so_many_deliveries_await_a_receipt(world: World) -> None:
    """W-13: a job's record stays small however the pieces are sent."""
    job = world.job(quantity=1_000)
    for _ in range(DELIVERIES_OPEN_MAX):
        assert world.do(PROVIDER, "deliver", job=job, quantity=1) == ""
    assert world.do(PROVIDER, "deliver", job=job, quantity=1) == "work.too-many-deliveries"
    assert world.do(CUSTOMER, "receipt", job=job, accepted=1) == ""
    assert world.do(PROVIDER, "deliver", job=job, quantity=1) == ""


def test_a_delivery_is_late_one_millisecond_after_deliver_by(world: World) -> None:
    """W-13, W-27."""
    job = world.job()
    world.now_ms = DELIVER_BY_MS
    assert world.do(PROVIDER, "deliver", job=job, quantity=2) == ""
    assert world.standing().late == 0
    world.now_ms = DELIVER_BY_MS + 1
    assert world.do(PROVIDER, "deliver", job=job, quantity=3) == ""
    assert (world.standing().late, world.standing().delivered) == (3, 5)


def test_a_receipt_counts_the_oldest_delivery_first(world: World) -> None:
    """W-14."""
    job = world.job()
    for pieces in (2, 3, 4):
        assert world.do(PROVIDER, "deliver", job=job, quantity=pieces) == ""
        world.now_ms += HOUR_MS
    assert world.do(CUSTOMER, "receipt", job=job, accepted=3, rejected=1) == ""
    assert world.read(job).open == (
        Delivery(at_ms=START_MS + HOUR_MS, pieces=1),
        Delivery(at_ms=START_MS + 2 * HOUR_MS, pieces=4),
    )
    assert world.read(job).stage is Stage.DELIVERED


@pytest.mark.parametrize(("accepted", "rejected"), [(5, 0), (0, 5), (3, 2), (4, 1), (INTEGER_MAX, INTEGER_MAX)])
def test_a_receipt_for_more_than_is_under_inspection_is_refused(world: World, accepted: int, rejected: int) -> None:
    """W-14."""
    job = world.job()
    assert world.do(PROVIDER, "deliver", job=job, quantity=4) == ""
    before = world.snapshot()
    assert world.do(CUSTOMER, "receipt", job=job, accepted=accepted, rejected=rejected) == "work.too-many-pieces"
    assert world.snapshot() == before


def test_a_receipt_that_counts_nothing_is_refused(world: World) -> None:
    """W-14."""
    job = world.job()
    assert world.do(PROVIDER, "deliver", job=job, quantity=4) == ""
    assert world.do(CUSTOMER, "receipt", job=job, accepted=0, rejected=0) == "work.says-nothing"


def test_a_receipt_of_zero_rejects_all_and_stops_the_claim(world: World) -> None:
    """W-15."""
    job = world.job()
    for pieces in (2, 3):
        assert world.do(PROVIDER, "deliver", job=job, quantity=pieces) == ""
    assert world.do(CUSTOMER, "receipt", job=job, accepted=0, quality="all warped") == ""
    read = world.read(job)
    assert (read.stage, read.rejected, read.open) == (Stage.REJECTED, 5, ())
    world.now_ms += 2 * INSPECTION_MS
    assert world.do(PROVIDER, "claim", job=job) == "work.wrong-stage"
    assert world.free(PROVIDER) == 0


def test_part_receipts_pay_the_rounded_down_share_and_the_last_piece_takes_the_rest(world: World) -> None:
    """W-16: 10 credits for 3 pieces pay 3, 3 and 4."""
    job = world.job(quantity=3, price=[credit(10), units(1)])
    paid = []
    for _ in range(3):
        assert world.do(PROVIDER, "deliver", job=job, quantity=1) == ""
        assert world.do(CUSTOMER, "receipt", job=job, accepted=1) == ""
        paid.append((world.free(PROVIDER), world.free(PROVIDER, ASSET, "units")))
    assert paid == [(3, 0), (6, 0), (10, 1)]
    assert accounts.hold_left(world.state, job) is None
    assert (world.free(CUSTOMER), world.held()) == (MONEY - 10, 0)


def test_a_job_for_nothing_is_done_like_any_other(world: World) -> None:
    """W-18: a gift holds nothing and its hold still ends with it."""
    job = world.job(quantity=2, price=[credit(0)])
    for _ in range(2):
        assert accounts.hold_left(world.state, job) is not None
        assert world.do(PROVIDER, "deliver", job=job, quantity=1) == ""
        assert world.do(CUSTOMER, "receipt", job=job, accepted=1) == ""
    assert world.read(job).stage is Stage.DONE
    assert accounts.hold_left(world.state, job) is None


def test_the_largest_amounts_and_counts_there_are_can_be_worked_with(world: World) -> None:
    """W-16, W-27: what is stored stays within signed bounds however often pieces are replaced."""
    accounts.create(world.state, world.ids[CUSTOMER], "credit", b"e" * 32, INTEGER_MAX)
    job = world.job(quantity=INTEGER_MAX, price=[credit(INTEGER_MAX, b"e" * 32)])
    for _ in range(3):
        assert world.do(PROVIDER, "deliver", job=job, quantity=INTEGER_MAX) == ""
        assert world.do(CUSTOMER, "receipt", job=job, accepted=0) == ""
    assert world.do(PROVIDER, "deliver", job=job, quantity=INTEGER_MAX) == ""
    assert world.do(CUSTOMER, "receipt", job=job, accepted=INTEGER_MAX - 1) == ""
    assert world.free(PROVIDER, b"e" * 32) == INTEGER_MAX - 1
    assert world.do(CUSTOMER, "receipt", job=job, accepted=1) == ""
    assert world.free(PROVIDER, b"e" * 32) == INTEGER_MAX
    assert world.read(job).rejected == INTEGER_MAX
    assert world.standing().delivered == INTEGER_MAX


def test_silence_through_the_inspection_time_lets_the_provider_claim_and_not_a_moment_sooner(world: World) -> None:
    """W-17."""
    job = world.job()
    assert world.do(PROVIDER, "deliver", job=job, quantity=10) == ""
    world.now_ms = START_MS + INSPECTION_MS - 1
    before = world.snapshot()
    assert world.do(PROVIDER, "claim", job=job) == "work.too-early"
    assert world.snapshot() == before
    world.now_ms += 1
    assert world.do(PROVIDER, "claim", job=job) == ""
    read = world.read(job)
    assert (read.stage, read.accepted, read.claimed) == (Stage.DONE, 10, 10)
    assert world.free(PROVIDER) == 1_000
    assert world.standing().accepted == 0


def test_a_claim_takes_only_deliveries_that_lay_long_enough(world: World) -> None:
    """W-17."""
    job = world.job()
    assert world.do(PROVIDER, "deliver", job=job, quantity=2) == ""
    world.now_ms += HOUR_MS
    assert world.do(PROVIDER, "deliver", job=job, quantity=3) == ""
    world.now_ms = START_MS + INSPECTION_MS
    assert world.do(PROVIDER, "claim", job=job) == ""
    assert (world.read(job).claimed, world.read(job).inspecting, world.free(PROVIDER)) == (2, 3, 200)
    assert world.do(PROVIDER, "claim", job=job) == "work.too-early"


def test_pieces_a_receipt_does_not_mention_can_still_be_claimed(world: World) -> None:
    """W-14: the customer who counts three of five is silent about two."""
    job = world.job()
    assert world.do(PROVIDER, "deliver", job=job, quantity=5) == ""
    world.now_ms += INSPECTION_MS
    assert world.do(CUSTOMER, "receipt", job=job, accepted=2, rejected=1) == ""
    assert world.do(PROVIDER, "claim", job=job) == ""
    read = world.read(job)
    assert (read.accepted, read.claimed, read.owed, read.stage) == (4, 2, 1, Stage.REJECTED)
    assert world.free(PROVIDER) == 400


def test_with_no_inspection_time_agreed_a_delivery_is_paid_on_demand(world: World) -> None:
    """W-17."""
    job = world.job(terms={**TERMS, "inspection_ms": 0})
    assert world.do(PROVIDER, "deliver", job=job, quantity=10) == ""
    assert world.do(PROVIDER, "claim", job=job) == ""
    assert world.free(PROVIDER) == 1_000


@given(
    amount=st.integers(0, MONEY),
    quantity=st.integers(1, 60),
    parts=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 60)), max_size=20),
)
def test_any_order_of_part_receipts_pays_the_whole_price_in_the_end(
    amount: int, quantity: int, parts: list[tuple[int, int]]
) -> None:
    """W-16, W-25: and after every one exactly the floor of its share."""
    world = World()
    job = world.job(quantity=quantity, price=[credit(amount)])
    accepted = 0
    for wish, good in [*parts, (quantity, quantity)]:
        pieces = min(wish, quantity - accepted)
        if pieces == 0:
            break
        good = min(good, pieces)
        assert world.do(PROVIDER, "deliver", job=job, quantity=pieces) == ""
        assert world.do(CUSTOMER, "receipt", job=job, accepted=good, rejected=pieces - good) == ""
        accepted += good
        assert world.free(PROVIDER, CREDIT) == amount * accepted // quantity
        assert world.free(CUSTOMER) + world.held() + world.free(PROVIDER) == MONEY
    assert world.read(job).stage is Stage.DONE
    assert world.held() == 0
