"""Who is a member and which keys speak for them: questions every family asks, and the records behind them.

State: ``member/<id>`` the member's record, ``key/<public key>`` what a key is for and since when,
``seq/<public key>`` the last sequence it used, ``peer/<peer id>`` whose machine that is.
Only `membership.py` and the charter write member records.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ledger.canonical import decode_own
from ledger.keys import MemberId, PublicKey
from ledger.operations.operation import Role
from ledger.state import Overlay, View

INVITATION_ENTRIES_MAX = 8
"""Numbers an invitation's key may use: one joins, and a guest whose name was taken meanwhile tries again a few times.
Without a bound whoever was invited could use up the sponsor's allowance every day until it ends."""
_RECORDS_MAX = 8_192
"""Records whose meaning is remembered by their bytes; the same few hundred bytes are asked about at every entry."""


def member_record(view: View, member: bytes) -> dict[str, Any] | None:
    """{root, next, name, joined, sponsor?, left?, ...}, or None."""
    record: dict[str, Any] | None = view.get(b"member/" + member)
    return record


def is_member(view: View, member: bytes) -> bool:
    """Whether this is the id of somebody who is a member now."""
    record = view.raw(b"member/" + member)
    return record is not None and _is_current(record)


@lru_cache(maxsize=_RECORDS_MAX)
def _is_current(record: bytes) -> bool:
    return "left" not in decode_own(record)


def key_record(view: View, key: bytes) -> dict[str, Any] | None:
    """{member, role, since, ended?, until?}, or None."""
    record: dict[str, Any] | None = view.get(b"key/" + key)
    return record


def key_standing(view: View, key: bytes) -> Mapping[str, Any] | None:
    """As `key_record`, for reading only: the same bytes are decoded once."""
    record = view.raw(b"key/" + key)
    return None if record is None else _standing(record)


@lru_cache(maxsize=_RECORDS_MAX)
def _standing(record: bytes) -> Mapping[str, Any]:
    return MappingProxyType(decode_own(record))


def is_spent(record: Mapping[str, Any], sequence: int) -> bool:
    """Whether a key of this record may not use the number any more (M-14)."""
    return record["role"] == Role.INVITE.value and sequence > INVITATION_ENTRIES_MAX


def put_key(tx: Overlay, key: bytes, record: dict[str, Any]) -> None:
    """Write a key's record."""
    tx.put(b"key/" + key, record)


def member_of_key(view: View, key: bytes, role: Role) -> MemberId | None:
    """The member for whom `key` speaks in `role` now, or None where it is unknown, ended or of another role."""
    record = key_standing(view, key)
    if record is None or record["role"] != role.value or "ended" in record:
        return None
    member = MemberId(record["member"])
    return member if is_member(view, member) else None


def working_key_of(view: View, key: bytes) -> MemberId | None:
    """The member whose working key this is now, or None."""
    return member_of_key(view, key, Role.WORKING)


def working_keys(view: View, member: bytes) -> list[PublicKey]:
    """A member's working keys that speak now, oldest first."""
    record = member_record(view, member) or {}
    keys = [PublicKey(key) for key in record.get("keys", ())]
    return [key for key in keys if member_of_key(view, key, Role.WORKING) == member]


def member_of_peer(view: View, peer: bytes) -> MemberId | None:
    """The member whose machine has this libp2p peer id, or None."""
    member = view.get(b"peer/" + peer)
    return MemberId(member) if member is not None and is_member(view, member) else None


def put_peer(tx: Overlay, peer: bytes, member: bytes) -> None:
    """Bind a peer id to its member."""
    tx.put(b"peer/" + peer, member)
