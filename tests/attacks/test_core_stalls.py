"""What a liar or a plain member does to make honest witnesses idle: it does not.

SPEC V-13, V-16, P-17, P-18.
"""

from __future__ import annotations

import pytest

from ledger.block import write_block
from ledger.consensus.votes import Vote, VoteKind, sign_vote, vote_to_value
from protocol.effects import Journal
from protocol.inputs import Quiet
from protocol.messages import Hello, Proposed
from tests.attacks.test_core_witnesses import PEOPLE, Council
from tests.protocol.stand import Stand, now, of, profile
from tests.simulation.town import DAY_MS, START_MS, entry, person

LATE_MS = 300_000


def test_plain_members_with_wrong_clocks_do_not_hold_the_witnesses_back() -> None:
    """V-13: every leader hears five machines that are five minutes ahead, and three witnesses that are not."""
    names = ("ann", "ben", "cat", "dan", "eve", "fay", "gus", "hal", "ida")
    stand = Stand(person("ann"), *names, witnesses=4)
    stand.restart()
    genesis = stand.founded.charter.network
    for name in names[1:]:
        stand.connect(person(name))
        wall_ms = now().wall_ms + (LATE_MS if name in names[4:] else 0)
        stand.hear(person(name), Hello(network=genesis, height=0, block=genesis, record=None, time=wall_ms))
    stand.submit(profile("here"))
    assert stand.ledger.waiting.has_any(now().wall_ms)


@pytest.mark.parametrize(("ahead_ms", "is_voted"), [(1, True), (LATE_MS, False)])
def test_a_block_that_gets_no_vote_leaves_nothing_behind(ahead_ms: int, is_voted: bool) -> None:
    """V-16, P-18: one whose time is wrong holds valid entries all the same."""
    council, leader = Council(without=1), PEOPLE[1]
    council.pass_time(2_000)
    for voter in council.stands:
        voter.connect(leader)
        chain = voter.core.chain
        strange = entry(leader, voter.founded, 1, profile("there"), until_ms=START_MS + DAY_MS)
        made = chain.make(None, [strange], START_MS + voter.at_ms + ahead_ms, 1)
        assert made is not None
        block = made.branch.block
        vote = Vote(
            epoch=1, view=1, kind=VoteKind.NOTARIZE, block=block.header.id, witness=1,
            signature=sign_vote(leader.voting, chain.network, 1, 1, VoteKind.NOTARIZE, block.header.id),
        )  # fmt: skip
        effects = voter.hear(leader, Proposed(vote=vote_to_value(vote), block=write_block(block)))
        effects += voter.give(Quiet())
        assert bool(of(effects, Journal)) is is_voted
        assert len(voter.ledger.pool) == is_voted


def test_witnesses_go_on_though_every_pool_is_full_of_keys_nobody_knows() -> None:
    """P-17, V-17."""
    council = Council()
    council.record(0, "before")
    height = council.stands[0].height
    founded = council.stands[0].founded
    until_ms = START_MS + 30 * DAY_MS
    strangers = [entry(person(f"zed{i}"), founded, 1, profile(), until_ms=until_ms) for i in range(100)]
    for stand in council.stands:
        stand.ledger.waiting.found(strangers, height + 50)
    council.record(1, "after")
    council.pass_time(10_000, 500)
    assert [stand.height for stand in council.stands] == [height + 1] * 4
