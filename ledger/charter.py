"""The founding document of one network; its hash is the network's name.

Who founded it, who orders entries first, and the limits the members live under. Every signature covers the network's
name and so the whole charter (SPEC F-1). The founders' signatures stand beside it, since they sign its hash.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from ledger.canonical import Value, decode, digest, encode
from ledger.entry import ENTRY_BYTES_MAX
from ledger.errors import RemoteError
from ledger.form import ID, MOMENT_MS, Bytes, Int, List, Map, Text
from ledger.keys import SIGNATURE_BYTES, MemberId, PublicKey, Signature, is_admissible, member_id, verify
from ledger.operations import members
from ledger.operations.operation import Role
from ledger.state import Overlay

CHARTER_BYTES_MAX = 65_536
"""64 founders with long names fit."""
PEER_ID_BYTES_MAX = 64
"""libp2p's Ed25519 peer ids have 38 bytes."""
NAME_BYTES_MAX = 80
"""A member's or network's name on one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the members agreed nobody exceeds; each a charter value with this default."""

    block_bytes: int = 1 << 20
    """The most bytes of entries and signatures in one block: at least one largest entry, at most a mebibyte."""
    block_entries: int = 1000
    """The most entries in one block: at most so many that their framing fits beside the bytes (SPEC B-9)."""
    day_bytes: int = 1 << 20
    """What one member may add to everybody's disk in a day of block time (SPEC E-6)."""
    day_entries: int = 2000
    """How many entries one member may make in a day of block time."""
    reserve_entries: int = 200
    """How many receipts and key changes are let through beyond that."""
    invitations_open: int = 3
    """How many invitations one member may have open."""
    invitation_ms: int = 14 * 86_400_000
    """The longest an invitation may stand."""
    until_ms: int = 90 * 86_400_000
    """How far ahead an entry's valid-until may lie."""
    vote_after_ms: int = 90 * 86_400_000
    """How long somebody who joined is a member before a vote of theirs counts in motions (SPEC J-2)."""
    motions_open: int = 3
    """How many motions one member may have whose end has not come."""
    motion_ms: int = 30 * 86_400_000
    """The longest a motion may stand."""
    accept_ms: int = 7 * 86_400_000
    """How long a seat waits for its new voting key once the motion passed (SPEC G-4)."""
    rekey_ms: int = 86_400_000
    """How long a voting key that replaced another stays before it is replaced in turn (SPEC G-6)."""

    def to_value(self) -> dict[str, Value]:
        """The form in a charter: of the limits that may be left out those that differ from their defaults (F-5)."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, usual) in values.items() if name not in _OPTIONAL or value != usual}


_OPTIONAL = {
    "accept_ms": Int(1),
    "motion_ms": Int(1),
    "motions_open": Int(1),
    "rekey_ms": Int(),
    "vote_after_ms": Int(),
}
"""Limits that charters from before there were motions do not name, so none has to."""
_LIMITS = Map(
    {field.name: Int(1) for field in fields(Limits) if field.name not in _OPTIONAL}
    | {"block_bytes": Int(ENTRY_BYTES_MAX + SIGNATURE_BYTES, 1 << 20), "block_entries": Int(1, 2000)},
    _OPTIONAL,
)
_FOUNDER = Map(
    {
        "name": Text(NAME_BYTES_MAX),
        "next": ID,
        "peer": Bytes(1, PEER_ID_BYTES_MAX),
        "root": ID,
        "sealing": ID,
        "working": ID,
    }
)
_CHARTER = Map(
    {
        "created": MOMENT_MS,
        "founders": List(_FOUNDER, 1, 64),
        "limits": _LIMITS,
        "name": Text(NAME_BYTES_MAX),
        "purpose": Text(1000, lines=True),
        "version": Int(1, 1),
        "witnesses": List(Map({"key": ID, "member": ID}), 1, 64),
    },
    {"arbiters": List(ID, 1, 8), "rules": Text(16_000, lines=True)},
)


class BadCharter(RemoteError):
    """This document cannot found a network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Founder:
    """A member from the first block on."""

    member: MemberId
    name: str
    root: PublicKey
    next_hash: bytes
    working: PublicKey
    sealing: bytes
    peer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A member who orders entries, and the key that votes."""

    member: MemberId
    key: PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """A founding document, read and checked."""

    body: bytes
    """Canonical bytes, whose hash is the network's name."""
    network: bytes
    """32 bytes: ``digest("charter", body)``."""
    name: str
    purpose: str
    rules: str
    created_ms: int
    founders: tuple[Founder, ...]
    witnesses: tuple[Witness, ...]
    arbiters: tuple[MemberId, ...]
    limits: Limits


def write_charter(content: dict[str, Any]) -> Charter:
    """The charter with this content; raises `BadCharter` where it breaks a rule."""
    return read_charter(encode(content))


def read_charter(body: bytes) -> Charter:
    """The charter in these bytes (SPEC F-1, F-2); raises `BadCharter`, `NotCanonical` or `Malformed`."""
    value = decode(body, bytes_max=CHARTER_BYTES_MAX)
    _CHARTER.check(value)
    founders = tuple(_founder(one) for one in value["founders"])
    ids = {founder.member for founder in founders}
    keys = [key for founder in founders for key in (founder.root, founder.working)]
    keys += [witness["key"] for witness in value["witnesses"]]
    if len(ids) != len(founders) or len(set(keys)) != len(keys):
        raise BadCharter("a founder or a key stands in the charter twice")
    if len({founder.peer for founder in founders}) != len(founders):
        raise BadCharter("two founders name the same machine")
    if not all(is_admissible(key) for key in keys):
        raise BadCharter("a key in the charter is not a canonical point of prime order")
    witnesses = tuple(Witness(member=MemberId(one["member"]), key=one["key"]) for one in value["witnesses"])
    arbiters = tuple(MemberId(one) for one in value.get("arbiters", ()))
    if any(witness.member not in ids for witness in witnesses) or any(one not in ids for one in arbiters):
        raise BadCharter("a witness or arbiter is not a founder")
    if len({witness.member for witness in witnesses}) != len(witnesses):
        raise BadCharter("a witness stands in the charter twice")
    return Charter(
        body=body,
        network=digest("charter", body),
        name=value["name"],
        purpose=value["purpose"],
        rules=value.get("rules", ""),
        created_ms=value["created"],
        founders=founders,
        witnesses=witnesses,
        arbiters=arbiters or tuple(founder.member for founder in founders[:1]),
        limits=Limits(**value["limits"]),
    )


def founding_id(network: bytes) -> bytes:
    """What each founder's root key signs to found the network."""
    return digest("founding", network)


def check_founding(charter: Charter, signatures: dict[bytes, bytes]) -> None:
    """Raise `BadCharter` unless every founder's root key signed (SPEC F-3); `signatures` by member id."""
    message = founding_id(charter.network)
    for founder in charter.founders:
        if not verify(founder.root, message, Signature(signatures.get(founder.member, b""))):
            raise BadCharter(f"the founder {founder.name} has not signed")


def genesis(charter: Charter, tx: Overlay) -> None:
    """Write the state at height 0: the founders, their keys and machines, the first witnesses (SPEC F-4)."""
    for founder in charter.founders:
        write_member(
            tx,
            founder.member,
            root=founder.root,
            next_hash=founder.next_hash,
            name=founder.name,
            working=founder.working,
            sealing=founder.sealing,
            peer=founder.peer,
            time_ms=charter.created_ms,
        )
    voters = [{"key": witness.key, "member": witness.member} for witness in charter.witnesses]
    tx.put(b"witnesses", {"epoch": 1, "list": voters})


def write_member(
    tx: Overlay,
    member: bytes,
    *,
    root: bytes,
    next_hash: bytes,
    name: str,
    working: bytes,
    sealing: bytes,
    peer: bytes,
    time_ms: int,
    sponsor: bytes | None = None,
) -> None:
    """Write the records of a new member; shared by the charter and by joining (SPEC M-4)."""
    record: dict[str, Value] = {
        "joined": time_ms,
        "keys": [working],
        "name": name,
        "next": next_hash,
        "peers": [peer],
        "root": root,
        "sealing": sealing,
    }
    if sponsor is not None:
        record["sponsor"] = sponsor
    tx.put(b"member/" + member, record)
    for key, role in ((root, Role.ROOT), (working, Role.WORKING)):
        members.put_key(tx, key, {"member": member, "role": role.value, "since": time_ms})
    members.put_peer(tx, peer, member)


def _founder(one: dict[str, Any]) -> Founder:
    return Founder(
        member=member_id(one["root"], one["next"]),
        name=one["name"],
        root=PublicKey(one["root"]),
        next_hash=one["next"],
        working=PublicKey(one["working"]),
        sealing=one["sealing"],
        peer=one["peer"],
    )
