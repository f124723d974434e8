"""Makes a virtual environment that holds exactly what a lock names, and prints its Python.

A stamp with the lock's hash is written last, so an environment that was interrupted, or whose lock has changed, is
made again; a file lock lets two callers at once share one set-up. Only the standard library is used. `setuptools` goes
in first and by hash, because two of libp2p's dependencies are source packages (pure Python: no compiler is needed).
"""

import argparse
import fcntl
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BUILD_LOCK = PROJECT / "requirements-build.txt"


def stamp_of(at: Path, lock: Path) -> str:
    """What an environment standing here, made from this lock by this Python and this script, is marked with."""
    files = [BUILD_LOCK.read_bytes(), lock.read_bytes(), Path(__file__).read_bytes()]
    parts = [*files, os.fsencode(at), sys.version.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def pip(at: Path, *arguments: str, of: int) -> None:
    """Run pip for the environment `at`, counting packages up to `of`; if it fails say how it ended, and leave."""
    own = [at / "bin/python", "-m", "pip"]
    lent = [sys.executable, "-m", "pip", "--python", at / "bin/python"]
    quiet = ["--no-deps", "--no-input", "--progress-bar=off", "--disable-pip-version-check"]
    command = [*(own if can_bring_pip() else lent), "install", *quiet, *arguments]
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            said.append(line)
            if sys.stderr.isatty():
                done = sum(one.startswith(("Collecting ", "Requirement already")) for one in said)
                print(f"\r  {min(done, of)} of {of} packages", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if running.returncode:
        sys.exit(f"{''.join(said[-15:])}\nSetting up {at} failed: pip's last words stand above. Run it again to retry.")


def can_bring_pip() -> bool:
    """Whether this Python can put pip into a new environment (Debian splits that off into python3-venv)."""
    return importlib.util.find_spec("ensurepip") is not None


def make(at: Path, lock: Path, stamp: Path, *, anew: bool) -> None:
    """Install everything `lock` names into `at`, making the environment `anew` first if asked; then write `stamp`."""
    packages = len(re.findall(r"^[a-z0-9]\S*==", lock.read_text(), re.MULTILINE))
    print(f"Setting up {at}: up to {packages} packages, about 150 MB to fetch, a minute or so.", file=sys.stderr)
    if anew:
        venv.create(at, clear=True, with_pip=can_bring_pip())
    hashed = ("--require-hashes", "--no-build-isolation", "--use-pep517")
    pip(at, "--require-hashes", "-r", str(BUILD_LOCK), of=1)
    pip(at, *hashed, "-r", str(lock), of=packages)
    for packages_folder in at.glob("lib/python*/site-packages"):
        # trio-typing is needed at run time, but its stub folder would hide trio's own types from the type check.
        for stub in packages_folder.glob("trio-stubs/*"):
            stub.unlink()
        if at == PROJECT / ".venv":
            (packages_folder / "dpnode_checkout.pth").write_text(f"{PROJECT}\n")
    stamp.write_text(stamp_of(at, lock))


def main() -> None:
    """Make what is missing of the environment asked for, and print its Python."""
    parser = argparse.ArgumentParser(prog="scripts/_environment")
    parser.add_argument("--dev", action="store_true", help="add what checks and tests need")
    parser.add_argument("--at", type=Path, default=PROJECT / ".venv", help="where it stands (default: .venv)")
    asked = parser.parse_args()
    at = asked.at.resolve()
    wanted = [("runs", PROJECT / "requirements.txt")] + [("dev", PROJECT / "requirements-dev.txt")] * asked.dev
    if not can_bring_pip() and importlib.util.find_spec("pip") is None:
        sys.exit("This Python has neither ensurepip nor pip and so cannot fill an environment: add python3-venv.")
    at.parent.mkdir(parents=True, exist_ok=True)
    with at.with_name(f"{at.name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        for name, lock in wanted:
            stamp = at / f".{name}"
            if not stamp.exists() or stamp.read_text() != stamp_of(at, lock):
                make(at, lock, stamp, anew=name == "runs")
    print(at / "bin/python")


main()
