"""Checks every author's signature in the background, block by block, after the blocks are stored.

Catching up trusts the witnesses' certificate, since it covers every hash; that the authors really signed is checked
here at leisure, and `status` shows up to which height (SPEC B-12). A wrong signature in a certified block means that
a quorum of witnesses lied: it is said loudly and the check stops there.
"""

from __future__ import annotations

import logging

import trio

from dpnode.node import Node
from dpnode.shelf import META_CHECKED
from dpnode.store.rows import Commit
from ledger.block import read_block
from ledger.canonical import decode, encode
from ledger.errors import RemoteError
from ledger.fold import is_fully_signed

log = logging.getLogger("dpnode.checking")

BLOCKS_BYTES = 128 << 10
"""Read and checked at once: about 400 entries, 30 ms of a core beside everything else."""


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
        await node.store.commit(Commit(meta=[(META_CHECKED, encode(checked))]))


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
