"""What a late joiner asks for a snapshot, and what it is told: requests and replies on a stream of their own.

The words alone (SPEC P-93, P-94). What an outline and a piece are stands in `ledger.pieces`, who is asked for which in
`late_start`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.canonical import Value, decode, encode
from ledger.errors import RemoteError
from ledger.form import ID, Bytes, Flag, Int, List, Map, Text
from ledger.merkle import HASH_BYTES
from ledger.pieces import BEGINNING_BYTES_MAX, DEPTH_MAX
from protocol.inputs import PeerId
from protocol.limits import ADDRESS_BYTES_MAX, ADDRESSES_PER_RECORD

REQUEST_BYTES_MAX = 256
MACHINES_MAX = 8
"""Others named in a reply: enough to go on with when the one that names them is gone."""
REPLY_BYTES_MAX = BEGINNING_BYTES_MAX + (HASH_BYTES << DEPTH_MAX) + 32_768
"""The largest outline there can be, and the addresses of so many machines."""

_REQUESTS = {
    "outline": Map({"least": Int(), "network": ID}),
    "piece": Map({"network": ID, "node": ID}),
}
_OFFER = Map(
    {
        "machines": List(
            Map({"addresses": List(Text(ADDRESS_BYTES_MAX), 1, ADDRESSES_PER_RECORD), "peer": Bytes(1, 64)}),
            0,
            MACHINES_MAX,
        ),
        "making": Flag(),
    },
    {"begins": Bytes(1, BEGINNING_BYTES_MAX), "nodes": Bytes(HASH_BYTES, HASH_BYTES << DEPTH_MAX)},
)


class Unreadable(RemoteError):
    """This is no request or reply about a snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineRequest:
    """What would a late joiner begin with, if the ledger has at least so many entries?"""

    network: bytes
    least_entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceRequest:
    """Please send the piece of this name."""

    network: bytes
    node: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Another member's machine that may have a snapshot, too."""

    peer: PeerId
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a machine has for a late joiner."""

    machines: tuple[Machine, ...] = ()
    is_making: bool = False
    """Ask again soon: it makes a snapshot just now."""
    outline: tuple[bytes, bytes] | None = None
    """The beginning and the hashes of the pieces."""


def write_request(request: OutlineRequest | PieceRequest) -> bytes:
    """A request's bytes."""
    if isinstance(request, PieceRequest):
        return encode({"network": request.network, "node": request.node, "t": "piece"})
    return encode({"least": request.least_entries, "network": request.network, "t": "outline"})


def read_request(data: bytes) -> OutlineRequest | PieceRequest:
    """A request; raises `RemoteError`."""
    value: Any = decode(data, bytes_max=REQUEST_BYTES_MAX)
    kind = value.pop("t", None) if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _REQUESTS:
        raise Unreadable("there is no such request")
    _REQUESTS[kind].check(value)
    if kind == "piece":
        return PieceRequest(network=value["network"], node=value["node"])
    return OutlineRequest(network=value["network"], least_entries=value["least"])


def write_offer(offer: Offer) -> bytes:
    """A reply's bytes."""
    machines: Sequence[Value] = [{"addresses": list(one.addresses), "peer": one.peer} for one in offer.machines]
    value: dict[str, Value] = {"machines": list(machines), "making": offer.is_making}
    if offer.outline is not None:
        value["begins"], value["nodes"] = offer.outline
    return encode(value)


def read_offer(data: bytes) -> Offer:
    """A reply; raises `RemoteError`. The outline in it is not looked at."""
    value: Any = decode(data, bytes_max=REPLY_BYTES_MAX)
    _OFFER.check(value)
    if ("begins" in value) != ("nodes" in value):
        raise Unreadable("a beginning and the hashes of its pieces come together")
    return Offer(
        machines=tuple(Machine(peer=one["peer"], addresses=tuple(one["addresses"])) for one in value["machines"]),
        is_making=value["making"],
        outline=(value["begins"], value["nodes"]) if "begins" in value else None,
    )
