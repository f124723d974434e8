"""Answers about who is here and what is owned together: the charter, members, machines, assets."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from dpnode.control.questions.holdings import AssetList, AssetShow
from dpnode.control.questions.network import InvitationList, MemberList, NetworkCharter, NetworkShow
from dpnode.control.questions.node import BoundNodes
from dpnode.reading.ledger import asset_fields
from dpnode.reading.naming import asset_meant, party, person_meant, show_peer
from dpnode.reading.owning import decided_fields
from dpnode.reading.source import Source, at_once
from ledger import queries
from ledger.names import Kind, show_id
from ledger.operations import accounts
from ledger.operations.witness_queries import withstands
from ledger.queries import Asset, Person
from ledger.state import View

Fields = dict[str, Any]


@at_once
def network(source: Source, question: NetworkShow) -> Fields:
    """The charter, its witnesses and the limits the members agreed on."""
    charter, view = source.charter, source.view
    rules: Fields = {field.name: getattr(charter.limits, field.name) for field in fields(charter.limits)}
    if charter.rules:
        rules["rules"] = charter.rules
    return {
        "name": charter.name,
        "id": show_id(Kind.NETWORK, charter.network),
        "purpose": charter.purpose,
        "created_ms": charter.created_ms,
        "members": sum(1 for one in queries.people(view) if one.left_ms is None),
        "height": source.head.height,
        "block_ms": source.head.time_ms,
        "root": source.head.state_root,
        "witnesses": [party(view, one) for one in queries.witness_members(view)],
        "withstands": withstands(len(queries.witness_members(view))),
        "arbiters": [party(view, one) for one in charter.arbiters],
        "rules": rules,
    }


@at_once
def charter(source: Source, question: NetworkCharter) -> Fields:
    """The bytes that strangers check proofs and exports with."""
    network = show_id(Kind.NETWORK, source.charter.network)
    return {
        "id": network,
        "name": source.charter.name,
        "bytes": len(source.charter.body),
        "charter": source.charter.body,
    }


@at_once
def invitations(source: Source, question: InvitationList) -> Fields:
    """This member's invitations that can still be used, the first to end first."""
    found = [one for one in queries.invitations(source.view, source.me) if one.until_ms > source.head.time_ms]
    rows = [
        {"id": show_id(Kind.KEY, one.key), "expires_ms": one.until_ms, "since_ms": one.since_ms, "tries": one.tries}
        for one in sorted(found, key=lambda one: (one.until_ms, one.key))
    ]
    return {"invitations": rows, "most": source.charter.limits.invitations_open}


@at_once
def members(source: Source, question: MemberList) -> Fields:
    """Everybody who is or was a member, the longest here first."""
    witnesses = set(queries.witness_members(source.view))
    people = sorted(queries.people(source.view), key=lambda one: (one.joined_ms, one.id))
    return {"members": [_member(source, one, one.id in witnesses) for one in people]}


def _member(source: Source, one: Person, is_witness: bool) -> Fields:
    value: Fields = {
        "id": show_id(Kind.MEMBER, one.id),
        "name": one.name,
        "since_ms": one.joined_ms,
        "machines": len(one.machines),
        "connected": one.id in source.connected or one.id == source.me,
    }
    if one.sponsor is not None:
        value["sponsor"] = party(source.view, one.sponsor)
    notes = ["witness"] if is_witness else []
    if one.left_ms is not None:
        notes.append("has left")
    elif not one.keys:
        notes.append("has no working key")
    if notes:
        value["note"] = ", ".join(notes)
    return value


@at_once
def machines(source: Source, question: BoundNodes) -> Fields:
    """The machines the ledger binds to a member."""
    view = source.view
    one = queries.person(view, source.me) if question.member is None else person_meant(view, question.member)
    peers = () if one is None else one.machines
    return {"nodes": [{"peer": show_peer(peer), "here": peer == source.peer} for peer in peers]}


@at_once
def assets(source: Source, question: AssetList) -> Fields:
    """Assets that this member owns a part of, or all there are."""
    view = source.view
    own = {one.thing: one.free + one.held for one in queries.accounts_of(view, source.me) if one.kind == "units"}
    found = queries.assets(view) if question.everybody else _known(view, own)
    return {"assets": [_asset(view, one, own.get(one.id, 0)) for one in found]}


def _known(view: View, ids: dict[bytes, int]) -> list[Asset]:
    return [asset for one in sorted(ids) if (asset := queries.asset(view, one)) is not None]


def _asset(view: View, one: Asset, units: int) -> Fields:
    return {
        "id": show_id(Kind.ASSET, one.id),
        "label": one.name,
        "kind": one.kind,
        "operator": party(view, one.operator),
        "units": units,
        "total": one.total,
        "title": queries.title_of(one.record),
    }


@at_once
def asset(source: Source, question: AssetShow) -> Fields:
    """One asset, in full."""
    from ledger.operations.assets import asset_number

    view = source.view
    found = asset_meant(view, question.id)
    record = found.record
    value = asset_fields(view, found)
    value |= {name: record[name] for name in ("about", "maker", "model", "serial") if name in record}
    value |= {
        "number": asset_number(found.id),
        "operator": party(view, found.operator),
        "registered_by": party(view, found.registrant),
        "since_ms": found.registered_ms,
        "title": queries.title_of(record),
        "units": sum(accounts_of_units(view, source.me, found.id)),
        "papers": [show_id(Kind.HASH, paper) for paper in record.get("papers", ())],
    }
    value |= decided_fields(view, found)
    if "photo" in record:
        value["photo"] = show_id(Kind.HASH, record["photo"])
    if "place" in record:
        from protocol.capability.places import Place

        value["place"] = str(Place(lat_cdeg=record["place"]["lat"], lon_cdeg=record["place"]["lon"]))
    return value


def accounts_of_units(view: View, member: bytes, asset_id: bytes) -> tuple[int, int]:
    """A member's (free, held) units of an asset."""
    return accounts.free(view, member, "units", asset_id), accounts.held(view, member, "units", asset_id)
