"""A disk in memory that remembers every write, so that the power can be cut between any two and in the middle of any.

Everything a program did stands in `log`. `after_cut(log, cut, dice)` is what a real disk may hold when the power goes
before step `cut`: what was synced, and of the rest any part, down to single 512-byte sectors of one write.
"""

import errno
import random
from collections.abc import Callable
from dataclasses import dataclass, field

SECTOR_BYTES = 512

Step = tuple[str, str, int, bytes]
"""(what, name, number, data): write (at), truncate (to), sync, delete, rename (to the name in data), folder (its name),
ack; those that only ask (open, read) change nothing."""


@dataclass(eq=False)
class Inode:
    live: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    unsynced: list[tuple[str, int, bytes]] = field(default_factory=list)


class CrashDisk:
    """Implements the journal's `Disk`; `FaultyDisk`'s VFS puts SQLite's files on it."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = {name: bytearray(data) for name, data in (files or {}).items()}
        self.before = {name: bytes(data) for name, data in self.files.items()}
        self.log: list[Step] = []
        self.fault: Callable[[int, str], int | None] = lambda number, what: None
        """Given the step's number and what it is, an errno to fail with."""
        self.steps = 0

    def _step(self, what: str, name: str, number: int = 0, data: bytes = b"") -> None:
        failure = self.fault(self.steps, what)
        self.steps += 1
        if failure is not None:
            if what == "write" and failure == errno.ENOSPC and len(data) > 1:
                half = data[: len(data) // 2]  # a full disk takes what still fits
                self.log.append((what, name, number, half))
                self._write(name, number, half)
            raise OSError(failure, "planted")
        self.log.append((what, name, number, data))

    def _write(self, name: str, offset: int, data: bytes) -> None:
        put(self.files.setdefault(name, bytearray()), offset, data)

    def ack(self, number: int) -> None:
        self.log.append(("ack", "", number, b""))

    def read(self, name: str) -> bytes | None:
        self._step("read", name)
        return bytes(self.files[name]) if name in self.files else None

    def write(self, name: str, offset: int, data: bytes) -> None:
        self._step("write", name, offset, bytes(data))
        self._write(name, offset, bytes(data))

    def truncate(self, name: str, size: int) -> None:
        self._step("truncate", name, size)
        cut(self.files[name], size)

    def sync(self, name: str) -> None:
        self._step("sync", name)

    def replace(self, source: str, target: str) -> None:
        self._step("rename", source, 0, target.encode())
        self.files[target] = self.files.pop(source)

    def remove(self, name: str) -> None:
        if name in self.files:
            self._step("delete", name)
            del self.files[name]

    def sync_folder(self) -> None:
        self._step("folder", "")


class Folder:
    """A folder of a `CrashDisk`, whose names are durable by themselves: the vote journal's beside the database."""

    def __init__(self, disk: CrashDisk, name: str) -> None:
        self._disk = disk
        self._name = name

    def _in(self, name: str) -> str:
        return f"{self._name}/{name}"

    def read(self, name: str) -> bytes | None:
        return self._disk.read(self._in(name))

    def write(self, name: str, offset: int, data: bytes) -> None:
        self._disk.write(self._in(name), offset, data)

    def truncate(self, name: str, size: int) -> None:
        self._disk.truncate(self._in(name), size)

    def sync(self, name: str) -> None:
        self._disk.sync(self._in(name))

    def replace(self, source: str, target: str) -> None:
        self._disk.replace(self._in(source), self._in(target))

    def remove(self, name: str) -> None:
        self._disk.remove(self._in(name))

    def sync_folder(self) -> None:
        self._disk._step("folder", self._name)


def put(content: bytearray, offset: int, data: bytes) -> None:
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def cut(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def acknowledged(log: list[Step], cut_at: int) -> int:
    """The last number acknowledged before the power went; -1 for none."""
    return max((number for what, _, number, _ in log[:cut_at] if what == "ack"), default=-1)


def after_cut(before: dict[str, bytes], log: list[Step], cut_at: int, dice: random.Random) -> dict[str, bytes]:
    """One of the many disks that a power cut before step `cut_at` may leave."""
    names = {name: Inode(bytearray(data), bytearray(data)) for name, data in before.items()}
    durable_names = dict(names)
    changes: list[list[tuple[str, Inode | None]]] = []
    for what, name, number, data in log[:cut_at]:
        if what in ("write", "truncate"):
            if name not in names:
                names[name] = Inode()
                changes.append([(name, names[name])])
            names[name].unsynced.append((what, number, data))
        elif what == "sync" and name in names:
            inode = names[name]
            for change in inode.unsynced:
                _apply(inode.durable, change)
            inode.unsynced = []
            # Syncing a new file also saves its name, on every file system in use.
            if [(name, inode)] in changes:
                changes.remove([(name, inode)])
                durable_names[name] = inode
        elif what == "delete" and name in names:
            del names[name]
            changes.append([(name, None)])
        elif what == "rename":
            names[data.decode()] = names.pop(name)
            changes.append([(data.decode(), names[data.decode()]), (name, None)])
        elif what == "folder":
            for change_of_names in [one for one in changes if one[0][0].rpartition("/")[0] == name]:
                changes.remove(change_of_names)
                _rename(durable_names, change_of_names)
    # Names change in order, the two halves of a rename as one.
    for change_of_names in changes[: dice.randint(0, len(changes))]:
        _rename(durable_names, change_of_names)
    mood = dice.choice(("nothing", "everything", "some", "torn"))
    result: dict[str, bytes] = {}
    for name, inode in durable_names.items():
        content = bytearray(inode.durable)
        for change in inode.unsynced:
            if mood == "everything" or (mood == "some" and dice.random() < 0.5):
                _apply(content, change)
            elif mood == "torn":
                _tear(content, change, dice)
        result[name] = bytes(content)
    return result


def _rename(names: dict[str, Inode], changes: list[tuple[str, Inode | None]]) -> None:
    for name, inode in changes:
        if inode is None:
            names.pop(name, None)
        else:
            names[name] = inode


def _apply(content: bytearray, change: tuple[str, int, bytes]) -> None:
    what, number, data = change
    if what == "write":
        put(content, number, data)
    else:
        cut(content, number)


def _tear(content: bytearray, change: tuple[str, int, bytes], dice: random.Random) -> None:
    what, offset, data = change
    if what != "write":
        return
    start = offset
    while start < offset + len(data):
        end = min((start // SECTOR_BYTES + 1) * SECTOR_BYTES, offset + len(data))
        if dice.random() < 0.5:
            put(content, start, data[start - offset : end - offset])
        start = end
