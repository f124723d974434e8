"""A certificate is a quorum's word on one view; nothing less, nothing else, and no byte of it can be changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.canonical import decode, digest, encode
from ledger.consensus.votes import (
    CERTIFICATE_BYTES_MAX,
    WITNESSES_MAX,
    BadCertificate,
    Certificate,
    VoteKind,
    check_certificate,
    faulty_max,
    quorum,
    read_certificate,
    sign_vote,
    vote_id,
    write_certificate,
)
from ledger.errors import RemoteError
from ledger.keys import Signature
from tests.ledger.town import Person

NETWORK, BLOCK = b"n" * 32, b"b" * 32
FOUR = [Person(i).voting.public for i in range(4)]


def made(
    *places: int, kind: VoteKind = VoteKind.FINALIZE, block: bytes = BLOCK, epoch: int = 1, view: int = 5
) -> Certificate:
    votes = [(i, sign_vote(Person(i).voting, NETWORK, epoch, view, kind, block)) for i in places]
    return Certificate(epoch=epoch, view=view, kind=kind, block=block, votes=tuple(votes))


def holds(certificate: Certificate, keys: list[Any] | None = None, network: bytes = NETWORK, epoch: int = 1) -> bool:
    try:
        check_certificate(certificate, network, epoch, FOUR if keys is None else keys)
    except BadCertificate as problem:
        assert problem.reason
        return False
    return True


def test_a_vote_signs_network_epoch_view_kind_and_block() -> None:
    """V-1."""
    content = {"block": BLOCK, "epoch": 1, "kind": "finalize", "network": NETWORK, "view": 5}
    assert vote_id(NETWORK, 1, 5, VoteKind.FINALIZE, BLOCK) == digest("vote", encode(content))
    del content["block"]
    assert vote_id(NETWORK, 1, 5, VoteKind.NULLIFY, b"") == digest("vote", encode({**content, "kind": "nullify"}))


@pytest.mark.parametrize(
    ("n", "f", "q"),
    [(1, 0, 1), (2, 0, 2), (3, 0, 3), (4, 1, 3), (5, 1, 4), (6, 1, 5), (7, 2, 5), (10, 3, 7), (64, 21, 43)],
)
def test_any_two_quorums_share_an_honest_witness(n: int, f: int, q: int) -> None:
    """V-2."""
    assert (faulty_max(n), quorum(n)) == (f, q)
    assert 2 * q - n > f
    assert n - f >= q


@pytest.mark.parametrize("count", range(5))
def test_a_certificate_holds_from_a_quorum_on(count: int) -> None:
    """V-3, V-2."""
    assert holds(made(*range(count))) is (count >= 3)


def test_votes_of_one_witness_twice_out_of_order_or_of_nobody_do_not_count() -> None:
    """V-3."""
    good = made(0, 1, 2)
    first, second, third = good.votes
    for votes in (
        (first, first, second),
        (second, first, third),
        (first, second, (4, third[1])),
        (first, second, (3, third[1])),
        (),
    ):
        assert not holds(replace(good, votes=votes))
    assert holds(made(1, 2, 3))
    assert holds(made(0, 1, 2, 3))


def test_one_wrong_signature_spoils_a_certificate_even_above_the_quorum() -> None:
    """V-3: one's own is verified like any other."""
    good = made(0, 1, 2, 3)
    for place in range(4):
        votes = [(i, Signature(bytes(64)) if i == place else signature) for i, signature in good.votes]
        assert not holds(replace(good, votes=tuple(votes)))


@pytest.mark.parametrize(
    "change",
    [{"epoch": 2}, {"view": 6}, {"kind": VoteKind.NOTARIZE}, {"block": bytes(32)}],
    ids=lambda change: next(iter(change)),
)
def test_a_certificate_is_of_the_one_thing_that_was_signed(change: dict[str, Any]) -> None:
    """V-1, V-3: replay in another epoch, view, kind or for another block."""
    assert not holds(replace(made(0, 1, 2), **change))


def test_a_certificate_of_another_network_or_list_does_not_hold() -> None:
    """V-3."""
    assert not holds(made(0, 1, 2), network=bytes(32))
    assert not holds(made(0, 1, 2), epoch=2)
    assert not holds(made(0, 1, 2), keys=FOUR[::-1])
    assert not holds(made(0), keys=[])
    assert holds(made(0), keys=FOUR[:1])
    assert not holds(made(0, 1), keys=FOUR[:3])


@pytest.mark.parametrize("kind", list(VoteKind))
def test_a_certificate_reads_back_as_it_was_written(kind: VoteKind) -> None:
    """V-4."""
    one = made(0, 1, 2, kind=kind, block=b"" if kind is VoteKind.NULLIFY else BLOCK)
    assert read_certificate(write_certificate(one)) == one
    assert holds(one)


def test_the_largest_certificate_fits() -> None:
    """V-4."""
    votes = tuple((i, Signature(bytes(64))) for i in range(WITNESSES_MAX))
    largest = Certificate(epoch=2**53 - 1, view=2**53 - 1, kind=VoteKind.NOTARIZE, block=BLOCK, votes=votes)
    assert len(write_certificate(largest)) < CERTIFICATE_BYTES_MAX
    assert read_certificate(write_certificate(largest)) == largest


@pytest.mark.parametrize(
    "change",
    [
        {"block": None},
        {"block": b""},
        {"kind": "nullify"},
        {"kind": "maybe"},
        {"epoch": 0},
        {"view": 0},
        {"votes": []},
        {"votes": [{"sig": bytes(63), "witness": 0}]},
        {"votes": [{"sig": bytes(64), "witness": 64}]},
        {"votes": [{"sig": bytes(64), "witness": -1}]},
        {"votes": [{"sig": bytes(64)}]},
        {"votes": [{"sig": bytes(64), "witness": 0}] * 65},
        {"more": 1},
    ],
    ids=str,
)
def test_a_certificate_of_another_form_is_refused(change: dict[str, Any]) -> None:
    """V-4, B-7."""
    content = {**decode(write_certificate(made(0))), **change}
    with pytest.raises(RemoteError):
        read_certificate(encode({name: value for name, value in content.items() if value is not None}))
    with pytest.raises(RemoteError):
        read_certificate(encode([content["view"]]))


@settings(max_examples=200)
@given(st.data())
def test_no_byte_of_a_certificate_can_be_changed(data: st.DataObject) -> None:
    """V-3, V-4."""
    good = write_certificate(made(0, 1, 2))
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    try:
        read = read_certificate(changed)
    except RemoteError:
        return
    assert not holds(read)
