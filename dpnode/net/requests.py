"""One question, one answer: short streams for what needs no standing link, and files in bulk.

    request   4 bytes of length, body        ->  status, 4 bytes of length, body
    file      4 bytes of length, request     ->  status, 8 bytes of size, then exactly so many bytes

Strangers may ask only what was registered for them (joining). Every side is bounded: size, time, streams at once.
Source: protocol/SPEC.md, the wire.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost

from dpnode.net.api import (
    Admission,
    Answer,
    FileSource,
    Gate,
    NetSettings,
    PeerId,
    Polite,
    Refusal,
    RequestFailed,
)
from dpnode.net.host import put_down
from dpnode.net.streams import WELCOME, Gone, finish, open_stream, read_exactly, read_some, read_status, refuse, write

log = logging.getLogger(__name__)

FILE_PROTOCOL = "/dpnode/file/1"
_LENGTH_BYTES = 4
_SIZE_BYTES = 8

WriteChunk = Callable[[bytes], Awaitable[None]]


class Requests:
    """Asks and answers on short streams."""

    def __init__(self, host: BasicHost, settings: NetSettings, gate: Gate) -> None:
        self._host = host
        self._settings = settings
        self._gate = gate
        self._busy: Counter[tuple[str, PeerId]] = Counter()

    # -- asking

    async def request(self, peer_id: PeerId, protocol: str, body: bytes, deadline_ms: int) -> bytes:
        """Ask and wait for the answer. Errors: NotConnected, RequestRefused, RequestFailed."""
        with trio.move_on_after(deadline_ms / 1000):
            stream = await open_stream(self._host, peer_id, protocol)
            try:
                await write(stream, _question(body), deadline_ms)
                await read_status(stream)
                size = int.from_bytes(await read_exactly(stream, _LENGTH_BYTES), "big")
                if size > self._settings.answer_bytes_max:
                    raise RequestFailed(f"an answer of {size} bytes was announced")
                return await read_exactly(stream, size)
            except Gone as gone:
                raise RequestFailed(f"no whole answer: {gone}") from None
            finally:
                await finish(stream)
        raise RequestFailed(f"no answer within {deadline_ms} ms")

    async def fetch(
        self, peer_id: PeerId, body: bytes, size_max: int, write_chunk: WriteChunk, stall_ms: int | None = None
    ) -> int:
        """Fetch a file: hand its bytes to `write_chunk` as they come, return how many there were.

        The whole has no deadline, every wait for the next bytes has (`stall_ms`). What was written must be checked by
        hash and thrown away on an error. Errors: NotConnected, RequestRefused, RequestFailed.
        """
        wait_s = (stall_ms or self._settings.stall_deadline_ms) / 1000
        try:
            with trio.fail_after(wait_s):
                stream = await open_stream(self._host, peer_id, FILE_PROTOCOL)
            try:
                with trio.fail_after(wait_s):
                    await write(stream, _question(body), round(wait_s * 1000))
                    await read_status(stream)
                    size = int.from_bytes(await read_exactly(stream, _SIZE_BYTES), "big")
                if size > size_max:
                    raise RequestFailed(f"a file of {size} bytes was announced; at most {size_max} were asked for")
                left = size
                while left:
                    with trio.fail_after(wait_s):
                        data = await read_some(stream, min(left, 4 * self._settings.file_chunk_bytes))
                    if not data:
                        raise RequestFailed(f"the file ended {left} bytes early")
                    left -= len(data)
                    await write_chunk(data)
                return size
            except Gone as gone:
                raise RequestFailed(f"the file broke off: {gone}") from None
            finally:
                await finish(stream)
        except trio.TooSlowError:
            raise RequestFailed(f"nothing came for {round(wait_s * 1000)} ms") from None

    # -- answering

    def answer(self, protocol: str, handler: Answer, *, strangers: bool = False) -> None:
        """Answer `protocol` with `handler`, for members only unless `strangers`."""

        async def on_stream(stream: INetStream) -> None:
            async def reply(peer_id: PeerId, body: bytes) -> None:
                with trio.fail_after(self._settings.request_deadline_ms / 1000):
                    got = await handler(peer_id, body)
                    await write(
                        stream,
                        WELCOME + len(got).to_bytes(_LENGTH_BYTES, "big") + got,
                        self._settings.stall_deadline_ms,
                    )

            await self._serve(stream, protocol, self._settings.requests_per_peer_max, strangers, reply)

        self._host.set_stream_handler(TProtocol(protocol), on_stream)

    def offer_files(self, source: FileSource) -> None:
        """Serve files to members from `source`."""

        async def on_stream(stream: INetStream) -> None:
            async def reply(peer_id: PeerId, body: bytes) -> None:
                with trio.fail_after(self._settings.request_deadline_ms / 1000):
                    size, chunks = await source(peer_id, body)
                stall_ms = self._settings.stall_deadline_ms
                async with aclosing(chunks):
                    await write(stream, WELCOME + size.to_bytes(_SIZE_BYTES, "big"), stall_ms)
                    await _pour(stream, size, chunks, stall_ms)

            await self._serve(stream, FILE_PROTOCOL, self._settings.files_per_peer_max, False, reply)

        self._host.set_stream_handler(TProtocol(FILE_PROTOCOL), on_stream)

    async def _serve(
        self,
        stream: INetStream,
        protocol: str,
        at_once_max: int,
        strangers: bool,
        reply: Callable[[PeerId, bytes], Awaitable[None]],
    ) -> None:
        peer_id = PeerId(stream.muxed_conn.peer_id.to_bytes())
        place = (protocol, peer_id)
        admission = self._gate.may(peer_id)
        if admission is Admission.BANNED or (admission is Admission.STRANGER and not strangers):
            return await refuse(stream, Polite(Refusal.NOT_A_MEMBER, "only members of this network may ask this"))
        if self._busy[place] >= at_once_max:
            return await refuse(stream, Polite(Refusal.BUSY, f"at most {at_once_max} at once"))
        self._busy[place] += 1
        try:
            with trio.fail_after(self._settings.request_deadline_ms / 1000):
                size = int.from_bytes(await read_exactly(stream, _LENGTH_BYTES), "big")
                if size > self._settings.request_bytes_max:
                    raise Polite(Refusal.TOO_BIG, f"at most {self._settings.request_bytes_max} bytes")
                body = await read_exactly(stream, size)
            await reply(peer_id, body)
            await finish(stream)
        except Polite as polite:
            await refuse(stream, polite)
        except (Gone, trio.TooSlowError) as error:
            log.debug("%s: a request was given up: %r", protocol, error)
            await put_down(stream)
        except Exception:  # edge of one peer's request: our handler's fault, told without detail
            log.exception("%s: answering failed", protocol)
            await refuse(stream, Polite(Refusal.FAILED, "this node failed to answer"))
        finally:
            self._busy[place] -= 1
            if not self._busy[place]:
                del self._busy[place]
        return None


def _question(body: bytes) -> bytes:
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def _pour(stream: INetStream, size: int, chunks: AsyncGenerator[bytes, None], stall_ms: int) -> None:
    sent = 0
    async for chunk in chunks:
        sent += len(chunk)
        if sent > size:
            break
        await write(stream, chunk, stall_ms)
    if sent != size:
        raise Gone(f"the file offered has {sent} bytes, not the {size} announced")
