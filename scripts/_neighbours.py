"""The nodes of `scripts/neighbourhood`: homes in one folder, a daemon each, and the commands given to them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
SOON_S = 30
"""How long what happens by itself may take, at the longest the same ledger everywhere after the last entry."""


class Failed(Exception):
    """A step did not come out as it must."""


class Neighbourhood:
    """The homes of some nodes, and the commands given to them."""

    def __init__(self, folder: Path, nodes: Sequence[str], *, steps: int) -> None:
        self.folder = folder
        self.nodes = tuple(nodes)
        self.down: set[str] = set()
        """Nodes whose daemons were killed."""
        self._dead: set[int] = set()
        """The ids of processes that were killed: somebody else's by now, perhaps."""
        self._steps = steps
        self._step = 0

    @property
    def up(self) -> tuple[str, ...]:
        """The nodes whose daemons run."""
        return tuple(node for node in self.nodes if node not in self.down)

    def say(self, text: str) -> None:
        """One line or two of the story."""
        print(text, flush=True)

    def step(self, text: str) -> None:
        """The next step, counted."""
        self._step += 1
        self.say(f"[{self._step:>2}/{self._steps}] {text}")

    def dpnode(self, node: str, *arguments: str, within_s: float = 120) -> dict[str, Any]:
        """Give one node a command; its answer as a map. Raises `Failed` with the sentence it printed."""
        command = [sys.executable, "-m", "dpnode.cli.main", *arguments, "--home", str(self.folder / node), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=within_s, env=environment(), check=False)
        lines = done.stdout.strip().splitlines()
        answer: dict[str, Any] = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
        if done.returncode:
            said = answer.get("error", {}).get("sentence") or done.stderr.strip() or done.stdout.strip()
            raise Failed(f"`dpnode {' '.join(arguments[:3])}` at {node} ended with {done.returncode}: {said}")
        return answer

    def show(self, node: str, *arguments: str) -> None:
        """Print what a command shows a person."""
        command = [sys.executable, "-m", "dpnode.cli.main", *arguments, "--home", str(self.folder / node)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
        self.say("\n".join("      " + line for line in done.stdout.rstrip().splitlines()))

    def settle(self, node: str) -> None:
        """Write the settings that several nodes on one machine need."""
        path = self.folder / node / "config.toml"
        text = path.read_text("utf-8")
        wanted = {
            "listen": '["/ip4/127.0.0.1/tcp/0"]',
            "mdns": "false",
            "allow_loopback": "true",
            "preset": '"accept-what-fits"',
        }
        for key, value in wanted.items():
            text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
            if count != 1:
                raise Failed(f"{path} has no key {key}")
        path.write_text(text, "utf-8")

    def equal(self) -> dict[str, dict[str, Any]]:
        """The ledger's status at every node that is up, once they are equal; raises `Failed` where they never are."""
        deadline = time.monotonic() + SOON_S
        while True:
            states = {node: self.dpnode(node, "ledger", "status") for node in self.up}
            if len({(state["height"], state["root"]) for state in states.values()}) == 1:
                return states
            if time.monotonic() > deadline:
                heights = ", ".join(f"{node} at {state['height']}" for node, state in states.items())
                raise Failed(f"the ledgers differ: {heights}")

    def kill(self, node: str) -> None:
        """End a daemon as a power cut does: nothing of it runs any more, and nothing was tidied up."""
        pid = self._pid(node)
        os.kill(pid, signal.SIGKILL)
        self._dead.add(pid)
        self.down.add(node)

    def start_again(self, node: str) -> None:
        """Start the daemon of a node that was killed."""
        self.down.remove(node)
        self.dpnode(node, "up")

    def stop(self) -> None:
        """End every daemon that runs here, by its own command, else by its pid."""
        for node in self.nodes:
            if node in self.down or not (self.folder / node / "run" / "pid").exists():
                continue
            try:
                self.dpnode(node, "down", within_s=20)
            except (Failed, subprocess.TimeoutExpired):
                with contextlib.suppress(OSError, ValueError, IndexError):
                    if (pid := self._pid(node)) not in self._dead:
                        os.kill(pid, signal.SIGTERM)

    def _pid(self, node: str) -> int:
        return int((self.folder / node / "run" / "pid").read_text().split()[0])


def until(holds: Callable[[], bool], wrong: str) -> None:
    """Ask again and again until something holds; raises `Failed` with `wrong` where it does not soon.

    Without a pause: every question is a command, a third of a second of its own.
    """
    deadline = time.monotonic() + SOON_S
    while not holds():
        if time.monotonic() > deadline:
            raise Failed(wrong)


def environment() -> dict[str, str]:
    """Our own environment, with the project on the path and byte code allowed."""
    left_out = ("DPNODE_HOME", "PYTHONDONTWRITEBYTECODE")
    inherited = {key: value for key, value in os.environ.items() if key not in left_out}
    return {**inherited, "PYTHONPATH": str(PROJECT)}
