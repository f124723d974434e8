"""One structure for credits, fractions and output: nothing below zero, nothing held is spent, a hold ends once."""

from __future__ import annotations

import pytest

from ledger.canonical import INTEGER_MAX
from ledger.errors import LocalError, Reason
from ledger.operations import accounts
from ledger.state import Overlay, State

ADA, BEN = b"a" * 32, b"b" * 32
EUR, OVEN = b"e" * 32, b"o" * 32
HOLD = b"h" * 32


def line(amount: int, thing: bytes = EUR, kind: str = "credit") -> accounts.Line:
    return {"amount": amount, "id": thing, "kind": kind}


def rich() -> Overlay:
    tx = Overlay(State())
    accounts.create(tx, ADA, "credit", EUR, 100)
    accounts.create(tx, ADA, "units", OVEN, 7)
    return tx


def all_of(tx: Overlay, member: bytes, thing: bytes = EUR, kind: str = "credit") -> tuple[int, int]:
    return accounts.free(tx, member, kind, thing), accounts.held(tx, member, kind, thing)


@pytest.mark.parametrize("kind", list(accounts.KINDS))
def test_each_kind_is_kept_apart(kind: str) -> None:
    """A-1."""
    tx = rich()
    accounts.create(tx, BEN, kind, EUR, 5)
    for other in accounts.KINDS:
        assert accounts.free(tx, BEN, other, EUR) == (5 if other == kind else 0)
    assert list(accounts.holdings(tx, BEN)) == [(kind, EUR, 5, 0)]
    assert list(accounts.holders(tx, kind, EUR))[-1] == (BEN, 5, 0)


def test_only_what_is_free_is_spent() -> None:
    """A-2."""
    tx = rich()
    assert accounts.hold(tx, HOLD, ADA, [line(60)]) is None
    refusal = accounts.move(tx, "credit", EUR, ADA, BEN, 41)
    assert refusal is not None
    assert refusal.reason is Reason.TOO_LITTLE
    assert accounts.move(tx, "credit", EUR, ADA, BEN, 40) is None
    assert (all_of(tx, ADA), all_of(tx, BEN)) == ((0, 60), (40, 0))
    assert accounts.destroy(tx, ADA, "credit", EUR, 1) is not None
    assert accounts.destroy(tx, BEN, "credit", EUR, 40) is None
    assert list(accounts.holdings(tx, BEN)) == []


def test_a_hold_takes_all_its_lines_or_refuses() -> None:
    """A-3."""
    tx = rich()
    assert accounts.hold(Overlay(tx), HOLD, ADA, [line(100), line(8, OVEN, "units")]) is not None
    assert accounts.hold(tx, HOLD, ADA, [line(100), line(7, OVEN, "units"), line(0, b"x" * 32, "output")]) is None
    assert all_of(tx, ADA) == (0, 100)
    again = accounts.hold(tx, HOLD, ADA, [line(0)])
    assert again is not None
    assert again.reason is Reason.HOLD_EXISTS


def test_a_hold_is_posted_in_parts_until_nothing_is_left() -> None:
    """A-4, A-5."""
    tx = rich()
    accounts.hold(tx, HOLD, ADA, [line(100), line(7, OVEN, "units")])
    assert accounts.post(tx, HOLD, BEN, [30, 0]) is None
    assert accounts.hold_left(tx, HOLD) == [line(70), line(7, OVEN, "units")]
    refusal = accounts.post(Overlay(tx), HOLD, BEN, [70, 8])
    assert refusal is not None
    assert refusal.reason is Reason.TOO_LITTLE
    assert accounts.post(tx, HOLD, BEN, [70, 7]) is None
    assert accounts.hold_left(tx, HOLD) is None
    assert (all_of(tx, BEN), all_of(tx, BEN, OVEN, "units")) == ((100, 0), (7, 0))
    assert list(accounts.holdings(tx, ADA)) == []


def test_a_hold_that_is_given_back_has_ended() -> None:
    """A-5: exactly once."""
    tx = rich()
    accounts.hold(tx, HOLD, ADA, [line(100), line(0, OVEN, "units")])
    accounts.post(tx, HOLD, BEN, [1, 0])
    assert accounts.void(tx, HOLD) is None
    assert (all_of(tx, ADA), all_of(tx, BEN)) == ((99, 0), (1, 0))
    for ended in (accounts.void(tx, HOLD), accounts.post(tx, HOLD, BEN, [0, 0])):
        assert ended is not None
        assert ended.reason is Reason.NO_SUCH_HOLD


def test_a_hold_of_nothing_ends_like_any_other() -> None:
    """A-3, A-5."""
    tx = rich()
    accounts.hold(tx, HOLD, ADA, [line(0)])
    assert accounts.hold_left(tx, HOLD) == [line(0)]
    assert accounts.void(tx, HOLD) is None
    assert accounts.hold_left(tx, HOLD) is None


def test_an_account_that_is_empty_leaves_nothing_in_the_state() -> None:
    """A-1."""
    tx = rich()
    accounts.move(tx, "credit", EUR, ADA, BEN, 100)
    accounts.create(tx, ADA, "credit", EUR, 0)
    assert [member for member, _, _ in accounts.holders(tx, "credit", EUR)] == [BEN]
    assert [kind for kind, *_ in accounts.holdings(tx, ADA)] == ["units"]


def test_a_move_to_oneself_changes_nothing() -> None:
    """A-2."""
    tx = rich()
    assert accounts.move(tx, "credit", EUR, ADA, ADA, 100) is None
    assert all_of(tx, ADA) == (100, 0)


def test_what_only_a_bug_can_cause_is_our_own_mistake() -> None:
    """A-1, A-4."""
    tx = rich()
    accounts.hold(tx, HOLD, ADA, [line(1)])
    for amounts in ([], [1, 1], [-1]):
        with pytest.raises(LocalError):
            accounts.post(tx, HOLD, BEN, amounts)
    with pytest.raises(LocalError):
        accounts.create(tx, ADA, "credit", EUR, INTEGER_MAX)
    with pytest.raises(LocalError):
        accounts.create(tx, ADA, "credit", EUR, -101)
    tx.put(b"hold/" + HOLD, {"from": ADA, "lines": [line(2)]})
    with pytest.raises(LocalError):
        accounts.void(tx, HOLD)


def test_a_hold_is_paid_out_to_several_at_once_and_whole() -> None:
    """A-4, A-5."""
    tx = rich()
    assert accounts.hold(tx, HOLD, ADA, [line(70)]) is None
    with pytest.raises(LocalError):
        accounts.pay_out(tx, HOLD, [(BEN, 60)])
    assert accounts.pay_out(tx, HOLD, [(BEN, 40), (ADA, 30), (b"c" * 32, 0)]) is None
    assert (all_of(tx, ADA), all_of(tx, BEN), all_of(tx, b"c" * 32)) == ((60, 0), (40, 0), (0, 0))
    again = accounts.pay_out(tx, HOLD, [])
    assert again is not None and again.reason is Reason.NO_SUCH_HOLD
