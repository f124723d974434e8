"""Two votes under one key that no honest witness casts both: recorded for good, and its witness votes no more.

Anybody may record it, since the two signatures convince by themselves. A vote is a statement whose purpose is "vote".
Invariant: a correct witness is never convicted; what it signed and the journal kept holds no pair of Y-2.
Source: SPEC Y-1 to Y-4, V-1, V-8.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ledger.canonical import Value
from ledger.consensus.votes import PURPOSE, Vote, VoteKind, conflict
from ledger.errors import Refusal
from ledger.form import ID, Choice, Int, Map, has_form
from ledger.keys import Signature
from ledger.operations import witnesses
from ledger.operations.operation import Context, Operation
from ledger.state import Overlay, View
from ledger.statement import STATEMENT, Statement, read_statement

_CONTENT = Map(
    {"epoch": Int(1), "kind": Choice(*(kind.value for kind in VoteKind)), "network": ID, "view": Int(1)},
    {"block": ID},
)


class EvidenceReason(StrEnum):
    """Why two statements convict nobody."""

    NOT_VOTES = "evidence.not-votes"
    OTHER_NETWORK = "evidence.other-network"
    TWO_KEYS = "evidence.two-keys"
    NO_CONFLICT = "evidence.no-conflict"
    NOT_A_VOTING_KEY = "evidence.not-a-voting-key"
    KNOWN = "evidence.known"


def evidence_fields(first: Statement, second: Statement) -> dict[str, Value]:
    """The fields of an `evidence.votes/1` from two votes of one key."""
    return {"first": first.to_value(), "second": second.to_value()}


def are_conflicting(first: Statement, second: Statement) -> bool:
    """Whether no honest witness casts both votes; their signatures are judged apart (Y-1, Y-2)."""
    one, two = _vote_in(first), _vote_in(second)
    if one is None or two is None or first.key != second.key or one["network"] != two["network"]:
        return False
    return _is_conflict(one, two)


def evidence_record(view: View, key: bytes) -> dict[str, Any] | None:
    """{at, by, epoch, height, member, view, votes: two of {block?, kind, sig}} against a voting key, or None."""
    record: dict[str, Any] | None = view.get(b"evidence/" + key)
    return record


def _statements(op: dict[str, Any]) -> list[Statement]:
    return [read_statement(PURPOSE, op[name], name) for name in ("first", "second")]


def _vote_in(statement: Statement) -> dict[str, Any] | None:
    """The map a vote signs, {block?, epoch, kind, network, view}; None where the statement is no vote."""
    content = statement.content
    if has_form(_CONTENT, content) is not None or (content["kind"] == VoteKind.NULLIFY.value) == ("block" in content):
        return None
    return content


def _is_conflict(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Y-2, for two votes of one network and key: the rule by which a witness signs and counts as well (V-14)."""
    return conflict(_read(one), _read(two))


def _read(content: dict[str, Any]) -> Vote:
    """The vote in the map it signs. Place and signature stand elsewhere, and the rule asks for neither."""
    return Vote(
        epoch=content["epoch"],
        view=content["view"],
        kind=VoteKind(content["kind"]),
        block=content.get("block", b""),
        witness=0,
        signature=Signature(bytes(64)),
    )


def _record(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """Y-1 to Y-4: two conflicting votes of one key stand on the ledger once, and its witness leaves the list."""
    first, second = _statements(op)
    one, two = _vote_in(first), _vote_in(second)
    if one is None or two is None:
        return Refusal(reason=EvidenceReason.NOT_VOTES, detail="evidence is two votes")
    if (one["network"], two["network"]) != (context.network, context.network):
        return Refusal(reason=EvidenceReason.OTHER_NETWORK, detail="a vote is of another network")
    if first.key != second.key:
        return Refusal(reason=EvidenceReason.TWO_KEYS, detail="the votes are of two keys")
    if not _is_conflict(one, two):
        return Refusal(reason=EvidenceReason.NO_CONFLICT, detail="an honest witness casts both of these votes")
    key = first.key
    seat = witnesses.seat_record(tx, key)
    if seat is None:
        return Refusal(reason=EvidenceReason.NOT_A_VOTING_KEY, detail="no witness ever voted under this key")
    if evidence_record(tx, key) is not None:
        return Refusal(reason=EvidenceReason.KNOWN, detail="there is evidence against this key already")
    tx.put(
        b"evidence/" + key,
        {
            "at": context.time_ms,
            "by": context.author,
            "epoch": one["epoch"],
            "height": context.height,
            "member": seat["member"],
            "view": one["view"],
            "votes": [_kept(one, first), _kept(two, second)],
        },
    )
    # Whatever key it took since: else it would be enough to rekey before the evidence comes.
    heir = witnesses.heir_of(tx, key)
    if heir is not None and len(witnesses.witness_list(tx)) > 1:
        witnesses.unseat(tx, heir, context.height)
    return None


def _kept(vote: dict[str, Any], statement: Statement) -> dict[str, Value]:
    """What else is needed to check the vote again: network, epoch, view and key stand beside it."""
    value: dict[str, Value] = {"kind": vote["kind"], "sig": statement.signature}
    if "block" in vote:
        value["block"] = vote["block"]
    return value


OPERATIONS = (
    Operation(
        name="evidence.votes/1",
        form=Map({"first": STATEMENT, "second": STATEMENT}),
        apply=_record,
        statements=_statements,
        is_reserved=True,
    ),
)
