"""Witnesses who lie: a whole core that follows the rules, and around it a hostile peer with the same key.

The core keeps it in the conversation; `instead` says what goes out in place of each message, `mischief` what besides.
A liar may sign whatever it likes under its own key, and says so to the observer, which counts every vote ever
cast; what it says in the name of others it cannot sign. Each liar has a few tricks, drawn from the seed.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from ledger.block import Block, make_block, read_block, write_block
from ledger.canonical import digest
from ledger.consensus.votes import (
    Certificate,
    Vote,
    VoteKind,
    conflict,
    quorum,
    read_certificate,
    sign_vote,
    vote_from_value,
    vote_to_value,
    write_certificate,
)
from ledger.keys import Signature
from protocol.messages import (
    AskViews,
    Blocks,
    Body,
    Certified,
    NewHead,
    Ordering,
    OwnVotes,
    Proposed,
    Stands,
    Voted,
)
from tests.simulation.links import flipped

DRAWN = (
    "two-votes",
    "two-blocks",
    "old-parent",
    "wrong-block",
    "silence",
    "withhold",
    "garbage",
    "stale",
    "forged-votes",
    "forged-certificates",
    "forged-ranges",
    "eager",
    "boasts",
)
"""Of these a liar has some, drawn from the seed."""
EARLY_CHILD = "early-child"
TRICKS = (*DRAWN, EARLY_CHILD)
"""Whoever proposes on old parents does so on a block that closes the epoch as well: no dice more in any seed."""
REMEMBERED_MAX = 96


class Liar:
    """One lying witness; outlives its machine's power cuts."""

    def __init__(self, cluster: Any, node: Any, tricks: frozenset[str]) -> None:
        self.cluster = cluster
        self.node = node
        self.tricks = tricks | {EARLY_CHILD} if "old-parent" in tricks else tricks
        self.dice = random.Random(cluster.dice.randrange(1 << 30))
        self.played: Counter[str] = Counter()
        """Trick -> how often."""
        self.shunned: set[bytes] = set()
        self._certificates: list[Certificate] = []
        self._votes: list[Vote] = []
        self._said: list[Any] = []
        self._others: dict[tuple[int, str], Block | None] = {}
        if "silence" in tricks:
            peers = [one.who.peer for one in cluster.nodes.values() if one is not node]
            self.shunned = set(self.dice.sample(peers, self.dice.randrange(1, len(peers) + 1)))
        cluster.at(500, self.mischief)

    # -- what it may sign

    @property
    def _replica(self) -> Any:
        return self.node.parts.core.ledger.orderer._replica

    def sign(self, view: int, kind: VoteKind, block: bytes = b"") -> Vote:
        """A true vote under its own key, whatever it says."""
        chain, key = self.node.parts.core.chain, self.node.who.voting
        epoch = chain.head.epoch
        signature = sign_vote(key, chain.network, epoch, view, kind, block)
        place = chain.voting_keys.index(key.public)
        vote = Vote(epoch=epoch, view=view, kind=kind, block=block, witness=place, signature=signature)
        ballots = self.cluster.observer.ballots
        ballots.doubles += any(conflict(vote, other) for other in self._votes if other.witness == place)
        ballots.add(vote)
        self._votes.append(vote)
        return vote

    def _another(self, vote: Vote, side: int) -> Vote:
        """One that an honest witness would not cast beside `vote`."""
        blocks = sorted({one.block for one in self._votes if one.view == vote.view and one.block} - {vote.block})
        other = blocks[0] if blocks else digest("test-lie", bytes([side]), vote.block)
        match vote.kind:
            case VoteKind.NOTARIZE:
                return self.sign(vote.view, VoteKind.NOTARIZE, other)
            case VoteKind.NULLIFY:
                return self.sign(vote.view, VoteKind.FINALIZE, other)
            case VoteKind.FINALIZE if self.dice.random() < 0.5:
                return self.sign(vote.view, VoteKind.NULLIFY)
            case _:
                return self.sign(vote.view, VoteKind.FINALIZE, other)

    # -- instead of what its core says

    def instead(self, peer: bytes, message: Any) -> list[Any]:
        """What goes to `peer` in place of a message."""
        if not isinstance(message, Ordering) or self._replica is None:
            return [message]
        withholds = "withhold" in self.tricks and isinstance(message, Body | OwnVotes | Certified)
        if peer in self.shunned or withholds:
            self.played["withhold" if withholds else "silence"] += 1
            return []
        self._said = [*self._said, message][-REMEMBERED_MAX:]
        side = self._side(peer)
        if isinstance(message, Proposed) and message.block is not None and side:
            return [self._proposal(message)]
        if isinstance(message, Proposed) and message.block is None and EARLY_CHILD in self.tricks:
            return [self._child(message)]
        if isinstance(message, Voted) and "two-votes" in self.tricks and self.dice.random() < 0.5:
            own = [vote_from_value(value) for value in message.votes]
            twins = [vote_to_value(self._another(vote, side)) for vote in own if vote.epoch == self._replica.epoch]
            self.played["two-votes"] += len(twins)
            if twins and self.dice.random() < 0.3:
                return [message, Voted(votes=twins)]
            return [Voted(votes=twins)] if twins and side else [message]
        return [message]

    def _side(self, peer: bytes) -> int:
        return list(self.cluster.nodes).index(peer) % 2

    def _proposal(self, message: Proposed) -> Proposed:
        """Another block for the same view."""
        trick = next((one for one in ("two-blocks", "old-parent", "wrong-block") if one in self.tricks), "")
        if not trick or message.vote["epoch"] != self._replica.epoch:
            return message
        view = message.vote["view"]
        if (view, trick) not in self._others:
            assert message.block is not None
            self._others[view, trick] = self._other(trick, view, read_block(message.block))
        block = self._others[view, trick]
        if block is None:
            return message
        self.played[trick] += 1
        vote = self.sign(view, VoteKind.NOTARIZE, block.header.id)
        return Proposed(vote=vote_to_value(vote), block=write_block(block))

    def _child(self, message: Proposed) -> Proposed:
        """Instead of a carry, a block on the one that closes the epoch and is not final: to everybody."""
        core, view, below = self.node.parts.core, message.vote["view"], message.vote["block"]
        if (view, EARLY_CHILD) not in self._others:
            ground, made = core.ledger.orderer._branches._valid.get(below), None
            if ground is not None and ground.closes:
                candidates = core.ledger.waiting.candidates(ground.after)
                made = core.chain.make(ground, candidates, self.cluster.clock(self.node).wall_ms, view)
            self._others[view, EARLY_CHILD] = None if made is None else made.branch.block
        block = self._others[view, EARLY_CHILD]
        if block is None:
            return message
        self.played[EARLY_CHILD] += 1
        vote = self.sign(view, VoteKind.NOTARIZE, block.header.id)
        return Proposed(vote=vote_to_value(vote), block=write_block(block))

    def _other(self, trick: str, view: int, block: Block | None) -> Block | None:
        core = self.node.parts.core
        chain, branches = core.chain, core.ledger.orderer._branches
        wall_ms = self.cluster.clock(self.node).wall_ms
        if trick == "wrong-block" and block is not None:
            header = block.header
            return make_block(
                network=header.network,
                epoch=header.epoch,
                view=view,
                height=header.height,
                parent=header.parent,
                time_ms=header.time_ms,
                state_root=digest("test-lie", header.state_root),
                witnesses=header.witnesses,
                entries=block.entries,
                outcomes=block.outcomes,
            )
        if trick == "two-blocks" and block is not None:
            ground = branches._valid.get(block.header.parent)
        else:
            grounds = [None, *branches._valid.values()]
            ground = self.dice.choice(grounds)
        state = chain.state if ground is None else ground.after
        made = chain.make(ground, core.ledger.waiting.candidates(state), wall_ms + 7, view)
        return None if made is None else made.branch.block

    # -- besides

    def hears(self, message: Any) -> None:
        """It remembers what others signed."""
        if isinstance(message, Voted):
            self._votes = [*self._votes, *map(vote_from_value, message.votes)][-4 * REMEMBERED_MAX :]
        if isinstance(message, Certified):
            self._certificates = [*self._certificates, *map(read_certificate, message.certificates)][-REMEMBERED_MAX:]
        if isinstance(message, Proposed):
            self._votes.append(vote_from_value(message.vote))
            if "eager" in self.tricks and self._replica is not None and message.vote["epoch"] == self._replica.epoch:
                view, block = message.vote["view"], message.vote["block"]
                votes = [self.sign(view, VoteKind.NOTARIZE, block), self.sign(view, VoteKind.FINALIZE, block)]
                self._tell_some(Voted(votes=[vote_to_value(vote) for vote in votes]))
                self._tell_some(Voted(votes=[vote_to_value(self.sign(view, VoteKind.NULLIFY))]))

    def _tell_some(self, message: Any) -> None:
        for peer in self.cluster.nodes:
            if peer != self.node.who.peer and peer not in self.shunned and self.dice.random() < 0.6:
                self.cluster.links.send(self.node.who.peer, peer, self.cluster.frame(message), message)

    def mischief(self) -> None:
        """Something nobody asked for, again and again."""
        self.cluster.at(self.dice.randrange(100, 1_500), self.mischief)
        if not self.cluster.is_up(self.node) or self._replica is None:
            return
        asked = sorted(self.tricks & set(_BESIDES))
        if asked:
            trick = self.dice.choice(asked)
            before = self.cluster.links.sent
            _BESIDES[trick](self)
            self.played[trick] += self.cluster.links.sent - before

    def _garbage(self) -> None:
        for peer in self.cluster.nodes:
            if peer != self.node.who.peer and self.dice.random() < 0.3:
                frame = self.dice.randbytes(self.dice.randrange(1, 80))
                if self._said and self.dice.random() < 0.7:
                    frame = flipped(self.cluster.frame(self.dice.choice(self._said)), self.dice)
                self.cluster.links.send(self.node.who.peer, peer, frame)

    def _stale(self) -> None:
        if self._said:
            self._tell_some(self.dice.choice(self._said))
        if self._certificates:
            old = self.dice.choices(self._certificates, k=3)
            self._tell_some(Certified(certificates=[write_certificate(one) for one in old]))
        if self._votes:
            self._tell_some(Voted(votes=[vote_to_value(one) for one in self.dice.choices(self._votes, k=5)]))

    def _forged_votes(self) -> None:
        """In the others' names."""
        replica, count = self._replica, len(self.node.parts.core.chain.voting_keys)
        view = replica.view + self.dice.randrange(-1, 3)
        kind = self.dice.choice(list(VoteKind))
        block = b"" if kind is VoteKind.NULLIFY else self._some_block(view)
        votes = [
            Vote(
                epoch=replica.epoch,
                view=max(1, view),
                kind=kind,
                block=block,
                witness=place,
                signature=Signature(self.dice.randbytes(64)),
            )
            for place in range(count)
        ]
        self._tell_some(Voted(votes=[vote_to_value(one) for one in votes]))
        self._tell_some(
            OwnVotes(
                certificates=[],
                epoch=replica.epoch,
                token=replica._book.barrier.token,
                votes=list(map(vote_to_value, votes)),
            )
        )

    def _some_block(self, view: int) -> bytes:
        known = sorted({one.block for one in self._votes if one.view == view and one.block})
        return self.dice.choice(known) if known else self.dice.randbytes(32)

    def _forge(self, view: int, kind: VoteKind, block: bytes, victim: int) -> Certificate:
        """As many true votes as there are, the rest made up; the victim's always is."""
        replica, count = self._replica, len(self.node.parts.core.chain.voting_keys)
        true = {
            one.witness: one.signature
            for one in self._votes
            if (one.epoch, one.view, one.kind, one.block) == (replica.epoch, view, kind, block)
        }
        true.pop(victim, None)
        places = sorted({victim, *sorted(true)[: quorum(count) - 1]})
        places = sorted([*places, *(one for one in range(count) if one not in places)][: quorum(count)])
        votes = tuple((one, true.get(one) or Signature(self.dice.randbytes(64))) for one in places)
        return Certificate(epoch=replica.epoch, view=view, kind=kind, block=block, votes=votes)

    def _forged_certificates(self) -> None:
        core = self.node.parts.core
        for peer, place in core.ledger.neighbours.seats().items():
            if peer == self.node.who.peer:
                continue
            kinds = [VoteKind.NULLIFY, VoteKind.NOTARIZE, VoteKind.FINALIZE]
            view = max(1, self._replica.view - self.dice.randrange(2))
            kind = self.dice.choice(kinds)
            block = b"" if kind is VoteKind.NULLIFY else self._some_block(view)
            if kind is VoteKind.NULLIFY:
                self.sign(view, kind)
            made = self._forge(view, kind, block, place)
            message = Certified(certificates=[write_certificate(made)])
            self.cluster.links.send(self.node.who.peer, peer, self.cluster.frame(message), message)

    def _forged_ranges(self) -> None:
        """A block of its own with a finalization of its own making, for whoever is behind."""
        chain, replica = self.node.parts.core.chain, self._replica
        block = self._other("old-parent", replica.view, None)
        if block is None or block.header.height != chain.head.height + 1:
            return
        made = self._forge(replica.view, VoteKind.FINALIZE, block.header.id, 0)
        height = block.header.height
        self._tell_some(NewHead(height=height, block=block.header.id))
        self._tell_some(
            Blocks(start=height, blocks=[write_block(block)], certificate=write_certificate(made), height=height)
        )

    def _boasts(self) -> None:
        """Higher than anybody, and busy."""
        replica = self._replica
        height = self.node.parts.core.chain.head.height + self.dice.randrange(1, 1_000)
        self._tell_some(NewHead(height=height, block=self.dice.randbytes(32)))
        view = replica.view + self.dice.randrange(1, 10_000)
        self._tell_some(Stands(epoch=replica.epoch, floor=view - 1, view=view, works=True))
        self._tell_some(
            AskViews(epoch=replica.epoch, views=[max(1, replica.view - 1)], blocks=[self.dice.randbytes(32)])
        )

    def _eager(self) -> None:
        """Everything at once, for views that nobody is in yet."""
        view = self._replica.view + self.dice.randrange(0, 70)
        self._tell_some(Voted(votes=[vote_to_value(self.sign(view, VoteKind.NULLIFY))]))

    def _leads(self) -> None:
        """A proposal on whatever comes to hand, whenever it leads."""
        replica = self._replica
        count = len(self.node.parts.core.chain.voting_keys)
        view = replica.view
        place = self.node.parts.core.chain.place_of(self.node.who.member)
        if view % count != place:
            return
        block = self._other("old-parent", view, None)
        if block is not None:
            vote = self.sign(view, VoteKind.NOTARIZE, block.header.id)
            self._tell_some(Proposed(vote=vote_to_value(vote), block=write_block(block)))


_BESIDES = {
    "boasts": Liar._boasts,
    "eager": Liar._eager,
    "forged-certificates": Liar._forged_certificates,
    "forged-ranges": Liar._forged_ranges,
    "forged-votes": Liar._forged_votes,
    "garbage": Liar._garbage,
    "old-parent": Liar._leads,
    "stale": Liar._stale,
}
