"""The fold: what an entry does to the state, and whether it may stand in a block at all.

Two questions are kept apart (SPEC E-3, E-5). *Includable*: well formed, under a key that speaks, next in its sequence,
not lapsed, within its author's daily allowance; a block with an entry that is not includable is invalid. *Refused*:
includable, but a rule says no; it is recorded with its reason, uses its number up and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.charter import Limits
from ledger.entry import SEQUENCE_WINDOW, Entry
from ledger.errors import Reason, Refusal
from ledger.form import Malformed
from ledger.keys import MemberId
from ledger.operations import due, members
from ledger.operations.operation import Context, DueContext, Operation
from ledger.operations.registry import DUE, OPERATIONS
from ledger.operations.witnesses import WITNESSES
from ledger.state import Overlay, View
from ledger.statement import Statement

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What a block did."""

    entries: tuple[Entry, ...]
    """Those that stand in the block."""
    refusals: tuple[Refusal | None, ...]
    """One per entry: None where it was applied."""
    due_items: int
    """How many items of the due list ran first."""
    left: tuple[tuple[Entry, Refusal], ...] = ()
    """Candidates that could not be included, with the reason; always empty for a block somebody else made."""
    closes_epoch: bool = False
    """Whether the last entry changed the witness list: nothing follows it in the block, nor in the epoch (G-2)."""

    @property
    def outcomes(self) -> tuple[str, ...]:
        """One per entry, as recorded: empty where it was applied, else the refusal's code."""
        return tuple("" if refusal is None else refusal.code for refusal in self.refusals)


def last_sequence(view: View, key: bytes) -> int:
    """The number of the last entry under `key` that stands in the ledger; 0 where there is none."""
    return view.get(b"seq/" + key) or 0


def operation_of(entry: Entry) -> Operation | Refusal:
    """The operation an entry names, its own form checked (E-3)."""
    operation = OPERATIONS.get(entry.operation["t"])
    if operation is None:
        return Refusal(reason=Reason.MALFORMED, detail="there is no such operation")
    try:
        operation.whole.check(entry.operation)
    except Malformed as problem:
        return Refusal(reason=Reason.MALFORMED, detail=problem.reason)
    return operation


def statements_of(entry: Entry) -> list[Statement]:
    """Every second consent inside a well-formed entry."""
    operation = OPERATIONS[entry.operation["t"]]
    return [] if operation.statements is None else operation.statements(entry.operation)


def is_fully_signed(entry: Entry) -> bool:
    """Whether the author's and every inner signature is right; false for an unknown operation."""
    if isinstance(operation_of(entry), Refusal) or not entry.is_signed():
        return False
    try:
        return all(statement.is_signed() for statement in statements_of(entry))
    except Malformed:
        return False


def check_includable(view: View, network: bytes, entry: Entry, time_ms: int, limits: Limits) -> Refusal | None:
    """Why the entry may not stand in a block at `time_ms` on top of `view`; signatures are judged apart (E-4)."""
    judged = _judge(view, network, entry, time_ms, limits)
    return judged if isinstance(judged, Refusal) else None


def execute(
    tx: Overlay, network: bytes, height: int, time_ms: int, entries: Sequence[Entry], limits: Limits
) -> Executed | Refusal:
    """Run somebody's block on `tx`; a `Refusal` means the block is invalid and `tx` is spoilt (SPEC E-5)."""
    done = choose(tx, network, height, time_ms, entries, limits)
    if done.left:
        return done.left[0][1]
    if done.closes_epoch and len(done.entries) < len(entries):
        return Refusal(reason=Reason.EPOCH_CLOSED, detail="nothing follows a change of the witnesses in its block")
    return done


def choose(
    tx: Overlay, network: bytes, height: int, time_ms: int, candidates: Iterable[Entry], limits: Limits
) -> Executed:
    """Run the due items, then every candidate that is includable in its turn, on `tx`; the rest is `left`.

    Within the charter's limits on entries and bytes, and up to the entry that changes the witness list (G-2);
    candidates beyond are neither taken nor left.
    """
    ran = _run_due(tx, height, time_ms, limits)
    voters = tx.raw(WITNESSES)
    closes_epoch = False
    taken: list[Entry] = []
    refusals: list[Refusal | None] = []
    left: list[tuple[Entry, Refusal]] = []
    room_bytes = limits.block_bytes
    for entry in candidates:
        if len(taken) == limits.block_entries:
            break
        judged = _judge(tx, network, entry, time_ms, limits)
        if isinstance(judged, Refusal):
            left.append((entry, judged))
            continue
        # Only what may stand in the block takes room: else whoever sends entries that cannot be included fills it.
        room_bytes -= entry.size_bytes
        if room_bytes < 0:
            break
        taken.append(entry)
        refusals.append(_apply(tx, network, height, time_ms, entry, judged, limits))
        if tx.changes.get(WITNESSES, voters) != voters:
            closes_epoch = True
            break
    return Executed(
        entries=tuple(taken),
        refusals=tuple(refusals),
        due_items=ran,
        left=tuple(left),
        closes_epoch=closes_epoch,
    )


_Judged = tuple[Operation, MemberId, list[int]]


def _apply(
    tx: Overlay, network: bytes, height: int, time_ms: int, entry: Entry, judged: _Judged, limits: Limits
) -> Refusal | None:
    """Apply one includable entry; a refusal leaves only its number and its weight behind."""
    operation, author, use = judged
    tx.put_own(b"seq/" + entry.key, entry.sequence)
    tx.put_own(b"use/" + author, use)
    context = Context(
        network=network,
        time_ms=time_ms,
        height=height,
        author=author,
        key=entry.key,
        entry_id=entry.id,
        limits=limits,
    )
    return tx.attempt(lambda: operation.apply(tx, entry.operation, context))


def _judge(view: View, network: bytes, entry: Entry, time_ms: int, limits: Limits) -> _Judged | Refusal:
    """The operation, its author and the allowance after it, or why it cannot be included."""
    operation = operation_of(entry)
    if isinstance(operation, Refusal):
        return operation
    if entry.network != network:
        return Refusal(reason=Reason.OTHER_NETWORK, detail="the entry is for another network")
    if entry.until_ms < time_ms:
        return Refusal(reason=Reason.LAPSED, detail="the entry's valid-until has passed")
    if entry.until_ms > time_ms + limits.until_ms:
        return Refusal(reason=Reason.TOO_FAR_AHEAD, detail="the entry's valid-until is beyond the charter's limit")
    record = members.key_standing(view, entry.key)
    if record is None:
        return Refusal(reason=Reason.UNKNOWN_KEY, detail="nobody here is known by this key")
    if record["role"] != operation.signer:
        return Refusal(reason=Reason.WRONG_ROLE, detail=f"{operation.name} is signed by a {operation.signer.value} key")
    author = MemberId(record["member"])
    if "ended" in record or record.get("until", time_ms) < time_ms or not members.is_member(view, author):
        return Refusal(reason=Reason.KEY_ENDED, detail="this key speaks no more")
    last = last_sequence(view, entry.key)
    if entry.sequence <= last:
        return Refusal(reason=Reason.SEQUENCE_USED, detail=f"number {entry.sequence} is used; the last was {last}")
    if members.is_spent(record, entry.sequence):
        return Refusal(reason=Reason.INVITATION_SPENT, detail="this invitation was tried too often; ask for a new one")
    if entry.sequence > last + (SEQUENCE_WINDOW if entry.skips else 1):
        return Refusal(reason=Reason.SEQUENCE_AHEAD, detail=f"number {entry.sequence} follows {last} too far ahead")
    use = _use_after(view, author, entry, time_ms)
    reserve = limits.reserve_entries if operation.is_reserved else 0
    # A reserve without bytes would be none, so each reserved entry brings room for an ordinary one.
    if use[1] > limits.day_entries + reserve or use[2] > limits.day_bytes + reserve * _RESERVED_BYTES:
        return Refusal(reason=Reason.ALLOWANCE, detail="the author's daily allowance is used up")
    return operation, author, use


_RESERVED_BYTES = 1024
"""What one reserved entry may weigh on average: a receipt has about 400 bytes."""


def _use_after(view: View, author: bytes, entry: Entry, time_ms: int) -> list[int]:
    """[day, entries, bytes] of the author once this entry counts (E-6)."""
    day = time_ms // DAY_MS
    use: list[int] = view.get(b"use/" + author) or [day, 0, 0]
    if use[0] != day:
        use = [day, 0, 0]
    return [day, use[1] + 1, use[2] + entry.size_bytes]


def _run_due(tx: Overlay, height: int, time_ms: int, limits: Limits) -> int:
    """D-1: everything due by the block's time, in order, each item exactly once."""
    ran = 0
    context = DueContext(time_ms=time_ms, height=height, limits=limits)
    for _, kind, subject, key in list(due.until(tx, time_ms)):
        tx.delete(key)
        DUE[kind](tx, subject, context)
        ran += 1
    return ran
