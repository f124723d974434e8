"""Homes and daemons of a benchmark: real folders in a scratch place, real `dpnode` processes on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpnode.control.answers import Done
from dpnode.control.client import ask
from dpnode.control.questions.base import Question
from dpnode.control.questions.node import Status
from dpnode.identity.identity import Identity, make_identity
from dpnode.identity.words import root_seed
from dpnode.net import peer_id_of, show_peer_id
from dpnode.paths import Home

PROJECT = Path(__file__).resolve().parent.parent.parent
READY_WITHIN_S = 60.0
STOPPED_WITHIN_S = 30.0
POLL_S = 0.02
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_CONFIG = """[network]
listen = ["/ip4/127.0.0.1/tcp/0"]
allow_loopback = true
mdns = false
known_peers = {known_peers}
redial_ms_min = 100
redial_ms_max = 1000
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A member's home with its keys."""

    home: Home
    identity: Identity
    root_seed: bytes


def make_owner(folder: Path, name: str, known_peers: Sequence[str] = ()) -> Owner:
    """A fresh home in `folder`/`name`; the same name gives the same root key, the other keys are random."""
    home = Home(root=folder / name)
    home.make_folders()
    entropy = hashlib.sha256(name.encode()).digest()
    identity = make_identity(home, entropy, name=name, passphrase=None, confirmed=True)
    know(home, known_peers)
    return Owner(home=home, identity=identity, root_seed=root_seed(entropy, 0))


def know(home: Home, known_peers: Sequence[str]) -> None:
    """Write the home's settings: any port on loopback, and whom to dial."""
    home.config.write_text(_CONFIG.format(known_peers=json.dumps(list(known_peers))), encoding="utf-8")


class Daemon:
    """A running daemon process."""

    def __init__(self, home: Home, process: subprocess.Popen[bytes], ready: dict[str, Any]) -> None:
        self.home = home
        self.process = process
        self.ready = ready

    def address_of(self, owner: Owner) -> str:
        """Where its owner's machine is dialled, with the peer at the end."""
        peer = show_peer_id(peer_id_of(owner.identity.network_seed))
        return f"{self.ready['addresses'][0]}/p2p/{peer}"

    def ask(self, question: Question) -> dict[str, Any]:
        """The fields of the daemon's answer; raises where it failed."""
        answer = ask(self.home.socket, question)
        if not isinstance(answer, Done):
            raise RuntimeError(f"the daemon refused {question.name}: {answer}")
        return dict(answer.value)

    def status(self) -> dict[str, Any]:
        """What `dpnode status` shows."""
        return self.ask(Status())

    def cpu_s(self) -> float:
        """Seconds of processor time it has used so far, all threads."""
        return cpu_s(self.process.pid)

    def resident_bytes(self) -> int:
        """Memory it holds now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """Seconds of processor time a process has used, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def pause(seconds: float = POLL_S) -> None:
    """Let others work for a moment: a benchmark watches processes that cannot call it."""
    select.select([], [], [], seconds)


@contextmanager
def daemon(home: Home, module: str = "dpnode.process") -> Iterator[Daemon]:
    """Run a daemon for the length of the block; `module` is what a Python process runs as one."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", module, "--home", str(home.root), "--report-to", str(writing)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(writing,), env=environment)
    os.close(writing)
    try:
        yield Daemon(home, process, _ready(reading))
    finally:
        os.close(reading)
        process.terminate()
        try:
            process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(descriptor: int) -> dict[str, Any]:
    """The one line a daemon says once it is ready; raises with its reason where it is not."""
    deadline = time.monotonic() + READY_WITHIN_S
    said = b""
    while b"\n" not in said:
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
            raise RuntimeError(f"a daemon was not ready within {READY_WITHIN_S:.0f} s")
        part = os.read(descriptor, 4096)
        if not part:
            raise RuntimeError("a daemon ended before it was ready")
        said += part
    line = json.loads(said)
    if "ready" not in line:
        raise RuntimeError(f"a daemon did not start: {line.get('sentence')}")
    return dict(line["ready"])
