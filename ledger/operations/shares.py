"""Fractions of an asset change hands: with the receiver's signed acceptance, or as a gift they agreed to before.

Owning a part of a machine brings duties, so nobody becomes an owner unasked (SPEC H-1 to H-3). An acceptance is for
one transfer, can be used once and lapses; the due list forgets it afterwards.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ledger.errors import Reason, Refusal
from ledger.form import ID, INTEGER_FORM, MOMENT_MS, Bytes, Map, Text, has_form
from ledger.operations import accounts, due, members, parties
from ledger.operations.operation import Context, DueContext, DueRule, Operation
from ledger.state import Overlay, View
from ledger.statement import STATEMENT, Statement, read_statement


class ShareReason(StrEnum):
    """Why a share operation was refused."""

    UNKNOWN_ASSET = "share.unknown-asset"
    TO_SELF = "share.to-self"
    NOT_ACCEPTED = "share.not-accepted"
    ACCEPTED_BEFORE = "share.acceptance-used"


ACCEPTANCE = Map(
    {"asset": ID, "from": ID, "network": ID, "nonce": Bytes(16), "to": ID, "units": INTEGER_FORM, "until": MOMENT_MS}
)
"""What a receiver signs; for an asset that `from` is about to register, `asset` is the hash of the registration."""
_USED = b"accepted/"
_FORGET = "shares.forget-acceptance"


def units_statement(value: dict[str, Any]) -> Statement:
    """The acceptance inside an operation."""
    return read_statement("accept-units", value, "accept")


def is_used(view: View, acceptance: bytes) -> bool:
    """Whether units moved under the acceptance of this id; forgotten once it lapsed (H-3)."""
    return view.raw(_USED + acceptance) is not None


def check_acceptance(
    tx: Overlay,
    accept: dict[str, Any] | None,
    asset: bytes,
    source: bytes,
    target: bytes,
    units: int,
    context: Context,
) -> Refusal | None:
    """H-2: the receiver's current key agreed to exactly this, not before used and not lapsed; marks it used."""
    if accept is None:
        if parties.takes_gifts(tx, target):
            return None
        return Refusal(reason=ShareReason.NOT_ACCEPTED, detail="the receiver has not accepted")
    statement = units_statement(accept)
    content = statement.content
    if has_form(ACCEPTANCE, content) is not None or members.working_key_of(tx, statement.key) != target:
        return Refusal(reason=ShareReason.NOT_ACCEPTED, detail="the acceptance is not the receiver's")
    agreed = (content["asset"], content["from"], content["network"], content["to"], content["units"])
    if agreed != (asset, source, context.network, target, units) or content["until"] < context.time_ms:
        return Refusal(reason=ShareReason.NOT_ACCEPTED, detail="the receiver accepted something else, or for less long")
    if tx.raw(_USED + statement.id) is not None:
        return Refusal(reason=ShareReason.ACCEPTED_BEFORE, detail="this acceptance was used before")
    tx.put(_USED + statement.id, True)
    due.add(tx, content["until"] + 1, _FORGET, statement.id)
    return None


def _transfer(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """H-1: free units move to a member or group that agreed."""
    if tx.raw(b"asset/" + op["asset"]) is None:
        return Refusal(reason=ShareReason.UNKNOWN_ASSET, detail="there is no such asset")
    if op["to"] == context.author:
        return Refusal(reason=ShareReason.TO_SELF, detail="these units are yours already")
    if not parties.can_own(tx, op["to"]):
        return Refusal(reason=Reason.NOT_A_MEMBER, detail="the receiver is no member and no group")
    refusal = check_acceptance(tx, op.get("accept"), op["asset"], context.author, op["to"], op["units"], context)
    if refusal is not None:
        return refusal
    return accounts.move(tx, "units", op["asset"], context.author, op["to"], op["units"])


def _forget(tx: Overlay, subject: bytes, context: DueContext) -> None:
    """H-3: a lapsed acceptance need not be remembered."""
    tx.delete(_USED + subject)


def _acceptance(op: dict[str, Any]) -> list[Statement]:
    return [units_statement(op["accept"])] if "accept" in op else []


OPERATIONS = (
    Operation(
        name="shares.transfer/1",
        form=Map({"asset": ID, "to": ID, "units": INTEGER_FORM}, {"accept": STATEMENT, "note": Text(140)}),
        apply=_transfer,
        for_groups=True,
        statements=_acceptance,
    ),
)
DUE: dict[str, DueRule] = {_FORGET: _forget}
