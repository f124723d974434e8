"""The state: one flat map from key bytes to canonical values, and overlays that may be thrown away.

Everything the ledger knows stands in one map, so that the root, proofs, snapshots, storage and roll-back are the same
few lines for every family (SPEC S-1). Values are held as their canonical bytes and decoded anew at every `get`: what
a rule reads can be changed freely and affects nothing until it is `put`.

Invariant: `State` changes only through `merge`, which takes map and tree together, so they never differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sortedcontainers import SortedList

from ledger.canonical import Value, decode_own, encode, encode_own
from ledger.merkle import StateTree, TreeChange

T = TypeVar("T")


class View(Protocol):
    """Anything that can be read like a state."""

    def get(self, key: bytes) -> Value | None:
        """The value under `key`, freshly decoded, or None."""

    def raw(self, key: bytes) -> bytes | None:
        """The canonical bytes under `key`, or None."""

    def raw_range(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All pairs whose key begins with `prefix`, in key order."""

    def range(self, prefix: bytes) -> Iterator[tuple[bytes, Value]]:
        """As `raw_range`, decoded."""


class _Reading:
    """`get` and `range` in terms of `raw` and `raw_range`."""

    __slots__ = ()

    def raw(self, key: bytes) -> bytes | None:
        """The canonical bytes under `key`, or None."""
        raise AssertionError("each view has its own")

    def raw_range(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All pairs under `prefix`."""
        raise AssertionError("each view has its own")

    def get(self, key: bytes) -> Value | None:
        """The value under `key`, freshly decoded, or None."""
        found = self.raw(key)
        return None if found is None else decode_own(found)

    def range(self, prefix: bytes) -> Iterator[tuple[bytes, Value]]:
        """All pairs whose key begins with `prefix`, in key order, decoded."""
        for key, value in self.raw_range(prefix):
            yield key, decode_own(value)


@dataclass(frozen=True, slots=True)
class Settled:
    """Changes whose effect on the root is known, ready to become final."""

    changes: dict[bytes, bytes | None]
    tree: TreeChange
    root: bytes
    """32 bytes: the state's root after the changes."""


def merged(layers: Sequence[Settled]) -> Settled:
    """Several settled changes, oldest first and each on the one before, as one; there is at least one."""
    if len(layers) == 1:
        return layers[0]
    changes: dict[bytes, bytes | None] = {}
    nodes: dict[int, bytes] = {}
    keys: dict[int, list[bytes]] = {}
    for layer in layers:
        changes |= layer.changes
        nodes |= layer.tree.nodes
        keys |= layer.tree.keys
    return Settled(changes, TreeChange(nodes, keys), layers[-1].root)


_NOTHING = object()


class State(_Reading):
    """What is final: the base every overlay stands on."""

    __slots__ = ("_order", "_tree", "_values", "find")

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        # Beside a plain map the keys in order: most writes change a value, and these then cost no search.
        self._values: dict[bytes, bytes] = dict(pairs)
        self.find: Callable[[bytes], bytes | None] = self._values.get
        """As `raw`, the map's own way: an overlay asks it several times for each entry."""
        self._order: SortedList[bytes] = SortedList(self._values)
        self._tree = StateTree()
        self._tree.apply(self._tree.preview(self.raw, self._values))

    def __len__(self) -> int:
        return len(self._values)

    def raw(self, key: bytes) -> bytes | None:
        """The canonical bytes under `key`, or None."""
        return self._values.get(key)

    def raw_range(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All pairs whose key begins with `prefix`, in key order."""
        for key in self._order.irange(prefix):
            if not key.startswith(prefix):
                return
            yield key, self._values[key]

    def settle(self, changes: dict[bytes, bytes | None], below: Sequence[Settled] = ()) -> Settled:
        """The root as it will be after `below` (oldest first) and `changes`; the state stays as it is (SPEC S-2)."""

        layers = [changes, *(settled.changes for settled in reversed(below))]

        def raw(key: bytes) -> bytes | None:
            for layer in layers:
                if key in layer:
                    return layer[key]
            return self._values.get(key)

        trees = [settled.tree for settled in below]
        tree = self._tree.preview(raw, changes, trees)
        before = below[-1].root if below else self._tree.root
        return Settled(changes, tree, tree.root or before)

    def merge(self, settled: Settled) -> None:
        """Make settled changes, with nothing below them left out, part of what is final."""
        values = self._values
        fresh = [key for key, value in settled.changes.items() if value is not None and key not in values]
        for key, value in settled.changes.items():
            if value is not None:
                values[key] = value
            elif values.pop(key, None) is not None:
                self._order.remove(key)
        self._order.update(fresh)
        self._tree.apply(settled.tree)

    @property
    def root(self) -> bytes:
        """32 bytes that stand for the whole map (SPEC S-2)."""
        return self._tree.root

    @property
    def tree(self) -> StateTree:
        """The tree, for proofs."""
        return self._tree


class Overlay(_Reading):
    """Changes on top of a view, kept apart until they are merged or forgotten."""

    __slots__ = ("_before", "_below", "_raw_below", "changes")

    def __init__(self, below: View) -> None:
        self._below = below
        self._raw_below = below.find if below.__class__ is State else below.raw
        self.changes: dict[bytes, bytes | None] = {}
        """Key -> canonical bytes, or None where the key was deleted."""
        self._before: dict[bytes, Any] | None = None
        """During an attempt: what stood in `changes` under each key written since; `_NOTHING` where nothing did."""

    def raw(self, key: bytes) -> bytes | None:
        """The canonical bytes under `key`, or None."""
        changes = self.changes
        return changes[key] if key in changes else self._raw_below(key)

    def get(self, key: bytes) -> Value | None:
        """The value under `key`, freshly decoded, or None."""
        changes = self.changes
        found = changes[key] if key in changes else self._raw_below(key)
        return None if found is None else decode_own(found)

    def attempt(self, rule: Callable[[], T | None]) -> T | None:
        """Run `rule`, which changes this overlay; unless it returns None, and also when it raises, it changed nothing.

        One attempt at a time: an overlay on top would do the same, and cost each entry a layer to read through.
        """
        assert self._before is None, "no attempt within an attempt"
        before = self._before = {}
        refusal: object = _NOTHING
        try:
            refusal = given = rule()
            return given
        finally:
            self._before = None
            if refusal is not None:
                for key, value in before.items():
                    if value is _NOTHING:
                        del self.changes[key]
                    else:
                        self.changes[key] = value

    def raw_range(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All pairs whose key begins with `prefix`, in key order."""
        own = sorted((key for key in self.changes if key.startswith(prefix)), reverse=True)
        if not own:
            yield from self._below.raw_range(prefix)
            return
        # Merged as it is read: whoever wants the first of a long list, as the due list does in every block of a range,
        # must not pay for all of it.
        mine = {key: self.changes[key] for key in own}
        for key, below in self._below.raw_range(prefix):
            while own and own[-1] < key:
                if (value := mine[first := own.pop()]) is not None:
                    yield first, value
            if own and own[-1] == key:
                own.pop()
            if (value := mine.get(key, below)) is not None:
                yield key, value
        while own:
            if (value := mine[first := own.pop()]) is not None:
                yield first, value

    def put(self, key: bytes, value: Value) -> None:
        """Set `key` to `value`."""
        written = encode(value)
        if self._before is not None:
            self._before.setdefault(key, self.changes.get(key, _NOTHING))
        self.changes[key] = written

    def put_own(self, key: bytes, value: Value) -> None:
        """As `put`, for a value that `encode_own` may be given."""
        if self._before is not None:
            self._before.setdefault(key, self.changes.get(key, _NOTHING))
        self.changes[key] = encode_own(value)

    def delete(self, key: bytes) -> None:
        """Remove `key`; no error where it was not there."""
        if self._before is not None:
            self._before.setdefault(key, self.changes.get(key, _NOTHING))
        self.changes[key] = None

    def rest_on(self, below: View) -> None:
        """Stand on `below` from now on, which reads the same: what was below has become part of it."""
        self._below = below

    def absorb(self, above: Overlay) -> None:
        """Take over the changes of an overlay that stands on this one."""
        self.changes.update(above.changes)
