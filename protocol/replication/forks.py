"""Two histories that are both certified: the one thing that no single liar can make.

A range whose blocks do not continue our chain, and whose certificate a quorum of our own witnesses signed all the same:
the owner must hear who signed (consensus rule 24; SPEC V-24).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ledger.block import Block
from ledger.chain import Chain
from ledger.consensus.votes import Certificate, VoteKind, check_certificate
from ledger.errors import RemoteError
from ledger.names import Kind, short


class Forked(RemoteError):
    """Two different histories are certified; `reason` names the height and the signers."""


def refuse_fork(chain: Chain, blocks: Sequence[Block], certificate: Certificate) -> None:
    """Raise `Forked` if a quorum of the witnesses we know finalized `blocks`, in order, beside our chain.

    Raises `BadCertificate` where they do not fit our chain and no quorum signed them: then it is the sender's fault.
    """
    head = chain.head
    beside = next((block for block in blocks if _is_beside(chain, block)), None)
    if beside is None or certificate.kind is not VoteKind.FINALIZE or certificate.block != blocks[-1].header.id:
        return
    if any(above.header.parent != below.header.id for below, above in pairwise(blocks)):
        return
    check_certificate(certificate, chain.network, head.epoch, chain.voting_keys)
    height = min(beside.header.height, head.height)
    raise Forked(f"another history is certified at block {height}{signers_of(chain, certificate)}")


def _is_beside(chain: Chain, block: Block) -> bool:
    """Whether a block stands at our head's height and is another, or on top of it and names another parent."""
    header, head = block.header, chain.head
    if header.height == head.height:
        return header.id != head.block
    return header.height == head.height + 1 and header.parent != head.block


def signers_of(chain: Chain, *certificates: Certificate) -> str:
    """The members whose keys stand under certificates of the present epoch, as the end of a sentence."""
    witnesses = chain.witnesses
    places = sorted({place for one in certificates for place, _ in one.votes if place < len(witnesses)})
    if not places:
        return ""
    return "; signed by " + ", ".join(short(Kind.MEMBER, witnesses[place]["member"]) for place in places)
