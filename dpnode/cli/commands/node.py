"""`dpnode up`, `down`, `status`, `peers`: the daemon of one home.

`up` starts a fresh interpreter instead of forking this one: it inherits nothing but the pipe on which it says
that it is ready, or in one sentence why it is not. It is also why the commands never import the daemon.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from dpnode import lock
from dpnode.cli import shapes
from dpnode.cli.blocks import Block, Column, Note, Table, facts
from dpnode.cli.frame import Run, command
from dpnode.control.answers import Fields
from dpnode.control.questions.node import Clock, Down, Peers, Status
from dpnode.errors import FailKind, Problem
from dpnode.paths import Home

READY_WITHIN_S = 30.0
"""Importing the network room takes two seconds, opening a large ledger a few more."""
DOWN_WITHIN_S = 2.0
"""A clean stop takes less; then SIGTERM, which is the same stop asked for in another way."""
GONE_WITHIN_S = 10.0
POLL_S = 0.02
REPORT_BYTES_MAX = 65_536


@command("up", example="dpnode up\ndpnode up --foreground", writes=True)
@click.option("--foreground", is_flag=True, help="Stay, and log to stderr too: for a service manager.")
def up_command(run: Run, foreground: bool) -> None:
    """Start the daemon of this home and wait until it is ready."""
    home = run.home
    if not home.config.exists() and not (home.keys / "identity").exists():
        raise Problem(FailKind.NOT_FOUND, f"there is no node in {home.root}: run 'dpnode init' first")
    pid = lock.holder(home)
    if pid is not None:
        raise Problem(
            FailKind.REFUSED, f"a daemon is already running for {home.root} (pid {pid or 'unknown'})", {"pid": pid}
        )
    words = [sys.executable, "-m", "dpnode.process", "--home", str(home.root)]
    if run.dry_run:
        _check_start(home)
        run.show({"dry_run": True, "home": str(home.root)}, lambda _: [Note(text=f"A daemon starts for {home.root}.")])
    elif foreground:
        sys.stdout.flush()
        os.execve(sys.executable, [*words, "--foreground"], _environment())
    else:
        run.show(_start(words, home.log_file), _up)


def _check_start(home: Home) -> None:
    """Raise the `Problem` a start would meet in settings, policy, keys and ports; the ledger is not read."""
    from config.parse import ConfigWrong, load
    from config.settings import Settings
    from dpnode.assembly import read_policy
    from dpnode.identity.identity import Identity

    try:
        settings = load(home.config) if home.config.exists() else Settings()
    except ConfigWrong as wrong:
        raise Problem(FailKind.FAILED, "\n".join(wrong.problems)) from wrong
    read_policy(settings, home.root)
    Identity.load(home)
    for address in settings.network.listen:
        _, family, host, protocol, port = address.split("/")[:5]
        if protocol == "tcp" and family in ("ip4", "ip6") and int(port):
            _check_port(socket.AF_INET6 if family == "ip6" else socket.AF_INET, host, int(port))


def _check_port(family: socket.AddressFamily, host: str, port: int) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            sentence = f"{host} port {port} cannot be listened on: {error.strerror}"
            raise Problem(FailKind.FAILED, f"{sentence}; choose another port in [network] listen") from error


def _start(words: list[str], log_file: Path) -> Fields:
    reading, writing = os.pipe()
    with open(os.devnull, "r+b") as nothing, open(reading, "rb", buffering=0) as reports:  # noqa: PTH123
        child = subprocess.Popen(
            [*words, "--report-to", str(writing)],
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            pass_fds=(writing,),
            start_new_session=True,
            cwd="/",
            env=_environment(),
        )
        os.close(writing)
        report = _first_line(reports.fileno())
        if report is None:
            raise Problem(FailKind.TIMED_OUT, f"the daemon (pid {child.pid}) is not ready after {READY_WITHIN_S:.0f} s")
    # The daemon outlives this command on purpose.
    child.returncode = 0 if "ready" in report else child.wait(GONE_WITHIN_S)
    if "ready" in report:
        return {**report["ready"], "pid": child.pid}
    raise Problem(
        FailKind(report.get("kind", FailKind.FAILED.value)),
        report.get("sentence", f"the daemon ended before it was ready; its log says how: {log_file}"),
    )


def _environment() -> dict[str, str]:
    """This environment, in which the daemon finds the same program although it stands in another folder."""
    program = Path(__file__).resolve().parents[3]
    others = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(program), others] if others else [str(program)])}


def _first_line(descriptor: int) -> Fields | None:
    """The JSON object on the first line of a pipe; {} when it closes without one, None when time is over."""
    import select

    deadline = time.monotonic() + READY_WITHIN_S
    got = b""
    while b"\n" not in got and len(got) < REPORT_BYTES_MAX:
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
            return None
        part = os.read(descriptor, 4_096)
        if not part:
            return {}
        got += part
    value = json.loads(got.partition(b"\n")[0])
    return value if isinstance(value, dict) else {}


def _up(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Running as", "pid", str),
        ("Listening at", "addresses", lambda all_of_them: "\n".join(all_of_them)),
        ("Network", "network", shapes.party),
    )
    if value.get("lost"):
        yield Note(text=f"! {value['lost']}")
    elif not value.get("network"):
        yield Note(text="No network yet: 'dpnode network found' or 'join', or 'return' with your 24 words.")


@command("down", example="dpnode down", writes=True)
def down_command(run: Run) -> None:
    """Stop the daemon of this home and wait until it is gone."""
    home = run.home
    pid = lock.holder(home)
    if pid is None:
        raise Problem(FailKind.DAEMON_DOWN, f"no daemon is running for {home.root}")
    if run.dry_run:
        run.show({"dry_run": True, "pid": pid}, lambda _: [Note(text=f"The daemon with pid {pid} stops.")])
        return
    started_s = time.monotonic()
    try:
        run.value_of(Down(), within_s=DOWN_WITHIN_S)
    except Problem:
        _terminate(pid)
    if not _gone(run, DOWN_WITHIN_S):
        _terminate(pid)
        if not _gone(run, GONE_WITHIN_S):
            raise Problem(FailKind.TIMED_OUT, f"the daemon with pid {pid} does not stop; see {home.log_file}")
    took_ms = round((time.monotonic() - started_s) * 1_000)
    run.show({"pid": pid, "took_ms": took_ms}, lambda _: [Note(text=f"Stopped (pid {pid}).")])


def _terminate(pid: int) -> None:
    if pid > 0:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise Problem(FailKind.REFUSED, f"the daemon with pid {pid} belongs to another user") from error


def _gone(run: Run, within_s: float) -> bool:
    import select

    deadline = time.monotonic() + within_s
    while lock.holder(run.home) is not None:
        if time.monotonic() > deadline:
            return False
        # The kernel tells nobody that a stranger's lock was dropped, so it has to be looked at again.
        select.select([], [], [], POLL_S)
    return True


@command("status", example="dpnode status --json")
def status_command(run: Run) -> None:
    """How this node is: member, network, height, peers, and what it reminds you of."""
    run.ask(Status(), _status)


def _status(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Member", "member", shapes.party),
        ("Network", "network", shapes.party),
        ("Home", "home", str),
        ("Daemon", "pid", lambda pid: f"pid {pid}, up {shapes.span(value.get('uptime_ms', 0))}"),
        ("Version", "version", str),
        ("Addresses", "addresses", lambda all_of_them: "\n".join(all_of_them)),
        ("Peers", "peers", shapes.count),
        ("Snapshot", "snapshot", _snapshot),
        ("Height", "height", shapes.count),
        ("Last block", "block_ms", shapes.when),
        ("Checked up to", "checked_height", shapes.count),
        ("Pending entries", "pending", shapes.count),
        ("Open jobs", "jobs_open", shapes.count),
        ("Waiting for you", "inbox", shapes.count),
        ("Witness", "witness", shapes.yes),
        ("Votes", "seat", _votes),
        ("Other witnesses", "seat", _others),
        ("Order", "withstands", str),
    )
    for reminder in value.get("reminders", []):
        yield Note(text=f"! {reminder}")


def _snapshot(at: Fields) -> str:
    if not at["of"]:
        return "asking members' machines for one"
    machines = "a machine" if at["machines"] == 1 else f"{at['machines']} machines"
    return f"{at['pieces']:,} of {at['of']:,} pieces of the state after block {at['height']:,}, from {machines}"


def _votes(seat: Fields) -> str:
    if "view" not in seat:
        return "no"
    said = "yes" if seat["votes"] else "no"
    what = "working" if seat["works"] else "nothing to agree on"
    return f"{said}; place {seat['place']} of {seat['witnesses']}, epoch {seat['epoch']}, view {seat['view']}, {what}"


def _others(seat: Fields) -> str:
    here = ", ".join(shapes.party(one) for one in seat["connected"])
    away = ", ".join(shapes.party(one) for one in seat["away"])
    parts = [f"here: {here}"] * bool(here) + [f"away: {away}"] * bool(away)
    return "\n".join(parts)


@command("clock", example="dpnode clock\ndpnode clock --confirm", writes=True)
@click.option("--confirm", is_flag=True, help="The clock of this machine is right.")
def clock_command(run: Run, confirm: bool) -> None:
    """This machine's time beside the last block's and the others'.

    A witness that is 30 days past that block, or two minutes from the other witnesses, waits until you confirm it.
    """
    run.ask(Clock(confirm=confirm, dry_run=run.dry_run), _clock)


def _clock(value: Fields) -> Iterator[Block]:
    yield facts(value, ("Here it is", "time_ms", shapes.when), ("Last block", "block_ms", shapes.when))
    if value.get("waits"):
        yield Note(text="! this witness proposes nothing until the clock is confirmed: dpnode clock --confirm")


@command("peers", example="dpnode peers")
def peers_command(run: Run) -> None:
    """Whom this node is connected to, or keeps trying to reach."""
    run.ask(Peers(), _peers)


def _height(known: int) -> str:
    return shapes.count(known) if known else "not told yet"


def _peers(value: Fields) -> Iterator[Block]:
    yield Table(
        columns=(
            Column(title="Member", key="member", shape=shapes.party),
            Column(title="Peer", key="peer"),
            Column(title="State", key="state"),
            Column(title="Height", key="height", shape=_height, right=True),
            Column(title="Answers in", key="latency_ms", shape=shapes.span, right=True),
            Column(title="Address", key="address"),
        ),
        rows=[{"height": 0, **row} if row.get("state") == "connected" else row for row in value.get("peers", [])],
        empty="Nobody yet.",
    )
