"""What the two machines may ask about the world: a read-only port onto final state, the directory and own offers.

Every answer is a value at one instant; asking changes nothing. The composition answers from the ledger's queries and
the capability room, a test from a dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ledger.canonical import Value
from ledger.keys import MemberId, PublicKey
from ledger.operations.work_terms import PriceLine
from protocol.capability.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the ledger's receipts say of a member's ended jobs, and nothing else."""

    kept: int
    broken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSeen:
    """A job as the ledger holds it."""

    id: bytes
    call: bytes
    customer: MemberId
    provider: MemberId
    function: bytes
    parameters: Mapping[str, Value]
    quantity: int
    deliver_by_ms: int
    open: bool
    """False once it ended: done, cancelled, failed, voided, ruled or split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What one own offer says to a want: what stands against it, or its price and time."""

    offer: str
    machine: str
    """Two offers of one machine share its calendar."""
    asset: bytes | None
    """The machine as an asset of the ledger, if it is one."""
    unfit: tuple[str, ...]
    """Sentences; empty: the want is within the offer's limits."""
    price: tuple[PriceLine, ...]
    """For the whole quantity; empty: the offer states none."""
    unpriced: str = ""
    """Why there is no price."""
    left_open: tuple[str, ...] = ()
    """Parameters that the offer limits and the want does not state."""
    price_lines: tuple[str, ...]
    """The sum, line by line, for `why`."""
    duration_ms: int
    lead_ms: int
    automatic: bool = True
    """False: the offer's owner wants to see every call of it."""
    hours: tuple[tuple[int, int], ...]
    """(opening, closing) minutes of the week in UTC, Monday 0:00 = 0, ascending, disjoint; empty: always open."""


class World(Protocol):
    """Pure questions; the same state gives the same answers."""

    @property
    def block_time_ms(self) -> int:
        """The time of the last final block."""

    def is_member(self, member: MemberId) -> bool:
        """Whether `member` is one now."""

    def working_key_of(self, key: PublicKey) -> MemberId | None:
        """Whose current working key this is."""

    def joined_ms(self, member: MemberId) -> int | None:
        """Block time of joining; None for a stranger."""

    def standing(self, member: MemberId) -> Standing:
        """Jobs kept and broken, as provider or customer."""

    def free_credit(self, member: MemberId, credit: bytes) -> int:
        """Smallest units not held."""

    def call_closed(self, call: bytes, customer: MemberId) -> bool:
        """Whether a final award of this customer named this call (SPEC W-7)."""

    def job(self, job: bytes) -> JobSeen | None:
        """The job of this id, open or ended."""

    def open_jobs(self, provider: MemberId) -> tuple[JobSeen, ...]:
        """The provider's jobs that have not ended, in order of id."""

    def owners_of(self, asset: bytes) -> tuple[tuple[MemberId, int], ...]:
        """Who holds how many units; empty for an unknown asset."""

    def charter_arbiters(self) -> tuple[MemberId, ...]:
        """Whom the charter names when a call names nobody."""

    def place_of(self, member: MemberId) -> Place | None:
        """About where, if the member says."""

    def quotes(self, function: bytes, parameters: Mapping[str, Value], quantity: int) -> tuple[Quote, ...]:
        """What each of my own offers of this function says; empty: I offer no such function."""
