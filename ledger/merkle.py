"""Hash trees: one over the entries of a block, one over the 2^16 buckets of the state.

The entries tree is that of RFC 6962 (split at the largest power of two below the size), with our own tags, so a leaf
can never be shown as a node. The state tree is a full binary tree of depth 16 kept in one flat array, of which a
block's changes touch only the paths above the changed buckets (SPEC S-2, S-3).
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from struct import Struct

BUCKET_BITS = 16
BUCKETS = 1 << BUCKET_BITS
HASH_BYTES = 32

_NODE = b"dpnode/node/1"
_BUCKET = b"dpnode/bucket/1"
_sha = hashlib.sha256
_length = Struct(">I").pack


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return _sha(_NODE + left + right).digest()


def list_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes in their order; that of no leaves is the hash of the bare node tag."""
    if not leaves:
        return _sha(_NODE).digest()
    # Pairing level by level and carrying an odd last node up gives exactly the largest-power-of-two split.
    level = list(leaves)
    while len(level) > 1:
        paired = [_sha(_NODE + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


def list_proof(leaves: Sequence[bytes], index: int) -> list[tuple[bool, bytes]]:
    """The siblings from leaf `index` to the root: (sibling is on the left, its hash)."""
    path: list[tuple[bool, bytes]] = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append((sibling < index, level[sibling]))
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level, index = paired, index // 2
    return path


def follow(leaf: bytes, path: Iterable[tuple[bool, bytes]]) -> bytes:
    """The root that `leaf` and its siblings lead to."""
    for is_left, sibling in path:
        leaf = node_hash(sibling, leaf) if is_left else node_hash(leaf, sibling)
    return leaf


def bucket_of(key: bytes) -> int:
    """The bucket a state key lives in: the first 16 bits of its SHA-256 (SPEC S-2)."""
    digest = _sha(key).digest()
    return digest[0] << 8 | digest[1]


def bucket_hash(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The leaf of one bucket: its pairs in key order, each part behind its length in 4 bytes (SPEC S-2)."""
    parts = [_BUCKET]
    for key, value in pairs:
        parts += (_length(len(key)), key, _length(len(value)), value)
    return _sha(b"".join(parts)).digest()


@dataclass(frozen=True, slots=True)
class TreeChange:
    """What would differ in a state tree: nodes by number, and the keys of the touched buckets."""

    nodes: dict[int, bytes]
    keys: dict[int, list[bytes]]

    @property
    def root(self) -> bytes | None:
        """The root after the change, or None where nothing was touched."""
        return self.nodes.get(1)


class StateTree:
    """The Merkle tree over all buckets; node 1 is the root, the children of node i are 2i and 2i + 1."""

    __slots__ = ("_keys", "_nodes")

    def __init__(self) -> None:
        hashes = [bucket_hash(())]
        for _ in range(BUCKET_BITS):
            hashes.append(node_hash(hashes[-1], hashes[-1]))
        # A list of shared hashes: an empty tree costs a megabyte, and a node is read without being copied.
        self._nodes = [b""]
        for depth in range(BUCKET_BITS + 1):
            self._nodes += [hashes[BUCKET_BITS - depth]] * (1 << depth)
        self._keys: dict[int, list[bytes]] = {}

    @property
    def root(self) -> bytes:
        """32 bytes that stand for the whole state."""
        return self._nodes[1]

    def node(self, i: int) -> bytes:
        """The hash of node `i`."""
        return self._nodes[i]

    def preview(
        self, raw: Callable[[bytes], bytes | None], changed: Iterable[bytes], below: Sequence[TreeChange] = ()
    ) -> TreeChange:
        """What the tree becomes when `changed` keys have the values `raw` gives, on top of `below` (oldest first)."""
        keys: dict[int, list[bytes]] = {}
        for key in changed:
            bucket = bucket_of(key)
            members = keys.get(bucket)
            if members is None:
                members = keys[bucket] = list(self._bucket(bucket, below))
            is_there = raw(key) is not None
            if is_there and key not in members:
                insort(members, key)
            elif not is_there and key in members:
                members.remove(key)
        under: dict[int, bytes] = {}
        for change in below:
            under |= change.nodes
        nodes: dict[int, bytes] = {}
        for bucket, members in keys.items():
            nodes[BUCKETS + bucket] = bucket_hash([(key, raw(key) or b"") for key in members])
        # Level by level, each node once however many of its leaves changed. No hash is empty, so `or` finds the newest.
        level = {i >> 1 for i in nodes}
        new, older, settled = nodes.get, under.get, self._nodes
        while level and not under:
            for i in level:
                left = 2 * i
                nodes[i] = _sha(_NODE + (new(left) or settled[left]) + (new(left + 1) or settled[left + 1])).digest()
            level = {i >> 1 for i in level if i > 1}
        while level:
            for i in level:
                left, right = 2 * i, 2 * i + 1
                nodes[i] = _sha(
                    _NODE + (new(left) or older(left) or settled[left]) + (new(right) or older(right) or settled[right])
                ).digest()
            level = {i >> 1 for i in level if i > 1}
        return TreeChange(nodes, keys)

    def apply(self, change: TreeChange) -> None:
        """Make a previewed change, with nothing below it left out, part of the tree."""
        nodes = self._nodes
        for i, value in change.nodes.items():
            nodes[i] = value
        for bucket, members in change.keys.items():
            if members:
                self._keys[bucket] = members
            else:
                self._keys.pop(bucket, None)

    def bucket_keys(self, bucket: int) -> list[bytes]:
        """The keys of one bucket, in order."""
        return list(self._keys.get(bucket, ()))

    def path(self, bucket: int) -> list[bytes]:
        """The 16 siblings from a bucket's leaf up to the root."""
        i = BUCKETS + bucket
        siblings = []
        while i > 1:
            siblings.append(self.node(i ^ 1))
            i >>= 1
        return siblings

    def _bucket(self, bucket: int, below: Sequence[TreeChange]) -> Sequence[bytes]:
        for change in reversed(below):
            if (found := change.keys.get(bucket)) is not None:
                return found
        return self._keys.get(bucket, ())


def follow_bucket(leaf: bytes, bucket: int, siblings: Sequence[bytes]) -> bytes:
    """The state root that a bucket's leaf and its 16 siblings lead to."""
    i = BUCKETS + bucket
    for sibling in siblings:
        leaf = node_hash(sibling, leaf) if i & 1 else node_hash(leaf, sibling)
        i >>= 1
    return leaf
