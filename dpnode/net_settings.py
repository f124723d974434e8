"""What the network room is told of the owner's settings; the rest are its own bounds."""

from __future__ import annotations

from collections.abc import Iterator

from config.settings import Settings
from dpnode.net import NetSettings, PeerId, parse_peer_id


def net_settings(settings: Settings) -> NetSettings:
    """The network room's settings from the owner's."""
    own = settings.network
    return NetSettings(
        listen=own.listen,
        allow_loopback=own.allow_loopback,
        mdns=own.mdns,
        relays=own.relays,
        relay_serve=own.relay_serve,
        connections_max=own.connections_max,
        ping_interval_ms=own.ping_interval_ms,
        ping_deadline_ms=own.ping_deadline_ms,
        redial_ms_min=own.redial_ms_min,
        redial_ms_max=own.redial_ms_max,
        gossip=False,
    )


def known_peers(settings: Settings) -> Iterator[tuple[PeerId, str]]:
    """Machines that the owner named, each with an address."""
    for address in settings.network.known_peers:
        where, _, peer = address.rpartition("/p2p/")
        yield parse_peer_id(peer), where
