"""What members' machines say to each other: a closed set of messages and their one encoding (SPEC P-1 to P-3).

A frame is the canonical bytes of ``{"t": type, ...}``. Each message is a frozen dataclass with a form; decoding
checks form and bounds and nothing else. Entries, blocks and statements travel as the bytes they were signed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from ledger.canonical import Value, decode, encode
from ledger.errors import RemoteError
from ledger.form import ID, Bytes, Form, Int, List, Map, Text
from ledger.statement import STATEMENT
from protocol.limits import (
    ADVERTS_PER_MESSAGE,
    DEFINITION_BYTES_MAX,
    DEFINITIONS_PER_MESSAGE,
    ENTRIES_PER_MESSAGE,
    FRAME_BYTES_MAX,
    HAVE_PER_MESSAGE,
)

_PAIR = List(Bytes(1, 65_536), 2, 2)


class Anything:
    """Any value: its owner checks the form."""

    __slots__ = ()

    def check(self, value: Value, path: str = "") -> None:
        """Accept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """First on every connection: which network, how far, and where else this machine can be reached."""

    TYPE: ClassVar[str] = "hello"
    FORM: ClassVar[Map] = Map({"block": ID, "height": Int(), "network": ID}, {"record": STATEMENT})
    network: bytes
    height: int
    block: bytes
    record: dict[str, Value] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHead:
    """The sender's ledger has come to here."""

    TYPE: ClassVar[str] = "head"
    FORM: ClassVar[Map] = Map({"block": ID, "height": Int(1)})
    height: int
    block: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRange:
    """Please send blocks from `start` on, about so many bytes of them."""

    TYPE: ClassVar[str] = "ask-range"
    FORM: ClassVar[Map] = Map({"bytes": Int(1, FRAME_BYTES_MAX), "start": Int(1)})
    start: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Consecutive blocks, and the certificate that finalizes the last."""

    TYPE: ClassVar[str] = "blocks"
    FORM: ClassVar[Map] = Map(
        {
            "blocks": List(Bytes(1, FRAME_BYTES_MAX), 0, 4096),
            "certificate": Bytes(0, 8192),
            "height": Int(),
            "start": Int(1),
        }
    )
    start: int
    """Height of the first block."""
    blocks: list[bytes]
    certificate: bytes
    height: int
    """The sender's own height, so that the asker knows whether there is more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Pending entries, each as its signed bytes and signature."""

    TYPE: ClassVar[str] = "entries"
    FORM: ClassVar[Map] = Map({"entries": List(_PAIR, 1, ENTRIES_PER_MESSAGE)})
    entries: list[list[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Have:
    """Which adverts the sender holds: [member, version]."""

    TYPE: ClassVar[str] = "have"
    FORM: ClassVar[Map] = Map(
        {"adverts": List(List(Anything(), 2, 2), 0, HAVE_PER_MESSAGE)},
    )
    adverts: list[list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adverts:
    """What workshops offer, each as its author signed it."""

    TYPE: ClassVar[str] = "adverts"
    FORM: ClassVar[Map] = Map({"adverts": List(STATEMENT, 1, ADVERTS_PER_MESSAGE)})
    adverts: list[dict[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Where members' machines can be dialled, each as its owner signed it."""

    TYPE: ClassVar[str] = "records"
    FORM: ClassVar[Map] = Map({"records": List(STATEMENT, 1, ADVERTS_PER_MESSAGE)})
    records: list[dict[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDefinitions:
    """Please send these functions' definitions."""

    TYPE: ClassVar[str] = "ask-definitions"
    FORM: ClassVar[Map] = Map({"hashes": List(ID, 1, DEFINITIONS_PER_MESSAGE)})
    hashes: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """Functions' definitions as canonical bytes, which the asker hashes."""

    TYPE: ClassVar[str] = "definitions"
    FORM: ClassVar[Map] = Map({"definitions": List(Bytes(1, DEFINITION_BYTES_MAX), 1, DEFINITIONS_PER_MESSAGE)})
    definitions: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A message of the conversation before an award; `protocol.negotiation.messages` reads its body."""

    TYPE: ClassVar[str] = "talk"
    FORM: ClassVar[Map] = Map({"body": Anything(), "kind": Text(24)})
    kind: str
    body: dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOffer:
    """Units of an asset offered to the receiving member, as the giver signed it."""

    TYPE: ClassVar[str] = "share-offer"
    FORM: ClassVar[Map] = Map({"offer": STATEMENT})
    offer: dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareAccepted:
    """The receiver's signature under the transfer that was offered."""

    TYPE: ClassVar[str] = "share-accepted"
    FORM: ClassVar[Map] = Map({"accept": STATEMENT})
    accept: dict[str, Value]


Message = (
    Hello
    | NewHead
    | AskRange
    | Blocks
    | Entries
    | Have
    | Adverts
    | Records
    | AskDefinitions
    | Definitions
    | Talk
    | ShareOffer
    | ShareAccepted
)

MESSAGES: dict[str, type[Any]] = {kind.TYPE: kind for kind in get_args(Message)}


class NotUnderstood(RemoteError):
    """A frame that is no message of this protocol."""


def write_message(message: Message) -> bytes:
    """The frame of a message."""
    form: Map = message.FORM
    content: dict[str, Value] = {"t": message.TYPE}
    for name in (*form.required, *form.optional):
        value = getattr(message, name)
        if value is not None:
            content[name] = value
    return encode(content)


def read_message(frame: bytes) -> Message:
    """The message in a frame; raises `NotUnderstood`, `NotCanonical` or `Malformed`."""
    value = decode(frame, bytes_max=FRAME_BYTES_MAX)
    if value.__class__ is not dict:
        raise NotUnderstood("a message is a map")
    name = value.pop("t", None)
    kind = MESSAGES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise NotUnderstood("there is no such message")
    form: Form = kind.FORM
    form.check(value)
    message: Message = kind(**value)
    return message
