"""What our own replica says to a block of ours: votes to be synced, and a certificate where they are a quorum."""

from __future__ import annotations

from ledger.block import Block
from ledger.consensus.replica import Cast, Certified, Proposed, Replica, Vote
from ledger.consensus.votes import VoteKind, write_certificate


def own_votes(replica: Replica, block: Block) -> tuple[list[Vote], bytes | None]:
    """Propose `block` to our replica; the certificate's bytes are None until a quorum has finalized it."""
    votes, certificate = [], None
    for effect in replica.step(Proposed(view=replica.view, block=block.header.id)):
        match effect:
            case Cast():
                votes.append(effect.vote)
            case Certified() if effect.certificate.kind is VoteKind.FINALIZE:
                certificate = write_certificate(effect.certificate)
            case Certified():
                pass
    return votes, certificate
