"""Answers that found groups, act for them, offer, lend and bid, and put an asset's matters to its co-owners.

Each makes one entry. With a group named it is an act of that group: done at once where one consent is enough, else
open until enough of its members agreed. A dry run says which accounts the entry would change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dpnode.answers.decisions import matter_of
from dpnode.answers.pending import with_pending
from dpnode.answers.recording import done
from dpnode.answers.shown import party
from dpnode.clock import now
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.base import Question
from dpnode.control.questions.owning import (
    AssetDecide,
    GroupAgree,
    GroupChange,
    GroupFound,
    GroupJoin,
    GroupLeave,
    ShareBid,
    ShareLend,
    ShareOffer,
    ShareReturn,
    ShareStatic,
    ShareTake,
    ShareWithdraw,
)
from dpnode.control.resolve import Candidate, resolve
from dpnode.control.server import Responder
from dpnode.errors import FailKind, Problem
from dpnode.node import Node
from dpnode.reading.naming import amount_meant, amount_shown, asset_meant, person_meant
from dpnode.reading.owning import act_fields, group_meant, open_meant, owner_meant
from dpnode.reading.sentences import inner, matter_called
from ledger import share_queries
from ledger.canonical import Value
from ledger.names import Kind, show_id
from ledger.operations import concerns, rights
from ledger.share_queries import Group
from ledger.state import View

Fields = dict[str, Any]
Operation = dict[str, Value]


def _later(node: Node, ms: int) -> int:
    return max(now().wall_ms, node.core.chain.head.time_ms) + ms


def _noted(operation: Operation, note: str) -> Operation:
    return {**operation, "note": note} if note else operation


def _acting(node: Node, group: str | None) -> bytes:
    """Whose offers and lendings are meant."""
    return node.identity.member if group is None else group_meant(node.core.chain.state, group).id


# -- shares


async def offer(node: Node, question: ShareOffer, responder: Responder) -> Answer:
    """Have units stand for somebody."""
    state = node.core.chain.state
    asset, to = asset_meant(state, question.asset), owner_meant(state, question.owner)
    until_ms = _later(node, question.lasts_ms)
    operation: Operation = {"asset": asset.id, "t": "shares.offer/1", "to": to, "units": question.units}
    operation = _noted({**operation, "until": until_ms}, question.note)
    shown = {"asset": show_id(Kind.ASSET, asset.id), "units": question.units, "to": party(state, to)}
    return await done(node, operation, question, **shown, until_ms=until_ms)


async def bid(node: Node, question: ShareBid, responder: Responder) -> Answer:
    """Have money stand for a whole asset."""
    state = node.core.chain.state
    asset, (credit, amount) = asset_meant(state, question.asset), amount_meant(state, question.amount)
    until_ms = _later(node, question.lasts_ms)
    operation: Operation = {"amount": amount, "asset": asset.id, "credit": credit.id, "t": "shares.bid/1"}
    operation = _noted({**operation, "until": until_ms}, question.note)
    shown = {"asset": show_id(Kind.ASSET, asset.id), "amount": amount_shown(state, "credit", credit.id, amount)}
    return await done(node, operation, question, **shown, until_ms=until_ms)


async def take(node: Node, question: ShareTake, responder: Responder) -> Answer:
    """Take units that stand for oneself or a group."""
    state, owner = node.core.chain.state, _acting(node, question.group)
    standing = [one for one in share_queries.offers(state, owner) if one.to == owner]
    found = share_queries.offer(state, open_meant(state, question.id, [one.id for one in standing], "offer"))
    assert found is not None
    operation: Operation = {"offer": found.id, "t": "shares.take/1"}
    shown = {"asset": show_id(Kind.ASSET, found.asset), "units": found.units, "from": party(state, found.by)}
    return await done(node, operation, question, **shown)


async def withdraw(node: Node, question: ShareWithdraw, responder: Responder) -> Answer:
    """Take back one's own offer or bid, or decline an offer."""
    state, owner = node.core.chain.state, _acting(node, question.group)
    known = [one.id for one in share_queries.offers(state, owner)]
    operation: Operation = {"offer": open_meant(state, question.id, known, "offer"), "t": "shares.withdraw/1"}
    return await done(node, operation, question)


async def lend(node: Node, question: ShareLend, responder: Responder) -> Answer:
    """Lend output or use for a time."""
    state = node.core.chain.state
    if question.right not in rights.RIGHTS:
        raise Problem(FailKind.USAGE, f"what is lent is one of: {', '.join(rights.RIGHTS)}")
    asset, to = asset_meant(state, question.asset), owner_meant(state, question.owner)
    until_ms = _later(node, question.lasts_ms)
    operation: Operation = {"asset": asset.id, "right": question.right, "t": "shares.lend/1", "to": to}
    operation = _noted({**operation, "units": question.units, "until": until_ms}, question.note)
    shown = {"asset": show_id(Kind.ASSET, asset.id), "right": question.right, "units": question.units}
    return await done(node, operation, question, **shown, to=party(state, to), until_ms=until_ms)


async def give_back(node: Node, question: ShareReturn, responder: Responder) -> Answer:
    """Give back what was borrowed."""
    state, owner = node.core.chain.state, _acting(node, question.group)
    known = concerns.of(state, concerns.LENT, owner)
    operation: Operation = {"lent": open_meant(state, question.id, known, "lending"), "t": "shares.return/1"}
    return await done(node, operation, question)


async def static(node: Node, question: ShareStatic, responder: Responder) -> Answer:
    """Keep one's units from any buy-out, or no longer."""
    asset = asset_meant(node.core.chain.state, question.asset)
    operation: Operation = {"asset": asset.id, "static": question.static, "t": "shares.static/1"}
    return await done(node, operation, question, asset=show_id(Kind.ASSET, asset.id), static=question.static)


async def decide(node: Node, question: AssetDecide, responder: Responder) -> Answer:
    """Open a motion of co-owners."""
    state = node.core.chain.state
    matter = matter_of(state, question, _acting(node, question.group))
    until_ms = _later(node, question.lasts_ms)
    operation: Operation = {"matter": matter, "t": "motion.open/1", "until": until_ms}
    if question.about:
        operation["about"] = question.about
    answer = await done(node, operation, question, matter=matter_called(state, matter), until_ms=until_ms)
    if isinstance(answer, Done) and "entry" in answer.value and "act" not in answer.value:
        answer.value["id"] = f"{Kind.MOTION.value}-{answer.value['entry'].partition('-')[2]}"
    return answer


# -- groups


def _weighted(state: View, texts: Sequence[str]) -> list[Value]:
    people: list[Value] = []
    for text in texts:
        name, colon, weight = text.rpartition(":")
        if not colon:
            name, weight = text, "1"
        if not weight.strip().isdecimal():
            raise Problem(FailKind.USAGE, f'{text[:60]!r}: a weight is a number, as in "Ada:3"')
        people.append({"member": person_meant(state, name).id, "weight": int(weight)})
    return people


async def found(node: Node, question: GroupFound, responder: Responder) -> Answer:
    """Found a group; its id is that of the entry."""
    state = node.core.chain.state
    if any(one.name.casefold() == question.label.casefold() for one in share_queries.groups(with_pending(node))):
        raise Problem(FailKind.REFUSED, f"there is a group {question.label!r} already: choose another name")
    own: Value = {"member": node.identity.member, "weight": question.own_weight}
    operation: Operation = {
        "members": [own, *_weighted(state, question.members)],
        "name": question.label,
        "needed": question.needed,
        "t": "groups.found/1",
    }
    if question.gifts:
        operation["gifts"] = True
    answer = await done(node, operation, question, name=question.label, needed=question.needed)
    if isinstance(answer, Done) and "entry" in answer.value:
        answer.value["id"] = f"{Kind.GROUP.value}-{answer.value['entry'].partition('-')[2]}"
    return answer


def _group_shown(state: View, group: Group) -> Fields:
    return {"id": show_id(Kind.GROUP, group.id), "name": group.name, "needed": group.needed}


async def join(node: Node, question: GroupJoin, responder: Responder) -> Answer:
    """Join a group as it is now."""
    group = group_meant(node.core.chain.state, question.id)
    operation: Operation = {"group": group.id, "t": "groups.join/1", "version": group.version}
    return await done(node, operation, question, **_group_shown(node.core.chain.state, group))


async def leave(node: Node, question: GroupLeave, responder: Responder) -> Answer:
    """Leave a group, or decline."""
    group = group_meant(node.core.chain.state, question.id)
    operation: Operation = {"group": group.id, "t": "groups.leave/1"}
    return await done(node, operation, question, **_group_shown(node.core.chain.state, group))


class _ByGroup:
    """A question as `done` reads it, in the name of the group that it is about."""

    def __init__(self, question: GroupChange) -> None:
        self.group = question.id
        self.wait_ms, self.dry_run = question.wait_ms, question.dry_run


async def change(node: Node, question: GroupChange, responder: Responder) -> Answer:
    """Put a change to a group."""
    state = node.core.chain.state
    operation: Operation = {"t": "groups.change/1"}
    if question.label is not None:
        operation["name"] = question.label
    if question.needed is not None:
        operation["needed"] = question.needed
    if question.ask:
        operation["ask"] = _weighted(state, question.ask)
    if question.remove:
        operation["remove"] = [person_meant(state, one).id for one in question.remove]
    if question.gifts is not None:
        operation["gifts"] = question.gifts
    if len(operation) == 1:
        raise Problem(FailKind.USAGE, "name what is to change: --name, --needed, --ask, --remove or --gifts")
    group = group_meant(state, question.id)
    return await done(node, operation, _ByGroup(question), does=inner(state, operation, group.id))


async def agree(node: Node, question: GroupAgree, responder: Responder) -> Answer:
    """Agree to what was put to a group, or no longer."""
    state = node.core.chain.state
    mine = [one.id for group in share_queries.groups_of(state, node.identity.member) for one in _acts(state, group)]
    identity = resolve(question.id, [Candidate(kind=Kind.ENTRY, id=one) for one in mine], what="act of a group").id
    act = share_queries.act(state, identity)
    assert act is not None
    name = "groups.agree/1" if question.agrees else "groups.disagree/1"
    shown = act_fields(state, act)
    answer = await done(node, {"act": identity, "t": name}, question, group=shown["group"], does=shown["does"])
    if isinstance(answer, Done) and not question.dry_run:
        left = share_queries.act(node.core.chain.state, identity)
        answer.value["done"] = left is None and question.agrees and "height" in answer.value
        if left is not None:
            answer.value.update({"act": shown["id"], "weight": left.weight, "needed": left.needed})
    return answer


def _acts(state: View, group: Group) -> tuple[share_queries.Act, ...]:
    return share_queries.acts(state, group.id)


ANSWERS: dict[type[Question], Any] = {
    ShareOffer: offer,
    ShareBid: bid,
    ShareTake: take,
    ShareWithdraw: withdraw,
    ShareLend: lend,
    ShareReturn: give_back,
    ShareStatic: static,
    AssetDecide: decide,
    GroupFound: found,
    GroupJoin: join,
    GroupLeave: leave,
    GroupChange: change,
    GroupAgree: agree,
}
