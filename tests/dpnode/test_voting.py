"""What a start makes of the journal of votes: finished blocks are stored, and after a restored backup nobody votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import dpnode.voting
from dpnode.assembly import voter_of
from dpnode.store.errors import JournalLost
from dpnode.store.journal import NAME, SALT_BYTES, Record, start_journal
from dpnode.voting import (
    Kind,
    VoteBook,
    floor_record,
    halt_record,
    open_votes,
    records_of,
    remembered,
    still_needed,
)
from ledger.canonical import encode
from ledger.chain import Chain
from ledger.consensus.votes import VoteKind
from protocol.effects import Commit, Effect, Journal
from protocol.inputs import Now, Quiet
from protocol.replication.door import Memory
from protocol.replication.ledger_peer import LedgerPeer
from tests.dpnode.store.crash_disk import CrashDisk
from tests.ledger.town import Person, Town
from tests.protocol.stand import ANN, BEN, Stand, of, profile


def witnessed(blocks: int) -> Stand:
    """A witness alone that has made so many blocks."""
    ann = Stand(ANN)
    for number in range(blocks):
        ann.at_ms += 10
        ann.submit(profile(f"{number}"))
        ann.block()
    assert ann.height == blocks
    return ann


def put_back(journal: Sequence[Record]) -> Stand:
    """A database that knows the charter only, beside this journal."""
    again = Stand(ANN)
    again.disk.journal = list(journal)
    return again


def view(stand: Stand) -> int:
    found: int = stand.ledger.orderer._replica.view
    return found


def test_blocks_that_reached_only_the_journal_are_stored_at_the_next_start() -> None:
    """V-9: a power cut between the vote and the database loses nothing and contradicts nothing."""
    ann = witnessed(3)
    again = put_back(ann.disk.journal)
    effects = again.restart()
    assert of(effects, Commit) and not of(effects, Journal)
    assert again.core.chain.head == ann.core.chain.head
    assert again.disk.ids == ann.disk.ids
    assert view(again) == view(ann)
    assert again.ledger.orderer.silence() == ""


def test_a_vote_whose_block_was_never_final_is_not_contradicted_and_its_block_becomes_final() -> None:
    """V-9: the notarization alone was synced."""
    ann = witnessed(1)
    kept = [one for one in ann.disk.journal if one.kind in (Kind.BLOCK, Kind.BALLOT)][:2]
    assert [one.kind for one in kept] == [Kind.BLOCK, Kind.BALLOT]
    again = put_back(kept)
    again.restart()
    assert again.height == 0 and view(again) == 2
    signer = again.ledger.orderer._replica._book.signer
    assert signer.cast(1, VoteKind.NOTARIZE, bytes(32)) is None
    again.at_ms += 1_000
    again.give(Quiet())
    assert again.disk.ids == ann.disk.ids


def test_a_database_older_than_the_journal_votes_nothing_where_nobody_else_has_the_blocks() -> None:
    """V-10: the blocks in between may be nowhere; what the journal alone still holds is no help without them."""
    ann = witnessed(3)
    again = put_back([floor_record(1, 2), *ann.disk.journal[-4:]])
    again.restart()
    again.submit(profile("more"))
    assert not of([*again.block(), *again.tick(100_000), *again.block()], Journal) and again.height == 0
    orderer = again.ledger.orderer
    assert "older than the journal" in orderer.silence() and not orderer.needs_key and not orderer.is_alone
    whole = put_back(ann.disk.journal)
    whole.restart()
    assert whole.ledger.orderer.silence() == ""


def test_among_several_an_older_database_waits_until_it_has_caught_up() -> None:
    """V-10: the others have the blocks."""
    town = Town(people=4, witnesses=4)
    voter = voter_of(town.chain, Person(0).voting, [floor_record(1, 9)])
    assert voter.key is not None
    peer = seated(town, voter_records=[floor_record(1, 9)])
    assert not peer.orderer._replica.may_vote  # type: ignore[union-attr]


def test_a_database_of_an_epoch_that_the_journal_knows_to_be_over_votes_no_more_in_it() -> None:
    """V-10, V-22: its votes of that epoch may be gone from the journal, whether it was alone in it or not."""
    later = remembered(witnessed(1).disk.journal).votes[0]
    over = records_of(Journal(certificates=(), blocks=(), votes=(replace(later, epoch=2),)))
    for records in ([floor_record(2, 0)], over):
        again = put_back(records)
        again.restart()
        again.submit(profile("more"))
        assert not of(again.block(), Journal) and "older than the journal" in again.ledger.orderer.silence()
        town = Town(people=4, witnesses=4)
        peer = seated(town, voter_records=records)
        assert peer.orderer._replica._book.signed_floor > 2**52  # type: ignore[union-attr]
    assert Memory(floors=((1, 4), (2, 7))).floor(2) == 7
    assert Memory(floors=((1, 4),)).floor(2) == 0


def seated(town: Town, voter_records: list[Record]) -> LedgerPeer:
    ada = town.people[0]
    voter = voter_of(town.chain, Person(0).voting, voter_records)
    return LedgerPeer(town.chain, member=ada.id, signer=ada.working, voter=voter, pending=[])


def test_one_of_several_witnesses_asks_before_it_votes_and_says_so() -> None:
    """V-21."""
    town = Town(people=4, witnesses=4)
    peer = seated(town, [])
    peer.started(Now(wall_ms=town.now_ms, monotonic_ms=1))
    assert peer.orderer.is_seated and "asking" in peer.orderer.silence()


def test_without_the_key_the_journal_or_the_seat_nobody_votes() -> None:
    """V-10: no journal, no key."""
    chain = witnessed(1).core.chain
    for voter in (voter_of(chain, None, []), voter_of(chain, ANN.voting, None)):
        assert voter.key is None and voter.why
    assert Stand(BEN).ledger.orderer.silence() == "not a witness"
    lost = Stand(ANN)
    lost.ledger.orderer._voter = voter_of(chain, ANN.voting, None)
    lost.ledger.orderer._take_seat(is_cleared=False)
    assert "missing" in lost.ledger.orderer.silence()


def test_a_key_that_was_halted_stays_so_after_every_start() -> None:
    """V-10."""
    ann = witnessed(1)
    again = put_back([*ann.disk.journal, halt_record("a copy of it has voted")])
    again.restart()
    again.submit(profile("more"))
    assert not of(again.block(), Journal)
    assert again.ledger.orderer.silence() == "a copy of it has voted"


def test_a_start_before_the_first_block_finds_the_journal_that_an_earlier_start_made(tmp_path: Path) -> None:
    """V-9: a founder who stops the node before anything was recorded is still a witness afterwards."""
    for _ in range(2):
        with open_votes(tmp_path, create=True) as (journal, records):
            assert records == []
    with open_votes(tmp_path, create=True) as (journal, _):
        journal.append([floor_record(1, 7)])
    with open_votes(tmp_path, create=True) as (_, records):
        assert remembered(records).floors == ((1, 7),)


def test_a_journal_that_is_gone_is_not_made_anew_behind_a_ledger_with_blocks(tmp_path: Path) -> None:
    """V-10."""
    with pytest.raises(JournalLost), open_votes(tmp_path, create=False):
        pass


def test_a_journal_of_another_network_ends_the_voting() -> None:
    """V-10: its views say nothing about this ledger."""
    chain = Chain.founded(Town(people=2).charter)[0]
    voter = voter_of(chain, ANN.voting, witnessed(1).disk.journal)
    assert voter.key is None and "another network" in voter.why


def test_what_is_written_reads_back_in_the_order_of_the_rule() -> None:
    """V-9: certificates, blocks, votes."""
    (written,) = of(effects_of_a_block(), Journal)
    records = records_of(written)
    assert [one.kind for one in records] == [Kind.CERTIFICATE, Kind.BLOCK, Kind.BALLOT, Kind.BALLOT]
    memory = remembered([*records, floor_record(1, 1), floor_record(2, 5), floor_record(1, 3)])
    assert (memory.certificates, memory.blocks, memory.votes) == (written.certificates, written.blocks, written.votes)
    assert memory.floors == ((1, 3), (2, 5)) and memory.halted == ""


def effects_of_a_block() -> list[Effect]:
    ann = Stand(ANN)
    ann.submit(profile())
    return ann.block()


@pytest.mark.parametrize(
    "record",
    [
        Record(99, b""),
        Record(Kind.BALLOT, b"\xff"),
        Record(Kind.BALLOT, encode({"epoch": 1})),
        Record(Kind.BLOCK, b"\x80"),
        Record(Kind.CERTIFICATE, b"\x80"),
        Record(Kind.FLOOR, encode({"epoch": 1})),
        Record(Kind.HALT, b"\x80"),
    ],
    ids=lambda one: f"{one.kind}-{one.body.hex()}",
)
def test_a_record_that_cannot_be_read_is_a_journal_lost(record: Record) -> None:
    """V-9: what it held may have been a vote."""
    with pytest.raises(JournalLost):
        remembered([record])


def test_what_lies_at_or_below_the_head_is_not_needed_any_more() -> None:
    """V-11."""
    ann = witnessed(3)
    head, memory = ann.core.chain.head, remembered(ann.disk.journal)
    kept = Journal(certificates=memory.certificates, blocks=memory.blocks, votes=memory.votes)
    assert still_needed(kept, head) == Journal(certificates=(), blocks=(), votes=())
    one_less = still_needed(kept, replace(head, height=2, view=2))
    assert [one.view for one in one_less.votes] == [3, 3] and [one.header.height for one in one_less.blocks] == [3]
    assert still_needed(kept, replace(head, epoch=2, view=0)).votes == ()
    assert still_needed(kept, replace(head, epoch=0, view=99)).votes == kept.votes


def test_a_journal_begun_anew_keeps_the_floor_what_is_above_it_and_the_halt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-9, V-10."""
    ann = witnessed(3)
    head, memory = ann.core.chain.head, remembered(ann.disk.journal)
    last = [Journal(certificates=(), blocks=(), votes=(one,)) for one in memory.votes]
    with open_votes(tmp_path, create=True) as (journal, _):
        book = VoteBook(journal, Memory())
        for one in last[:-1]:
            book.write(one, replace(head, height=2, view=2))
        book.halt("told otherwise")
        monkeypatch.setattr(dpnode.voting, "JOURNAL_BYTES_MAX", 0)
        book.write(last[-1], replace(head, height=2, view=2))
    with open_votes(tmp_path, create=False) as (_, records):
        again = remembered(records)
    assert again.floors == ((1, 2),) and again.halted == "told otherwise"
    assert again.votes == memory.votes[-2:]


def test_a_journal_full_of_what_is_not_final_is_not_begun_anew_with_every_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    """V-9: rewriting 20 MiB takes a third of a second, a vote a hundredth."""
    ann = witnessed(1)
    base = replace(ann.core.chain.head, height=0, view=0)
    memory = remembered(ann.disk.journal)
    once = Journal(certificates=(), blocks=memory.blocks, votes=memory.votes)
    monkeypatch.setattr(dpnode.voting, "JOURNAL_BYTES_MAX", 10_000)
    disk = CrashDisk()
    journal, _ = start_journal(disk, NAME, create=True, salt=bytes(SALT_BYTES))
    book = VoteBook(journal, Memory())
    for _ in range(200):
        book.write(once, base)
    assert journal.size_bytes > 100_000
    assert 2 <= [step[0] for step in disk.log].count("rename") <= 6, "it doubles before it is begun anew"
    _, records = start_journal(disk, NAME, create=False, salt=bytes(SALT_BYTES))
    assert remembered(records).votes == memory.votes * 200
