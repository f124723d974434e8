"""Says in plain words what a proof shows, from its bytes and the charter's alone: no node, no home, no database.

A member is named only where the charter does it: a name of later is a claim of whoever sends the proof.
"""

from __future__ import annotations

from typing import Any

from dpnode.control.amounts import decimal_text
from dpnode.errors import FailKind, Problem
from ledger.canonical import decode
from ledger.charter import Charter, read_charter
from ledger.errors import RemoteError
from ledger.keys import MemberId
from ledger.names import Kind, short, show_id
from ledger.operations.assets import UNITS
from ledger.proof import Holding, Shown, ShownEntry, ShownPair, check

Fields = dict[str, Any]


def checked(proof: bytes, charter_body: bytes) -> Fields:
    """What the proof shows: {"shows", "is", "network", "height", "time_ms", "block", "epoch", "signed", "witnesses"},
    and more by what it is of.

    Errors:
        Problem: VERIFICATION, where the charter is none or the proof does not hold.
    """
    if not proof:
        raise Problem(FailKind.VERIFICATION, "the proof is empty: the command that was to make it may have failed")
    try:
        charter = read_charter(charter_body)
    except RemoteError as problem:
        raise Problem(FailKind.VERIFICATION, f"the charter file is no charter: {problem.reason}") from problem
    try:
        shown = check(proof, charter)
    except RemoteError as problem:
        raise Problem(FailKind.VERIFICATION, f"the proof does not hold: {problem.reason}") from problem
    header = shown.header
    value: Fields = {
        "network": {"id": show_id(Kind.NETWORK, charter.network), "name": charter.name},
        "height": header.height,
        "time_ms": header.time_ms,
        "block": show_id(Kind.BLOCK, header.id),
        "epoch": header.epoch,
        "signed": shown.signed,
        "witnesses": shown.witnesses,
    }
    return value | _what(shown, charter)


def _what(shown: Shown, charter: Charter) -> Fields:
    at = f"at block {shown.header.height:,}"
    match shown.what:
        case ShownEntry(entry=entry, outcome=outcome):
            became = f"was refused ({outcome})" if outcome else "was applied"
            called = f"{short(Kind.ENTRY, entry.id)}, {entry.name},"
            return {
                "is": "entry",
                "shows": f"in block {shown.header.height:,} the entry {called} {became}",
                "entry": show_id(Kind.ENTRY, entry.id),
                "operation": entry.name,
                "key": show_id(Kind.KEY, entry.key),
                "outcome": outcome or "ok",
                "content": entry.operation,
            }
        case ShownPair(holding=Holding() as holding):
            return _holding(holding, at, charter)
        case ShownPair(key=key, value=found):
            there = "nothing stood" if found is None else "this stood"
            value: Fields = {"is": "pair", "shows": f"{at} {there} in the state under this key", "key": key}
            if found is not None:
                value["content"] = {"value": decode(found)}
            return value


def _holding(holding: Holding, at: str, charter: Charter) -> Fields:
    founders = {founder.member: founder.name for founder in charter.founders}
    name = founders.get(MemberId(holding.member), "")
    who = f"the member {short(Kind.MEMBER, holding.member)}" + (f", the founder {name}," if name else "")
    total = holding.free + holding.held
    kind = Kind.CREDIT if holding.kind == "credit" else Kind.ASSET
    thing = short(kind, holding.thing)
    made = holding.made or {}
    value: Fields = {
        "is": "holding",
        "member": {"id": show_id(Kind.MEMBER, holding.member), "name": name},
        "kind": holding.kind,
        "id": show_id(kind, holding.thing),
        "free": holding.free,
        "held": holding.held,
    }
    if holding.kind == "credit":
        decimals = made.get("decimals", 0)
        what = f"{made['unit']} of the credit {thing}" if made else f"smallest units of the credit {thing}"
        amount, part = decimal_text(total, decimals), decimal_text(holding.held, decimals)
        value |= {"decimals": decimals, "name": made.get("unit", "")}
    elif holding.kind == "units" and made:
        value |= {"total": made.get("units", UNITS), "name": made["name"]}
        what = f"of the {value['total']:,} units of {made['name']} ({thing})"
        amount, part = f"{total:,}", f"{holding.held:,}"
    else:
        what = f"{'units' if holding.kind == 'units' else 'pieces of output'} of the asset {thing}"
        amount, part = f"{total:,}", f"{holding.held:,}"
    held = f", {part} of it held for something not decided yet" if holding.held else ""
    had = f"owned {amount if total else 'none' if holding.kind == 'units' and made else amount} {what}{held}"
    return value | {"shows": f"{at} {who} {had}"}
