"""Partnerships and cooperatives: several members who own as one, by a rule of their own (SPEC GR-1 to GR-5).

Each member of a group has a weight; the group does something when members of at least its `needed` weight agreed. With
weights of 1 that is "k of n", else it is by share. Nobody belongs to a group, or weighs more or less in it, unasked:
who is to belong is asked, and joins by an entry of their own. How a group acts stands in `group_acts`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ledger.errors import Reason, Refusal
from ledger.form import ID, Flag, Int, List, Map, Text
from ledger.operations import accounts, members, parties
from ledger.operations.operation import Context, Operation
from ledger.state import Overlay, View

MEMBERS_MAX = 64
"""Of one group, those asked included: one record holds them all, and each act reads it."""
WEIGHT_MAX = 1_000_000
"""As fine as the units of an asset; 64 of them stay far within 2^53."""


class GroupReason(StrEnum):
    """Why something about a group was refused."""

    UNKNOWN = "group.unknown"
    MEMBER_TWICE = "group.member-twice"
    WITHOUT_FOUNDER = "group.without-founder"
    NEEDED = "group.needed"
    NOT_ASKED = "group.not-asked"
    CHANGED = "group.changed"
    NOT_A_MEMBER = "group.not-a-member"
    STILL_OWNS = "group.still-owns"
    ONLY_AS_ACT = "group.only-as-act"
    LENGTH = "group.length"
    TOO_MANY_ACTS = "group.too-many-acts"
    NO_ACT = "group.no-act"
    AGREED = "group.agreed-already"
    NOT_AGREED = "group.not-agreed"


Weighted = list[dict[str, Any]]
"""[{member, weight}...]"""


def refuse(reason: GroupReason, detail: str) -> Refusal:
    """A refusal of this family."""
    return Refusal(reason=reason, detail=detail)


def weight_of(people: Weighted, among: list[bytes] | None = None) -> int:
    """What people weigh together: all, or those of them who are `among` the given ids."""
    return sum(one["weight"] for one in people if among is None or one["member"] in among)


def belongs(record: dict[str, Any], member: bytes) -> bool:
    """Whether a member belongs to the group of this record."""
    return any(one["member"] == member for one in record["members"])


def _judge_people(view: View, people: Weighted) -> Refusal | None:
    named = [one["member"] for one in people]
    if len(set(named)) != len(named):
        return refuse(GroupReason.MEMBER_TWICE, "somebody is named twice, or belongs already")
    if not all(members.is_member(view, one) for one in named):
        return Refusal(reason=Reason.NOT_A_MEMBER, detail="a group is made of members")
    return None


def _judge_needed(record: dict[str, Any]) -> Refusal | None:
    everybody = record["members"] + record["asked"]
    if not 1 <= record["needed"] <= weight_of(everybody) or len(everybody) > MEMBERS_MAX:
        return refuse(GroupReason.NEEDED, "all together, at most 64, weigh at least what is needed")
    return None


def _found(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """GR-2: the founder belongs at once, the others are asked."""
    if refusal := _judge_people(tx, op["members"]):
        return refusal
    own = [one for one in op["members"] if one["member"] == context.author]
    if not own:
        return refuse(GroupReason.WITHOUT_FOUNDER, "whoever founds a group belongs to it")
    record = {
        "asked": [one for one in op["members"] if one["member"] != context.author],
        "by": context.author,
        "founded": context.time_ms,
        "members": own,
        "name": op["name"],
        "needed": op["needed"],
        "version": 1,
    }
    if op.get("gifts"):
        record["gifts"] = True
    if refusal := _judge_needed(record):
        return refusal
    parties.put_group(tx, context.entry_id, record)
    parties.note_belonging(tx, context.author, context.entry_id)
    return None


def _join(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """GR-3: who was asked joins, as the group was when they said so."""
    record = parties.group_record(tx, op["group"])
    if record is None or "ended" in record:
        return refuse(GroupReason.UNKNOWN, "there is no such group")
    own = [one for one in record["asked"] if one["member"] == context.author]
    if not own:
        return refuse(GroupReason.NOT_ASKED, "the group has not asked you")
    if op["version"] != record["version"]:
        return refuse(GroupReason.CHANGED, "the group has changed since: look at it again")
    record["asked"].remove(own[0])
    record["members"].append(own[0])
    parties.put_group(tx, op["group"], record)
    parties.note_belonging(tx, context.author, op["group"])
    return None


def _leave(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """GR-4: anybody leaves, or declines; the last one only with nothing left that the group owns."""
    record = parties.group_record(tx, op["group"])
    if record is None or "ended" in record:
        return refuse(GroupReason.UNKNOWN, "there is no such group")
    if not any(one["member"] == context.author for one in record["members"] + record["asked"]):
        return refuse(GroupReason.NOT_A_MEMBER, "you do not belong to this group and were not asked")
    was_in = belongs(record, context.author)
    _take_out(tx, op["group"], record, context.author)
    if was_in and not record["members"]:
        if next(accounts.holdings(tx, op["group"]), None) is not None:
            return refuse(GroupReason.STILL_OWNS, "the last one hands on what the group owns before leaving")
        record["ended"] = context.time_ms
    parties.put_group(tx, op["group"], record)
    return None


def _take_out(tx: Overlay, group: bytes, record: dict[str, Any], member: bytes) -> None:
    """Off both lists; what is needed never exceeds what is left."""
    for name in ("asked", "members"):
        record[name] = [one for one in record[name] if one["member"] != member]
    parties.forget_belonging(tx, member, group)
    record["needed"] = max(1, min(record["needed"], weight_of(record["members"] + record["asked"])))


def _change(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """GR-5: a group changes itself by an act of its own."""
    record = parties.group_record(tx, context.author)
    if record is None:
        return refuse(GroupReason.ONLY_AS_ACT, "a group changes by an act that its members agreed to")
    for member in op.get("remove", ()):
        if not any(one["member"] == member for one in record["members"] + record["asked"]):
            return refuse(GroupReason.NOT_A_MEMBER, "who is to be removed does not belong to the group")
        _take_out(tx, context.author, record, member)
    asked = op.get("ask", [])
    known = {one["member"] for one in record["members"] + record["asked"]}
    if any(one["member"] in known for one in asked):
        return refuse(GroupReason.MEMBER_TWICE, "somebody is named twice, or belongs already")
    if refusal := _judge_people(tx, asked):
        return refusal
    record["asked"] = record["asked"] + asked
    for name in ("name", "needed"):
        record[name] = op.get(name, record[name])
    if "gifts" in op:
        record.pop("gifts", None)
        record |= {"gifts": True} if op["gifts"] else {}
    if not record["members"]:
        return refuse(GroupReason.NEEDED, "a group keeps at least one member")
    if refusal := _judge_needed(record):
        return refusal
    record["version"] += 1
    parties.put_group(tx, context.author, record)
    return None


_PEOPLE = List(Map({"member": ID, "weight": Int(1, WEIGHT_MAX)}), 1, MEMBERS_MAX)

OPERATIONS = (
    Operation(
        name="groups.found/1",
        form=Map({"members": _PEOPLE, "name": Text(80), "needed": Int(1)}, {"gifts": Flag()}),
        apply=_found,
    ),
    Operation(name="groups.join/1", form=Map({"group": ID, "version": Int(1)}), apply=_join),
    Operation(name="groups.leave/1", form=Map({"group": ID}), apply=_leave),
    Operation(
        name="groups.change/1",
        form=Map(
            {},
            {
                "ask": _PEOPLE,
                "gifts": Flag(),
                "name": Text(80),
                "needed": Int(1),
                "remove": List(ID, 1, MEMBERS_MAX),
            },
        ),
        apply=_change,
        for_groups=True,
    ),
)
