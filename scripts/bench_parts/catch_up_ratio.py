"""How many times faster a new node catches up here than hypercore replicates as many entries, in the same run.

The peer stands beside the project (`../shared/peers/hc`): 100,000 signed entries of 300 bytes by one author, appended
by hundreds, replicated over loopback to a second process. It verifies and stores; it orders nothing and applies
nothing. It runs from a copy in the scratch folder, its program as it stands, with two things set from outside:

- the packages' versions. The newest hypercore asks for a hypercore-storage that is not published; it runs with the
  newest one that is, so that one is put in its place.
- the manifest. The program opens its log under `Hypercore.key(publicKey)`, the hash of a manifest naming that one
  signer, and passes no manifest along. No published hypercore 11 guesses it: the first append ends in "Cannot read
  properties of null (reading 'sign')", and the script then waits a minute for a writer that is gone. A module loaded
  before the program adds the manifest where one is missing and changes nothing else.

Not measured without Node, npm, that folder, or a registry (or npm's own cache) to install from; a note says which.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.bench_parts._homes import PROJECT
from scripts.bench_parts._run import ENTRIES, Figure, Run, say

FLOOR = 3.0
PEER = PROJECT.parent / "shared" / "peers" / "hc"
BATCH = 100
INSTALL_S = 180.0
RUN_S = 300.0
"""The script's own limits are 60 s for the writer, 120 s for the reader and 60 s for reading everything back."""
GIVEN = "given the manifest its program leaves out"
_MANIFEST = """\
const Hypercore = require('hypercore')
const open = Hypercore.prototype._open
Hypercore.prototype._open = function (storage, key, opts) {
  const publicKey = opts.keyPair && opts.keyPair.publicKey
  const missing = key && publicKey && !opts.manifest && Hypercore.key(publicKey).equals(key)
  return open.call(this, storage, key, missing ? { ...opts, manifest: { signers: [{ publicKey }] } } : opts)
}
"""
_REASON = re.compile(r"^(\w*Error\b.*|npm error (?!code ).+)$", re.MULTILINE)
"""The line by which Node or npm says what went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Packages that are tried together."""

    hypercore: str
    storage: str

    def __str__(self) -> str:
        return f"hypercore {self.hypercore} with hypercore-storage {self.storage}"


TRIED = (Versions(hypercore="11.39.5", storage="3.3.1"), Versions(hypercore="11.37.1", storage="3.3.1"))
"""The first that runs is measured. The second asks for nothing unpublished, should the first not install somewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of a command."""

    status: int | None
    """None where it was ended at its time limit."""
    output: str

    def why(self, limit_s: float) -> str:
        """In a line, why it gave no result."""
        found = _REASON.search(self.output)
        said = found[0] if found else "it printed no result"
        return said if self.status is not None else f"not done after {limit_s:.0f} s ({said})"


def catch_up_ratio(run: Run) -> Figure:
    """Our entries per second over hypercore's."""
    if missing := _missing():
        return Figure(value=None, unit="times", floor=FLOOR, notes=(f"not here: {', '.join(missing)}",))
    ours = run.measure("catch_up").value
    failed: list[str] = []
    for versions in TRIED:
        theirs = _replicated(run.folder("hypercore"), versions)
        if isinstance(theirs, float) and ours is not None:
            notes = (f"here {ours:,.0f} entries/s; {versions} {theirs:,.0f}, {GIVEN}", *failed)
            return Figure(value=ours / theirs, unit="times", floor=FLOOR, notes=notes)
        failed.append(f"{versions}: {theirs}")
    return Figure(value=None, unit="times", floor=FLOOR, notes=tuple(failed))


def _missing() -> list[str]:
    programs = [name for name in ("node", "npm") if shutil.which(name) is None]
    return programs if PEER.is_dir() else [*programs, "../shared/peers/hc"]


def _replicated(folder: Path, versions: Versions) -> float | str:
    """Entries per second of the peer, run from a copy in `folder`; a sentence where it does not run."""
    copy = _copied(folder, versions)
    say(f"installing {versions}")
    npm = ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"]
    installed = _ended(npm, copy, {}, INSTALL_S)
    if installed.status != 0:
        return f"not installed: {installed.why(INSTALL_S)}"
    say("measuring hypercore")
    around = {"SCRATCH": str(folder), "NODE_OPTIONS": f"{os.environ.get('NODE_OPTIONS', '')} --require=./manifest.cjs"}
    done = _ended(["bash", "run_hc.sh", "1", str(ENTRIES), str(BATCH), str(_free_port())], copy, around, RUN_S)
    for line in done.output.splitlines():
        if line.startswith("{") and (said := json.loads(line)).get("role") == "replicate" and said["ok"]:
            return float(said["per_s"])
    writer = "".join(said.read_text(encoding="utf-8") for said in folder.glob("*.wout"))
    return f"did not replicate: {replace(done, output=writer + done.output).why(RUN_S)}"


def _copied(folder: Path, versions: Versions) -> Path:
    """The peer's folder with the versions written down and the manifest's module beside the program."""
    copy = folder / "peer"
    shutil.copytree(PEER, copy, ignore=shutil.ignore_patterns("node_modules", "package-lock.json"))
    copy.chmod(0o755)
    package = copy / "package.json"
    package.chmod(0o644)
    described = json.loads(package.read_text(encoding="utf-8"))
    described["dependencies"] = {**described.get("dependencies", {}), "hypercore": versions.hypercore}
    described["overrides"] = {"hypercore-storage": versions.storage}
    package.write_text(json.dumps(described), encoding="utf-8")
    (copy / "manifest.cjs").write_text(_MANIFEST, encoding="utf-8")
    return copy


def _ended(command: list[str], folder: Path, around: dict[str, str], limit_s: float) -> Ended:
    """Run `command` in a session of its own; nothing it started outlives the call."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **around},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            _end_session(process.pid)
            output, _ = process.communicate()
            return Ended(status=None, output=output)
        finally:
            _end_session(process.pid)
    return Ended(status=process.returncode, output=output)


def _end_session(leader: int) -> None:
    """End what still runs in the session; its group is not enough, `timeout` opens one of its own."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(int(process.name)) == leader:
                os.kill(int(process.name), signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
