"""What reaches a late start and what it wants done: the inputs and effects of `late_start`."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.pieces import Outline
from protocol.inputs import PeerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A machine can be asked."""

    peer: PeerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A machine is gone, and what was asked of it does not come."""

    peer: PeerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A machine answered what it has: hostile until read."""

    peer: PeerId
    reply: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A machine answered a question for a piece: hostile until checked."""

    peer: PeerId
    node: bytes
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """A question was declined or not answered in time."""

    peer: PeerId
    node: bytes | None
    """The piece that was asked for; None where it was the outline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiled:
    """A piece on our disk is not what its name says: a power cut came before it was whole."""

    node: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The time it asked to be woken at has come."""


Input = Connected | Lost | Offered | Brought | Unanswered | Spoiled | Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOutline:
    """Ask a machine what it has; `Offered` or `Unanswered` follows."""

    peer: PeerId


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPiece:
    """Ask a machine for a piece; `Brought` or `Unanswered` follows."""

    peer: PeerId
    node: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepOutline:
    """What is being fetched from now on: to be on the disk before any further piece."""

    begins: bytes
    nodes: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPiece:
    """A piece that holds."""

    node: bytes
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """A machine that may have a snapshot, too, as one that is connected says; nothing of it is proven."""

    peer: PeerId
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAside:
    """A machine brought what no honest one brings, or what cannot be used here: asked no more, and the owner hears."""

    peer: PeerId
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Every piece is on the disk: begin with them. `Spoiled` follows where one of them is not whole."""

    outline: Outline


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """There is no snapshot to be had: begin at the charter."""

    reason: str


Effect = AskOutline | AskPiece | KeepOutline | KeepPiece | Dial | LeftAside | Begin | Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a late start is."""

    height: int
    """Of the block whose state is fetched; 0 before there is one."""
    pieces: int
    of: int
    machines: int
    """That have it."""
