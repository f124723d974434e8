"""Both trees are what SPEC says, computed here a second way; proofs lead to the root and nothing else does."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.canonical import encode
from ledger.merkle import (
    BUCKETS,
    StateTree,
    bucket_hash,
    bucket_of,
    follow,
    follow_bucket,
    list_proof,
    list_root,
    node_hash,
)
from ledger.state import Overlay, State

HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=40)


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def naive_list_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 in its own words: split at the largest power of two below the size."""
    if not leaves:
        return sha(b"dpnode/node/1")
    if len(leaves) == 1:
        return leaves[0]
    at = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"dpnode/node/1", naive_list_root(leaves[:at]), naive_list_root(leaves[at:]))


@given(HASHES)
def test_the_root_of_a_list_is_that_of_rfc_6962_with_our_tags(leaves: list[bytes]) -> None:
    """B-6."""
    assert list_root(leaves) == naive_list_root(leaves)


@given(HASHES.filter(bool), st.data())
def test_a_proof_leads_from_its_leaf_to_the_root_and_from_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    """B-6."""
    at = data.draw(st.integers(0, len(leaves) - 1))
    proof = list_proof(leaves, at)
    assert follow(leaves[at], proof) == list_root(leaves)
    assert follow(bytes(32), proof) != list_root(leaves) or leaves[at] == bytes(32)
    assert len(proof) <= len(leaves).bit_length()


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=20, unique=True), st.data())
def test_no_leaf_can_be_left_out_swapped_or_taken_twice(leaves: list[bytes], data: st.DataObject) -> None:
    """B-6."""
    at = data.draw(st.integers(0, len(leaves) - 2))
    swapped = [*leaves[:at], leaves[at + 1], leaves[at], *leaves[at + 2 :]]
    for other in (swapped, leaves[:at] + leaves[at + 1 :], [*leaves, leaves[-1]], leaves[:-1]):
        assert list_root(other) != list_root(leaves)


PAIRS = st.dictionaries(st.binary(min_size=1, max_size=6), st.binary(min_size=1, max_size=6), max_size=30)


def naive_state_root(pairs: dict[bytes, bytes]) -> bytes:
    """All 65,536 leaves, level by level."""
    buckets: dict[int, list[tuple[bytes, bytes]]] = {}
    for key, value in sorted(pairs.items()):
        buckets.setdefault(int.from_bytes(sha(key)[:2], "big"), []).append((key, value))

    def leaf(number: int) -> bytes:
        parts = [b"dpnode/bucket/1"]
        for key, value in buckets.get(number, []):
            parts += [len(key).to_bytes(4, "big"), key, len(value).to_bytes(4, "big"), value]
        return sha(*parts)

    empty = leaf(-1)
    level = {number: leaf(number) for number in buckets}
    for _ in range(16):
        above = {number >> 1 for number in level}
        level = {i: sha(b"dpnode/node/1", level.get(2 * i, empty), level.get(2 * i + 1, empty)) for i in above}
        empty = sha(b"dpnode/node/1", empty, empty)
    return level.get(0, empty)


@settings(max_examples=25)
@given(PAIRS)
def test_the_states_root_is_that_of_the_whole_map(pairs: dict[bytes, bytes]) -> None:
    """S-2."""
    assert State(pairs.items()).root == naive_state_root(pairs)


def test_every_change_in_turn_gives_the_root_of_the_whole_map() -> None:
    """S-2, S-4: keys of one bucket included."""
    state, model = State(), dict[bytes, bytes]()
    same = [key for key in (b"%d" % i for i in range(90_000)) if bucket_of(key) == bucket_of(b"0")]
    assert len(same) > 1
    for number, key in enumerate([*same, b"a", b"b", *same[:1], b"a"]):
        tx = Overlay(state)
        if key in model:
            tx.delete(key)
            del model[key]
        else:
            tx.put(key, number)
            model[key] = encode(number)
        state.merge(state.settle(tx.changes))
        assert state.root == naive_state_root(model)
    assert state.tree.bucket_keys(bucket_of(b"0")) == sorted(key for key in model if bucket_of(key) == bucket_of(b"0"))


@settings(max_examples=10)
@given(PAIRS.filter(bool), st.data())
def test_a_bucket_and_sixteen_siblings_prove_a_value_and_an_absence(
    pairs: dict[bytes, bytes], data: st.DataObject
) -> None:
    """S-3."""
    state = State(pairs.items())
    key = data.draw(st.sampled_from(sorted(pairs)))
    bucket = bucket_of(key)
    inside = [(one, pairs[one]) for one in state.tree.bucket_keys(bucket)]
    path = state.tree.path(bucket)
    assert len(path) == 16
    assert follow_bucket(bucket_hash(inside), bucket, path) == state.root
    forged = [(one, value + b"!") for one, value in inside]
    assert follow_bucket(bucket_hash(forged), bucket, path) != state.root
    assert follow_bucket(bucket_hash([]), bucket, path) != state.root
    assert follow_bucket(bucket_hash(inside), bucket ^ 1, path) != state.root


def test_an_empty_state_proves_that_a_key_is_absent() -> None:
    """S-3."""
    tree = StateTree()
    for bucket in (0, 1, BUCKETS - 1):
        assert follow_bucket(bucket_hash([]), bucket, tree.path(bucket)) == tree.root
        assert tree.bucket_keys(bucket) == []


def test_a_leaf_can_not_be_shown_as_a_node() -> None:
    """B-6: every kind of hash has its own tag."""
    left, right = sha(b"l"), sha(b"r")
    assert node_hash(left, right) != sha(left, right)
    assert bucket_hash([(left, right)]) != node_hash(left, right)
