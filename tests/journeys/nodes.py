"""Real daemons for journeys: homes, settings, processes of their own, sockets on loopback, questions as commands ask.

A daemon here is `dpnode.process` in a process of its own, forked from a server that has imported the program already:
two seconds a start would otherwise go into imports alone. That `dpnode up` starts the same daemon from nothing is
what `test_first_day` and `test_neighbourhood` show. Homes lie in short folders, because the path of a Unix socket is
limited. Whatever is waited for has a deadline; only processes that were started here are ended, by their ids.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from dpnode import offline
from dpnode.control.answers import Done, Failed
from dpnode.control.client import ask
from dpnode.control.questions.base import Question
from dpnode.control.questions.ledger import LedgerStatus
from dpnode.control.questions.network import NetworkFound, NetworkInvite, NetworkJoin
from dpnode.control.questions.node import Peers, Status
from dpnode.errors import FailKind, Problem
from dpnode.identity.identity import Identity, make_identity
from dpnode.identity.words import root_seed
from dpnode.paths import Home
from dpnode.process import main
from dpnode.shelf import founding_commit
from tests.journeys.wires import enter

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "config" / "samples"
READY_S = 30.0
SOON_S = 15.0
"""Everything that happens by itself happens well within this, or the test fails."""
LOOPBACK: Mapping[str, Mapping[str, Any]] = {
    "network": {"listen": ["/ip4/127.0.0.1/tcp/0"], "mdns": False, "allow_loopback": True}
}
T = TypeVar("T")

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["dpnode.daemon", "dpnode.net.supervise", "dpnode.net.room", "dpnode.process"])


def _serve(home: str, report: Any, namespace: str) -> None:
    """A daemon's whole life, in the forked process."""
    if namespace:
        enter(namespace)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.pop("DPNODE_HOME", None)
    sys.exit(main(["--home", home, "--report-to", str(os.dup(report.fileno()))]))


class NotStarted(Exception):
    """The daemon said why it does not run: its exit status and its sentence."""

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(f"exit {status}: {sentence}")
        self.status = status
        self.kind = kind
        self.sentence = sentence


class Node:
    """One home and, while it runs, its daemon."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.home = Home(root=root)
        self.entropy = b""
        self.namespace = ""
        """The network namespace its daemon runs in; empty: this process's own."""
        self._process: Any = None
        self._report: Any = None

    # -- the home

    def init(self, settings: Mapping[str, Mapping[str, Any]] | None = None) -> Node:
        """Keys of its own, and settings on loopback with these on top."""
        self.entropy = secrets.token_bytes(32)
        self.home.make_folders()
        make_identity(self.home, self.entropy, name=self.name, passphrase=None, confirmed=True)
        self.settle(settings or {})
        return self

    def settle(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the settings; what is not named has its default, the network's that of a test."""
        sections = {**LOOPBACK, **settings, "network": {**LOOPBACK["network"], **settings.get("network", {})}}
        lines = []
        for section, keys in sections.items():
            lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
        self.home.config.write_text("\n".join(lines) + "\n", "utf-8")

    @property
    def identity(self) -> Identity:
        """Its keys."""
        return Identity.load(self.home)

    def found(self, network: str = "Street", limits: Mapping[str, int] | None = None) -> None:
        """Found a network before the daemon runs; with other limits where a test writes more than a day's share."""
        seed = root_seed(self.entropy, 0)
        if limits is None:
            answer = offline.answer(NetworkFound(network_name=network, root_seed=seed), self.home)
            assert isinstance(answer, Done), answer
            return
        from dpnode.founding import make_network
        from dpnode.store.offline import writing

        with writing(self.home.database) as opened:
            founded = make_network(self.identity, name=network, purpose="", root_seed=seed, limits=limits)
            opened.commit(founding_commit(founded))

    # -- the daemon

    def begin(self) -> None:
        """Start the daemon without waiting for it."""
        assert self._process is None, f"{self.name} runs already"
        reading, writing = _forks.Pipe(duplex=False)
        self._process = _forks.Process(target=_serve, args=(str(self.home.root), writing, self.namespace), daemon=True)
        self._process.start()
        writing.close()
        self._report = reading

    def ready(self) -> dict[str, Any]:
        """Wait until a daemon that was begun answers; raises `NotStarted`."""
        deadline = time.monotonic() + READY_S
        got = b""
        while b"\n" not in got:
            waited, _, _ = select.select([self._report], [], [], max(0, deadline - time.monotonic()))
            assert waited, f"{self.name} was not ready after {READY_S:.0f} s\n{self.log()}"
            part = os.read(self._report.fileno(), 65_536)
            if not part:
                break
            got += part
        self._report.close()
        value: dict[str, Any] = json.loads(got) if got else {"kind": "failed", "sentence": "it said nothing"}
        if "ready" in value:
            return dict(value["ready"])
        raise NotStarted(self._ended(), value["kind"], value["sentence"])

    def up(self) -> dict[str, Any]:
        """Start the daemon and wait until it answers; raises `NotStarted`."""
        self.begin()
        return self.ready()

    @property
    def pid(self) -> int:
        """Of the running daemon."""
        assert self._process is not None, f"{self.name} does not run"
        return int(self._process.pid)

    @property
    def runs(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.is_alive()

    def stop(self) -> float:
        """SIGTERM; returns how many seconds the end took."""
        began_s = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        status = self._ended()
        assert status == 0, f"{self.name} ended with {status}\n{self.log()}"
        return time.monotonic() - began_s

    def kill(self) -> None:
        """SIGKILL, as a power cut is to a process."""
        os.kill(self.pid, signal.SIGKILL)
        self._ended()

    def freeze(self) -> None:
        """SIGSTOP: it is there and says nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def ends(self) -> int:
        """Wait until it ends by itself; its exit status."""
        return self._ended()

    def _ended(self) -> int:
        process, self._process = self._process, None
        process.join(READY_S)
        assert process.exitcode is not None, f"{self.name} does not end\n{self.log()}"
        status = int(process.exitcode)
        process.close()
        if self._report is not None and not self._report.closed:
            self._report.close()
        return status

    def end(self) -> None:
        """Whatever it does, it is gone after this."""
        if self._process is not None:
            self._process.kill()
            self._ended()

    # -- asking

    def ask(self, question: Question, *, within_s: float | None = None) -> dict[str, Any]:
        """What the daemon answers; raises `Problem` where it fails."""
        answer = ask(self.home.socket, question, within_s=within_s)
        if isinstance(answer, Failed):
            raise Problem(answer.kind, answer.sentence, answer.details)
        return answer.value

    def refuses(self, question: Question) -> Problem:
        """The problem it answers with; fails where it answers."""
        try:
            value = self.ask(question)
        except Problem as problem:
            return problem
        raise AssertionError(f"{question.name} was answered: {value}")

    def reads(self, question: Question) -> dict[str, Any]:
        """What the database says with no daemon; raises `Problem`."""
        answer = offline.answer(question, self.home)
        if isinstance(answer, Failed):
            raise Problem(answer.kind, answer.sentence, answer.details)
        return answer.value

    def dpnode(self, *arguments: str, within_s: float = 60) -> subprocess.CompletedProcess[str]:
        """A command as a person gives it, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "dpnode.cli.main", *arguments, "--home", str(self.home.root)],
            capture_output=True,
            text=True,
            timeout=within_s,
            cwd="/",
            env=person_environment(),
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        """`dpnode status`."""
        return self.ask(Status())

    def height(self) -> int:
        """Of its ledger."""
        return int(self.ask(LedgerStatus())["height"])

    def root(self) -> tuple[int, str]:
        """Height and state root of its ledger."""
        value = self.ask(LedgerStatus())
        return value["height"], value["root"]

    def sees(self, other: Node) -> bool:
        """Whether it is connected to a machine of that name."""
        return any(
            peer.get("member", {}).get("name") == other.name and peer["state"] == "connected"
            for peer in self.ask(Peers())["peers"]
        )

    def log(self) -> str:
        """Everything it logged, for assertions and for whoever reads a failure."""
        files = sorted(self.home.log.glob("dpnode.log*"), reverse=True)
        return "".join(path.read_text("utf-8", "replace") for path in files)

    # -- joining

    def invite(self, **fields: Any) -> str:
        """An invitation's string."""
        return str(self.ask(NetworkInvite(**fields))["invitation"])

    def join(self, invitation: str, **fields: Any) -> dict[str, Any]:
        """Join with it."""
        return self.ask(NetworkJoin(invitation=invitation, root_seed=root_seed(self.entropy, 0), **fields))


class Street:
    """Some nodes of one test and the folder they lie in."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dpj", dir="/tmp"))
        self.nodes: list[Node] = []

    def node(self, name: str, **settings: Mapping[str, Any]) -> Node:
        """A new home with its keys, listening on a port that stays its own, as a home machine's does."""
        settings["network"] = {"listen": [f"/ip4/127.0.0.1/tcp/{free_port()}"], **settings.get("network", {})}
        made = Node(self.folder / f"n{len(self.nodes)}", name).init(settings)
        self.nodes.append(made)
        return made

    def network(self, *nodes: Node, limits: Mapping[str, int] | None = None) -> None:
        """Start them all; the first founds, the others join and hold the same ledger."""
        founder, *guests = nodes
        founder.found(limits=limits)
        for node in nodes:
            node.begin()
        for node in nodes:
            node.ready()
        for guest in guests:
            guest.join(founder.invite())
        until(lambda: level(*nodes), "the same ledger everywhere")
        until(lambda: all(a.sees(b) for a in nodes for b in nodes if a is not b), "everybody to see everybody")

    def close(self) -> None:
        """End what runs and remove the homes."""
        for node in self.nodes:
            node.end()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def street() -> Iterator[Street]:
    """A street for the length of a block."""
    made = Street()
    try:
        yield made
    finally:
        made.close()


def free_port() -> int:
    """A port nobody listens on, below those the system hands out by itself to whoever dials."""
    while True:
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def level(*nodes: Node) -> tuple[int, str] | None:
    """Height and root where all nodes hold the same ledger, else None."""
    roots = {node.root() for node in nodes}
    return roots.pop() if len(roots) == 1 else None


def until(condition: Callable[[], T], what: str, within_s: float = SOON_S) -> T:
    """What `condition` gives as soon as it is true; fails after `within_s`, saying what was waited for."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {within_s:.0f} s for {what}"
        pause(0.01)
    return found


def pause(wait_s: float) -> None:
    """Give way between two looks at something that tells nobody when it changes."""
    select.select([], [], [], wait_s)


def person_environment() -> dict[str, str]:
    """The environment of a command given in a fresh terminal."""
    kept = {key: value for key, value in os.environ.items() if key not in ("DPNODE_HOME", "PYTHONPATH")}
    return {**kept, "PYTHONPATH": str(PROJECT)}


def offer_file(folder: Path, sample: str, **changes: str) -> Path:
    """A capability file made of a sample, with other values of keys that stand at the beginning of a line."""
    text = (SAMPLES / "offers" / sample).read_text("utf-8")
    for key, value in changes.items():
        text, count = re.subn(rf"(?m)^(# )?{key} = .*$", f"{key} = {value}", text, count=1)
        assert count, f"{sample} has no {key}"
    path = folder / f"{secrets.token_hex(4)}-{sample}"
    path.write_text(text, "utf-8")
    return path


def is_refused(problem: Problem, reason: str) -> bool:
    """Whether it is a refusal with this code."""
    return problem.kind is FailKind.REFUSED and problem.details.get("reason") == reason
