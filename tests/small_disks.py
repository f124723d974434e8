"""Real disks of a few MiB, to be filled to the last byte: a tmpfs each, where this system lets the tests mount one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

BALLAST = "ballast"
BLOCK_BYTES = 4_096


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[None]:
    """An empty disk of its own at `folder` for the length of a block; skips the test where none can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "dpnode-test", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"a disk that can be filled has to be mounted, and that is refused here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, *, but_bytes: int = 0) -> None:
    """Leave so many bytes of the disk free, and none where none are named."""
    free = free_bytes(folder)
    with (folder / BALLAST).open("ab", buffering=0) as file, suppress(OSError):
        file.write(bytes(max(0, free - but_bytes)))
    assert free_bytes(folder) <= but_bytes + BLOCK_BYTES


def make_room(folder: Path) -> None:
    """Take away what filled the disk."""
    (folder / BALLAST).unlink()


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
