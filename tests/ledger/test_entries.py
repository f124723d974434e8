"""An entry or statement reads back as it was signed; any other bytes are refused or are another entry."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import NotCanonical, digest, encode
from ledger.entry import ENTRY_BYTES_MAX, Entry, entry_from_value, entry_to_value, read_entry, sign_entry
from ledger.errors import RemoteError
from ledger.form import Malformed
from ledger.keys import Signature, verify
from ledger.statement import STATEMENT_BYTES_MAX, Statement, read_statement, sign_statement
from tests.ledger.town import START_MS, key

SIGNER = key("author", 1)
NETWORK = bytes(range(32))
CONTENT: dict[str, Any] = {
    "key": SIGNER.public,
    "network": NETWORK,
    "op": {"amount": 3, "t": "credits.pay/1"},
    "seq": 1,
    "until": START_MS,
}


def made(**changes: Any) -> Entry:
    return sign_entry(SIGNER, NETWORK, 1, START_MS, {"t": "credits.pay/1", "amount": 3}, **changes)


def test_the_id_hashes_the_signed_bytes_and_never_the_signature() -> None:
    """E-1."""
    entry = made()
    assert entry.body == encode(CONTENT)
    assert entry.id == digest("entry", entry.body)
    assert verify(SIGNER.public, entry.id, entry.signature)
    assert read_entry(entry.body, bytes(64)).id == entry.id
    assert not read_entry(entry.body, bytes(64)).is_signed()
    assert entry.size_bytes == len(entry.body) + 64


def test_an_entry_reads_back_as_it_was_made() -> None:
    """E-1, E-2."""
    for entry in (made(), made(skips=True)):
        assert read_entry(entry.body, entry.signature) == entry
        assert entry_from_value(entry_to_value(entry)) == entry
        assert entry.is_signed()
        assert entry.name == "credits.pay/1"
    assert made(skips=True).skips
    assert made(skips=True).id != made().id


@pytest.mark.parametrize(
    "changes",
    [
        {"network": None},
        {"key": None},
        {"seq": None},
        {"until": None},
        {"op": None},
        {"network": bytes(31)},
        {"key": bytes(33)},
        {"key": "k" * 32},
        {"seq": 0},
        {"seq": -1},
        {"seq": True},
        {"until": -1},
        {"until": 2**47 + 1},
        {"skips": False},
        {"skips": 1},
        {"op": []},
        {"op": {}},
        {"op": {"t": 1}},
        {"op": {"t": b"x"}},
        {"extra": 1},
        {"extra": 1, "skips": True},
        {"skips": True, "seq": None},
        {"extra": 1, "seq": None},
    ],
    ids=str,
)
def test_an_entry_of_another_form_is_refused(changes: dict[str, Any]) -> None:
    """E-2, B-7."""
    content = {name: value for name, value in {**CONTENT, **changes}.items() if value is not None}
    with pytest.raises(Malformed):
        read_entry(encode(content), bytes(64))


def test_bytes_that_are_no_map_a_wrong_signature_or_too_many_are_refused() -> None:
    """E-2, B-4."""
    others: tuple[Any, ...] = (1, [], "x")
    for value in others:
        with pytest.raises(Malformed):
            read_entry(encode(value), bytes(64))
    for length in (0, 63, 65):
        with pytest.raises(Malformed):
            read_entry(encode(CONTENT), bytes(length))
    large = {**CONTENT, "op": {"note": b"x" * ENTRY_BYTES_MAX, "t": "x"}}
    with pytest.raises(NotCanonical):
        read_entry(encode(large), bytes(64))


@pytest.mark.parametrize("pair", [None, [], [b"a"], [b"a", b"b", b"c"], [b"a", "b"], [1, b"b"], {"a": 1}, "ab"])
def test_what_is_no_pair_of_bytes_is_no_travelling_entry(pair: Any) -> None:
    """E-2."""
    with pytest.raises(RemoteError):
        entry_from_value(pair)


@given(st.data())
def test_no_byte_of_an_entry_can_be_changed_on_the_way(data: st.DataObject) -> None:
    """E-1: whatever still reads is another entry, and not signed."""
    entry = made()
    at = data.draw(st.integers(0, len(entry.body) - 1))
    other = data.draw(st.integers(1, 255))
    changed = entry.body[:at] + bytes([entry.body[at] ^ other]) + entry.body[at + 1 :]
    try:
        read = read_entry(changed, entry.signature)
    except RemoteError:
        return
    assert read.id != entry.id
    assert not read.is_signed()


def statement(content: Any = None) -> Statement:
    return sign_statement("proposal", {"price": 3} if content is None else content, SIGNER)


def test_a_statement_reads_back_and_covers_its_purpose() -> None:
    """B-8, B-5."""
    one = statement()
    assert read_statement("proposal", one.to_value()) == one
    assert one.content == {"price": 3}
    assert one.is_signed()
    assert one.id == digest("proposal", one.body)
    other = read_statement("accept-units", one.to_value())
    assert other.id != one.id
    assert not other.is_signed()


def test_signed_bytes_that_are_no_map_have_no_content() -> None:
    """B-8: anybody can sign anything, so this is nobody's exception."""
    for body in (b"\xc0", b"\xff", encode([1]), encode(7), b"\x81\xa1a", encode({"a": b"x" * STATEMENT_BYTES_MAX})):
        signed = Statement(
            purpose="proposal", body=body, key=SIGNER.public, signature=SIGNER.sign(digest("proposal", body))
        )
        assert signed.is_signed()
        assert signed.content == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"body": b""},
        {"body": b"x" * (STATEMENT_BYTES_MAX + 1)},
        {"body": "text"},
        {"key": bytes(31)},
        {"sig": bytes(63)},
        {"sig": None},
        {"more": 1},
    ],
    ids=["empty", "too long", "text", "short key", "short signature", "unsigned", "more"],
)
def test_a_statement_of_another_form_is_refused(changes: dict[str, Any]) -> None:
    """B-8, B-7."""
    value = {name: one for name, one in {**statement().to_value(), **changes}.items() if one is not None}
    with pytest.raises(Malformed):
        read_statement("proposal", value, "consent")


def test_a_statement_with_somebody_elses_signature_is_not_signed() -> None:
    """B-8."""
    one = statement()
    other = Statement(purpose="proposal", body=one.body, key=key("other", 1).public, signature=one.signature)
    assert not other.is_signed()
    assert other.id == one.id
    assert not Statement(purpose="proposal", body=one.body, key=one.key, signature=Signature(b"")).is_signed()
