"""What tests of the network room share: nets on loopback, a gate that is a book, and raw libp2p hosts as strangers."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from dpnode.net import Admission, NetEvent, NetSettings, PeerId, open_net, peer_id_of
from dpnode.net.room import Net

logging.getLogger("libp2p").setLevel(logging.CRITICAL)

LOOPBACK = NetSettings(listen=("/ip4/127.0.0.1/tcp/0",), allow_loopback=True, mdns=False)
WAIT_S = 10.0
E = TypeVar("E")


def seed(name: str) -> bytes:
    """A network key's seed of its own for each name."""
    return name.encode().ljust(32, b".")


def peer_of(name: str) -> PeerId:
    """The peer id of the node called `name`, whether it runs or not."""
    return peer_id_of(seed(name))


@dataclass
class Book:
    """A gate that can be written in: everybody is a member unless it says otherwise."""

    of_others: Admission = Admission.MEMBER
    written: dict[PeerId, Admission] = field(default_factory=dict)

    def may(self, peer_id: PeerId) -> Admission:
        return self.written.get(peer_id, self.of_others)


@dataclass
class Node:
    """One open net with its events."""

    net: Net
    gate: Book
    events: trio.MemoryReceiveChannel[NetEvent]

    async def next(self, kind: type[E]) -> E:
        """The next event of this kind; others are passed over."""
        with trio.fail_after(WAIT_S):
            while True:
                event = await self.events.receive()
                if isinstance(event, kind):
                    return event

    def hears(self, kind: type[object]) -> bool:
        """Whether an event of this kind waits now."""
        try:
            while True:
                if isinstance(self.events.receive_nowait(), kind):
                    return True
        except trio.WouldBlock:
            return False


@asynccontextmanager
async def node(name: str, *, gate: Book | None = None, inbox: int = 256, **changes: Any) -> AsyncIterator[Node]:
    """A net on loopback under the key of `name`."""
    gate = gate or Book()
    send, receive = trio.open_memory_channel[NetEvent](inbox)
    async with send, receive, open_net(replace(LOOPBACK, **changes), seed(name), gate, send, dice=lambda: 0.5) as net:
        yield Node(net, gate, receive)


@asynccontextmanager
async def raw_host(name: str, listen: str | None = None) -> AsyncIterator[Any]:
    """A plain libp2p host, with nothing of ours between it and the wire."""
    host = new_host(key_pair=create_new_key_pair(seed(name)))
    async with host.run([Multiaddr(listen)] if listen else []):
        try:
            yield host
        finally:
            with trio.move_on_after(3, shield=True):
                await host.close()


def behave_like_a_member(host: Any) -> None:
    """Let a raw host welcome frames and answer pings, so that a net links with it; it throws everything away."""

    async def welcome(stream: Any) -> None:
        await stream.write(b"\0")
        await drain(stream)

    async def echo(stream: Any) -> None:
        with suppress(Exception):
            while data := await stream.read(8):
                await stream.write(data)

    host.set_stream_handler("/dpnode/peer/1", welcome)
    host.set_stream_handler("/dpnode/ping/1", echo)


async def drain(stream: Any) -> None:
    """Read and forget until the stream ends in whatever way."""
    with suppress(Exception):
        while await stream.read(1 << 16):
            pass


async def raw_connect(host: Any, to: Node) -> ID:
    """Connect a raw host to one of our nets; the net's peer id."""
    peer_id = ID(to.net.peer_id)
    with trio.fail_after(WAIT_S):
        await host.connect(PeerInfo(peer_id, [Multiaddr(text) for text in to.net.addresses]))
    return peer_id


def id_of(host: Any) -> PeerId:
    """A raw host's peer id in our form."""
    return PeerId(host.get_id().to_bytes())


async def until(condition: Callable[[], bool], wait_s: float = WAIT_S) -> None:
    """Wait, bounded, for what no event tells."""
    with trio.fail_after(wait_s):
        while not condition():  # noqa: ASYNC110 - libp2p tells nobody
            await trio.sleep(0.005)


async def read_all(stream: Any, most: int = 1 << 16) -> bytes:
    """Everything until the stream ends in whatever way."""
    got = b""
    with trio.fail_after(WAIT_S):
        while len(got) < most:
            try:
                data = await stream.read(most)
            except Exception:
                break
            if not data:
                break
            got += data
    return got


def forget_what_others_left_open() -> None:
    """Upstream after a crash, and zeroconf after a failed start, leave sockets to the collector."""
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()
