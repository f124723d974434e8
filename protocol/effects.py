"""What the core wants done, in order: an effect that makes something durable is on disk before the next one begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.block import Block
from ledger.chain import Advance
from ledger.consensus.votes import Certificate, Vote
from ledger.entry import Entry
from protocol.inputs import PeerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """A message for one machine; best effort, so whoever needs an answer keeps a deadline."""

    peer: PeerId
    message: Any
    """One of `protocol.messages`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """Votes of ours, behind the certificates that led to them and the blocks they are for: synced before the rest."""

    certificates: tuple[Certificate, ...]
    blocks: tuple[Block, ...]
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Our voting key signs nothing more: a mark in the journal, synced, and a word to the owner."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What only the owner can judge, shown until the node is started anew: a fork, a history that is not ours."""

    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Blocks that are final, and our pending entries in them forgotten: one transaction. `Stored` follows at once."""

    step: Advance
    certificate: bytes
    """Finalizes the last block of the step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPending:
    """Entries of our own that must survive a power cut until they are final."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPending:
    """Entries that can stand in no block any more."""

    ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """A document of the core: durable before the next effect; None forgets it."""

    kind: str
    id: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRange:
    """Read blocks from the disk and send them; the reading needs no answer here."""

    peer: PeerId
    start: int
    bytes_max: int
    end: int | None = None
    """None above it, if there is a certificate up to there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A submitted entry was signed and kept; `entry_ids` in the order of the operations."""

    token: int
    entry_ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRecorded:
    """A submission broke a rule already known here; nothing was signed."""

    token: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """An entry of ours (or one carried for a guest) stands in a final block, or can no longer."""

    entry_id: bytes
    outcome: str
    """Empty where it was applied, else a refusal's code; ``entry.lapsed`` where it never got in."""
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMoved:
    """The ledger went on: who may connect can have changed, watchers want to know."""

    height: int
    members_changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """A member's machine can be dialled here; an empty tuple: no longer known."""

    peer: PeerId
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaved:
    """A peer broke a rule that no honest peer breaks: say so in the log, end the connection when `fatal`."""

    peer: PeerId
    sentence: str
    fatal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """An effect of the conversation that only the edge can perform: notify, fetch files, answer a command."""

    effect: Any
    token: int | None = None


Effect = (
    Send
    | Journal
    | Halt
    | Alarm
    | Commit
    | KeepPending
    | DropPending
    | Keep
    | ServeRange
    | Recorded
    | NotRecorded
    | Final
    | HeadMoved
    | Addresses
    | Misbehaved
    | Negotiated
)
