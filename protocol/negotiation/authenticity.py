"""Who really says it: a signed call, proposal or counter is taken only from the member it names, under its working
key.

Checked in this order, cheapest first, each failure with its own reason: shape, network, names, key, signature. What
fails is the sender's fault and changes nothing here (SPEC N-2).
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.errors import RemoteError
from ledger.keys import MemberId
from ledger.operations.work_terms import Proposal, read_proposal
from ledger.statement import Statement
from protocol.negotiation.contents import Call, Intent, read_call, read_intent
from protocol.negotiation.reasons import SENTENCES, Reason
from protocol.negotiation.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a statement is not taken."""

    reason: Reason
    text: str


def fault(reason: Reason, text: str = "") -> Fault:
    """A fault in the words of the closed list, or more particular ones."""
    return Fault(reason=reason, text=text or SENTENCES[reason])


def check_call(statement: Statement, sender: MemberId, network: bytes, world: World) -> Call | Fault:
    """The call, if `sender` is the customer it names and signed it."""
    try:
        call = read_call(statement)
    except RemoteError as problem:
        return fault(Reason.MALFORMED, problem.reason[:200])
    return _check(statement, network, call.network, call.customer, sender, world) or call


def check_proposal(statement: Statement, sender: MemberId, network: bytes, world: World) -> Proposal | Fault:
    """The proposal, if `sender` is the provider it names and signed it."""
    try:
        proposal = read_proposal(statement)
    except RemoteError as problem:
        return fault(Reason.MALFORMED, problem.reason[:200])
    return _check(statement, network, proposal.network, proposal.provider, sender, world) or proposal


def check_intent(statement: Statement, sender: MemberId, me: MemberId, network: bytes, world: World) -> Intent | Fault:
    """The counter, if `sender` signed it and it is for me."""
    try:
        intent = read_intent(statement)
    except RemoteError as problem:
        return fault(Reason.MALFORMED, problem.reason[:200])
    if intent.to != me:
        return fault(Reason.NOT_YOURS)
    return _check(statement, network, intent.network, intent.sender, sender, world) or intent


def _check(
    statement: Statement, network: bytes, named_network: bytes, named: MemberId, sender: MemberId, world: World
) -> Fault | None:
    if named_network != network:
        return fault(Reason.OTHER_NETWORK)
    if named != sender or world.working_key_of(statement.key) != sender:
        return fault(Reason.NOT_YOURS)
    if not statement.is_signed():
        return fault(Reason.FORGED)
    return None
