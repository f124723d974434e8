"""Cancelling and its fee, giving up, calling off, disputes, rulings and an arbiter who says nothing."""

from __future__ import annotations

import pytest

from ledger.errors import LocalError
from ledger.operations import accounts, due, work
from ledger.operations.operation import DueContext
from ledger.operations.work_endings import dispute
from ledger.operations.work_moves import Moment
from ledger.operations.work_stages import Stage
from ledger.operations.work_terms import DAY_MS
from ledger.state import Overlay
from tests.ledger.operations.work_world import (
    ARBITER,
    CUSTOMER,
    DELIVER_BY_MS,
    HOUR_MS,
    INSPECTION_MS,
    MONEY,
    PROVIDER,
    SILENCE_MS,
    START_MS,
    STRANGER,
    TERMS,
    VOID_AFTER_MS,
    World,
    credit,
    in_stage,
    units,
)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("stage", "fee"), [("awarded", 0), ("started", 250), ("delivered", 1_000), ("rejected", 1_000)]
)
def test_cancelling_costs_what_was_agreed_for_the_stage(stage: str, fee: int) -> None:
    """W-19: 0, 25 % and all of 1,000; rejecting first does not make it cheaper."""
    world, job = in_stage(stage)
    assert world.do(CUSTOMER, "cancel", job=job) == ""
    assert (world.free(PROVIDER), world.free(CUSTOMER), world.held()) == (fee, MONEY - fee, 0)
    assert accounts.hold_left(world.state, job) is None
    assert world.standing().failed == 0


def test_the_fee_is_of_what_is_left_rounded_down_line_by_line(world: World) -> None:
    """W-19: 4 of 10 accepted pay 400 and 0; a quarter of 601 and of 3 is left for the fee."""
    job = world.job(price=[credit(1_001), units(3)])
    assert world.do(PROVIDER, "deliver", job=job, quantity=4) == ""
    assert world.do(CUSTOMER, "receipt", job=job, accepted=4) == ""
    assert world.read(job).left == (601, 2)
    assert world.do(CUSTOMER, "cancel", job=job) == ""
    assert world.read(job).paid == (400 + 150, 1 + 0)
    assert world.free(CUSTOMER) == MONEY - 550


def test_a_provider_who_gives_up_keeps_what_was_accepted_and_no_more(world: World) -> None:
    """W-20."""
    job = world.job()
    assert world.do(PROVIDER, "deliver", job=job, quantity=6) == ""
    assert world.do(CUSTOMER, "receipt", job=job, accepted=4) == ""
    assert world.do(PROVIDER, "fail", job=job, reason="out of filament") == ""
    assert (world.free(PROVIDER), world.free(CUSTOMER), world.held()) == (400, MONEY - 400, 0)
    assert world.standing().failed == 1


def test_failing_counts_unless_the_network_stood_still_for_a_day_past_the_offer(world: World) -> None:
    """W-20: the very next block, and that more than a day past stands-until."""
    until = START_MS + HOUR_MS
    for next_block, after_ms, counted in ((True, DAY_MS + 1, 0), (True, DAY_MS, 1), (False, DAY_MS + 1, 1)):
        world.now_ms = START_MS
        job = world.job(until=until)
        before = world.standing().failed
        world.now_ms = until + after_ms
        if not next_block:
            world.empty_block()
        assert world.do(PROVIDER, "fail", job=job, reason="the slot was gone") == ""
        assert world.standing().failed - before == counted


@pytest.mark.parametrize("role", [CUSTOMER, PROVIDER])
@pytest.mark.parametrize("stage", ["awarded", "started"])
def test_either_side_may_void_an_undelivered_job_when_its_time_came_and_not_sooner(stage: str, role: str) -> None:
    """W-21."""
    world, job = in_stage(stage)
    world.now_ms = DELIVER_BY_MS + VOID_AFTER_MS - 1
    before = world.snapshot()
    assert world.do(role, "void", job=job) == "work.too-early"
    assert world.snapshot() == before
    world.now_ms += 1
    assert world.do(role, "void", job=job) == ""
    assert (world.free(PROVIDER), world.free(CUSTOMER), world.held()) == (0, MONEY, 0)
    assert world.standing().failed == 1


def test_a_customer_cannot_reject_late_and_void_at_once(world: World) -> None:
    """W-21: the provider has as long to replace or dispute as it had to deliver."""
    job = world.job()
    world.now_ms = DELIVER_BY_MS
    assert world.do(PROVIDER, "deliver", job=job, quantity=10) == ""
    world.now_ms = DELIVER_BY_MS + INSPECTION_MS - 1
    assert world.do(CUSTOMER, "receipt", job=job, accepted=0) == ""
    assert world.do(CUSTOMER, "void", job=job) == "work.too-early"
    world.now_ms += VOID_AFTER_MS - 1
    assert world.do(CUSTOMER, "void", job=job) == "work.too-early"
    world.now_ms += 1
    assert world.do(CUSTOMER, "void", job=job) == ""


def test_a_rejection_that_was_made_good_delays_no_void(world: World) -> None:
    """W-21: only pieces still owed do."""
    job = world.job()
    assert world.do(PROVIDER, "deliver", job=job, quantity=4) == ""
    world.now_ms = DELIVER_BY_MS + VOID_AFTER_MS
    assert world.do(CUSTOMER, "receipt", job=job, accepted=3, rejected=1) == ""
    assert world.do(PROVIDER, "deliver", job=job, quantity=1) == ""
    assert world.do(CUSTOMER, "receipt", job=job, accepted=1) == ""
    assert world.read(job).stage is Stage.STARTED
    assert world.do(PROVIDER, "void", job=job) == ""
    assert (world.free(PROVIDER), world.held()) == (400, 0)


@pytest.mark.parametrize("role", [CUSTOMER, PROVIDER])
def test_a_dispute_freezes_the_money_until_the_arbiter_divides_what_is_left(role: str) -> None:
    """W-22, W-23, W-25."""
    world, job = in_stage("delivered")
    assert world.do(CUSTOMER, "receipt", job=job, accepted=1) == ""
    assert world.do(role, "dispute", job=job, reason="not round", evidence=[b"e" * 32]) == ""
    read = world.read(job)
    assert read.dispute is not None
    assert (read.dispute.by, read.dispute.reason, read.dispute.at_ms) == (world.ids[role], "not round", world.now_ms)
    assert due.next_ms(world.state) == world.now_ms + SILENCE_MS
    assert world.held() == 900
    assert world.do(ARBITER, "rule", job=job, provider_bp=3_333) == ""
    assert (world.free(PROVIDER), world.free(CUSTOMER), world.held()) == (100 + 299, MONEY - 399, 0)
    assert due.next_ms(world.state) is None


@pytest.mark.parametrize(("share_bp", "lost"), [(0, 1), (4_999, 1), (5_000, 0), (10_000, 0)])
def test_a_provider_left_with_less_than_half_lost_the_dispute(share_bp: int, lost: int) -> None:
    """W-23, W-27."""
    world, job = in_stage("disputed")
    assert world.do(ARBITER, "rule", job=job, provider_bp=share_bp) == ""
    assert world.standing().disputes_lost == lost
    assert world.free(PROVIDER) == 1_000 * share_bp // 10_000
    assert world.held() == 0
    assert accounts.hold_left(world.state, job) is None


@pytest.mark.parametrize("name", ["stranger", "customer", "provider", "second provider"])
def test_nobody_but_the_arbiter_named_at_the_award_rules(name: str) -> None:
    """W-23: listed beside the chosen one is not enough."""
    world = World()
    job = world.job(arbiters=[world.ids[ARBITER], world.ids["second provider"]])
    assert world.do(CUSTOMER, "dispute", job=job, reason="late") == ""
    assert world.do(name, "rule", job=job, provider_bp=0) in ("work.not-a-party", "work.wrong-party")


def test_nothing_can_be_disputed_where_no_money_is_left(world: World) -> None:
    """W-22: a gift, and a claim that took all of it."""
    job = world.job(price=[credit(0)])
    before = world.snapshot()
    assert world.do(CUSTOMER, "dispute", job=job, reason="ugly") == "work.nothing-held"
    assert world.snapshot() == before


def test_a_dispute_stops_the_claim(world: World) -> None:
    """W-22."""
    job = world.job()
    assert world.do(PROVIDER, "deliver", job=job, quantity=10) == ""
    assert world.do(CUSTOMER, "dispute", job=job, reason="not what I ordered") == ""
    world.now_ms += INSPECTION_MS
    assert world.do(PROVIDER, "claim", job=job) == "work.wrong-stage"


def test_an_arbiter_silent_for_the_time_agreed_leaves_the_split_to_the_terms(world: World) -> None:
    """W-24: one millisecond before it is still the arbiter's."""
    job = world.job(price=[credit(1_001), units(3)], terms={**TERMS, "silence_split_bp": 2_500})
    assert world.do(PROVIDER, "dispute", job=job, reason="no answer") == ""
    world.now_ms += SILENCE_MS - 1
    assert world.empty_block() == 0
    world.now_ms += 1
    assert world.empty_block() == 1
    assert (world.read(job).stage, world.read(job).paid) == (Stage.SPLIT, (250, 0))
    assert (world.free(PROVIDER), world.free(CUSTOMER), world.held()) == (250, MONEY - 250, 0)
    assert world.standing().disputes_lost == 0
    assert world.do(ARBITER, "rule", job=job, provider_bp=1) == "work.ended"


def test_a_provider_who_gives_up_ends_a_dispute_and_its_deadline(world: World) -> None:
    """W-20, W-22."""
    job = world.job()
    assert world.do(CUSTOMER, "dispute", job=job, reason="late") == ""
    assert world.do(PROVIDER, "fail", job=job, reason="you are right") == ""
    assert (world.free(CUSTOMER), world.held()) == (MONEY, 0)
    assert due.next_ms(world.state) is None
    world.now_ms += SILENCE_MS
    assert world.empty_block() == 0


def test_the_arbiters_silence_is_an_error_of_ours_for_a_job_that_is_not_disputed(world: World) -> None:
    """W-24: only a bug can put it on the due list."""
    rule = work.DUE[work.SILENCE_DUE]
    context = DueContext(time_ms=world.now_ms, height=9, limits=world.limits)
    with pytest.raises(LocalError):
        rule(Overlay(world.state), bytes(32), context)
    with pytest.raises(LocalError):
        rule(Overlay(world.state), world.job(), context)
    with pytest.raises(LocalError):
        dispute(world.read(world.job()), {"reason": "x"}, Moment(time_ms=1, height=1, by=None))


@pytest.mark.parametrize("stage", ["done", "cancelled", "failed", "voided", "ruled", "split"])
def test_a_job_that_ended_has_no_hold_and_paid_plus_given_back_is_the_price(stage: str) -> None:
    """W-25."""
    world, job = in_stage(stage)
    read = world.read(job)
    assert accounts.hold_left(world.state, job) is None
    assert world.held() == 0
    assert world.free(PROVIDER) == read.paid[0]
    assert world.free(CUSTOMER) == MONEY - 1_000 + read.left[0]
    assert world.free(STRANGER) == 0
