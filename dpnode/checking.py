"""Checks what is stored: that it still is the history of the head, and that the authors really signed it.

Read back at every start, from the head downward by each block's parent, so that a witness never signs on top of bytes
that are not what they were: the newest blocks before anything is signed, the rest beside the node's work.

Catching up trusts the witnesses' certificate, since it covers every hash; that the authors really signed is checked
here at leisure, and `status` shows up to which height (SPEC B-12). A wrong signature in a certified block means that
a quorum of witnesses lied: it is said loudly and the check stops there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import trio

from dpnode.errors import FailKind, Problem
from dpnode.node import Node
from dpnode.shelf import MENDED, META_BEGINS, META_CHECKED
from dpnode.store import questions
from dpnode.store.rows import Commit, Head
from dpnode.store.store import Store
from ledger.block import read_block
from ledger.canonical import decode, encode
from ledger.chain import Chain
from ledger.errors import RemoteError
from ledger.fold import is_fully_signed

log = logging.getLogger("dpnode.checking")

BLOCKS_BYTES = 128 << 10
"""Read and checked at once: about 400 entries, 30 ms of a core beside everything else."""
NEWEST_BYTES = 8 << 20
"""Blocks read back before a node signs: some 20,000 entries, a quarter of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """How far down the history has not been read back yet."""

    height: int
    """Of the highest such block; 0: everything was read."""
    block: bytes
    """The id it must have."""


async def read_back(store: Store, chain: Chain, below: Unread | None, bytes_max: int | None) -> Unread:
    """Read stored blocks downward, from the head where `below` is None; stops beyond `bytes_max` (None: nowhere).

    Of each block the encoding, the entries root, the id and the rows beside it are checked; its signatures are not.
    Raises `Problem` (VERIFICATION) for the first block that is missing or another.
    """
    below = below or Unread(height=chain.head.height, block=chain.head.block)
    # A home that began with a snapshot holds nothing below it, and its block stands for all that was before.
    begins = decode((await store.meta()).get(META_BEGINS, encode(1)))
    read = 0
    while below.height >= begins and (bytes_max is None or read < bytes_max):
        rows = await store.ask(questions.blocks_down(below.height, BLOCKS_BYTES))
        below = await trio.to_thread.run_sync(_linked, rows, below)
        read += sum(len(body or b"") for _, body in rows)
    if begins > 1 and below.height < begins:
        return Unread(height=0, block=chain.network)
    if below.height == 0 and below.block != chain.network:
        raise _damaged(1)
    return below


def _linked(rows: Sequence[tuple[Head, bytes | None]], below: Unread) -> Unread:
    """What is left below these blocks, the highest first; raises `Problem`."""
    if not rows:
        raise _damaged(below.height)
    for row, body in rows:
        try:
            block = read_block(body if isinstance(body, bytes) else b"")
        except RemoteError as problem:
            raise _damaged(below.height) from problem
        header = block.header
        listed = (row.height, row.id, row.time_ms, row.header)
        if listed != (below.height, below.block, header.time_ms, header.body) or header.id != below.block:
            raise _damaged(below.height)
        below = Unread(height=header.height - 1, block=header.parent)
    return below


def _damaged(height: int) -> Problem:
    return Problem(
        FailKind.VERIFICATION,
        f"block {height} in the database is missing or not what it was: the database was changed or is damaged; "
        f"nothing is signed with it. {MENDED}",
        {"height": height},
    )


async def check_signatures(node: Node) -> None:
    """Keep `checked` at the head, whenever the ledger has moved and there is nothing more urgent to do.

    A witness alone has checked every signature itself before it voted and has nothing to do here while it is alone.
    """
    checked = decode((await node.store.meta()).get(META_CHECKED, encode(0)))
    while True:
        moved = node.moved
        core = node.core
        if is_own_witness(node):
            checked = core.chain.head.height
            await moved.wait()
            continue
        is_behind = core.ledger.sync.target > core.chain.head.height or core.ledger.sync.is_busy
        if checked >= core.chain.head.height or is_behind or len(core.ledger.pool):
            await moved.wait()
            continue
        blocks = await node.store.blocks(checked + 1, BLOCKS_BYTES)
        wrong = await trio.to_thread.run_sync(_first_wrong, [block.body for block in blocks])
        if wrong is not None:
            said = f"block {wrong[0]} holds {wrong[1]}: its witnesses certified what nobody signed; ask the members"
            log.error("%s", said)
            node.alarm(said)
            return
        checked = blocks[-1].height if blocks else core.chain.head.height
        commit = Commit(meta=[(META_CHECKED, encode(checked))])
        await node.space.until_written(partial(node.store.commit, commit))


def is_own_witness(node: Node) -> bool:
    """Whether every block was made here, after its signatures were checked."""
    return node.parts is not None and node.core.ledger.orderer.is_alone


def _first_wrong(bodies: list[bytes]) -> tuple[int, str] | None:
    """(height, what) of the first entry with a wrong signature; None where all are right."""
    for body in bodies:
        try:
            block = read_block(body)
        except RemoteError as problem:
            return 0, f"bytes that are no block ({problem.reason})"
        for position, entry in enumerate(block.entries):
            if not is_fully_signed(entry):
                return block.header.height, f"entry {position} with a wrong signature"
    return None
