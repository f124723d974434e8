"""The standing link to each connected member: frames out, frames in, and the question whether it still lives.

One link is one session: when any part of it fails, its connection is closed and the redial list begins anew, so there
is no half-working state. Each side opens one stream `/dpnode/peer/1` and writes frames on it; the other answers with
one status byte and nothing more. Pings (mend 10) have a stream of their own, because a peer that is merely slowed by
our own back-pressure is alive.

    connection up, gate says MEMBER -> session -> stream welcomed in either direction -> PeerUp, frames
    -> any failure, `recheck` or a silent ping -> PeerDown, connection closed

Memory: an outbox bounded in frames and bytes, one partial frame, what yamux holds. A full inbox stops the reading.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import trio
from libp2p.abc import INetStream
from libp2p.host.basic_host import BasicHost
from libp2p.rcmgr import Direction

from dpnode.net.api import (
    Admission,
    Frame,
    Gate,
    NetEvent,
    NetSettings,
    NotConnected,
    PeerDown,
    PeerId,
    PeerUp,
    Polite,
    Refusal,
    RequestFailed,
    RequestRefused,
)
from dpnode.net.buckets import Bucket
from dpnode.net.frames import HEAD_BYTES, BrokenFrame, FrameDecoder
from dpnode.net.host import put_down
from dpnode.net.streams import (
    WELCOME,
    Gone,
    connections_of,
    finish,
    open_stream,
    read_exactly,
    read_some,
    read_status,
    refuse,
    write,
)

log = logging.getLogger(__name__)

PEER_PROTOCOL = "/dpnode/peer/1"
PING_PROTOCOL = "/dpnode/ping/1"
PING_BYTES = 8
_REFUSED_PAUSE_S = (1.0, 30.0)
"""A peer whose ledger is behind ours does not know us yet; first and longest pause before asking again."""


@dataclass(slots=True, kw_only=True, eq=False)
class Link:
    """One session with one member."""

    peer_id: PeerId
    outbox: deque[bytes] = field(default_factory=deque)
    outbox_bytes: int = 0
    wake: trio.Event = field(default_factory=trio.Event)
    poke: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: trio.Event = field(default_factory=trio.Event)
    reader: trio.CancelScope | None = None
    up: bool = False
    heard_s: float = 0.0
    round_trip_ms: int | None = None
    reason: str = "its connection closed"

    def end(self, reason: str) -> None:
        """End the session; the first reason given stands."""
        if not self.scope.cancel_called:
            self.reason = reason
            self.scope.cancel()


class Links:
    """All sessions; owns both member protocols."""

    def __init__(
        self,
        host: BasicHost,
        settings: NetSettings,
        gate: Gate,
        inbox: trio.MemorySendChannel[NetEvent],
        nursery: trio.Nursery,
        on_welcome: Callable[[PeerId], None],
        hang_up: Callable[[PeerId], None],
    ) -> None:
        self._host = host
        self._settings = settings
        self._gate = gate
        self._inbox = inbox
        self._nursery = nursery
        self._on_welcome = on_welcome
        self._hang_up = hang_up
        self._links: dict[PeerId, Link] = {}

    def get(self, peer_id: PeerId) -> Link | None:
        """The session with this member, if there is one."""
        return self._links.get(peer_id)

    def begin(self, peer_id: PeerId) -> Link:
        """The session with this member, started now if need be."""
        link = self._links.get(peer_id)
        if link is None:
            link = self._links[peer_id] = Link(peer_id=peer_id, heard_s=trio.current_time())
            self._nursery.start_soon(self._session, link)
        return link

    def send(self, peer_id: PeerId, body: bytes) -> bool:
        """Put one frame into the outbox; False when the member is not linked or reads too slowly."""
        link = self._links.get(peer_id)
        size = len(body)
        if not 0 < size <= self._settings.frame_bytes_max:
            raise ValueError(f"a frame has 1 to {self._settings.frame_bytes_max} bytes, not {size}")
        if (
            link is None
            or not link.up
            or len(link.outbox) >= self._settings.outbox_frames_max
            or link.outbox_bytes + size > self._settings.outbox_bytes_max
        ):
            return False
        link.outbox.append(body)
        link.outbox_bytes += size
        link.wake.set()
        return True

    async def _session(self, link: Link) -> None:
        try:
            with link.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch, link)
                    nursery.start_soon(self._speak, link)
                    await trio.sleep_forever()
        except Exception as error:  # edge of one peer's task
            log.exception("a link failed")
            link.reason = f"our own fault: {type(error).__name__}"
        finally:
            self._links.pop(link.peer_id, None)
            link.ended.set()
        log.info("link ended: %s", link.reason)
        self._hang_up(link.peer_id)
        if link.up:
            await self._inbox.send(PeerDown(peer_id=link.peer_id, reason=link.reason))

    async def _watch(self, link: Link) -> None:
        while live := connections_of(self._host, link.peer_id):
            await live[0].event_closed.wait()
        link.end("its connection closed")

    async def _mark_up(self, link: Link) -> None:
        if not link.up:
            link.up = True
            live = connections_of(self._host, link.peer_id)
            address = str(next(iter(live[0].get_transport_addresses()), "")) if live else ""
            inbound = bool(live) and live[0].direction is Direction.INBOUND
            await self._inbox.send(PeerUp(peer_id=link.peer_id, address=address, inbound=inbound))

    # -- our stream: we write frames, the peer welcomes or refuses once

    async def _speak(self, link: Link) -> None:
        pause_s = _REFUSED_PAUSE_S[0]
        try:
            while (stream := await self._ask_welcome(link)) is None:
                with trio.move_on_after(pause_s):
                    await link.poke.wait()
                pause_s = min(pause_s * 2, _REFUSED_PAUSE_S[1])
        except (Gone, RequestFailed, RequestRefused, NotConnected, trio.TooSlowError) as error:
            link.end(f"it does not take our frames: {str(error) or 'no answer'}")
            return
        self._on_welcome(link.peer_id)
        await self._mark_up(link)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ping, link)
            nursery.start_soon(self._write_frames, link, stream)
            try:
                await read_some(stream, 1)  # nothing more is ever said in this direction: any byte is the end
                link.end("it closed")
            except Gone as gone:
                link.end(f"it closed: {gone}")

    async def _ask_welcome(self, link: Link) -> INetStream | None:
        """A welcomed stream, or None when the peer does not know us as a member (yet)."""
        link.poke = trio.Event()
        with trio.fail_after(self._settings.dial_deadline_ms / 1000):
            stream = await open_stream(self._host, link.peer_id, PEER_PROTOCOL)
            try:
                await read_status(stream)
                return stream
            except RequestRefused as refusal:
                await put_down(stream)
                if refusal.reason is not Refusal.NOT_A_MEMBER:
                    raise
                return None

    async def _write_frames(self, link: Link, stream: INetStream) -> None:
        outbox = link.outbox
        while True:
            if not outbox:
                link.wake = trio.Event()
                await link.wake.wait()
            parts: list[bytes] = []
            size = 0
            while outbox and size < self._settings.write_bytes_max:
                body = outbox.popleft()
                parts += (len(body).to_bytes(HEAD_BYTES, "big"), body)
                size += len(body)
            try:
                await write(stream, b"".join(parts), self._settings.stall_deadline_ms)
            except Gone as gone:
                return link.end(f"it does not read: {gone}")
            link.outbox_bytes -= size

    # -- the peer's stream: it writes frames, we welcome or refuse once

    async def on_peer_stream(self, stream: INetStream) -> None:
        """Handler of `/dpnode/peer/1`; holds the stream until the session ends."""
        peer_id = PeerId(stream.muxed_conn.peer_id.to_bytes())
        if self._gate.may(peer_id) is not Admission.MEMBER:
            await refuse(stream, Polite(Refusal.NOT_A_MEMBER, "only members of this network talk here"))
            return
        link = self.begin(peer_id)
        if link.reader is not None:
            link.reader.cancel()  # a second stream replaces the first; frames of the first that are half read are lost
        with trio.CancelScope() as scope:
            link.reader = scope
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read_frames, link, stream)
                await link.ended.wait()
                nursery.cancel_scope.cancel()
        await put_down(stream)

    async def _read_frames(self, link: Link, stream: INetStream) -> None:
        try:
            await write(stream, WELCOME, self._settings.stall_deadline_ms)
            await self._mark_up(link)
            link.poke.set()
            await self._read_on(link, stream)
        except (Gone, BrokenFrame) as error:
            link.end(f"its stream: {error}")

    async def _read_on(self, link: Link, stream: INetStream) -> None:
        settings = self._settings
        decoder = FrameDecoder(settings.frame_bytes_max)
        frames = Bucket(per_s=settings.frames_per_s, burst=settings.frames_burst)
        volume = Bucket(per_s=settings.bytes_per_s, burst=settings.bytes_burst)
        late_s = float("inf")
        while True:
            with trio.move_on_at(late_s) as scope:
                data = await read_some(stream)
            if scope.cancelled_caught:
                raise Gone(f"a frame took longer than {settings.frame_deadline_ms} ms")
            if not data:
                raise Gone("closed")
            link.heard_s = trio.current_time()
            owed, whole = decoder.partial, 0
            for body in decoder.feed(data):
                whole += 1
                event = Frame(peer_id=link.peer_id, body=body)
                try:
                    self._inbox.send_nowait(event)
                except trio.WouldBlock:
                    await self._inbox.send(event)
            now_s = trio.current_time()
            if not decoder.partial:
                late_s = float("inf")
            elif whole or not owed:
                late_s = now_s + settings.frame_deadline_ms / 1000
            wait_s = max(frames.take(whole, now_s), volume.take(len(data), now_s))
            if wait_s > 0:
                await trio.sleep(wait_s)
                late_s += wait_s

    # -- is it alive?

    async def _ping(self, link: Link) -> None:
        interval_s = self._settings.ping_interval_ms / 1000
        stream: INetStream | None = None
        while True:
            try:
                with trio.fail_after(self._settings.ping_deadline_ms / 1000):
                    if stream is None:
                        stream = await open_stream(self._host, link.peer_id, PING_PROTOCOL)
                    asked_s, nonce = trio.current_time(), secrets.token_bytes(PING_BYTES)
                    await write(stream, nonce, self._settings.ping_deadline_ms)
                    if await read_exactly(stream, PING_BYTES) != nonce:
                        return link.end("it answered a ping wrongly")
            except (Gone, RequestFailed, NotConnected) as error:
                return link.end(f"it refused a ping: {error}")
            except trio.TooSlowError:
                return link.end(f"it did not answer a ping within {self._settings.ping_deadline_ms} ms")
            link.heard_s = trio.current_time()
            link.round_trip_ms = round((link.heard_s - asked_s) * 1000)
            # Whatever is heard of the peer, its own pings too, counts as life: one ping per pair and interval is sent.
            due_s = link.heard_s + interval_s
            while due_s > trio.current_time():
                await trio.sleep_until(due_s)
                due_s = link.heard_s + interval_s

    async def on_ping_stream(self, stream: INetStream) -> None:
        """Handler of `/dpnode/ping/1`: every 8 bytes come back at once, within reason."""
        peer_id = PeerId(stream.muxed_conn.peer_id.to_bytes())
        if self._gate.may(peer_id) is not Admission.MEMBER:
            return await put_down(stream)
        pace = Bucket(per_s=5, burst=20)
        try:
            while True:
                data = await read_exactly(stream, PING_BYTES)
                if (link := self._links.get(peer_id)) is not None:
                    link.heard_s = trio.current_time()
                await write(stream, data, self._settings.ping_deadline_ms)
                await trio.sleep(pace.take(1, trio.current_time()))
        except Gone:
            await finish(stream)
        return None
