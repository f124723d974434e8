"""Answers about the keys and machines of this member: since when, until when, and which are this machine's."""

from __future__ import annotations

from typing import Any

from dpnode.control.questions.identity import IdKeys
from dpnode.control.resolve import PREFIX_LETTERS_MIN, Candidate, resolve
from dpnode.errors import FailKind, Problem
from dpnode.reading.naming import show_peer
from dpnode.reading.source import Source, at_once
from ledger.fold import last_sequence
from ledger.names import Kind, show_id
from ledger.operations import members
from ledger.operations.operation import Role
from ledger.state import View

Fields = dict[str, Any]
SHOWN = (Role.ROOT, Role.WORKING)


@at_once
def keys(source: Source, question: IdKeys) -> Fields:
    """Every root and working key there ever was, those in force first."""
    view = source.view
    record = members.member_record(view, source.me)
    if record is None:
        raise Problem(FailKind.NOT_FOUND, "the ledger here does not know this member yet")
    rows = sorted(_keys_of(view, source), key=lambda row: ("ended_ms" in row, row["role"], row["since_ms"], row["id"]))
    return {
        "root": record["root"],
        "keys": rows,
        "machines": [{"peer": show_peer(peer), "here": peer == source.peer} for peer in record["peers"]],
    }


def _keys_of(view: View, source: Source) -> list[Fields]:
    rows = []
    head = len(b"key/")
    for raw, _ in view.raw_range(b"key/"):
        key = raw[head:]
        found = members.key_standing(view, key) or {}
        if found["member"] != source.me or found["role"] not in SHOWN:
            continue
        row: Fields = {
            "id": show_id(Kind.KEY, key),
            "role": found["role"],
            "since_ms": found["since"],
            "entries": last_sequence(view, key),
            "here": key == source.key,
        }
        if "ended" in found:
            row["ended_ms"] = found["ended"]
        rows.append(row)
    return rows


def working_key_meant(view: View, member: bytes, text: str) -> bytes:
    """A working key of the member that is in force, by its id or a beginning; raises `Problem`."""
    candidates = [Candidate(kind=Kind.KEY, id=key) for key in members.working_keys(view, member)]
    return resolve(text, candidates, what="working key of yours").id


def machine_meant(view: View, member: bytes, text: str) -> bytes:
    """A machine of the member, by its peer id or the only beginning of one; raises `Problem`."""
    bound = (members.member_record(view, member) or {}).get("peers", [])
    wanted = text.strip()
    # Every peer id of an Ed25519 key begins with the same eight letters, so the end tells them apart as well.
    found = [peer for peer in bound if show_peer(peer) == wanted]
    if not found and len(wanted) >= PREFIX_LETTERS_MIN:
        found = [peer for peer in bound if show_peer(peer).startswith(wanted) or show_peer(peer).endswith(wanted)]
    if len(found) > 1:
        raise Problem(FailKind.USAGE, f"{text[:60]!r} means more than one machine of yours")
    if not found:
        raise Problem(FailKind.NOT_FOUND, f"there is no machine {text[:60]!r} of yours", {"asked": text[:60]})
    return bytes(found[0])
