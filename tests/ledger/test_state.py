"""The state is one map; what stands on top of it can be thrown away, and the way there leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.canonical import encode
from ledger.errors import LocalError
from ledger.state import Overlay, Settled, State, _Reading

KEYS = st.sampled_from([b"a/1", b"a/2", b"a/3", b"ab", b"b/1", b"b/2", b"c"])
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 9)), max_size=8)
PREFIXES = (b"", b"a", b"a/", b"b/", b"z")


def apply(tx: Overlay, model: dict[bytes, int], changes: list[tuple[bytes, int | None]]) -> None:
    for key, value in changes:
        if value is None:
            tx.delete(key)
            model.pop(key, None)
        else:
            tx.put(key, value)
            model[key] = value


def agrees(view: Any, model: dict[bytes, int]) -> bool:
    """Whether a view reads like a dictionary, ranges included."""
    for prefix in PREFIXES:
        expected = [(key, model[key]) for key in sorted(model) if key.startswith(prefix)]
        if list(view.range(prefix)) != expected:
            return False
    return all(view.get(key) == model.get(key) for key in (b"a/1", b"ab", b"c", b"zz"))


@given(st.lists(CHANGES, max_size=5))
def test_overlays_on_overlays_read_like_one_dictionary(layers: list[list[tuple[bytes, int | None]]]) -> None:
    """S-1."""
    view: Any = State([(b"a/1", encode(1)), (b"c", encode(2))])
    model = {b"a/1": 1, b"c": 2}
    for changes in layers:
        view = Overlay(view)
        apply(view, model, changes)
        assert agrees(view, model)


def test_the_first_of_a_long_list_costs_no_more_than_itself() -> None:
    """D-1: the due list is asked in every block, and members decide how long it is."""
    read: list[bytes] = []

    class Long(State):
        def raw_range(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
            for pair in super().raw_range(prefix):
                read.append(pair[0])
                yield pair

    tx = Overlay(Long((b"due/%05d" % number, encode(True)) for number in range(10_000)))
    tx.put(b"due/00001x", 1)
    tx.delete(b"due/00000")
    assert [key for key, _ in islice(tx.range(b"due/"), 3)] == [b"due/00001", b"due/00001x", b"due/00002"]
    assert len(read) == 3


@settings(max_examples=30)
@given(st.lists(CHANGES, min_size=1, max_size=5))
def test_batches_settled_in_turn_at_once_or_on_each_other_give_one_root(
    blocks: list[list[tuple[bytes, int | None]]],
) -> None:
    """S-2, S-4: invariant 4, for the map itself."""
    one_by_one, model = State(), dict[bytes, int]()
    stack: list[Settled] = []
    base, above = State(), None
    for changes in blocks:
        tx = Overlay(one_by_one)
        apply(tx, model, changes)
        pending = Overlay(above or base)
        apply(pending, {}, changes)
        stack.append(base.settle(pending.changes, stack))
        above = pending
        settled = one_by_one.settle(tx.changes)
        one_by_one.merge(settled)
        assert settled.root == one_by_one.root == stack[-1].root
    assert base.root == State().root
    for settled in stack:
        base.merge(settled)
    at_once = State()
    tx = Overlay(at_once)
    for changes in blocks:
        apply(tx, {}, changes)
    at_once.merge(at_once.settle(tx.changes))
    restarted = State(one_by_one.raw_range(b""))
    assert base.root == at_once.root == restarted.root == one_by_one.root
    assert agrees(one_by_one, model)
    assert len(one_by_one) == len(model)


def test_what_was_read_can_be_changed_without_changing_the_state() -> None:
    """S-1."""
    tx = Overlay(State())
    tx.put(b"k", {"list": [1]})
    read = tx.get(b"k")
    assert read is not None
    read["list"].append(2)
    assert tx.get(b"k") == {"list": [1]}
    assert tx.raw(b"k") == encode({"list": [1]})


def test_an_overlay_is_forgotten_unless_it_is_absorbed() -> None:
    """S-1, E-5."""
    state = State([(b"k", encode(1))])
    below = Overlay(state)
    above = Overlay(below)
    above.put(b"k", 2)
    above.delete(b"k")
    above.put(b"l", 3)
    assert (below.get(b"k"), state.get(b"k")) == (1, 1)
    below.absorb(above)
    assert (below.get(b"k"), below.get(b"l")) == (None, 3)
    assert state.get(b"k") == 1


def test_no_changes_leave_the_root_and_what_is_no_value_cannot_be_put() -> None:
    """S-1, S-2."""
    state = State([(b"k", encode(1))])
    assert state.settle({}).root == state.root
    gone = state.settle({b"k": None})
    assert state.settle({}, [gone]).root == gone.root == State().root
    assert state.settle({b"k": encode(1)}, [gone]).root == state.root
    with pytest.raises(LocalError):
        Overlay(state).put(b"k", 1.5)


def test_a_view_without_a_map_is_our_own_mistake() -> None:
    """S-1."""
    with pytest.raises(AssertionError):
        _Reading().raw(b"k")
    with pytest.raises(AssertionError):
        list(_Reading().raw_range(b"k"))


def crash() -> None:
    raise ValueError


@pytest.mark.parametrize("ends", ["refused", "raised", "applied"])
def test_an_attempt_that_is_refused_or_fails_leaves_nothing_behind(ends: str) -> None:
    """E-5: whatever was put, deleted, put again or never there before."""
    tx = Overlay(State([(b"a", encode(1)), (b"b", encode(2))]))
    tx.put(b"c", 3)
    tx.delete(b"b")
    before = dict(tx.changes)

    def rule() -> str | None:
        tx.put(b"a", 10)
        tx.put_own(b"a", 11)
        tx.delete(b"c")
        tx.put(b"b", 20)
        tx.put(b"d", 40)
        tx.delete(b"d")
        if ends == "raised":
            crash()
        return "no" if ends == "refused" else None

    if ends == "raised":
        with pytest.raises(ValueError):
            tx.attempt(rule)
    else:
        assert tx.attempt(rule) == ("no" if ends == "refused" else None)
    if ends == "applied":
        assert tx.changes == {b"a": encode(11), b"b": encode(20), b"c": None, b"d": None}
    else:
        assert tx.changes == before
    assert tx.attempt(lambda: None) is None
