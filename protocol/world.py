"""The world as the conversation sees it: final state, the directory and the owner's own offers behind one port.

Implements `protocol.negotiation.world.World`; every answer is read, nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ledger.canonical import Value
from ledger.chain import Chain
from ledger.keys import MemberId, PublicKey
from ledger.operations import accounts, members
from ledger.operations.work_award import closed_by
from ledger.operations.work_job import Job
from ledger.operations.work_queries import job as job_view
from ledger.operations.work_queries import open_jobs
from ledger.operations.work_standing import standing
from protocol.capability.places import Place
from protocol.negotiation.world import JobSeen, Quote, Standing

Quotes = Callable[[bytes, Mapping[str, Value], int], tuple[Quote, ...]]


class LedgerWorld:
    """Questions about the last final state and our own bench."""

    def __init__(self, chain: Chain, quotes: Quotes, place_of: Callable[[MemberId], Place | None]) -> None:
        self._chain = chain
        self._quotes = quotes
        self._place_of = place_of

    @property
    def block_time_ms(self) -> int:
        """The time of the last final block."""
        return self._chain.head.time_ms

    def is_member(self, member: MemberId) -> bool:
        """Whether `member` is one now."""
        return members.is_member(self._chain.state, member)

    def working_key_of(self, key: PublicKey) -> MemberId | None:
        """Whose current working key this is."""
        return members.working_key_of(self._chain.state, key)

    def joined_ms(self, member: MemberId) -> int | None:
        """Block time of joining; None for a stranger."""
        record = members.member_record(self._chain.state, member)
        return None if record is None else int(record["joined"])

    def standing(self, member: MemberId) -> Standing:
        """Jobs kept and broken."""
        counted = standing(self._chain.state, member)
        return Standing(kept=counted.accepted, broken=counted.failed + counted.disputes_lost)

    def free_credit(self, member: MemberId, credit: bytes) -> int:
        """Smallest units not held."""
        return accounts.free(self._chain.state, member, "credit", credit)

    def call_closed(self, call: bytes, customer: MemberId) -> bool:
        """Whether a final award of this customer named this call."""
        return closed_by(self._chain.state, call, customer) is not None

    def job(self, job: bytes) -> JobSeen | None:
        """The job of this id, open or ended."""
        seen = job_view(self._chain.state, job)
        return None if seen is None else _seen(seen.job)

    def open_jobs(self, provider: MemberId) -> tuple[JobSeen, ...]:
        """The provider's jobs that have not ended, in order of id."""
        jobs = [_seen(job) for job in open_jobs(self._chain.state, provider) if job.provider == provider]
        return tuple(sorted(jobs, key=lambda job: job.id))

    def owners_of(self, asset: bytes) -> tuple[tuple[MemberId, int], ...]:
        """Who holds how many units; empty for an unknown asset."""
        holders = accounts.holders(self._chain.state, "units", asset)
        return tuple((member, free + held) for member, free, held in holders)

    def charter_arbiters(self) -> tuple[MemberId, ...]:
        """Whom the charter names when a call names nobody."""
        return self._chain.charter.arbiters

    def place_of(self, member: MemberId) -> Place | None:
        """About where, if the member says."""
        return self._place_of(member)

    def quotes(self, function: bytes, parameters: Mapping[str, Value], quantity: int) -> tuple[Quote, ...]:
        """What each of our own offers of this function says."""
        return self._quotes(function, parameters, quantity)


def _seen(job: Job) -> JobSeen:
    return JobSeen(
        id=job.id,
        call=job.call,
        customer=job.customer,
        provider=job.provider,
        function=job.function,
        parameters={},
        quantity=job.quantity,
        deliver_by_ms=job.deliver_by_ms,
        open=job.is_open,
    )
