"""Between the core and the rows: what is written is read back the same, and damage is said and signed with nothing."""

from __future__ import annotations

from typing import Any

import pytest

from dpnode.errors import FailKind, Problem
from dpnode.shelf import (
    KEPT_EPOCH_END,
    META_CHECKPOINT,
    META_HEAD,
    check_anchor_row,
    check_head_row,
    ended_epochs,
    founding_commit,
    pending_entries,
    pending_row,
    read_anchor,
    read_chain,
    read_founded,
    served_range,
    step_commit,
)
from dpnode.store.rows import ServedBlock
from ledger.block import Block, read_block, read_triple
from ledger.canonical import decode, encode
from ledger.chain import Chain
from ledger.consensus.votes import Certificate, VoteKind, write_certificate
from ledger.keys import Signature, SigningKey
from protocol.effects import Commit
from protocol.inputs import Quiet
from protocol.joining import inviting
from protocol.replication.anchor import Anchor
from tests.ledger.operations.council import Council, spare
from tests.protocol.stand import ANN, BEN, CAT, Stand, now, of, profile
from tests.simulation.town import DAY_MS, START_MS, joining


def stand(blocks: int = 2) -> Stand:
    ann = Stand()
    for n in range(blocks):
        ann.submit(profile(f"{n}"))
        ann.hand(BEN, ann.entry(BEN, n + 1))
        ann.block()
    return ann


def test_a_network_is_read_back_as_it_was_founded() -> None:
    ann = Stand()
    commit = founding_commit(ann.founded, (7, b"b" * 32))
    meta: dict[str, Any] = dict(commit.meta)
    assert read_founded(meta) == ann.founded
    assert decode(meta[META_CHECKPOINT]) == [7, b"b" * 32]
    assert META_CHECKPOINT not in dict(founding_commit(ann.founded).meta)


def test_the_witnesses_of_the_epochs_before_are_read_back() -> None:
    """V-24: those of the charter, and of every later list."""
    town = Council(people=4, witnesses=3)
    for person in (3, 4):
        town.now_ms += 5
        assert town.rekey(person - 3, spare(person)) == ""
    town.seat(3)
    chain, kept = Chain.founded(town.charter)[0], list[Any]()
    for step in town.steps:
        kept += step_commit(chain, step, certificate_of(step.blocks[-1])).kept
        chain.take(step)
    ends = [(number, end) for kind, number, end in kept if kind == KEPT_EPOCH_END]
    assert chain.head.epoch == 4 and sorted(chain.ended) == [1, 2, 3]
    assert ended_epochs(chain, ends) == chain.ended
    assert ended_epochs(chain, ends[:1]) == {epoch: chain.ended[epoch] for epoch in (1, 2)}
    number, end = ends[0]
    for damaged in (end[:-1], encode({"bucket": 1}), encode({"bucket": {"pairs": [1]}})):
        with pytest.raises(Problem, match="ends of its epochs"):
            ended_epochs(chain, [(number, damaged)])


def certificate_of(block: Block) -> bytes:
    """One that names the block; nobody looks at who signed."""
    votes = ((0, Signature(bytes(64))),)
    header = block.header
    made = Certificate(epoch=header.epoch, view=header.view, kind=VoteKind.FINALIZE, block=header.id, votes=votes)
    return write_certificate(made)


def test_the_block_of_the_invitation_is_read_back_and_a_founder_has_none() -> None:
    ann = Stand()
    anchor = read_anchor(dict[str, Any](founding_commit(ann.founded, (7, b"b" * 32)).meta))
    assert (anchor.height, anchor.block) == (7, b"b" * 32)
    assert read_anchor({}).height == 0


@pytest.mark.parametrize(
    ("at", "height", "found", "holds"),
    [(0, 9, None, True), (5, 4, None, True), (5, 5, b"b", True), (5, 9, b"x", False), (5, 9, None, False)],
)
def test_a_stored_history_without_the_block_of_the_invitation_is_not_started_with(
    at: int, height: int, found: bytes | None, holds: bool
) -> None:
    """P-56."""
    stored = None if found is None else found * 32
    if holds:
        check_anchor_row(Anchor(at, b"b" * 32), height, stored)
        return
    with pytest.raises(Problem, match="does not hold block 5") as problem:
        check_anchor_row(Anchor(at, b"b" * 32), height, stored)
    assert problem.value.kind is FailKind.VERIFICATION


def test_a_home_without_a_network_has_none() -> None:
    assert read_founded({}) is None


def test_a_chain_is_read_back_as_it_was_stored() -> None:
    ann = stand()
    chain = read_chain(ann.founded.charter, ann.disk.meta, ann.disk.pairs.items())
    assert chain.head == ann.core.chain.head
    assert chain.state.root == ann.core.chain.state.root


@pytest.mark.parametrize("damage", ["a value", "a pair more", "a pair less", "another root"])
def test_a_state_that_is_not_the_heads_is_refused_and_says_what_to_do(damage: str) -> None:
    ann = stand()
    pairs, meta = dict(ann.disk.pairs), dict(ann.disk.meta)
    key = next(iter(pairs))
    match damage:
        case "a value":
            pairs[key] = encode({"root": bytes(32)})
        case "a pair more":
            pairs[b"credit/" + bytes(32)] = encode(1)
        case "a pair less":
            del pairs[key]
        case _:
            meta[META_HEAD] = encode({**decode(meta[META_HEAD]), "state": bytes(32)})
    with pytest.raises(Problem) as problem:
        read_chain(ann.founded.charter, meta, pairs.items())
    assert problem.value.kind is FailKind.VERIFICATION
    assert "nothing is signed" in problem.value.sentence


@pytest.mark.parametrize("head", [b"", b"\xff", encode({}), encode({"height": 1})])
def test_a_head_that_cannot_be_read_is_said(head: bytes) -> None:
    ann = Stand()
    with pytest.raises(Problem, match="readable head"):
        read_chain(ann.founded.charter, {**ann.disk.meta, META_HEAD: head}, ann.disk.pairs.items())


def test_the_newest_block_must_be_the_one_the_head_names() -> None:
    ann = stand()
    header = read_block(ann.disk.blocks[-1].body).header.body
    earlier = read_block(ann.disk.blocks[0].body).header.body
    check_head_row(ann.core.chain, header)
    for wrong in (earlier, None):
        with pytest.raises(Problem, match="is not block 2"):
            check_head_row(ann.core.chain, wrong)
    check_head_row(Stand().core.chain, None)


def test_every_entry_is_found_at_its_mark_and_under_its_author() -> None:
    ann = Stand()
    ann.submit(profile("a"))
    ann.hand(BEN, ann.entry(BEN, 1))
    effects = ann.core.handle(Quiet(), now())
    (commit,) = of(effects, Commit)
    rows = step_commit(ann.core.chain, commit.step, commit.certificate)
    (block,) = rows.blocks
    assert block.certificate == commit.certificate
    for mark in block.marks:
        assert read_triple(block.body[mark.offset : mark.offset + mark.size])[0].id == mark.id
    assert {mark.author for mark in block.marks} == {ANN.member, BEN.member}
    assert set(rows.pending_done) == {mark.id for mark in block.marks}


def test_of_blocks_that_came_together_the_last_has_the_certificate() -> None:
    ann, ben = stand(3), Stand(BEN)
    ben.hear(ANN, ann.range())
    ben.give(Quiet())
    assert [block.certificate is None for block in ben.disk.blocks] == [True, True, False]
    assert [block.body for block in ben.disk.blocks] == [block.body for block in ann.disk.blocks]


def test_an_entry_under_a_key_that_its_own_block_makes_known_has_an_author() -> None:
    ann = Stand()
    invite = SigningKey(b"i" * 32)
    network = ann.core.chain.network
    ann.submit(inviting(invite, member=ANN.member, network=network, until_ms=START_MS + DAY_MS))
    guest = joining(CAT, ann.founded, invite)
    ann.ledger.pool.add(guest)
    (commit,) = of(ann.core.handle(Quiet(), now()), Commit)
    (block,) = step_commit(ann.core.chain, commit.step, commit.certificate).blocks
    assert [mark.author for mark in block.marks if mark.id == guest.id] == [ANN.member]


def test_a_pending_entry_is_read_back_as_it_was() -> None:
    entry = Stand().entry(BEN, 1)
    assert pending_entries([pending_row(entry)]) == [entry]
    assert pending_row(entry).mine


def certified(epoch: int) -> bytes:
    votes = ((0, Signature(bytes(64))),)
    return write_certificate(Certificate(epoch=epoch, view=1, kind=VoteKind.FINALIZE, block=bytes(32), votes=votes))


@pytest.mark.parametrize(
    ("epochs", "served"),
    [((), 0), ((None,), 0), ((1, None), 1), ((None, 1, 1), 3), ((1, None, 1, 2), 3), ((None, 1, None, 2, 3), 2)],
)
def test_a_range_ends_with_a_certificate_and_never_goes_beyond_an_epoch(
    epochs: tuple[int | None, ...], served: int
) -> None:
    """P-30: whoever asks knows the list of the epoch it is in, and of no later one."""
    certificates = [None if epoch is None else certified(epoch) for epoch in epochs]
    found = [ServedBlock(height=5 + i, body=bytes([i]), certificate=one) for i, one in enumerate(certificates)]
    message = served_range(5, found, 99)
    assert message.blocks == [bytes([i]) for i in range(served)]
    assert message.certificate == (certificates[served - 1] if served else b"")
    assert (message.start, message.height) == (5, 99)
