"""Which adverts are taken in, ignored or held against the sender (SPEC C-16 to C-19)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import decode, digest, encode
from ledger.keys import MemberId, PublicKey, Signature
from ledger.statement import Statement, sign_statement
from protocol.capability.advertisement import (
    PURPOSE,
    AdvertTooLong,
    Judgement,
    Rule,
    Verdict,
    issue,
    judge,
    next_counter,
    renew_at_ms,
)
from protocol.capability.limits import ADVERT_BYTES_MAX
from protocol.capability.places import Place
from tests.protocol.capability.workshop import DAY_MS, NETWORK, NOW_MS, advert, key, member, offer, router

PLACE = Place(lat_cdeg=5250, lon_cdeg=1340)
OWNERS = {key(n).public: member(n) for n in (1, 2)}


def judged(
    statement: Statement, *, now_ms: int = NOW_MS, held: int | None = None, owners: dict[PublicKey, MemberId] = OWNERS
) -> Judgement:
    return judge(statement, network=NETWORK, now_ms=now_ms, member_of_key=owners.get, newest=lambda _: held)


def content(**changes: Any) -> dict[str, Any]:
    value = decode(advert(1, [router()], place=PLACE).statement.body)
    assert isinstance(value, dict)
    value.update(changes)
    return {name: one for name, one in value.items() if one is not None}


def signed(by: int = 1, purpose: str = PURPOSE, **changes: Any) -> Statement:
    return sign_statement(purpose, content(**changes), key(by))


def test_a_good_advert_is_accepted_whole() -> None:
    """C-16, C-17"""
    one = advert(1, [router(), router("other")], place=PLACE)
    verdict = judged(one.statement)
    assert (verdict.verdict, verdict.rule) == (Verdict.ACCEPT, Rule.FINE)
    assert verdict.advert == one
    assert one.functions == {router().function}
    assert (one.member, one.place, one.offers) == (member(1), PLACE, (router(), router("other")))


def _forged() -> Statement:
    return _unsigned(signed().body)


def _unsigned(body: bytes) -> Statement:
    return Statement(purpose=PURPOSE, body=body, key=key(1).public, signature=Signature(bytes(64)))


def _by_stranger() -> Statement:
    return signed(by=3)


RULES = [
    ("too long", lambda: _unsigned(bytes(ADVERT_BYTES_MAX + 1)), {}, Verdict.REJECT, Rule.SIZE),
    ("garbage", lambda: _unsigned(b"\xc1"), {},
     Verdict.REJECT, Rule.FORM),
    ("no map", lambda: _unsigned(encode([1])), {},
     Verdict.REJECT, Rule.FORM),
    ("an unknown key", lambda: signed(more=1), {}, Verdict.REJECT, Rule.FORM),
    ("a counter of zero", lambda: signed(counter=0), {}, Verdict.REJECT, Rule.FORM),
    ("two offers of one name", lambda: signed(offers=[router().to_value()] * 2), {}, Verdict.REJECT, Rule.FORM),
    ("a place that is too fine", lambda: signed(place={"lat": 1, "lon": 0}), {}, Verdict.REJECT, Rule.FORM),
    ("another purpose", lambda: signed(purpose="proposal"), {}, Verdict.REJECT, Rule.FORM),
    ("another network", lambda: signed(network=digest("other-network")), {}, Verdict.REJECT, Rule.NETWORK),
    ("121 s ahead", lambda: signed(issued=NOW_MS + 120_001, until=NOW_MS + DAY_MS), {}, Verdict.REJECT, Rule.FUTURE),
    ("120 s ahead", lambda: signed(issued=NOW_MS + 120_000, until=NOW_MS + DAY_MS), {}, Verdict.ACCEPT, Rule.FINE),
    ("valid for nothing", lambda: signed(until=NOW_MS), {}, Verdict.REJECT, Rule.LIFE),
    ("valid for a week", lambda: signed(until=NOW_MS + 7 * DAY_MS), {}, Verdict.ACCEPT, Rule.FINE),
    ("valid for longer", lambda: signed(until=NOW_MS + 7 * DAY_MS + 1), {}, Verdict.REJECT, Rule.LIFE),
    ("still valid", lambda: signed(), {"now_ms": NOW_MS + DAY_MS - 1}, Verdict.ACCEPT, Rule.FINE),
    ("expired", lambda: signed(), {"now_ms": NOW_MS + DAY_MS}, Verdict.IGNORE, Rule.EXPIRED),
    ("an older number", lambda: signed(counter=6), {"held": 7}, Verdict.IGNORE, Rule.OLDER),
    ("the same number", lambda: signed(counter=7), {"held": 7}, Verdict.IGNORE, Rule.OLDER),
    ("a newer number", lambda: signed(counter=8), {"held": 7}, Verdict.ACCEPT, Rule.FINE),
    ("no member's key", _by_stranger, {}, Verdict.IGNORE, Rule.NOT_A_MEMBER),
    ("another member's key", lambda: signed(by=2), {}, Verdict.REJECT, Rule.FOREIGN_KEY),
    ("a wrong signature", _forged, {}, Verdict.REJECT, Rule.SIGNATURE),
    ("without a place", lambda: signed(place=None), {}, Verdict.ACCEPT, Rule.FINE),
    ("without offers", lambda: signed(offers=[]), {}, Verdict.ACCEPT, Rule.FINE),
]  # fmt: skip


@pytest.mark.parametrize(("what", "make", "where", "verdict", "rule"), RULES, ids=[row[0] for row in RULES])
def test_each_rule_has_its_verdict(what: str, make: Any, where: dict[str, Any], verdict: Verdict, rule: Rule) -> None:
    """C-17"""
    judgement = judged(make(), **where)
    assert (judgement.verdict, judgement.rule) == (verdict, rule)
    assert bool(judgement.reason) == (verdict is not Verdict.ACCEPT)
    assert (judgement.advert is not None) == (verdict is Verdict.ACCEPT)


def test_every_rule_of_the_list_is_in_the_table() -> None:
    assert {row[4] for row in RULES} == set(Rule)


def test_what_is_expired_or_old_is_ignored_before_a_signature_is_checked() -> None:
    """C-17: a flood of old adverts costs no signature checks."""
    assert judged(_forged(), now_ms=NOW_MS + DAY_MS).rule is Rule.EXPIRED
    assert judged(_forged(), held=10**15).rule is Rule.OLDER


def test_more_offers_than_fit_are_refused_at_the_owner() -> None:
    """C-16"""
    wide = [router(f"{'x' * 55}{n}") for n in range(64)]
    common: dict[str, Any] = {
        "network": NETWORK, "member": member(1), "counter": 1, "place": None, "now_ms": NOW_MS, "signer": key(1),
    }  # fmt: skip
    with pytest.raises(AdvertTooLong, match="64 offers of"):
        issue(wide, **common)
    small = [offer(f'name = "{n}"\nfunction = "sewing"') for n in range(65)]
    with pytest.raises(AdvertTooLong, match="65 offers"):
        issue(small, **common)


def test_a_number_grows_even_when_the_last_was_forgotten_or_the_clock_went_back() -> None:
    """C-16, C-19"""
    assert next_counter(0, NOW_MS) == NOW_MS
    assert next_counter(NOW_MS, NOW_MS) == NOW_MS + 1
    assert next_counter(NOW_MS + 50, NOW_MS - 50) == NOW_MS + 51
    one = advert(1, [])
    assert renew_at_ms(one.issued_ms, one.until_ms) == NOW_MS + DAY_MS // 2


@given(st.binary(max_size=200))
def test_any_bytes_are_judged_without_a_crash(body: bytes) -> None:
    assert judged(_unsigned(body)).verdict is Verdict.REJECT
