"""A witness's machine whose database, journal or both were put back, and which catches up by ranges from the others.

SPEC V-10, V-21 to V-23: who may have signed before asks, whoever finds a vote that its journal lost stops, and whoever
is only behind votes again once the blocks are here.
"""

from __future__ import annotations

from dpnode.voting import floor_record, records_of, remembered
from ledger.block import write_block
from ledger.chain import Advance, Chain
from ledger.consensus.votes import Certificate, Vote, VoteKind, sign_vote, votes_of, write_certificate
from ledger.entry import Entry
from ledger.keys import PublicKey, SigningKey
from protocol.effects import Alarm, Commit, Effect, Halt, Journal, Send
from protocol.inputs import Carry, Now, Submit
from protocol.messages import AskOwnVotes, AskRange, Blocks, NewHead, OwnVotes
from protocol.replication.door import Memory, Voter
from protocol.replication.ledger_peer import LedgerPeer
from tests.ledger.operations.council import Council
from tests.ledger.town import Person
from tests.protocol.stand import of

SOURCE = b"s" * 38
PROFILE = "membership.profile/1"


class History(Council):
    """A ledger with the certificate of each block, in which everybody who sits has signed unless said otherwise."""

    def __init__(self, people: int = 5, witnesses: int = 1) -> None:
        self.certificates: list[Certificate] = []
        self.silent: set[PublicKey] = set()
        """Voting keys that sign no finalization while they are in here."""
        self.keys = {Person(i).voting.public: Person(i).voting for i in range(people)}
        super().__init__(people, witnesses)

    def block(self, *entries: Entry) -> Advance:
        keys, epoch = self.chain.voting_keys, self.chain.head.epoch
        step = super().block(*entries)
        header = step.blocks[-1].header
        votes = [
            (place, sign_vote(self.keys[key], self.network, epoch, header.view, VoteKind.FINALIZE, header.id))
            for place, key in enumerate(keys)
            if key not in self.silent
        ]
        made = Certificate(epoch=epoch, view=header.view, kind=VoteKind.FINALIZE, block=header.id, votes=tuple(votes))
        self.certificates.append(made)
        return step

    def grow(self, blocks: int) -> None:
        """Entries that change nothing about witnesses."""
        for _ in range(blocks):
            assert self.do(Person(1).working, PROFILE, {"about": f"{self.now_ms}"}) == ""

    def votes_of(self, key: SigningKey) -> list[Vote]:
        """What a key signed into certificates, oldest first."""
        chain, found = Chain.founded(self.charter)[0], list[Vote]()
        for step, certificate in zip(self.steps, self.certificates, strict=True):
            keys = chain.voting_keys
            found += [vote for vote in votes_of(certificate) if keys[vote.witness] == key.public]
            chain.take(step)
        return found


class Machine:
    """A member's machine whose database ends at a height."""

    def __init__(self, history: History, person: int, height: int, memory: Memory) -> None:
        self.history = history
        chain = Chain.founded(history.charter)[0]
        for step in history.steps[:height]:
            chain.take(step)
        who = Person(person)
        voter = Voter(key=who.voting, memory=memory)
        self.peer = LedgerPeer(chain, member=who.id, signer=who.working, voter=voter, pending=[])
        self.done: list[Effect] = self.peer.started(self.now)
        for source in (SOURCE, *(one.peer for one in history.people if one != who)):
            self.peer.connected(source, self.now)

    @property
    def now(self) -> Now:
        return Now(wall_ms=self.history.now_ms, monotonic_ms=1_000)

    @property
    def chain(self) -> Chain:
        return self.peer.chain

    def answer(self, place: int) -> None:
        """The witness at a place has seen nothing of ours above what is final."""
        asked = [one.message for one in of(self.done, Send) if isinstance(one.message, AskOwnVotes)][-1]
        told = OwnVotes(epoch=asked.epoch, token=asked.token, votes=[], certificates=[])
        self.done += self.peer.heard_order(Person(place).peer, told, self.now)

    def catch_up(self, *ends: int) -> list[Effect]:
        """Somebody brings ranges that end at these heights, all before any of them is checked."""
        history, start = self.history, self.chain.head.height + 1
        last = history.steps[ends[-1] - 1].head
        done = self.peer.heard_head(SOURCE, NewHead(height=last.height, block=last.block), self.now)
        assert any(isinstance(one, Send) and isinstance(one.message, AskRange) for one in done)
        for end in ends:
            bodies = [write_block(step.blocks[0]) for step in history.steps[start - 1 : end]]
            certificate = write_certificate(history.certificates[end - 1])
            brought = Blocks(start=start, blocks=bodies, certificate=certificate, height=last.height)
            done += self.peer.heard_blocks(SOURCE, brought, self.now)
            start = end + 1
        while self.peer.has_work and self.chain.head.height < last.height:
            made = self.peer.work(self.now)
            done += made
            if any(isinstance(one, Commit) for one in made):
                done += self.peer.stored(self.now)
        assert self.chain.head.height == last.height
        self.done += done
        return done


def test_a_home_put_back_finds_its_lost_vote_in_any_certificate_of_the_ranges_it_catches_up_by() -> None:
    """V-21, V-10: the mark goes into the journal, and the owner is told."""
    for seen in (3, 6):
        history = History(people=4, witnesses=4)
        for height in range(1, 7):
            history.silent = set() if height == seen else {Person(0).voting.public}
            history.grow(1)
        again = Machine(history, 0, 1, Memory())
        done = again.catch_up(3, 6)
        (mark,) = of(done, Halt)
        assert of(done, Alarm) and mark.reason == again.peer.orderer.silence()
        assert "not in its journal" in mark.reason and again.peer.orderer.needs_key


def test_a_lost_vote_in_the_certificate_that_closes_an_epoch_halts_in_the_next() -> None:
    """V-21, V-22: the key sits on, and its journal is no younger there."""
    history = History(people=5, witnesses=4)
    history.silent = {Person(0).voting.public}
    motion = history.passed("seat", 4)
    history.silent = set()
    assert history.accept(motion, 4) == ""
    again = Machine(history, 0, 1, Memory())
    height = history.chain.head.height
    done = again.catch_up(height)
    assert again.chain.head.epoch == 2 and len(of(done, Halt)) == 1
    assert "not in its journal" in again.peer.orderer.silence()


def test_a_database_rebuilt_from_the_others_meets_all_its_votes_again_and_none_is_missed() -> None:
    """V-21: through the epochs, those that the journal holds and those it has pruned."""
    history = History(people=5, witnesses=4)
    history.grow(4)
    history.seat(4)
    history.grow(6)
    votes, head = history.votes_of(Person(0).voting), history.steps[-4].head
    kept = [one for one in votes if one.epoch == head.epoch and one.view > head.view]
    records = [floor_record(head.epoch, head.view), *records_of(Journal(certificates=(), blocks=(), votes=tuple(kept)))]
    ends = [history.steps.index(step) + 1 for step in history.steps if step.head.view == 0]
    again = Machine(history, 0, 0, remembered(records))
    for end in (2, *ends, len(history.steps)):
        again.catch_up(end)
    assert not of(again.done, Halt) and "asking" in again.peer.orderer.silence()


def test_a_founder_whose_database_is_rebuilt_votes_again_without_a_new_start() -> None:
    """V-10: it was alone when the network began, and three others have the blocks since."""
    history = History(people=5, witnesses=1)
    history.grow(3)
    for person in (1, 2, 3):
        history.seat(person)
    history.grow(6)
    last = history.steps[-3].head
    votes = history.votes_of(Person(0).voting)
    for pruned in (True, False):
        kept = [one for one in votes if not pruned or (one.epoch == last.epoch and one.view > last.view)]
        floors = [floor_record(last.epoch, last.view)] if pruned else []
        records = [*floors, *records_of(Journal(certificates=(), blocks=(), votes=tuple(kept)))]
        again = Machine(history, 0, 0, remembered(records))
        orderer = again.peer.orderer
        assert "older than the journal" in orderer.silence() and not orderer.needs_key and not orderer.is_alone
        for end in range(1, len(history.steps)):
            again.catch_up(end)
        assert not of(again.done, Journal), "nothing is signed on the way"
        assert orderer.silence().startswith("asking the other witnesses")
        for place in range(1, 4):
            again.answer(place)
        assert orderer.silence() == ""


def test_a_sole_witness_stays_mute_until_all_that_its_journal_knows_is_back() -> None:
    """V-10: whoever brings only a part of it leaves it waiting."""
    history = History(people=3, witnesses=1)
    history.grow(6)
    again = Machine(history, 0, 1, Memory(floors=((1, 4),)))
    again.catch_up(3)
    again.peer.submit(Submit(operations=({"about": "x", "t": PROFILE},), token=1, until_ms=0), again.now)
    assert not of(again.peer.work(again.now), Journal) and "older" in again.peer.orderer.silence()
    again.catch_up(4)
    assert again.peer.orderer.silence() == "" and again.peer.orderer.is_alone


def order(machine: Machine, entry: Entry) -> list[Effect]:
    """What follows where the machine makes a block of an entry that somebody brings."""
    head, done = machine.chain.head, list[Effect]()
    if head.height:
        # A sole witness that has blocks waits for a first word before it makes another.
        done += machine.peer.heard_head(SOURCE, NewHead(height=head.height, block=head.block), machine.now)
    done += machine.peer.carry(Carry(entries=(entry,), token=1), machine.now)
    while machine.chain.head.height == head.height:
        assert machine.peer.has_work
        made = machine.peer.work(machine.now)
        done += made + (machine.peer.stored(machine.now) if of(made, Commit) else [])
    return done


def test_whoever_may_have_voted_in_the_next_epoch_asks_though_it_orders_the_closing_block_itself() -> None:
    """V-23: a process that began with blocks or a journal cannot know that it has signed nothing there."""
    history = History(people=3, witnesses=1)
    motion = history.passed("seat", 1)
    fields = {"consent": history.consent(motion, 1).to_value(), "motion": motion}
    closing = history.entry(Person(1).working, "seat.accept/1", fields)
    again, fresh = Machine(history, 0, len(history.steps), Memory()), Machine(history, 0, 0, Memory())
    asked = [one for one in of(order(again, closing), Send) if isinstance(one.message, AskOwnVotes)]
    assert asked and again.chain.head.epoch == 2 and again.peer.orderer.silence().startswith("asking")
    for step in history.steps:
        (entry,) = step.blocks[0].entries
        order(fresh, entry)
    order(fresh, closing)
    assert fresh.chain.head.epoch == 2 and fresh.peer.orderer.silence() == "", "it was there from the first block on"
