"""Entries, adverts and records that a hostile member makes or hands on: refused, ignored, bounded.

SPEC P-10, P-11, P-12, P-13, P-17, P-21, P-22, P-42.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.canonical import encode
from ledger.entry import Entry, entry_to_value, sign_entry
from ledger.keys import Signature, SigningKey
from ledger.statement import sign_statement
from protocol.capability.advertisement import issue
from protocol.effects import Misbehaved, Send
from protocol.inputs import Quiet
from protocol.limits import ENTRIES_PER_MESSAGE
from protocol.messages import Adverts, Entries, Records
from protocol.replication import pool as pool_room
from tests.protocol.capability.workshop import router
from tests.protocol.stand import ANN, BEN, CAT, Stand, is_rejected, now, of, profile, record
from tests.simulation.town import DAY_MS, START_MS, network

FOUNDED = network("ann", "ben", "cat")
SMALL_ORDER = bytes.fromhex("0100000000000000000000000000000000000000000000000000000000000000")


def stand() -> Stand:
    return Stand(ANN, "ann", "ben", "cat")


def by_ben(sequence: int = 1, **changes: Any) -> Entry:
    return stand().entry(BEN, sequence, **changes)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :]


REJECTED: dict[str, list[bytes]] = {
    "another network's": entry_to_value(by_ben(network=bytes(32))),
    "a wrong signature": entry_to_value(replace(by_ben(), signature=Signature(flipped(by_ben().signature, 3)))),
    "a signature with a flipped high bit": entry_to_value(
        replace(by_ben(), signature=Signature(flipped(by_ben().signature, 63)))
    ),
    "a short signature": [by_ben().body, by_ben().signature[:63]],
    "another's signature": [by_ben().body, stand().entry(CAT, 1).signature],
    "trailing bytes": [by_ben().body + b"\x00", by_ben().signature],
    "no body": [b"\x80", by_ben().signature],
    "a non-canonical body": [b"\xde\x00\x05" + by_ben().body[1:], by_ben().signature],
    "a field too many": [encode({"key": bytes(32), "more": 1}), bytes(64)],
    "number 0": [by_ben().body.replace(b"\xa3seq\x01", b"\xa3seq\x00"), by_ben().signature],
    "an unknown operation": entry_to_value(stand().entry(BEN, 1, {"t": "network.seize/1"})),
    "an oversize operation": entry_to_value(stand().entry(BEN, 1, {"about": "x" * 5_000, "t": "membership.profile/1"})),
}


@pytest.mark.parametrize("pair", REJECTED.values(), ids=REJECTED.keys())
def test_an_entry_that_no_honest_member_sends_ends_the_connection(pair: list[bytes]) -> None:
    ann = stand()
    before = ann.state()
    effects = ann.hear(BEN, Entries(entries=[pair]))
    assert is_rejected(effects)
    assert not of(effects, Send)
    assert ann.state() == before


def test_an_entry_under_a_key_of_small_order_is_not_taken() -> None:
    ann = stand()
    value = {
        "key": SMALL_ORDER,
        "network": FOUNDED.charter.network,
        "op": profile(),
        "seq": 1,
        "until": START_MS + DAY_MS,
    }
    ann.hear(BEN, Entries(entries=[[encode(value), SMALL_ORDER + bytes(32)]]))
    assert len(ann.ledger.pool) == 0


def test_an_entry_replayed_after_it_was_final_does_nothing() -> None:
    ann = stand()
    entry = ann.entry(BEN, 1)
    ann.hand(BEN, entry)
    ann.block()
    before = ann.state()
    assert ann.hand(CAT, entry) == []
    ann.block()
    assert ann.state() == before


def test_an_entry_of_one_network_is_never_taken_in_another() -> None:
    other = Stand(ANN, "ann", "ben")
    entry = other.entry(BEN, 1)
    assert is_rejected(stand().hand(BEN, entry))


def test_a_double_spend_is_final_once() -> None:
    ann = stand()
    ann.hand(BEN, ann.entry(BEN, 1, profile("one")))
    ann.hand(CAT, ann.entry(BEN, 1, profile("two")))
    ann.block()
    assert ann.core.chain.state.get(b"member/" + BEN.member)["about"] == "one"
    assert ann.core.chain.head.entries == 1


def test_a_statement_inside_an_entry_is_not_taken_for_another_purpose() -> None:
    """A machine's word cannot be shown as a new root's."""
    ann = stand()
    word = sign_statement("peer", {"member": BEN.member, "network": FOUNDED.charter.network}, CAT.machine)
    rotation = {"consent": word.to_value(), "t": "membership.rotate/1"}
    assert is_rejected(ann.hand(BEN, ann.entry(BEN, 1, rotation)))


# -- floods


def test_one_keys_flood_keeps_nobody_else_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_room, "POOL_ENTRIES_MAX", 40)
    monkeypatch.setattr(pool_room, "POOL_ENTRIES_PER_KEY_MAX", 30)
    ann = stand()
    for start in range(2, 100, 20):
        ann.hand(BEN, *(ann.entry(BEN, n) for n in range(start, start + 20)))
    assert len(ann.ledger.pool) == 30
    ann.hand(CAT, *(ann.entry(CAT, n) for n in range(1, 31)))
    assert len(ann.ledger.pool) == 40
    ann.block()
    assert ann.core.chain.head.entries >= 10


def test_a_flood_does_not_push_our_own_entries_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_room, "POOL_ENTRIES_MAX", 6)
    ben = Stand(BEN, "ann", "ben", "cat")
    ben.submit(*(profile(f"{n}") for n in range(4)))
    ben.hand(CAT, *(ben.entry(CAT, n) for n in range(1, 20)))
    assert len(ben.ledger.pool.numbers(BEN.working.public)) == 4
    assert len(ben.ledger.pool) <= 6


def test_an_author_over_the_daily_allowance_delays_nobody() -> None:
    ann = Stand(ANN, "ann", "ben", "cat", more=(("day_entries", 5),))
    ann.hand(BEN, *(ann.entry(BEN, n) for n in range(1, 60)))
    ann.hand(CAT, ann.entry(CAT, 1))
    ann.block()
    assert ann.core.chain.state.get(b"seq/" + CAT.working.public) == 1
    assert ann.core.chain.state.get(b"seq/" + BEN.working.public) == 5
    assert not ann.ledger.has_work


def test_entries_that_can_never_be_included_do_not_keep_a_witness_busy() -> None:
    ann = stand()
    ann.hand(BEN, *(ann.entry(BEN, n) for n in range(2, 2 + ENTRIES_PER_MESSAGE)))
    ann.give(Quiet())
    assert not ann.ledger.has_work
    assert ann.core.wake_ms(now()) > now().monotonic_ms


def test_a_message_of_strangers_entries_is_held_by_nobody() -> None:
    ann = stand()
    strangers = [SigningKey(bytes([n]) * 32) for n in range(1, 100)]
    entries = [sign_entry(key, FOUNDED.charter.network, 1, START_MS + DAY_MS, profile()) for key in strangers]
    assert ann.hand(BEN, *entries) == []
    assert len(ann.ledger.pool) == 0


# -- adverts and records


def forged_advert(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "counter": 5,
        "member": BEN.member,
        "network": FOUNDED.charter.network,
        "now_ms": START_MS,
        "place": None,
        "signer": BEN.working,
        **changes,
    }
    return issue((router(),), **given).to_value()


REJECTED_ADVERTS = {
    "another network's": forged_advert(network=bytes(32)),
    "another member's": forged_advert(member=CAT.member),
    "issued in the future": forged_advert(now_ms=START_MS + 10 * 60_000),
    "valid for ever": forged_advert(life_ms=365 * DAY_MS),
    "a wrong signature": {**forged_advert(), "sig": bytes(64)},
    "not an advert": record(BEN, FOUNDED).to_value(),
    "garbage": {"body": b"\xff", "key": BEN.working.public, "sig": bytes(64)},
}


@pytest.mark.parametrize("advert", REJECTED_ADVERTS.values(), ids=REJECTED_ADVERTS.keys())
def test_a_forged_advert_ends_the_connection_and_stands_nowhere(advert: dict[str, Any]) -> None:
    ann = stand()
    assert is_rejected(ann.hear(BEN, Adverts(adverts=[advert])))
    assert len(ann.core.directory.directory) == 0
    assert not ann.disk.kept


def test_a_replayed_older_advert_does_not_come_back() -> None:
    ann = stand()
    old, new = forged_advert(counter=5), forged_advert(counter=6)
    ann.hear(BEN, Adverts(adverts=[new]))
    assert ann.hear(CAT, Adverts(adverts=[old])) == []
    assert ann.core.directory.directory.newest(BEN.member) == 6


def test_a_sybils_adverts_stand_nowhere() -> None:
    ann = stand()
    sybils = [SigningKey(bytes([n]) * 32) for n in range(1, 60)]
    adverts = [forged_advert(signer=key, member=key.public) for key in sybils]
    assert ann.hear(BEN, Adverts(adverts=adverts)) == []
    assert len(ann.core.directory.directory) == 0


def test_a_forged_record_sends_nobody_dialling() -> None:
    ann = stand()
    theirs = record(CAT, FOUNDED, addresses=["/ip4/6.6.6.6/tcp/6"])
    forged = {**theirs.to_value(), "sig": bytes(64)}
    effects = ann.hear(BEN, Records(records=[forged]))
    assert of(effects, Misbehaved)[0].fatal
    assert ann.core.directory.records.get(CAT.peer) is None
    claimed = record(BEN, FOUNDED, peer=CAT.peer)
    assert ann.hear(BEN, Records(records=[claimed.to_value()])) == []
    assert ann.core.directory.records.get(CAT.peer) is None
