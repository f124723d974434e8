"""The journal of our own votes: what is written before a vote counts, and what a start makes of it.

Every vote and the block it is for are on disk before anything follows from them. A block that was finalized here but
did not reach the database before a power cut is found again and stored; a database that is older than the journal
means that a backup was put back, and then this witness votes no more (SPEC V-9, V-10).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from dpnode.store.errors import JournalLost
from dpnode.store.journal import NAME, Journal, Record, open_journal
from ledger.block import Block, read_block, write_block
from ledger.canonical import decode, encode
from ledger.consensus.replica import Vote
from ledger.consensus.votes import Certificate, VoteKind
from ledger.errors import RemoteError
from ledger.keys import Signature

BLOCK, VOTE, FLOOR = 1, 2, 3
"""Kinds of records."""
JOURNAL_BYTES_MAX = 16 << 20
"""Beyond this the journal is begun anew: everything below the floor is void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What the journal holds."""

    votes: tuple[Vote, ...]
    blocks: dict[bytes, Block]
    floor: int
    """The last view known final when the journal was begun anew."""


def open_votes(folder: Path, *, create: bool) -> AbstractContextManager[tuple[Journal, list[Record]]]:
    """The journal in `folder`; raises `JournalLost` where it should exist and does not, or is damaged.

    `create`: the ledger stands at height 0. The first start then makes a journal; a later one, before any block was
    made, finds it and what it holds still counts.
    """
    return open_journal(folder, create=create and not (folder / NAME).exists())


def remembered(records: Iterable[Record]) -> Remembered:
    """What the records say; raises `JournalLost` for one that cannot be read."""
    votes: list[Vote] = []
    blocks: dict[bytes, Block] = {}
    floor = 0
    try:
        for record in records:
            if record.kind == BLOCK:
                block = read_block(record.body)
                blocks[block.header.id] = block
            elif record.kind == VOTE:
                votes.append(_read_vote(record.body))
            elif record.kind == FLOOR:
                floor = max(floor, decode(record.body)["view"])
    except (RemoteError, KeyError) as problem:
        raise JournalLost("votes", "a record in it cannot be read") from problem
    return Remembered(votes=tuple(votes), blocks=blocks, floor=floor)


def records_of(votes: Sequence[Vote], block: Block) -> list[Record]:
    """The block first, then the votes for it (consensus rule 11)."""
    return [Record(BLOCK, write_block(block)), *(Record(VOTE, _vote_bytes(vote)) for vote in votes)]


def floor_record(view: int) -> Record:
    """Everything at or below `view` is final and void."""
    return Record(FLOOR, encode({"view": view}))


def own_certificate(votes: Sequence[Vote], block: Block) -> Certificate | None:
    """The finalization that our own votes alone make, where one witness is a quorum."""
    for vote in votes:
        if vote.kind is VoteKind.FINALIZE and vote.block == block.header.id:
            return Certificate(
                epoch=vote.epoch,
                view=vote.view,
                kind=vote.kind,
                block=vote.block,
                votes=((vote.witness, vote.signature),),
            )
    return None


def _vote_bytes(vote: Vote) -> bytes:
    return encode(
        {
            "block": vote.block,
            "epoch": vote.epoch,
            "kind": vote.kind.value,
            "sig": vote.signature,
            "view": vote.view,
            "witness": vote.witness,
        }
    )


def _read_vote(data: bytes) -> Vote:
    value = decode(data)
    return Vote(
        epoch=value["epoch"],
        view=value["view"],
        kind=VoteKind(value["kind"]),
        block=value["block"],
        witness=value["witness"],
        signature=Signature(value["sig"]),
    )
