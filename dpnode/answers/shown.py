"""Small pieces that many answers show: a party, which is a member or a group, by name and id."""

from __future__ import annotations

from typing import Any

from ledger.names import Kind, show_id
from ledger.operations.members import member_record
from ledger.operations.parties import group_record
from ledger.state import View


def name_of(view: View, member: bytes) -> str:
    """The name a member or group gave itself; empty for a stranger."""
    record = member_record(view, member) or group_record(view, member)
    return "" if record is None else str(record["name"])


def party(view: View, member: bytes) -> dict[str, Any]:
    """{"id": full written id, "name": text}."""
    kind = Kind.GROUP if group_record(view, member) is not None else Kind.MEMBER
    return {"id": show_id(kind, member), "name": name_of(view, member)}
