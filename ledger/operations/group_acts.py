"""How a group acts: a member puts an operation to it, and it is done with the consent that makes enough (SPEC GR-6).

An act is an operation that members have as well, done in the group's name. Each member consents by an entry of their
own, from their own machine and whenever it is there, so that there is nothing to gather and nothing to repeat. Only
who belongs to the group at the moment counts, with what they weigh at the moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.errors import Refusal
from ledger.form import ID, MOMENT_MS, Cases, Map
from ledger.operations import concerns, due, parties
from ledger.operations.groups import GroupReason, belongs, refuse, weight_of
from ledger.operations.operation import Context, DueContext, DueRule, Operation
from ledger.state import Overlay, View
from ledger.statement import Statement

ACTS_MAX = 64
"""Of one group, open at once: each of its members looks at all of them."""
_FORGET = "groups.forget-act"


def act_record(view: View, act: bytes) -> dict[str, Any] | None:
    """{act, agreed: [member...], by, group, until} while it is open, or None."""
    record: dict[str, Any] | None = view.get(b"act/" + act)
    return record


def _forget(tx: Overlay, subject: bytes, context: DueContext) -> None:
    """GR-7: its time is over."""
    _end(tx, subject, act_record(tx, subject))


def _end(tx: Overlay, act: bytes, record: dict[str, Any] | None) -> None:
    assert record is not None, "an act and its due item end together"
    tx.delete(b"act/" + act)
    concerns.forget(tx, concerns.ACT, act, (record["group"],))


DUE: dict[str, DueRule] = {_FORGET: _forget}


def operations_by(known: Mapping[str, Operation]) -> tuple[Operation, ...]:
    """The operations that put something to a group and consent to it, where a group may do what is `known`."""

    def statements(op: dict[str, Any]) -> list[Statement]:
        inner = known[op["act"]["t"]].statements
        return [] if inner is None else inner(op["act"])

    def act(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
        """GR-6: who puts it has agreed to it; where that is enough it is done at once."""
        group = parties.group_record(tx, op["group"])
        if group is None or "ended" in group:
            return refuse(GroupReason.UNKNOWN, "there is no such group")
        if not belongs(group, context.author):
            return refuse(GroupReason.NOT_A_MEMBER, "only who belongs to a group acts for it")
        if not context.time_ms < op["until"] <= context.time_ms + context.limits.motion_ms:
            return refuse(GroupReason.LENGTH, "an act is open until after now, within the charter's time for motions")
        record = {
            "act": op["act"],
            "agreed": [context.author],
            "by": context.author,
            "group": op["group"],
            "until": op["until"],
        }
        if weight_of(group["members"], record["agreed"]) >= group["needed"]:
            return done(tx, record, context)
        if len(concerns.of(tx, concerns.ACT, op["group"])) >= ACTS_MAX:
            return refuse(GroupReason.TOO_MANY_ACTS, f"{ACTS_MAX} acts of this group are open already")
        tx.put(b"act/" + context.entry_id, record)
        concerns.note(tx, concerns.ACT, context.entry_id, (op["group"],))
        due.add(tx, op["until"], _FORGET, context.entry_id)
        return None

    def agree(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
        """GR-6: one more consent; the one that makes enough does it."""
        record = act_record(tx, op["act"])
        if record is None:
            return refuse(GroupReason.NO_ACT, "there is no such act, or it is done or over")
        group = parties.group_record(tx, record["group"])
        if group is None or not belongs(group, context.author):
            return refuse(GroupReason.NOT_A_MEMBER, "only who belongs to a group acts for it")
        if context.author in record["agreed"] and weight_of(group["members"], record["agreed"]) < group["needed"]:
            return refuse(GroupReason.AGREED, "you agreed to it already")
        record["agreed"] = sorted({*record["agreed"], context.author})
        if weight_of(group["members"], record["agreed"]) < group["needed"]:
            tx.put(b"act/" + op["act"], record)
            return None
        _end(tx, op["act"], record)
        due.remove(tx, record["until"], _FORGET, op["act"])
        return done(tx, record, context)

    def disagree(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
        """GR-7: a consent is taken back; what nobody agrees to is forgotten."""
        record = act_record(tx, op["act"])
        if record is None:
            return refuse(GroupReason.NO_ACT, "there is no such act, or it is done or over")
        if context.author not in record["agreed"]:
            return refuse(GroupReason.NOT_AGREED, "you have not agreed to it")
        record["agreed"].remove(context.author)
        if record["agreed"]:
            tx.put(b"act/" + op["act"], record)
            return None
        _end(tx, op["act"], record)
        due.remove(tx, record["until"], _FORGET, op["act"])
        return None

    def done(tx: Overlay, record: dict[str, Any], context: Context) -> Refusal | None:
        inner = known[record["act"]["t"]]
        return inner.apply(tx, record["act"], context._replace(author=record["group"]))

    acts = Cases("t", {name: operation.form for name, operation in known.items() if operation.for_groups})
    return (
        Operation(
            name="groups.act/1",
            form=Map({"act": acts, "group": ID, "until": MOMENT_MS}),
            apply=act,
            statements=statements,
        ),
        Operation(name="groups.agree/1", form=Map({"act": ID}), apply=agree),
        Operation(name="groups.disagree/1", form=Map({"act": ID}), apply=disagree),
    )
