"""The blocks of a run, run once more from the charter, in other batches than any node took them in.

Source: invariant 4 of the ledger: the same blocks make the same state, in any batching and after any restart; SPEC S-4.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from dpnode.shelf import Founded
from dpnode.store.rows import ServedBlock
from ledger.block import Block, read_block
from ledger.chain import Chain
from ledger.consensus.votes import read_certificate
from ledger.errors import RemoteError
from ledger.state import State
from tests.simulation.town import Disk

BATCH_MAX = 12


def difference(founded: Founded, disk: Disk, dice: random.Random) -> str:
    """Why the state on a disk is not what its own blocks make; empty where it is."""
    chain, _ = Chain.founded(founded.charter)
    for blocks, certificate in batches(disk.blocks, dice):
        try:
            chain.take(chain.advance(blocks, read_certificate(certificate)))
        except RemoteError as problem:
            return f"blocks up to {blocks[-1].header.height} do not hold in another batch: {problem.reason}"
    if chain.head.height != len(disk.blocks):
        return f"after block {chain.head.height} there is none that is shown to be final"
    if chain.state.root != State(disk.pairs.items()).root:
        return f"the blocks up to {chain.head.height} make another state than the one on the disk"
    return ""


def batches(served: Sequence[ServedBlock], dice: random.Random) -> Iterator[tuple[list[Block], bytes]]:
    """Some blocks at a time, each batch as far as a certificate reaches and within one epoch."""
    batch: list[Block] = []
    least = dice.randrange(1, BATCH_MAX + 1)
    for i, one in enumerate(served):
        batch.append(read_block(one.body))
        ends = i + 1 == len(served) or read_block(served[i + 1].body).header.epoch != batch[-1].header.epoch
        if one.certificate and (ends or len(batch) >= least):
            yield batch, one.certificate
            batch, least = [], dice.randrange(1, BATCH_MAX + 1)
