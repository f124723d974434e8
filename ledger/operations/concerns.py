"""What is open and whom it concerns: a list by owner of offers, lendings and a group's acts (SPEC H-4).

Each is one record under its own key; this list only says where to look, so that an owner's page reads nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger.state import Overlay, View

ACT, LENT, OFFER = b"a", b"l", b"o"
"""The letter each has in state keys."""


def note(tx: Overlay, letter: bytes, identity: bytes, owners: Iterable[bytes]) -> None:
    """Put something open on the lists of those it concerns."""
    for owner in owners:
        tx.put(_key(owner, letter) + identity, True)


def forget(tx: Overlay, letter: bytes, identity: bytes, owners: Iterable[bytes]) -> None:
    """It is over."""
    for owner in owners:
        tx.delete(_key(owner, letter) + identity)


def of(view: View, letter: bytes, owner: bytes) -> list[bytes]:
    """Ids of what concerns an owner, in order."""
    head = _key(owner, letter)
    return [key[len(head) :] for key, _ in view.raw_range(head)]


def _key(owner: bytes, letter: bytes) -> bytes:
    return b"concerns/" + owner + letter
