"""Seeds of a small world: whatever the network, the power and up to f liars do, no fork, and at the end all is final.

SPEC V-2, V-5, V-8, V-9, V-14, V-16 to V-21.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ledger.consensus.votes import Vote, VoteKind, faulty_max, sign_vote
from ledger.consensus.words import Ask, Broken, Conflict, Effect, Finalized, Proposal, Standing, Votes, Word, Write
from tests.ledger.consensus.blocks import NETWORK, toy_block, voting_key
from tests.ledger.consensus.toy import Weather, Witness, World

ENTRIES = 12
BAD_MS, GOOD_MS = 12_000, 60_000
SIZES = (1, 2, 3, 4, 7)


def storm(seed: int, n: int) -> World:
    """Entries here and there, in weather drawn from the seed; parts of the network are cut off and come back."""
    dice = random.Random(seed)
    weather = Weather(
        loss=dice.choice([0, 0.05, 0.3]),
        twice=dice.choice([0, 0.2]),
        delay_ms=dice.choice([5, 50, 400]),
        cut=dice.choice([0, 0.002, 0.01]),
    )
    world = World(seed, n, weather)
    for number in range(ENTRIES):
        world.at(dice.randrange(BAD_MS), lambda number=number: world.offer(number, dice.randrange(n)))  # type: ignore[misc]
    for _ in range(dice.choice([0, 3])):
        alone, start_ms = dice.randrange(n), dice.randrange(BAD_MS * 3 // 4)
        world.at(start_ms, lambda alone=alone: part(world, alone, dice))  # type: ignore[misc]
        world.at(start_ms + dice.randrange(500, 5_000), world.parted.clear)
    return world


def part(world: World, alone: int, dice: random.Random) -> None:
    """One witness hears nobody, or is not heard, or both."""
    ways = dice.choice([(True, False), (False, True), (True, True)])
    for other in range(world.n):
        if other != alone:
            world.parted |= {(alone, other)} if ways[0] else set()
            world.parted |= {(other, alone)} if ways[1] else set()


def weathered(world: World) -> World:
    """The storm, and then a quiet minute."""
    world.run(BAD_MS)
    world.weather = Weather()
    world.parted.clear()
    world.run(BAD_MS + GOOD_MS)
    return world


def all_is_final(world: World, *, liars: int = 0) -> None:
    honest = range(world.n - liars)
    for place in honest:
        numbers = [int(number) for number in world.numbers(place)]
        assert sorted(numbers) == sorted(set(numbers)), "no entry stands in two blocks"
        assert set(range(ENTRIES)) <= set(numbers), f"witness {place} has {sorted(numbers)}"
        assert not world.witnesses[place].halted


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_network_and_the_power_do_all_becomes_final_and_nobody_is_convicted(seed: int) -> None:
    """V-5, V-8, V-9, V-14, V-21: `World` watches every vote and every final block on the way."""
    world = weathered(storm(seed, SIZES[seed % len(SIZES)]))
    all_is_final(world)
    assert world.evidence == []
    assert all(witness.replica.wake_ms(world.clock()) is None for witness in world.witnesses), "and then it is quiet"


def test_the_same_seed_tells_the_same_story() -> None:
    assert weathered(storm(8, 4)).trace.digest() == weathered(storm(8, 4)).trace.digest()
    assert weathered(storm(8, 4)).trace.digest() != weathered(storm(9, 4)).trace.digest()


# -- liars


def signed(place: int, view: int, kind: VoteKind, block: bytes) -> Vote:
    signature = sign_vote(voting_key(place), NETWORK, 1, view, kind, block)
    return Vote(epoch=1, view=view, kind=kind, block=block, witness=place, signature=signature)


def shows_two_blocks(world: World) -> Callable[[Witness, int, Word], Word | None]:
    """As the leader: one half is shown one block, the other half another."""

    def lie(witness: Witness, to: int, word: Word) -> Word | None:
        match word:
            case Proposal(block=None):
                return word
            case Proposal(vote=vote, block=block) if to % 2 and block is not None:
                other = toy_block(block.header.parent, block.header.height, vote.view, (10_000 + vote.view,))
                return Proposal(vote=signed(witness.place, vote.view, VoteKind.NOTARIZE, other.header.id), block=other)
            case _:
                return word

    return lie


def votes_for_everything(world: World) -> Callable[[Witness, int, Word], Word | None]:
    """Every vote comes with its opposite."""

    def lie(witness: Witness, to: int, word: Word) -> Word | None:
        if not isinstance(word, Votes) or to % 2:
            return word
        more = [signed(witness.place, one.view, kind, b"") for one in word.votes for kind in (VoteKind.NULLIFY,)]
        more += [
            signed(witness.place, one.view, VoteKind.FINALIZE, one.block or b"z" * 32)
            for one in word.votes
            if one.witness == witness.place
        ]
        return Votes(votes=(*more, *word.votes))

    return lie


def is_silent_to_some(world: World) -> Callable[[Witness, int, Word], Word | None]:
    def lie(witness: Witness, to: int, word: Word) -> Word | None:
        return None if to == 0 or isinstance(word, Proposal) else word

    return lie


def says_what_is_long_past(world: World) -> Callable[[Witness, int, Word], Word | None]:
    """What was once said is said again in place of what is new."""
    said: list[Word] = []

    def lie(witness: Witness, to: int, word: Word) -> Word | None:
        said.append(word)
        return said[world.dice.randrange(len(said))]

    return lie


def claims_to_be_far_ahead(world: World) -> Callable[[Witness, int, Word], Word | None]:
    def lie(witness: Witness, to: int, word: Word) -> Word | None:
        match world.dice.randrange(4):
            case 0:
                return Standing(epoch=1, view=10**9, floor=10**8, is_working=True)
            case 1:
                return Ask(epoch=1, views=tuple(range(1, 65)), blocks=(b"a" * 32,) * 4)
            case _:
                return word

    return lie


LIES = (shows_two_blocks, votes_for_everything, is_silent_to_some, says_what_is_long_past, claims_to_be_far_ahead)


@pytest.mark.parametrize("lie", LIES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("seed", range(6))
def test_up_to_f_liars_neither_fork_nor_stop_nor_convict_the_honest(
    seed: int, lie: Callable[[World], Callable[[Witness, int, Word], Word | None]]
) -> None:
    """V-2, V-5, V-14."""
    n = (4, 7)[seed % 2]
    world, liars = storm(seed, n), faulty_max(n)
    told = lie(world)
    world.lie = lambda witness, to, word: told(witness, to, word) if witness.place >= n - liars else word
    weathered(world)
    all_is_final(world, liars=liars)
    assert {guilt.one.witness for guilt in world.evidence} <= set(range(n - liars, n))


def convicted(lie: Callable[[World], Callable[[Witness, int, Word], Word | None]]) -> set[int]:
    world = World(5, 4)
    told = lie(world)
    world.lie = lambda witness, to, word: told(witness, to, word) if witness.place == 3 else word
    for number in range(ENTRIES):
        world.at(300 * number, lambda number=number: world.offer(number, 0, 1, 2, 3))  # type: ignore[misc]
    world.run(30_000)
    all_is_final(world, liars=1)
    return {guilt.one.witness for guilt in world.evidence}


def test_a_liar_that_contradicts_itself_is_convicted_and_nobody_else() -> None:
    """V-14: invariant 7."""
    assert convicted(shows_two_blocks) == {3}
    assert convicted(votes_for_everything) == {3}
    assert convicted(is_silent_to_some) == set()


# -- the world would notice


def test_the_world_notices_a_vote_that_is_told_before_it_is_written() -> None:
    """V-9."""
    world = World(1, 4)

    def early(effects: list[Effect]) -> list[Effect]:
        return sorted(effects, key=lambda one: isinstance(one, Write))

    world.mutate = early
    with pytest.raises(AssertionError, match="durable"):
        world.offer(1, 0)
        world.run(5_000)


def test_the_world_notices_a_second_block_at_one_height() -> None:
    """V-5."""
    world = World(1, 4)
    world.offer(1, 0)
    world.run(5_000)
    world.finals[1] = bytes(32)
    world.witnesses[0].disk.final.clear()
    other = toy_block(NETWORK, 1, 1, (1,))
    world.witnesses[0].tree.bodies[other.header.id] = other
    certificate = world.witnesses[1].disk.certificate
    assert certificate is not None
    with pytest.raises(AssertionError, match="two blocks are final"):
        world.finalize(world.witnesses[0], Finalized(block=other.header.id, certificate=certificate))


def test_evidence_and_alarms_have_their_place_in_the_world() -> None:
    """V-14: `Broken` ends a run, `Conflict` is kept."""
    world = World(1, 4)
    one, two = (signed(3, 1, VoteKind.NOTARIZE, name * 32) for name in (b"a", b"b"))
    world.perform(world.witnesses[0], [Conflict(one=one, two=two)])
    assert len(world.evidence) == 1
    with pytest.raises(AssertionError, match="too many"):
        world.perform(world.witnesses[0], [Broken(reason="too many", certificates=())])
