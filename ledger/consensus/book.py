"""What one witness knows and has said in an epoch, and the few moves everything else is made of.

To sign is to write: `cast` puts a vote into the step's one `Write`, behind the certificates that led to it and before
everything that is told. To certify is to move on: a notarization or nullification of the current view or a later one
ends it (consensus rules 8 to 11).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ledger.block import Block
from ledger.consensus.barrier import Barrier
from ledger.consensus.pace import Pace
from ledger.consensus.repair import Repair
from ledger.consensus.signer import Signer
from ledger.consensus.tally import Tally
from ledger.consensus.tree import Tree
from ledger.consensus.views import Views
from ledger.consensus.votes import Certificate, Vote, VoteKind
from ledger.consensus.words import Broken, Conflict, Effect, Halted, PeerName, Proposal, Tell, Votes, Word, Write
from ledger.errors import LocalError
from ledger.keys import PublicKey


class Moment(Protocol):
    """Both clocks, read once per event."""

    @property
    def wall_ms(self) -> int:
        """Unix milliseconds."""

    @property
    def monotonic_ms(self) -> int:
        """Never goes back."""


class Out:
    """What one step has come to so far."""

    def __init__(self) -> None:
        self.certificates: list[Certificate] = []
        self.blocks: list[Block] = []
        self.votes: list[Vote] = []
        self.told: list[Effect] = []
        self.last: list[Effect] = []
        """What is done after everything was told."""

    def effects(self) -> list[Effect]:
        """One sync for everything signed in the step, then what follows from it."""
        written: list[Effect] = []
        if self.votes:
            kept = Write(certificates=tuple(self.certificates), blocks=tuple(self.blocks), votes=tuple(self.votes))
            written.append(kept)
        return [*written, *self.told, *self.last]


class Book:
    """The state of one witness in one epoch."""

    def __init__(
        self,
        tree: Tree,
        *,
        network: bytes,
        epoch: int,
        keys: Sequence[PublicKey],
        place: int,
        signer: Signer | None,
        floor: int,
        is_cleared: bool,
    ) -> None:
        if signer is not None and keys[place] != signer.public:
            raise LocalError("the voting key is not the one in the witness list")
        self.tree = tree
        self.network = network
        self.epoch = epoch
        self.keys = list(keys)
        self.place = place
        self.signer = signer
        self.view = floor + 1
        """The view being voted in."""
        self.tally = Tally(network, epoch, keys, floor=floor)
        self.views = Views(floor)
        self.pace = Pace(len(keys))
        self.barrier = Barrier(len(keys), is_open=is_cleared)
        self.repair = Repair()
        self.signed_floor = floor
        """The journal's: what is final up to there may not be stored here."""
        self.proposed: dict[int, Proposal] = {}
        """The first rightly signed proposal of this view and of some after it."""
        self.led = 0
        """The last view this witness proposed in."""
        self.is_working = False
        self.is_finalizing = False
        self.last_final: Certificate | None = None
        self.refused_view = 0
        """The last view whose proposal was found wrong: it is not judged again."""
        self.untimely = 0
        """Proposals in a row that were refused for their time."""
        self.journaled: set[tuple[int, VoteKind]] = set()
        self.out = Out()

    @property
    def may_vote(self) -> bool:
        """Whether this witness votes: it has its key and journal, and has heard what it signed before."""
        signer = self.signer
        return (
            signer is not None and not signer.halted and self.barrier.is_open and self.views.floor >= self.signed_floor
        )

    def leader(self, view: int) -> int:
        """The place of the witness who proposes in `view` (V-6)."""
        return view % len(self.keys)

    def tell(self, peer: PeerName | None, word: Word) -> None:
        """Say something, once what is signed is on the disk."""
        self.out.told.append(Tell(peer=peer, word=word))

    def enter(self, view: int, now: Moment) -> None:
        """From here on `view` is voted in."""
        self.view = view
        self.pace.entered(now.monotonic_ms)
        self.tally.settle(self.views.floor, view)
        self.proposed = {at: one for at, one in self.proposed.items() if at >= view}

    def sign(self, view: int, kind: VoteKind, block: bytes = b"") -> Vote | None:
        """Sign where we may; the certificates that brought us here are written before the vote (V-9)."""
        if self.signer is None or not self.may_vote:
            return None
        vote = self.signer.cast(view, kind, block)
        if vote is None:
            return None
        for at in (view - 1, view):
            for certificate in self.views.of(at):
                mark = (certificate.view, certificate.kind)
                if mark not in self.journaled:
                    self.journaled.add(mark)
                    self.out.certificates.append(certificate)
        self.out.votes.append(vote)
        return vote

    def cast(self, view: int, kind: VoteKind, block: bytes, now: Moment, *beside: Vote) -> bool:
        """Sign, tell everybody (and `beside`, what it follows) and count it; whether it was signed."""
        vote = self.sign(view, kind, block)
        if vote is not None:
            self.tell(None, Votes(votes=(vote, *beside)))
            self.count(vote, now)
        return vote is not None

    def count(self, vote: Vote, now: Moment) -> None:
        """A signed vote counts; a quorum of them is a certificate, two that no honest witness signs are evidence."""
        certificate = self.weigh(vote)
        if certificate is not None:
            self.certified(certificate, now)

    def weigh(self, vote: Vote) -> Certificate | None:
        """Count a signed vote, and tell what convicts its witness; the certificate it completes."""
        certificate, guilt = self.tally.add(vote)
        if guilt is not None:
            self.out.last.append(Conflict(one=guilt[0], two=guilt[1]))
        return certificate

    def certified(self, certificate: Certificate, now: Moment) -> None:
        """A checked certificate, formed here or received (consensus rules 8 and 9)."""
        if self.views.knows(certificate):
            return
        other = self.views.add(certificate)
        if other is not None:
            self.stop("two certificates contradict each other: too many witnesses lie", certificate, other)
            return
        if certificate.kind is VoteKind.FINALIZE:
            self.close(certificate.view, now)
            return
        if certificate.view < self.view:
            return
        if certificate.kind is VoteKind.NOTARIZE:
            if self.tree.is_wrong(certificate.block):
                self.stop("a quorum notarized a block that breaks the rules", certificate)
                return
            self.cast(certificate.view, VoteKind.FINALIZE, certificate.block, now)
        if certificate.view >= self.view:
            # A notarization that came after we had given up cannot make its view final by our vote: too fast as well.
            gave_up = self.signer is not None and self.signer.has_cast(certificate.view, VoteKind.NULLIFY)
            if certificate.kind is VoteKind.NULLIFY or gave_up:
                self.pace.ended(in_vain=True)
            self.enter(certificate.view + 1, now)

    def close(self, view: int, now: Moment) -> None:
        """V-8: nothing is signed in a view known to be final, or below it, whether its block is here or not."""
        if self.signer is not None:
            self.signer.close(view)
        if view >= self.view:
            self.enter(view + 1, now)

    def settle(self, certificate: Certificate, now: Moment) -> None:
        """V-11: the view this finalizes is the floor."""
        view = certificate.view
        self.is_finalizing = False
        if view > self.views.floor:
            self.pace.ended(in_vain=False)
        if view >= self.views.floor:
            self.last_final = certificate
        self.views.settle(view)
        floor = self.views.floor
        if self.signer is not None:
            self.signer.settle(floor)
        self.close(view, now)
        self.tally.settle(floor, self.view)
        self.journaled = {one for one in self.journaled if one[0] > floor}
        self.repair.forget()

    def check_own(self, vote: Vote) -> None:
        """V-21: a signed vote under our key that we do not know means that the journal is not the one it stood in."""
        if self.signer is not None and vote.witness == self.place and not self.signer.remembers(vote):
            self.halt(f"a vote under this witness's key in view {vote.view} is not in its journal")

    def stop(self, reason: str, *certificates: Certificate) -> None:
        """What only too many faulty witnesses can cause: say so, and sign nothing more."""
        self.halt(reason)
        self.out.last.append(Broken(reason=reason, certificates=certificates))

    def halt(self, reason: str) -> None:
        """Sign nothing more under this key, for ever (V-10, V-21)."""
        if self.signer is not None and not self.signer.halted:
            self.signer.halted = reason
            self.out.last.append(Halted(reason=reason))
