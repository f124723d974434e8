"""A small world for the replica alone: toy blocks, a virtual network, clock and journal, all from one seed.

Only the ledger is a toy (`blocks.py`). A power cut keeps exactly what was written before it. Votes are watched at the
moment they are told: nobody contradicts themselves, and no two blocks are final at one height.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.block import Block
from ledger.consensus.replica import Replica
from ledger.consensus.signer import Signer
from ledger.consensus.votes import Certificate, Vote, conflict
from ledger.consensus.words import (
    Broken,
    Conflict,
    Effect,
    Event,
    Finalized,
    Halted,
    Heard,
    Met,
    Proposal,
    Settled,
    Started,
    Tell,
    Votes,
    Woken,
    Word,
    Write,
)
from tests.ledger.consensus.blocks import NETWORK, WALL_MS, Clock, Disk, ToyTree, voting_key


@dataclass
class Witness:
    place: int
    disk: Disk
    pending: set[int]
    tree: ToyTree
    replica: Replica
    is_up: bool = True
    incarnation: int = 0
    wake: int = 0
    halted: str = ""
    told: list[Vote] = field(default_factory=list)
    """Every vote that left the machine or counted, over all its lives."""


class Cut(Exception):
    """The power went between two effects."""


@dataclass
class Weather:
    loss: float = 0.0
    twice: float = 0.0
    delay_ms: int = 20
    cut: float = 0.0


class World:
    """n witnesses; the last `liars` of them do what `lie` says with what they would tell."""

    def __init__(self, seed: int, n: int, weather: Weather | None = None) -> None:
        self.dice = random.Random(seed)
        self.weather = weather or Weather()
        self.now_ms = 0
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.count = 0
        self.n = n
        self.parted: set[tuple[int, int]] = set()
        self.finals: dict[int, bytes] = {}
        self.trace = hashlib.sha256()
        self.evidence: list[Conflict] = []
        self.lie: Callable[[Witness, int, Word], Word | None] = lambda witness, to, word: word
        self.witnesses: list[Witness] = []
        self.mutate: Callable[[list[Effect]], list[Effect]] = lambda effects: effects
        for place in range(n):
            disk, pending = Disk(), set[int]()
            tree = ToyTree(disk, pending)
            self.witnesses.append(
                Witness(place=place, disk=disk, pending=pending, tree=tree, replica=self.replica(place, tree))
            )
        for witness in self.witnesses:
            self.start(witness)
        self.at(1_000, self.catch_up)

    def catch_up(self) -> None:
        """Final blocks are fetched from whoever is ahead, as the ledger's ranges are."""
        for witness in self.witnesses:
            other = self.dice.choice(self.witnesses)
            behind = len(other.disk.final) > len(witness.disk.final) and witness.is_up and other.is_up
            if behind and (other.place, witness.place) not in self.parted and other.disk.certificate is not None:
                witness.disk.final += other.disk.final[len(witness.disk.final) :]
                witness.disk.floor, witness.disk.certificate = other.disk.floor, other.disk.certificate
                witness.tree.moved()
                self.give(witness, Settled(certificate=other.disk.certificate))
                self.give(witness, Woken())
        self.at(1_000, self.catch_up)

    def replica(self, place: int, tree: ToyTree) -> Replica:
        keys = [voting_key(one).public for one in range(self.n)]
        signer = Signer(voting_key(place), network=NETWORK, epoch=1, place=place, floor=tree.disk.floor)
        return Replica(tree, network=NETWORK, epoch=1, keys=keys, place=place, signer=signer, floor=tree.disk.floor)

    def at(self, after_ms: int, act: Callable[[], None]) -> None:
        self.count += 1
        heapq.heappush(self.queue, (self.now_ms + after_ms, self.count, act))

    def run(self, until_ms: int) -> None:
        while self.queue and self.queue[0][0] <= until_ms:
            self.now_ms, _, act = heapq.heappop(self.queue)
            act()
        self.now_ms = until_ms

    def clock(self) -> Clock:
        return Clock(WALL_MS + self.now_ms, self.now_ms + 1)

    def start(self, witness: Witness) -> None:
        journal = witness.disk.journal
        witness.replica.restore(
            floor=0,
            certificates=[one for one in journal if isinstance(one, Certificate)],
            blocks=[one for one in journal if isinstance(one, Block)],
            votes=[one for one in journal if isinstance(one, Vote)],
        )
        self.give(witness, Started(token=self.now_ms + 1))
        for other in self.witnesses:
            if other is not witness and other.is_up and witness.is_up:
                self.give(witness, Met(peer=bytes([other.place])))
                self.give(other, Met(peer=bytes([witness.place])))

    def give(self, witness: Witness, event: Event) -> None:
        if not witness.is_up:
            return
        self.trace.update(f"{self.now_ms} {witness.place} {type(event).__name__}".encode())
        try:
            self.perform(witness, self.mutate(witness.replica.step(event, self.clock())))
        except Cut:
            witness.is_up = False
            witness.incarnation += 1
            self.at(self.dice.randrange(50, 2_000), lambda: self.again(witness))
            return
        wake_ms = witness.replica.wake_ms(self.clock())
        if wake_ms is not None:
            self.count += 1
            witness.wake = number = self.count
            self.at(max(1, wake_ms - self.clock().monotonic_ms), lambda: self.woken(witness, number))

    def woken(self, witness: Witness, number: int) -> None:
        if witness.wake == number:
            self.give(witness, Woken())

    def again(self, witness: Witness) -> None:
        witness.tree = ToyTree(witness.disk, witness.pending)
        witness.replica = self.replica(witness.place, witness.tree)
        witness.is_up = True
        self.start(witness)

    def perform(self, witness: Witness, effects: list[Effect]) -> None:
        for effect in effects:
            if self.weather.cut and self.dice.random() < self.weather.cut:
                raise Cut
            match effect:
                case Write():
                    witness.disk.journal += [*effect.certificates, *effect.blocks, *effect.votes]
                case Tell():
                    self.tell(witness, effect)
                case Finalized():
                    self.finalize(witness, effect)
                case Halted():
                    witness.halted = effect.reason
                case Conflict():
                    self.evidence.append(effect)
                case Broken():
                    raise AssertionError(effect.reason)

    def finalize(self, witness: Witness, effect: Finalized) -> None:
        path = witness.tree.path(effect.block)
        assert path, "what is finalized is here"
        for block in path:
            known = self.finals.setdefault(block.header.height, block.header.id)
            assert known == block.header.id, f"two blocks are final at height {block.header.height}"
        witness.disk.final += path
        witness.disk.floor = effect.certificate.view
        witness.disk.certificate = effect.certificate
        witness.tree.moved()
        witness.replica.step(Settled(certificate=effect.certificate), self.clock())
        self.at(0, lambda: self.give(witness, Woken()))

    def tell(self, witness: Witness, effect: Tell) -> None:
        targets = [one.place for one in self.witnesses] if effect.peer is None else [effect.peer[0]]
        for to in targets:
            if to == witness.place:
                continue
            word = self.lie(witness, to, effect.word)
            if word is None:
                continue
            if word is effect.word:
                self.watch(witness, word)
            self.carry(witness.place, to, word)

    def watch(self, witness: Witness, word: Word) -> None:
        """Nothing is told that is not on the disk, nothing that contradicts what was told before."""
        said: list[Vote] = []
        match word:
            case Votes():
                said = [vote for vote in word.votes if vote.witness == witness.place]
            case Proposal():
                said = [word.vote]
            case _:
                pass
        for vote in said:
            assert vote in witness.disk.journal, f"{vote.kind} of view {vote.view} was told before it was durable"
            if vote in witness.told:
                continue
            for other in witness.told:
                assert not conflict(vote, other), f"{witness.place} contradicts itself in view {vote.view}"
            witness.told.append(vote)

    def carry(self, source: int, to: int, word: Word) -> None:
        weather, dice = self.weather, self.dice
        if (source, to) in self.parted or (weather.loss and dice.random() < weather.loss):
            return
        for _ in range(2 if weather.twice and dice.random() < weather.twice else 1):
            self.at(
                dice.randrange(1, weather.delay_ms + 1),
                lambda: self.give(self.witnesses[to], Heard(peer=bytes([source]), place=source, word=word)),
            )

    def offer(self, number: int, *places: int) -> None:
        """An entry reaches these witnesses, and is handed on to the others until it is final."""
        for place in places:
            self.witnesses[place].pending.add(number)
            self.give(self.witnesses[place], Woken())
        self.at(2_000, lambda: self.hand_on(number))

    def hand_on(self, number: int) -> None:
        holders = [one for one in self.witnesses if number in one.pending and one.is_up]
        if not holders:
            self.at(2_000, lambda: self.hand_on(number))
            return
        if all(str(number) in {n for b in one.disk.final for n in b.outcomes} for one in self.witnesses):
            return
        for one in self.witnesses:
            if (holders[0].place, one.place) not in self.parted and one.is_up:
                one.pending.add(number)
                self.give(one, Woken())
        self.at(2_000, lambda: self.hand_on(number))

    def heights(self) -> list[int]:
        return [len(one.disk.final) for one in self.witnesses]

    def numbers(self, place: int) -> list[str]:
        return [n for block in self.witnesses[place].disk.final for n in block.outcomes]
