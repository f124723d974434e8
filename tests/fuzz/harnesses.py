"""One harness per decoder: seeds, and what must hold for any bytes at all.

A harness returns whether the bytes were taken. What it does not catch fails the run: only the documented errors may
come out of a decoder, and what was taken must encode to the same bytes again.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from ledger.block import read_block, write_block
from ledger.canonical import NotCanonical, decode, encode
from ledger.charter import read_charter
from ledger.consensus.votes import read_certificate, write_certificate
from ledger.entry import entry_from_value, entry_to_value, sign_entry
from ledger.errors import RemoteError
from ledger.fold import choose, is_fully_signed, operation_of
from ledger.keys import PublicKey, Signature
from ledger.operations.work_terms import PROPOSAL, read_proposal
from ledger.snapshot import Snapshot, chunk_pairs, write_snapshot
from ledger.state import Overlay
from ledger.statement import Statement, read_statement, sign_statement
from protocol.capability.advertisement import read_advert
from protocol.capability.functions import definition_from_bytes
from protocol.messages import MESSAGES, read_message, write_message
from protocol.negotiation.contents import CALL_FORM, COUNTER_FORM, read_call, read_intent
from protocol.negotiation.messages import _FORMS as TALK_FORMS
from protocol.negotiation.messages import from_value
from tests.fuzz import joining, late, returning
from tests.fuzz.files import design, facility, snippet, texts
from tests.fuzz.mutation import example
from tests.fuzz.proofs import proof, proof_seeds
from tests.fuzz.texts import DESIGNS, FACILITIES, SNIPPETS
from tests.ledger.proving import History
from tests.ledger.town import DAY_MS, Person, Town, certificate
from tests.protocol.capability.workshop import advert, router, starter
from tests.vectors.of_bytes import VALUES
from tests.vectors.of_ledger import ledger_of_blocks, operations


@dataclass(frozen=True, slots=True)
class Harness:
    """One decoder under fire."""

    seeds: Callable[[], list[bytes]]
    run: Callable[[bytes], bool]
    """Whether the bytes were taken; raises where something that must hold does not."""


@cache
def town() -> Town:
    """A ledger with some history, an open invitation and four witnesses."""
    made = ledger_of_blocks()
    assert made.invite(Person(9), sponsor=2) == ""
    return made


def examples(form: Any, count: int = 12) -> list[bytes]:
    """Encoded values of a form."""
    dice = random.Random(repr(type(form)))
    return [encode(example(form, dice)) for _ in range(count)]


# -- the ledger


def canonical(data: bytes) -> bool:
    """B-1."""
    try:
        value = decode(data)
    except NotCanonical:
        return False
    assert encode(value) == data
    return True


def entry(data: bytes) -> bool:
    """E-1, E-2."""
    try:
        read = entry_from_value(decode(data))
    except RemoteError:
        return False
    assert encode(entry_to_value(read)) == data
    operation_of(read)
    is_fully_signed(read)
    return True


def entry_seeds() -> list[bytes]:
    """An entry of every operation."""
    made = Town()
    signed = [made.entry(signer, name, fields) for name, (signer, fields) in operations(made).items()]
    return [encode(entry_to_value(one)) for one in signed]


def block(data: bytes) -> bool:
    """B-9."""
    try:
        read = read_block(data)
    except RemoteError:
        return False
    assert write_block(read) == data
    return True


def cert(data: bytes) -> bool:
    """V-4."""
    try:
        read = read_certificate(data)
    except RemoteError:
        return False
    assert write_certificate(read) == data
    return True


def cert_seeds() -> list[bytes]:
    """Certificates of one to four votes."""
    blocks = [step.blocks[0] for step in town().steps[:4]]
    return [
        write_certificate(certificate(town().charter, one, view=3, places=range(i + 1))) for i, one in enumerate(blocks)
    ]


def charter(data: bytes) -> bool:
    """F-1."""
    try:
        read = read_charter(data)
    except RemoteError:
        return False
    assert read.body == data
    return True


def statement(data: bytes) -> bool:
    """B-8, W-2."""
    try:
        read = read_statement("proposal", decode(data))
    except RemoteError:
        return False
    assert encode(read.to_value()) == data
    return read.is_signed() and read.content != {}


def statement_seeds() -> list[bytes]:
    """Signed statements of several contents."""
    dice = random.Random("statements")
    contents = [example(form, dice) for form in (PROPOSAL, CALL_FORM, COUNTER_FORM)]
    return [encode(sign_statement("proposal", one, Person(1).working).to_value()) for one in contents]


def of_content(purpose: str, read: Callable[[Statement], object]) -> Callable[[bytes], bool]:
    """A reader of a statement's signed map."""

    def run(data: bytes) -> bool:
        given = Statement(purpose=purpose, body=data, key=PublicKey(bytes(32)), signature=Signature(bytes(64)))
        try:
            read(given)
        except RemoteError:
            return False
        return True

    return run


def fold(data: bytes) -> bool:
    """E-3, E-5: whatever an author signs, a block can be made of it or without it, and nothing raises."""
    made = town()
    try:
        op = decode(data)
    except NotCanonical:
        return False
    if not isinstance(op, dict) or not isinstance(op.get("t"), str):
        return False
    applied = False
    for signer in (Person(0).working, Person(0).root, Person(9).invite):
        number = (made.state.get(b"seq/" + signer.public) or 0) + 1
        try:
            signed = sign_entry(signer, made.network, number, made.now_ms + DAY_MS, op)
        except RemoteError:
            return False
        tx = Overlay(made.state)
        done = choose(tx, made.network, made.chain.head.height + 1, made.now_ms, [signed], made.charter.limits)
        assert len(done.entries) + len(done.left) == 1
        if done.outcomes and done.outcomes[0]:
            assert {key.split(b"/")[0] for key in tx.changes} == {b"seq", b"use"}
        made.state.settle(tx.changes)
        applied = applied or done.outcomes == ("",)
    return applied


def fold_seeds() -> list[bytes]:
    """Every operation, and those that hold in the town as it stands."""
    made = town()
    job = next(key[4:] for key, _ in made.state.raw_range(b"job/"))
    credit = next(key[7:] for key, _ in made.state.raw_range(b"credit/"))
    seeds = [{"t": name, **fields} for name, (_, fields) in operations(made).items()]
    seeds += [{"t": name, **fields, "job": job} for name, (_, fields) in operations(made).items() if "job" in fields]
    seeds += [
        {"t": name, **fields, "credit": credit} for name, (_, fields) in operations(made).items() if "credit" in fields
    ]
    seeds.append({"t": "membership.join/1", **made.joining(Person(9))})
    return [encode(seed) for seed in seeds]


@cache
def history() -> History:
    """A history whose state can be a snapshot."""
    return History()


def snapshot(data: bytes) -> bool:
    """O-13 to O-16: the whole is taken only as it is; of a chunk alone, whatever is taken is written so."""
    taken = False
    try:
        read = Snapshot(io.BytesIO(data).read, history().charter)
        pairs = [pair for chunk in read.chunks() for pair in chunk]
        assert pairs == list(history().state.raw_range(b""))
        taken = True
    except RemoteError:
        pass
    try:
        chunk = chunk_pairs(data)
    except RemoteError:
        return taken
    framed = [part for pair in chunk for one in pair for part in (len(one).to_bytes(4, "big"), one)]
    assert b"".join(framed) == data
    return True


def snapshot_seeds() -> list[bytes]:
    """A whole one, and a chunk of few pairs."""
    made = history()
    whole = b"".join(write_snapshot(made.standing(), made.head, lambda: made.state.raw_range(b"")))
    return [whole, b"\0\0\0\1k\0\0\0\1v\0\0\0\2kk\0\0\0\2vv", b"\0\0\0\0\0\0\0\0"]


# -- what machines say


def message(data: bytes) -> bool:
    """P-1."""
    try:
        read = read_message(data)
    except RemoteError:
        return False
    assert write_message(read) == data
    return True


def message_seeds() -> list[bytes]:
    """Two of every message."""
    dice = random.Random("messages")
    return [encode({**example(kind.FORM, dice), "t": name}) for name, kind in MESSAGES.items() for _ in range(3)]


def talk(data: bytes) -> bool:
    """N-3."""
    try:
        value = decode(data)
        if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str):
            return False
        read = from_value(value[0], value[1])
    except RemoteError:
        return False
    assert encode([read.TYPE, read.to_value()]) == data
    return True


def talk_seeds() -> list[bytes]:
    """Three of every message of the conversation."""
    dice = random.Random("talk")
    return [encode([kind, example(form, dice)]) for kind, form in TALK_FORMS.items() for _ in range(3)]


def definition(data: bytes) -> bool:
    """C-4."""
    try:
        read = definition_from_bytes(data)
    except RemoteError:
        return False
    assert read.to_bytes() == data
    return True


HARNESSES: dict[str, Harness] = {
    "canonical": Harness(lambda: [encode(value) for value in VALUES], canonical),
    "entry": Harness(entry_seeds, entry),
    "block": Harness(lambda: [write_block(step.blocks[0]) for step in town().steps], block),
    "certificate": Harness(cert_seeds, cert),
    "charter": Harness(lambda: [town().charter.body, Town(people=1).charter.body], charter),
    "statement": Harness(statement_seeds, statement),
    "proof": Harness(proof_seeds, proof),
    "proposal": Harness(lambda: examples(PROPOSAL), of_content("proposal", read_proposal)),
    "fold": Harness(fold_seeds, fold),
    "snapshot": Harness(snapshot_seeds, snapshot),
    "outline": Harness(late.split_seeds, late.split),
    "piece": Harness(late.piece_seeds, late.piece),
    "snapshot-request": Harness(late.request_seeds, late.request),
    "offer": Harness(late.offer_seeds, late.offer),
    "message": Harness(message_seeds, message),
    "talk": Harness(talk_seeds, talk),
    "call": Harness(lambda: examples(CALL_FORM), of_content("call", read_call)),
    "counter": Harness(lambda: examples(COUNTER_FORM), of_content("counter", read_intent)),
    "advert": Harness(
        lambda: [advert(1, [router()]).statement.body, advert(2, [router(), router("b")]).statement.body],
        of_content("advert", read_advert),
    ),
    "definition": Harness(lambda: [one.definition.to_bytes() for one in starter()], definition),
    "invitation": Harness(joining.invitation_seeds, joining.invitation),
    "request": Harness(joining.request_seeds, joining.request),
    "replies": Harness(joining.reply_seeds, joining.replies),
    "ticket": Harness(returning.ticket_seeds, returning.ticket),
    "card": Harness(returning.card_seeds, returning.card),
    "return": Harness(returning.request_seeds, returning.request),
    "welcome": Harness(returning.welcome_seeds, returning.welcome),
    "okh": Harness(lambda: texts(DESIGNS), design),
    "okw": Harness(lambda: texts(FACILITIES), facility),
    "openscad": Harness(lambda: texts(SNIPPETS), snippet),
}
"""By name, as `scripts/fuzz NAME` takes them."""
