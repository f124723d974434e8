"""Blocks a hostile peer serves: each field changed, cut, reordered, forged; a reader's ledger stays as it was.

SPEC P-31, P-32, P-35, P-36, P-37, P-56; B-9, B-10, B-11, B-12; V-3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger.block import Block, read_block, write_block
from ledger.consensus.votes import (
    Certificate,
    VoteKind,
    read_certificate,
    sign_vote,
    write_certificate,
)
from ledger.keys import Signature, SigningKey
from ledger.names import Kind, short
from protocol.effects import Alarm, Commit, Effect
from protocol.inputs import Quiet
from protocol.limits import RANGE_DEADLINE_MS, RANGES_QUEUED_MAX
from protocol.messages import AskRange, Blocks, NewHead
from protocol.replication.anchor import Anchor
from tests.ledger.consensus.seat import Seat, block, cast
from tests.ledger.town import remade
from tests.protocol.stand import ANN, BEN, CAT, Stand, is_rejected, of, profile, said
from tests.simulation.town import START_MS


def source(blocks: int, *founders: str) -> Stand:
    """The witness's ledger of so many blocks."""
    ann = Stand(ANN, *founders)
    for n in range(blocks):
        ann.at_ms += 10
        ann.submit(profile(f"{n}"))
        ann.block()
    return ann


SOURCE = source(3)
GOOD = SOURCE.range()


def offered(message: Blocks) -> tuple[Stand, list[Effect]]:
    """A fresh reader that is given these blocks and told of none beyond them, which it would wait for (P-37)."""
    ben = Stand(BEN)
    ben.hear(ANN, replace(message, height=0))
    return ben, ben.give(Quiet())


def refused(message: Blocks) -> None:
    ben, effects = offered(message)
    assert is_rejected(effects)
    assert not of(effects, Commit)
    assert ben.state() == Stand(BEN).state()
    assert ben.disk.blocks == []
    ben.hear(ANN, GOOD)
    ben.hear(ANN, Blocks(start=len(GOOD.blocks) + 1, blocks=[], certificate=b"", height=len(GOOD.blocks)))
    ben.give(Quiet())
    assert ben.height == len(GOOD.blocks), "after a bad range the good one is still taken"


def test_the_good_range_is_taken() -> None:
    ben, effects = offered(GOOD)
    assert of(effects, Commit)
    assert ben.height == 3


# -- the range


RANGES: dict[str, Blocks] = {
    "a gap in the middle": replace(GOOD, blocks=[GOOD.blocks[0], GOOD.blocks[2]]),
    "the first left out": replace(GOOD, blocks=GOOD.blocks[1:]),
    "the last left out": replace(GOOD, blocks=GOOD.blocks[:2]),
    "reordered": replace(GOOD, blocks=[GOOD.blocks[1], GOOD.blocks[0], GOOD.blocks[2]]),
    "one twice": replace(GOOD, blocks=[GOOD.blocks[0], *GOOD.blocks]),
    "garbage": replace(GOOD, blocks=[b"\xff", *GOOD.blocks[1:]]),
    "no certificate": replace(GOOD, certificate=b""),
    "garbage for a certificate": replace(GOOD, certificate=b"\x80"),
    "a certificate of an earlier block": replace(GOOD, certificate=SOURCE.disk.blocks[0].certificate or b""),
    "another network's blocks": source(1, "ann").range(),
}


@pytest.mark.parametrize("message", RANGES.values(), ids=RANGES.keys())
def test_a_range_that_does_not_hold_is_refused_whole(message: Blocks) -> None:
    refused(message)


# -- the block, each field of its header changed and signed anew by the real witness: only the rules stand in the way


def certified(block: Block, view: int | None = None, **changes: Any) -> bytes:
    """What a witness that breaks its own rules would sign."""
    view = block.header.view if view is None else view
    epoch = int(changes.get("epoch", 1))
    kind = VoteKind(changes.get("kind", "finalize"))
    signer: SigningKey = changes.get("signer", ANN.voting)
    signature = sign_vote(signer, SOURCE.founded.charter.network, epoch, view, kind, block.header.id)
    return write_certificate(
        Certificate(epoch=epoch, view=view, kind=kind, block=block.header.id, votes=((0, signature),))
    )


FIRST = read_block(GOOD.blocks[0])
HEADERS: dict[str, dict[str, Any]] = {
    "network": {"network": bytes(32)},
    "epoch": {"epoch": 2},
    "height": {"height": 2},
    "time not after the parent's": {"time_ms": SOURCE.founded.charter.created_ms},
    "state": {"state_root": bytes(32)},
    "witnesses": {"witnesses": bytes(32)},
    "an outcome": {"outcomes": ("account.too-little",)},
    "no entries": {"entries": (), "outcomes": ()},
    "an entry twice": {"entries": FIRST.entries * 2, "outcomes": ("", "")},
    "an entry that lapsed": {
        "entries": (SOURCE.entry(ANN, 1, until_ms=START_MS - 5),),
        "outcomes": ("",),
    },
    "an entry with a gap": {"entries": (SOURCE.entry(ANN, 2),), "outcomes": ("",)},
    "another network's entry": {"entries": (SOURCE.entry(ANN, 1, network=bytes(32)),), "outcomes": ("",)},
}


@pytest.mark.parametrize("changes", HEADERS.values(), ids=HEADERS.keys())
def test_a_block_with_one_thing_changed_is_refused_though_the_witness_signed_it(changes: dict[str, Any]) -> None:
    block = remade(FIRST, **changes)
    refused(Blocks(start=1, blocks=[write_block(block)], certificate=certified(block), height=1))


def test_a_block_on_another_parent_is_refused_and_whoever_signed_it_is_named() -> None:
    """V-5, V-24: no single liar makes a second certified history; whoever hands it on may be honest."""
    block = remade(FIRST, parent=bytes(32))
    ben, effects = offered(Blocks(start=1, blocks=[write_block(block)], certificate=certified(block), height=1))
    (alarm,) = of(effects, Alarm)
    assert short(Kind.MEMBER, ANN.member) in alarm.sentence
    assert not of(effects, Commit) and ben.state() == Stand(BEN).state() and ben.disk.blocks == []
    unsigned = certified(block, signer=BEN.voting)
    refused(Blocks(start=1, blocks=[write_block(block)], certificate=unsigned, height=1))


def test_a_block_of_a_view_above_its_certificates_is_refused() -> None:
    block = remade(FIRST, view=5)
    refused(Blocks(start=1, blocks=[write_block(block)], certificate=certified(block, view=4), height=1))


def test_an_entry_swapped_under_the_header_is_refused() -> None:
    swapped = replace(FIRST, entries=(SOURCE.entry(ANN, 1, profile("swapped")),))
    refused(replace(GOOD, blocks=[write_block(swapped), *GOOD.blocks[1:]]))


def test_a_signature_swapped_under_the_header_is_refused() -> None:
    entry = replace(FIRST.entries[0], signature=Signature(bytes(64)))
    refused(replace(GOOD, blocks=[write_block(replace(FIRST, entries=(entry,))), *GOOD.blocks[1:]]))


CERTIFICATES: dict[str, Callable[[Block], bytes]] = {
    "under another key": lambda block: certified(block, signer=BEN.voting),
    "under the working key": lambda block: certified(block, signer=ANN.working),
    "of another epoch": lambda block: certified(block, epoch=2),
    "a notarization": lambda block: certified(block, kind="notarize"),
    "of another view than it was signed in": lambda block: write_certificate(
        replace(read_certificate(certified(block)), view=9)
    ),
    "by a witness that does not exist": lambda block: write_certificate(
        replace(read_certificate(certified(block)), votes=((1, Signature(bytes(64))),))
    ),
}


@pytest.mark.parametrize("forge", CERTIFICATES.values(), ids=CERTIFICATES.keys())
def test_a_forged_certificate_makes_nothing_final(forge: Callable[[Block], bytes]) -> None:
    refused(replace(GOOD, blocks=GOOD.blocks[:1], certificate=forge(FIRST)))


def parts(**of_second: bytes) -> list[Blocks]:
    """The good blocks as three answers, the second one changed."""
    single = [replace(SOURCE.range(start, 1), height=3) for start in (1, 2, 3)]
    return [single[0], replace(single[1], **of_second), single[2]]


def heard_together(answers: list[Blocks]) -> tuple[Stand, list[Effect]]:
    """A fresh reader to which all of them came before it began to check."""
    ben = Stand(BEN)
    for answer in answers:
        ben.hear(ANN, answer)
        assert ben.height == 0
    return ben, ben.give(Quiet())


def test_answers_that_came_together_become_final_together_and_each_keeps_its_certificate() -> None:
    """P-37: whoever asks this reader later can be given every one of them."""
    ben, effects = heard_together(parts())
    assert len(of(effects, Commit)) == 1
    assert ben.height == 3
    assert ben.state() == SOURCE.state()
    assert [block.certificate for block in ben.disk.blocks] == [block.certificate for block in SOURCE.disk.blocks]


@pytest.mark.parametrize("forge", CERTIFICATES.values(), ids=CERTIFICATES.keys())
def test_a_forged_certificate_in_the_middle_spoils_all_that_came_together(forge: Callable[[Block], bytes]) -> None:
    """P-31, P-37: though the last one, which covers the same blocks, is good."""
    ben, effects = heard_together(parts(certificate=forge(read_block(GOOD.blocks[1]))))
    assert is_rejected(effects)
    assert not of(effects, Commit)
    assert ben.state() == Stand(BEN).state()


def test_a_certificate_of_another_of_the_blocks_spoils_all_that_came_together() -> None:
    """P-31, P-37: every answer ends with the block that its own certificate names."""
    _, effects = heard_together(parts(certificate=SOURCE.disk.blocks[0].certificate or b""))
    assert is_rejected(effects)
    assert not of(effects, Commit)


@pytest.mark.parametrize("at", range(0, len(GOOD.blocks[0]), 7))
def test_a_block_with_one_bit_changed_is_refused(at: int) -> None:
    body = GOOD.blocks[0]
    damaged = body[:at] + bytes([body[at] ^ 0x10]) + body[at + 1 :]
    refused(replace(GOOD, blocks=[damaged], certificate=SOURCE.disk.blocks[0].certificate or b""))


def test_a_second_final_block_at_one_height_is_not_taken() -> None:
    """V-24: a witness that signs two histories: whoever has one keeps it, and says who signed the other."""
    ben, _ = offered(GOOD)
    other = Stand()
    for n in range(3):
        other.at_ms += 10
        other.submit(profile(f"another history {n}"))
        other.block()
    before = ben.state()
    for start in (1, 3):
        ben.hear(ANN, NewHead(height=3, block=other.core.chain.head.block))
        effects = ben.hear(ANN, other.range(start)) + ben.give(Quiet())
        assert ben.state() == before
    (alarm,) = of(effects, Alarm)
    assert short(Kind.MEMBER, ANN.member) in alarm.sentence


# -- floods and lies


def test_a_flood_of_ranges_fills_no_more_than_three_places() -> None:
    ben = Stand(BEN)
    for start in range(1, 60):
        ben.hear(ANN, Blocks(start=start, blocks=[b"x"], certificate=b"c", height=60))
    assert len(ben.ledger.sync._queue) <= RANGES_QUEUED_MAX


def test_ranges_far_ahead_are_of_no_use() -> None:
    ben = Stand(BEN)
    ben.hear(ANN, Blocks(start=10**12, blocks=[b"x"], certificate=b"c", height=10**13))
    assert not ben.ledger.sync.is_busy


def test_a_liar_about_its_height_halts_neither_the_witness_nor_who_catches_up() -> None:
    cat = Stand(BEN, "ann", "ben", "cat")
    witness = Stand(ANN, "ann", "ben", "cat")
    liar, honest = BEN, ANN
    witness.connect(liar)
    for n in range(5):
        witness.hear(liar, NewHead(height=10**15 + n, block=b"i" * 32))
        witness.tick(RANGE_DEADLINE_MS)
        witness.submit(profile(f"{n}"))
        witness.block()
    assert witness.height == 5
    cat.connect(CAT)
    cat.connect(honest)
    cat.hear(CAT, NewHead(height=10**15, block=b"i" * 32))
    cat.tick(RANGE_DEADLINE_MS)
    cat.hear(CAT, NewHead(height=10**15, block=b"i" * 32))
    asked = said(cat.hear(honest, NewHead(height=5, block=b"i" * 32)), AskRange, honest)
    assert asked
    cat.hear(honest, witness.range())
    cat.give(Quiet())
    assert cat.height == 5


def guest(named: Stand) -> Stand:
    """A reader whose invitation named block 2 of a ledger."""
    ben = Stand(BEN)
    ben.ledger.anchor = Anchor(2, read_block(named.disk.blocks[1].body).header.id)
    return ben


@pytest.mark.parametrize("first", [0, 1])
def test_a_certified_history_without_the_block_of_the_invitation_is_refused_as_it_passes(first: int) -> None:
    """P-56: the same witness signed another history under the same charter."""
    ben, other = guest(SOURCE), Stand()
    for n in range(3):
        other.at_ms += 20
        other.submit(profile(f"told otherwise {n}"))
        other.block()
    if first:
        ben.hear(ANN, replace(other.range(1, first), height=first))
        ben.give(Quiet())
    before = ben.state()
    ben.hear(ANN, other.range(1 + first))
    effects = ben.give(Quiet())
    assert is_rejected(effects) and not of(effects, Commit)
    assert ben.ledger.anchor.is_missed
    assert ben.state() == before and ben.height == first


def test_a_history_with_the_block_of_the_invitation_raises_no_alarm() -> None:
    ben = guest(SOURCE)
    ben.hear(ANN, GOOD)
    ben.give(Quiet())
    assert ben.height == len(GOOD.blocks)
    assert not ben.ledger.anchor.is_missed


def test_garbage_at_that_height_raises_no_alarm() -> None:
    ben = guest(SOURCE)
    ben.hear(ANN, replace(GOOD, certificate=b"\x80"))
    assert is_rejected(ben.give(Quiet()))
    assert not ben.ledger.anchor.is_missed


def test_a_witness_signs_no_second_block_in_a_view_whatever_it_is_told() -> None:
    seat, first, second = Seat(n=4), block(1, 5), block(1, 6)
    assert cast(seat.propose(first)) == [(VoteKind.NOTARIZE, 1, first.header.id)]
    assert cast(seat.propose(second)) == []
    assert cast(seat.again(cleared=True).propose(second)) == []
    alone = Seat(n=1)
    assert [kind for kind, view, _ in cast(alone.offer(5)) if view == 1] == [VoteKind.NOTARIZE, VoteKind.FINALIZE]
    assert cast(alone.propose(second)) == cast(alone.again().propose(second)) == []
