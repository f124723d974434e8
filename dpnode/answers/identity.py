"""Answers that change which keys speak for this member: certify, revoke, rotate; bind and unbind machines.

What the root must sign comes with the root's seed, for that one act. The root signs entries like any key, so its next
number is learned from the ledger; the ledger is asked first whether it would refuse, since that costs nothing.
"""

from __future__ import annotations

from typing import Any

from dpnode.answers.guests import refused_by_ledger
from dpnode.answers.network import addresses_of
from dpnode.answers.recording import recorded
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.base import Question
from dpnode.control.questions.identity import IdBind, IdCertify, IdRevoke, IdRotate, IdTicket, IdUnbind
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.node import Node, readable
from dpnode.reading.keys import machine_meant, working_key_meant
from dpnode.reading.naming import show_peer
from ledger.canonical import Value
from ledger.entry import sign_entry
from ledger.errors import RemoteError
from ledger.fold import last_sequence
from ledger.keys import SigningKey
from ledger.names import Kind, show_id
from ledger.operations.members import key_standing, member_record
from ledger.operations.membership import peer_id_of
from protocol.returning import Card, Ticket, binding, certifying, read_card, rotating, write_ticket

Fields = dict[str, Any]


async def certify(node: Node, question: IdCertify, responder: Responder) -> Answer:
    """Name another machine's working key; binding the machine itself needs no root."""
    card = _card(node, question.card)
    written = await _signed_by_root(node, question, certifying(card))
    return Done(value={"key": show_id(Kind.KEY, card.key.key), **written})


async def revoke(node: Node, question: IdRevoke, responder: Responder) -> Answer:
    """End a key, then unbind the machines that are known to have used it."""
    state, me = node.core.chain.state, node.identity.member
    key = working_key_meant(state, me, question.key)
    if key == node.identity.working.public:
        raise Problem(
            FailKind.REFUSED,
            "this is the key that this very machine signs with: revoke it from another machine of yours, or restore "
            "yourself from your words on a new one first (`dpnode network return`)",
        )
    named = [machine_meant(state, me, text) for text in question.machines]
    bound = (member_record(state, me) or {})["peers"]
    used = [one.peer for one in node.core.directory.records.all() if one.statement.key == key and one.peer in bound]
    machines = [peer for peer in dict.fromkeys([*used, *named]) if peer != node.core.me.peer]
    written = await _signed_by_root(node, question, {"key": key, "t": "membership.revoke/1"})
    value: Fields = {"key": show_id(Kind.KEY, key), **written}
    value["unbound"] = [show_peer(peer) for peer in machines]
    for peer in machines:
        operation: dict[str, Value] = {"peer": peer, "t": "membership.unbind/1"}
        await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    left = [show_peer(peer) for peer in bound if peer not in machines and peer != node.core.me.peer]
    if left:
        value["left"] = left
    return Done(value=value)


async def rotate(node: Node, question: IdRotate, responder: Responder) -> Answer:
    """Let the next root key take over."""
    chain, me = node.core.chain, node.identity.member
    following = SigningKey(question.next_seed)
    if len(question.after) != 32:
        raise Problem(FailKind.USAGE, "the hash of the root key after the next has 32 bytes")
    operation = rotating(me, chain.network, following, question.after)
    written = await _signed_by_root(node, question, operation)
    return Done(value={"root": show_id(Kind.KEY, following.public), **written})


async def bind(node: Node, question: IdBind, responder: Responder) -> Answer:
    """Bind another machine."""
    card = _card(node, question.card)
    written = await recorded(node, binding(card), wait_ms=question.wait_ms, dry_run=question.dry_run)
    return _done({"peer": show_peer(peer_id_of(card.machine.key))}, written)


async def unbind(node: Node, question: IdUnbind, responder: Responder) -> Answer:
    """Unbind a machine; not this one, which would at once be nobody's."""
    peer = machine_meant(node.core.chain.state, node.identity.member, question.peer)
    if peer == node.core.me.peer:
        raise Problem(FailKind.REFUSED, "this is this very machine: unbind it from another machine of yours")
    operation: dict[str, Value] = {"peer": peer, "t": "membership.unbind/1"}
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=question.dry_run)
    return _done({"peer": show_peer(peer)}, written)


async def ticket(node: Node, question: IdTicket, responder: Responder) -> Answer:
    """Where this machine is reached, and which history is right."""
    head = node.core.chain.head
    addresses = addresses_of(node)
    if node.net is None or not addresses:
        raise Problem(FailKind.FAILED, "this machine has no address that others could dial")
    made = Ticket(
        network=node.core.chain.network,
        peer=node.net.peer_id,
        addresses=tuple(addresses)[:8],
        height=head.height,
        block=head.block,
    )
    return Done(value={"ticket": write_ticket(made), "height": head.height, "addresses": list(made.addresses)})


def key_reminders(node: Node) -> list[str]:
    """That this machine's key was ended, so that whoever sits before it knows why nothing is taken any more."""
    standing = key_standing(node.core.chain.state, node.identity.working.public)
    if standing is None or "ended" not in standing:
        return []
    return ["this machine's working key was ended: it signs nothing more here. A new home restored from the words can"]


def _card(node: Node, text: str) -> Card:
    """A card of this member in this network; raises `Problem`."""
    network = node.core.chain.network
    try:
        card = read_card(text)
    except RemoteError as problem:
        raise Problem(FailKind.USAGE, problem.reason) from problem
    if card.network != network:
        raise Problem(FailKind.REFUSED, "this card was made for another network")
    if card.member != node.identity.member:
        raise Problem(FailKind.REFUSED, "this card is another member's: its machine was made with other words")
    return card


async def _signed_by_root(node: Node, question: IdCertify | IdRevoke | IdRotate, operation: dict[str, Value]) -> Fields:
    """Have an operation of the root recorded; raises `Problem` where the ledger would refuse it or did."""
    chain, pool = node.core.chain, node.core.ledger.pool
    root = SigningKey(question.root_seed)
    if root.public != (member_record(chain.state, node.identity.member) or {}).get("root"):
        raise Problem(FailKind.REFUSED, "that is not the root key in force: another has taken its place")
    number = max(last_sequence(chain.state, root.public), pool.highest(root.public)) + 1
    entry = sign_entry(root, chain.network, number, node.until_ms(), operation)
    if (refusal := refused_by_ledger(chain, entry)) is not None:
        raise Problem(FailKind.REFUSED, readable(refusal.detail), {"reason": refusal.code})
    if question.dry_run:
        return {"dry_run": True}
    (standing,) = await node.carry([entry], wait_ms=question.wait_ms)
    if standing.outcome:
        raise Problem(FailKind.REFUSED, f"the ledger refused it: {standing.outcome}", {"reason": standing.outcome})
    value: Fields = {
        "entry": show_id(Kind.ENTRY, standing.entry_id),
        "binding": "final" if standing.is_final else "recorded",
    }
    if standing.is_final:
        value["height"] = standing.height
    return value


def _done(value: Fields, written: Fields) -> Done:
    return Done(value=value | {name: one for name, one in written.items() if name != "entry_id"})


ANSWERS: dict[type[Question], Any] = {
    IdCertify: certify,
    IdRevoke: revoke,
    IdRotate: rotate,
    IdBind: bind,
    IdUnbind: unbind,
    IdTicket: ticket,
}
