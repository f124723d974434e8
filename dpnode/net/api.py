"""What the rest of the daemon sees of the network: settings, events, the gate and what can go wrong.

The room behind this door knows bytes, peer ids and addresses; it never knows what a frame means or why a peer is a
member. Nothing here imports libp2p, so reading these names costs nothing.
Source: SPEC of the wire in `protocol/SPEC.md`; limits have their reason beside them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NewType, Protocol

PeerId = NewType("PeerId", bytes)
"""The multihash bytes of a libp2p peer id (38 bytes for an Ed25519 key)."""

JOIN_PROTOCOL = "/dpnode/join/1"
SNAPSHOT_PROTOCOL = "/dpnode/snapshot/1"


class Admission(Enum):
    """What a peer may do here, asked of the gate at every stream it opens."""

    MEMBER = "member"  # every protocol
    STRANGER = "stranger"  # the protocols answered with strangers=True, for a short while
    BANNED = "banned"  # nothing; the connection is closed


class Gate(Protocol):
    """Decides who may do what; must answer at once and never raise."""

    def may(self, peer_id: PeerId) -> Admission:
        """Say what `peer_id` is to us now; asked again after `Net.recheck`."""
        ...


class Refusal(IntEnum):
    """The reason codes a refusal carries on the wire; a code never changes its meaning."""

    NOT_A_MEMBER = 1
    BUSY = 2
    TOO_BIG = 3
    MALFORMED = 4
    NOT_FOUND = 5
    FAILED = 6  # our own fault
    DECLINED = 7  # understood, possible, and not wanted; the text says why


class Polite(Exception):
    """The handler declines this request and the peer shall read why (text of at most 256 bytes)."""

    def __init__(self, reason: Refusal, text: str = "") -> None:
        super().__init__(f"{reason.name.lower().replace('_', ' ')}: {text}")
        self.reason = reason
        self.text = text


class NetError(Exception):
    """Something this room was asked for did not come about."""


class RemoteError(NetError):
    """The peer is to blame, or the way to it."""


class CannotConnect(RemoteError):
    """No address of the peer led to it; `reasons` pairs every address tried with what happened."""

    def __init__(self, reasons: tuple[tuple[str, str], ...]) -> None:
        tried = "; ".join(f"{address}: {why}" for address, why in reasons) or "no usable address"
        super().__init__(f"cannot connect ({tried})")
        self.reasons = reasons


class NotConnected(RemoteError):
    """There is no connection to this peer now."""


class RequestFailed(RemoteError):
    """The peer closed, was silent past the deadline, or broke the form of an answer."""


class RequestRefused(RemoteError):
    """The peer said no; `reason` is its code (`None` when unknown to us), `text` its words, not to be trusted."""

    def __init__(self, reason: Refusal | None, text: str) -> None:
        super().__init__(f"refused by the peer: {reason.name.lower() if reason else 'unknown reason'} {text!r}")
        self.reason = reason
        self.text = text


class PortTaken(NetError):
    """Another program listens on an address we were told to use; `sentence` is for the owner."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.sentence = (
            f"another program already listens on {address}; stop it or choose another port in [network] listen"
        )
        super().__init__(self.sentence)


class CannotListen(NetError):
    """An address of [network] listen cannot be used on this machine."""

    def __init__(self, address: str, why: str) -> None:
        self.address = address
        self.sentence = f"cannot listen on {address}: {why}"
        super().__init__(self.sentence)


class NetCrashed(NetError):
    """The network room fell over through a fault in it or in libp2p; the rest of the daemon goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetSettings:
    """Every bound and interval of the network room, each with its reason."""

    listen: tuple[str, ...] = ("/ip4/0.0.0.0/tcp/0",)
    """Multiaddresses; a wildcard is advertised as the real address of each interface."""
    allow_loopback: bool = False
    """Dial and advertise 127.0.0.0/8 and ::1; several nodes on one machine need it."""
    allow_private: bool = True
    """Dial private ranges: workshops meet on a LAN."""
    allow_dns: bool = False
    """Dial names; a name in an advert would let a peer make us look up and dial anything."""
    addresses_per_peer_max: int = 8
    connections_max: int = 160
    """A small network's every member and some strangers; each connection costs about 100 kB."""
    strangers_max: int = 32
    """Connections of peers that are no members, so that they cannot take the members' places."""
    stranger_ms_max: int = 60_000
    """Long enough for a join, too short to camp."""
    streams_per_peer_max: int = 48
    """Peer, ping, gossip, relay and some requests; an honest peer needs about ten."""
    receive_bytes_max: int = 48 << 20
    """Undelivered bytes of one connection; yamux lets an honest stream grow to 16 MiB."""
    frame_bytes_max: int = (1 << 20) + (144 << 10)
    """The largest block there can be and its envelope."""
    frame_deadline_ms: int = 30_000
    """From the first to the last byte of one frame; a slow drip holds no memory for longer."""
    outbox_frames_max: int = 8_192
    outbox_bytes_max: int = 16 << 20
    """What waits for one peer that reads slowly."""
    write_bytes_max: int = 256 << 10
    """Queued frames joined into one write: the cost of libp2p is per write."""
    stall_deadline_ms: int = 30_000
    """How long a peer may read nothing while we have something for it."""
    frames_per_s: int = 20_000
    frames_burst: int = 40_000
    bytes_per_s: int = 64 << 20
    bytes_burst: int = 64 << 20
    """One peer's share of our attention; beyond it its stream is read more slowly, nothing is dropped."""
    request_bytes_max: int = 256 << 10
    answer_bytes_max: int = 4 << 20
    requests_per_peer_max: int = 8
    request_deadline_ms: int = 30_000
    """For one request answered here, from the first byte to the last."""
    file_chunk_bytes: int = 64 << 10
    files_per_peer_max: int = 4
    ping_interval_ms: int = 15_000
    ping_deadline_ms: int = 10_000
    """A frozen peer is noticed within the sum of both."""
    dial_deadline_ms: int = 10_000
    dial_stagger_ms: int = 250
    """A dead address must not keep the next one waiting."""
    redial_ms_min: int = 500
    redial_ms_max: int = 120_000
    gossip: bool = True
    gossip_heartbeat_ms: int = 1_000
    gossip_bytes_max: int = 64 << 10
    gossip_per_s: int = 50
    gossip_burst: int = 400
    mdns: bool = True
    mdns_interfaces: tuple[str, ...] = ()
    """IP addresses of the interfaces to use; empty means all."""
    network_tag: str = ""
    """First 16 hex digits of the network id, shown to neighbours; empty before there is one."""
    relays: tuple[str, ...] = ()
    """Multiaddresses with /p2p/ of members that relay for us when nobody can dial us."""
    relay_serve: bool = False
    relay_reservations_max: int = 16
    relay_circuits_max: int = 16
    relay_circuit_bytes_max: int = 1 << 30
    relay_circuit_ms_max: int = 3_600_000
    stop_ms_max: int = 1_200
    """The whole daemon stops within two seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerUp:
    """Frames can now travel to and from this member."""

    peer_id: PeerId
    address: str
    inbound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerDown:
    """The member is gone; what waited for it was dropped."""

    peer_id: PeerId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message of a member, 1 to `frame_bytes_max` bytes."""

    peer_id: PeerId
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Somebody on the local network says it is this peer; nothing of it is proven."""

    peer_id: PeerId
    addresses: tuple[str, ...]
    network_tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gossip:
    """A message of a topic, signed by `author`, handed on by a member; may never come, may come late."""

    topic: str
    author: PeerId
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """The network room crashed and stands again; every connection was lost."""

    reason: str


NetEvent = PeerUp | PeerDown | Frame | Neighbour | Gossip | Restarted

Answer = Callable[[PeerId, bytes], Awaitable[bytes]]
"""Answers one request; raises `Polite` to decline."""

FileSource = Callable[[PeerId, bytes], Awaitable[tuple[int, AsyncGenerator[bytes, None]]]]
"""Opens what a request names: its size in bytes and its chunks, which are closed whatever happens; raises `Polite` to
decline."""

Dice = Callable[[], float]
"""Uniform in [0, 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerView:
    """What `dpnode peers` shows of one connected peer."""

    peer_id: PeerId
    addresses: tuple[str, ...]
    inbound: bool
    member: bool
    linked: bool
    round_trip_ms: int | None
    waiting_frames: int
    waiting_bytes: int
