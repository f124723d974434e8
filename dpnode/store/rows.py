"""What the store is given and gives back: bytes, whole numbers and nothing that needs a rule to be understood."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Mark(NamedTuple):
    """Where one entry stands in its block's bytes, and by what it can be found."""

    id: bytes
    """Entry id, 32 bytes. Its first 8 are indexed; whoever asks compares the rest."""
    author: bytes
    """Whose entry it is (member id, 32 bytes); its first 8 are indexed."""
    offset: int
    """First byte of the entry inside `StoredBlock.body`."""
    size: int
    """Bytes of the entry inside `StoredBlock.body`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlock:
    """One final block on its way to the disk."""

    height: int
    id: bytes
    header: bytes
    body: bytes
    """The whole canonical block, as it is sent to peers."""
    time_ms: int
    marks: Sequence[Mark]
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEntry:
    """One entry that is recorded here and not yet final."""

    id: bytes
    body: bytes
    signature: bytes
    mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Everything that becomes durable together: one transaction, all or nothing."""

    blocks: Sequence[StoredBlock] = ()
    """Consecutive heights; the first follows the stored head (any height when the store holds no block)."""
    certificates: Sequence[tuple[int, bytes]] = ()
    """(height, certificate) for blocks stored here or earlier; a later one replaces the earlier."""
    state: Sequence[tuple[bytes, bytes | None]] = ()
    """(key, value) of the state at the head, None deletes. At most one pair per key."""
    state_replaced: bool = False
    """Empty the stored state first: `state` is then the whole of it (a snapshot)."""
    pending_new: Sequence[PendingEntry] = ()
    pending_done: Sequence[bytes] = ()
    """Ids of pending entries that became final or lapsed; unknown ids are ignored."""
    kept: Sequence[tuple[str, bytes, bytes | None]] = ()
    """(kind, id, document) of the protocol's cores, None deletes."""
    meta: Sequence[tuple[str, bytes | None]] = ()
    """(name, value) of facts that exist once (charter, network id), None deletes."""
    entries_before: int = 0
    """Entries of the ledger before the first block, when a store without blocks starts from a snapshot."""

    @property
    def size_bytes(self) -> int:
        """About how many bytes this writes; only to decide when the write-ahead log should be emptied."""
        blocks = sum(len(block.body) + len(block.header) + 32 * len(block.marks) + 4096 for block in self.blocks)
        return blocks + 512 * len(self.state) + 1024 * (len(self.pending_new) + len(self.pending_done) + len(self.kept))


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest stored block."""

    height: int
    id: bytes
    time_ms: int
    header: bytes
    entries: int
    """Entries of the ledger up to and including this block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedBlock:
    """One stored block as a peer gets it."""

    height: int
    body: bytes
    certificate: bytes | None
    """None: the block is final through a later block's certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEntry:
    """One entry found by id, author or number."""

    number: int
    """Counted from 0 over the whole ledger."""
    height: int
    position: int
    """Counted from 0 within its block."""
    time_ms: int
    """Of its block."""
    content: bytes
    """The entry's bytes within the block, as its mark said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Figures for `status`."""

    height: int | None
    blocks: int
    entries: int
    pending: int
    disk_bytes: int
    """Database file without its write-ahead log."""
