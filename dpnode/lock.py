"""One daemon per home: whoever holds the lock on the pid file is it.

The kernel drops the lock when the process ends, however it ends, so a pid left behind by kill -9 never needs repair.
The file itself stays: unlinking it would let two processes lock two files of one name.
"""

import fcntl
import os
import select
import time
from dataclasses import dataclass

from dpnode.errors import FailKind, Problem
from dpnode.paths import Home

PID_WITHIN_S = 0.5
"""A daemon that has just taken the lock writes its pid within microseconds, or it is a probe and lets go."""
POLL_S = 0.005
PROBES_WAITED_OUT = 10
"""Whoever asks `holder` has the lock for an instant; a start tries again so often before it believes its eyes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Proof that this process is the daemon of a home."""

    descriptor: int

    def release(self) -> None:
        """Let another process be the daemon."""
        os.close(self.descriptor)


def take(home: Home) -> Lock:
    """Become the daemon of `home`.

    Errors:
        Problem: REFUSED, naming the pid that holds the lock.
    """
    descriptor = os.open(home.pid, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    for _ in range(PROBES_WAITED_OUT):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.sched_yield() if hasattr(os, "sched_yield") else None
            continue
        # Over what stands there, so that a full disk has room for it, too.
        os.ftruncate(descriptor, os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0))
        return Lock(descriptor=descriptor)
    pid = _awaited(descriptor)
    os.close(descriptor)
    raise Problem(
        FailKind.REFUSED,
        f"a daemon is already running for {home.root} (pid {pid or 'unknown'})",
        {"pid": pid or 0, "home": str(home.root)},
    )


def holder(home: Home) -> int | None:
    """The pid of the daemon of `home`, else None; 0 where it runs but has not written its pid yet."""
    try:
        descriptor = os.open(home.pid, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _awaited(descriptor) or 0
    finally:
        os.close(descriptor)
    return None


def _awaited(descriptor: int) -> int | None:
    """The pid of a daemon that started at the same moment, too."""
    deadline = time.monotonic() + PID_WITHIN_S
    while (pid := _written(descriptor)) is None and time.monotonic() < deadline:
        select.select([], [], [], POLL_S)
    return pid


def _written(descriptor: int) -> int | None:
    text = os.pread(descriptor, 20, 0).strip()
    return int(text) if text.isdigit() else None
