"""What guests are told: a stranger with an invitation, and a member who comes back from the words (SPEC P-50 to P-59a).

The member's side of joining and returning. A guest gets what its proof gives it a right to, and nothing else.
"""

from __future__ import annotations

from dpnode.clock import now
from dpnode.errors import Problem
from dpnode.net import Polite
from dpnode.net.api import PeerId, Refusal
from dpnode.node import Node
from ledger.block import read_triple
from ledger.chain import Chain
from ledger.entry import Entry
from ledger.errors import Refusal as LedgerRefusal
from ledger.fold import choose
from ledger.operations.members import member_of_peer
from ledger.state import Overlay
from protocol.joining import Declined, charter_reply, outcome_reply, read_request
from protocol.returning import is_return, read_return, stands_already, welcome_reply

WAIT_MS = 5_000
"""Half of what a guest waits for an answer: by then it is told that its entry is pending."""


async def answer_guest(node: Node, peer: PeerId, body: bytes) -> bytes:
    """The member's side: what a stranger with an invitation is told; raises `Polite`."""
    if node.parts is None or node.founded is None or node.net is None:
        raise Polite(Refusal.NOT_FOUND, "this machine belongs to no network yet")
    if is_return(body):
        return await answer_returning(node, peer, body)
    chain = node.core.chain
    try:
        request = read_request(chain, body, peer, node.net.peer_id)
    except Declined as declined:
        raise Polite(Refusal.DECLINED, declined.reason) from declined
    match request.kind:
        case "charter":
            return charter_reply(chain, node.founded.signatures, request.invite)
        case "join":
            assert request.entry is not None
            if member_of_peer(chain.state, peer) is not None:
                # A member that lost its database: nothing is to be recorded, it only needs a way back in.
                return outcome_reply("final", "", chain.head.height)
            return await carry_for_guest(node, request.entry)
        case _:
            return await _outcome(node, request.entry_id)


async def answer_returning(node: Node, peer: PeerId, body: bytes) -> bytes:
    """What a member's new machine is told once it has proved the root key; raises `Polite`."""
    assert node.net is not None and node.founded is not None
    chain = node.core.chain
    try:
        request = read_return(chain, body, peer, node.net.peer_id)
    except Declined as declined:
        raise Polite(Refusal.DECLINED, declined.reason) from declined
    match request.kind:
        case "return":
            return welcome_reply(chain, node.founded.signatures, request)
        case "restore":
            assert request.entry is not None
            if stands_already(chain, request, peer):
                return outcome_reply("final", "", chain.head.height)
            return await carry_for_guest(node, request.entry)
        case _:
            return await _outcome(node, request.entry_id)


async def carry_for_guest(node: Node, entry: Entry) -> bytes:
    """Have a guest's entry recorded, and say what became of it; raises `Polite` where the ledger would refuse it."""
    if (refusal := refused_by_ledger(node.core.chain, entry)) is not None:
        raise Polite(Refusal.DECLINED, f"the ledger would refuse it ({refusal.code}): {refusal.detail}")
    try:
        (standing,) = await node.carry([entry], wait_ms=WAIT_MS)
    except Problem as problem:
        raise Polite(Refusal.DECLINED, problem.sentence) from problem
    return outcome_reply("final", standing.outcome, standing.height) if standing.is_final else outcome_reply("pending")


def refused_by_ledger(chain: Chain, entry: Entry) -> LedgerRefusal | None:
    """Why a guest's entry would be recorded as refused: that would use the invitation up for nothing."""
    time_ms = max(now().wall_ms, chain.head.time_ms + 1)
    tried = choose(Overlay(chain.state), chain.network, chain.head.height + 1, time_ms, [entry], chain.charter.limits)
    left = [refusal for _, refusal in tried.left]
    return next((refusal for refusal in (*left, *tried.refusals) if refusal is not None), None)


async def _outcome(node: Node, entry_id: bytes) -> bytes:
    for found_entry in await node.store.entry_by_id(entry_id):
        entry, outcome = read_triple(found_entry.content)
        if entry.id == entry_id:
            return outcome_reply("final", outcome, found_entry.height)
    return outcome_reply("pending" if entry_id in node.core.ledger.pool else "unknown")
