"""A lying leader, a lying server of blocks, a false charter, and clocks that are wrong: what a reader takes none of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.block import make_block, read_block, witnesses_hash, write_block
from ledger.chain import STALL_MS, Advance, BadRange, Chain
from ledger.charter import BadCharter, check_founding, founding_id, write_charter
from ledger.consensus.votes import BadCertificate, VoteKind, quorum
from ledger.entry import Entry
from ledger.errors import RemoteError
from ledger.fold import execute
from ledger.state import Overlay
from protocol.effects import Commit
from protocol.inputs import Now
from protocol.replication.door import Voter
from protocol.replication.ledger_peer import LedgerPeer
from tests.ledger.consensus.seat import Seat, block, cast
from tests.ledger.town import DAY_MS, START_MS, Person, Town, certificate, charter_content

PROFILE = "membership.profile/1"


def next_step(town: Town, *entries: Entry) -> Advance:
    step = town.chain.build(entries, town.now_ms, town.chain.head.view + 1)
    assert step is not None
    return step


@pytest.mark.parametrize("places", [(0,), (0, 1), (1, 3)])
def test_fewer_than_a_quorum_make_nothing_final(places: tuple[int, ...]) -> None:
    """V-2, V-3, V-5: f faulty witnesses and one more are not enough."""
    town = Town(people=4, witnesses=4)
    step = next_step(town, town.entry(town.people[0].working, PROFILE))
    with pytest.raises(BadCertificate):
        town.chain.advance(step.blocks, certificate(town.charter, step.blocks[0], view=1, places=places))
    assert quorum(4) == 3


def test_a_leader_that_mints_money_is_refused_even_with_a_quorum_behind_it() -> None:
    """B-12: the root is what the entries make, whoever signed."""
    town = Town(people=4, witnesses=4)
    credit = town.credit(amount=10)
    pay = {"amount": 11, "credit": credit, "to": town.people[1].id}
    honest = next_step(town, town.entry(town.people[0].working, "credits.pay/1", pay)).blocks[0]
    assert honest.outcomes == ("account.too-little",)
    tx = Overlay(town.state)
    tx.put(b"holding/" + town.people[1].id + b"c" + credit, {"free": 11})
    header = honest.header
    lie = make_block(
        network=header.network,
        epoch=1,
        view=header.view,
        height=header.height,
        parent=header.parent,
        time_ms=header.time_ms,
        state_root=town.state.settle(tx.changes).root,
        witnesses=header.witnesses,
        entries=honest.entries,
        outcomes=("",),
    )
    with pytest.raises(BadRange):
        town.chain.advance([lie], certificate(town.charter, lie, view=header.view, places=range(4)))


def test_two_different_blocks_at_one_height_cannot_both_follow() -> None:
    """B-11, V-5: whoever took the one refuses the other."""
    town = Town(people=4, witnesses=4)
    one = next_step(town, town.entry(town.people[0].working, PROFILE))
    other = next_step(town, town.entry(town.people[1].working, PROFILE))
    assert one.blocks[0].header.id != other.blocks[0].header.id
    town.chain.take(one)
    with pytest.raises(BadRange):
        town.chain.advance(other.blocks, certificate(town.charter, other.blocks[0], view=1, places=(1, 2, 3)))


def test_an_honest_witness_votes_for_one_of_two_conflicting_blocks() -> None:
    """V-6, V-8: an equivocating leader gets one vote from each."""
    witness, one, other = Seat(n=4, place=2), block(1, 5), block(1, 6)
    assert cast(witness.propose(one)) == [(VoteKind.NOTARIZE, 1, one.header.id)]
    assert cast(witness.propose(other)) == []


def test_a_forged_outcome_or_signature_on_the_way_is_noticed() -> None:
    """B-6, B-9."""
    town = Town()
    town.credit(amount=10)
    block = town.steps[-1].blocks[0]
    data = write_block(block)
    signature = block.entries[0].signature
    with pytest.raises(RemoteError):
        read_block(data.replace(signature, bytes(64)))
    assert read_block(data) == block


def test_an_empty_block_is_refused_unless_something_fell_due() -> None:
    """B-10: nobody fills everybody's disk with nothing."""
    town = Town()
    town.credit(amount=0)
    head = town.chain.head
    empty = make_block(
        network=town.network,
        epoch=1,
        view=head.view + 1,
        height=head.height + 1,
        parent=head.block,
        time_ms=head.time_ms + 1,
        state_root=head.state_root,
        witnesses=witnesses_hash(town.chain.witnesses),
        entries=(),
        outcomes=(),
    )
    with pytest.raises(BadRange, match="nothing"):
        town.chain.advance([empty], certificate(town.charter, empty, view=head.view + 1, places=[0]))


def test_a_late_joiner_is_not_taken_in_by_a_false_charter_or_history() -> None:
    """F-1, F-3: the network's name is the charter's hash, and its founders signed it."""
    town = Town()
    forged = write_charter({**charter_content(), "name": "Valley", "purpose": "to make money"})
    assert forged.network != town.network
    attacker = Person(9)
    signatures: dict[bytes, bytes] = {Person(i).id: attacker.root.sign(founding_id(forged.network)) for i in range(3)}
    with pytest.raises(BadCharter):
        check_founding(forged, signatures)
    false_town = Town(people=4)
    false_town.credit(amount=0)
    blocks = false_town.steps[0].blocks
    mine = Chain.founded(town.charter)[0]
    with pytest.raises((BadRange, BadCertificate)):
        mine.advance(blocks, certificate(false_town.charter, blocks[0], view=1, places=[0]))


def test_a_certificate_of_yesterday_does_not_make_todays_block_final() -> None:
    """V-1, V-3: replay of a certificate for another block or kind."""
    town = Town()
    town.credit(amount=0)
    old = certificate(town.charter, town.steps[0].blocks[0], view=1, places=[0])
    step = next_step(town, town.entry(town.people[1].working, PROFILE))
    for wrong in (
        old,
        replace(old, block=step.blocks[0].header.id),
        certificate(town.charter, step.blocks[0], view=step.head.view, places=[0], kind=VoteKind.NOTARIZE),
    ):
        with pytest.raises((BadRange, BadCertificate)):
            town.chain.advance(step.blocks, wrong)


def peer_of(town: Town) -> LedgerPeer:
    entry = town.entry(town.people[1].working, PROFILE, until_ms=town.now_ms + 60 * DAY_MS)
    ada = town.people[0]
    return LedgerPeer(town.chain, member=ada.id, signer=ada.working, voter=Voter(key=Person(0).voting), pending=[entry])


@pytest.mark.parametrize(("later_ms", "proposes"), [(0, True), (STALL_MS - DAY_MS, True), (STALL_MS + DAY_MS, False)])
def test_a_leader_whose_clock_jumped_by_a_month_proposes_nothing(later_ms: int, proposes: bool) -> None:
    """V-13: every deadline in the ledger would pass at once."""
    town = Town()
    town.credit(amount=0)
    effects = peer_of(town).work(Now(wall_ms=town.now_ms + later_ms, monotonic_ms=0))
    assert any(isinstance(effect, Commit) for effect in effects) is proposes


def test_a_clock_set_back_makes_no_block_earlier_than_its_parent() -> None:
    """B-11, V-13."""
    town = Town()
    town.credit(amount=0)
    effects = peer_of(town).work(Now(wall_ms=START_MS - DAY_MS, monotonic_ms=0))
    (commit,) = [effect for effect in effects if isinstance(effect, Commit)]
    assert commit.step.head.time_ms == town.chain.head.time_ms + 1


def test_the_same_block_leaves_the_state_alone_until_it_is_taken() -> None:
    """E-5, S-4: checking a lie changes nothing."""
    town = Town()
    town.credit(amount=5)
    before: Any = town.pairs(), town.state.root, town.chain.head
    entry = town.entry(town.people[0].working, PROFILE, {"gifts": True})
    execute(Overlay(town.state), town.network, 9, town.now_ms, [entry], town.charter.limits)
    town.chain.check(next_step(town, entry).blocks, 99)
    assert (town.pairs(), town.state.root, town.chain.head) == before
