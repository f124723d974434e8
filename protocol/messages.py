"""What members' machines say to each other: a closed set of messages and their one encoding (SPEC P-1 to P-3).

A frame is the canonical bytes of ``{"t": type, ...}``. Each message is a frozen dataclass with a form; decoding
checks form and bounds and nothing else. Entries, blocks and statements travel as the bytes they were signed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from ledger.canonical import Value, decode, encode
from ledger.consensus.votes import CERTIFICATE_BYTES_MAX, VOTE
from ledger.errors import RemoteError
from ledger.form import ID, MOMENT_MS, Bytes, Flag, Form, Int, List, Map, Text
from ledger.statement import STATEMENT
from protocol.limits import (
    ADVERTS_PER_MESSAGE,
    CERTIFICATES_PER_MESSAGE,
    DEFINITION_BYTES_MAX,
    DEFINITIONS_PER_MESSAGE,
    ENTRIES_PER_MESSAGE,
    FRAME_BYTES_MAX,
    HAVE_PER_MESSAGE,
    IDS_PER_MESSAGE,
    VOTES_PER_MESSAGE,
)

_PAIR = List(Bytes(1, 65_536), 2, 2)
_CERTIFICATE = Bytes(1, CERTIFICATE_BYTES_MAX)


class Anything:
    """Any value: its owner checks the form."""

    __slots__ = ()

    def check(self, value: Value, path: str = "") -> None:
        """Accept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """First on every connection: which network, how far, and where else this machine can be reached."""

    TYPE: ClassVar[str] = "hello"
    FORM: ClassVar[Map] = Map({"block": ID, "height": Int(), "network": ID}, {"record": STATEMENT, "time": MOMENT_MS})
    network: bytes
    height: int
    block: bytes
    record: dict[str, Value] | None = None
    time: int | None = None
    """The sender's clock, in Unix milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHead:
    """The sender's ledger has come to here."""

    TYPE: ClassVar[str] = "head"
    FORM: ClassVar[Map] = Map({"block": ID, "height": Int(1)}, {"time": MOMENT_MS})
    height: int
    block: bytes
    time: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A leader's notarize vote and, unless the block is carried, the block."""

    TYPE: ClassVar[str] = "proposal"
    FORM: ClassVar[Map] = Map({"vote": VOTE}, {"block": Bytes(1, FRAME_BYTES_MAX)})
    vote: dict[str, Value]
    block: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    """Votes of witnesses."""

    TYPE: ClassVar[str] = "votes"
    FORM: ClassVar[Map] = Map({"votes": List(VOTE, 1, VOTES_PER_MESSAGE)})
    votes: list[dict[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """Certificates of an epoch's views."""

    TYPE: ClassVar[str] = "certificates"
    FORM: ClassVar[Map] = Map({"certificates": List(_CERTIFICATE, 1, CERTIFICATES_PER_MESSAGE)})
    certificates: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A block that is not final yet."""

    TYPE: ClassVar[str] = "body"
    FORM: ClassVar[Map] = Map({"block": Bytes(1, FRAME_BYTES_MAX)})
    block: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AskViews:
    """Please send what is known of these views, and these blocks."""

    TYPE: ClassVar[str] = "ask-views"
    FORM: ClassVar[Map] = Map({"blocks": List(ID, 0, 4), "epoch": Int(1), "views": List(Int(1), 0, 64)})
    epoch: int
    views: list[int]
    blocks: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """Where the sender stands in the agreement on the order."""

    TYPE: ClassVar[str] = "standing"
    FORM: ClassVar[Map] = Map({"epoch": Int(1), "floor": Int(), "view": Int(1), "works": Flag()})
    epoch: int
    floor: int
    view: int
    works: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOwnVotes:
    """A witness has started and asks what it signed before."""

    TYPE: ClassVar[str] = "ask-own"
    FORM: ClassVar[Map] = Map({"epoch": Int(1), "token": Int()})
    epoch: int
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnVotes:
    """What the sender has seen of the asker's votes."""

    TYPE: ClassVar[str] = "own-votes"
    FORM: ClassVar[Map] = Map(
        {
            "certificates": List(_CERTIFICATE, 0, CERTIFICATES_PER_MESSAGE),
            "epoch": Int(1),
            "token": Int(),
            "votes": List(VOTE, 0, VOTES_PER_MESSAGE),
        }
    )
    certificates: list[bytes]
    epoch: int
    token: int
    votes: list[dict[str, Value]]


Ordering = Proposed | Voted | Certified | Body | AskViews | Stands | AskOwnVotes | OwnVotes
"""What witnesses say to each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRange:
    """Please send blocks from `start` on, about so many bytes of them and none beyond `end`."""

    TYPE: ClassVar[str] = "ask-range"
    FORM: ClassVar[Map] = Map({"bytes": Int(1, FRAME_BYTES_MAX), "start": Int(1)}, {"end": Int(1)})
    start: int
    bytes: int
    end: int | None = None


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
class Pending:
    """Ids of entries that wait at the sender."""

    TYPE: ClassVar[str] = "pending"
    FORM: ClassVar[Map] = Map({"ids": List(ID, 1, IDS_PER_MESSAGE)})
    ids: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskEntries:
    """Please send these entries, if they still wait."""

    TYPE: ClassVar[str] = "ask-entries"
    FORM: ClassVar[Map] = Map({"ids": List(ID, 1, ENTRIES_PER_MESSAGE)})
    ids: list[bytes]


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
    | Ordering
    | NewHead
    | AskRange
    | Blocks
    | Entries
    | Pending
    | AskEntries
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
