"""Questions about jobs, each with a typed answer; pure readings of a state.

What a node shows as possible comes from `work_moves.may`, the same function the fold asks, so the two cannot differ.
Not here: how an answer looks, and whose name stands behind an id.
Source: SPEC W-11, W-28, W-29.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ledger.canonical import INTEGER_MAX
from ledger.operations.work_job import Job, LogLine, list_prefix, read_job, read_log
from ledger.operations.work_moves import expected_ms, may, opens_ms
from ledger.operations.work_stages import TABLE, Move, Party, Stage
from ledger.state import View

AWAITED: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.AWARDED: "the provider's first sign of work",
        Stage.STARTED: "the provider's delivery",
        Stage.DELIVERED: "the customer's receipt",
        Stage.REJECTED: "replacements from the provider",
        Stage.DISPUTED: "the arbiter's ruling",
        Stage.DONE: "nothing: all pieces accepted and paid",
        Stage.CANCELLED: "nothing: cancelled by the customer",
        Stage.FAILED: "nothing: given up by the provider",
        Stage.VOIDED: "nothing: called off as long overdue",
        Stage.RULED: "nothing: the arbiter divided what was left",
        Stage.SPLIT: "nothing: the arbiter was silent and the terms divided what was left",
    }
)
"""One phrase per stage, for people."""

JOBS_MAX = 1000
"""Jobs in one answer; whoever has more asks for the open ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextMove:
    """Something one party may do now or will be able to."""

    move: Move
    from_ms: int | None
    """Block time from which it is possible; None: now."""
    expected_ms: int | None
    """By when the other side counts on it, or None; afterwards it is still possible, but something else is, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job with all that happened to it."""

    job: Job
    log: tuple[LogLine, ...]

    @property
    def awaits(self) -> str:
        """What it waits for, in a phrase."""
        return AWAITED[self.job.stage]

    def next_moves(self, member: bytes, time_ms: int) -> tuple[NextMove, ...]:
        """As `next_moves`."""
        return next_moves(self.job, member, time_ms)


def job(view: View, job_id: bytes) -> JobView | None:
    """The job with this 32-byte id and its log, or None."""
    found = read_job(view, job_id)
    return None if found is None else JobView(job=found, log=tuple(read_log(view, job_id)))


def next_moves(job: Job, member: bytes, time_ms: int) -> tuple[NextMove, ...]:
    """What `member` may do with a job at block time `time_ms` or later, in the order of `Move`.

    Nothing for a stranger.
    """
    party = job.party_of(member)
    return tuple(
        NextMove(move=move, from_ms=_from_ms(job, move, party, time_ms), expected_ms=expected_ms(job, move))
        for move in Move
        if may(job, move, party, INTEGER_MAX) is None
    )


def _from_ms(job: Job, move: Move, party: Party | None, time_ms: int) -> int | None:
    return None if may(job, move, party, time_ms) is None else opens_ms(job, move)


def awaited_of(job: Job) -> Party | None:
    """Whose move is awaited, or None once the job ended."""
    match job.stage:
        case Stage.AWARDED | Stage.STARTED | Stage.REJECTED:
            return Party.PROVIDER
        case Stage.DELIVERED:
            return Party.CUSTOMER
        case Stage.DISPUTED:
            return Party.ARBITER
        case _:
            return None


def jobs_of(view: View, member: bytes, *, most: int = JOBS_MAX) -> tuple[Job, ...]:
    """A member's jobs as customer, provider or (once disputed) arbiter.

    The open ones first, then those that ended; newest first.
    """
    return (*open_jobs(view, member, most=most), *_listed(view, member, is_open=False, most=most))[:most]


def open_jobs(view: View, member: bytes, *, most: int = JOBS_MAX) -> tuple[Job, ...]:
    """A member's jobs that have not ended, newest first."""
    return _listed(view, member, is_open=True, most=most)


def possible(stage: Stage) -> tuple[Move, ...]:
    """The moves a stage has, for anybody."""
    return tuple(move for move in Move if (stage, move) in TABLE)


def _listed(view: View, member: bytes, *, is_open: bool, most: int) -> tuple[Job, ...]:
    prefix = list_prefix(member, is_open=is_open)
    lines = [(awarded_ms, key[len(prefix) :]) for key, awarded_ms in view.range(prefix)]
    newest = sorted(lines, key=lambda line: (-line[0], line[1]))[:most]
    return tuple(found for _, job_id in newest if (found := read_job(view, job_id)) is not None)
