"""Signatures checked once for all tests of the consensus: the curve says the same every time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
from nacl import bindings

from ledger import keys


class _Remembered:
    """The curve, with the answers it gave."""

    crypto_sign_open = staticmethod(lru_cache(1 << 17)(bindings.crypto_sign_open))

    def __getattr__(self, name: str) -> Any:
        return getattr(bindings, name)


@pytest.fixture(autouse=True)
def signatures_are_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "bindings", _Remembered())
