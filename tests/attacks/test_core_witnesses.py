"""What a lying witness or member sends to one witness of four: ignored or cut off, never an exception, never a stall.

Every word witnesses have for each other is taken from a real agreement and changed byte by byte; floods of well signed
votes and proposals fill only what is bounded. SPEC P-74, P-80, P-81, P-82; V-3, V-12, V-14, V-20, V-21.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from ledger.block import read_block, write_block
from ledger.consensus.hearing import PROPOSALS_AHEAD_MAX
from ledger.consensus.tally import VIEWS_AHEAD_MAX
from ledger.consensus.votes import Vote, VoteKind, sign_vote, vote_to_value
from protocol.effects import Alarm, Commit, Effect, Halt, Journal, Misbehaved, Send
from protocol.inputs import PeerConnected, Quiet, Received
from protocol.limits import OTHER_EPOCH_MS, VOTES_PER_MESSAGE
from protocol.messages import (
    AskOwnVotes,
    AskViews,
    Body,
    Certified,
    NewHead,
    Ordering,
    OwnVotes,
    Proposed,
    Stands,
    Voted,
    write_message,
)
from tests.protocol.stand import Stand, is_rejected, of, profile, said
from tests.simulation.town import Person, person

NAMES = ("ann", "ben", "cat", "dan", "eve")
PEOPLE = [person(name) for name in NAMES]
"""The first four are the witnesses; Eve is a member and none."""
EVE = PEOPLE[4]


def member(place: int) -> Stand:
    return Stand(PEOPLE[place], *NAMES, witnesses=4)


class Council:
    """Four witnesses' cores, all of them connected, and everything they said."""

    def __init__(self, without: int | None = None) -> None:
        self.stands = [member(place) for place in range(4) if place != without]
        self.said: list[Any] = []
        self.waiting: list[tuple[bytes, bytes, Any]] = []
        for stand in self.stands:
            self.take(stand, stand.restart())
        for stand in self.stands:
            for other in self.stands:
                if other is not stand:
                    self.take(stand, stand.give(PeerConnected(peer=other.who.peer)))
        self.deliver()

    def take(self, stand: Stand, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.waiting.append((stand.who.peer, effect.peer, effect.message))

    def deliver(self) -> None:
        while self.waiting:
            source, to, message = self.waiting.pop(0)
            if isinstance(message, Ordering):
                self.said.append(message)
            for stand in self.stands:
                if stand.who.peer == to:
                    self.take(stand, stand.give(Received(peer=source, frame=write_message(message))))
                    self.take(stand, stand.give(Quiet()))

    def pass_time(self, ms: int, step_ms: int = 100) -> None:
        for _ in range(ms // step_ms):
            for stand in self.stands:
                self.take(stand, stand.tick(step_ms))
                self.take(stand, stand.give(Quiet()))
            self.deliver()

    def record(self, place: int, about: str) -> None:
        stand = self.stands[place]
        self.take(stand, stand.submit(profile(about)))
        self.take(stand, stand.give(Quiet()))
        self.deliver()
        self.pass_time(1_000)


@cache
def examples() -> dict[str, Any]:
    """A true word of each kind, the richest that an agreement with one witness down came to."""
    council = Council(without=2)
    for number in range(4):
        council.record(number % 3, f"{number}")
    network = council.stands[0].founded.charter.network
    vote = Vote(
        epoch=1, view=1, kind=VoteKind.NOTARIZE, block=bytes(32), witness=1,
        signature=sign_vote(PEOPLE[1].voting, network, 1, 1, VoteKind.NOTARIZE, bytes(32)),
    )  # fmt: skip
    found: dict[str, Any] = {}
    for message in council.said:
        known = found.get(message.TYPE)
        if known is None or len(write_message(message)) > len(write_message(known)):
            found[message.TYPE] = message
    certificates = found["certificates"].certificates
    proposed = found["proposal"]
    assert proposed.block is not None
    found["ask-views"] = AskViews(epoch=1, views=[1, 2, 3], blocks=[bytes(32)])
    found["body"] = Body(block=proposed.block)
    found["own-votes"] = OwnVotes(certificates=certificates, epoch=1, token=1, votes=[vote_to_value(vote)])
    return found


def test_four_witnesses_agree_with_one_of_them_down() -> None:
    """V-2, V-18: the words that follow are theirs."""
    kinds = (Proposed, Voted, Certified, Body, AskViews, Stands, AskOwnVotes, OwnVotes)
    assert set(examples()) == {kind.TYPE for kind in kinds}
    council = Council(without=2)
    council.record(0, "one")
    council.pass_time(4_000)
    assert [stand.height for stand in council.stands] == [1, 1, 1]
    assert len({stand.core.chain.state.root for stand in council.stands}) == 1


def victim() -> Stand:
    """A witness that has heard the others and may vote: the one that was down, so that no word holds its own vote."""
    cat = member(2)
    cat.restart()
    token = cat.ledger.orderer._token
    for other in (PEOPLE[0], PEOPLE[1], PEOPLE[3]):
        cat.connect(other)
        cat.hear(other, OwnVotes(certificates=[], epoch=1, token=token, votes=[]))
    assert cat.ledger.orderer._replica.may_vote
    return cat


def held(stand: Stand) -> tuple[int, ...]:
    """How much the witness keeps of what others sent."""
    book = stand.ledger.orderer._replica._book
    branches = stand.ledger.orderer._branches
    return (
        sum(len(votes) for votes in book.tally._votes.values()),
        len(book.proposed),
        len(book.views.notarized) + len(book.views.nullified),
        len(branches._bodies),
        len(book.repair._answered),
    )


def harmless(stand: Stand, effects: list[Effect]) -> None:
    assert not of(effects, Commit) and not of(effects, Halt) and not of(effects, Alarm)
    assert not stand.ledger.orderer._replica.halted
    assert len(of(effects, Send)) <= 16


@pytest.mark.parametrize("kind", sorted(examples()))
def test_no_byte_of_a_word_can_be_changed_to_do_harm(kind: str) -> None:
    """P-74, V-3: what is damaged is cut off, or is another word that is judged like any."""
    frame = write_message(examples()[kind])
    cat, rejected = victim(), 0
    for at in range(len(frame)):
        damaged = frame[:at] + bytes([frame[at] ^ (1 << at % 8)]) + frame[at + 1 :]
        effects = cat.give(Received(peer=PEOPLE[1].peer, frame=damaged))
        faults = of(effects, Misbehaved)
        rejected += bool(faults)
        assert not faults or not of(effects, Journal)
        harmless(cat, effects)
        if at % 64 == 0:
            harmless(cat, cat.give(Quiet()))
    assert rejected > len(frame) // 20
    votes, proposed, certificates, bodies, answered = held(cat)
    assert votes <= 12 * len(NAMES) and proposed <= 2 and certificates <= 8 and bodies <= 2 and answered <= 4


@pytest.mark.parametrize("kind", sorted(examples()))
def test_a_word_cut_short_or_with_more_behind_it_is_cut_off(kind: str) -> None:
    """P-74."""
    frame, cat = write_message(examples()[kind]), victim()
    for end in range(0, len(frame), 7):
        assert is_rejected(cat.give(Received(peer=PEOPLE[1].peer, frame=frame[:end])))
    assert is_rejected(cat.give(Received(peer=PEOPLE[1].peer, frame=frame + b"\x00")))


@pytest.mark.parametrize("kind", sorted(examples()))
def test_a_true_word_said_a_hundred_times_by_anybody_is_kept_once(kind: str) -> None:
    """V-12, V-20: replay."""
    message, cat = examples()[kind], victim()
    for who in (PEOPLE[1], PEOPLE[3], EVE):
        cat.hear(who, message)
    before = held(cat)[:4]
    effects = [one for _ in range(100) for who in (PEOPLE[1], PEOPLE[3], EVE) for one in cat.hear(who, message)]
    assert held(cat)[:4] == before
    assert len(of(effects, Send)) <= 12, "and answered no more than once in half a pace"
    harmless(cat, [one for one in effects if not isinstance(one, Send)])


def vote(place: int, view: int, kind: VoteKind = VoteKind.NOTARIZE, block: bytes = b"b" * 32) -> dict[str, Any]:
    """A well signed vote of a witness that lies."""
    network = member(0).founded.charter.network
    named = b"" if kind is VoteKind.NULLIFY else block
    signature = sign_vote(PEOPLE[place].voting, network, 1, view, kind, named)
    return vote_to_value(Vote(epoch=1, view=view, kind=kind, block=named, witness=place, signature=signature))


def test_a_flood_of_votes_and_standings_from_the_future_fills_nothing() -> None:
    """V-12, V-20."""
    cat = victim()
    sent = 0
    for start in range(1, 600, VOTES_PER_MESSAGE):
        votes = [vote(1, start + n) for n in range(VOTES_PER_MESSAGE)]
        sent += len(of(cat.hear(PEOPLE[1], Voted(votes=votes)), Send))
    for view in (10**6, 2**53 - 2, 2**53 - 1):
        sent += len(of(cat.hear(PEOPLE[1], Stands(epoch=1, floor=view - 1, view=view, works=True)), Send))
    assert held(cat)[0] <= VIEWS_AHEAD_MAX + 1
    assert sent <= 2, "one bounded question, and no more before half a pace is over"
    cat.submit(profile())
    assert cat.ledger.has_work


def test_a_flood_of_proposals_fills_no_more_than_some_views_ahead() -> None:
    """V-15: a lying leader signs one for each of its views."""
    cat = victim()
    block = read_block(examples()["proposal"].block)
    for view in range(1, 200):
        if view % 4 == 1:
            proposed = Proposed(vote=vote(1, view, block=block.header.id), block=write_block(block))
            assert not of(cat.hear(PEOPLE[1], proposed), Commit)
    assert held(cat)[1] <= PROPOSALS_AHEAD_MAX and held(cat)[3] <= PROPOSALS_AHEAD_MAX


def test_bodies_nobody_asked_for_are_not_kept() -> None:
    """V-20."""
    cat = victim()
    for who in (PEOPLE[1], EVE):
        cat.hear(who, examples()["body"])
    assert held(cat)[3] == 0


def test_a_plain_member_hands_votes_on_but_answers_for_nobody() -> None:
    """V-21: the question what was signed before is a witness's to answer (P-80)."""
    cat = member(2)
    cat.restart()
    token = cat.ledger.orderer._token
    for _ in range(5):
        cat.hear(EVE, OwnVotes(certificates=[], epoch=1, token=token, votes=[]))
    cat.tick(60_000)
    cat.give(Quiet())
    assert not cat.ledger.orderer._replica.may_vote
    assert said(cat.hear(EVE, AskOwnVotes(epoch=1, token=5)), OwnVotes) == []
    cat.hear(EVE, Voted(votes=[vote(1, 1)]))
    assert held(cat)[0] == 1


def test_two_votes_of_a_liar_become_an_entry_that_convicts_its_key_once() -> None:
    """V-14."""
    cat = victim()
    cat.hear(PEOPLE[1], Voted(votes=[vote(3, 1), vote(3, 1, block=b"c" * 32)]))
    found = [one.operation["t"] for one in cat.ledger.pool.all()]
    assert found == ["evidence.votes/1"]
    cat.hear(PEOPLE[3], Voted(votes=[vote(3, 1, VoteKind.FINALIZE), vote(3, 1, VoteKind.NULLIFY)]))
    assert len(cat.ledger.pool.all()) == 1


def test_a_forged_vote_of_our_own_halts_nobody_and_a_true_one_that_we_do_not_know_does() -> None:
    """V-3, V-21, V-10."""
    cat = victim()
    forged = {**vote(2, 3), "sig": bytes(64)}
    harmless(cat, cat.hear(PEOPLE[1], Voted(votes=[forged])))
    effects = cat.hear(PEOPLE[1], Voted(votes=[vote(2, 3)]))
    assert of(effects, Halt)
    assert of(effects, Alarm)
    cat.submit(profile())
    cat.tick(10_000)
    assert not of(cat.give(Quiet()), Journal)


def test_a_vote_certificate_or_block_of_a_wrong_form_ends_the_connection() -> None:
    """P-81."""
    named, unnamed = {**vote(1, 1, VoteKind.NULLIFY), "block": bytes(32)}, vote(1, 1)
    del unnamed["block"]
    words: list[Any] = [Voted(votes=[one]) for one in (named, unnamed)]
    words += [Proposed(vote=named), Proposed(vote=vote(1, 1), block=b"\x80"), Body(block=b"\x80")]
    words += [Certified(certificates=[b"\x80"]), OwnVotes(certificates=[b"\xff"], epoch=1, token=1, votes=[])]
    for word in words:
        assert is_rejected(victim().hear(PEOPLE[1], word))


def test_another_epochs_words_are_answered_with_how_far_we_are_now_and_then() -> None:
    """P-82, V-22, V-23: each machine once in half a second, and about nothing else."""
    council = Council(without=2)
    council.record(0, "one")
    council.pass_time(4_000)
    ann, before = council.stands[0], held(council.stands[0])
    assert ann.height == 1
    words = [replace(examples()["standing"], epoch=epoch) for epoch in (2, 7)]
    words.append(replace(examples()["ask-views"], epoch=9))
    for round_ in (1, 2):
        for who in (PEOPLE[1], PEOPLE[3]):
            answers = [one for _ in range(50) for word in words for one in ann.hear(who, word)]
            (answer,) = of(answers, Send)
            assert isinstance(answer.message, NewHead) and answer.peer == who.peer, round_
            assert (answer.message.height, answer.message.block) == (1, ann.core.chain.head.block)
        assert held(ann) == before
        ann.at_ms += OTHER_EPOCH_MS


def test_who_is_no_member_is_not_heard_on_the_order() -> None:
    cat: Stand = victim()
    stranger: Person = person("zoe")
    for message in examples().values():
        assert is_rejected(cat.hear(stranger, message))
