"""Several fetched ranges read as one: their blocks in a row, and every certificate that came with them.

A root and a transaction cost as much for two blocks as for six, so ranges of one machine that wait together are
checked together (SPEC P-37). Nothing is checked less for it: each range's certificate counts, and the root is compared
before anything of them is stored. The witnesses of one epoch judge only its own blocks, so no two epochs are joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.block import Block, read_block
from ledger.chain import BadRange, Chain
from ledger.consensus.votes import Certificate, read_certificate
from protocol.replication.forks import refuse_fork
from protocol.replication.sync import QueuedRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Blocks to be checked together."""

    blocks: list[Block]
    certificates: list[Certificate]
    """Each finalizes the last block of a range that was fetched; the last of them the last block."""


def read_ranges(ranges: Sequence[QueuedRange], chain: Chain) -> tuple[Joined | None, Sequence[QueuedRange]]:
    """The blocks above our head of as many `ranges` as are of one epoch, None where there are none; and what is left.

    Raises `NotCanonical`, `Malformed`, `BadRange` or `BadCertificate`; `Forked` where a quorum signed another history.
    """
    blocks: list[Block] = []
    certificates: list[Certificate] = []
    for i, queued in enumerate(ranges):
        read = [read_block(data) for data in queued.blocks.blocks]
        at = blocks[-1].header.height if blocks else chain.head.height
        fresh = [block for block in read if block.header.height > at]
        if not blocks:
            refuse_fork(chain, read, read_certificate(queued.blocks.certificate))
        if not fresh:
            continue
        if blocks and fresh[0].header.epoch != blocks[0].header.epoch:
            return Joined(blocks=blocks, certificates=certificates), ranges[i:]
        certificate = read_certificate(queued.blocks.certificate)
        if certificate.block != fresh[-1].header.id:
            raise BadRange("the certificate does not finalize the last block of the range")
        blocks += fresh
        certificates.append(certificate)
    return (Joined(blocks=blocks, certificates=certificates) if blocks else None), ()
