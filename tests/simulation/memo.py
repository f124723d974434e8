"""Signatures checked once: most of a simulation's time would go there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pytest
from nacl import bindings

from ledger import keys as curve


@contextmanager
def memoised() -> Iterator[None]:
    """Checking the same signature again costs nothing: most of a simulation's time goes there."""
    real = bindings.crypto_sign_open

    class Memo:
        def __getattr__(self, name: str) -> Any:
            return getattr(bindings, name)

        crypto_sign_open = staticmethod(lru_cache(maxsize=100_000)(real))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve, "bindings", Memo())
        yield
