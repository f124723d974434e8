"""What of ours is signed and not yet final: counted as if it stood, why it has to wait, and what lapsed instead.

An entry that waits is as good as spent: whoever pays twice while the witnesses are away must be told what both leave.
Nothing here decides; the block does (SPEC P-14).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from dpnode.answers.shown import name_of
from dpnode.clock import now
from dpnode.node import Node
from dpnode.reading.lapsed import rows as lapsed_rows
from dpnode.safe_text import safe
from ledger.canonical import Value
from ledger.consensus.votes import quorum
from ledger.entry import sign_entry
from ledger.fold import choose, last_sequence
from ledger.operations.members import member_of_peer
from ledger.state import Overlay, View
from protocol.limits import TRIAL_ENTRIES_MAX

Operation = dict[str, Value]
LAPSED_SHOWN_MS = 14 * 86_400_000
"""From when this machine found it out: whoever comes back after a month's holiday is still told."""
_UNLIMITED = 1 << 53
"""Of one block: our entries may be spread over several."""


def with_pending(node: Node) -> View:
    """The state with our own pending entries on top of it, at most `TRIAL_ENTRIES_MAX` of them."""
    return _applied(node, ())


def _applied(node: Node, operations: Sequence[Operation]) -> View:
    chain, signer = node.core.chain, node.identity.working
    entries = list(islice(node.core.ledger.pool.run(chain.state, signer.public), TRIAL_ENTRIES_MAX))
    if not entries and not operations:
        return chain.state
    number = entries[-1].sequence if entries else last_sequence(chain.state, signer.public)
    entries += [
        sign_entry(signer, chain.network, number + i, node.until_ms(), operation)
        for i, operation in enumerate(operations, start=1)
    ]
    tx = Overlay(chain.state)
    limits = replace(chain.charter.limits, block_entries=_UNLIMITED, block_bytes=_UNLIMITED)
    time_ms = max(now().wall_ms, chain.head.time_ms + 1)
    choose(tx, chain.network, chain.head.height + 1, time_ms, entries, limits)
    return tx


def with_operations(node: Node, operations: Sequence[Operation]) -> View:
    """The state as these operations of ours would leave it, all that waits counted; what is refused changes nothing."""
    return _applied(node, operations)


def own_pending(node: Node) -> int:
    """How many entries of ours wait to become final."""
    return len(node.core.ledger.pool.numbers(node.identity.working.public))


def lapsed_lately(node: Node) -> list[dict[str, Any]]:
    """Entries of ours that ended in no block in the last 14 days, newest first (SPEC P-19)."""
    since_ms = now().wall_ms - LAPSED_SHOWN_MS
    lately = [one for one in node.core.ledger.lapsed.all() if one.ended_ms >= since_ms]
    return lapsed_rows(node.core.chain.state, lately)


def ran_out(node: Node, wait_ms: int) -> dict[str, Any]:
    """What an answer adds whose entry is not final: that the wait ran out, where there was one, and what it waits for.

    ``timed_out`` ends the command with the exit status of a time-out.
    """
    fields: dict[str, Any] = {"notes": [f"not final yet, but kept, and sent until it is: {_awaited(node)}"]}
    return {**fields, "timed_out": True} if wait_ms else fields


def _awaited(node: Node) -> str:
    """Which witnesses are missing, as the end of a sentence."""
    return missing_witnesses(node) or "the witnesses are connected; `dpnode ledger status` counts what waits"


def missing_witnesses(node: Node) -> str:
    """That too few witnesses are connected with this machine, and which are not, as the end of a sentence; or empty."""
    chain, me = node.core.chain, node.identity.member
    witnesses = [one["member"] for one in chain.witnesses]
    there = {member_of_peer(chain.state, peer) for peer in node.core.ledger.neighbours.peers} | {me}
    away = [one for one in witnesses if one not in there]
    needed = quorum(len(witnesses))
    count = len(witnesses) - len(away)
    if count >= needed:
        return ""
    names = ", ".join(safe(name_of(chain.state, one)) for one in away)
    if len(witnesses) == 1:
        return f"the witness {names} is not connected"
    return f"{count} of {len(witnesses)} witnesses are connected and {needed} are needed; not {names}"


def standstill(node: Node) -> list[str]:
    """What `status` says where too few witnesses are connected: to each of them, and to who waits for an entry."""
    missing = missing_witnesses(node)
    if not missing:
        return []
    if node.core.chain.place_of(node.identity.member) is not None:
        return [f"nothing becomes final here for now: {missing}"]
    return [f"what you wrote waits, and is sent until it is final: {missing}"] if own_pending(node) else []
