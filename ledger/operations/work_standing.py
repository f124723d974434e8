"""A provider's standing: six counters computed from jobs on the ledger, and nothing else.

State: `standing/<member>`. No score and no opinion: whoever ranks proposals weighs the counters as its owner decides,
and they gate nothing here.
Invariant: a counter only grows, and stops at 2^53 - 1.
Source: the design's "The owner's policy decides"; SPEC W-27.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ledger.operations.work_job import capped
from ledger.state import Overlay, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a provider's jobs came to."""

    delivered: int = 0
    """Pieces delivered, replacements counted again."""
    accepted: int = 0
    """Pieces a customer's receipt accepted; claimed ones are not, since silence is no praise."""
    rejected: int = 0
    """Pieces a customer's receipt rejected."""
    late: int = 0
    """Pieces delivered after deliver-by."""
    failed: int = 0
    """Jobs given up, or called off as long overdue."""
    disputes_lost: int = 0
    """Jobs in which the arbiter left the provider less than half."""


NONE = Standing()


def standing(view: View, member: bytes) -> Standing:
    """A member's counters; all 0 for somebody who never provided."""
    return Standing(**(view.get(_key(member)) or {}))


def count(tx: Overlay, member: bytes, more: Standing) -> None:
    """Add `more` to a provider's counters."""
    if more == NONE:
        return
    before, added = asdict(standing(tx, member)), asdict(more)
    after = {name: capped(before[name] + added[name]) for name in before}
    tx.put(_key(member), {name: n for name, n in after.items() if n})


def _key(member: bytes) -> bytes:
    return b"standing/" + member
