"""Who can own: a member, or a group of members that acts by its own rule (SPEC GR-1).

A group stands under its own kind of key and never under ``member/``, so it has no vote of its own in the network, no
key and no allowance; what it owns stands in the same accounts as everybody's.
"""

from __future__ import annotations

from typing import Any

from ledger.operations.members import is_member, member_record
from ledger.state import Overlay, View

_GROUP = b"group/"


def group_record(view: View, group: bytes) -> dict[str, Any] | None:
    """{asked, by, founded, members, name, needed, version, ended?, gifts?}, or None."""
    record: dict[str, Any] | None = view.get(_GROUP + group)
    return record


def put_group(tx: Overlay, group: bytes, record: dict[str, Any]) -> None:
    """Write a group's record."""
    tx.put(_GROUP + group, record)


def is_group(view: View, identity: bytes) -> bool:
    """Whether this is the id of a group that has not ended."""
    record = group_record(view, identity)
    return record is not None and "ended" not in record


def can_own(view: View, identity: bytes) -> bool:
    """Whether something can be given to this id now: a member's or a group's (GR-1)."""
    return is_member(view, identity) or is_group(view, identity)


def takes_gifts(view: View, identity: bytes) -> bool:
    """Whether units may come to this member or group unasked (H-2)."""
    record = member_record(view, identity) or group_record(view, identity) or {}
    return record.get("gifts") is True


def is_in_a_group(view: View, member: bytes) -> bool:
    """Whether the member belongs to any group."""
    return next(view.raw_range(_belongs(member)), None) is not None


def groups_of(view: View, member: bytes) -> list[bytes]:
    """Ids of the groups a member belongs to, in order."""
    head = _belongs(member)
    return [key[len(head) :] for key, _ in view.raw_range(head)]


def note_belonging(tx: Overlay, member: bytes, group: bytes) -> None:
    """The member belongs to the group from now on."""
    tx.put(_belongs(member) + group, True)


def forget_belonging(tx: Overlay, member: bytes, group: bytes) -> None:
    """The member belongs to the group no more."""
    tx.delete(_belongs(member) + group)


def _belongs(member: bytes) -> bytes:
    return b"group-of/" + member
