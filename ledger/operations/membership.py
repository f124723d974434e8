"""Joining, keys, machines, leaving: who takes part and which keys speak for them (SPEC M-1 to M-15).

A member is invited by a member; the guest holds the seed of a one-use key, so no secret crosses the ledger. The root
key stays offline and only names or ends working keys; it rotates to the next one it committed to before. A machine is
bound by a statement of its own network key, so nobody can claim somebody else's peer id. Every key says itself whose
it is before it is recorded: else whoever saw one in a pending entry could record it first, and a root key that was
committed to could never follow (M-13).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ledger.charter import NAME_BYTES_MAX, write_member
from ledger.errors import Refusal
from ledger.form import ID, MOMENT_MS, PLACE, Bytes, Flag, Map, Text, has_form
from ledger.keys import is_admissible, member_id, next_root_hash
from ledger.operations import accounts, members, parties
from ledger.operations.operation import Context, Operation, Role
from ledger.operations.work_job import list_prefix
from ledger.state import Overlay
from ledger.statement import STATEMENT, Statement, read_statement

KEYS_MAX = 16
"""Working keys and machines one member may have: a laptop, a server, a phone, and spares."""
PEER_PREFIX = bytes.fromhex("002408011220")
"""An Ed25519 libp2p peer id is the identity multihash of its protobuf public key: this, then the 32-byte key."""


class MembershipReason(StrEnum):
    """Why a membership operation was refused."""

    TOO_MANY_INVITATIONS = "member.too-many-invitations"
    INVITATION_LENGTH = "member.invitation-length"
    BAD_KEY = "member.bad-key"
    KEY_KNOWN = "member.key-known"
    BAD_CONSENT = "member.bad-consent"
    MACHINE_KNOWN = "member.machine-known"
    TOO_MANY_KEYS = "member.too-many-keys"
    NOT_YOUR_KEY = "member.not-your-key"
    WRONG_NEXT_ROOT = "member.wrong-next-root"
    NO_OPEN_INVITATION = "member.no-open-invitation"
    IS_WITNESS = "member.is-witness"
    HAS_HELD = "member.has-held"
    HAS_OPEN_WORK = "member.has-open-work"
    IN_GROUP = "member.in-group"


_JOIN = Map(
    {
        "invite": ID,
        "name": Text(NAME_BYTES_MAX),
        "network": ID,
        "next": ID,
        "root": ID,
        "sealing": ID,
        "working": ID,
    }
)
_INVITE = Map({"member": ID, "network": ID})
_MACHINE = Map({"member": ID, "network": ID})
_KEY = Map({"key": ID, "member": ID, "network": ID})
_NEW_ROOT = Map({"member": ID, "network": ID, "next": ID})


def peer_id_of(network_key: bytes) -> bytes:
    """The libp2p peer id of an Ed25519 network key: 38 bytes."""
    return PEER_PREFIX + network_key


def _refuse(reason: MembershipReason, detail: str) -> Refusal:
    return Refusal(reason=reason, detail=detail)


def _invite_statements(op: dict[str, Any]) -> list[Statement]:
    return [read_statement("invite", op["consent"], "consent")]


def _join_statements(op: dict[str, Any]) -> list[Statement]:
    return [
        read_statement("join", op["consent"], "consent"),
        read_statement("key", op["key"], "key"),
        read_statement("peer", op["machine"], "machine"),
    ]


def _machine_statements(op: dict[str, Any]) -> list[Statement]:
    return [read_statement("peer", op["machine"], "machine")]


def _certify_statements(op: dict[str, Any]) -> list[Statement]:
    return [read_statement("key", op["consent"], "consent")]


def _rotate_statements(op: dict[str, Any]) -> list[Statement]:
    return [read_statement("new-root", op["consent"], "consent")]


def _invite(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """M-5: a bounded number of open invitations, of bounded length, each under a fresh key."""
    record = members.member_record(tx, context.author) or {}
    still_open = [one for one in record.get("invites", []) if one["until"] > context.time_ms]
    if len(still_open) >= context.limits.invitations_open:
        return _refuse(MembershipReason.TOO_MANY_INVITATIONS, f"{len(still_open)} invitations are open already")
    if not context.time_ms < op["until"] <= context.time_ms + context.limits.invitation_ms:
        return _refuse(MembershipReason.INVITATION_LENGTH, "an invitation ends in the charter's time")
    statement = read_statement("invite", op["consent"])
    expected = {"member": context.author, "network": context.network}
    if has_form(_INVITE, statement.content) is not None or statement.content != expected:
        return _refuse(MembershipReason.BAD_CONSENT, "the invitation's key does not speak of this member here")
    if not is_admissible(statement.key):
        return _refuse(MembershipReason.BAD_KEY, "the invitation's key is not a canonical point")
    if members.key_record(tx, statement.key) is not None:
        return _refuse(MembershipReason.KEY_KNOWN, "this key is in use already")
    record["invites"] = [*still_open, {"key": statement.key, "until": op["until"]}]
    tx.put(b"member/" + context.author, record)
    members.put_key(
        tx,
        statement.key,
        {"member": context.author, "role": Role.INVITE.value, "since": context.time_ms, "until": op["until"]},
    )
    return None


def _uninvite(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """M-15: an open invitation of one's own is taken back; its key signs nothing more, and its place is free."""
    record = members.key_record(tx, op["key"])
    if record is None or record["role"] != Role.INVITE.value:
        return _refuse(MembershipReason.NO_OPEN_INVITATION, "there is no such invitation")
    if record["member"] != context.author:
        return _refuse(MembershipReason.NO_OPEN_INVITATION, "this invitation is another member's")
    if "ended" in record:
        return _refuse(MembershipReason.NO_OPEN_INVITATION, "this invitation was used or taken back already")
    if record["until"] <= context.time_ms:
        return _refuse(MembershipReason.NO_OPEN_INVITATION, "this invitation has expired by itself")
    _end_invitation(tx, op["key"], record, context)
    return None


def _end_invitation(tx: Overlay, key: bytes, record: dict[str, Any], context: Context) -> None:
    members.put_key(tx, key, {**record, "ended": context.time_ms})
    sponsor = members.member_record(tx, context.author) or {}
    sponsor["invites"] = [one for one in sponsor.get("invites", []) if one["key"] != key]
    tx.put(b"member/" + context.author, sponsor)


def _join(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """M-6: the new root's consent covers everything; the invitation key is used up; the machine is its own."""
    consent = read_statement("join", op["consent"])
    content = consent.content
    if has_form(_JOIN, content) is not None:
        return _refuse(MembershipReason.BAD_CONSENT, "the consent is not a joining statement")
    if (content["network"], content["invite"], content["root"]) != (context.network, context.key, consent.key):
        return _refuse(MembershipReason.BAD_CONSENT, "the consent is for another network, invitation or root key")
    if not is_admissible(content["root"]) or not is_admissible(content["working"]):
        return _refuse(MembershipReason.BAD_KEY, "a key is not a canonical point")
    if content["root"] == content["working"] or any(
        members.key_record(tx, key) is not None for key in (content["root"], content["working"])
    ):
        return _refuse(MembershipReason.KEY_KNOWN, "a key is in use already")
    member = member_id(content["root"], content["next"])
    if not _speaks_for(read_statement("key", op["key"]), content["working"], member, context):
        return _refuse(MembershipReason.BAD_CONSENT, "the working key has not agreed to speak for this member here")
    peer, refusal = _own_machine(tx, op, member, context)
    if refusal is not None:
        return refusal
    write_member(
        tx,
        member,
        root=content["root"],
        next_hash=content["next"],
        name=content["name"],
        working=content["working"],
        sealing=content["sealing"],
        peer=peer,
        time_ms=context.time_ms,
        sponsor=context.author,
    )
    _end_invitation(tx, context.key, members.key_record(tx, context.key) or {}, context)
    return None


def _speaks_for(statement: Statement, key: bytes, member: bytes, context: Context) -> bool:
    """M-13: whether a working key itself agreed to speak for a member here."""
    expected = {"key": key, "member": member, "network": context.network}
    return statement.key == key and has_form(_KEY, statement.content) is None and statement.content == expected


def _own_machine(tx: Overlay, op: dict[str, Any], member: bytes, context: Context) -> tuple[bytes, Refusal | None]:
    """M-7: the network key itself says whose machine it is, and no two members share one."""
    statement = read_statement("peer", op["machine"])
    if has_form(_MACHINE, statement.content) is not None:
        return b"", _refuse(MembershipReason.BAD_CONSENT, "the machine's word is not a machine statement")
    if (statement.content["member"], statement.content["network"]) != (member, context.network):
        return b"", _refuse(MembershipReason.BAD_CONSENT, "the machine speaks for another member or network")
    peer = peer_id_of(statement.key)
    if members.member_of_peer(tx, peer) is not None:
        return b"", _refuse(MembershipReason.MACHINE_KNOWN, "this machine is a member's already")
    return peer, None


def _machine(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """M-7: one more machine of a member."""
    peer, refusal = _own_machine(tx, op, context.author, context)
    if refusal is not None:
        return refusal
    record = members.member_record(tx, context.author) or {}
    if len(record["peers"]) >= KEYS_MAX:
        return _refuse(MembershipReason.TOO_MANY_KEYS, f"a member has at most {KEYS_MAX} machines")
    record["peers"].append(peer)
    tx.put(b"member/" + context.author, record)
    members.put_peer(tx, peer, context.author)
    return None


def _unbind(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """M-7: a machine that is sold or broken speaks for nobody."""
    record = members.member_record(tx, context.author) or {}
    if op["peer"] not in record["peers"]:
        return _refuse(MembershipReason.NOT_YOUR_KEY, "this is not one of your machines")
    record["peers"].remove(op["peer"])
    tx.put(b"member/" + context.author, record)
    tx.delete(b"peer/" + op["peer"])
    return None


def _profile(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """M-8: what a member says of themselves; a field left out stays as it is."""
    record = members.member_record(tx, context.author) or {}
    record.update({name: op[name] for name in ("about", "gifts", "name", "place") if name in op})
    tx.put(b"member/" + context.author, record)
    return None


def _certify(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """M-9: the root key names one more working key, which itself agrees."""
    statement = read_statement("key", op["consent"])
    if not _speaks_for(statement, statement.key, context.author, context):
        return _refuse(MembershipReason.BAD_CONSENT, "the new key has not agreed to speak for this member here")
    if not is_admissible(statement.key):
        return _refuse(MembershipReason.BAD_KEY, "the key is not a canonical point")
    if members.key_record(tx, statement.key) is not None:
        return _refuse(MembershipReason.KEY_KNOWN, "this key is in use already")
    record = members.member_record(tx, context.author) or {}
    if len(record["keys"]) >= KEYS_MAX:
        return _refuse(MembershipReason.TOO_MANY_KEYS, f"a member has at most {KEYS_MAX} working keys")
    record["keys"].append(statement.key)
    if "sealing" in op:
        record["sealing"] = op["sealing"]
    tx.put(b"member/" + context.author, record)
    members.put_key(tx, statement.key, {"member": context.author, "role": Role.WORKING.value, "since": context.time_ms})
    return None


def _revoke(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """M-10: from this block on the key signs nothing more; what it signed before stays."""
    record = members.key_record(tx, op["key"])
    if record is None or record["member"] != context.author or record["role"] != Role.WORKING.value:
        return _refuse(MembershipReason.NOT_YOUR_KEY, "this is not one of your working keys")
    if "ended" in record:
        return _refuse(MembershipReason.NOT_YOUR_KEY, "this key has ended already")
    member = members.member_record(tx, context.author) or {}
    member["keys"].remove(op["key"])
    tx.put(b"member/" + context.author, member)
    members.put_key(tx, op["key"], {**record, "ended": context.time_ms})
    return None


def _rotate(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """M-11: only the root committed to before can follow, and it commits to the one after it."""
    statement = read_statement("new-root", op["consent"])
    if has_form(_NEW_ROOT, statement.content) is not None:
        return _refuse(MembershipReason.BAD_CONSENT, "the new root's word is not a rotation")
    content = statement.content
    if (content["member"], content["network"]) != (context.author, context.network):
        return _refuse(MembershipReason.BAD_CONSENT, "the new root speaks for another member or network")
    record = members.member_record(tx, context.author) or {}
    if next_root_hash(statement.key) != record["next"]:
        return _refuse(MembershipReason.WRONG_NEXT_ROOT, "this is not the root key that was committed to")
    if not is_admissible(statement.key) or members.key_record(tx, statement.key) is not None:
        return _refuse(MembershipReason.BAD_KEY, "the new root key cannot be used")
    before = members.key_record(tx, context.key) or {}
    members.put_key(tx, context.key, {**before, "ended": context.time_ms})
    members.put_key(tx, statement.key, {"member": context.author, "role": Role.ROOT.value, "since": context.time_ms})
    tx.put(b"member/" + context.author, {**record, "next": content["next"], "root": statement.key})
    return None


def _leave(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """M-12: who leaves keeps what they own; a witness and a party to open work stay until that has ended."""
    witnesses = (tx.get(b"witnesses") or {"list": []})["list"]
    if any(witness["member"] == context.author for witness in witnesses):
        return _refuse(MembershipReason.IS_WITNESS, "a witness gives up the seat before leaving")
    if any(on_hold for _, _, _, on_hold in accounts.holdings(tx, context.author)):
        return _refuse(MembershipReason.HAS_HELD, "something of yours is still held")
    if next(tx.raw_range(list_prefix(context.author, is_open=True)), None) is not None:
        return _refuse(MembershipReason.HAS_OPEN_WORK, "you are a party to work that has not ended")
    if parties.is_in_a_group(tx, context.author):
        return _refuse(MembershipReason.IN_GROUP, "you belong to a group that counts on you: leave it first")
    record = members.member_record(tx, context.author) or {}
    tx.put(b"member/" + context.author, {**record, "left": context.time_ms})
    return None


OPERATIONS = (
    Operation(
        name="membership.invite/1",
        form=Map({"consent": STATEMENT, "until": MOMENT_MS}),
        apply=_invite,
        statements=_invite_statements,
    ),
    Operation(
        name="membership.uninvite/1",
        form=Map({"key": ID}),
        apply=_uninvite,
        is_reserved=True,
    ),
    Operation(
        name="membership.join/1",
        form=Map({"consent": STATEMENT, "key": STATEMENT, "machine": STATEMENT}),
        apply=_join,
        signer=Role.INVITE,
        statements=_join_statements,
    ),
    Operation(
        name="membership.machine/1",
        form=Map({"machine": STATEMENT}),
        apply=_machine,
        statements=_machine_statements,
    ),
    Operation(name="membership.unbind/1", form=Map({"peer": Bytes(1, 64)}), apply=_unbind, is_reserved=True),
    Operation(
        name="membership.profile/1",
        form=Map({}, {"about": Text(1000, lines=True), "gifts": Flag(), "name": Text(NAME_BYTES_MAX), "place": PLACE}),
        apply=_profile,
    ),
    Operation(
        name="membership.certify/1",
        form=Map({"consent": STATEMENT}, {"sealing": ID}),
        apply=_certify,
        signer=Role.ROOT,
        statements=_certify_statements,
        is_reserved=True,
    ),
    Operation(name="membership.revoke/1", form=Map({"key": ID}), apply=_revoke, signer=Role.ROOT, is_reserved=True),
    Operation(
        name="membership.rotate/1",
        form=Map({"consent": STATEMENT}),
        apply=_rotate,
        signer=Role.ROOT,
        statements=_rotate_statements,
        is_reserved=True,
    ),
    Operation(name="membership.leave/1", form=Map({}), apply=_leave),
)
