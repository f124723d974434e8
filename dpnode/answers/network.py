"""Answers that make or widen a network: found, invite, uninvite, join; and the member's side of joining.

Joining is a conversation of a stranger with one machine: charter, entry, outcome. Only when the entry is final does
the guest's home belong to the network.
"""

from __future__ import annotations

import logging
import secrets
from pathlib import Path
from typing import Any

import trio

from dpnode.answers.pending import ran_out
from dpnode.answers.shown import party
from dpnode.belonging import check_new
from dpnode.clock import now
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.network import NetworkFound, NetworkInvite, NetworkJoin, NetworkUninvite
from dpnode.control.resolve import Candidate, resolve
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.founding import check_root, make_network
from dpnode.net import JOIN_PROTOCOL
from dpnode.net.api import CannotConnect, NetError, PeerId, RequestRefused
from dpnode.node import Node
from dpnode.shelf import Founded, beginning_late, false_history, founding_commit, introduced
from dpnode.snapshots import first_commit
from dpnode.store.rows import Commit
from ledger.charter import Charter
from ledger.entry import Entry
from ledger.errors import RemoteError
from ledger.keys import SigningKey
from ledger.names import Kind, NotAnId, parse_id, show_id
from ledger.operations.membership import MembershipReason
from ledger.queries import invitations
from protocol.joining import (
    PREFIX,
    Invitation,
    Outcome,
    ask,
    inviting,
    join_request,
    joining_entry,
    read_charter_reply,
    read_invitation,
    read_next_number,
    read_outcome,
    write_invitation,
)
from protocol.returning import Ticket

log = logging.getLogger("dpnode.network")
REQUEST_MS = 10_000
ASK_AGAIN_S = 0.1
"""Between two questions for the outcome: a block is made within milliseconds of an idle witness."""


async def found(node: Node, question: NetworkFound, responder: Responder) -> Answer:
    """Found a network at a running node."""
    if node.founded is not None:
        raise Problem(FailKind.REFUSED, f"this home belongs to {node.founded.charter.name}: one home, one network")
    check_new(node.home)
    founded = make_network(
        node.identity, name=question.network_name, purpose=question.purpose, root_seed=question.root_seed
    )
    if not question.dry_run:
        await node.begin(founded, founding_commit(founded))
    return Done(value=entered(node, founded, 0, question.dry_run))


async def invite(node: Node, question: NetworkInvite, responder: Responder) -> Answer:
    """Record a one-use key and give the string that holds its secret."""
    chain = node.core.chain
    seed = secrets.token_bytes(32)
    until_ms = max(now().wall_ms, chain.head.time_ms) + question.lasts_ms
    operation = inviting(SigningKey(seed), member=node.identity.member, network=chain.network, until_ms=until_ms)
    if question.dry_run:
        node.dry_run([operation])
        return Done(value={"dry_run": True, "expires_ms": until_ms})
    (standing,) = await node.submit([operation], wait_ms=question.wait_ms)
    if standing.outcome:
        raise Problem(FailKind.REFUSED, f"the invitation was refused: {standing.outcome}", {"reason": standing.outcome})
    if node.net is None:
        raise Problem(FailKind.FAILED, "the network room is not open")
    head = chain.head
    served = await node.store.blocks(head.height, 1) if head.height else []
    invitation = Invitation(
        network=chain.network,
        peer=node.net.peer_id,
        addresses=tuple(addresses_of(node))[:8],
        seed=seed,
        until_ms=until_ms,
        height=head.height,
        block=head.block,
        certificate=(served[0].certificate or b"") if served else b"",
    )
    value = {
        "invitation": write_invitation(invitation),
        "id": show_id(Kind.KEY, SigningKey(seed).public),
        "expires_ms": until_ms,
        "entry": show_id(Kind.ENTRY, standing.entry_id),
        "binding": "final" if standing.is_final else "recorded",
    }
    if standing.is_final:
        value["height"] = standing.height
    else:
        waits = ran_out(node, question.wait_ms)
        value |= {**waits, "notes": [*waits["notes"], "the guest can use it once it is final"]}
    return Done(value=value)


async def uninvite(node: Node, question: NetworkUninvite, responder: Responder) -> Answer:
    """Take an invitation back: whoever has the string can join with it no more."""
    key = _invitation_meant(node, question.id)
    operation: dict[str, Any] = {"key": key, "t": "membership.uninvite/1"}
    value: dict[str, Any] = {"id": show_id(Kind.KEY, key)}
    if question.dry_run:
        node.dry_run([operation])
        return Done(value={**value, "dry_run": True})
    (standing,) = await node.submit([operation], wait_ms=question.wait_ms)
    if standing.outcome:
        sentence = f"the invitation could not be taken back: {standing.outcome}"
        raise Problem(FailKind.REFUSED, sentence, {"reason": standing.outcome})
    value |= {"entry": show_id(Kind.ENTRY, standing.entry_id), "binding": "final" if standing.is_final else "recorded"}
    if standing.is_final:
        value["height"] = standing.height
    else:
        waits = ran_out(node, question.wait_ms)
        value |= {**waits, "notes": [*waits["notes"], "until it is final it can still be used"]}
    return Done(value=value)


def _invitation_meant(node: Node, text: str) -> bytes:
    """The one-use key meant by the invitation itself, its id or the beginning of one; raises `Problem`."""
    if text.strip().lower().startswith(PREFIX):
        try:
            # An expired one is recognized too: the ledger says what became of it.
            return SigningKey(read_invitation(text, 0).seed).public
        except RemoteError as problem:
            raise Problem(FailKind.USAGE, problem.reason) from problem
    try:
        return parse_id(Kind.KEY, text)
    except NotAnId:
        mine = invitations(node.core.chain.state, node.identity.member)
        candidates = [Candidate(kind=Kind.KEY, id=one.key) for one in mine]
        return resolve(text, candidates, what="open invitation of yours").id


def addresses_of(node: Node) -> list[str]:
    """Where others can dial this machine: what it listens on, and what its owner announces."""
    if node.net is None:
        return []
    return [*node.settings.network.announce, *node.net.addresses]


async def join(node: Node, question: NetworkJoin, responder: Responder) -> Answer:
    """Use an invitation: fetch the charter, have the joining entry recorded, catch up."""
    if node.founded is not None:
        raise Problem(FailKind.REFUSED, f"this home belongs to {node.founded.charter.name}: one home, one network")
    try:
        invitation = read_invitation(question.invitation, now().wall_ms)
    except RemoteError as problem:
        raise Problem(FailKind.REFUSED, problem.reason) from problem
    root = SigningKey(question.root_seed)
    check_root(node.identity, root)
    net = node.net
    assert net is not None
    if question.dry_run:
        value: dict[str, Any] = {"dry_run": True, "network": {"id": show_id(Kind.NETWORK, invitation.network)}}
        return Done(value=value)
    peer = PeerId(invitation.peer)
    with trio.move_on_after(question.wait_ms / 1000):
        await responder.progress({"text": "dialling the member who invited you"})
        try:
            await net.connect(peer, invitation.addresses)
        except CannotConnect as problem:
            raise Problem(FailKind.FAILED, f"the inviting machine cannot be reached: {problem}") from problem
        reply = await guest_request(node, peer, ask("charter", invitation, net.peer_id))
        charter, signatures, number = _read_welcome(reply, invitation)
        founded = Founded(charter=charter, signatures=signatures)
        # Before the invitation is used: a snapshot that does not hold leaves it as it was.
        first = await first_of(node, founded, invitation, responder, snapshot=question.snapshot, whole=question.whole)
        entry = _own_entry(node, invitation, root, number)
        await responder.progress({"text": f"asking {charter.name} to record that you join"})
        outcome = await _until_final(node, peer, invitation, entry)
        if outcome.outcome:
            raise Problem(FailKind.REFUSED, f"the network refused: {outcome.outcome}", {"reason": outcome.outcome})
        await take_up(node, founded, invitation, outcome.height, responder, first)
        return Done(value=entered(node, founded, node.core.chain.head.height, False))
    raise Problem(FailKind.TIMED_OUT, "joining took too long; what was recorded goes on in the background")


async def first_of(
    node: Node, founded: Founded, way: Invitation | Ticket, responder: Responder, *, snapshot: str | None, whole: bool
) -> Commit:
    """What a home begins with: the snapshot in a file, the charter, or late if a snapshot is to be had (P-93).

    Raises `Problem` where the file does not hold. Ends at its next report when cancelled.
    """
    anchor = (way.height, way.block)
    if snapshot is None:
        first = founding_commit(founded, anchor)
        is_whole = whole or not node.settings.ledger.snapshot_from_entries
        return first if is_whole else beginning_late(first)

    def report(value: dict[str, Any]) -> None:
        trio.from_thread.run(responder.progress, value)

    return await trio.to_thread.run_sync(first_commit, Path(snapshot), founded, anchor, report)


async def take_up(
    node: Node,
    founded: Founded,
    way: Invitation | Ticket,
    height: int,
    responder: Responder,
    first: Commit,
) -> None:
    """Belong to a network, beginning with `first`, and catch up to `height` at least."""
    assert node.net is not None
    peer = PeerId(way.peer)
    await node.begin(founded, introduced(first, way.peer, way.addresses))
    await _begun_late(node, responder)
    # Only now is there somebody to hear what it sends.
    node.gate.introducers.add(peer)
    node.core.introducers.add(peer)
    node.net.keep(peer, way.addresses)
    node.net.recheck()
    await _caught_up(node, max(height, way.height), responder)


async def _begun_late(node: Node, responder: Responder) -> None:
    """Wait until a snapshot has come, or none is to be had."""
    while (late := node.late) is not None:
        at = late.progress
        if at.of:
            told = f"fetching a snapshot of block {at.height:,}"
            await responder.progress({"text": told, "done": at.pieces, "of": at.of})
        with trio.move_on_after(ASK_AGAIN_S):
            await late.wait()


def _read_welcome(reply: bytes, invitation: Invitation) -> tuple[Charter, dict[bytes, bytes], int]:
    """Charter, founders' signatures and the number of our joining entry; raises `Problem`."""
    try:
        return *read_charter_reply(reply, invitation), read_next_number(reply)
    except RemoteError as problem:
        raise Problem(FailKind.FAILED, f"the inviting machine answered wrongly: {problem.reason}") from problem


def _own_entry(node: Node, invitation: Invitation, root: SigningKey, number: int) -> Entry:
    identity = node.identity
    return joining_entry(
        invitation,
        root=root,
        next_root_hash=identity.next_root_hash,
        member=identity.member,
        name=identity.name,
        working=identity.working,
        sealing=identity.sealing,
        network_key=SigningKey(identity.network_seed),
        until_ms=invitation.until_ms,
        sequence=number,
    )


async def guest_request(node: Node, peer: PeerId, body: bytes, whose: str = "the inviting machine") -> bytes:
    """What a machine answers a guest; raises `Problem`."""
    assert node.net is not None
    try:
        return await node.net.request(peer, JOIN_PROTOCOL, body, deadline_ms=REQUEST_MS)
    except RequestRefused as problem:
        raise Problem(FailKind.REFUSED, f"{whose} declined: {problem.text}{_hint(problem.text)}") from problem
    except NetError as problem:
        raise Problem(FailKind.FAILED, f"{whose} did not answer: {problem}") from problem
    except RemoteError as problem:
        raise Problem(FailKind.FAILED, f"{whose} answered wrongly: {problem.reason}") from problem


def _hint(declined: str) -> str:
    """What a member restored from its words should do instead of joining anew."""
    if MembershipReason.KEY_KNOWN.value not in declined:
        return ""
    return "; who is a member already comes back with `dpnode network return`"


async def _until_final(node: Node, peer: PeerId, invitation: Invitation, entry: Entry) -> Outcome:
    assert node.net is not None
    outcome = read_outcome(await guest_request(node, peer, join_request(invitation, node.net.peer_id, entry)))
    while outcome.state != "final":
        # The only wait without an event: the other machine's ledger moves, and a stranger is told nothing by itself.
        await trio.sleep(ASK_AGAIN_S)
        again = ask("outcome", invitation, node.net.peer_id, entry=entry.id)
        outcome = read_outcome(await guest_request(node, peer, again))
    return outcome


async def _caught_up(node: Node, height: int, responder: Responder) -> None:
    """Wait until this home's ledger holds the block in which we became a member, and the one that the invitation names.

    Raises `Problem` as soon as the history that is offered turns out not to hold that one (P-56).
    """
    core = node.core
    while core.chain.head.height < height:
        moved = node.moved
        done = core.chain.head.height
        await responder.progress({"text": "fetching the ledger", "done": done, "of": height})
        # A range that is refused moves no head.
        with trio.move_on_after(ASK_AGAIN_S):
            await moved.wait()
        if core.ledger.anchor.is_missed:
            raise Problem(FailKind.VERIFICATION, false_history(core.ledger.anchor.height))


def entered(node: Node, founded: Founded, height: int, dry_run: bool) -> dict[str, Any]:
    """What found and join answer."""
    value: dict[str, Any] = {
        "network": {"id": show_id(Kind.NETWORK, founded.charter.network), "name": founded.charter.name},
        "member": {"id": show_id(Kind.MEMBER, node.identity.member), "name": node.identity.name},
        "height": height,
        "binding": "final",
    }
    if dry_run:
        # A charter is made anew each time: this one's id would be no network's.
        value |= {"network": {"name": founded.charter.name}, "dry_run": True}
        del value["binding"]
    elif height:
        record = node.core.chain.state.get(b"member/" + node.identity.member) or {}
        if "sponsor" in record:
            value["sponsor"] = party(node.core.chain.state, record["sponsor"])
    return value


ANSWERS: dict[type[Any], Any] = {
    NetworkFound: found,
    NetworkInvite: invite,
    NetworkUninvite: uninvite,
    NetworkJoin: join,
}
