"""Where a machine can be dialled: which records are believed, and for how long (SPEC P-20, P-21, P-22, P-23)."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.statement import Statement, sign_statement
from protocol.limits import ADDRESSES_PER_RECORD, CLOCK_TOLERANCE_MS, RECORD_LIFE_MS
from protocol.replication.pool import Verdict
from protocol.replication.records import PeerRecord, PeerRecords, judge_record, sign_record
from tests.protocol.stand import ANN, BEN, CAT, Stand, record
from tests.simulation.town import START_MS, Person

STAND = Stand()
VIEW, NETWORK = STAND.core.chain.state, STAND.founded.charter.network


def judged(statement: Statement, now_ms: int = START_MS) -> PeerRecord | Verdict:
    return judge_record(VIEW, NETWORK, statement, now_ms)


def made(who: Person = BEN, made_ms: int = START_MS, **changes: Any) -> Statement:
    return record(who, STAND.founded, made_ms, **changes)


def test_a_members_own_word_about_its_machine_is_believed() -> None:
    found = judged(made())
    assert isinstance(found, PeerRecord)
    assert (found.peer, found.member, found.addresses) == (BEN.peer, BEN.member, ("/ip4/10.0.0.1/tcp/4001",))


def test_what_a_node_signs_is_what_is_believed() -> None:
    addresses = [f"/ip4/10.0.0.{n}/tcp/1" for n in range(12)]
    signed = sign_record(
        BEN.working, network=NETWORK, member=BEN.member, peer=BEN.peer, addresses=addresses, made_ms=START_MS
    )
    found = judged(signed)
    assert isinstance(found, PeerRecord)
    assert list(found.addresses) == addresses[:ADDRESSES_PER_RECORD]


REJECTED = {
    "another network": made(network=bytes(32)),
    "no form": sign_statement("peer-record", {"made": 1}, BEN.working),
    "a field too many": made(more=1),
    "nine addresses": made(addresses=["/ip4/1.1.1.1/tcp/1"] * 9),
    "an address of 201 bytes": made(addresses=["x" * 201]),
    "an address with an escape": made(addresses=["/dns4/\x1b[2J/tcp/1"]),
    "no map": Statement(purpose="peer-record", body=b"\x01", key=BEN.working.public, signature=made().signature),
    "another's signature": Statement(
        purpose="peer-record", body=made().body, key=BEN.working.public, signature=made(ANN).signature
    ),
}


@pytest.mark.parametrize("statement", REJECTED.values(), ids=REJECTED.keys())
def test_what_no_honest_peer_sends_is_rejected(statement: Statement) -> None:
    assert judged(statement) is Verdict.REJECT


IGNORED = {
    "made too far ahead": made(made_ms=START_MS + CLOCK_TOLERANCE_MS + 1),
    "older than its life": made(made_ms=START_MS - RECORD_LIFE_MS - 1),
    "of a stranger": made(CAT),
    "of another member under my key": made(member=ANN.member),
    "of another member's machine": made(peer=ANN.peer),
    "under a root key": sign_statement("peer-record", made().content, BEN.root),
}


@pytest.mark.parametrize("statement", IGNORED.values(), ids=IGNORED.keys())
def test_what_may_be_honest_and_is_of_no_use_is_ignored(statement: Statement) -> None:
    assert judged(statement) is Verdict.IGNORE


def test_the_limits_of_its_time_still_count() -> None:
    assert isinstance(judged(made(made_ms=START_MS + CLOCK_TOLERANCE_MS)), PeerRecord)
    assert isinstance(judged(made(made_ms=START_MS - RECORD_LIFE_MS)), PeerRecord)


def test_the_newest_of_each_machine_counts_until_it_expires() -> None:
    known = PeerRecords()
    for statement, is_new in ((made(), True), (made(), False), (made(made_ms=START_MS - 1), False)):
        found = judged(statement)
        assert isinstance(found, PeerRecord)
        assert known.add(found) is is_new
    newer = judged(made(made_ms=START_MS + 1))
    assert isinstance(newer, PeerRecord)
    assert known.add(newer)
    assert known.get(BEN.peer) == newer
    assert list(known.all()) == [newer]
    assert known.expire(START_MS + 1 + RECORD_LIFE_MS) == []
    assert known.expire(START_MS + 2 + RECORD_LIFE_MS) == [BEN.peer]
    assert known.get(BEN.peer) is None
