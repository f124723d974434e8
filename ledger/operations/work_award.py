"""The award: signed proposals become jobs and their money is held, all of them or none.

The provider's consent is its signed proposal, the customer's the entry; no third word is needed, so a job binds both
from the block it stands in. What the fold computes with later is copied into the job's record; the whole proposal
stays in the entry.
Source: the design's "A job between two workshops", rules 2 to 4 and 8; SPEC W-1 to W-10.
"""

from __future__ import annotations

from typing import Any

from ledger.errors import Refusal, RemoteError
from ledger.form import ID, List, Map
from ledger.keys import MemberId
from ledger.operations import accounts, members
from ledger.operations.operation import Context
from ledger.operations.work_job import Job, LogLine, call_key, job_key, write_job, write_log
from ledger.operations.work_reasons import WorkReason
from ledger.operations.work_stages import Stage
from ledger.operations.work_terms import PROPOSALS_MAX, PURPOSE, Proposal, read_proposal
from ledger.state import Overlay, View
from ledger.statement import STATEMENT, Statement, read_statement

AWARD = Map({"proposals": List(STATEMENT, 1, PROPOSALS_MAX)}, {"arbiter": ID})
"""`arbiter` is meant for every proposal of the award; left out, each takes the first it lists who may judge (W-9)."""


def statements(op: dict[str, Any]) -> list[Statement]:
    """The proposals, whose signatures are checked before the entry is includable (W-3)."""
    return [read_statement(PURPOSE, value, f"proposals[{i}]") for i, value in enumerate(op["proposals"])]


def award(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """Make every proposal a job and hold its money (W-1)."""
    for statement in statements(op):
        try:
            proposal = read_proposal(statement)
        except RemoteError as problem:
            return Refusal(reason=WorkReason.BAD_PROPOSAL, detail=problem.reason)
        if refusal := _stands(tx, proposal, context):
            return refusal
        arbiter = _arbiter(tx, proposal, op.get("arbiter"))
        if arbiter is None:
            return Refusal(reason=WorkReason.NO_ARBITER, detail="nobody whom both sides named may judge this job")
        lines = [line.to_value() for line in proposal.price]
        if refusal := accounts.hold(tx, proposal.id, context.author, lines):
            return refusal
        _begin(tx, proposal, arbiter, context)
    return None


def closed_by(view: View, call: bytes, customer: bytes) -> bytes | None:
    """The id of the award entry that closed this customer's call, or None while it is open (W-7)."""
    entry: bytes | None = view.get(call_key(call, customer))
    return entry


def _stands(tx: Overlay, proposal: Proposal, context: Context) -> Refusal | None:
    """Why this proposal cannot be awarded by this author now, or None (W-2 to W-7)."""
    if proposal.network != context.network:
        return Refusal(reason=WorkReason.OTHER_NETWORK, detail="the proposal was made in another network")
    if proposal.customer != context.author:
        return Refusal(reason=WorkReason.OTHER_CUSTOMER, detail="the proposal was made to another member")
    if proposal.provider == proposal.customer:
        return Refusal(reason=WorkReason.SELF_DEALING, detail="nobody awards work to themselves")
    if members.working_key_of(tx, proposal.key) != proposal.provider:
        return Refusal(
            reason=WorkReason.NOT_THE_PROVIDERS_KEY, detail="the key that signed the proposal is not its provider's now"
        )
    if tx.raw(job_key(proposal.id)) is not None:
        return Refusal(reason=WorkReason.AWARDED_BEFORE, detail="this proposal was awarded before")
    if closed_by(tx, proposal.call, proposal.customer) not in (None, context.entry_id):
        return Refusal(reason=WorkReason.CALL_CLOSED, detail="another award answered this call")
    if context.time_ms > proposal.until_ms:
        return Refusal(
            reason=WorkReason.LAPSED,
            detail=f"the offer stood until {proposal.until_ms}, the block's time is {context.time_ms}",
        )
    if context.time_ms > proposal.deliver_by_ms:
        return Refusal(reason=WorkReason.TOO_LATE, detail="the day of delivery has passed")
    return None


def _arbiter(tx: Overlay, proposal: Proposal, chosen: bytes | None) -> MemberId | None:
    """Who will judge: a member, on the provider's list, and no party (W-9).

    Where two members alone make a network there is nobody else: then a party stands in the place of the arbiter. It
    may not rule its own job (a party is never its arbiter, `Job.party_of`), so that a dispute ends by silence.
    """
    for candidate in proposal.arbiters:
        if chosen is not None and candidate != chosen:
            continue
        if candidate not in (proposal.provider, proposal.customer) and members.is_member(tx, candidate):
            return candidate
    if chosen is None and set(proposal.arbiters) <= {proposal.provider, proposal.customer}:
        return next((one for one in proposal.arbiters if members.is_member(tx, one)), None)
    return None


def _begin(tx: Overlay, proposal: Proposal, arbiter: MemberId, context: Context) -> None:
    job = Job(
        id=proposal.id,
        award=context.entry_id,
        call=proposal.call,
        function=proposal.function,
        customer=proposal.customer,
        provider=proposal.provider,
        arbiter=arbiter,
        quantity=proposal.quantity,
        price=proposal.price,
        terms=proposal.terms,
        deliver_by_ms=proposal.deliver_by_ms,
        until_ms=proposal.until_ms,
        awarded_ms=context.time_ms,
        awarded_height=context.height,
        extras=proposal.extras,
        stage=Stage.AWARDED,
        paid=(0,) * len(proposal.price),
        moved_ms=context.time_ms,
        moves=1,
    )
    write_job(tx, job)
    tx.put(call_key(proposal.call, proposal.customer), context.entry_id)
    line = LogLine(
        number=0,
        move="award",
        at_ms=context.time_ms,
        height=context.height,
        by=context.author,
        entry=context.entry_id,
        said={},
        paid=(),
    )
    write_log(tx, job.id, line)
