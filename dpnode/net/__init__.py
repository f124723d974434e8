"""The one door to other machines, and the only room that knows libp2p.

`open_net` (or `supervise`, which restarts after a crash) gives a `Net`; everything else here is plain data. libp2p
itself is loaded when a network is first opened: its import takes over a second.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import trio

from dpnode.net.api import (
    JOIN_PROTOCOL,
    SNAPSHOT_PROTOCOL,
    Admission,
    Answer,
    CannotConnect,
    CannotListen,
    Dice,
    FileSource,
    Frame,
    Gate,
    Gossip,
    Neighbour,
    NetCrashed,
    NetError,
    NetEvent,
    NetSettings,
    NotConnected,
    PeerDown,
    PeerId,
    PeerUp,
    PeerView,
    Polite,
    PortTaken,
    Refusal,
    RemoteError,
    RequestFailed,
    RequestRefused,
    Restarted,
)
from dpnode.net.peer_ids import key_of_peer_id, parse_peer_id, peer_id_of, peer_id_of_key, show_peer_id

if TYPE_CHECKING:
    from dpnode.net.room import Net

__all__ = [
    "JOIN_PROTOCOL",
    "SNAPSHOT_PROTOCOL",
    "Admission",
    "Answer",
    "CannotConnect",
    "CannotListen",
    "Dice",
    "FileSource",
    "Frame",
    "Gate",
    "Gossip",
    "Neighbour",
    "NetCrashed",
    "NetError",
    "NetEvent",
    "NetSettings",
    "NotConnected",
    "PeerDown",
    "PeerId",
    "PeerUp",
    "PeerView",
    "Polite",
    "PortTaken",
    "Refusal",
    "RemoteError",
    "RequestFailed",
    "RequestRefused",
    "Restarted",
    "key_of_peer_id",
    "open_net",
    "parse_peer_id",
    "peer_id_of",
    "peer_id_of_key",
    "show_peer_id",
    "supervise",
]


def open_net(
    settings: NetSettings,
    seed: bytes,
    gate: Gate,
    inbox: trio.MemorySendChannel[NetEvent],
    *,
    dice: Dice | None = None,
) -> AbstractAsyncContextManager[Net]:
    """Listen and hold connections for the length of the block.

    Args:
        settings: bounds and intervals.
        seed: 32 bytes of the network key; the peer id follows from it.
        gate: who may do what, asked synchronously.
        inbox: bounded channel of events; while it is full, peers are read more slowly.
        dice: jitter of redials, uniform in [0, 1).

    Errors: PortTaken, CannotListen before the block; NetCrashed when the room falls over inside it.
    """
    from dpnode.net.room import open_room

    return open_room(settings, seed, gate, inbox, dice=dice)


async def supervise(
    settings: NetSettings,
    seed: bytes,
    gate: Gate,
    inbox: trio.MemorySendChannel[NetEvent],
    prepare: Callable[[Net], None],
    *,
    dice: Dice | None = None,
    task_status: trio.TaskStatus[Net] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Keep a network open for ever, restarting it after a crash (mend 14).

    `prepare(net)` is called on every fresh `Net` before anything is dialled: register answers, topics, kept peers.
    Errors: PortTaken, CannotListen on the first start only; later ones are retried.
    """
    from dpnode.net.supervise import run_supervised

    await run_supervised(settings, seed, gate, inbox, prepare, dice=dice, task_status=task_status)
