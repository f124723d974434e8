"""The few things the vote journal asks of a disk, as a port, so that a test can cut the power anywhere between."""

import os
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """One folder. Every method may raise OSError; nothing is durable before the `sync` that names it."""

    def read(self, name: str) -> bytes | None:
        """The whole file, None when there is none."""
        ...

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`, making the file if need be."""
        ...

    def truncate(self, name: str, size: int) -> None:
        """Cut the file to `size` bytes."""
        ...

    def sync(self, name: str) -> None:
        """Return when the file's content is on the disk."""
        ...

    def replace(self, source: str, target: str) -> None:
        """Rename, replacing what stood there."""
        ...

    def remove(self, name: str) -> None:
        """Remove the file if it exists."""
        ...

    def sync_folder(self) -> None:
        """Return when names made, replaced and removed are on the disk."""
        ...


class FolderDisk:
    """A real folder. Files are opened once and stay open until `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, int] = {}

    def read(self, name: str) -> bytes | None:
        """See `Disk`."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, offset: int, data: bytes) -> None:
        """See `Disk`."""
        descriptor = self._descriptor(name)
        view = memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            offset += written
            view = view[written:]

    def truncate(self, name: str, size: int) -> None:
        """See `Disk`."""
        os.ftruncate(self._descriptor(name), size)

    def sync(self, name: str) -> None:
        """See `Disk`."""
        os.fsync(self._descriptor(name))

    def replace(self, source: str, target: str) -> None:
        """See `Disk`."""
        self._forget(target)
        (self.folder / source).replace(self.folder / target)
        if source in self._open:
            self._open[target] = self._open.pop(source)

    def remove(self, name: str) -> None:
        """See `Disk`."""
        self._forget(name)
        (self.folder / name).unlink(missing_ok=True)

    def sync_folder(self) -> None:
        """See `Disk`."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Close every file; syncs nothing."""
        for name in list(self._open):
            self._forget(name)

    def _descriptor(self, name: str) -> int:
        if name not in self._open:
            self._open[name] = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._open[name]

    def _forget(self, name: str) -> None:
        descriptor = self._open.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)
