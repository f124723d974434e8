"""Who has how much of what: one structure for credits, fractions of assets and output.

A holding is {free, held} of one thing by one member. Everything that waits for a condition uses one escrow primitive:
*hold -> post | void*, in full or in part. Nothing is below zero and nothing held is spent (invariants 1 to 3; SPEC
A-1 to A-5). Only `create` and `destroy` change how much of a thing there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ledger.canonical import INTEGER_MAX
from ledger.errors import LocalError, Reason, Refusal
from ledger.keys import MemberId
from ledger.state import Overlay, View

KINDS = {"credit": b"c", "output": b"o", "units": b"u"}
"""The letter each kind has in state keys."""
_NAMES = {letter: name for name, letter in KINDS.items()}
_HOLDING = b"holding/"
_MEMBER_AT = len(_HOLDING)
_KIND_AT = _MEMBER_AT + 32

Line = dict[str, Any]
"""{"amount": int, "id": 32 bytes, "kind": "credit" | "units" | "output"}."""


def free(view: View, member: bytes, kind: str, thing: bytes) -> int:
    """How much the member can spend."""
    return _read(view, _key(member, kind, thing))[0]


def held(view: View, member: bytes, kind: str, thing: bytes) -> int:
    """How much of the member's is held for something."""
    return _read(view, _key(member, kind, thing))[1]


def holdings(view: View, member: bytes) -> Iterator[tuple[str, bytes, int, int]]:
    """All a member has: (kind, thing, free, held)."""
    prefix = _HOLDING + member
    for key, value in view.range(prefix):
        at = len(prefix)
        yield _NAMES[key[at : at + 1]], key[at + 1 :], value.get("free", 0), value.get("held", 0)


def holders(view: View, kind: str, thing: bytes) -> Iterator[tuple[MemberId, int, int]]:
    """Everybody who has some of a thing: (member, free, held), in member order."""
    prefix = b"holder/" + KINDS[kind] + thing
    for key, _ in view.raw_range(prefix):
        member = MemberId(key[len(prefix) :])
        yield member, *_read(view, _key(member, kind, thing))


def create(tx: Overlay, member: bytes, kind: str, thing: bytes, amount: int) -> None:
    """Bring `amount` of a thing into being; the caller keeps its total."""
    key = _key(member, kind, thing)
    _change(tx, key, _read(tx, key), amount, 0)


def destroy(tx: Overlay, member: bytes, kind: str, thing: bytes, amount: int) -> Refusal | None:
    """Take `amount` of a thing out of being."""
    key = _key(member, kind, thing)
    account = _read(tx, key)
    if account[0] < amount:
        return _too_little(account[0], amount)
    _change(tx, key, account, -amount, 0)
    return None


def move(tx: Overlay, kind: str, thing: bytes, source: bytes, target: bytes, amount: int) -> Refusal | None:
    """Hand `amount` of what is free from one member to another."""
    if refusal := destroy(tx, source, kind, thing, amount):
        return refusal
    create(tx, target, kind, thing, amount)
    return None


def hold(tx: Overlay, hold_id: bytes, member: bytes, lines: Sequence[Line]) -> Refusal | None:
    """Set `lines` of the member's aside under a fresh 32-byte id: all of them or none (SPEC A-3)."""
    if tx.raw(_hold_key(hold_id)) is not None:
        return Refusal(reason=Reason.HOLD_EXISTS, detail="this is held already")
    for line in lines:
        key, amount = _key(member, line["kind"], line["id"]), line["amount"]
        account = _read(tx, key)
        if account[0] < amount:
            return _too_little(account[0], amount)
        _change(tx, key, account, -amount, amount)
    kept = [{"amount": line["amount"], "id": line["id"], "kind": line["kind"]} for line in lines]
    tx.put(_hold_key(hold_id), {"from": member, "lines": kept})
    return None


def hold_left(view: View, hold_id: bytes) -> list[Line] | None:
    """What is still held under an id, or None where the hold never was or has ended."""
    kept = view.get(_hold_key(hold_id))
    return None if kept is None else kept["lines"]


def post(tx: Overlay, hold_id: bytes, target: bytes, amounts: Sequence[int]) -> Refusal | None:
    """Pay part of a hold to `target`, one amount per line; a hold paid out in full has ended (SPEC A-4)."""
    kept = tx.get(_hold_key(hold_id))
    if kept is None:
        return Refusal(reason=Reason.NO_SUCH_HOLD, detail="nothing is held here any more")
    if len(amounts) != len(kept["lines"]) or any(amount < 0 for amount in amounts):
        raise LocalError("one amount of at least 0 is needed for each line of a hold")
    for line, amount in zip(kept["lines"], amounts, strict=True):
        if line["amount"] < amount:
            return _too_little(line["amount"], amount)
        _unhold(tx, kept["from"], line, amount)
        if amount:
            create(tx, target, line["kind"], line["id"], amount)
        line["amount"] -= amount
    _keep(tx, hold_id, kept)
    return None


def pay_out(tx: Overlay, hold_id: bytes, parts: Sequence[tuple[bytes, int]]) -> Refusal | None:
    """Pay all of a hold of one line to several at once, and end it; the parts sum to it (SPEC A-4)."""
    kept = tx.get(_hold_key(hold_id))
    if kept is None:
        return Refusal(reason=Reason.NO_SUCH_HOLD, detail="nothing is held here any more")
    (line,) = kept["lines"]
    if line["amount"] != sum(amount for _, amount in parts) or any(amount < 0 for _, amount in parts):
        raise LocalError("what is paid out is all that is held")
    _unhold(tx, kept["from"], line, line["amount"])
    for target, amount in parts:
        if amount:
            create(tx, target, line["kind"], line["id"], amount)
    tx.delete(_hold_key(hold_id))
    return None


def void(tx: Overlay, hold_id: bytes) -> Refusal | None:
    """Give what is left of a hold back to its owner and end it (SPEC A-5)."""
    kept = tx.get(_hold_key(hold_id))
    if kept is None:
        return Refusal(reason=Reason.NO_SUCH_HOLD, detail="nothing is held here any more")
    for line in kept["lines"]:
        _unhold(tx, kept["from"], line, line["amount"])
        if line["amount"]:
            create(tx, kept["from"], line["kind"], line["id"], line["amount"])
    tx.delete(_hold_key(hold_id))
    return None


def _keep(tx: Overlay, hold_id: bytes, kept: dict[str, Any]) -> None:
    if any(line["amount"] for line in kept["lines"]):
        tx.put(_hold_key(hold_id), kept)
    else:
        tx.delete(_hold_key(hold_id))


def _unhold(tx: Overlay, member: bytes, line: Line, amount: int) -> None:
    key = _key(member, line["kind"], line["id"])
    account = _read(tx, key)
    if account[1] < amount:
        raise LocalError("less is held in the account than under the hold")
    _change(tx, key, account, 0, -amount)


def _too_little(at_hand: int, wanted: int) -> Refusal:
    return Refusal(reason=Reason.TOO_LITTLE, detail=f"{at_hand} is free where {wanted} is needed")


def _hold_key(hold_id: bytes) -> bytes:
    return b"hold/" + hold_id


def _key(member: bytes, kind: str, thing: bytes) -> bytes:
    return _HOLDING + member + KINDS[kind] + thing


def _read(view: View, key: bytes) -> tuple[int, int]:
    """(free, held) of the account under a state key."""
    value = view.get(key)
    return (0, 0) if value is None else (value.get("free", 0), value.get("held", 0))


def _change(tx: Overlay, key: bytes, account: tuple[int, int], to_free: int, to_held: int) -> None:
    """Add to both parts of an account as it was just read; only those with something in them stand in the state."""
    at_hand, on_hold = account[0] + to_free, account[1] + to_held
    if at_hand < 0 or on_hold < 0:
        raise LocalError("an account would be below zero")
    if at_hand + on_hold > INTEGER_MAX:
        raise LocalError("a total beyond 2^53 - 1 slipped past its family's check")
    was, is_there = account != (0, 0), bool(at_hand or on_hold)
    if is_there:
        tx.put_own(key, _written(at_hand, on_hold))
    elif was:
        tx.delete(key)
    if was == is_there:
        return
    member, kind_and_thing = key[_MEMBER_AT:_KIND_AT], key[_KIND_AT:]
    index = b"holder/" + kind_and_thing + member
    if is_there:
        tx.put(index, True)
    else:
        tx.delete(index)


def _written(at_hand: int, on_hold: int) -> dict[str, int]:
    """What is zero is left out."""
    if not on_hold:
        return {"free": at_hand}
    return {"free": at_hand, "held": on_hold} if at_hand else {"held": on_hold}
