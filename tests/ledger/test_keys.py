"""Who says it: signatures are judged strictly, odd keys are not admitted, and ids are written in one way."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.keys import SigningKey, is_admissible, member_id, next_root_hash, verify
from ledger.names import Kind, NotAnId, matches, parse_id, short, show_id

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the prime-order group (RFC 8032)."""
PRIME = 2**255 - 19
SIGNER = SigningKey(bytes(range(32)))
MESSAGE = b"twelve brackets"

SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]
"""The eight points whose order divides 8: under these one signature fits every message."""


def test_a_signature_holds_for_its_key_and_message_alone() -> None:
    """K-1."""
    signature = SIGNER.sign(MESSAGE)
    assert verify(SIGNER.public, MESSAGE, signature)
    assert not verify(SIGNER.public, MESSAGE + b".", signature)
    assert not verify(SigningKey(bytes(32)).public, MESSAGE, signature)


@given(st.integers(0, 511))
def test_no_bit_of_a_signature_can_be_changed(bit: int) -> None:
    """K-1."""
    signature = bytearray(SIGNER.sign(MESSAGE))
    signature[bit // 8] ^= 1 << bit % 8
    assert not verify(SIGNER.public, MESSAGE, bytes(signature))


def test_the_same_signature_with_a_larger_s_is_refused() -> None:
    """K-1: malleable signatures."""
    signature = SIGNER.sign(MESSAGE)
    s = int.from_bytes(signature[32:], "little")
    for factor in (1, 2, 7, 14):
        larger = s + factor * ORDER
        if larger < 2**256:
            assert not verify(SIGNER.public, MESSAGE, signature[:32] + larger.to_bytes(32, "little"))


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_key_of_small_order_neither_signs_nor_is_admitted(point: str) -> None:
    """K-1, K-2: with R the neutral point and S = 0 such a key would sign everything."""
    key = bytes.fromhex(point)
    assert not is_admissible(key)
    for r in SMALL_ORDER:
        assert not verify(key, MESSAGE, bytes.fromhex(r) + bytes(32))


@pytest.mark.parametrize(
    "key",
    [
        (PRIME + 3).to_bytes(32, "little"),
        PRIME.to_bytes(32, "little"),
        b"\xff" * 32,
        (2).to_bytes(32, "little"),
        bytes(31),
        bytes(33),
        b"",
    ],
    ids=["not canonical", "the prime", "all ones", "no point", "short", "long", "empty"],
)
def test_a_key_that_is_no_canonical_point_is_not_admitted(key: bytes) -> None:
    """K-2."""
    assert not is_admissible(key)
    assert not verify(key, MESSAGE, SIGNER.sign(MESSAGE))


def test_a_made_key_is_admitted() -> None:
    """K-2."""
    assert all(is_admissible(SigningKey(bytes([i]) * 32).public) for i in range(20))


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_another_length_is_wrong_and_raises_nothing(length: int) -> None:
    """K-1."""
    assert not verify(SIGNER.public, MESSAGE, bytes(length))


def test_the_speccheck_vectors_come_out_as_written(project: Path) -> None:
    """K-1, K-2: only number 3 passes, and its key is never admitted."""
    path = project.parent / "shared" / "peers" / "cases.json"
    if not path.is_file():
        pytest.skip("the 12 speccheck vectors are not beside this checkout; own vectors stand above")
    cases = [{name: bytes.fromhex(text) for name, text in case.items()} for case in json.loads(path.read_text())]
    accepted = [verify(case["pub_key"], case["message"], case["signature"]) for case in cases]
    assert [i for i, ok in enumerate(accepted) if ok] == [3]
    assert not is_admissible(cases[3]["pub_key"])


def test_a_seed_is_32_bytes_and_never_shown() -> None:
    """K-1."""
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey(bytes(31))
    assert SIGNER.public.hex()[:12] in repr(SIGNER)
    assert bytes(range(32)).hex() not in repr(SIGNER)


def test_a_members_id_is_the_hash_of_root_and_next_root() -> None:
    """K-3, K-4."""
    nxt = SigningKey(bytes(32)).public
    assert next_root_hash(nxt) == hashlib.sha256(b"dpnode/root/1" + nxt).digest()
    expected = hashlib.sha256(b"dpnode/member/1" + SIGNER.public + next_root_hash(nxt)).digest()
    assert member_id(SIGNER.public, next_root_hash(nxt)) == expected


@given(st.binary(min_size=32, max_size=32), st.sampled_from(list(Kind)))
def test_a_written_id_reads_back_and_in_no_other_way(value: bytes, kind: Kind) -> None:
    """K-5."""
    text = show_id(kind, value)
    assert parse_id(kind, f" {text.upper()} ") == value
    assert text.startswith(short(kind, value))
    assert matches(kind, short(kind, value), value)
    assert not matches(kind, kind.value, value)
    assert not matches(kind, f"{kind.value}-", value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mem",
        "mem-",
        "mem-" + "a" * 51,
        "mem-" + "a" * 53,
        "job-" + "a" * 52,
        "mem-" + "a" * 51 + "1",
        "mem-" + "a" * 51 + "b",
        "mem-" + "a" * 51 + "ß",
        "mem_" + "a" * 52,
    ],
)
def test_what_is_no_full_id_of_the_kind_is_refused(text: str) -> None:
    """K-5: the last letter carries unused bits, which are zero."""
    with pytest.raises(NotAnId):
        parse_id(Kind.MEMBER, text)
