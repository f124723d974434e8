"""Votes and certificates: what a witness signs, and when enough of them have (SPEC V-1 to V-5).

A vote signs (network, epoch, view, kind, block id). A certificate is a quorum of valid votes of distinct witnesses of
one epoch's list, of one kind, view and id; it convinces anyone who has the charter. n = 1 is a quorum like any other.
Two votes under one key that no honest witness signs both are a conflict, and evidence (V-14).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ledger.canonical import Value, decode, digest, encode
from ledger.errors import RemoteError
from ledger.form import ID, Bytes, Choice, Int, List, Map
from ledger.keys import PublicKey, Signature, SigningKey, verify
from ledger.statement import Statement

PURPOSE = "vote"
"""What the digest of a vote begins with, as that of any statement does."""
WITNESSES_MAX = 64
"""A certificate of 64 votes has 5 KiB; the network is run by a few always-on machines."""
CERTIFICATE_BYTES_MAX = 8192


class VoteKind(StrEnum):
    """What a vote says of a view."""

    NOTARIZE = "notarize"
    """This is the leader's block and I have checked it."""
    NULLIFY = "nullify"
    """This view brought nothing in time."""
    FINALIZE = "finalize"
    """I have seen the block notarized and never gave the view up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One witness's word on one view."""

    epoch: int
    view: int
    kind: VoteKind
    block: bytes
    """32 bytes; empty for a nullification."""
    witness: int
    """The place in the epoch's list."""
    signature: Signature


class BadCertificate(RemoteError):
    """This does not show what it claims."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A quorum's word on one view."""

    epoch: int
    view: int
    kind: VoteKind
    block: bytes
    """32 bytes; empty for a nullified view."""
    votes: tuple[tuple[int, Signature], ...]
    """(place in the epoch's witness list, signature), by place."""


VOTE = Map(
    {
        "epoch": Int(1),
        "kind": Choice(*(kind.value for kind in VoteKind)),
        "sig": Bytes(64),
        "view": Int(1),
        "witness": Int(0, WITNESSES_MAX - 1),
    },
    {"block": ID},
)
"""How a vote travels and is kept."""

_CERTIFICATE = Map(
    {
        "epoch": Int(1),
        "kind": Choice(*(kind.value for kind in VoteKind)),
        "view": Int(1),
        "votes": List(Map({"sig": Bytes(64), "witness": Int(0, WITNESSES_MAX - 1)}), 1, WITNESSES_MAX),
    },
    {"block": ID},
)


def faulty_max(witnesses: int) -> int:
    """How many of n witnesses may fail or lie: f = (n - 1) // 3."""
    return (witnesses - 1) // 3


def quorum(witnesses: int) -> int:
    """How many of n witnesses must agree: q = n - f."""
    return witnesses - faulty_max(witnesses)


def vote_body(network: bytes, epoch: int, view: int, kind: VoteKind, block: bytes) -> bytes:
    """The bytes a vote stands for (V-1)."""
    content: dict[str, Value] = {"epoch": epoch, "kind": kind.value, "network": network, "view": view}
    if block:
        content["block"] = block
    return encode(content)


def vote_id(network: bytes, epoch: int, view: int, kind: VoteKind, block: bytes) -> bytes:
    """What a vote signs: 32 bytes (V-1)."""
    return digest(PURPOSE, vote_body(network, epoch, view, kind, block))


def vote_statement(
    network: bytes, key: PublicKey, *, epoch: int, view: int, kind: VoteKind, block: bytes, signature: Signature
) -> Statement:
    """A vote as the statement of its witness that it is: its id is what the vote signed (B-8, V-1)."""
    return Statement(purpose=PURPOSE, body=vote_body(network, epoch, view, kind, block), key=key, signature=signature)


def sign_vote(signer: SigningKey, network: bytes, epoch: int, view: int, kind: VoteKind, block: bytes) -> Signature:
    """A witness's signature under a vote."""
    return signer.sign(vote_id(network, epoch, view, kind, block))


def conflict(one: Vote, two: Vote) -> bool:
    """Whether no honest witness casts both under one key in one epoch and view (V-14, consensus rule 27).

    N with X is honest (the proposal came late), and so is N(b) with F(b'): a leader showed two blocks.
    """
    if (one.epoch, one.view) != (two.epoch, two.view):
        return False
    if one.kind is two.kind:
        return one.kind is not VoteKind.NULLIFY and one.block != two.block
    return {one.kind, two.kind} == {VoteKind.NULLIFY, VoteKind.FINALIZE}


def vote_to_value(vote: Vote) -> dict[str, Value]:
    """How a vote travels and is kept."""
    value: dict[str, Value] = {
        "epoch": vote.epoch,
        "kind": vote.kind.value,
        "sig": vote.signature,
        "view": vote.view,
        "witness": vote.witness,
    }
    if vote.block:
        value["block"] = vote.block
    return value


def vote_from_value(value: dict[str, Any]) -> Vote:
    """The vote in a map of the form `VOTE`, its signature not yet checked; raises `BadCertificate`."""
    kind = VoteKind(value["kind"])
    if (kind is VoteKind.NULLIFY) == ("block" in value):
        raise BadCertificate("a nullification names no block, every other vote one")
    return Vote(
        epoch=value["epoch"],
        view=value["view"],
        kind=kind,
        block=value.get("block", b""),
        witness=value["witness"],
        signature=Signature(value["sig"]),
    )


def check_certificate(certificate: Certificate, network: bytes, epoch: int, keys: Sequence[PublicKey]) -> None:
    """Raise `BadCertificate` unless a quorum of `keys`, the epoch's list, signed it (V-3).

    One's own signature is verified like any other: exempting it would let a garbage certificate halt a witness.
    """
    if certificate.epoch != epoch:
        raise BadCertificate(f"the certificate is of epoch {certificate.epoch}, not {epoch}")
    places = [place for place, _ in certificate.votes]
    if not places or places != sorted(set(places)) or places[-1] >= len(keys):
        raise BadCertificate("the certificate's witnesses are not distinct, in order and of this epoch")
    if len(places) < quorum(len(keys)):
        raise BadCertificate(f"{len(places)} of {len(keys)} witnesses signed, {quorum(len(keys))} are needed")
    message = vote_id(network, epoch, certificate.view, certificate.kind, certificate.block)
    for place, signature in certificate.votes:
        if not verify(keys[place], message, signature):
            raise BadCertificate(f"the signature of witness {place} is wrong")


def votes_of(certificate: Certificate) -> list[Vote]:
    """The votes that a certificate is made of."""
    return [
        Vote(
            epoch=certificate.epoch,
            view=certificate.view,
            kind=certificate.kind,
            block=certificate.block,
            witness=place,
            signature=signature,
        )
        for place, signature in certificate.votes
    ]


def write_certificate(certificate: Certificate) -> bytes:
    """How a certificate is stored and travels."""
    content: dict[str, Value] = {
        "epoch": certificate.epoch,
        "kind": certificate.kind.value,
        "view": certificate.view,
        "votes": [{"sig": signature, "witness": place} for place, signature in certificate.votes],
    }
    if certificate.block:
        content["block"] = certificate.block
    return encode(content)


def read_certificate(data: bytes) -> Certificate:
    """The certificate in these bytes, its votes not yet verified.

    Raises `NotCanonical`, `Malformed` or `BadCertificate`.
    """
    value: dict[str, Any] = decode(data, bytes_max=CERTIFICATE_BYTES_MAX)
    _CERTIFICATE.check(value)
    kind = VoteKind(value["kind"])
    if (kind is VoteKind.NULLIFY) == ("block" in value):
        raise BadCertificate("a nullification names no block, every other certificate one")
    return Certificate(
        epoch=value["epoch"],
        view=value["view"],
        kind=kind,
        block=value.get("block", b""),
        votes=tuple((vote["witness"], Signature(vote["sig"])) for vote in value["votes"]),
    )
