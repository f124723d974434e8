"""Key files: readable by their owner only, and whole on disk before anybody relies on them.

A key file that others could read is refused, not quietly narrowed: it may have been copied already, and its owner
should know. Writing is atomic (a new file, synced, renamed, the folder synced), so a power cut leaves the old file or
the new one.
"""

import os
import stat
from pathlib import Path

from dpnode.errors import FailKind, Problem

FILE_MODE = 0o600
FILE_BYTES_MAX = 64 * 1024
"""The largest is the identity, under a kilobyte."""


def write_private(path: Path, content: bytes) -> None:
    """Write `content` to `path`, 0600, atomically and durably; replaces what was there."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    try:
        os.fchmod(descriptor, FILE_MODE)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)
    sync_folder(path.parent)


def read_private(path: Path) -> bytes:
    """The content of a private file.

    Errors:
        Problem: NOT_FOUND; REFUSED when others can read it, it belongs to somebody else or is no plain file; the
            sentence holds the command that puts it right.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Problem(FailKind.NOT_FOUND, f"the key file {path} is missing") from None
    except OSError as error:
        raise Problem(FailKind.REFUSED, f"cannot open the key file {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Problem(FailKind.REFUSED, f"the key file {path} is not a plain file")
        if found.st_uid != os.geteuid():
            raise Problem(
                FailKind.REFUSED,
                f"the key file {path} belongs to another user (uid {found.st_uid}); "
                f"if it is yours, run: sudo chown {os.geteuid()} '{path}'",
            )
        if found.st_mode & 0o077:
            raise Problem(
                FailKind.REFUSED,
                f"others can read the key file {path} (mode {stat.S_IMODE(found.st_mode):04o}); "
                f"if nobody copied it, run: chmod 600 '{path}'",
            )
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise Problem(FailKind.REFUSED, f"the key file {path} is larger than any key file ({FILE_BYTES_MAX} bytes)")
    return content


def remove_private(path: Path) -> None:
    """Unlink a file durably. On flash memory the old blocks may survive until they are reused."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and unlinks within `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
