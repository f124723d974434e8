"""The witness list in the state, and every voting key there ever was: what seats, motions and evidence share.

Invariants: the list is never empty; it changes once per epoch, which it thereby ends; a voting key sits once for ever
(SPEC G-1 to G-3). A voting key of the charter gets its record when it leaves the list, since height 0 stands already in
ledgers written before there were seats; every other one when it takes its seat.
Not here: who may change the list, and what closes a block (`ledger.fold`).
"""

from __future__ import annotations

from typing import Any

from ledger.keys import PublicKey
from ledger.operations import members
from ledger.operations.membership import peer_id_of
from ledger.state import Overlay, View

WITNESSES = b"witnesses"
"""The one key of the list: {epoch, list: [{key, member}...]}."""
_SEAT = b"seat/"


def witness_list(view: View) -> list[dict[str, Any]]:
    """[{key, member}...] by place."""
    found = view.get(WITNESSES) or {"list": []}
    return list(found["list"])


def voting_key_of(view: View, member: bytes) -> PublicKey | None:
    """The key with which a member votes now, or None where they are no witness."""
    return next((PublicKey(one["key"]) for one in witness_list(view) if one["member"] == member), None)


def seat_record(view: View, key: bytes) -> dict[str, Any] | None:
    """{member, since, ended?, rekeyed?} of a voting key, sitting or not: two heights and a time; None for any other."""
    record: dict[str, Any] | None = view.get(_SEAT + key)
    if record is not None:
        return record
    first = next((one for one in witness_list(view) if one["key"] == key), None)
    return None if first is None else {"member": first["member"], "since": 0}


def heir_of(view: View, key: bytes) -> PublicKey | None:
    """The key that sits where `key` sat, itself or one that followed it by rekeying alone; None where the seat ended.

    A seat that the members gave anew is another one (Y-4).
    """
    record = seat_record(view, key)
    while record is not None and "ended" in record:
        # The list changes once in a block, so height and member name the one that followed.
        following = (
            (after[len(_SEAT) :], one)
            for after, one in view.range(_SEAT)
            if "rekeyed" in one and (one["member"], one["since"]) == (record["member"], record["ended"])
        )
        key, record = next(following, (key, None))
    return None if record is None else PublicKey(key)


def is_known_key(view: View, key: bytes) -> bool:
    """Whether a key has stood here for anything: a member's, an invitation's, a machine's or a vote's (G-3)."""
    return (
        members.key_record(view, key) is not None
        or seat_record(view, key) is not None
        or view.raw(b"peer/" + peer_id_of(key)) is not None
    )


def seat(tx: Overlay, member: bytes, key: bytes, height: int) -> None:
    """Put a witness at the end of the list."""
    tx.put(_SEAT + key, {"member": member, "since": height})
    _change(tx, [*witness_list(tx), {"key": key, "member": member}])


def unseat(tx: Overlay, key: bytes, height: int) -> None:
    """Take a sitting key off the list, for good; the list must hold another."""
    _end(tx, key, height)
    _change(tx, [one for one in witness_list(tx) if one["key"] != key])


def replace(tx: Overlay, old: bytes, new: bytes, height: int, time_ms: int) -> None:
    """Have a fresh key sit in the place of a sitting one."""
    _end(tx, old, height)
    after = [{"key": new, "member": one["member"]} if one["key"] == old else one for one in witness_list(tx)]
    (member,) = (one["member"] for one in after if one["key"] == new)
    tx.put(_SEAT + new, {"member": member, "rekeyed": time_ms, "since": height})
    _change(tx, after)


def _end(tx: Overlay, key: bytes, height: int) -> None:
    record = seat_record(tx, key)
    assert record is not None, "only a sitting key ends"
    tx.put(_SEAT + key, {**record, "ended": height})


def _change(tx: Overlay, after: list[dict[str, Any]]) -> None:
    assert after, "the list is never empty"
    before: dict[str, Any] = tx.get(WITNESSES) or {"epoch": 1}
    tx.put(WITNESSES, {"epoch": before["epoch"] + 1, "list": after})
