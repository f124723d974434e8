"""How many times faster a new node catches up here than hypercore replicates as many entries, in the same run.

The peer stands beside the project (`../shared/peers/hc`): 100,000 signed entries of 300 bytes by one author, appended
by hundreds, replicated over loopback to a second process. It verifies and stores; it orders nothing and applies
nothing. Not measured without Node, npm or that folder.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess

from scripts.bench_parts._homes import PROJECT
from scripts.bench_parts._run import ENTRIES, Figure, Run, say

FLOOR = 3.0
PEER = PROJECT.parent / "shared" / "peers" / "hc"
INSTALL_S, RUN_S = 300, 300
BATCH = "100"
VERSION = "11.37.1"
"""The one that was measured before; later ones ask for a storage package that is not published yet."""


def catch_up_ratio(run: Run) -> Figure:
    """Our entries per second over hypercore's."""
    if not PEER.is_dir() or shutil.which("node") is None or shutil.which("npm") is None:
        return Figure(value=None, unit="times", floor=FLOOR, notes=("Node or the peer's folder is not here",))
    ours = run.measure("catch_up").value
    theirs = _replicated(run)
    if ours is None or theirs is None:
        return Figure(value=None, unit="times", floor=FLOOR, notes=("the peer could not be installed or run here",))
    return Figure(value=ours / theirs, unit="times", floor=FLOOR, notes=(f"hypercore: {theirs:,.0f} entries/s",))


def _replicated(run: Run) -> float | None:
    """Entries per second of the peer, run from a copy in the scratch folder; None where it does not run."""
    folder = run.folder("hypercore")
    copy = folder / "peer"
    shutil.copytree(PEER, copy)
    copy.chmod(0o755)
    say("installing hypercore")
    quiet = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", f"hypercore@{VERSION}"]
    try:
        installed = subprocess.run(quiet, cwd=copy, capture_output=True, timeout=INSTALL_S, check=False)
        if installed.returncode:
            return None
        say("measuring hypercore")
        done = subprocess.run(
            ["bash", "run_hc.sh", "1", str(ENTRIES), BATCH, str(_free_port())],
            cwd=copy,
            env={**os.environ, "SCRATCH": str(folder)},
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    for line in done.stdout.splitlines():
        if line.startswith("{") and (said := json.loads(line)).get("role") == "replicate" and said.get("ok"):
            return float(said["per_s"])
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
