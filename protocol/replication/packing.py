"""How adverts and records lie on our disk, and how many adverts go into one message."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.canonical import Value
from ledger.keys import PublicKey, Signature
from ledger.statement import Statement
from protocol.capability.advertisement import Advert
from protocol.limits import ADVERTS_PER_MESSAGE
from protocol.messages import Adverts

MESSAGE_BYTES_MAX = 512 << 10
"""Adverts in one message: room below a frame for their framing."""
_FRAMING_BYTES = 160
"""Key, signature and heads of one statement."""


def kept_bytes(statement: Statement) -> bytes:
    """A statement as it is kept: key, signature, body."""
    return statement.key + statement.signature + statement.body


def kept_statement(purpose: str, value: bytes) -> Statement:
    """The statement in bytes of `kept_bytes`."""
    return Statement(purpose=purpose, key=PublicKey(value[:32]), signature=Signature(value[32:96]), body=value[96:])


def in_messages(adverts: Sequence[Advert]) -> list[Adverts]:
    """Adverts in messages below the frame's size."""
    parts: list[list[dict[str, Value]]] = []
    room_bytes = 0
    for advert in adverts:
        weight = len(advert.statement.body) + _FRAMING_BYTES
        if room_bytes < weight or len(parts[-1]) == ADVERTS_PER_MESSAGE:
            parts.append([])
            room_bytes = MESSAGE_BYTES_MAX
        parts[-1].append(advert.statement.to_value())
        room_bytes -= weight
    return [Adverts(adverts=part) for part in parts]
