"""A job as the state keeps it: one record, its log, and the lists it stands in.

State (all ids 32 bytes): `job/<job>` the record; `job-log/<job><number, 4 bytes>` one line per move (W-28);
`job-open/<member><job>` and `job-ended/<member><job>` each member's jobs with the time of award (W-29);
`call/<call><customer>` the award that closed a call for that customer (W-7).
Invariants: while a job is open its hold holds exactly `left`; accepted + under inspection <= quantity; `owed` is what
was rejected and not delivered anew.
Not here: any rule about who may change it (`work_stages`, `work_moves`).
Source: SPEC W-7, W-28, W-29.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger.canonical import INTEGER_MAX
from ledger.keys import MemberId
from ledger.operations.work_stages import ENDS, Party, Stage
from ledger.operations.work_terms import PriceLine, Terms, read_price, read_terms
from ledger.state import Overlay, View

LOG_NUMBER_BYTES = 4
"""Four thousand million moves: at the daily allowance of entries a job would last millions of days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Pieces under inspection that came together."""

    at_ms: int
    """Block time of the delivery; its inspection time runs from here."""
    pieces: int
    """What is left of it without a receipt; at least 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """Why a job is frozen, and since when."""

    by: MemberId
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One awarded proposal and how far it has come."""

    id: bytes
    """The proposal's id; its money is held under the same."""
    award: bytes
    """The entry that awarded it; the proposal stands there in full."""
    call: bytes
    function: bytes
    customer: MemberId
    provider: MemberId
    arbiter: MemberId
    quantity: int
    """Pieces ordered."""
    price: tuple[PriceLine, ...]
    terms: Terms
    deliver_by_ms: int
    until_ms: int
    """Until when the offer stood."""
    awarded_ms: int
    awarded_height: int
    extras: dict[str, Any] = field(default_factory=dict)
    """asset, design, part, prose where the proposal names them."""
    stage: Stage
    paid: tuple[int, ...]
    """To the provider so far, one amount per price line."""
    delivered: int = 0
    """Pieces delivered, replacements counted again; stops at 2^53 - 1, as do `rejected` and `claimed`."""
    accepted: int = 0
    """Pieces paid for in full, claimed ones included."""
    claimed: int = 0
    """Of these, pieces paid because nobody answered."""
    rejected: int = 0
    owed: int = 0
    """Pieces rejected and not delivered anew."""
    open: tuple[Delivery, ...] = ()
    """Under inspection, oldest first."""
    rejected_ms: int = 0
    """Block time of the latest rejection, 0 before any."""
    percent: int | None = None
    """As the provider last said."""
    dispute: Dispute | None = None
    moved_ms: int
    """Block time of the latest move."""
    moves: int = 0
    """Lines in the log."""

    @property
    def is_open(self) -> bool:
        """Whether anything can still happen to it."""
        return self.stage not in ENDS

    @property
    def left(self) -> tuple[int, ...]:
        """Per price line, what was not paid: held while the job is open, given back once it ended."""
        return tuple(line.amount - paid for line, paid in zip(self.price, self.paid, strict=True))

    @property
    def inspecting(self) -> int:
        """Pieces under inspection."""
        return sum(delivery.pieces for delivery in self.open)

    def party_of(self, member: bytes) -> Party | None:
        """Who `member` is to this job: at most one thing, since parties and arbiter differ (W-4, W-9)."""
        match member:
            case self.customer:
                return Party.CUSTOMER
            case self.provider:
                return Party.PROVIDER
            case self.arbiter:
                return Party.ARBITER
            case _:
                return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One thing that happened to a job (W-28)."""

    number: int
    move: str
    """`award` or a `Move`'s value."""
    at_ms: int
    height: int
    by: MemberId | None
    """None where the due list did it."""
    entry: bytes | None
    said: dict[str, Any]
    """The operation's own fields but `job`: counts, note, quality, reason, evidence."""
    paid: tuple[int, ...]
    """What this move paid the provider, per price line; empty where nothing."""


def capped(count: int) -> int:
    """A count that only grows, kept within signed bounds."""
    return min(count, INTEGER_MAX)


def job_key(job: bytes) -> bytes:
    """Where the record stands."""
    return b"job/" + job


def call_key(call: bytes, customer: bytes) -> bytes:
    """Where it stands that a call is closed for a customer: the ledger never sees who made the call (W-7)."""
    return b"call/" + call + customer


def log_key(job: bytes, number: int) -> bytes:
    """Where one line of the log stands."""
    return b"job-log/" + job + number.to_bytes(LOG_NUMBER_BYTES, "big")


def list_key(member: bytes, job: bytes, *, is_open: bool) -> bytes:
    """Where a job stands among a member's."""
    return list_prefix(member, is_open=is_open) + job


def list_prefix(member: bytes, *, is_open: bool) -> bytes:
    """Under which all of a member's jobs stand."""
    return (b"job-open/" if is_open else b"job-ended/") + member


def read_job(view: View, job: bytes) -> Job | None:
    """The job with this id, or None."""
    value = view.get(job_key(job))
    return None if value is None else job_from_value(job, value)


def write_job(tx: Overlay, job: Job) -> None:
    """Write the record and keep the lists in step (W-29)."""
    tx.put(job_key(job.id), job_to_value(job))
    listed = [job.customer, job.provider] + ([job.arbiter] if job.dispute is not None else [])
    for member in listed:
        wanted = list_key(member, job.id, is_open=job.is_open)
        if tx.raw(wanted) is None:
            tx.put(wanted, job.awarded_ms)
            other = list_key(member, job.id, is_open=not job.is_open)
            if tx.raw(other) is not None:
                tx.delete(other)


def write_log(tx: Overlay, job: bytes, line: LogLine) -> None:
    """Add one line; the record's `moves` counts them."""
    value: dict[str, Any] = {"at": line.at_ms, "height": line.height, "move": line.move}
    if line.by is not None:
        value["by"] = line.by
    if line.entry is not None:
        value["entry"] = line.entry
    if line.said:
        value["said"] = line.said
    if any(line.paid):
        value["paid"] = list(line.paid)
    tx.put(log_key(job, line.number), value)


def read_log(view: View, job: bytes) -> Iterator[LogLine]:
    """All that happened to a job, in order."""
    for key, value in view.range(log_key(job, 0)[:-LOG_NUMBER_BYTES]):
        by = value.get("by")
        yield LogLine(
            number=int.from_bytes(key[-LOG_NUMBER_BYTES:], "big"),
            move=value["move"],
            at_ms=value["at"],
            height=value["height"],
            by=None if by is None else MemberId(by),
            entry=value.get("entry"),
            said=value.get("said", {}),
            paid=tuple(value.get("paid", ())),
        )


_COUNTS = ("accepted", "claimed", "delivered", "owed", "rejected", "rejected_ms")
"""Left out of the record while 0."""


def job_to_value(job: Job) -> dict[str, Any]:
    """The record's form in the state."""
    value: dict[str, Any] = {
        "arbiter": job.arbiter,
        "award": job.award,
        "awarded": {"height": job.awarded_height, "ms": job.awarded_ms},
        "call": job.call,
        "customer": job.customer,
        "deliver_by": job.deliver_by_ms,
        "function": job.function,
        "moved_ms": job.moved_ms,
        "moves": job.moves,
        "paid": list(job.paid),
        "price": [line.to_value() for line in job.price],
        "provider": job.provider,
        "quantity": job.quantity,
        "stage": job.stage.value,
        "terms": job.terms.to_value(),
        "until": job.until_ms,
    }
    value.update({name: count for name in _COUNTS if (count := getattr(job, name))})
    if job.extras:
        value["extras"] = job.extras
    if job.open:
        value["open"] = [{"at": delivery.at_ms, "pieces": delivery.pieces} for delivery in job.open]
    if job.percent is not None:
        value["percent"] = job.percent
    if job.dispute is not None:
        value["dispute"] = {"at": job.dispute.at_ms, "by": job.dispute.by, "reason": job.dispute.reason}
    return value


def job_from_value(job: bytes, value: dict[str, Any]) -> Job:
    """The job in a record of the state."""
    dispute = value.get("dispute")
    return Job(
        id=job,
        award=value["award"],
        call=value["call"],
        function=value["function"],
        customer=MemberId(value["customer"]),
        provider=MemberId(value["provider"]),
        arbiter=MemberId(value["arbiter"]),
        quantity=value["quantity"],
        price=read_price(value["price"]),
        terms=read_terms(value["terms"]),
        deliver_by_ms=value["deliver_by"],
        until_ms=value["until"],
        awarded_ms=value["awarded"]["ms"],
        awarded_height=value["awarded"]["height"],
        extras=value.get("extras", {}),
        stage=Stage(value["stage"]),
        paid=tuple(value["paid"]),
        open=tuple(Delivery(at_ms=one["at"], pieces=one["pieces"]) for one in value.get("open", ())),
        percent=value.get("percent"),
        dispute=None
        if dispute is None
        else Dispute(by=MemberId(dispute["by"]), reason=dispute["reason"], at_ms=dispute["at"]),
        moved_ms=value["moved_ms"],
        moves=value["moves"],
        **{name: value.get(name, 0) for name in _COUNTS},
    )
