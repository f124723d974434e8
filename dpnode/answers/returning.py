"""Coming back as a member without its old machine: the conversation of a stranger who proves the root key.

Two entries make this machine the member's: the root names its new working key, then that key binds the machine; where
all else is lost, others before them end the member's other keys and machines. Only when all are final does the home
belong to the network. Cut off in between, the same command goes on where it stood.
"""

from __future__ import annotations

from typing import Any

import trio

from dpnode.answers.network import ASK_AGAIN_S, entered, first_of, guest_request, take_up
from dpnode.answers.shown import party
from dpnode.clock import now
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.base import Question
from dpnode.control.questions.identity import IdReturn
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.identity.roots import ROOTS_MAX
from dpnode.identity.words import ENTROPY_BYTES, first_member_id, root_key
from dpnode.net.api import CannotConnect, PeerId
from dpnode.node import Node
from dpnode.shelf import Founded
from ledger.canonical import Value
from ledger.entry import Entry
from ledger.errors import RemoteError
from ledger.keys import SigningKey
from ledger.names import Kind, show_id
from protocol.joining import Outcome, read_outcome
from protocol.returning import (
    Ticket,
    Welcome,
    ask_restore,
    ask_return,
    is_replaced,
    make_card,
    read_ticket,
    read_welcome,
    restoring_entries,
)

ENTRY_LIFE_MS = 3_600_000
"""How long the entries may wait: whoever comes back waits for them."""
WHOSE = "the machine of the ticket"


async def come_back(node: Node, question: IdReturn, responder: Responder) -> Answer:
    """Prove the root, have this machine's keys recorded, fetch the ledger."""
    if node.founded is not None:
        raise Problem(FailKind.REFUSED, f"this home belongs to {node.founded.charter.name}: one home, one network")
    try:
        ticket = read_ticket(question.ticket)
    except RemoteError as problem:
        raise Problem(FailKind.USAGE, problem.reason) from problem
    if len(question.entropy) != ENTROPY_BYTES or first_member_id(question.entropy) != node.identity.member:
        raise Problem(FailKind.REFUSED, "these words are another member's, not this node's")
    if question.dry_run:
        return Done(value={"dry_run": True, "network": {"id": show_id(Kind.NETWORK, ticket.network)}})
    assert node.net is not None
    held_up = "reaching the machine of the ticket"
    with trio.move_on_after(question.wait_ms / 1000):
        await responder.progress({"text": "dialling the machine of the ticket"})
        try:
            await node.net.connect(PeerId(ticket.peer), ticket.addresses)
        except CannotConnect as problem:
            raise Problem(FailKind.FAILED, f"{WHOSE} cannot be reached: {problem}") from problem
        root, welcome = await _welcomed(node, ticket, question.entropy)
        founded = Founded(charter=welcome.charter, signatures=welcome.signatures)
        held_up = "fetching the ledger"
        first = await first_of(node, founded, ticket, responder, snapshot=question.snapshot, whole=question.whole)
        await responder.progress({"text": f"asking {welcome.charter.name} to record this machine's keys"})
        held_up = "waiting for the witnesses to record this machine's keys"
        height = await _recorded(node, ticket, root, welcome, question.alone)
        held_up = "fetching the ledger"
        await take_up(node, founded, ticket, height, responder, first)
        value = entered(node, founded, node.core.chain.head.height, False)
        value |= {"member": party(node.core.chain.state, node.identity.member), "alone": question.alone}
        return Done(value=value)
    said = f"coming back took too long, {held_up}"
    raise Problem(FailKind.TIMED_OUT, f"{said}: give the same command again, it goes on from there")


async def _welcomed(node: Node, ticket: Ticket, entropy: bytes) -> tuple[SigningKey, Welcome]:
    """The root key in force, which the other machine alone knows, and what it answers to its proof."""
    assert node.net is not None
    for number in range(ROOTS_MAX):
        root = root_key(entropy, number)
        reply = await _ask(node, ticket, ask_return("return", ticket, root, node.net.peer_id))
        try:
            if not is_replaced(reply, root.public):
                return root, read_welcome(reply, ticket)
        except RemoteError as problem:
            raise Problem(FailKind.FAILED, f"{WHOSE} answered wrongly: {problem.reason}") from problem
    raise Problem(FailKind.REFUSED, f"{WHOSE} says that {ROOTS_MAX} root keys have ended, which cannot be")


async def _recorded(node: Node, ticket: Ticket, root: SigningKey, welcome: Welcome, is_alone: bool) -> int:
    """Have key and machine recorded, one after the other; returns the height at which all stands."""
    identity = node.identity
    card = make_card(
        network=ticket.network,
        member=identity.member,
        working=identity.working,
        network_key=SigningKey(identity.network_seed),
        sealing=identity.sealing,
    )
    life_ms = min(ENTRY_LIFE_MS, welcome.charter.limits.until_ms)
    # In steps: the same command given again soon after makes the very same entries, which may wait already.
    part_ms = max(1, life_ms // 8)
    until_ms = now().wall_ms // part_ms * part_ms + life_ms
    entries = restoring_entries(card, root, identity.working, welcome, until_ms=until_ms, is_alone=is_alone)
    height = 0
    for entry in entries:
        outcome = await _until_final(node, ticket, root, entry)
        if outcome.outcome:
            raise Problem(FailKind.REFUSED, f"the network refused: {outcome.outcome}", {"reason": outcome.outcome})
        height = max(height, outcome.height)
    return height


async def _until_final(node: Node, ticket: Ticket, root: SigningKey, entry: Entry) -> Outcome:
    assert node.net is not None
    own = node.net.peer_id
    outcome = _outcome(await _ask(node, ticket, ask_restore(ticket, root, own, entry)))
    while outcome.state != "final":
        # The only wait without an event: the other machine's ledger moves, and a stranger is told nothing by itself.
        await trio.sleep(ASK_AGAIN_S)
        again: dict[str, Value] = {"entry": entry.id}
        outcome = _outcome(await _ask(node, ticket, ask_return("restored", ticket, root, own, **again)))
    return outcome


def _outcome(reply: bytes) -> Outcome:
    try:
        return read_outcome(reply)
    except RemoteError as problem:
        raise Problem(FailKind.FAILED, f"{WHOSE} answered wrongly: {problem.reason}") from problem


async def _ask(node: Node, ticket: Ticket, body: bytes) -> bytes:
    return await guest_request(node, PeerId(ticket.peer), body, WHOSE)


ANSWERS: dict[type[Question], Any] = {IdReturn: come_back}
