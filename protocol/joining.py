"""Joining: what a guest and a member say before the guest is one (SPEC P-50 to P-56).

The guest proves that it holds the invitation's one-use key, bound to both machines so that nobody can show the proof
elsewhere; only then does it get the charter. It checks the charter against the network's name, signs its joining
entry, and asks until that is final. Whoever has no invitation gets a polite refusal and no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.canonical import Value, decode, digest, encode
from ledger.chain import Chain
from ledger.charter import Charter, check_founding, read_charter
from ledger.entry import Entry, entry_from_value, entry_to_value, sign_entry
from ledger.errors import RemoteError
from ledger.fold import last_sequence
from ledger.form import ID, MOMENT_MS, Bytes, Int, List, Map, Text
from ledger.keys import MemberId, PublicKey, SigningKey, verify
from ledger.operations.members import INVITATION_ENTRIES_MAX, key_record
from ledger.operations.operation import Role
from ledger.statement import sign_statement
from protocol.inputs import PeerId
from protocol.pasted import BadText, read_pasted, write_pasted

PREFIX = "dpnode-invite-1-"
INVITATION_BYTES_MAX = 8192
"""A certificate of 64 witnesses and eight addresses."""
REQUEST_BYTES_MAX = 65_536

_INVITATION = Map(
    {
        "addresses": List(Text(200), 1, 8),
        "block": ID,
        "certificate": Bytes(0, 6000),
        "height": Int(),
        "network": ID,
        "peer": Bytes(1, 64),
        "seed": Bytes(32),
        "until": MOMENT_MS,
    }
)
_PROOF = {"invite": ID, "network": ID, "proof": Bytes(64)}
_REQUESTS = {
    "charter": Map(_PROOF),
    "join": Map({**_PROOF, "entry": List(Bytes(1, 16_384), 2, 2)}),
    "outcome": Map({**_PROOF, "entry": ID}),
}
_CHARTER_REPLY = Map(
    {"block": ID, "charter": Bytes(1, 65_536), "founding": List(List(Bytes(1, 64), 2, 2), 1, 64), "height": Int()},
    {"next": Int(2, INVITATION_ENTRIES_MAX)},
)
_OUTCOME_REPLY = Map({"height": Int(), "outcome": Text(48, least=0), "state": Text(16)})


class BadInvitation(RemoteError):
    """This text is no invitation that can be used."""


class Declined(RemoteError):
    """A guest's request is declined; the reason is what it is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Everything a guest needs, in one string."""

    network: bytes
    peer: PeerId
    """The inviter's machine."""
    addresses: tuple[str, ...]
    seed: bytes
    """32 bytes: of the one-use key; the secret of the invitation."""
    until_ms: int
    height: int
    block: bytes
    """The id of a recent final block, so that a false history is noticed."""
    certificate: bytes
    """What finalizes it; empty at height 0."""


def write_invitation(invitation: Invitation) -> str:
    """The one string; base32, so that it survives mail and being read aloud in pieces."""
    body = encode(
        {
            "addresses": list(invitation.addresses),
            "block": invitation.block,
            "certificate": invitation.certificate,
            "height": invitation.height,
            "network": invitation.network,
            "peer": invitation.peer,
            "seed": invitation.seed,
            "until": invitation.until_ms,
        }
    )
    return write_pasted(PREFIX, "invitation", body)


def read_invitation(text: str, now_ms: int) -> Invitation:
    """The invitation in a string; raises `BadInvitation` with the sentence its owner reads."""
    try:
        body = read_pasted(text, PREFIX, "invitation", what="an invitation", bytes_max=INVITATION_BYTES_MAX)
        value = decode(body, bytes_max=INVITATION_BYTES_MAX)
        _INVITATION.check(value)
    except BadText as problem:
        raise BadInvitation(problem.reason) from None
    except RemoteError as problem:
        raise BadInvitation(f"this is no invitation: {problem.reason}") from None
    if value["until"] < now_ms:
        raise BadInvitation("the invitation has expired; ask for a new one")
    return Invitation(
        network=value["network"],
        peer=value["peer"],
        addresses=tuple(value["addresses"]),
        seed=value["seed"],
        until_ms=value["until"],
        height=value["height"],
        block=value["block"],
        certificate=value["certificate"],
    )


def inviting(key: SigningKey, *, member: MemberId, network: bytes, until_ms: int) -> dict[str, Value]:
    """The operation that records an invitation's one-use key, which itself says whose invitation it is."""
    consent = sign_statement("invite", {"member": member, "network": network}, key)
    return {"consent": consent.to_value(), "t": "membership.invite/1", "until": until_ms}


# -- the guest's side


def ask(kind: str, invitation: Invitation, own_peer: PeerId, **more: Value) -> bytes:
    """A request under an invitation."""
    key = SigningKey(invitation.seed)
    proof = key.sign(proof_id(invitation.network, own_peer, invitation.peer))
    return encode({"invite": key.public, "network": invitation.network, "proof": proof, "t": kind, **more})


def read_charter_reply(data: bytes, invitation: Invitation) -> tuple[Charter, dict[bytes, bytes]]:
    """The network's charter and its founders' signatures, checked against the invitation; raises `RemoteError`."""
    value = decode(data, bytes_max=REQUEST_BYTES_MAX * 2)
    _CHARTER_REPLY.check(value)
    charter = read_charter(value["charter"])
    if charter.network != invitation.network:
        raise BadInvitation("the machine answered with another network's charter")
    signatures: dict[bytes, bytes] = dict(value["founding"])
    check_founding(charter, signatures)
    return charter, signatures


def read_next_number(data: bytes) -> int:
    """The number of the next joining entry, from that reply: above 1 where one was refused; raises `RemoteError`."""
    value = decode(data, bytes_max=REQUEST_BYTES_MAX * 2)
    _CHARTER_REPLY.check(value)
    number: int = value.get("next", 1)
    return number


def joining_entry(
    invitation: Invitation,
    *,
    root: SigningKey,
    next_root_hash: bytes,
    member: MemberId,
    name: str,
    working: SigningKey,
    sealing: bytes,
    network_key: SigningKey,
    until_ms: int,
    sequence: int = 1,
) -> Entry:
    """The entry that makes the guest a member: signed by the invitation's key, and inside by all of the guest's own."""
    invite = SigningKey(invitation.seed)
    consent = sign_statement(
        "join",
        {
            "invite": invite.public,
            "name": name,
            "network": invitation.network,
            "next": next_root_hash,
            "root": root.public,
            "sealing": sealing,
            "working": working.public,
        },
        root,
    )
    key = sign_statement("key", {"key": working.public, "member": member, "network": invitation.network}, working)
    machine = sign_statement("peer", {"member": member, "network": invitation.network}, network_key)
    operation: dict[str, Value] = {
        "consent": consent.to_value(),
        "key": key.to_value(),
        "machine": machine.to_value(),
        "t": "membership.join/1",
    }
    return sign_entry(invite, invitation.network, sequence, until_ms, operation)


def join_request(invitation: Invitation, own_peer: PeerId, entry: Entry) -> bytes:
    """Please record this joining entry."""
    return ask("join", invitation, own_peer, entry=entry_to_value(entry))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a joining entry."""

    state: str
    """pending | final | unknown."""
    outcome: str
    """Empty where it was applied, else a refusal's code."""
    height: int


def read_outcome(data: bytes) -> Outcome:
    """A reply to join or outcome; raises `RemoteError`."""
    value = decode(data, bytes_max=4096)
    _OUTCOME_REPLY.check(value)
    return Outcome(state=value["state"], outcome=value["outcome"], height=value["height"])


# -- the member's side


def proof_id(network: bytes, guest: PeerId, host: PeerId) -> bytes:
    """What the invitation's key signs: for this network, from this machine, to that one."""
    return digest("invite-proof", network, len(guest).to_bytes(2, "big"), guest, host)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestRequest:
    """A guest's request, its invitation known and its proof checked."""

    kind: str
    invite: PublicKey
    entry: Entry | None = None
    """To be carried (join)."""
    entry_id: bytes = b""
    """Asked about (outcome)."""


def read_guests(chain: Chain, data: bytes, forms: Mapping[str, Map]) -> tuple[str, dict[str, Any], Entry | None]:
    """(kind, fields, entry where it brings one) of a guest's request in one of `forms`, for this network.

    Raises `Declined` with what the guest is told.
    """
    try:
        value: Any = decode(data, bytes_max=REQUEST_BYTES_MAX)
        kind = value.pop("t") if isinstance(value, dict) and "t" in value else ""
        form = forms.get(kind) if isinstance(kind, str) else None
        if form is None:
            raise Declined("there is no such request")
        form.check(value)
        entry = entry_from_value(value["entry"]) if isinstance(value.get("entry"), list) else None
    except Declined:
        raise
    except RemoteError as problem:
        raise Declined(f"the request is malformed: {problem.reason}") from None
    if value["network"] != chain.network:
        raise Declined("this machine belongs to another network")
    return kind, value, entry


def read_request(chain: Chain, data: bytes, guest: PeerId, host: PeerId) -> GuestRequest:
    """A request that may be answered; raises `Declined` with what the guest is told."""
    kind, value, entry = read_guests(chain, data, _REQUESTS)
    record = key_record(chain.state, value["invite"])
    if record is None or record["role"] != Role.INVITE.value:
        raise Declined("there is no such invitation")
    if not verify(value["invite"], proof_id(chain.network, guest, host), value["proof"]):
        raise Declined("the invitation's proof is wrong")
    if kind != "outcome" and "ended" in record:
        raise Declined("the invitation has been used or taken back")
    if kind != "outcome" and last_sequence(chain.state, value["invite"]) >= INVITATION_ENTRIES_MAX:
        raise Declined("the invitation was tried too often; ask for a new one")
    if kind == "join" and not _is_joining(entry, value["invite"]):
        raise Declined("that is no joining entry under this invitation")
    return GuestRequest(
        kind=kind,
        invite=PublicKey(value["invite"]),
        entry=entry,
        entry_id=value["entry"] if kind == "outcome" else b"",
    )


def _is_joining(entry: Entry | None, invite: bytes) -> bool:
    return entry is not None and entry.key == invite and entry.name == "membership.join/1"


def charter_reply(chain: Chain, founding: Mapping[bytes, bytes], invite: bytes) -> bytes:
    """The charter for a guest, and which number is next where one under this invitation was refused already."""
    value: dict[str, Value] = {
        "block": chain.head.block,
        "charter": chain.charter.body,
        "founding": [[member, signature] for member, signature in sorted(founding.items())],
        "height": chain.head.height,
    }
    if last := last_sequence(chain.state, invite):
        value["next"] = last + 1
    return encode(value)


def outcome_reply(state: str, outcome: str = "", height: int = 0) -> bytes:
    """What became of a joining entry, for a guest."""
    return encode({"height": height, "outcome": outcome, "state": state})
