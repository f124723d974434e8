"""What a witness's machine takes in and gives out: the events, messages and effects of one epoch's ordering.

A closed set, so that another engine can stand behind the same door. Nothing here is bytes: the conversation around it
gives each message its form on the wire, and only what passed that form arrives here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.block import Block
from ledger.consensus.votes import Certificate, Vote

PeerName = bytes
"""Whatever the caller calls the machine a message came from."""


# -- between witnesses


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The leader's notarize vote and the block it is for (V-15)."""

    vote: Vote
    block: Block | None
    """None for a carry, whose body everybody should have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """Votes of the sender, or that it was asked for."""

    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Certificates of this epoch, in the order in which they are to be taken in."""

    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """Blocks that are not final yet."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Please send what you have of these views' certificates and of these blocks."""

    epoch: int
    views: tuple[int, ...]
    blocks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the sender stands: said on every new connection and with each repetition."""

    epoch: int
    view: int
    floor: int
    is_working: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOwn:
    """A witness that has just started wants to know what it signed before (V-21)."""

    epoch: int
    token: int
    """Comes back in the answer, so that one to an earlier start does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """The asker's votes that the sender has seen, loose and in certificates."""

    epoch: int
    token: int
    votes: tuple[Vote, ...]
    certificates: tuple[Certificate, ...]


Word = Proposal | Votes | Certificates | Bodies | Ask | Standing | AskOwn | Own


# -- events


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Once, before anything else."""

    token: int
    """New at every start of the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message; hostile until each vote and certificate in it was checked."""

    peer: PeerName
    place: int | None
    """The sender's place in the epoch's list, if it is a witness's machine."""
    word: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A member's machine can be talked to."""

    peer: PeerName


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """Time has passed, or entries came: look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The head has moved, by what was finalized here or by a range from elsewhere: give `Woken` soon."""

    certificate: Certificate
    earlier: tuple[Certificate, ...] = ()
    """Those that came with the same range, for blocks before its last."""


Event = Started | Heard | Met | Woken | Settled


# -- effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Synced to the journal, in this order, before anything after it (V-9)."""

    certificates: tuple[Certificate, ...]
    blocks: tuple[Block, ...]
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Send a message: to one machine, or where `peer` is None to every witness's."""

    peer: PeerName | None
    word: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalized:
    """The blocks from the head to this one are final. `Settled` follows before any other event."""

    block: bytes
    certificate: Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two votes that convict the key that signed them (V-14)."""

    one: Vote
    two: Vote


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted:
    """This witness votes no more under its key: a mark in the journal, and a word to the owner (V-10, V-21)."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Something that more than f faulty witnesses alone can cause: an alarm that names what was seen."""

    reason: str
    certificates: tuple[Certificate, ...]


Effect = Write | Tell | Finalized | Conflict | Halted | Broken
