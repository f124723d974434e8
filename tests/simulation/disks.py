"""What the journal of votes keeps of a write that the power ended: asked of the journal's own bytes and reader.

A file that only grew is on the disk up to some byte of what was not synced. What the reader makes of that is its
matter: the whole batch, though nobody was told, or nothing of it (consensus rules 11 and 12).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import dpnode.store.journal
from dpnode.store.journal import NAME, Record, start_journal
from dpnode.voting import anew, records_of, remembered, still_needed
from ledger.chain import Head
from protocol.effects import Journal

BEFORE = 4
"""Records before the write that are laid out with it: what is torn is its own batch."""
RECORDS_MAX = 40
"""Beyond this a journal is begun anew with what is not final, as the vote book does it beyond so many bytes."""

WITNESSES_MIN = 4
"""From so many on one may be missing."""


class Plate:
    """A folder in memory that remembers how much of each file the last sync had made sure of."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.sure_bytes: dict[str, int] = {}

    def read(self, name: str) -> bytes | None:
        return bytes(self.files[name]) if name in self.files else None

    def write(self, name: str, offset: int, data: bytes) -> None:
        self.files.setdefault(name, bytearray())[offset:] = data

    def truncate(self, name: str, size: int) -> None:
        del self.files[name][size:]

    def sync(self, name: str) -> None:
        self.sure_bytes[name] = len(self.files[name])

    def replace(self, source: str, target: str) -> None:
        self.files[target] = self.files.pop(source)
        self.sure_bytes[target] = self.sure_bytes.pop(source)

    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    def sync_folder(self) -> None:
        """Names are sure at once."""


def torn(standing: Sequence[Record], effect: Journal, dice: random.Random) -> Journal | None:
    """What a start finds of `effect`; None where it finds nothing of it."""
    plate, before, new = Plate(), list(standing[-BEFORE:]), records_of(effect)
    journal, _ = start_journal(plate, NAME, create=True, salt=dice.randbytes(16))
    journal.prune(before)
    least = plate.sure_bytes[NAME]
    journal.append(new)
    written = dice.randrange(least, plate.sure_bytes[NAME] + 1)
    found = dpnode.store.journal.replay(bytes(plate.files[NAME][:written]), NAME)
    left = len(found) - len(before)
    assert found == [*before, *new[:left]], "what is found of a write is a beginning of it"
    certificates = effect.certificates[:left]
    blocks = effect.blocks[: left - len(certificates)]
    votes = effect.votes[: left - len(certificates) - len(blocks)]
    return Journal(certificates=certificates, blocks=blocks, votes=votes) if left else None


def grown(standing: Sequence[Record], effect: Journal, head: Head, witnesses: int) -> list[Record]:
    """The journal after a write at this head.

    Where none of the witnesses may be missing, what one has stored and its journal dropped may be on no other disk: an
    older database would then rightly stop the network for good. So it is begun anew among four and more only.
    """
    if len(standing) > RECORDS_MAX and witnesses >= WITNESSES_MIN:
        memory = remembered(standing)
        kept = Journal(certificates=memory.certificates, blocks=memory.blocks, votes=memory.votes)
        standing = anew(still_needed(kept, head), head, memory.halted)
    return [*standing, *records_of(effect)]
