"""What one operation is: its name, its form, who may sign it, and the rule that applies it.

A rule is ``apply(tx, op, context) -> Refusal | None``. It writes to `tx` as it goes; when it refuses, the fold throws
the whole overlay away, so a refused entry changes nothing (invariant 11).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import Refusal
from ledger.form import Choice, Map
from ledger.keys import MemberId, PublicKey
from ledger.state import Overlay
from ledger.statement import Statement

if TYPE_CHECKING:
    from ledger.charter import Limits


class Role(StrEnum):
    """What a key is for; an operation names the one role that may sign it (SPEC M-2)."""

    WORKING = "working"
    """A machine's everyday key."""
    ROOT = "root"
    """The member's own key, kept offline; it names working keys and nothing else."""
    INVITE = "invite"
    """A one-use key whose seed the guest holds."""
    VOTING = "voting"
    """A witness's key; it signs votes, never entries."""


class Context(NamedTuple):
    """What a rule may know besides the state; made for each entry, three times as fast as a dataclass."""

    network: bytes
    time_ms: int
    """The block's time: the only clock there is."""
    height: int
    author: MemberId
    """Whose key signed the entry (for an invitation key: the sponsor)."""
    key: PublicKey
    entry_id: bytes
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class DueContext:
    """What a rule may know that runs by itself at a block time."""

    time_ms: int
    height: int
    limits: Limits


Apply = Callable[[Overlay, dict[str, Any], Context], Refusal | None]
Statements = Callable[[dict[str, Any]], list[Statement]]
DueRule = Callable[[Overlay, bytes, DueContext], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing members can do."""

    name: str
    """With its version, e.g. ``work.award/1``; a changed rule is a new version."""
    form: Map
    """Shape and bounds of everything but ``t``."""
    apply: Apply
    signer: Role = Role.WORKING
    statements: Statements | None = None
    """Every second consent inside, whose signatures are checked before the entry counts as includable (SPEC E-3)."""
    for_groups: bool = False
    """Whether a group may do it as well, by an act that enough of its members agreed to (SPEC GR-6)."""
    is_reserved: bool = False
    """Receipts and key rotations draw on a reserve beyond the daily allowance (SPEC E-6)."""
    whole: Map = field(init=False)
    """The form with ``t``, so that an operation is checked as it stands."""

    def __post_init__(self) -> None:
        required = {"t": Choice(self.name), **self.form.required}
        object.__setattr__(self, "whole", Map(required, self.form.optional))
