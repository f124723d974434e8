"""One daemon per home: whoever holds the lock on the pid file is it.

The kernel drops the lock when the process ends, however it ends, so a pid left behind by kill -9 never needs repair.
The file itself stays: unlinking it would let two processes lock two files of one name.
"""

import fcntl
import os
from dataclasses import dataclass

from dpnode.errors import FailKind, Problem
from dpnode.paths import Home

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
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return Lock(descriptor=descriptor)
    pid = _written(descriptor)
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
        return _written(descriptor) or 0
    finally:
        os.close(descriptor)
    return None


def _written(descriptor: int) -> int | None:
    text = os.pread(descriptor, 20, 0).strip()
    return int(text) if text.isdigit() else None
