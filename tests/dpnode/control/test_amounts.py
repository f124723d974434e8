"""Amounts are exact, and what an owner writes for an id means one thing or is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpnode.control.amounts import Amount, amount_text, decimal_text, parse_amount, shown_amount
from dpnode.control.resolve import Candidate, resolve
from dpnode.errors import FailKind, Problem
from ledger.names import Kind, show_id


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("12.50 EUR@founder", Amount(digits=1250, decimals=2, kind="credit", thing="EUR", issuer="founder")),
        ("12 EUR", Amount(digits=12, decimals=0, kind="credit", thing="EUR")),
        ("0.001 EUR@a b", Amount(digits=1, decimals=3, kind="credit", thing="EUR", issuer="a b")),
        ("1000 units:printer", Amount(digits=1000, decimals=0, kind="units", thing="printer")),
        ("3 output:asset-k3q7", Amount(digits=3, decimals=0, kind="output", thing="asset-k3q7")),
        ("5 €@founder", Amount(digits=5, decimals=0, kind="credit", thing="€", issuer="founder")),
    ],
)
def test_an_amount_is_read_exactly(text: str, wanted: Amount) -> None:
    assert parse_amount(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "EUR", "12.50", "-1 EUR", "+1 EUR", "1e3 EUR", "1EUR", "1e3EUR",
     "1,5 EUR", "1. EUR", ".5 EUR", "nan EUR", "1 EUR@", "1 @founder",
     "1.5 units:printer", "1 units:", "12345678901234567 EUR", "1.1234567890 EUR", "１ EUR", "1 2 EUR"],
)  # fmt: skip
def test_what_is_no_amount_is_a_usage_error(text: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_amount(text)
    assert refused.value.kind is FailKind.USAGE


def test_an_amount_finer_than_its_credit_is_refused_and_never_rounded() -> None:
    assert parse_amount("12.5 EUR").in_smallest(2) == 1250
    assert parse_amount("12.50 EUR").in_smallest(2) == 1250
    with pytest.raises(Problem, match="has 2 decimals"):
        parse_amount("12.505 EUR").in_smallest(2)
    with pytest.raises(Problem, match="larger than the ledger"):
        parse_amount("9007199254740992 EUR").in_smallest(0)


@given(st.integers(0, 10**15 - 1), st.integers(0, 9))
def test_writing_and_reading_an_amount_gives_it_back(smallest: int, decimals: int) -> None:
    shown = shown_amount(
        kind="credit", identity="cred-x", amount=smallest, name="EUR", decimals=decimals, issuer="founder"
    )
    if len(decimal_text(smallest, decimals).replace(".", "")) <= 16:
        read = parse_amount(amount_text(shown))
        assert (read.in_smallest(decimals), read.thing, read.issuer) == (smallest, "EUR", "founder")


ANNA = Candidate(kind=Kind.MEMBER, id=bytes(32), name="Anna")
BERT = Candidate(kind=Kind.MEMBER, id=bytes([0, 1]) + bytes(30), name="Bert")
FAKE = Candidate(kind=Kind.MEMBER, id=bytes([255]) * 32, name="Anna")


def test_a_full_id_a_unique_beginning_or_a_unique_name_is_enough() -> None:
    for text in (show_id(Kind.MEMBER, BERT.id), show_id(Kind.MEMBER, BERT.id)[:12], "Bert", "bert", " Bert "):
        assert resolve(text, [ANNA, BERT], what="member") == BERT


def test_a_name_borne_twice_is_refused_with_the_ids_to_choose_from() -> None:
    with pytest.raises(Problem, match="more than one member: mem-aaaaaaaaaa, mem-7777777777") as refused:
        resolve("Anna", [ANNA, BERT, FAKE], what="member")
    assert refused.value.kind is FailKind.USAGE


def test_a_name_never_wins_against_an_id() -> None:
    thief = Candidate(kind=Kind.MEMBER, id=bytes([7]) * 32, name=show_id(Kind.MEMBER, BERT.id))
    assert resolve(show_id(Kind.MEMBER, BERT.id), [thief, BERT], what="member") == BERT


@pytest.mark.parametrize("text", ["", "Carl", "mem-", "mem-aaa", "job-aaaaaaaa", "mem-zzzzzzzz"])
def test_what_nobody_bears_is_not_found(text: str) -> None:
    with pytest.raises(Problem) as refused:
        resolve(text, [ANNA, BERT], what="member")
    assert refused.value.kind is FailKind.NOT_FOUND
