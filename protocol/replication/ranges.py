"""A fetched range: what it does to our chain, or whose fault it is that it does nothing.

A range whose blocks do not continue our chain, and whose certificate a quorum of our own witnesses signed all the same,
is the one thing that no single liar can make: two histories are certified, and the owner must hear who signed
(consensus rule 24; SPEC V-24).
"""

from __future__ import annotations

from itertools import pairwise

from ledger.block import Block, read_block
from ledger.chain import Advance, Chain
from ledger.consensus.votes import Certificate, VoteKind, check_certificate, read_certificate
from ledger.errors import RemoteError
from ledger.names import Kind, short
from protocol.messages import Blocks
from protocol.replication.anchor import Anchor


class Forked(RemoteError):
    """Two different histories are certified; `reason` names the height and the signers."""


def advance_by(chain: Chain, anchor: Anchor, message: Blocks) -> Advance | None:
    """The step a range makes; None where all of it is known here.

    Raises `RemoteError`; as `Forked` where a quorum signed what contradicts our chain.
    """
    blocks = [read_block(data) for data in message.blocks]
    certificate = read_certificate(message.certificate)
    known = [block for block in blocks if block.header.height <= chain.head.height]
    for block in known:
        if block.header.height == chain.head.height and block.header.id != chain.head.block:
            _refuse_fork(chain, block, blocks, certificate)
    fresh = blocks[len(known) :]
    if not fresh:
        return None
    if fresh[0].header.height == chain.head.height + 1 and fresh[0].header.parent != chain.head.block:
        _refuse_fork(chain, fresh[0], fresh, certificate)
    step = chain.advance(fresh, certificate)
    anchor.check(fresh)
    return step


def _refuse_fork(chain: Chain, block: Block, blocks: list[Block], certificate: Certificate) -> None:
    """Raise `Forked` if a quorum of the witnesses we know finalized a chain through `block`."""
    linked = all(above.header.parent == below.header.id for below, above in pairwise(blocks))
    if not linked or certificate.kind is not VoteKind.FINALIZE or certificate.block != blocks[-1].header.id:
        return
    # Raises where the certificate is no quorum's: then it is the sender's fault alone.
    check_certificate(certificate, chain.network, chain.head.epoch, chain.voting_keys)
    raise Forked(
        f"another history is certified at block {min(block.header.height, chain.head.height)}"
        f"{signers_of(chain, certificate)}"
    )


def signers_of(chain: Chain, *certificates: Certificate) -> str:
    """The members whose keys stand under certificates of the present epoch, as the end of a sentence."""
    witnesses = chain.witnesses
    places = sorted({place for one in certificates for place, _ in one.votes if place < len(witnesses)})
    if not places:
        return ""
    return "; signed by " + ", ".join(short(Kind.MEMBER, witnesses[place]["member"]) for place in places)
