"""What is the same for everybody is worked out once: checks of signatures, readings of frames, no rubbish sought.

Most of a simulation's time would go there. A signature that was checked once holds for all; a frame that goes to six
machines says the same to each, and no core changes what it has read.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from nacl import bindings

import protocol.core
from ledger import keys as curve
from protocol.messages import read_message

SIGNATURES_MAX = 100_000
FRAMES_MAX = 2_000


class Patch:
    """Other values for names of modules and classes, until it is undone."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def setattr(self, owner: Any, name: str, value: Any) -> None:
        """As the builtin, remembered."""
        self._before.append((owner, name, owner.__dict__[name]))
        setattr(owner, name, value)

    def undo(self) -> None:
        """Everything as it was, the last first."""
        while self._before:
            setattr(*self._before.pop())


@contextmanager
def patched() -> Iterator[Patch]:
    """A patch that ends with the block."""
    patch = Patch()
    try:
        yield patch
    finally:
        patch.undo()


@contextmanager
def memoised() -> Iterator[None]:
    """Checking the same signature or reading the same frame again costs nothing."""
    real = bindings.crypto_sign_open

    class Memo:
        def __getattr__(self, name: str) -> Any:
            return getattr(bindings, name)

        crypto_sign_open = staticmethod(lru_cache(maxsize=SIGNATURES_MAX)(real))

    with patched() as patch:
        patch.setattr(curve, "bindings", Memo())
        patch.setattr(protocol.core, "read_message", lru_cache(maxsize=FRAMES_MAX)(read_message))
        collecting = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if collecting:
                gc.enable()
            gc.collect()
