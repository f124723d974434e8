"""The award: what a proposal must be, who may award it, until when, and that the money is there for all or none."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.canonical import INTEGER_MAX, encode
from ledger.entry import sign_entry
from ledger.fold import is_fully_signed
from ledger.keys import SigningKey
from ledger.operations import accounts, members
from ledger.operations.operation import Role
from ledger.operations.work_award import closed_by
from ledger.operations.work_job import job_from_value, job_to_value
from ledger.operations.work_stages import Stage
from ledger.operations.work_terms import PURPOSE, Proposal, read_proposal
from ledger.statement import Statement, sign_statement
from tests.ledger.operations.work_world import (
    ARBITER,
    ASSET,
    CREDIT,
    CUSTOMER,
    DELIVER_BY_MS,
    HOUR_MS,
    MONEY,
    NETWORK,
    PROVIDER,
    SECOND,
    START_MS,
    STRANGER,
    TERMS,
    UNITS,
    World,
    credit,
    units,
)


@pytest.fixture
def world() -> World:
    return World()


def refused(world: World, code: str, *proposals: Statement, role: str = CUSTOMER, **fields: Any) -> None:
    """The award is refused with `code` and changes nothing."""
    before = world.snapshot()
    assert world.award(*proposals, role=role, **fields) == code
    assert world.snapshot() == before


def test_an_award_makes_a_job_with_the_proposals_id_and_holds_its_money(world: World) -> None:
    """W-1, W-8."""
    proposal = world.proposal(price=[credit(1_000), units(7)], part="bracket", design=b"d" * 32)
    assert world.award(proposal) == ""
    job = world.read(proposal.id)
    assert job.stage is Stage.AWARDED
    assert (job.customer, job.provider, job.arbiter) == (
        world.ids[CUSTOMER],
        world.ids[PROVIDER],
        world.ids[ARBITER],
    )
    assert job.extras == {"part": "bracket", "design": b"d" * 32}
    assert (job.awarded_ms, job.awarded_height, job.deliver_by_ms) == (START_MS, world.height, DELIVER_BY_MS)
    assert job.left == (1_000, 7)
    assert (world.free(CUSTOMER), world.held()) == (MONEY - 1_000, 1_000)
    assert world.held(thing=ASSET, kind="units") == 7
    assert accounts.hold_left(world.state, proposal.id) == [credit(1_000), units(7)]
    assert job_from_value(job.id, job_to_value(job)) == job


def test_sixty_four_proposals_of_several_workshops_are_awarded_at_once(world: World) -> None:
    """W-1."""
    small = {"parameters": {}, "price": [credit(1)]}
    proposals = [
        world.proposal(signer, provider=world.ids[signer], **small) for signer in (PROVIDER, SECOND) for _ in range(32)
    ]
    assert world.award(*proposals) == ""
    assert world.held() == 64
    assert all(world.read(proposal.id).is_open for proposal in proposals)


@pytest.mark.parametrize("number", [0, 65])
def test_an_award_of_no_proposal_or_of_65_is_no_operation(world: World, number: int) -> None:
    """W-1."""
    values = [world.proposal(parameters={}).to_value()] * number
    entry = sign_entry(world.keys[CUSTOMER], NETWORK, 1, START_MS + HOUR_MS, {"t": "work.award/1", "proposals": values})
    assert not is_fully_signed(entry)


def test_an_award_with_a_forged_proposal_is_not_fully_signed(world: World) -> None:
    """W-3: a signature inside is judged before the entry counts at all."""
    real = world.proposal()
    forged = {**real.to_value(), "sig": world.keys[CUSTOMER].sign(real.id)}
    for value, holds in ((real.to_value(), True), (forged, False)):
        entry = sign_entry(
            world.keys[CUSTOMER], NETWORK, 1, START_MS + HOUR_MS, {"t": "work.award/1", "proposals": [value]}
        )
        assert is_fully_signed(entry) is holds


def test_a_signature_for_another_purpose_is_no_proposal(world: World) -> None:
    """W-3: the tag is part of what is signed."""
    other = sign_statement("call", world.content(), world.keys[PROVIDER])
    entry = sign_entry(
        world.keys[CUSTOMER], NETWORK, 1, START_MS + HOUR_MS, {"t": "work.award/1", "proposals": [other.to_value()]}
    )
    assert not is_fully_signed(entry)


DAYS_10_YEARS_MS = 3660 * 86_400_000
BROKEN: dict[str, dict[str, Any]] = {
    "a key nobody knows": {"tip": 1},
    "a piece count of zero": {"quantity": 0},
    "a price of no line": {"price": []},
    "a price of nine lines": {"price": [credit(1, bytes([i]) * 32) for i in range(9)]},
    "one thing priced twice": {"price": [credit(1), credit(2)]},
    "an amount below zero": {"price": [credit(-1)]},
    "a kind of money nobody knows": {"price": [{**credit(1), "kind": "shells"}]},
    "no arbiter": {"arbiters": []},
    "nine arbiters": {"arbiters": [bytes([i]) * 32 for i in range(9)]},
    "one arbiter twice": {"arbiters": [b"x" * 32, b"x" * 32]},
    "a nonce of 15 bytes": {"nonce": bytes(15)},
    "65 parameters": {"parameters": {f"p{i}": "x" for i in range(65)}},
    "a fraction that is not reduced": {"parameters": {"length": {"d": 2, "n": 4, "u": "mm"}}},
    "a part's name with a terminal escape": {"part": "\x1b[2J"},
    "a part's name that turns the writing direction": {"part": "a\u202eb"},
    "an inspection of eleven years": {"terms": {**TERMS, "inspection_ms": DAYS_10_YEARS_MS + 1}},
    "a fee above the whole": {"terms": {**TERMS, "cancel": {"awarded": 0, "delivered": 10_001, "started": 0}}},
    "a split above the whole": {"terms": {**TERMS, "silence_split_bp": 10_001}},
    "terms without silence": {"terms": {name: value for name, value in TERMS.items() if name != "silence_ms"}},
    "a moment beyond all calendars": {"deliver_by": 2**48},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=BROKEN.keys())
def test_a_proposal_out_of_form_is_refused(world: World, changes: dict[str, Any]) -> None:
    """W-2, W-8, W-30."""
    refused(world, "work.bad-proposal", world.proposal(**changes))


@pytest.mark.parametrize("missing", ["call", "terms", "until", "nonce", "arbiters", "parameters"])
def test_a_proposal_that_leaves_something_out_is_refused(world: World, missing: str) -> None:
    """W-2."""
    content = world.content()
    del content[missing]
    refused(world, "work.bad-proposal", sign_statement(PURPOSE, content, world.keys[PROVIDER]))


@pytest.mark.parametrize("body", [b"\xc0", b"\x90", encode([1, 2]), b"\x00", b"\x81\xa1b\x01\x00"])
def test_signed_bytes_that_are_no_canonical_map_are_refused(world: World, body: bytes) -> None:
    """W-2."""
    key = world.keys[PROVIDER]
    bare = Statement(purpose=PURPOSE, body=body, key=key.public, signature=key.sign(b""))
    refused(
        world, "work.bad-proposal", Statement(purpose=PURPOSE, body=body, key=key.public, signature=key.sign(bare.id))
    )


def test_a_proposal_made_in_another_network_is_refused(world: World) -> None:
    """W-2."""
    refused(world, "work.other-network", world.proposal(network=b"m" * 32))


def test_a_proposal_made_to_somebody_else_is_refused(world: World) -> None:
    """W-2: only the customer it names can award it."""
    refused(world, "work.other-customer", world.proposal(), role=STRANGER)


def test_a_member_cannot_award_work_to_itself(world: World) -> None:
    """W-4."""
    refused(world, "work.self-dealing", world.proposal(CUSTOMER, provider=world.ids[CUSTOMER]))


@pytest.mark.parametrize("signer", [SECOND, CUSTOMER])
def test_a_proposal_signed_by_another_member_than_its_provider_is_refused(world: World, signer: str) -> None:
    """W-3."""
    refused(world, "work.not-the-providers-key", world.proposal(signer))


def test_a_proposal_signed_by_a_root_key_or_an_unknown_key_is_refused(world: World) -> None:
    """W-3: the working key alone speaks for a machine."""
    for seed in (102, 77):
        statement = sign_statement(PURPOSE, world.content(), SigningKey(bytes([seed]) * 32))
        refused(world, "work.not-the-providers-key", statement)


def test_a_proposal_whose_key_was_ended_since_is_refused(world: World) -> None:
    """W-3: current at the award, not at the signature."""
    proposal = world.proposal()
    key = world.keys[PROVIDER].public
    record = members.key_record(world.state, key)
    assert record is not None
    assert record["role"] == Role.WORKING.value
    members.put_key(world.state, key, {**record, "ended": START_MS})
    refused(world, "work.not-the-providers-key", proposal)


def test_an_offer_stands_to_the_last_millisecond_and_not_one_longer(world: World) -> None:
    """W-5."""
    in_time, too_late = world.proposal(until=START_MS + 5), world.proposal(until=START_MS + 4)
    world.now_ms = START_MS + 5
    refused(world, "work.offer-lapsed", too_late)
    assert world.award(in_time) == ""


def test_an_offer_whose_day_of_delivery_has_passed_is_refused(world: World) -> None:
    """W-5."""
    refused(world, "work.too-late", world.proposal(deliver_by=START_MS - 1))
    assert world.award(world.proposal(deliver_by=START_MS)) == ""


def test_a_proposal_can_be_awarded_once_even_after_its_job_ended(world: World) -> None:
    """W-6."""
    proposal = world.proposal()
    refused(world, "work.awarded-before", proposal, proposal)
    assert world.award(proposal) == ""
    refused(world, "work.awarded-before", proposal)
    assert world.do(CUSTOMER, "cancel", job=proposal.id) == ""
    refused(world, "work.awarded-before", proposal)


def test_an_award_closes_its_call_to_every_other_proposal(world: World) -> None:
    """W-7."""
    call = b"1" * 32
    first, second = world.proposal(call=call), world.proposal(SECOND, provider=world.ids[SECOND], call=call)
    assert closed_by(world.state, call, world.ids[CUSTOMER]) is None
    assert world.award(first) == ""
    assert closed_by(world.state, call, world.ids[CUSTOMER]) == world.read(first.id).award
    refused(world, "work.call-closed", second)


def test_one_award_may_split_a_call_between_two_workshops(world: World) -> None:
    """W-7."""
    call = b"1" * 32
    first, second = world.proposal(call=call), world.proposal(SECOND, provider=world.ids[SECOND], call=call)
    assert world.award(first, second) == ""
    refused(world, "work.call-closed", world.proposal(call=call))


def test_a_strangers_award_cannot_close_somebody_elses_call(world: World) -> None:
    """W-7: two accomplices make a job that names the victim's call; the victim awards as if nothing had happened."""
    call = b"1" * 32
    trick = world.proposal(
        SECOND, provider=world.ids[SECOND], customer=world.ids[STRANGER], call=call, price=[credit(0)]
    )
    assert world.award(trick, role=STRANGER) == ""
    assert world.award(world.proposal(call=call)) == ""


def test_money_is_held_for_all_proposals_or_for_none(world: World) -> None:
    """W-8: the second job's money is missing, so the first is not made either."""
    refused(world, "account.too-little", world.proposal(price=[credit(MONEY)]), world.proposal(price=[credit(1)]))
    assert (world.free(CUSTOMER), world.held()) == (MONEY, 0)


def test_one_missing_line_of_a_price_refuses_all_of_it(world: World) -> None:
    """W-8, W-10."""
    refused(world, "account.too-little", world.proposal(price=[credit(1), units(UNITS + 1)]))
    refused(world, "account.too-little", world.proposal(price=[{"amount": 1, "id": CREDIT, "kind": "output"}]))
    refused(world, "account.too-little", world.proposal(price=[credit(INTEGER_MAX)]))
    assert world.award(world.proposal(price=[credit(MONEY), units(UNITS)])) == ""


def test_money_held_for_one_job_cannot_pay_for_another(world: World) -> None:
    """W-8."""
    world.job(price=[credit(MONEY - 5)])
    refused(world, "account.too-little", world.proposal(price=[credit(6)]))


def test_the_first_listed_who_may_judge_is_the_arbiter(world: World) -> None:
    """W-9: parties, and those who are no members, are passed over."""
    listed = [world.ids[PROVIDER], world.ids[CUSTOMER], b"z" * 32, world.ids[SECOND], world.ids[ARBITER]]
    job = world.job(arbiters=listed)
    assert world.read(job).arbiter == world.ids[SECOND]


def test_the_customer_may_choose_another_of_those_listed(world: World) -> None:
    """W-9."""
    proposal = world.proposal(arbiters=[world.ids[SECOND], world.ids[ARBITER]])
    assert world.award(proposal, arbiter=world.ids[ARBITER]) == ""
    assert world.read(proposal.id).arbiter == world.ids[ARBITER]


@pytest.mark.parametrize("chosen", [STRANGER, CUSTOMER, PROVIDER])
def test_an_arbiter_the_provider_did_not_list_or_who_is_a_party_is_refused(world: World, chosen: str) -> None:
    """W-9."""
    proposal = world.proposal(arbiters=[world.ids[ARBITER], world.ids[CUSTOMER], world.ids[PROVIDER]])
    refused(world, "work.no-arbiter", proposal, arbiter=world.ids[chosen])


def test_the_chosen_arbiter_must_stand_in_every_proposal_of_the_award(world: World) -> None:
    """W-9."""
    one, other = world.proposal(), world.proposal(arbiters=[world.ids[SECOND]])
    refused(world, "work.no-arbiter", one, other, arbiter=world.ids[ARBITER])


def test_without_anybody_who_may_judge_there_is_no_job(world: World) -> None:
    """W-9."""
    refused(world, "work.no-arbiter", world.proposal(arbiters=[b"z" * 32, world.ids[PROVIDER]]))


def test_a_proposal_reads_back_as_it_was_signed(world: World) -> None:
    """W-2."""
    content = world.content(prose=b"p" * 32, asset=ASSET)
    read = read_proposal(sign_statement(PURPOSE, content, world.keys[PROVIDER]))
    assert isinstance(read, Proposal)
    assert [line.to_value() for line in read.price] == content["price"]
    assert read.terms.to_value() == content["terms"]
    assert read.extras == {"asset": ASSET, "prose": b"p" * 32}
    assert (read.parameters, read.quantity, read.call) == (content["parameters"], 10, content["call"])
