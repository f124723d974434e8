"""What reaches the core: the only things a conversation can depend on.

Time and dice come in with the input (`Now`, `fresh`), so the same inputs give the same effects and a bug report is a
list of inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.canonical import Value

PeerId = bytes
"""A libp2p peer id: 38 bytes for an Ed25519 network key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """Both clocks of the machine, read once per input."""

    wall_ms: int
    """Unix milliseconds; may jump."""
    monotonic_ms: int
    """Never goes back; deadlines of conversations count on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerConnected:
    """A member's machine can be talked to."""

    peer: PeerId


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLost:
    """A member's machine is gone."""

    peer: PeerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Bytes a member's machine sent: hostile until decoded."""

    peer: PeerId
    frame: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """No other input is waiting: the moment for work that is better done in bulk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The time the core asked to be woken at has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The commit of the last effect list is on the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """The owner wants these operations recorded, in this order, each as an entry of the working key."""

    operations: tuple[dict[str, Value], ...]
    token: int
    """Given back in every effect that answers."""
    until_ms: int
    """Block time after which an entry that was not included has lapsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """Entries that came by another way than a member's stream: a guest's joining, a file."""

    entries: tuple[Any, ...]
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The owner's offers changed: advertise these."""

    offers: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """Our own addresses changed: tell the members."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiate:
    """An input for the conversation before an award, from the owner's command."""

    input: Any
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reseated:
    """This machine votes under another key from now on; the one before has no seat any more."""

    voter: Any
    """A `protocol.replication.door.Voter`."""


Input = (
    PeerConnected
    | PeerLost
    | Received
    | Quiet
    | Tick
    | Stored
    | Submit
    | Carry
    | Offered
    | Reachable
    | Negotiate
    | Reseated
)
