"""Machines of their own on one computer: network namespaces, and wires between them that lose, delay and limit packets.

Each machine's network device is a TUN whose other end this process holds: a thread carries the packets and does to
them what the line of the machine says. The kernel's own `netem` would do the same where it is built in; it often is
not, and a wire that is ours loses by a seed. Needs root, `ip` and /dev/net/tun; `why_not` says what is missing.
Namespaces are named uniquely, and closing a `Wiring` removes all of them, whatever happened in between.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import random
import secrets
import select
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
TUN = Path("/dev/net/tun")
MTU = 1_500
QUEUE_S_MAX = 1.0
"""What waits longer before a slow line is dropped, as a home router does."""
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_DESTINATION = slice(16, 20)
"""Of an IPv4 packet (RFC 791)."""


def why_not(*programs: str) -> str:
    """What is missing for wires of this kind on this computer; empty where nothing is."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", *programs):
        if shutil.which(program) is None:
            return f"there is no program {program}"
    try:
        with Wiring() as wiring:
            wiring.machine()
    except (OSError, AssertionError) as problem:  # root of a container, say, that may not make any
        return f"no machine of its own can be made: {problem}"
    return ""


def enter(namespace: str) -> None:
    """Move the calling thread, and what it starts from now on, into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(handle, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {namespace}")
    finally:
        os.close(handle)


@dataclass(slots=True, kw_only=True)
class Line:
    """One machine's line to the others; may be changed at any time."""

    lost_per_cent: float = 0
    """Of what it sends."""
    delay_ms: float = 0
    """Of what it sends: two such lines make a round trip of twice this."""
    kbit_per_s: float = 0
    """Either way; 0: as fast as it goes."""
    is_cut: bool = False


@dataclass(slots=True, kw_only=True)
class Port:
    """Where a machine hangs on a wire."""

    device: int
    """The descriptor of its TUN."""
    line: Line
    free_s: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """When its line is free again: to send, to receive."""
    sent: int = 0
    lost: int = 0


class Wire(threading.Thread):
    """One network: carries each packet to the machine it is meant for, or to the way out, or nowhere."""

    def __init__(self, seed: int) -> None:
        super().__init__(daemon=True, name="wire")
        self._dice = random.Random(seed)
        self._ports: dict[bytes, Port] = {}
        self._out: Port | None = None
        self._under_way: list[tuple[float, int, Port, bytes]] = []
        self._count = 0
        self._bell, self._ring = os.pipe()
        self._is_over = False

    def plug(self, address: str, port: Port, *, is_way_out: bool = False) -> None:
        """Hang a machine on it; the way out gets whatever is for nobody here."""
        self._ports = {**self._ports, socket.inet_aton(address): port}
        if is_way_out:
            self._out = port
        os.write(self._ring, b"!")

    def end(self) -> None:
        """Carry nothing any more; the devices are gone after this."""
        self._is_over = True
        os.write(self._ring, b"!")
        self.join()
        for handle in (self._bell, self._ring, *(port.device for port in self._ports.values())):
            os.close(handle)

    def run(self) -> None:
        """Until `end`."""
        while not self._is_over:
            ports = list(self._ports.values())
            wait_s = max(0.0, self._under_way[0][0] - time.monotonic()) if self._under_way else None
            heard, _, _ = select.select([self._bell, *(port.device for port in ports)], [], [], wait_s)
            if self._bell in heard:
                os.read(self._bell, 64)
            for port in ports:
                if port.device in heard:
                    self._take(port, os.read(port.device, MTU))
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                _, _, to, packet = heapq.heappop(self._under_way)
                if not to.line.is_cut:
                    os.write(to.device, packet)

    def _take(self, sender: Port, packet: bytes) -> None:
        """Decide what becomes of a packet: lost, or under way until some moment."""
        to = self._ports.get(packet[_DESTINATION], self._out)
        line = sender.line
        sender.sent += 1
        if packet[0] >> 4 != 4 or to is None or to is sender or line.is_cut or to.line.is_cut:
            return
        if self._dice.random() * 100 < line.lost_per_cent:
            sender.lost += 1
            return
        now_s = due_s = time.monotonic()
        for port, way in ((sender, 0), (to, 1)):
            if port.line.kbit_per_s:
                due_s = max(due_s, port.free_s[way])
                if due_s - now_s > QUEUE_S_MAX:
                    port.lost += 1
                    return
                due_s += len(packet) * 8 / (port.line.kbit_per_s * 1_000)
                port.free_s[way] = due_s
        self._count += 1
        heapq.heappush(self._under_way, (due_s + line.delay_ms / 1_000, self._count, to, packet))


@dataclass(slots=True, kw_only=True)
class Machine:
    """One namespace with its place on a wire."""

    namespace: str
    address: str
    port: Port

    @property
    def line(self) -> Line:
        """Its line to the others."""
        return self.port.line

    def inside(self, work: Callable[[], T]) -> T:
        """What `work` gives in this machine's network: sockets made there stay there."""
        found: list[T] = []

        def run() -> None:
            enter(self.namespace)
            found.append(work())

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return found[0]


class Wiring:
    """Machines and wires of one case; a context that leaves nothing behind."""

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed
        self._mark = f"dpn{secrets.token_hex(3)}"
        self._count = 0
        self._ends = ExitStack()
        self._wires: list[Wire] = []
        self.public = self.wire()

    def __enter__(self) -> Wiring:
        return self

    def __exit__(self, *_: object) -> None:
        for wire in self._wires:  # before the namespaces: a device that is gone cannot be read
            self._ends.callback(wire.end)
        self._ends.close()

    def wire(self) -> Wire:
        """Another network, joined to no other."""
        made = Wire(self._seed)
        made.start()
        self._wires.append(made)
        return made

    def machine(self, line: Line | None = None) -> Machine:
        """A machine on the public wire."""
        namespace = self._namespace()
        address = f"10.77.0.{self._count}"
        return Machine(
            namespace=namespace, address=address, port=self._plug(namespace, self.public, address, line or Line())
        )

    def machine_behind_a_router(self) -> Machine:
        """A machine on a wire of its own, behind a router that lends it its address (nftables: masquerade)."""
        router, home = self.machine(), self.wire()
        self._plug(router.namespace, home, "192.168.77.1", Line(), is_way_out=True)
        _run("ip", "netns", "exec", router.namespace, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        rules = (
            "table ip nat {\n chain out {\n  type nat hook postrouting priority 100\n"
            "  ip saddr 192.168.77.0/24 ip daddr 10.77.0.0/24 masquerade\n }\n}\n"
        )
        _run("ip", "netns", "exec", router.namespace, "nft", "-f", "-", said=rules)
        namespace = self._namespace()
        port = self._plug(namespace, home, "192.168.77.2", Line())
        _run("ip", "-n", namespace, "route", "add", "default", "via", "192.168.77.1")
        return Machine(namespace=namespace, address="192.168.77.2", port=port)

    def _namespace(self) -> str:
        self._count += 1
        name = f"{self._mark}-{self._count}"
        _run("ip", "netns", "add", name)
        self._ends.callback(_run, "ip", "netns", "delete", name)
        _run("ip", "-n", name, "link", "set", "lo", "up")
        return name

    def _plug(self, namespace: str, wire: Wire, address: str, line: Line, *, is_way_out: bool = False) -> Port:
        """A device in a namespace, with its other end on a wire."""
        device = os.open(TUN, os.O_RDWR | os.O_CLOEXEC)
        name = f"{self._mark}{secrets.token_hex(2)}"
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
        port = Port(device=device, line=line)
        _run("ip", "link", "set", name, "netns", namespace)
        _run("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", name)
        _run("ip", "-n", namespace, "link", "set", name, "up", "mtu", f"{MTU}")
        wire.plug(address, port, is_way_out=is_way_out)
        return port


def _run(*command: str, said: str = "") -> None:
    """A command that must succeed."""
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
