"""A second certified history, made by more liars than there may be: every member says so and names who signed.

SPEC V-24: with one witness and with four, at our height and above it, in our epoch, an earlier and a later one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ledger.block import Block, make_block, read_block, write_block
from ledger.canonical import decode
from ledger.consensus.votes import Certificate, VoteKind, sign_vote, write_certificate
from ledger.keys import SigningKey
from ledger.names import Kind, short
from protocol.effects import Alarm, Commit, Effect, Keep, Misbehaved, Send
from protocol.inputs import Quiet
from protocol.messages import AskRange, Blocks, Certified, NewHead
from tests.attacks.test_core_evidence import convicted
from tests.attacks.test_core_witnesses import EVE, NAMES, PEOPLE, victim
from tests.protocol.stand import ANN, BEN, Stand, of, profile, said
from tests.simulation.town import Person

F = VoteKind.FINALIZE


def history(height: int, about: str) -> Stand:
    """Ann's ledger of so many blocks, of which she is the only witness."""
    ann = Stand(ANN)
    for n in range(height):
        ann.at_ms += 10
        ann.submit(profile(f"{about} {n}"))
        ann.block()
    assert ann.height == height
    return ann


ENTRIES = read_block(history(1, "any").range().blocks[0])


def block(stand: Stand, height: int, parent: bytes, epoch: int = 1) -> Block:
    """A block of another history; nobody has to execute it to see that it is one."""
    return make_block(
        network=stand.core.chain.network,
        epoch=epoch,
        view=7,
        height=height,
        parent=parent,
        time_ms=stand.core.chain.head.time_ms + 5,
        state_root=bytes(32),
        witnesses=bytes(32),
        entries=ENTRIES.entries,
        outcomes=ENTRIES.outcomes,
    )


def signed(stand: Stand, last: Block, signers: Iterable[tuple[int, SigningKey]], kind: VoteKind = F) -> bytes:
    """A certificate of a block by these keys at these places of its epoch's list."""
    epoch, network = last.header.epoch, stand.core.chain.network
    votes = [(place, sign_vote(key, network, epoch, 7, kind, last.header.id)) for place, key in signers]
    return write_certificate(Certificate(epoch=epoch, view=7, kind=kind, block=last.header.id, votes=tuple(votes)))


def offer(stand: Stand, blocks: list[Block], certificate: bytes, by: Person) -> list[Effect]:
    """A machine that is ahead, or as far, says so and is asked; what follows from its answer."""
    start, height = blocks[0].header.height, blocks[-1].header.height
    asked = stand.hear(by, NewHead(height=height, block=blocks[-1].header.id))
    assert [one.start for one in said(asked, AskRange, by)] == [start]
    bodies = [write_block(one) for one in blocks]
    done = stand.hear(by, Blocks(start=start, blocks=bodies, certificate=certificate, height=height))
    return done + stand.give(Quiet())


def named(effects: list[Effect]) -> list[str]:
    """Whom the one alarm names; nothing was taken, and whoever hands it on is not cut off for it."""
    assert not of(effects, Commit)
    (alarm,) = of(effects, Alarm)
    (kept,) = of(effects, Keep)
    assert effects.index(kept) < effects.index(alarm), "on the disk first"
    assert (kept.kind, decode(kept.value or b"")["sentence"]) == ("alarm", alarm.sentence)
    assert [fault.fatal for fault in of(effects, Misbehaved)] == [False]
    return [who.name for who in PEOPLE if short(Kind.MEMBER, who.member) in alarm.sentence]


def is_only_refused(effects: list[Effect]) -> bool:
    faults = of(effects, Misbehaved)
    return not of(effects, Commit | Alarm) and [fault.fatal for fault in faults] == [True]


# -- one witness


def test_another_block_at_our_height_is_asked_for_and_its_signers_are_named() -> None:
    """V-24: nobody is ahead, so nothing but the question brings the two histories together."""
    ours, theirs = history(3, "ours"), history(3, "theirs")
    ben = Stand(BEN)
    ben.hear(ANN, ours.range())
    ben.give(Quiet())
    before = ben.state()
    asked = ben.hear(ANN, NewHead(height=3, block=theirs.core.chain.head.block))
    assert [(one.start, one.end) for one in said(asked, AskRange, ANN)] == [(3, None)]
    effects = ben.hear(ANN, theirs.range(3)) + ben.give(Quiet())
    assert named(effects) == ["ann"] and "at block 3" in of(effects, Alarm)[0].sentence
    assert ben.state() == before and ben.core.chain.head.block == ours.core.chain.head.block
    assert said(ben.hear(ANN, NewHead(height=3, block=ours.core.chain.head.block)), AskRange) == []


def test_a_history_that_has_gone_on_to_another_epoch_is_an_alarm_as_well() -> None:
    """V-24: its list is not known here, and the only witness of ours has signed in it."""
    ben = Stand(BEN)
    ben.hear(ANN, history(3, "ours").range())
    ben.give(Quiet())
    for epoch in (2, 9):
        other = block(ben, 4, b"p" * 32, epoch)
        effects = offer(ben, [other], signed(ben, other, [(0, ANN.voting)]), ANN)
        assert named(effects) == ["ann"]
        assert f"epoch {epoch}" in of(effects, Alarm)[0].sentence and "at block 3" in of(effects, Alarm)[0].sentence
        strangers = signed(ben, other, [(0, BEN.voting)])
        assert is_only_refused(offer(ben, [other], strangers, ANN))


# -- four witnesses


def reader() -> Stand:
    """A plain member of the network of four, at height 0."""
    eve = Stand(EVE, *NAMES, witnesses=4)
    for who in PEOPLE[:4]:
        eve.connect(who)
    return eve


def by(*places: int) -> list[tuple[int, SigningKey]]:
    return [(place, PEOPLE[place].voting) for place in places]


def test_of_four_witnesses_a_quorum_makes_an_alarm_and_fewer_make_none() -> None:
    """V-24, V-2."""
    eve = reader()
    blocks = [block(eve, 1, bytes(32))]
    blocks.append(block(eve, 2, blocks[0].header.id))
    assert named(offer(eve, blocks, signed(eve, blocks[1], by(0, 2, 3)), PEOPLE[1])) == ["ann", "cat", "dan"]
    assert is_only_refused(offer(eve, blocks, signed(eve, blocks[1], by(0, 2)), PEOPLE[1]))
    unlinked = [blocks[0], block(eve, 2, bytes(32))]
    assert is_only_refused(offer(eve, unlinked, signed(eve, unlinked[1], by(0, 2, 3)), PEOPLE[1]))
    notarized = signed(eve, blocks[1], by(0, 2, 3), VoteKind.NOTARIZE)
    assert is_only_refused(offer(eve, blocks, notarized, PEOPLE[1]))


@pytest.mark.parametrize("moved", [0, 1, 30])
def test_in_another_epoch_more_than_f_of_our_witnesses_make_an_alarm_wherever_they_sit_there(moved: int) -> None:
    """V-24: f of them may lie, and one more cannot be a liar too."""
    eve = reader()
    other = block(eve, 1, bytes(32), epoch=3)

    def there(*places: int) -> bytes:
        strangers = [(place, PEOPLE[4].voting) for place in range(moved)]
        keys = [PEOPLE[place].voting for place in places]
        return signed(eve, other, [*strangers, *enumerate(keys, moved)])

    assert named(offer(eve, [other], there(3, 1), PEOPLE[0])) == ["ben", "dan"]
    assert is_only_refused(offer(eve, [other], there(3), PEOPLE[0]))
    assert is_only_refused(offer(eve, [other], there(3, 3), PEOPLE[0])), "a key counts once"


def test_who_stayed_in_an_epoch_that_has_ended_here_is_named_with_those_who_have_left() -> None:
    """V-24: the witnesses of the epochs before ours are known."""
    ann = convicted().stands[0]
    assert (ann.height, ann.core.chain.head.epoch) == (1, 2)
    for height in (1, 2):
        other = block(ann, height, b"p" * 32, epoch=1)
        effects = offer(ann, [other], signed(ann, other, by(1, 2, 3)), PEOPLE[1])
        assert named(effects) == ["ben", "cat", "dan"], height
        assert is_only_refused(offer(ann, [other], signed(ann, other, by(1, 2)), PEOPLE[1]))


def test_two_certificates_of_one_view_are_an_alarm_that_names_those_under_both() -> None:
    """V-14, V-24: a witness hears of them before any range does, and it is kept like the other."""
    cat = victim()
    blocks = [block(cat, 1, parent) for parent in (b"p" * 32, b"q" * 32)]
    first, second = (signed(cat, one, by(0, 1, 3)) for one in blocks)
    cat.hear(PEOPLE[1], Certified(certificates=[first]))
    effects = cat.hear(PEOPLE[1], Certified(certificates=[second]))
    (kept,) = [one for one in of(effects, Keep) if one.kind == "alarm"]
    sentence = decode(kept.value or b"")["sentence"]
    assert sentence in {one.sentence for one in of(effects, Alarm)}
    assert [who.name for who in PEOPLE if short(Kind.MEMBER, who.member) in sentence] == ["ann", "ben", "dan"]


def test_a_fork_is_said_by_whoever_has_it_shown_and_the_ledger_goes_on() -> None:
    """V-24: what is here stays, and its next block is taken."""
    ours, theirs = history(2, "ours"), history(2, "theirs")
    ben = Stand(BEN)
    ben.hear(ANN, ours.range())
    ben.give(Quiet())
    ben.hear(ANN, NewHead(height=2, block=theirs.core.chain.head.block))
    assert of(ben.hear(ANN, theirs.range(2)) + ben.give(Quiet()), Alarm)
    ours.submit(profile("on"))
    ours.block()
    sends: list[Any] = of(ben.hear(ANN, NewHead(height=3, block=ours.core.chain.head.block)), Send)
    assert sends
    ben.hear(ANN, ours.range(3))
    ben.give(Quiet())
    assert ben.height == 3
