"""What a start makes of the journal of votes: finished blocks are stored, and after a restored backup nobody votes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dpnode.assembly import _replica
from dpnode.store.errors import JournalLost
from dpnode.store.journal import Record
from dpnode.voting import floor_record, open_votes, own_certificate, records_of, remembered
from ledger.block import make_block
from ledger.chain import Chain
from ledger.consensus.replica import Cast, Proposed, Replica, Vote
from tests.ledger.town import Person, Town


@dataclass
class Disk:
    """A store that keeps what is committed to it."""

    commits: list[Any] = field(default_factory=list)

    async def commit(self, commit: Any) -> None:
        self.commits.append(commit)


def witnessed(blocks: int) -> tuple[Town, list[Record], list[Vote]]:
    """A town of one witness, the journal it wrote, and its votes."""
    town, records, votes = Town(), list[Record](), list[Vote]()
    chain = town.chain
    witness = Replica(network=town.network, epoch=1, keys=chain.voting_keys, place=0, signer=Person(0).voting, floor=0)
    for number in range(blocks):
        entry = town.entry(town.people[0].working, "membership.profile/1", {"gifts": number % 2 == 0})
        (block,) = town.block(entry).blocks
        effects = witness.step(Proposed(view=witness.view, block=block.header.id))
        cast = [effect.vote for effect in effects if isinstance(effect, Cast)]
        assert own_certificate(cast, block) is not None
        records += records_of(cast, block)
        votes += cast
    return town, records, votes


def started(town: Town) -> tuple[Chain, Any]:
    """The chain of a database that knows the charter only, and its owner."""
    return Chain.founded(town.charter)[0], SimpleNamespace(member=Person(0).id, voting=Person(0).voting)


async def test_blocks_that_reached_only_the_journal_are_stored_at_the_next_start() -> None:
    """V-9: a power cut between the vote and the database loses nothing and contradicts nothing."""
    town, records, votes = witnessed(3)
    chain, owner = started(town)
    disk: Any = Disk()
    replica, said = await _replica(disk, chain, owner, records)
    assert said == "voting"
    assert replica is not None
    assert chain.head.block == town.chain.head.block
    assert len(disk.commits) == 3
    assert replica.view == votes[-1].view + 1
    assert remembered(records).votes == tuple(votes)


async def test_a_vote_whose_block_was_never_final_is_not_contradicted() -> None:
    """V-9: the notarization alone was synced."""
    town, records, votes = witnessed(1)
    chain, owner = started(town)
    disk: Any = Disk()
    replica, _ = await _replica(disk, chain, owner, records[:2])
    assert replica is not None
    assert (chain.head.height, disk.commits) == (0, [])
    assert replica.view == votes[0].view + 1
    assert replica.step(Proposed(view=votes[0].view, block=bytes(32))) == []


async def test_a_database_older_than_the_journal_votes_no_more() -> None:
    """V-10."""
    town, records, _ = witnessed(3)
    chain, owner = started(town)
    disk: Any = Disk()
    replica, said = await _replica(disk, chain, owner, [floor_record(3), *records[-3:]])
    assert replica is None
    assert "backup" in said
    assert disk.commits == []


async def test_without_the_journal_or_the_seat_nobody_votes() -> None:
    """V-10: no journal, no key."""
    town, records, _ = witnessed(1)
    chain, owner = started(town)
    disk: Any = Disk()
    other = SimpleNamespace(member=Person(1).id, voting=Person(1).voting)
    nobody = SimpleNamespace(member=owner.member, voting=None)
    cases: list[tuple[Any, list[Record] | None]] = [(owner, None), (other, records), (nobody, records)]
    for who, journal in cases:
        replica, said = await _replica(disk, chain, who, journal)
        assert replica is None
        assert said != "voting"


def test_a_start_before_the_first_block_finds_the_journal_that_an_earlier_start_made(tmp_path: Path) -> None:
    """V-9: a founder who stops the node before anything was recorded is still a witness afterwards."""
    for _ in range(2):
        with open_votes(tmp_path, create=True) as (journal, records):
            assert records == []
    with open_votes(tmp_path, create=True) as (journal, _):
        journal.append([floor_record(7)])
    with open_votes(tmp_path, create=True) as (_, records):
        assert remembered(records).floor == 7


def test_a_journal_that_is_gone_is_not_made_anew_behind_a_ledger_with_blocks(tmp_path: Path) -> None:
    """V-10."""
    with pytest.raises(JournalLost), open_votes(tmp_path, create=False):
        pass


async def test_a_journal_of_another_network_ends_the_voting() -> None:
    """V-10: its views say nothing about this ledger."""
    _, records, _ = witnessed(1)
    chain, owner = started(Town(people=2))
    disk: Any = Disk()
    replica, said = await _replica(disk, chain, owner, records)
    assert replica is None
    assert "another network" in said
    assert disk.commits == []


async def test_one_of_several_witnesses_does_not_vote_yet() -> None:
    """Ordering among several comes later; until then a node says so instead of falling over its first block."""
    chain, owner = started(Town(people=4, witnesses=4))
    disk: Any = Disk()
    replica, said = await _replica(disk, chain, owner, [])
    assert replica is None
    assert "several witnesses" in said


def test_a_certificate_is_made_only_of_a_finalization_of_that_block() -> None:
    """V-3, V-9."""
    town, _, votes = witnessed(1)
    block = town.steps[0].blocks[0]
    assert own_certificate(votes[:1], block) is None
    header = block.header
    other = make_block(
        network=header.network, epoch=1, view=2, height=1, parent=header.parent, time_ms=header.time_ms,
        state_root=header.state_root, witnesses=header.witnesses, entries=block.entries, outcomes=block.outcomes,
    )  # fmt: skip
    assert own_certificate(votes, other) is None
