"""What a node does while its disk is full: it signs and writes nothing, answers who asks, and goes on by itself.

The one write that found no room is tried again until there is some. Nothing of the core runs meanwhile: its effects are
performed in order, and none that follows may come before one that lasts. So a witness is silent, as if it were switched
off, and the others go on; whoever only asks is answered, whoever wants something recorded is refused with a sentence.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from dpnode.errors import FailKind, Problem
from dpnode.store.errors import JournalFull, StoreFull, is_full

log = logging.getLogger("dpnode.space")
AGAIN_S = 2.0
"""Between two tries: soon after somebody made room, and next to no work while nobody does."""
T = TypeVar("T")


class Space:
    """Whether this home's disk has room, as those who write to it found."""

    def __init__(self) -> None:
        self._full: dict[object, str] = {}
        """What each write that waits for room was told."""
        self._waiting: set[trio.CancelScope] = set()

    @property
    def why(self) -> str:
        """Why nothing is written or signed now; empty while there is room."""
        return next(iter(self._full.values()), "")

    async def until_written(self, write: Callable[[], Awaitable[T]]) -> T:
        """What `write` gives once there is room for it. Raises whatever else it raises."""
        this = object()
        try:
            while True:
                try:
                    return await write()
                except (StoreFull, JournalFull, OSError, Problem) as error:
                    why = full_disk(error)
                    if why is None:
                        raise
                    if not self._full:
                        log.error("%s", why)
                    self._full[this] = why
                    for scope in self._waiting:
                        scope.cancel()
                await trio.sleep(AGAIN_S)
        finally:
            if self._full.pop(this, None) is not None and not self._full:
                log.warning("there is room on the disk again")

    async def is_done(self, wait: Callable[[], Awaitable[object]]) -> bool:
        """Wait for something that may have to be written first; False once the disk is full."""
        with trio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                if not self.why:
                    await wait()
                    return True
            finally:
                self._waiting.discard(scope)
        return False

    def check(self) -> None:
        """Raise `Problem` while nothing can be written."""
        if self.why:
            raise Problem(FailKind.FAILED, self.why)


def full_disk(error: BaseException) -> str | None:
    """The sentence for the owner where an error says that the disk is full, else None."""
    if isinstance(error, StoreFull | JournalFull):
        return str(error)
    if isinstance(error, OSError) and is_full(error):
        where = f" that holds {error.filename}" if error.filename else ""
        return f"The disk{where} is full: nothing was written, and nothing is signed until there is room."
    cause = error.__cause__
    return None if cause is None else full_disk(cause)
