"""Which addresses may be dialled, and under which we can be reached.

An address arrives in an advert, an invitation or a multicast packet: it is a wish of a stranger to make this machine
open a connection somewhere. So it is parsed here, without libp2p, and only the few shapes below pass:

    /ip4/A/tcp/P  /ip6/A/tcp/P  /dns|dns4|dns6/NAME/tcp/P   each optionally + /p2p/ID
    any of these with /p2p/RELAY/p2p-circuit                 optionally + /p2p/ID

Not here: whether a peer is worth dialling. Source: multiaddr specification; "private-address dialling through adverts".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from dpnode.net.api import NetSettings, PeerId
from dpnode.net.peer_ids import parse_peer_id, show_peer_id

ADDRESS_CHARS_MAX = 256
_DNS = ("dns", "dns4", "dns6")
_NAME = re.compile(r"(?=.{1,253}\Z)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.?)+\Z")


class BadAddress(ValueError):
    """The text is no address this room dials; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A parsed multiaddress; `relay` is set for a circuit address, whose host and port are the relay's."""

    family: str  # ip4, ip6, dns, dns4, dns6
    host: str
    port: int
    peer_id: PeerId | None = None
    relay: PeerId | None = None

    @property
    def transport(self) -> str:
        """The part before any /p2p/, in canonical spelling."""
        return f"/{self.family}/{self.host}/tcp/{self.port}"

    @property
    def text(self) -> str:
        """Canonical text; equal addresses have equal text."""
        relay = f"/p2p/{show_peer_id(self.relay)}/p2p-circuit" if self.relay else ""
        return self.transport + relay + (f"/p2p/{show_peer_id(self.peer_id)}" if self.peer_id else "")


def parse_address(text: str) -> Address:
    """Text -> Address; BadAddress when it has none of the shapes above."""
    if len(text) > ADDRESS_CHARS_MAX:
        raise BadAddress(f"longer than {ADDRESS_CHARS_MAX} characters")
    parts = text.split("/")
    if len(parts) < 5 or parts[0] != "" or parts[3] != "tcp":
        raise BadAddress("not of the form /ip4/ADDRESS/tcp/PORT")
    family, host, port_text, rest = parts[1], parts[2], parts[4], parts[5:]
    if not (port_text.isascii() and port_text.isdigit() and len(port_text) <= 5 and int(port_text) < 65536):
        raise BadAddress("the port is not a number from 0 to 65535")
    try:
        if family == "ip4":
            host = str(ipaddress.IPv4Address(host))
        elif family == "ip6":
            if "%" in host:
                raise BadAddress("an address with a zone means nothing on another machine")
            host = str(ipaddress.IPv6Address(host))
        elif family not in _DNS:
            raise BadAddress(f"{family!r} is not dialled here")
        elif not _NAME.match(host):
            raise BadAddress("not a host name")
        peer_id = relay = None
        match rest:
            case []:
                pass
            case ["p2p", one]:
                peer_id = parse_peer_id(one)
            case ["p2p", one, "p2p-circuit"]:
                relay = parse_peer_id(one)
            case ["p2p", one, "p2p-circuit", "p2p", two]:
                relay, peer_id = parse_peer_id(one), parse_peer_id(two)
            case _:
                raise BadAddress(f"unknown ending /{'/'.join(rest)[:40]}")
    except BadAddress:
        raise
    except ValueError as error:
        raise BadAddress(str(error)) from None
    return Address(family=family, host=host, port=int(port_text), peer_id=peer_id, relay=relay)


def why_not(address: Address, settings: NetSettings) -> str | None:
    """Why this address must not be dialled under these settings; None when it may."""
    if address.port == 0:
        return "port 0"
    if address.family in _DNS:
        return None if settings.allow_dns else "names are not dialled"
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.host)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_unspecified or ip.is_multicast or (ip.version == 4 and int(ip) == 0xFFFFFFFF):
        return "not the address of one machine"
    if ip.is_loopback:
        return None if settings.allow_loopback else "loopback ([network] allow_loopback)"
    if ip.is_link_local:
        return "link-local addresses need an interface"
    if ip.is_private:
        return None if settings.allow_private else "a private range"
    return "reserved" if ip.is_reserved else None


def dialable(
    peer_id: PeerId, texts: Iterable[str], settings: NetSettings
) -> tuple[list[Address], list[tuple[str, str]]]:
    """Sort the wishes for one peer into what is dialled, at most `addresses_per_peer_max`, and what is not and why.

    An address naming another peer at its end is refused; duplicates count once. Reads no more of `texts` than four
    times the bound, so that a huge list costs nothing.
    """
    good: dict[str, Address] = {}
    bad: list[tuple[str, str]] = []
    for seen, text in enumerate(texts):
        if len(good) >= settings.addresses_per_peer_max or seen >= 4 * settings.addresses_per_peer_max:
            break
        try:
            address = parse_address(text)
        except BadAddress as error:
            bad.append((text[:80], str(error)))
            continue
        reason = why_not(address, settings)
        if reason is None and address.peer_id not in (None, peer_id):
            reason = "names another peer"
        if reason is None and address.relay == peer_id:
            reason = "relayed through the peer itself"
        if reason is None:
            good.setdefault(address.transport + str(address.relay), address)
        else:
            bad.append((address.text, reason))
    return list(good.values()), bad


def reachable(bound: Iterable[tuple[str, str, int]], settings: NetSettings) -> list[str]:
    """The addresses to tell others, from what is bound (family, host, port): a wildcard becomes every interface's own.

    Asked afresh each time: a laptop changes networks while it runs.
    """
    texts: dict[str, None] = {}
    for family, host, port in bound:
        hosts = [host]
        if ipaddress.ip_address(host).is_unspecified:
            hosts = _interface_hosts(family)
        for one in hosts:
            address = Address(family=family, host=one, port=port)
            if why_not(address, settings) is None:
                texts[address.text] = None
    return list(texts)


def _interface_hosts(family: str) -> list[str]:
    found: list[str] = []
    for addresses in psutil.net_if_addrs().values():
        for entry in addresses:
            name = getattr(entry.family, "name", "")
            if (family, name) in (("ip4", "AF_INET"), ("ip6", "AF_INET6")) and "%" not in entry.address:
                found.append(entry.address)
    return sorted(found, key=lambda host: ipaddress.ip_address(host).is_loopback)
