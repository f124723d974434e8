"""The journal of our own votes: what is written before a vote counts, and what a start makes of it.

Every vote, the certificates that led to it and the block it is for are on disk before anything follows from them. When
the file has grown it is begun anew with what lies above the last final block (SPEC V-9, V-10).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from enum import IntEnum
from pathlib import Path
from typing import Any

from dpnode.store.errors import JournalLost
from dpnode.store.journal import NAME, Journal, Record, open_journal
from ledger.block import Block, read_block, write_block
from ledger.canonical import decode, encode
from ledger.chain import Head
from ledger.consensus.votes import (
    VOTE,
    Certificate,
    Vote,
    read_certificate,
    vote_from_value,
    vote_to_value,
    write_certificate,
)
from ledger.errors import RemoteError
from protocol.effects import Journal as Wanted
from protocol.replication.door import Memory


class Kind(IntEnum):
    """What a record holds; the numbers stand on disks."""

    BLOCK = 1
    BALLOT = 2
    FLOOR = 3
    CERTIFICATE = 4
    HALT = 5


JOURNAL_BYTES_MAX = 16 << 20
"""Beyond this the journal is begun anew: everything below the floor is void."""


def open_votes(folder: Path, *, create: bool) -> AbstractContextManager[tuple[Journal, list[Record]]]:
    """The journal in `folder`; raises `JournalLost` where it should exist and does not, or is damaged.

    `create`: our key has never sat among the witnesses. The first start then makes a journal; a later one finds it and
    what it holds still counts.
    """
    return open_journal(folder, create=create and not (folder / NAME).exists())


def remembered(records: Iterable[Record]) -> Memory:
    """What the records say; raises `JournalLost` for one that cannot be read."""
    votes: list[Vote] = []
    certificates: list[Certificate] = []
    blocks: list[Block] = []
    floors: dict[int, int] = {}
    halted = ""
    try:
        for record in records:
            match record.kind:
                case Kind.BLOCK:
                    blocks.append(read_block(record.body))
                case Kind.BALLOT:
                    votes.append(_read_vote(record.body))
                case Kind.FLOOR:
                    floor = decode(record.body)
                    floors[floor.get("epoch", 1)] = floor["view"]
                case Kind.CERTIFICATE:
                    certificates.append(read_certificate(record.body))
                case Kind.HALT:
                    halted = decode(record.body)["reason"]
                case _:
                    raise JournalLost("votes", f"a record in it is of the unknown kind {record.kind}")
    except (RemoteError, KeyError) as problem:
        raise JournalLost("votes", "a record in it cannot be read") from problem
    return Memory(
        votes=tuple(votes),
        certificates=tuple(certificates),
        blocks=tuple(blocks),
        floors=tuple(floors.items()),
        halted=halted,
    )


class VoteBook:
    """The open journal, and what of it a new beginning would have to keep."""

    def __init__(self, journal: Journal, memory: Memory) -> None:
        self._journal = journal
        self._kept = Wanted(certificates=memory.certificates, blocks=memory.blocks, votes=memory.votes)
        self._halted = memory.halted
        self._anew_bytes = 0
        """Below this it is not begun anew again: what is not final may take more than the limit by itself."""

    def write(self, wanted: Wanted, head: Head) -> None:
        """Make votes durable; blocks until they are. Raises as `Journal.append`."""
        if self._journal.size_bytes > max(JOURNAL_BYTES_MAX, self._anew_bytes):
            self._begin_anew(head)
        self._journal.append(records_of(wanted))
        self._kept = Wanted(
            certificates=(*self._kept.certificates, *wanted.certificates),
            blocks=(*self._kept.blocks, *wanted.blocks),
            votes=(*self._kept.votes, *wanted.votes),
        )
        if len(self._kept.votes) > _KEPT_VOTES_MAX:
            self._kept = still_needed(self._kept, head)

    def halt(self, reason: str) -> None:
        """Remember that the key signs nothing more."""
        self._halted = reason
        self._journal.append([halt_record(reason)])

    def _begin_anew(self, head: Head) -> None:
        self._kept = still_needed(self._kept, head)
        self._journal.prune(anew(self._kept, head, self._halted))
        # It has to double first, so that each byte is written twice at most however much must be kept.
        self._anew_bytes = 2 * self._journal.size_bytes


_KEPT_VOTES_MAX = 256
"""Votes remembered before those that are void are dropped from memory."""


def still_needed(kept: Wanted, head: Head) -> Wanted:
    """What of a journal is not yet void at a head."""
    return Wanted(
        certificates=tuple(one for one in kept.certificates if _is_above(one, head)),
        blocks=tuple(one for one in kept.blocks if one.header.height > head.height),
        votes=tuple(one for one in kept.votes if _is_above(one, head)),
    )


def _is_above(one: Certificate | Vote, head: Head) -> bool:
    return one.epoch > head.epoch or (one.epoch == head.epoch and one.view > head.view)


def records_of(wanted: Wanted) -> list[Record]:
    """Certificates first, then blocks, then votes (consensus rule 11)."""
    return [
        *(Record(Kind.CERTIFICATE, write_certificate(one)) for one in wanted.certificates),
        *(Record(Kind.BLOCK, write_block(one)) for one in wanted.blocks),
        *(Record(Kind.BALLOT, encode(vote_to_value(one))) for one in wanted.votes),
    ]


def anew(kept: Wanted, head: Head, halted: str) -> list[Record]:
    """What a journal begun anew at a head starts with; `halted`: why the key signs nothing more, or empty."""
    mark = [halt_record(halted)] if halted else []
    return [floor_record(head.epoch, head.view), *records_of(kept), *mark]


def floor_record(epoch: int, view: int) -> Record:
    """Everything at or below `view` of this epoch is final and void."""
    return Record(Kind.FLOOR, encode({"epoch": epoch, "view": view}))


def halt_record(reason: str) -> Record:
    """The key signs nothing more."""
    return Record(Kind.HALT, encode({"reason": reason}))


def _read_vote(data: bytes) -> Vote:
    value: dict[str, Any] = decode(data)
    VOTE.check(value)
    return vote_from_value(value)
