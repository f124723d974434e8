"""One witness in one epoch: Simplex (Chan and Pass, eprint 2023/463), quiet, durable and able to hand over (SPEC V).

A pure machine: ``step(event, now) -> effects``. It agrees on block ids; what stands in a block is the `Tree`'s matter.
Everything it signs goes out in one `Write` before anything that follows from it, so no power cut makes it contradict
itself. Without work (an entry that could be included, a due item, a proposal, a notarized block that is not final) it
sets no timer and says nothing. n = 1 is no special case: its own vote is the quorum, and a block is final in the step
that makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

from ledger.block import Block
from ledger.consensus import deciding, hearing
from ledger.consensus.book import Book, Moment, Out
from ledger.consensus.signer import Signer
from ledger.consensus.tally import Tally
from ledger.consensus.tree import Tree, Verdict
from ledger.consensus.votes import Certificate, Vote, VoteKind, votes_of
from ledger.consensus.words import Effect, Event, Finalized, Heard, Met, Proposal, Settled, Started, Woken
from ledger.keys import PublicKey


class Replica:
    """The voting state of one witness in one epoch."""

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
        is_cleared: bool = False,
    ) -> None:
        """`signer` None: takes part without a voice. `is_cleared`: nothing was ever signed in this epoch before."""
        self._book = Book(
            tree,
            network=network,
            epoch=epoch,
            keys=keys,
            place=place,
            signer=signer,
            floor=floor,
            is_cleared=is_cleared,
        )

    # -- what the owner sees

    @property
    def epoch(self) -> int:
        """The epoch it votes in."""
        return self._book.epoch

    @property
    def view(self) -> int:
        """The view being voted in."""
        return self._book.view

    @property
    def floor(self) -> int:
        """The last view that is final."""
        return self._book.views.floor

    @property
    def is_working(self) -> bool:
        """Whether there is anything to agree on."""
        return self._book.is_working

    @property
    def may_vote(self) -> bool:
        """Whether this witness votes: it has its key and journal, and has heard what it signed before."""
        return self._book.may_vote

    @property
    def is_asking(self) -> bool:
        """Whether it still asks what it signed before it was stopped."""
        return not self._book.barrier.is_open

    @property
    def halted(self) -> str:
        """Why it votes no more; empty while all is well."""
        return self._book.signer.halted if self._book.signer is not None else ""

    @property
    def untimely(self) -> int:
        """How many proposals in a row were refused for their time: many, and our own clock may be wrong."""
        return self._book.untimely

    @property
    def tally(self) -> Tally:
        """The votes it has counted: kept when its epoch is over, for whoever signs against them later (V-14)."""
        return self._book.tally

    def leader(self, view: int) -> int:
        """The place of the witness who proposes in `view` (V-6)."""
        return self._book.leader(view)

    # -- start

    def restore(
        self,
        *,
        floor: int,
        certificates: Iterable[Certificate],
        blocks: Iterable[Block],
        votes: Iterable[Vote],
        final: Certificate | None = None,
    ) -> None:
        """Take back what the journal kept: nothing of it may ever be contradicted (V-9, consensus rule 12).

        `final`: what finalized the last block that is stored; shown to whoever asks what is final (V-21).
        """
        book = self._book
        if final is not None and (final.epoch, final.view) == (book.epoch, book.views.floor):
            book.last_final = final
        book.signed_floor = max(book.signed_floor, floor)
        if book.signer is not None:
            # What the journal dropped when it was begun anew was in it once (V-21).
            book.signer.settle(floor)
        for block in blocks:
            if block.header.epoch == book.epoch:
                book.tree.add(block)
        for certificate in certificates:
            if certificate.epoch == book.epoch:
                book.journaled.add((certificate.view, certificate.kind))
                self._restore_certificate(certificate)
        for vote in votes:
            if vote.epoch == book.epoch and vote.view > book.views.floor:
                self._restore_vote(vote)

    def _restore_certificate(self, certificate: Certificate) -> None:
        book = self._book
        book.views.add(certificate)
        book.view = max(book.view, certificate.view + 1)
        if certificate.kind is VoteKind.FINALIZE and book.signer is not None:
            book.signer.close(certificate.view)

    def _restore_vote(self, vote: Vote) -> None:
        book = self._book
        if book.signer is not None:
            book.signer.restore(vote)
        book.view = max(book.view, vote.view)
        made, _ = book.tally.add(vote)
        if made is not None:
            self._restore_certificate(made)
        if vote.kind is VoteKind.NOTARIZE and book.leader(vote.view) == book.place:
            block = book.tree.block(vote.block)
            is_new = block is not None and block.header.view == vote.view
            book.proposed[vote.view] = Proposal(vote=vote, block=block if is_new else None)
            book.led = max(book.led, vote.view)

    # -- the machine

    def step(self, event: Event, now: Moment) -> list[Effect]:
        """Take one event in; effects are performed in order."""
        book = self._book
        book.out = Out()
        book.repair.source = event.peer if isinstance(event, Heard) else None
        match event:
            case Started():
                book.barrier.token = event.token
                book.pace.entered(now.monotonic_ms)
                hearing.ask_own(book)
            case Heard():
                hearing.heard(book, event, now)
            case Met():
                book.tell(event.peer, hearing.standing(book))
                hearing.say_all(book, event.peer)
                hearing.ask_own(book)
            case Settled():
                # What follows waits for the next event: a caller that stores block after block is not buried in them.
                # But whose vote under a fetched certificate goes against one shown here is not forgotten (V-14).
                # And a vote under our own key that the journal does not hold stops us, wherever it is seen (V-21).
                for certificate in (*event.earlier, event.certificate):
                    for vote in votes_of(certificate):
                        book.check_own(vote)
                        book.weigh(vote)
                book.settle(event.certificate, now)
                return book.out.effects()
            case Woken():
                pass
            case _:
                assert_never(event)
        self._go(now)
        return book.out.effects()

    def wake_ms(self, now: Moment) -> int | None:
        """When `Woken` is next needed, on the monotonic clock."""
        book = self._book
        pace, moments = book.pace, [book.pace.repeat_ms]
        if not book.barrier.is_open:
            if (ready_ms := book.barrier.wake_ms(pace.delta_ms)) is not None:
                moments.append(ready_ms)
        elif not book.is_working:
            return None
        elif book.may_vote and not deciding.has_given_up(book):
            moments.append(pace.give_up_ms(has_proposal=book.view in book.proposed))
            if book.leader(book.view) == book.place and book.led < book.view:
                moments.append(pace.carry_ms())
        return min((moment for moment in moments if moment > now.monotonic_ms), default=now.monotonic_ms)

    def _go(self, now: Moment) -> None:
        """Everything that follows by itself, until nothing does."""
        book = self._book
        book.barrier.look(now.monotonic_ms, book.pace.delta_ms)
        while not book.is_finalizing and not self._finalize(now):
            self._wake(now)
            before = (book.view, book.led, len(book.out.votes))
            if book.is_working and book.may_vote:
                deciding.propose(book, now)
                deciding.notarize(book, now)
                deciding.give_up(book, now)
            if before == (book.view, book.led, len(book.out.votes)):
                break
        if not book.is_finalizing:
            self._repeat(now)
        if (question := book.repair.ask(book.epoch, now.monotonic_ms, book.pace.delta_ms)) is not None:
            book.tell(*question)

    def _wake(self, now: Moment) -> None:
        """Begin to work, or cease (V-17, consensus rule 14)."""
        book = self._book
        base = book.tree.base
        works = (
            book.view in book.proposed
            or book.views.final is not None
            or any(certificate.block != base for certificate in book.views.notarized.values())
            or book.tree.has_work(now.wall_ms)
        )
        if works and not book.is_working:
            book.pace.entered(now.monotonic_ms)
        book.is_working = works

    def _finalize(self, now: Moment) -> bool:
        """V-5: what a finalization covers is final once the bodies are here; whether that is so now."""
        book = self._book
        final = book.views.final
        if final is None:
            return False
        if final.block == book.tree.base:
            book.settle(final, now)
            return False
        match book.tree.judge(final.block):
            case Verdict.VALID:
                book.is_finalizing = True
                book.out.last.append(Finalized(block=final.block, certificate=final))
                return True
            case Verdict.MISSING:
                book.repair.want_blocks(book.tree.missing(final.block))
            case Verdict.INVALID:
                if not self.halted:
                    book.stop("a quorum finalized a block that breaks the rules", final)
        return False

    def _repeat(self, now: Moment) -> None:
        """V-19: say again what may have been lost, with growing pauses, while there is work."""
        book = self._book
        if now.monotonic_ms < book.pace.repeat_ms or (not book.is_working and book.barrier.is_open):
            return
        book.pace.repeated(now.monotonic_ms)
        hearing.ask_own(book)
        if book.is_working and len(book.keys) > 1:
            book.tell(None, hearing.standing(book))
            hearing.say_all(book, None)
            book.repair.again()
