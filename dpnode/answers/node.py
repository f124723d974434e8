"""Answers about this node itself: status, peers, down."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dpnode.answers.identity import key_reminders
from dpnode.answers.inbox import waiting_rows
from dpnode.answers.network import addresses_of
from dpnode.answers.pending import lapsed_lately, standstill
from dpnode.answers.shown import name_of, party
from dpnode.answers.witness import seat_reminders, seat_shown, withstands
from dpnode.belonging import lost
from dpnode.checking import is_own_witness
from dpnode.clock import now
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.node import Clock, Down, Peers, Status
from dpnode.control.server import Responder
from dpnode.identity.seal import sealed_root
from dpnode.net import PeerId, show_peer_id
from dpnode.node import Node
from dpnode.reading.lapsed import reminder as lapsed_reminder
from dpnode.shelf import META_CHECKED, false_history
from ledger.canonical import decode
from ledger.names import Kind, show_id
from ledger.operations.members import member_of_peer
from ledger.operations.work_queries import open_jobs
from protocol.inputs import Tick


def program_version() -> str:
    """The installed version, or that of a checkout."""
    try:
        return version("dpnode")
    except PackageNotFoundError:
        return "0 (checkout)"


async def status(node: Node, question: Status, responder: Responder) -> Answer:
    """How this node is."""
    await node.recall_alarms()
    counts = await node.store.counts()
    value: dict[str, Any] = {
        "member": {"id": show_id(Kind.MEMBER, node.identity.member), "name": node.identity.name},
        "home": str(node.home.root),
        "pid": os.getpid(),
        "uptime_ms": now().monotonic_ms - node.started.monotonic_ms,
        "version": program_version(),
        "addresses": addresses_of(node),
        "peers": 0 if node.net is None else sum(1 for peer in node.net.peers() if peer.linked),
        "reminders": reminders(node),
    }
    if node.net is not None:
        value["peer"] = show_peer_id(node.net.peer_id)
    if node.late is not None and node.founded is not None:
        charter, at = node.founded.charter, node.late.progress
        value["network"] = {"id": show_id(Kind.NETWORK, charter.network), "name": charter.name}
        value["snapshot"] = {"height": at.height, "pieces": at.pieces, "of": at.of, "machines": at.machines}
    if node.parts is not None and node.founded is not None:
        core = node.core
        chain = core.chain
        if name_of(chain.state, node.identity.member):
            # A home restored from words does not know the name itself.
            value["member"] = party(chain.state, node.identity.member)
        value |= {
            "network": {"id": show_id(Kind.NETWORK, chain.network), "name": chain.charter.name},
            "height": chain.head.height,
            "block_ms": chain.head.time_ms,
            "root": chain.head.state_root,
            "entries": chain.head.entries,
            "pending": len(core.ledger.pool),
            "lapsed": lapsed_lately(node),
            "jobs_open": len(open_jobs(chain.state, node.identity.member)),
            "inbox": len(waiting_rows(node)),
            "witness": not node.core.ledger.orderer.silence() and not node.space.why,
            "database_bytes": counts.disk_bytes,
            "withstands": withstands(node),
            "alarms": list(node.alarms),
        }
        if (seat := seat_shown(node)) is not None:
            value["seat"] = seat
        meta = await node.store.meta()
        if is_own_witness(node):
            value["checked_height"] = chain.head.height
        elif META_CHECKED in meta:
            value["checked_height"] = decode(meta[META_CHECKED])
    return Done(value=value)


def reminders(node: Node) -> list[str]:
    """What the owner should do some day soon, each as a sentence."""
    lines = list(node.alarms)
    if node.space.why:
        lines.append(f"{node.space.why.rstrip('.')}; then this node goes on by itself")
    if sealed_root(node.home) is not None:
        lines.append("write down your 24 words: `dpnode id words` shows them and asks for two of them back")
    if node.late is not None:
        return lines
    if node.parts is None:
        begin = "no network yet: `dpnode network found NAME`, `join INVITATION`, or with your words `return TICKET`"
        lines.append(lost(node.home) or begin)
        return lines
    if node.core.ledger.anchor.is_missed:
        lines.append(false_history(node.core.ledger.anchor.height))
    lines += standstill(node)
    lines += seat_reminders(node)
    if rows := lapsed_lately(node):
        lines.append(lapsed_reminder(rows))
    if node.core.ledger.orderer.is_seated and node.core.ledger.waiting.is_stalled(now().wall_ms):
        lines.append("nothing was recorded for 30 days, so this witness waits: look at `dpnode clock`")
    clocks = node.core.ledger.clocks
    if clocks.is_off:
        waits = node.core.ledger.orderer.is_seated and not clocks.is_confirmed
        lines.append(clock_sentence(clocks.ahead_ms, waits=waits))
    return [*lines, *key_reminders(node), *node.reminders]


def clock_sentence(ahead_ms: int, *, waits: bool) -> str:
    """That the others' clocks are `ahead_ms` ahead of ours (behind where negative), and what that keeps us from."""
    minutes = max(1, round(abs(ahead_ms) / 60_000))
    where = "behind" if ahead_ms > 0 else "ahead of"
    said = f"this machine's clock is {minutes} min {where} the other members' clocks"
    return f"{said}: it proposes no block until that is mended or confirmed: `dpnode clock`" if waits else said


async def peers(node: Node, question: Peers, responder: Responder) -> Answer:
    """Whom this node is connected to."""
    rows = []
    view = None if node.parts is None else node.core.chain.state
    seen = node.net.peers() if node.net is not None else []
    for peer in seen:
        row: dict[str, Any] = {
            "peer": show_peer_id(peer.peer_id),
            "state": "connected" if peer.linked else "a stranger" if not peer.member else "connecting",
            "address": peer.addresses[0] if peer.addresses else "",
        }
        member = None if view is None else member_of_peer(view, peer.peer_id)
        if view is not None and member is not None:
            row["member"] = party(view, member)
            # A machine that just joined said 0 when it came, and tells more within the minute (P-34).
            if height := node.core.ledger.sync.height_of(peer.peer_id):
                row["height"] = height
        if peer.round_trip_ms is not None:
            row["latency_ms"] = peer.round_trip_ms
        rows.append(row)
    connected = {peer.peer_id for peer in seen}
    if node.parts is not None and view is not None:
        rows += [
            {
                "peer": show_peer_id(PeerId(record.peer)),
                "state": "away",
                "address": record.addresses[0] if record.addresses else "",
                "member": party(view, record.member),
            }
            for record in node.core.directory.records.all()
            if record.peer not in connected
        ]
    return Done(value={"peers": rows})


async def clock(node: Node, question: Clock, responder: Responder) -> Answer:
    """Both times; and the owner's word that ours is right."""
    moment = now()
    value: dict[str, Any] = {"time_ms": moment.wall_ms}
    if node.parts is not None:
        ledger = node.core.ledger
        off = ledger.clocks.is_off and not ledger.clocks.is_confirmed
        waits = ledger.orderer.is_seated and (ledger.waiting.is_stalled(moment.wall_ms) or off)
        value |= {"block_ms": ledger.chain.head.time_ms, "others_ahead_ms": ledger.clocks.ahead_ms, "waits": waits}
        if question.confirm and not question.dry_run:
            ledger.waiting.clock_is_confirmed = True
            ledger.clocks.is_confirmed = True
            if node.driver is not None:
                await node.driver.give(Tick())
            value["waits"] = False
    if question.dry_run:
        value["dry_run"] = True
    return Done(value=value)


async def down(node: Node, question: Down, responder: Responder) -> Answer:
    """Stop; the answer goes out first."""
    if not question.dry_run:
        node.stop.set()
    return Done(value={"dry_run": True} if question.dry_run else {})


ANSWERS: dict[type[Any], Any] = {Status: status, Clock: clock, Peers: peers, Down: down}
