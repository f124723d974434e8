"""Frames on a member stream: 4 bytes of big-endian length, then the body. Pure.

A length of zero or above the bound is a broken peer: the stream cannot be followed any further. The decoder never holds
more than one frame and one read, whatever arrives. Source: protocol/SPEC.md, the wire.
"""

from __future__ import annotations

from collections.abc import Iterator

HEAD_BYTES = 4


class BrokenFrame(Exception):
    """The peer announced a frame that cannot be; its stream is lost."""


def frame(body: bytes) -> bytes:
    """One frame of a body of 1 to 2^32 - 1 bytes."""
    return len(body).to_bytes(HEAD_BYTES, "big") + body


class FrameDecoder:
    """Cuts what arrives into frames: `feed` bytes, iterate over whole bodies."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._bytes_max = frame_bytes_max
        self._held = bytearray()

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and not ended: its sender owes us bytes."""
        return bool(self._held)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Bodies completed by `data`; raises BrokenFrame at the first impossible length."""
        held, at = self._held, 0
        held += data
        try:
            while len(held) - at >= HEAD_BYTES:
                size = int.from_bytes(held[at : at + HEAD_BYTES], "big")
                if not 0 < size <= self._bytes_max:
                    raise BrokenFrame(f"a frame of {size} bytes was announced; the most is {self._bytes_max}")
                if len(held) - at < HEAD_BYTES + size:
                    break
                at += HEAD_BYTES + size
                yield bytes(memoryview(held)[at - size : at])
        finally:
            del held[:at]
