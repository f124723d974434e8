"""Everything that can happen to a negotiation; fresh ids and the time come in from outside.

A closed union: `Negotiation.handle` matches every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.canonical import Value
from ledger.keys import MemberId
from ledger.operations.work_terms import PriceLine
from protocol.capability.places import Place
from protocol.negotiation.contents import Changes, FileNamed
from protocol.negotiation.messages import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What the customer wants, before it is signed as a call."""

    function: bytes
    parameters: Mapping[str, Value] = field(default_factory=dict)
    quantity: int = 1
    deliver_by_ms: int
    reply_by_ms: int | None = None
    """None: as the policy says."""
    automatic: bool | None = None
    """None: as the policy says."""
    where: Place | None = None
    arbiters: tuple[MemberId, ...] = ()
    """Empty: the charter's."""
    design: bytes | None = None
    part: str | None = None
    asset: bytes | None = None
    files: tuple[FileNamed, ...] = ()
    budget: tuple[PriceLine, ...] = ()
    tell_budget: bool = False
    """Whether the call names the budget, or it only bounds the choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The customer calls for proposals."""

    request: JobRequest
    members: tuple[MemberId, ...]
    """Whom the directory matches, best first."""
    fresh: bytes
    """32 random bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message of a member's peer, its envelope opened and its sender certain."""

    member: MemberId
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """A call could not be brought to a member."""

    member: MemberId
    call: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    """The customer awards this proposal."""

    call: bytes
    proposal: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """A person says yes to an item of the inbox: the provider signs, or the customer awards the best."""

    item: bytes
    """The call's id."""
    price_total: int | None = None
    deliver_by_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """A person says no to an item of the inbox."""

    item: bytes
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bargain:
    """The customer asks one provider to propose differently."""

    call: bytes
    member: MemberId
    changes: Changes
    note: str = ""
    fresh: bytes
    """32 random bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """The customer takes a call back."""

    call: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became final of a `Submit`."""

    purpose: bytes
    refused: str | None = None
    """The ledger's code, or "lapsed"; None: it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardedJob:
    """One proposal of a final award."""

    job: bytes
    call: bytes
    customer: MemberId
    provider: MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """A block became final."""

    time_ms: int
    awards: tuple[AwardedJob, ...] = ()
    ended: tuple[bytes, ...] = ()
    """Jobs that ended in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A member's peer is there (again)."""

    member: MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The node runs (again); given once, after `restore`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed."""


Input = (
    Ask
    | Heard
    | Unreachable
    | Choose
    | Approve
    | Decline
    | Bargain
    | Withdraw
    | Recorded
    | Final
    | Connected
    | Started
    | Tick
)
