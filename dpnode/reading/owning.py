"""Answers about what is owned together: an owner's page, groups and what is put to them.

An *owner* is a member or a group, so whoever is asked about is looked for among both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dpnode.control.questions.owning import GroupList, GroupShow, ShareList
from dpnode.control.resolve import Candidate, resolve
from dpnode.errors import FailKind, Problem
from dpnode.reading.naming import amount_shown, id_beginning, party, person_meant
from dpnode.reading.sentences import inner, measure_called, needed_called
from dpnode.reading.source import Source, at_once
from ledger import queries, share_queries
from ledger.names import Kind, show_id
from ledger.operations import co_owners
from ledger.operations.rights import is_static
from ledger.queries import Asset
from ledger.share_queries import Act, Group, Lending, Offer, Owned, Use
from ledger.state import View

Fields = dict[str, Any]


def group_meant(view: View, text: str) -> Group:
    """The group meant by an id, its beginning or a name; raises `Problem` (NOT_FOUND, USAGE)."""
    near = share_queries.groups(view, id_beginning(Kind.GROUP, text) or b"")
    lasting = [one for one in near if one.ended_ms is None] or near
    found = resolve(text, [Candidate(kind=Kind.GROUP, id=one.id, name=one.name) for one in lasting], what="group")
    group = share_queries.group(view, found.id)
    assert group is not None
    return group


def owner_meant(view: View, text: str) -> bytes:
    """The member or group meant by an id, its beginning or a name; raises `Problem` (NOT_FOUND, USAGE)."""
    found: list[bytes] = []
    problems: list[Problem] = []
    for meant in (person_meant, group_meant):
        try:
            found.append(meant(view, text).id)
        except Problem as problem:
            if problem.kind is not FailKind.NOT_FOUND:
                raise
            problems.append(problem)
    if len(found) == 2:
        raise Problem(FailKind.USAGE, f"{text[:60]!r} is a member and a group: name it by its id")
    if not found:
        raise problems[0]
    return found[0]


def open_meant(view: View, text: str, known: list[bytes], what: str) -> bytes:
    """Which of some open things of one's own is meant by an id or its beginning; raises `Problem`."""
    return resolve(text, [Candidate(kind=Kind.ENTRY, id=one) for one in known], what=what).id


@at_once
def page(source: Source, question: ShareList) -> Fields:
    """What one owner owns, may use, lent, borrowed and offers."""
    view = source.view
    owner: bytes = source.me if question.owner is None else owner_meant(view, question.owner)
    return owner_fields(view, owner)


def owner_fields(view: View, owner: bytes) -> Fields:
    """An owner's page."""
    return {
        "owner": party(view, owner),
        "shares": [_owned(view, one) for one in share_queries.owned(view, owner)],
        "lendings": [_lending(view, one) for one in share_queries.lendings(view, owner)],
        "offers": [offer_fields(view, one) for one in share_queries.offers(view, owner)],
    }


def _owned(view: View, one: Owned) -> Fields:
    return {
        "asset": show_id(Kind.ASSET, one.asset.id),
        "label": one.asset.name,
        "units": one.units,
        "held": one.held,
        "total": one.asset.total,
        "output_units": one.output_units,
        "use_units": one.use_units,
        "output": one.output,
        "static": one.is_static,
        "operator": party(view, one.asset.operator),
        "uses": _uses(one.uses),
    }


def decided_fields(view: View, asset: Asset) -> Fields:
    """What the co-owners of an asset decided, what they may decide with how much, and the bids that stand for it."""
    record = asset.record
    value: Fields = {
        "terms": {kind: needed_called(bp) for kind, bp in co_owners.terms_of(view, asset.id).items()},
        "uses": _uses(share_queries.uses(view, asset, asset.total)),
        "static": [
            party(view, one.member) for one in queries.owners(view, asset.id) if is_static(view, asset.id, one.member)
        ],
        "bids": [offer_fields(view, one) for one in share_queries.offers(view, asset.id)],
    }
    for name, key in (("sold_ms", "sold"), ("ended_ms", "ended")):
        if key in record:
            value[name] = record[key]
    if "repair" in record:
        value |= {"repair_ms": record["repair"]["agreed"], "repair": show_id(Kind.MOTION, record["repair"]["motion"])}
    if "parts" in record:
        value["parts"] = [show_id(Kind.ASSET, one) for one in record["parts"]]
    if "whole" in record:
        value["whole"] = show_id(Kind.ASSET, record["whole"])
    return value


def _uses(uses: Iterable[Use]) -> list[str]:
    return [f"{measure_called(use.amount.to_value())} {use.what} per {_span(use.per_ms)}" for use in uses]


def _span(ms: int) -> str:
    for unit, unit_ms in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)):
        if ms % unit_ms == 0:
            return f"{ms // unit_ms}{unit}"
    return f"{ms}ms"


def _lending(view: View, one: Lending) -> Fields:
    asset = queries.asset(view, one.asset)
    return {
        "id": show_id(Kind.ENTRY, one.id),
        "asset": show_id(Kind.ASSET, one.asset),
        "label": "" if asset is None else asset.name,
        "right": one.right,
        "units": one.units,
        "lender": party(view, one.lender),
        "borrower": party(view, one.borrower),
        "until_ms": one.until_ms,
    }


def offer_fields(view: View, one: Offer) -> Fields:
    """A standing offer or bid as lists and answers show it."""
    asset = queries.asset(view, one.asset)
    value: Fields = {
        "id": show_id(Kind.ENTRY, one.id),
        "asset": show_id(Kind.ASSET, one.asset),
        "label": "" if asset is None else asset.name,
        "from": party(view, one.by),
        "until_ms": one.until_ms,
    }
    if one.to is not None:
        value |= {"to": party(view, one.to), "units": one.units}
    if one.credit is not None:
        value["amount"] = amount_shown(view, "credit", one.credit, one.amount)
    if one.note:
        value["note"] = one.note
    return value


@at_once
def groups(source: Source, question: GroupList) -> Fields:
    """Groups that this member belongs to or is asked into, or all that there are."""
    found = [one for one in share_queries.groups(source.view) if one.ended_ms is None]
    mine = [one for one in found if source.me in {member for member, _ in (*one.members, *one.asked)}]
    return {"groups": [_listed(source, one) for one in (found if question.everybody else mine)]}


def _listed(source: Source, one: Group) -> Fields:
    asked = source.me in {member for member, _ in one.asked}
    belongs = source.me in {member for member, _ in one.members}
    return {
        "id": show_id(Kind.GROUP, one.id),
        "name": one.name,
        "members": len(one.members),
        "asked": len(one.asked),
        "needed": one.needed,
        "weight": sum(weight for _, weight in one.members),
        "acts": len(share_queries.acts(source.view, one.id)),
        "you": "belong" if belongs else "are asked" if asked else "",
    }


@at_once
def group(source: Source, question: GroupShow) -> Fields:
    """One group in full."""
    return group_fields(source.view, group_meant(source.view, question.id))


def group_fields(view: View, one: Group) -> Fields:
    """A group: its people, what it needs, what it has, what is put to it."""
    people = [(*person, True) for person in one.members] + [(*person, False) for person in one.asked]
    value: Fields = {
        "id": show_id(Kind.GROUP, one.id),
        "name": one.name,
        "needed": one.needed,
        "gifts": one.takes_gifts,
        "since_ms": one.founded_ms,
        "people": [
            {"member": party(view, member), "weight": weight, "belongs": belongs} for member, weight, belongs in people
        ],
        "shares": [_owned(view, each) for each in share_queries.owned(view, one.id)],
        "credits": [
            amount_shown(view, each.kind, each.thing, each.free)
            for each in queries.accounts_of(view, one.id)
            if each.kind == "credit"
        ],
        "offers": [offer_fields(view, each) for each in share_queries.offers(view, one.id)],
        "acts": [act_fields(view, each) for each in share_queries.acts(view, one.id)],
    }
    if one.ended_ms is not None:
        value["ended_ms"] = one.ended_ms
    return value


def act_fields(view: View, one: Act) -> Fields:
    """An open act as lists and answers show it."""
    return {
        "id": show_id(Kind.ENTRY, one.id),
        "group": party(view, one.group),
        "does": inner(view, one.operation, one.group),
        "by": party(view, one.by),
        "agreed": [party(view, member) for member in one.agreed],
        "weight": one.weight,
        "needed": one.needed,
        "until_ms": one.until_ms,
    }
