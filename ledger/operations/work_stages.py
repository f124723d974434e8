"""The life of a job as a table: which party may make which move in which stage, and where that leads.

Everything that asks "may this happen?" asks TABLE: the fold (`work_moves`), the questions (`work_queries`), the tests
and the drawing in SPEC.md. A pair that is not in TABLE is refused (W-11, W-26).
Invariants: a stage that ends has no row; every other stage can be ended by each party without the other's help,
sooner or later; only the due list makes a move of no party.
Not here: amounts (`work_money`), times and counts (`work_moves`), what is written where (`work_job`).
Source: the design's "A job between two workshops"; SPEC W-11 to W-26.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Stage(Enum):
    """Where a job stands, by what is awaited."""

    AWARDED = "awarded"  # the provider's first sign of work
    STARTED = "started"  # pieces, or the rest of them after a part was accepted
    DELIVERED = "delivered"  # the customer's receipt for pieces under inspection
    REJECTED = "rejected"  # replacements for pieces that were rejected
    DISPUTED = "disputed"  # the arbiter's ruling
    DONE = "done"  # nothing: all pieces accepted and paid
    CANCELLED = "cancelled"  # nothing: the customer went back on it, for a fee
    FAILED = "failed"  # nothing: the provider gave up
    VOIDED = "voided"  # nothing: long overdue and called off
    RULED = "ruled"  # nothing: the arbiter divided what was left
    SPLIT = "split"  # nothing: the arbiter was silent and the terms divided it


class Party(Enum):
    """Who somebody is to one job."""

    CUSTOMER = "customer"  # asked for the work and holds the money
    PROVIDER = "provider"  # does the work
    ARBITER = "arbiter"  # rules a dispute; named in the award
    DUE_LIST = "due list"  # the ledger itself, at a time agreed


class Move(Enum):
    """What can happen to a job after its award; all but SILENCE are operations signed by a party."""

    PROGRESS = "progress"
    DELIVER = "deliver"
    RECEIPT = "receipt"
    CLAIM = "claim"
    CANCEL = "cancel"
    FAIL = "fail"
    VOID = "void"
    DISPUTE = "dispute"
    RULE = "rule"
    SILENCE = "arbiter silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One permitted move of one stage."""

    by: tuple[Party, ...]
    to: tuple[Stage, ...]
    """The stages it can lead to; more than one only where counting pieces decides."""


_CUSTOMER = (Party.CUSTOMER,)
_PROVIDER = (Party.PROVIDER,)
_EITHER = (Party.CUSTOMER, Party.PROVIDER)
_COUNTED = (Stage.DELIVERED, Stage.REJECTED, Stage.STARTED, Stage.DONE)


def _row(by: tuple[Party, ...], *to: Stage) -> Row:
    return Row(by=by, to=to)


TABLE: Mapping[tuple[Stage, Move], Row] = MappingProxyType(
    {
        (Stage.AWARDED, Move.PROGRESS): _row(_PROVIDER, Stage.STARTED),
        (Stage.AWARDED, Move.DELIVER): _row(_PROVIDER, Stage.DELIVERED),
        (Stage.AWARDED, Move.CANCEL): _row(_CUSTOMER, Stage.CANCELLED),
        (Stage.AWARDED, Move.FAIL): _row(_PROVIDER, Stage.FAILED),
        (Stage.AWARDED, Move.VOID): _row(_EITHER, Stage.VOIDED),
        (Stage.AWARDED, Move.DISPUTE): _row(_EITHER, Stage.DISPUTED),
        (Stage.STARTED, Move.PROGRESS): _row(_PROVIDER, Stage.STARTED),
        (Stage.STARTED, Move.DELIVER): _row(_PROVIDER, Stage.DELIVERED),
        (Stage.STARTED, Move.CANCEL): _row(_CUSTOMER, Stage.CANCELLED),
        (Stage.STARTED, Move.FAIL): _row(_PROVIDER, Stage.FAILED),
        (Stage.STARTED, Move.VOID): _row(_EITHER, Stage.VOIDED),
        (Stage.STARTED, Move.DISPUTE): _row(_EITHER, Stage.DISPUTED),
        (Stage.DELIVERED, Move.PROGRESS): _row(_PROVIDER, Stage.DELIVERED),
        (Stage.DELIVERED, Move.DELIVER): _row(_PROVIDER, Stage.DELIVERED),
        (Stage.DELIVERED, Move.RECEIPT): _row(_CUSTOMER, *_COUNTED),
        (Stage.DELIVERED, Move.CLAIM): _row(_PROVIDER, *_COUNTED),
        (Stage.DELIVERED, Move.CANCEL): _row(_CUSTOMER, Stage.CANCELLED),
        (Stage.DELIVERED, Move.FAIL): _row(_PROVIDER, Stage.FAILED),
        (Stage.DELIVERED, Move.DISPUTE): _row(_EITHER, Stage.DISPUTED),
        (Stage.REJECTED, Move.PROGRESS): _row(_PROVIDER, Stage.REJECTED),
        (Stage.REJECTED, Move.DELIVER): _row(_PROVIDER, Stage.DELIVERED),
        (Stage.REJECTED, Move.CANCEL): _row(_CUSTOMER, Stage.CANCELLED),
        (Stage.REJECTED, Move.FAIL): _row(_PROVIDER, Stage.FAILED),
        (Stage.REJECTED, Move.VOID): _row(_EITHER, Stage.VOIDED),
        (Stage.REJECTED, Move.DISPUTE): _row(_EITHER, Stage.DISPUTED),
        (Stage.DISPUTED, Move.FAIL): _row(_PROVIDER, Stage.FAILED),
        (Stage.DISPUTED, Move.RULE): _row((Party.ARBITER,), Stage.RULED),
        (Stage.DISPUTED, Move.SILENCE): _row((Party.DUE_LIST,), Stage.SPLIT),
    }
)

ENDS: frozenset[Stage] = frozenset(Stage) - frozenset(stage for stage, _ in TABLE)
"""The stages without a row: the job is over and its hold has ended (W-25, W-26)."""


def drawing() -> str:
    """The table as a mermaid state diagram, for SPEC.md; the same text on every run."""
    lines = ["stateDiagram-v2", "    [*] --> awarded: award (customer)"]
    for stage in Stage:
        for target in Stage:
            labels = [
                f"{move.value} ({' or '.join(party.value for party in row.by)})"
                for move in Move
                if (row := TABLE.get((stage, move))) is not None and target in row.to
            ]
            if labels:
                lines.append(f"    {stage.value} --> {target.value}: {', '.join(labels)}")
    lines.extend(f"    {stage.value} --> [*]" for stage in Stage if stage in ENDS)
    return "\n".join(lines) + "\n"
