"""How an answer writes: one entry, in one's own name or a group's, waited for; and what it would change.

With a group named, the entry puts an act to it: done at once where one consent is enough, else open until enough of
its members agreed. A dry run says which accounts would change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dpnode.answers.pending import ran_out, with_operations, with_pending
from dpnode.answers.shown import party
from dpnode.clock import now
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.motion import MOTION_LASTS_MS
from dpnode.errors import FailKind, Problem
from dpnode.node import Node
from dpnode.reading.naming import amount_shown
from dpnode.reading.owning import group_meant
from ledger import share_queries
from ledger.canonical import Value
from ledger.names import Kind, show_id
from ledger.state import Overlay, View

Fields = dict[str, Any]
Operation = dict[str, Value]
_DAY_MS = 86_400_000


async def recorded(node: Node, operation: Operation, *, wait_ms: int, dry_run: bool) -> Fields:
    """Have one operation recorded; returns what every write answers. Raises `Problem` where it is refused."""
    if dry_run:
        node.dry_run([operation])
        return {"dry_run": True}
    (standing,) = await node.submit([operation], wait_ms=wait_ms)
    if standing.outcome:
        sentence = f"the ledger refused it: {standing.outcome}"
        raise Problem(
            FailKind.REFUSED, sentence, {"reason": standing.outcome, "entry": show_id(Kind.ENTRY, standing.entry_id)}
        )
    value: Fields = {
        "entry": show_id(Kind.ENTRY, standing.entry_id),
        "binding": "final" if standing.is_final else "recorded",
        "entry_id": standing.entry_id,
    }
    if standing.is_final:
        value["height"] = standing.height
    else:
        value |= ran_out(node, wait_ms)
    return value


async def done(node: Node, operation: Operation, question: Any, **shown: Any) -> Answer:
    """Have an operation recorded, in a group's name where the question names one; `shown` is said beside it."""
    state, value = node.core.chain.state, dict(shown)
    group = getattr(question, "group", None)
    if group is not None:
        of = group_meant(state, group)
        lasts_ms = min(MOTION_LASTS_MS, node.core.chain.charter.limits.motion_ms - _DAY_MS)
        until_ms = max(now().wall_ms, node.core.chain.head.time_ms) + max(lasts_ms, 60_000)
        operation = {"act": operation, "group": of.id, "t": "groups.act/1", "until": until_ms}
        value["group"] = party(state, of.id)
    if question.dry_run:
        node.dry_run([operation])
        return Done(value={**value, "dry_run": True, "changes": changes(node, [operation])})
    written = await recorded(node, operation, wait_ms=question.wait_ms, dry_run=False)
    entry: bytes = written.pop("entry_id")
    waiting = share_queries.act(node.core.chain.state, entry)
    if waiting is not None:
        value |= {"act": show_id(Kind.ENTRY, entry), "weight": waiting.weight, "needed": waiting.needed}
        notes = ["done as soon as enough of the group agree: dpnode group agree"]
        written["notes"] = [*written.get("notes", []), *notes]
    return Done(value={**value, **written})


def changes(node: Node, operations: Sequence[Operation]) -> list[Fields]:
    """Which accounts some operations of ours would change, and how, as of everything of ours that waits."""
    before, after = with_pending(node), with_operations(node, operations)
    if not isinstance(after, Overlay):
        return []
    rows = []
    for key in sorted(key for key in after.changes if key.startswith(b"holding/")):
        kind = {b"c": "credit", b"o": "output", b"u": "units"}[key[40:41]]
        was, becomes = before.get(key) or {}, after.get(key) or {}
        if was != becomes:
            rows.append(_change(after, key[8:40], kind, key[41:], was, becomes))
    return rows


def _change(view: View, owner: bytes, kind: str, thing: bytes, was: Fields, becomes: Fields) -> Fields:
    names = (("free", was.get("free", 0), becomes.get("free", 0)), ("held", was.get("held", 0), becomes.get("held", 0)))
    value: Fields = {"owner": party(view, owner)}
    for name, before, after in names:
        value[name] = amount_shown(view, kind, thing, before)
        value[f"{name}_after"] = amount_shown(view, kind, thing, after)
    return value
