"""What a reading answer may look at, and the two ways of driving one.

An answer is a generator: it reads the state directly and yields procedures of `dpnode.store.questions` for what only
the disk knows; whoever drives it sends the results back. The daemon drives it with its store and the state in memory,
the offline reader with an open database and a view that fetches single keys, so that a balance on a large ledger
costs a dozen look-ups and never a load of the whole state.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from dpnode.errors import FailKind, Problem
from dpnode.store import questions
from dpnode.store.statement import Procedure
from ledger.canonical import Value, decode, decode_own
from ledger.errors import RemoteError
from ledger.keys import MemberId
from ledger.state import View

if TYPE_CHECKING:
    from ledger.charter import Charter

T = TypeVar("T")
Q = TypeVar("Q")
Asking: TypeAlias = Generator[Procedure[Any], Any, T]
"""Yields procedures, is sent their results, returns its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSeen:
    """How far the ledger has come, as the disk says."""

    height: int
    block: bytes
    time_ms: int
    state_root: bytes
    entries: int


@dataclass(frozen=True, kw_only=True)
class Source:
    """The ledger as one moment shows it."""

    view: View
    head: HeadSeen
    meta: dict[str, bytes]
    """The store's facts that exist once."""
    me: MemberId
    """Whose home this is."""
    peer: bytes
    """This machine's peer id."""
    key: bytes = b""
    """This machine's working key; empty where the answer does not need it."""
    connected: frozenset[bytes] = frozenset()
    """Members whose machines are connected now; none where no daemon runs."""
    pending: int | None = None
    """Entries waiting in memory; None where only the disk knows."""
    coming: View | None = None
    """The state with this member's own pending entries on top; None where there are none, or no daemon runs."""
    coming_entries: int = 0
    """How many those are."""
    state_height: int | None = None
    """The height of a state in memory, which may differ from the disk's; None where the disk is all there is."""

    @cached_property
    def charter(self) -> Charter:
        """The founding document; read on first use, since most answers do without."""
        from ledger.charter import read_charter

        return read_charter(self.meta["charter"])

    @cached_property
    def begins(self) -> int:
        """The height of the oldest block here: that of the snapshot where the home began with one, else 1."""
        return int(decode(self.meta["begins"])) if "begins" in self.meta else 1

    @property
    def lacking(self) -> str:
        """What is said after something older may have been looked for in vain; empty where all blocks are here."""
        if self.begins == 1:
            return ""
        return f"; this node began with a snapshot and has the history from block {self.begins:,} on"


def read_head(meta: dict[str, bytes]) -> HeadSeen:
    """The head in the store's facts; raises `Problem` where the home has no network or the fact is damaged."""
    if "charter" not in meta:
        raise Problem(
            FailKind.REFUSED, "this home has no network yet: `dpnode network found NAME` or `dpnode network join`"
        )
    try:
        value = decode(meta["head"])
        return HeadSeen(
            height=value["height"],
            block=value["block"],
            time_ms=value["time"],
            state_root=value["state"],
            entries=value["entries"],
        )
    except (RemoteError, KeyError) as problem:
        raise Problem(FailKind.VERIFICATION, "the database does not hold a readable head of the ledger") from problem


class Asks(Protocol):
    """Something that answers a store procedure at once."""

    def ask(self, question: Procedure[T]) -> T:
        """The procedure's result."""


class StoredView:
    """The stored state as a `View`, key by key; keeps what it has read, since names are asked for again and again."""

    __slots__ = ("_known", "_reading")

    def __init__(self, reading: Asks) -> None:
        self._reading = reading
        self._known: dict[bytes, bytes | None] = {}

    def raw(self, key: bytes) -> bytes | None:
        """The canonical bytes under `key`, or None."""
        if key not in self._known:
            self._known[key] = self._reading.ask(questions.state_value(key))
        return self._known[key]

    def raw_range(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All pairs whose key begins with `prefix`, in key order."""
        yield from self._reading.ask(questions.state_range(prefix))

    def get(self, key: bytes) -> Value | None:
        """The value under `key`, freshly decoded, or None."""
        found = self.raw(key)
        return None if found is None else decode_own(found)

    def range(self, prefix: bytes) -> Iterator[tuple[bytes, Value]]:
        """As `raw_range`, decoded."""
        for key, value in self.raw_range(prefix):
            yield key, decode_own(value)


def drive(reading: Asks, asking: Asking[T]) -> T:
    """Run an answer to its end with a store that answers at once."""
    try:
        procedure = next(asking)
        while True:
            procedure = asking.send(reading.ask(procedure))
    except StopIteration as stop:
        answer: T = stop.value
        return answer


def at_once(answer: Callable[[Source, Q], T]) -> Callable[[Source, Q], Asking[T]]:
    """An answer that looks at nothing but its source, in the form of one that may ask the disk."""

    @functools.wraps(answer)
    def asking(source: Source, question: Q) -> Asking[T]:
        yield from ()
        return answer(source, question)

    return asking


Report: TypeAlias = Callable[[dict[str, Any]], None]
"""Called with progress: {"text", "done", "of"}; may raise to stop the work."""
