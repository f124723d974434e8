"""What stands behind the narrow door (`door`): Simplex among the witnesses.

Holds the replica of the present epoch where we are a witness, gives it the blocks (`Branches`) and the entries
(`Waiting`), and turns its effects into ours. At a block that changes the witnesses the next epoch's replica takes over
(SPEC V-22, V-23). This file, `wire` and `ended` alone know the replica.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from ledger.branches import Branches
from ledger.canonical import Value
from ledger.chain import Advance, Chain
from ledger.consensus import words
from ledger.consensus.replica import Replica
from ledger.consensus.signer import Signer
from ledger.consensus.votes import read_certificate, vote_statement, write_certificate
from ledger.consensus.words import Event, Finalized, Heard, Met, Settled, Started, Tell, Woken, Write
from ledger.errors import RemoteError
from ledger.keys import MemberId
from ledger.operations.evidence import evidence_fields
from protocol.effects import Alarm, Commit, Effect, Halt, Journal, Misbehaved, Send
from protocol.inputs import Now, PeerId
from protocol.limits import OTHER_EPOCH_MS
from protocol.messages import Certified, Ordering
from protocol.replication.door import Door, Memory, Voter
from protocol.replication.ended import Ended, Guilt
from protocol.replication.forks import alarm, signers_of
from protocol.replication.neighbours import Neighbours
from protocol.replication.waiting import Waiting
from protocol.replication.wire import epoch_of, to_message, to_word


class Orderer(Door):
    """The order of the ledger as one member's machine takes part in it."""

    def __init__(
        self, chain: Chain, waiting: Waiting, neighbours: Neighbours, member: MemberId, voter: Voter | None
    ) -> None:
        self._chain = chain
        self._waiting = waiting
        self._neighbours = neighbours
        self._member = member
        self._voter = voter or Voter(key=None, why="this machine holds no voting key")
        self._branches = Branches(chain, waiting)
        self._replica: Replica | None = None
        self._token = 0
        self._told: dict[PeerId, int] = {}
        """When a machine of another epoch may be told our height again."""
        self.step: Advance | None = None
        """What was finalized here and is about to be stored."""
        self.certificate = b""
        """What finalizes it."""
        self._guilt: list[Guilt] = []
        self._ended = Ended()
        self._accused: set[bytes] = set()
        """Voting keys whose guilt was told since the start."""
        self._halted = self._voter.memory.halted
        self._is_cleared = False
        """Whether this process knows of everything that was ever signed under its key."""
        # Alone before the first block, with nothing in its journal, a founder has signed nothing.
        self._take_seat(is_cleared=self._would_be_alone and not chain.head.height and self._voter.memory == Memory())

    # -- what the owner sees

    @property
    def is_seated(self) -> bool:
        """Whether this machine takes part in the ordering."""
        return self._replica is not None

    @property
    def is_alone(self) -> bool:
        """Whether our own vote is the quorum."""
        return self._replica is not None and self._would_be_alone and not self._is_behind

    def silence(self) -> str:
        """Why this machine does not vote; empty where it does."""
        replica, place = self._replica, self._chain.place_of(self._member)
        if place is None:
            return "not a witness"
        if replica is not None and replica.halted:
            return replica.halted
        if replica is not None and replica.is_asking:
            return "asking the other witnesses what it signed before"
        if self._is_behind:
            return "the database is older than the journal of votes: it votes once others brought the blocks between"
        if replica is None:
            return self._voter.why or "this machine does not hold the witness's voting key"
        return "" if replica.may_vote else "catching up with what it signed before"

    @property
    def needs_key(self) -> bool:
        """Whether the seat is ours and no key of this machine can vote in it again."""
        replica, is_seated = self._replica, self._chain.place_of(self._member) is not None
        return is_seated and (not self._is_behind if replica is None else replica.halted != "")

    def standing(self) -> tuple[int, bool] | None:
        """The view being voted in and whether there is anything to agree on; None where we take no part."""
        return None if self._replica is None else (self._replica.view, self._replica.is_working)

    @property
    def untimely(self) -> int:
        """Proposals in a row that were refused for their time."""
        return 0 if self._replica is None else self._replica.untimely

    # -- events

    def started(self, now: Now) -> list[Effect]:
        """Once: ask what was signed before, finish what a power cut left half done."""
        self._token = now.wall_ms
        return self._step(Started(token=self._token), now)

    def met(self, peer: PeerId, now: Now) -> list[Effect]:
        """A member's machine is there."""
        return self._step(Met(peer=peer), now) if peer in self._neighbours.seats() else []

    def heard(self, peer: PeerId, message: Ordering, now: Now) -> list[Effect]:
        """A witness's word, or one that somebody carries for it."""
        epoch = epoch_of(message)
        is_other = epoch is not None and epoch != self._chain.head.epoch
        if is_other or isinstance(message, Certified):
            self._guilt += self._ended.heard(message)
        if is_other:
            return self._other_epoch(peer, now)
        if self._replica is None:
            return []
        try:
            word = to_word(message, self._branches)
        except RemoteError as problem:
            said = f"sent what no witness says: {problem.reason}"
            return [Misbehaved(peer=peer, sentence=said, fatal=True)]
        effects = self._step(Heard(peer=peer, place=self._neighbours.seats().get(peer), word=word), now)
        if isinstance(word, words.Ask) and any(self._branches.block(one) is None for one in word.blocks):
            # It may be final here, and then comes with a range.
            effects += self._neighbours.news(peer, now)
        return effects

    def look(self, now: Now) -> list[Effect]:
        """Time has passed, or entries came."""
        return self._step(Woken(), now)

    def stored(self, certificates: Sequence[bytes], now: Now) -> list[Effect]:
        """The chain has taken a step that came with `certificates`, of which the last finalizes its last block."""
        is_ordered_here, self.step = self.step is not None, None
        self._branches.moved()
        self._neighbours.seats_changed()
        replica = self._replica
        *earlier, last = map(read_certificate, certificates)
        effects = self._step(Settled(certificate=last, earlier=tuple(earlier)), now)
        if replica is not None and replica.epoch == self._chain.head.epoch:
            return effects
        if replica is None and self._chain.place_of(self._member) is None:
            return []
        if replica is not None:
            self._guilt += self._ended.keep(replica.epoch, replica.tally, last)
        # The set has changed: the old epoch's voting has ended for good. Whoever sat in it still answers with ranges.
        # Who only read how it ended, or had to ask in it, may have been put back, and have voted in this one before.
        self._take_seat(is_cleared=is_ordered_here and self._is_cleared)
        return effects + self._step(Started(token=self._token), now)

    def reseated(self, voter: Voter, now: Now) -> list[Effect]:
        """Vote under another key, whose votes before are in its journal; the others are asked as after every start."""
        assert self._replica is None, "a key that sits is not replaced by one that does not"
        self._voter, self._halted = voter, voter.memory.halted
        self._take_seat(is_cleared=False)
        return self._step(Started(token=self._token), now)

    def wake_ms(self, now: Now) -> int | None:
        """When `look` is next needed, on the monotonic clock."""
        if self._replica is None:
            return None
        moments = [self._replica.wake_ms(now)]
        if not self._replica.is_working:
            moments.append(self._waiting.wake_ms(now))
        return min((moment for moment in moments if moment is not None), default=None)

    def accusations(self) -> list[dict[str, Value]]:
        """Operations that record two votes no honest witness signs both, once for each key (SPEC V-14)."""
        guilt, self._guilt = self._guilt, []
        operations: list[dict[str, Value]] = []
        for key, one, two in guilt:
            if key in self._accused or self._chain.state.raw(b"evidence/" + key) is not None:
                continue
            self._accused.add(key)
            first, second = (
                vote_statement(
                    self._chain.network,
                    key,
                    epoch=vote.epoch,
                    view=vote.view,
                    kind=vote.kind,
                    block=vote.block,
                    signature=vote.signature,
                )
                for vote in (one, two)
            )
            operations.append({**evidence_fields(first, second), "t": "evidence.votes/1"})
        return operations

    # -- helpers

    @property
    def _would_be_alone(self) -> bool:
        return len(self._chain.voting_keys) == 1

    @property
    def _is_behind(self) -> bool:
        """Whether the journal knows of a later final view than the ledger: decided anew wherever the head moves."""
        head, voter = self._chain.head, self._voter
        return voter.key is not None and voter.memory.floor(head.epoch) > head.view

    def _take_seat(self, *, is_cleared: bool) -> None:
        """The replica of the present epoch, if our key has a place in it."""
        self._replica, self._is_cleared = None, False
        key, chain = self._voter.key, self._chain
        if key is None or key.public not in chain.voting_keys:
            return
        place = chain.voting_keys.index(key.public)
        if chain.witnesses[place]["member"] != self._member:
            return
        head = chain.head
        signer = Signer(key, network=chain.network, epoch=head.epoch, place=place, floor=head.view)
        signer.halted = self._halted
        replica = Replica(
            self._branches,
            network=chain.network,
            epoch=head.epoch,
            keys=chain.voting_keys,
            place=place,
            signer=signer,
            floor=head.view,
            is_cleared=is_cleared,
        )
        # An older database may have to come back here: what the journal holds of any epoch is given back in its turn.
        memory = self._voter.memory
        replica.restore(
            floor=memory.floor(head.epoch),
            certificates=memory.certificates,
            blocks=memory.blocks,
            votes=memory.votes,
            final=self._voter.final,
        )
        self._replica, self._is_cleared = replica, is_cleared

    def _other_epoch(self, peer: PeerId, now: Now) -> list[Effect]:
        """Tell where we are: who is behind asks for the range, who is ahead says so (consensus rules 19 and 23)."""
        if now.monotonic_ms < self._told.get(peer, 0):
            return []
        self._told = {one: at for one, at in self._told.items() if at > now.monotonic_ms}
        self._told[peer] = now.monotonic_ms + OTHER_EPOCH_MS
        return self._neighbours.news(peer, now)

    def _step(self, event: Event, now: Now) -> list[Effect]:
        if self._replica is None or self.step is not None:
            return []
        self._waiting.at(now)
        effects: list[Effect] = []
        for effect in self._replica.step(event, now):
            match effect:
                case Write():
                    effects.append(Journal(certificates=effect.certificates, blocks=effect.blocks, votes=effect.votes))
                case Tell():
                    effects += self._tell(effect)
                case Finalized():
                    self.step = self._branches.advance(effect.block, effect.certificate)
                    self.certificate = write_certificate(effect.certificate)
                    effects.append(Commit(step=self.step, certificate=self.certificate))
                case words.Conflict():
                    key = self._replica.tally.keys[effect.one.witness]
                    self._guilt.append((key, effect.one, effect.two))
                case words.Halted():
                    self._halted = effect.reason
                    said = f"this witness votes no more: {effect.reason}"
                    effects += [Halt(reason=effect.reason), Alarm(sentence=said)]
                case words.Broken():
                    said = effect.reason + signers_of(self._chain, *effect.certificates)
                    effects += alarm(said, now)
                case _:
                    assert_never(effect)
        return effects

    def _tell(self, effect: Tell) -> list[Effect]:
        if effect.peer is not None:
            return [Send(peer=effect.peer, message=to_message(effect.word))]
        peers = [peer for peer in self._neighbours.seats() if peer in self._neighbours.peers]
        if not peers:
            return []
        message = to_message(effect.word)
        return [Send(peer=peer, message=message) for peer in peers]
