"""Bytes over one libp2p stream, with every wait bounded and every failure one exception, `Gone`.

Mend 10 begins here: upstream resets a stream whose reader pauses for five seconds, even with an honest reader that is
only slowed. `write` never lets upstream meet a closed window: it waits for room itself, up to the caller's deadline.

Refusals. An answering side begins with one status byte: 0 goes on, any other is a `Refusal` code followed by one length
byte and up to 255 bytes of UTF-8 text, then the stream ends. Source: protocol/SPEC.md, the wire.
"""

from __future__ import annotations

import logging
from typing import Any

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.host.basic_host import BasicHost
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.peer.id import ID

from dpnode.net.api import NotConnected, PeerId, Polite, Refusal, RequestFailed, RequestRefused
from dpnode.net.host import put_down

log = logging.getLogger(__name__)

WELCOME = b"\0"
READ_BYTES = 256 << 10
_DRAIN_READS_MAX = 64
PIECE_BYTES = 65_535 - 16 - 12
"""One yamux frame (12 bytes of header) in one Noise message (16 bytes of tag): one encryption, one system call."""
_WINDOW_POLL_S = 0.005
"""Upstream wakes nobody when a window opens; it polls every 10 ms itself."""


class Gone(Exception):
    """The stream or its connection ended, or the peer was too slow."""


async def read_some(stream: INetStream, most: int = READ_BYTES) -> bytes:
    """What is there, at most `most` bytes; empty at the peer's end of stream. Errors: Gone."""
    try:
        return await stream.read(most)
    except StreamEOF:
        return b""
    except (BaseLibp2pError, trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
        raise Gone(type(error).__name__) from None


async def read_exactly(stream: INetStream, size: int) -> bytes:
    """Exactly `size` bytes. Errors: Gone, also at an early end."""
    got = bytearray()
    while len(got) < size:
        data = await read_some(stream, size - len(got))
        if not data:
            raise Gone("ended early")
        got += data
    return bytes(got)


async def write(stream: INetStream, data: bytes, stall_ms: int) -> None:
    """Write all of `data`. Errors: Gone, also when the peer reads nothing for `stall_ms`."""
    muxed: Any = stream.muxed_stream  # type: ignore[attr-defined]
    at = 0
    try:
        while at < len(data):
            await _room(muxed, stall_ms)
            piece = data[at : at + min(muxed.send_window, PIECE_BYTES)]
            await stream.write(piece)
            at += len(piece)
    except (BaseLibp2pError, trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
        raise Gone(type(error).__name__) from None


async def _room(muxed: Any, stall_ms: int) -> None:
    if muxed.send_window > 0:
        return
    with trio.move_on_after(stall_ms / 1000):
        while muxed.send_window <= 0:
            if muxed.closed or muxed.send_closed:
                raise Gone("closed while waiting to write")
            await trio.sleep(_WINDOW_POLL_S)
        return
    raise Gone(f"read nothing for {stall_ms} ms")


async def finish(stream: INetStream) -> None:
    """Say that we are done and forget the stream, within a second; what was written before still arrives.

    Without the reset after the close, yamux would keep the stream until the peer closes too, which it may never do.
    """
    with trio.move_on_after(1, shield=True):
        try:
            await stream.close()
        except BaseLibp2pError as error:
            log.debug("closing a stream: %r", error)
    await put_down(stream)


async def refuse(stream: INetStream, polite: Polite, stall_ms: int = 2_000) -> None:
    """Say no and close, reading on for a moment: a reset while the peer still writes would swallow the refusal."""
    words = polite.text.encode()[:255].decode(errors="ignore").encode()
    with trio.move_on_after(stall_ms / 1000):
        try:
            await write(stream, bytes([polite.reason, len(words)]) + words, stall_ms)
            await stream.close()
            for _ in range(_DRAIN_READS_MAX):
                if not await read_some(stream):
                    break
        except (Gone, BaseLibp2pError) as error:
            log.debug("refusing a stream: %r", error)
    await put_down(stream)


async def read_status(stream: INetStream) -> None:
    """Read the status byte. Errors: RequestRefused with the peer's code and text; Gone."""
    code = (await read_exactly(stream, 1))[0]
    if code == 0:
        return
    try:
        reason: Refusal | None = Refusal(code)
    except ValueError:
        reason = None
    size = (await read_exactly(stream, 1))[0]
    raise RequestRefused(reason, (await read_exactly(stream, size)).decode(errors="replace"))


async def open_stream(host: BasicHost, peer_id: PeerId, protocol: str) -> INetStream:
    """Open a stream on a connection that exists; never dials. Errors: NotConnected, RequestFailed."""
    if not connections_of(host, peer_id):
        raise NotConnected("no connection to this peer")
    try:
        return await host.new_stream(ID(peer_id), [TProtocol(protocol)])
    except (BaseLibp2pError, trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
        raise RequestFailed(f"cannot open {protocol}: {error}") from None


def connections_of(host: BasicHost, peer_id: PeerId) -> list[Any]:
    """The live connections to a peer."""
    return [one for one in host.get_network().get_connections(ID(peer_id)) if not one.is_closed]
