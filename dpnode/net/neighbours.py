"""Finding nodes on the local network by multicast DNS, without stopping the loop for a moment.

Mend 12: upstream's discovery blocks the loop 1.6 s at its start and calls back on another thread. Here zeroconf lives
in threads of its own and only finished facts cross into the loop. Where multicast does not work, one log line says so
and the node goes on without. Nothing a neighbour says is proven: its key is checked when it is dialled.

Service `_dpnode._tcp.local.`; instance name: the first 32 characters of the peer id; properties `id` (peer id),
`net` (first 16 hex digits of the network id, or absent). Source: RFC 6762, 6763.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import threading
from collections.abc import Sequence
from typing import Any

import trio
from zeroconf import Error as ZeroconfError
from zeroconf import InterfaceChoice, IPVersion, NonUniqueNameException, ServiceBrowser, ServiceInfo, Zeroconf

from dpnode.net.addresses import Address
from dpnode.net.api import Neighbour, NetEvent, NetSettings, PeerId
from dpnode.net.peer_ids import parse_peer_id, show_peer_id

log = logging.getLogger(__name__)

SERVICE = "_dpnode._tcp.local."
_ASK_MS = 3_000
_CROSSING = 64
"""Neighbours waiting to be told; more at once are found again at the next announcement."""


class Neighbourhood:
    """Announces us and tells the inbox whom it finds."""

    def __init__(self, settings: NetSettings, peer_id: PeerId, inbox: trio.MemorySendChannel[NetEvent]) -> None:
        self._settings = settings
        self._peer_id = peer_id
        self._inbox = inbox
        self._tag = settings.network_tag
        self._addresses: tuple[str, ...] = ()
        self._changed = trio.Event()

    def announce(self, network_tag: str, addresses: Sequence[str]) -> None:
        """Say these from now on; also called when the addresses of this machine changed."""
        if (network_tag, tuple(addresses)) != (self._tag, self._addresses):
            self._tag, self._addresses = network_tag, tuple(addresses)
            self._changed.set()

    async def run(self, addresses: Sequence[str]) -> None:
        """Announce and listen until cancelled."""
        self._addresses = self._addresses or tuple(addresses)
        found_in, found_out = trio.open_memory_channel[Neighbour](_CROSSING)
        token = trio.lowlevel.current_trio_token()

        def tell(neighbour: Neighbour) -> None:
            def cross() -> None:
                try:
                    found_in.send_nowait(neighbour)
                except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
                    log.debug("a neighbour was not told on")

            try:
                token.run_sync_soon(cross)
            except trio.RunFinishedError:
                return

        try:
            radio = await trio.to_thread.run_sync(_Radio, self._settings, self._peer_id, tell, abandon_on_cancel=True)
        except (OSError, ZeroconfError) as error:
            log.warning("no neighbours will be found by multicast: %s", str(error))  # not the frames behind it
            await trio.sleep_forever()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._announce_changes, radio)
                async for neighbour in found_out:
                    await self._inbox.send(neighbour)
        finally:
            with trio.move_on_after(self._settings.stop_ms_max / 1000, shield=True):
                await trio.to_thread.run_sync(radio.close, abandon_on_cancel=True)

    async def _announce_changes(self, radio: _Radio) -> None:
        while True:
            self._changed = trio.Event()
            try:
                await trio.to_thread.run_sync(radio.announce, self._tag, self._addresses, abandon_on_cancel=True)
            except (OSError, ZeroconfError, NonUniqueNameException) as error:
                log.warning("this node cannot announce itself by multicast: %s", error)
            await self._changed.wait()


class OwnLoop(Zeroconf):
    """Zeroconf whose thread runs a plain asyncio loop, whatever else this process does with asyncio.

    Importing trio-asyncio (the store's bridge) makes `asyncio.new_event_loop` give a trio loop in every thread; under
    one, zeroconf's timers spin: a fifth of a core for as long as the node is up.
    """

    def _start_thread(self) -> None:
        ready = threading.Event()

        def run_loop() -> None:
            self.loop = asyncio.SelectorEventLoop()
            asyncio.set_event_loop(self.loop)
            self.engine.setup(self.loop, ready)
            self.loop.run_forever()

        self._loop_thread = threading.Thread(target=run_loop, daemon=True)
        self._loop_thread.start()
        ready.wait()


class _Radio:
    """Zeroconf itself; every method runs in a worker thread."""

    def __init__(self, settings: NetSettings, peer_id: PeerId, tell: Any) -> None:
        self._peer_id = peer_id
        self._tell = tell
        self._said: ServiceInfo | None = None
        self._closed = False
        chosen = list(settings.mdns_interfaces) or InterfaceChoice.All
        self._zeroconf = OwnLoop(interfaces=chosen, ip_version=IPVersion.V4Only)
        self._browser = ServiceBrowser(self._zeroconf, SERVICE, handlers=[self._heard])

    def announce(self, network_tag: str, addresses: tuple[str, ...]) -> None:
        """Register, or change what is registered."""
        hosts = [text.split("/") for text in addresses]
        ports = {int(parts[4]) for parts in hosts if parts[1] == "ip4"}
        if self._closed or not ports:
            return
        text = show_peer_id(self._peer_id)
        info = ServiceInfo(
            SERVICE,
            f"{text[-32:]}.{SERVICE}",
            addresses=[socket.inet_aton(parts[2]) for parts in hosts if parts[1] == "ip4"],
            port=min(ports),
            properties={"id": text, **({"net": network_tag} if network_tag else {})},
            server=f"{text[-32:]}.local.",
        )
        if self._said is None:
            self._zeroconf.register_service(info, allow_name_change=False)
        else:
            self._zeroconf.update_service(info)
        self._said = info

    def _heard(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: Any) -> None:
        # Runs in zeroconf's own loop thread: asking there would wait for itself.
        if state_change.name != "Removed" and not self._closed:
            info = ServiceInfo(service_type, name)
            if info.load_from_cache(zeroconf):
                self._found(info)
            else:
                zeroconf.loop.create_task(self._ask(zeroconf, info))  # type: ignore[union-attr]

    async def _ask(self, zeroconf: Zeroconf, info: ServiceInfo) -> None:
        if await info.async_request(zeroconf, _ASK_MS):
            self._found(info)

    def _found(self, info: ServiceInfo) -> None:
        neighbour = _read(info)
        if neighbour is not None and neighbour.peer_id != self._peer_id:
            self._tell(neighbour)

    def close(self) -> None:
        """Say goodbye and stop the threads."""
        self._closed = True
        self._zeroconf.close()


def _read(info: ServiceInfo) -> Neighbour | None:
    """What a service record says, or None when it is not one of ours."""
    properties = info.properties
    try:
        peer_id = parse_peer_id((properties.get(b"id") or b"").decode("ascii"))
        tag = (properties.get(b"net") or b"").decode("ascii")
    except ValueError:
        return None
    if len(tag) > 16 or not all(letter in "0123456789abcdef" for letter in tag):
        return None
    addresses = []
    for host in info.parsed_addresses(IPVersion.V4Only)[:8]:
        try:
            addresses.append(Address(family="ip4", host=str(ipaddress.IPv4Address(host)), port=info.port or 0).text)
        except ValueError:
            continue
    return Neighbour(peer_id=peer_id, addresses=tuple(addresses), network_tag=tag) if info.port else None
