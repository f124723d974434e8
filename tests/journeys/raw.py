"""A member's machine or a stranger's as a raw libp2p host: it holds real keys and keeps no rule of ours.

What it sends is bytes; the daemon it talks to is a real one, in a process of its own.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from dpnode.net import JOIN_PROTOCOL, PeerId
from dpnode.net.frames import FrameDecoder, frame
from protocol.messages import Message, read_message, write_message
from tests.dpnode.net.nets import drain, read_all
from tests.journeys.nodes import Node, until

logging.getLogger("libp2p").setLevel(logging.CRITICAL)

PEER_PROTOCOL = "/dpnode/peer/1"
M = TypeVar("M")
T = TypeVar("T")


@dataclass(slots=True)
class Raw:
    """One raw host, connected to one daemon."""

    host: Any
    target: ID
    heard: trio.MemoryReceiveChannel[bytes]
    stream: Any = None

    @property
    def peer(self) -> PeerId:
        """Who it is."""
        return PeerId(self.host.get_id().to_bytes())

    async def welcome(self) -> None:
        """Open the members' stream, as one that is welcome there."""
        with trio.fail_after(10):
            self.stream = await self.host.new_stream(self.target, [PEER_PROTOCOL])
            assert await self.stream.read(1) == b"\0", "a member is welcome"

    async def bytes(self, data: bytes) -> None:
        """Write bytes as they are; that the other side has hung up is no fault here."""
        with trio.move_on_after(10), suppress(Exception):
            await self.stream.write(data)

    async def frame(self, body: bytes) -> None:
        """Write one frame around whatever this is."""
        await self.bytes(frame(body))

    async def say(self, message: Message) -> None:
        """Write a message as our encoder does."""
        await self.frame(write_message(message))

    async def hears(self, kind: type[M]) -> M:
        """The next message of this kind."""
        with trio.fail_after(10):
            while True:
                message = read_message(await self.heard.receive())
                if isinstance(message, kind):
                    return message

    async def asks_to_join(self, body: bytes) -> bytes:
        """A request as a guest makes it: the whole answer, status byte first."""
        with trio.fail_after(10):
            stream = await self.host.new_stream(self.target, [JOIN_PROTOCOL])
            with suppress(Exception):
                await stream.write(len(body).to_bytes(4, "big") + body)
            return await read_all(stream)


@asynccontextmanager
async def raw_host(seed: bytes, listen: str = "") -> AsyncIterator[tuple[Any, trio.MemoryReceiveChannel[bytes]]]:
    """A host under the key of `seed` that takes members' streams, keeps what it hears, and answers pings."""
    host = new_host(key_pair=create_new_key_pair(seed))
    said, heard = trio.open_memory_channel[bytes](10_000)

    async def take(stream: Any) -> None:
        await stream.write(b"\0")
        decoder = FrameDecoder(1 << 21)
        with suppress(Exception):
            while data := await stream.read(1 << 16):
                for body in decoder.feed(data):
                    said.send_nowait(body)

    async def echo(stream: Any) -> None:
        with suppress(Exception):
            while data := await stream.read(8):
                await stream.write(data)

    async with host.run([Multiaddr(listen)] if listen else []):
        host.set_stream_handler(PEER_PROTOCOL, take)
        host.set_stream_handler("/dpnode/ping/1", echo)
        try:
            yield host, heard
        finally:
            with trio.move_on_after(3, shield=True):
                await host.close()


@asynccontextmanager
async def raw(seed: bytes, target: Node) -> AsyncIterator[Raw]:
    """A raw host connected to a daemon."""
    status = target.status()
    async with raw_host(seed) as (host, heard):
        peer = ID.from_base58(status["peer"])
        with trio.fail_after(10):
            await host.connect(PeerInfo(peer, [Multiaddr(text) for text in status["addresses"]]))
        yield Raw(host, peer, heard)


@asynccontextmanager
async def raw_member(member: Node, target: Node) -> AsyncIterator[Raw]:
    """The machine of a member whose own daemon does not run, welcomed by another's."""
    async with raw(member.identity.network_seed, target) as made:
        await made.welcome()
        yield made


async def settled(condition: Callable[[], T], what: str) -> T:
    """`until`, while the raw hosts of this process go on answering."""
    return await trio.to_thread.run_sync(until, condition, what)


__all__ = ["PEER_PROTOCOL", "Raw", "drain", "raw", "raw_host", "raw_member", "read_all", "settled"]
