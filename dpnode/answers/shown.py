"""Small pieces that many answers show: a party by name and id."""

from __future__ import annotations

from typing import Any

from ledger.names import Kind, show_id
from ledger.operations.members import member_record
from ledger.state import View


def name_of(view: View, member: bytes) -> str:
    """The name a member gave itself; empty for a stranger."""
    record = member_record(view, member)
    return "" if record is None else str(record["name"])


def party(view: View, member: bytes) -> dict[str, Any]:
    """{"id": full written id, "name": text}."""
    return {"id": show_id(Kind.MEMBER, member), "name": name_of(view, member)}
