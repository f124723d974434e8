"""One owner per file: a lock that the kernel drops when its holder ends, however it ends, and that names the holder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dpnode.store.errors import StoreFull, StoreLocked, StoreUnreadable, is_full


class Held(Exception):
    """Somebody else holds the lock; `holder` is its process id as text, or 'another process' when it left none."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@contextmanager
def owned(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the block. Raises Held at once when it is taken, OSError when it cannot be made.

    The file stays behind: removing it would let two processes lock two files of one name.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            raise Held(holder or "another process") from None
        # Over what stands there, so that a full disk has room for it, too.
        os.ftruncate(descriptor, os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0))
        yield
    finally:
        os.close(descriptor)


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """The writer's lock beside the database. Raises StoreLocked naming the process that has it."""
    lock = owned(path.with_name(path.name + ".lock"))
    try:
        lock.__enter__()
    except Held as held:
        raise StoreLocked(str(path), held.holder) from None
    except OSError as error:
        raise (StoreFull(str(path)) if is_full(error) else StoreUnreadable(str(path), str(error))) from error
    try:
        yield
    finally:
        lock.__exit__(None, None, None)
