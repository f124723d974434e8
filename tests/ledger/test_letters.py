"""Every supported Python takes the same texts, whatever Unicode it was built with."""

from __future__ import annotations

import hashlib
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.letters import LATER, is_plain, is_settled

SETTLED = "fbd03d9c39f87f682f130cacb8683b664fe0d77a7b55d6a07ffdfb8b42e47bf4"
PLAIN = "848cbdc72c4599097d145bb95f3c35b99fc4faa60a54dbe4a7e5b6ab63d336b9"


def test_the_signs_taken_are_those_of_unicode_14_on_this_python() -> None:
    """B-3, B-7: the same two hashes on 3.11, 3.12 and 3.13."""
    assert _fingerprint(is_settled) == SETTLED
    assert _fingerprint(is_plain) == PLAIN


def _fingerprint(judge) -> str:  # type: ignore[no-untyped-def]
    taken = bytes(judge(chr(point)) for point in range(sys.maxunicode + 1))
    return hashlib.sha256(taken).hexdigest()


def test_the_table_of_later_signs_is_in_order_and_what_unicode_says() -> None:
    """B-3."""
    points = [point for run in LATER for point in run]
    assert points == sorted(points)
    if unicodedata.unidata_version == "14.0.0":
        assert all(unicodedata.category(chr(first)) == "Cn" for first, _ in LATER)


@pytest.mark.parametrize(
    "text", ["", "plain", "Winkelstück", "Ω m²", "3 × 4 µm", "木材", "Ägypten \U0001f600", "a\nb", "a\u200bb"]
)
def test_texts_of_unicode_14_in_nfc_are_settled(text: str) -> None:
    """B-3."""
    assert is_settled(text)


@pytest.mark.parametrize("text", ["e\u0301", "\u212b", "\U0001fae8", "\U00010efd", "\u0378", "\ud800", "\U000e0fff"])
def test_other_normal_forms_and_younger_signs_are_not(text: str) -> None:
    """B-3."""
    assert not is_settled(text)
    assert not is_plain(text)


_SIGNS = st.one_of(
    st.characters(),
    st.characters(categories=["Cn", "Cs", "Co", "Cf", "Cc", "Mn"]),
    st.sampled_from([chr(point) for run in LATER for point in run]),
)


@given(text=st.text(_SIGNS, max_size=12))
def test_a_text_is_settled_exactly_where_it_is_normal_and_each_of_its_signs_is_settled(text: str) -> None:
    """B-3: judged whole, as it would be sign by sign."""

    def known(sign: str) -> bool:
        later = any(first <= ord(sign) <= last for first, last in LATER)
        return not later and unicodedata.category(sign) not in ("Cn", "Cs")

    assert is_settled(text) == (unicodedata.is_normalized("NFC", text) and all(map(known, text)))


@pytest.mark.parametrize("sign", list("\x00\x1b\n\t\x7f\x85\xa0\xad\u061c\u200b\u200e\u202e\u2028\u2066\ue000\ufeff"))
def test_a_sign_that_nobody_sees_is_not_plain(sign: str) -> None:
    """B-7, W-30."""
    assert not is_plain(f"a{sign}b")
    assert is_plain("a b")
