"""One witness driven by hand: the others are keys that sign whatever a test wants of them.

Its blocks are toys, its votes and certificates are real. What it writes lands in its journal, what it finalizes on its
disk, and all it tells is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ledger.block import Block
from ledger.consensus.replica import Replica
from ledger.consensus.signer import Signer
from ledger.consensus.votes import Certificate, Vote, VoteKind, quorum, sign_vote
from ledger.consensus.words import (
    Certificates,
    Effect,
    Event,
    Finalized,
    Heard,
    Proposal,
    Settled,
    Started,
    Tell,
    Votes,
    Woken,
    Word,
    Write,
)
from tests.ledger.consensus.blocks import NETWORK, WALL_MS, Clock, Disk, ToyTree, toy_block, voting_key

T = TypeVar("T")
N, X, F = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE
BLOCK, OTHER = b"b" * 32, b"o" * 32


def vote(place: int, kind: VoteKind, view: int = 1, block: bytes = BLOCK, epoch: int = 1) -> Vote:
    """What `place` would sign; a nullification names no block."""
    named = b"" if kind is X else block
    signature = sign_vote(voting_key(place), NETWORK, epoch, view, kind, named)
    return Vote(epoch=epoch, view=view, kind=kind, block=named, witness=place, signature=signature)


def certificate(places: Iterable[int], kind: VoteKind, view: int = 1, block: bytes = BLOCK) -> Certificate:
    """What these places have signed together."""
    votes = [vote(place, kind, view, block) for place in places]
    return Certificate(
        epoch=1, view=view, kind=kind, block=votes[0].block, votes=tuple((one.witness, one.signature) for one in votes)
    )


def block(view: int = 1, *numbers: int, parent: bytes = NETWORK, height: int = 1) -> Block:
    """A toy block; the base's child unless said otherwise."""
    return toy_block(parent, height, view, numbers or (100 + view,))


class Seat:
    """Witness `place` of `n`, and its disk."""

    def __init__(
        self,
        n: int = 4,
        place: int = 0,
        *,
        is_cleared: bool = True,
        floor: int = 0,
        disk: Disk | None = None,
        pending: Iterable[int] = (),
    ) -> None:
        self.n, self.place = n, place
        self.disk = disk or Disk()
        self.pending = set(pending)
        self.tree = ToyTree(self.disk, self.pending)
        self.now_ms = 0
        signer = Signer(voting_key(place), network=NETWORK, epoch=1, place=place, floor=floor)
        self.replica = Replica(
            self.tree,
            network=NETWORK,
            epoch=1,
            keys=[voting_key(one).public for one in range(n)],
            place=place,
            signer=signer,
            floor=floor,
            is_cleared=is_cleared,
        )
        self.signer = signer

    @property
    def clock(self) -> Clock:
        return Clock(WALL_MS + self.now_ms, 1 + self.now_ms)

    def again(self, **options: object) -> Seat:
        """A new start from the same disk."""
        fresh = Seat(self.n, self.place, disk=self.disk, pending=self.pending, is_cleared=bool(options.get("cleared")))
        fresh.now_ms = self.now_ms
        journal = self.disk.journal
        fresh.replica.restore(
            floor=0,
            certificates=[one for one in journal if isinstance(one, Certificate)],
            blocks=[one for one in journal if isinstance(one, Block)],
            votes=[one for one in journal if isinstance(one, Vote)],
        )
        return fresh

    # -- events

    def give(self, event: Event) -> list[Effect]:
        """One event; what is written and finalized is done, and what follows from it belongs to the answer."""
        done: list[Effect] = []
        for effect in self.replica.step(event, self.clock):
            done.append(effect)
            if isinstance(effect, Write):
                self.disk.journal += [*effect.certificates, *effect.blocks, *effect.votes]
            if isinstance(effect, Finalized):
                done += self._finalize(effect)
        return done

    def _finalize(self, effect: Finalized) -> list[Effect]:
        path = self.tree.path(effect.block)
        assert path
        self.disk.final += path
        self.disk.floor, self.disk.certificate = effect.certificate.view, effect.certificate
        self.tree.moved()
        assert self.replica.step(Settled(certificate=effect.certificate), self.clock) == []
        return self.give(Woken())

    def start(self, token: int = 7) -> list[Effect]:
        return self.give(Started(token=token))

    def offer(self, *numbers: int) -> list[Effect]:
        """Entries come to it alone."""
        self.pending.update(numbers)
        return self.give(Woken())

    def hear(self, word: Word, source: int = 1, peer: bytes | None = None) -> list[Effect]:
        """A word of another witness's machine, or of a plain member's where `peer` is given."""
        heard = Heard(peer=bytes([source]) if peer is None else peer, place=source if peer is None else None, word=word)
        return self.give(heard)

    def hear_votes(self, *votes: Vote) -> list[Effect]:
        return [effect for one in votes for effect in self.hear(Votes(votes=(one,)), one.witness)]

    def hear_certificates(self, *certificates: Certificate, source: int = 1) -> list[Effect]:
        return self.hear(Certificates(certificates=certificates), source)

    def propose(self, made: Block, view: int | None = None, by: int | None = None) -> list[Effect]:
        """The leader's proposal of a new block."""
        view = made.header.view if view is None else view
        leader = view % self.n if by is None else by
        return self.hear(Proposal(vote=vote(leader, N, view, made.header.id), block=made), leader)

    def wait(self, ms: int) -> list[Effect]:
        """Time passes; it is woken whenever it wants to be."""
        done: list[Effect] = []
        until_ms = self.now_ms + ms
        while True:
            wake_ms = self.replica.wake_ms(self.clock)
            if wake_ms is None or wake_ms - 1 > until_ms:
                self.now_ms = until_ms
                return done
            self.now_ms = max(self.now_ms + 1, wake_ms - 1)
            done += self.give(Woken())

    # -- shortcuts

    def notarize(self, made: Block, *places: int) -> list[Effect]:
        """A proposal and the other votes of a quorum for it."""
        done = self.propose(made)
        view, block_id = made.header.view, made.header.id
        others = places or tuple(one for one in range(self.n) if one not in (self.place, view % self.n))
        return done + self.hear_votes(*(vote(one, N, view, block_id) for one in others[: quorum(self.n) - 1]))

    def give_up(self, *views: int) -> list[Effect]:
        """Nullifications by a quorum of the others."""
        others = [one for one in range(self.n) if one != self.place][: quorum(self.n)]
        return [one for view in views for one in self.hear_certificates(certificate(others, X, view))]


def of(effects: Iterable[Effect], kind: type[T]) -> list[T]:
    """Effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def said(effects: Iterable[Effect], kind: type[T]) -> list[T]:
    """Words of one kind that were told."""
    return [effect.word for effect in effects if isinstance(effect, Tell) and isinstance(effect.word, kind)]


def cast(effects: Iterable[Effect]) -> list[tuple[VoteKind, int, bytes]]:
    """What was signed, in order; a vote is in a `Write` or it was not cast."""
    return [(one.kind, one.view, one.block) for write in of(effects, Write) for one in write.votes]
