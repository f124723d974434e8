"""What is remembered of jobs and how it is asked for: the log, the lists, standing, and what comes next."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from ledger.canonical import INTEGER_MAX
from ledger.entry import sign_entry
from ledger.fold import operation_of
from ledger.operations import work
from ledger.operations.operation import Operation, Role
from ledger.operations.work_queries import AWAITED, awaited_of, job, jobs_of, next_moves, open_jobs, possible
from ledger.operations.work_stages import ENDS, TABLE, Move, Party, Stage
from ledger.operations.work_standing import Standing, count, standing
from ledger.state import Overlay, State
from tests.ledger.operations.work_world import (
    ARBITER,
    CUSTOMER,
    DELIVER_BY_MS,
    HOUR_MS,
    INSPECTION_MS,
    NETWORK,
    PROVIDER,
    SECOND,
    SILENCE_MS,
    START_MS,
    STRANGER,
    VOID_AFTER_MS,
    World,
    in_stage,
)


def test_the_log_tells_every_move_with_what_was_said_and_paid() -> None:
    """W-28."""
    world = World()
    made = world.job()
    photo = [b"p" * 32]
    assert world.do(PROVIDER, "progress", job=made, percent=50, note="half") == ""
    assert world.do(PROVIDER, "deliver", job=made, quantity=10, evidence=photo) == ""
    assert world.do(CUSTOMER, "receipt", job=made, accepted=9, rejected=1, quality="one is scratched") == ""
    assert world.do(CUSTOMER, "dispute", job=made, reason="scratched") == ""
    world.now_ms += SILENCE_MS
    assert world.empty_block() == 1
    view = job(world.state, made)
    assert view is not None
    assert view.job.moves == len(view.log) == 6
    assert [line.number for line in view.log] == list(range(6))
    assert [(line.move, line.said, line.paid) for line in view.log] == [
        ("award", {}, ()),
        ("progress", {"percent": 50, "note": "half"}, ()),
        ("deliver", {"quantity": 10, "evidence": photo}, ()),
        ("receipt", {"accepted": 9, "rejected": 1, "quality": "one is scratched"}, (900,)),
        ("dispute", {"reason": "scratched"}, ()),
        ("arbiter silent", {}, (50,)),
    ]
    assert [line.by for line in view.log] == [
        *(world.ids[role] for role in (CUSTOMER, PROVIDER, PROVIDER, CUSTOMER, CUSTOMER)),
        None,
    ]
    assert view.log[0].entry == view.job.award
    assert view.log[-1].entry is None
    assert view.log[-1].at_ms == view.job.moved_ms == world.now_ms
    assert [line.height for line in view.log] == list(range(2, 8))


def test_there_is_no_view_of_a_job_nobody_awarded() -> None:
    """W-28."""
    assert job(World().state, bytes(32)) is None


def test_jobs_are_listed_for_both_parties_the_open_ones_first_and_the_newest_first() -> None:
    """W-29."""
    world = World()
    made = []
    for _ in range(4):
        made.append(world.job(deliver_by=START_MS + 50 * HOUR_MS, until=START_MS + 50 * HOUR_MS))
        world.now_ms += HOUR_MS
    assert world.do(CUSTOMER, "cancel", job=made[3]) == ""
    assert world.do(PROVIDER, "fail", job=made[0], reason="no") == ""
    for role in (CUSTOMER, PROVIDER):
        member = world.ids[role]
        assert [one.id for one in open_jobs(world.state, member)] == [made[2], made[1]]
        assert [one.id for one in jobs_of(world.state, member)] == [made[2], made[1], made[3], made[0]]
        assert [one.id for one in jobs_of(world.state, member, most=3)] == [made[2], made[1], made[3]]
        assert [one.id for one in open_jobs(world.state, member, most=1)] == [made[2]]
    for role in (ARBITER, SECOND, STRANGER):
        assert jobs_of(world.state, world.ids[role]) == ()


@pytest.mark.parametrize("stage", [stage.value for stage in Stage])
def test_a_job_stands_in_one_list_per_party_and_in_the_arbiters_from_the_dispute_on(stage: str) -> None:
    """W-29."""
    world, made = in_stage(stage)
    is_open = Stage(stage) not in ENDS
    for role in (CUSTOMER, PROVIDER, ARBITER):
        member = world.ids[role]
        listed = [key for key, _ in world.state.raw_range(b"job-") if key.endswith(member + made)]
        if role == ARBITER and stage not in ("disputed", "ruled", "split"):
            assert listed == []
        else:
            assert listed == [(b"job-open/" if is_open else b"job-ended/") + member + made]


@pytest.mark.parametrize("stage", [stage.value for stage in Stage])
def test_what_is_shown_as_possible_now_is_what_the_ledger_takes(stage: str) -> None:
    """W-11: asked for every party at a time when claim and void are open, and when they are not."""
    fields: dict[Move, dict[str, Any]] = {
        Move.DELIVER: {"quantity": 1},
        Move.RECEIPT: {"accepted": 1},
        Move.FAIL: {"reason": "no"},
        Move.DISPUTE: {"reason": "no"},
        Move.RULE: {"provider_bp": 1},
    }
    for is_late in (False, True):
        for role in (CUSTOMER, PROVIDER, ARBITER, STRANGER):
            for move in Move:
                if move is Move.SILENCE:
                    continue
                world, made = in_stage(stage)
                if is_late:
                    world.now_ms = max(world.now_ms, DELIVER_BY_MS + 2 * VOID_AFTER_MS)
                view = job(world.state, made)
                assert view is not None
                shown = {one.move for one in view.next_moves(world.ids[role], world.now_ms) if one.from_ms is None}
                assert (world.do(role, move.value, job=made, **fields.get(move, {})) == "") == (move in shown)


def test_moves_that_open_later_are_shown_with_their_time_and_what_is_expected_by_when() -> None:
    """W-17, W-21, W-24."""
    world, made = in_stage("started")
    read = world.read(made)
    provider = {one.move: one for one in next_moves(read, world.ids[PROVIDER], world.now_ms)}
    assert set(provider) == {Move.PROGRESS, Move.DELIVER, Move.FAIL, Move.VOID, Move.DISPUTE}
    assert (provider[Move.DELIVER].from_ms, provider[Move.DELIVER].expected_ms) == (None, DELIVER_BY_MS)
    assert provider[Move.VOID].from_ms == DELIVER_BY_MS + VOID_AFTER_MS
    assert next_moves(read, world.ids[STRANGER], world.now_ms) == ()

    assert world.do(PROVIDER, "deliver", job=made, quantity=2) == ""
    read = world.read(made)
    customer = {one.move: one for one in next_moves(read, world.ids[CUSTOMER], world.now_ms)}
    assert customer[Move.RECEIPT].expected_ms == START_MS + INSPECTION_MS
    provider = {one.move: one for one in next_moves(read, world.ids[PROVIDER], world.now_ms)}
    assert provider[Move.CLAIM].from_ms == START_MS + INSPECTION_MS

    assert world.do(PROVIDER, "dispute", job=made, reason="no answer") == ""
    (ruling,) = next_moves(world.read(made), world.ids[ARBITER], world.now_ms)
    assert (ruling.move, ruling.from_ms, ruling.expected_ms) == (Move.RULE, None, START_MS + SILENCE_MS)


@pytest.mark.parametrize("stage", [stage.value for stage in Stage])
def test_every_stage_says_what_it_awaits_and_of_whom(stage: str) -> None:
    """W-11."""
    world, made = in_stage(stage)
    view = job(world.state, made)
    assert view is not None
    assert view.awaits == AWAITED[Stage(stage)]
    whose = awaited_of(view.job)
    assert (whose is None) == view.awaits.startswith("nothing")
    if whose is not None:
        assert any(whose in row.by and set(row.to) for (at, _), row in TABLE.items() if at.value == stage)
        assert whose in Party
    assert set(possible(Stage(stage))) == {move for at, move in TABLE if at.value == stage}


def test_standing_counts_receipts_and_stops_at_the_largest_number_there_is() -> None:
    """W-27."""
    member = b"m" * 32
    tx = Overlay(State())
    assert standing(tx, member) == Standing()
    count(tx, member, Standing())
    assert tx.changes == {}
    count(tx, member, Standing(delivered=INTEGER_MAX, failed=1))
    count(tx, member, Standing(delivered=5, failed=1))
    assert asdict(standing(tx, member)) == {
        "delivered": INTEGER_MAX,
        "accepted": 0,
        "rejected": 0,
        "late": 0,
        "failed": 2,
        "disputes_lost": 0,
    }


OUT_OF_FORM = {
    "a percent above the whole": ("progress", {"percent": 101}),
    "a note of 281 bytes": ("progress", {"note": "x" * 281}),
    "a note with a terminal escape": ("progress", {"note": "\x1b]0;owned\x07"}),
    "a note that turns the writing direction": ("progress", {"note": "\u202eabc"}),
    "a delivery of nothing": ("deliver", {"quantity": 0}),
    "an empty list of evidence": ("deliver", {"quantity": 1, "evidence": []}),
    "17 pieces of evidence": ("deliver", {"quantity": 1, "evidence": [bytes(32)] * 17}),
    "a receipt below zero": ("receipt", {"accepted": -1}),
    "a receipt that leaves the count out": ("receipt", {}),
    "true for a count": ("receipt", {"accepted": True}),
    "a failure without a reason": ("fail", {}),
    "a dispute with an empty reason": ("dispute", {"reason": ""}),
    "a ruling above the whole": ("rule", {"provider_bp": 10_001}),
    "a claim with more to say": ("claim", {"quantity": 1}),
    "a job's id of 31 bytes": ("cancel", {"job": bytes(31)}),
}


@pytest.mark.parametrize(("name", "fields"), OUT_OF_FORM.values(), ids=OUT_OF_FORM.keys())
def test_an_operation_out_of_form_is_none(name: str, fields: dict[str, object]) -> None:
    """W-30: it never comes as far as a block."""
    operation = {"t": f"work.{name}/1", "job": bytes(32), **fields}
    entry = sign_entry(World().keys[PROVIDER], NETWORK, 1, START_MS + HOUR_MS, operation)
    assert not isinstance(operation_of(entry), Operation)


def test_all_operations_of_work_are_signed_by_working_keys_and_receipts_have_a_reserve() -> None:
    """W-1, W-11."""
    assert [operation.name for operation in work.OPERATIONS] == [
        f"work.{name}/1" for name in ("award", *(move.value for move in Move if move is not Move.SILENCE))
    ]
    assert {operation.signer for operation in work.OPERATIONS} == {Role.WORKING}
    assert [operation.name for operation in work.OPERATIONS if operation.is_reserved] == ["work.receipt/1"]
    assert set(work.STEPS) == set(Move)
