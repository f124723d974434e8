"""Coming back: what a member without its old machine and any other member's machine say (SPEC P-57 to P-59a).

Whoever restores a member from its words is a stranger to the others: nobody knows the new machine. It proves the
root key that the ledger names, bound to both machines, and may then have four things recorded: a working key that
the root names and the machine it speaks from, and, where all the rest is lost, the end of the other keys and machines.
It learns the numbers of its keys first, so that it signs no number twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.canonical import Value, decode, digest, encode
from ledger.chain import Chain
from ledger.charter import Charter, check_founding, read_charter
from ledger.consensus.votes import faulty_max
from ledger.entry import Entry, entry_to_value, sign_entry
from ledger.errors import Refusal, RemoteError
from ledger.fold import last_sequence, operation_of
from ledger.form import ID, Bytes, Int, List, Map, Text
from ledger.keys import MemberId, SigningKey, verify
from ledger.operations.members import is_member, key_record, member_of_peer, member_record, working_key_of
from ledger.operations.membership import KEYS_MAX, peer_id_of
from ledger.operations.operation import Role
from ledger.statement import STATEMENT, Statement, read_statement, sign_statement
from protocol.inputs import PeerId
from protocol.joining import PREFIX, REQUEST_BYTES_MAX, Declined, read_guests, read_invitation
from protocol.pasted import BadText, read_pasted, write_pasted

TICKET_BEGINS = "dpnode-ticket-1-"
CARD_BEGINS = "dpnode-machine-1-"
TEXT_BYTES_MAX = 4096
"""Eight addresses of 200 bytes, or two statements."""

_TICKET = Map(
    {"addresses": List(Text(200), 1, 8), "block": ID, "height": Int(), "network": ID, "peer": Bytes(1, 64)},
)
_CARD = Map({"key": STATEMENT, "machine": STATEMENT, "network": ID, "sealing": ID})
_KEY = Map({"key": ID, "member": ID, "network": ID})
_PROOF = {"network": ID, "proof": Bytes(64), "root": ID}
_REQUESTS = {
    "return": Map(_PROOF),
    "restore": Map({**_PROOF, "entry": List(Bytes(1, 16_384), 2, 2)}),
    "restored": Map({**_PROOF, "entry": ID}),
}
_WELCOME = Map(
    {
        "block": ID,
        "charter": Bytes(1, 65_536),
        "founding": List(List(Bytes(1, 64), 2, 2), 1, 64),
        "height": Int(),
        "keys": List(Map({"key": ID, "last": Int()}), 0, KEYS_MAX),
        "next": Int(1),
        "peers": List(Bytes(1, 64), 0, KEYS_MAX),
    }
)


# -- texts that people copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Where a network is reached, and which history is its: no secret, and nobody joins with it."""

    network: bytes
    peer: PeerId
    """A member's machine."""
    addresses: tuple[str, ...]
    height: int
    block: bytes
    """The id of a recent final block, so that a false history is noticed (P-56)."""


def write_ticket(ticket: Ticket) -> str:
    """The one string (P-57)."""
    body = encode(
        {
            "addresses": list(ticket.addresses),
            "block": ticket.block,
            "height": ticket.height,
            "network": ticket.network,
            "peer": ticket.peer,
        }
    )
    return write_pasted(TICKET_BEGINS, "ticket", body)


def read_ticket(text: str) -> Ticket:
    """The ticket in a string, or the one inside an invitation, used up or not; raises `BadText`."""
    try:
        if "".join(text.split()).lower().startswith(PREFIX):
            one = read_invitation(text, 0)
            return Ticket(
                network=one.network, peer=one.peer, addresses=one.addresses, height=one.height, block=one.block
            )
        body = read_pasted(text, TICKET_BEGINS, "ticket", what="a ticket", bytes_max=TEXT_BYTES_MAX)
        value = decode(body, bytes_max=TEXT_BYTES_MAX)
        _TICKET.check(value)
    except BadText:
        raise
    except RemoteError as problem:
        raise BadText(f"this is no ticket: {problem.reason}") from None
    return Ticket(
        network=value["network"],
        peer=value["peer"],
        addresses=tuple(value["addresses"]),
        height=value["height"],
        block=value["block"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a machine says of its own keys, for the member's other machine to record."""

    network: bytes
    member: MemberId
    key: Statement
    """The working key's word for whom it speaks (M-9)."""
    machine: Statement
    """The network key's (M-7)."""
    sealing: bytes


def make_card(
    *, network: bytes, member: MemberId, working: SigningKey, network_key: SigningKey, sealing: bytes
) -> Card:
    """A machine's own card."""
    return Card(
        network=network,
        member=member,
        key=sign_statement("key", {"key": working.public, "member": member, "network": network}, working),
        machine=sign_statement("peer", {"member": member, "network": network}, network_key),
        sealing=sealing,
    )


def write_card(card: Card) -> str:
    """The one string (P-57)."""
    value = {
        "key": card.key.to_value(),
        "machine": card.machine.to_value(),
        "network": card.network,
        "sealing": card.sealing,
    }
    return write_pasted(CARD_BEGINS, "machine-card", encode(value))


def read_card(text: str) -> Card:
    """The card in a string, both its signatures checked; raises `BadText`."""
    body = read_pasted(text, CARD_BEGINS, "machine-card", what="a machine card", bytes_max=TEXT_BYTES_MAX)
    try:
        value = decode(body, bytes_max=TEXT_BYTES_MAX)
        _CARD.check(value)
        key, machine = read_statement("key", value["key"]), read_statement("peer", value["machine"])
        whose = key.content
        _KEY.check(whose)
        if machine.content != {"member": whose["member"], "network": value["network"]} or whose != {
            **machine.content,
            "key": key.key,
        }:
            raise BadText("this is no machine card: its two keys do not speak for one member in one network")
        if not key.is_signed() or not machine.is_signed():
            raise BadText("this is no machine card: a signature is wrong")
    except BadText:
        raise
    except RemoteError as problem:
        raise BadText(f"this is no machine card: {problem.reason}") from None
    return Card(
        network=value["network"], member=MemberId(whose["member"]), key=key, machine=machine, sealing=value["sealing"]
    )


# -- what the root signs


def certifying(card: Card) -> dict[str, Value]:
    """The operation by which the root names the working key of a card; later secrets are sealed to that machine."""
    return {"consent": card.key.to_value(), "sealing": card.sealing, "t": "membership.certify/1"}


def binding(card: Card) -> dict[str, Value]:
    """The operation that binds the machine of a card; signed by a working key."""
    return {"machine": card.machine.to_value(), "t": "membership.machine/1"}


def rotating(member: MemberId, network: bytes, following: SigningKey, after: bytes) -> dict[str, Value]:
    """The operation by which the next root takes over.

    Args:
        following: the root key that was committed to.
        after: the hash of the root key after that one (K-4).
    """
    consent = sign_statement("new-root", {"member": member, "network": network, "next": after}, following)
    return {"consent": consent.to_value(), "t": "membership.rotate/1"}


# -- the returning member's side


def proof_id(network: bytes, guest: PeerId, host: PeerId) -> bytes:
    """What the root key signs: for this network, from this machine, to that one (P-58)."""
    return digest("return-proof", network, len(guest).to_bytes(2, "big"), guest, host)


def ask_return(kind: str, ticket: Ticket, root: SigningKey, own_peer: PeerId, **more: Value) -> bytes:
    """A request under a root key."""
    proof = root.sign(proof_id(ticket.network, own_peer, ticket.peer))
    return encode({"network": ticket.network, "proof": proof, "root": root.public, "t": kind, **more})


def ask_restore(ticket: Ticket, root: SigningKey, own_peer: PeerId, entry: Entry) -> bytes:
    """Please record this entry of ours."""
    return ask_return("restore", ticket, root, own_peer, entry=entry_to_value(entry))


def is_replaced(data: bytes, root: bytes) -> bool:
    """Whether a reply to `return` says that a later root key stands in this one's place."""
    value = decode(data, bytes_max=REQUEST_BYTES_MAX * 2)
    return isinstance(value, dict) and value.keys() == {"replaced"} and value["replaced"] == root


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What a member that proved its root is told."""

    charter: Charter
    signatures: dict[bytes, bytes]
    next_number: int
    """Of the root key's next entry."""
    keys: dict[bytes, int]
    """The member's working keys in force, and the last number of each."""
    peers: tuple[bytes, ...]
    """Its machines."""


def read_welcome(data: bytes, ticket: Ticket) -> Welcome:
    """The reply to `return`, checked against the ticket (P-59a); raises `RemoteError`."""
    value = decode(data, bytes_max=REQUEST_BYTES_MAX * 2)
    _WELCOME.check(value)
    charter = read_charter(value["charter"])
    if charter.network != ticket.network:
        raise BadText("the machine answered with another network's charter")
    signatures: dict[bytes, bytes] = dict(value["founding"])
    check_founding(charter, signatures)
    return Welcome(
        charter=charter,
        signatures=signatures,
        next_number=value["next"],
        keys={one["key"]: one["last"] for one in value["keys"]},
        peers=tuple(value["peers"]),
    )


def restoring_entries(
    card: Card, root: SigningKey, working: SigningKey, welcome: Welcome, *, until_ms: int, is_alone: bool
) -> list[Entry]:
    """What makes a machine the member's, in order: the root's entries, then those of the new working key.

    Args:
        is_alone: every other key and machine is lost and ends; first the keys, or a thief could bind machine after
            machine until there is no room for ours (M-7). The machines end after ours is bound, as far as there is
            room: one of them may be a witness's, and nothing of ours could become final without it.
    """
    own = peer_id_of(card.machine.key)
    lost_keys = [key for key in welcome.keys if is_alone and key != working.public]
    lost_machines = [peer for peer in welcome.peers if is_alone and peer != own]
    by_root: list[dict[str, Value]] = [{"key": key, "t": "membership.revoke/1"} for key in lost_keys]
    by_key: list[dict[str, Value]] = [{"peer": peer, "t": "membership.unbind/1"} for peer in lost_machines]
    if working.public not in welcome.keys:
        by_root.append(certifying(card))
    if own not in welcome.peers:
        by_key.insert(max(0, len(welcome.peers) + 1 - KEYS_MAX), binding(card))
    first = welcome.keys.get(working.public, 0) + 1
    return [
        *(sign_entry(root, card.network, welcome.next_number + i, until_ms, one) for i, one in enumerate(by_root)),
        *(sign_entry(working, card.network, first + i, until_ms, one) for i, one in enumerate(by_key)),
    ]


# -- the other member's side


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRequest:
    """A request under a root key that the ledger knows, its proof checked."""

    kind: str
    member: MemberId
    root: bytes
    has_ended: bool
    """Another root key has taken this one's place; only `return` is then answered, and with that alone."""
    entry: Entry | None = None
    entry_id: bytes = b""


def is_return(data: bytes) -> bool:
    """Whether a guest's request is one of these."""
    try:
        value: Any = decode(data, bytes_max=REQUEST_BYTES_MAX)
    except RemoteError:
        return False
    kind = value.get("t") if isinstance(value, dict) else None
    return isinstance(kind, str) and kind in _REQUESTS


def read_return(chain: Chain, data: bytes, guest: PeerId, host: PeerId) -> ReturnRequest:
    """A request that may be answered (P-59); raises `Declined` with what the guest is told."""
    kind, value, entry = read_guests(chain, data, _REQUESTS)
    record = key_record(chain.state, value["root"])
    if record is None or record["role"] != Role.ROOT.value:
        raise Declined("no member here has this root key")
    if not verify(value["root"], proof_id(chain.network, guest, host), value["proof"]):
        raise Declined("the root key's proof is wrong")
    member = MemberId(record["member"])
    if not is_member(chain.state, member):
        raise Declined("this member has left the network")
    has_ended = "ended" in record
    if has_ended and kind != "return":
        raise Declined("another root key has taken this one's place")
    if kind == "restore" and not _is_way_back(chain, entry, value["root"], member, guest):
        raise Declined("that entry is no way back for this member and machine")
    if kind == "restore" and _would_stop_all(chain, entry, member):
        raise Declined(
            f"this member is one of {len(chain.witnesses)} witnesses of whom none may be missing, and ending its "
            "machine could stop the network for good: come back without ending the others, take the seat with a new "
            "voting key, and end them after that"
        )
    return ReturnRequest(
        kind=kind,
        member=member,
        root=value["root"],
        has_ended=has_ended,
        entry=entry,
        entry_id=value["entry"] if kind == "restored" else b"",
    )


def _is_way_back(chain: Chain, entry: Entry | None, root: bytes, member: MemberId, guest: PeerId) -> bool:
    """Only what the root says of working keys, and a working key of the machine that asks and of lost ones."""
    if entry is None or isinstance(operation_of(entry), Refusal):
        return False
    if entry.name in ("membership.certify/1", "membership.revoke/1"):
        return entry.key == root
    if working_key_of(chain.state, entry.key) != member:
        return False
    if entry.name == "membership.unbind/1":
        return bool(entry.operation["peer"] != guest)
    if entry.name != "membership.machine/1":
        return False
    return peer_id_of(read_statement("peer", entry.operation["machine"]).key) == guest


def _would_stop_all(chain: Chain, entry: Entry | None, member: MemberId) -> bool:
    """Whether it ends a machine of a witness without whom nothing becomes final: nobody would listen to it any more."""
    is_needed = chain.place_of(member) is not None and faulty_max(len(chain.witnesses)) == 0
    return is_needed and entry is not None and entry.name == "membership.unbind/1"


def stands_already(chain: Chain, request: ReturnRequest, guest: PeerId) -> bool:
    """Whether what the entry would record is so already: a return that was cut off goes on where it stood."""
    entry = request.entry
    assert entry is not None
    match entry.name:
        case "membership.machine/1":
            return member_of_peer(chain.state, guest) == request.member
        case "membership.unbind/1":
            return member_of_peer(chain.state, entry.operation["peer"]) != request.member
        case "membership.revoke/1":
            return "ended" in (key_record(chain.state, entry.operation["key"]) or {})
        case _:
            pass
    return working_key_of(chain.state, read_statement("key", entry.operation["consent"]).key) == request.member


def welcome_reply(chain: Chain, founding: Mapping[bytes, bytes], request: ReturnRequest) -> bytes:
    """The charter and the root's next number; for a root key that has ended, only that another took its place."""
    if request.has_ended:
        return encode({"replaced": request.root})
    record = member_record(chain.state, request.member) or {}
    return encode(
        {
            "block": chain.head.block,
            "charter": chain.charter.body,
            "founding": [[member, signature] for member, signature in sorted(founding.items())],
            "height": chain.head.height,
            "keys": [{"key": key, "last": last_sequence(chain.state, key)} for key in record.get("keys", [])],
            "next": last_sequence(chain.state, request.root) + 1,
            "peers": record.get("peers", []),
        }
    )
