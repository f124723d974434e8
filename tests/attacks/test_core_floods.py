"""A member that signs without end: what everybody else checks, keeps and hands on of it is bounded.

SPEC P-47; P-22, P-40, P-41, P-42.
"""

from __future__ import annotations

from typing import Any

import pytest

from ledger.keys import Signature
from ledger.statement import Statement, read_statement
from protocol.effects import Keep, Misbehaved
from protocol.limits import (
    SAID_BY_MEMBER_AGAIN_MS,
    SAID_BY_MEMBER_MAX,
    SAID_BY_PEER_AGAIN_MS,
    SAID_BY_PEER_MAX,
)
from protocol.messages import Adverts, Have, Records
from protocol.replication.allowance import Allowance, newest_alone
from tests.protocol.replication.test_directory_peer import advert, held
from tests.protocol.stand import ANN, BEN, CAT, Stand, is_rejected, of, record, said
from tests.simulation.town import START_MS


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    """Every signature check of a statement."""
    seen: list[Statement] = []
    real = Statement.is_signed

    def counted(one: Statement) -> bool:
        seen.append(one)
        return real(one)

    monkeypatch.setattr(Statement, "is_signed", counted)
    return seen


def flood(stand: Stand, start: int, count: int) -> list[dict[str, Any]]:
    return [advert(BEN, stand, counter=start + n) for n in range(count)]


def test_of_a_members_adverts_in_one_message_only_the_newest_is_checked(checks: list[Statement]) -> None:
    ann = Stand(ANN, "ann", "ben", "cat")
    effects = ann.hear(BEN, Adverts(adverts=[*flood(ann, 1, 40), advert(CAT, ann), *flood(ann, 41, 5)]))
    assert held(ann) == {BEN.member: 45, CAT.member: 1}
    assert len(checks) == 2 and len(of(effects, Keep)) == 2


def test_a_flood_of_fresh_adverts_is_checked_kept_and_handed_on_a_bounded_number_of_times(
    checks: list[Statement],
) -> None:
    ann = Stand(ANN, "ann", "ben", "cat")
    ann.connect(BEN)
    ann.connect(CAT)
    kept, told = 0, 0
    for n in range(300):
        effects = ann.hear(BEN, Adverts(adverts=[advert(BEN, ann, counter=n + 1)]))
        kept += len(of(effects, Keep))
        told += len(said(effects, Adverts))
    assert len(checks) == kept == told == SAID_BY_MEMBER_MAX
    ann.at_ms += SAID_BY_MEMBER_AGAIN_MS
    for n in range(300):
        ann.hear(BEN, Adverts(adverts=[advert(BEN, ann, counter=1_000 + n)]))
    assert len(checks) == SAID_BY_MEMBER_MAX + 1
    assert held(ann) == {BEN.member: 1_000}


def test_a_flood_delays_nobody_elses_advert(checks: list[Statement]) -> None:
    ann = Stand(ANN, "ann", "ben", "cat")
    ann.connect(CAT)
    for n in range(100):
        ann.hear(BEN, Adverts(adverts=[advert(BEN, ann, counter=n + 1)]))
    ann.hear(BEN, Adverts(adverts=[*flood(ann, 101, 20), advert(CAT, ann)]))
    assert held(ann)[CAT.member] == 1, "even of the same machine, and in the same message"


def test_what_was_left_out_of_a_flood_comes_with_a_later_list() -> None:
    ann, cat = Stand(ANN, "ann", "ben", "cat"), Stand(CAT, "ann", "ben", "cat")
    for n in range(100):
        ann.hear(BEN, Adverts(adverts=[advert(BEN, ann, counter=n + 1)]))
    cat.hear(BEN, Adverts(adverts=[advert(BEN, cat, counter=100)]))
    ann.at_ms += SAID_BY_MEMBER_AGAIN_MS
    (answer,) = said(cat.hear(ANN, Have(adverts=[list(pair) for pair in held(ann).items()])), Adverts)
    ann.hear(CAT, answer)
    assert held(ann) == {BEN.member: 100}


def test_false_adverts_in_a_members_name_use_up_nothing_of_the_members() -> None:
    ann = Stand(ANN, "ann", "ben", "cat")
    for n in range(2 * SAID_BY_MEMBER_MAX):
        false = advert(CAT, ann, counter=n + 1)
        false["sig"] = Signature(bytes(64))
        assert is_rejected(ann.hear(BEN, Adverts(adverts=[false])))
    ann.hear(CAT, Adverts(adverts=[advert(CAT, ann)]))
    assert held(ann) == {CAT.member: 1}


def test_a_flood_of_fresh_records_is_checked_a_bounded_number_of_times(checks: list[Statement]) -> None:
    ann = Stand(ANN, "ann", "ben", "cat")
    for n in range(300):
        ann.hear(BEN, Records(records=[record(BEN, ann.founded, START_MS + n).to_value()]))
    assert len(checks) == SAID_BY_MEMBER_MAX
    ann.hear(BEN, Records(records=[record(CAT, ann.founded).to_value()]))
    assert ann.core.directory.records.get(CAT.peer) is not None


def test_of_a_machines_records_in_one_message_only_the_newest_is_checked(checks: list[Statement]) -> None:
    ann = Stand()
    ann.hear(BEN, Records(records=[record(BEN, ann.founded, START_MS + n).to_value() for n in range(60)]))
    assert len(checks) == 1
    assert ann.core.directory.records.get(BEN.peer).made_ms == START_MS + 59


def test_a_record_that_is_known_is_not_checked_again(checks: list[Statement]) -> None:
    ann = Stand()
    for _ in range(5):
        ann.hear(BEN, Records(records=[record(BEN, ann.founded).to_value()]))
    assert len(checks) == 1


def test_what_is_of_no_form_is_still_rejected_among_several() -> None:
    ann = Stand()
    bad = record(BEN, ann.founded, more=1).to_value()
    faults = of(ann.hear(BEN, Records(records=[record(BEN, ann.founded).to_value(), bad])), Misbehaved)
    assert not faults, "an older or doubled one is not even judged"
    worse = record(BEN, ann.founded, peer="none").to_value()
    assert of(ann.hear(BEN, Records(records=[worse, worse])), Misbehaved)


def test_a_whole_directory_at_once_is_let_through_and_the_next_as_fast_as_is_said() -> None:
    bucket = Allowance(SAID_BY_PEER_MAX, SAID_BY_PEER_AGAIN_MS)
    taken = 0
    while bucket.has(b"peer", 0):
        bucket.take(b"peer", 0)
        taken += 1
    assert taken == SAID_BY_PEER_MAX
    assert bucket.has(b"another", 0)
    assert not bucket.has(b"peer", SAID_BY_PEER_AGAIN_MS - 1)
    assert bucket.has(b"peer", SAID_BY_PEER_AGAIN_MS)


def test_full_buckets_are_not_kept() -> None:
    bucket = Allowance(2, 10)
    for n in range(20_000):
        bucket.take(n.to_bytes(4, "big"), n)
    assert len(bucket) < 5_000


def test_of_many_the_newest_of_each_is_kept_in_the_order_of_the_message() -> None:
    stand = Stand(ANN, "ann", "ben", "cat")
    values = [advert(BEN, stand, counter=n) for n in (3, 9, 9, 4)] + [advert(CAT, stand, counter=2)]
    statements = [read_statement("advert", value) for value in values]
    assert newest_alone(statements, "member", "counter") == [statements[1], statements[4]]
