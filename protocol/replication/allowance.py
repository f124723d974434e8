"""How often somebody's word is worth a signature check: a bucket of tokens each, so that nobody's flood costs others.

Adverts and records are signed by their members and carried by anybody. A member who signs a fresh one every
millisecond would have every machine check, keep and hand on each of them. What is beyond the bucket is of no use now
(SPEC P-47); its newest comes with the next comparison of lists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ledger.statement import Statement
from protocol.inputs import Now, PeerId
from protocol.limits import SAID_BY_MEMBER_AGAIN_MS, SAID_BY_MEMBER_MAX, SAID_BY_PEER_AGAIN_MS, SAID_BY_PEER_MAX

_KEPT_MAX = 4_096
"""Buckets before the full ones are swept out, which say nothing; later at twice as many as were not full."""


class Allowance:
    """A bucket of `most` tokens for everybody, each with one more every `again_ms`."""

    def __init__(self, most: int, again_ms: int) -> None:
        self._again_ms = again_ms
        self._slack_ms = (most - 1) * again_ms
        self._full_ms: dict[bytes, int] = {}
        """When a bucket is full again, on the monotonic clock; not in here where it is."""

        self._sweep_at = _KEPT_MAX

    def __len__(self) -> int:
        return len(self._full_ms)

    def has(self, who: bytes, now_ms: int) -> bool:
        """Whether there is a token."""
        return self._full_ms.get(who, 0) - now_ms <= self._slack_ms

    def take(self, who: bytes, now_ms: int) -> None:
        """Use one up."""
        if len(self._full_ms) >= self._sweep_at:
            self._full_ms = {one: full_ms for one, full_ms in self._full_ms.items() if full_ms > now_ms}
            self._sweep_at = max(_KEPT_MAX, 2 * len(self._full_ms))
        self._full_ms[who] = max(self._full_ms.get(who, 0), now_ms) + self._again_ms


class Heard:
    """What was checked of each member, and of each machine that brought it (SPEC P-47)."""

    def __init__(self) -> None:
        self._of_member = Allowance(SAID_BY_MEMBER_MAX, SAID_BY_MEMBER_AGAIN_MS)
        self._from_peer = Allowance(SAID_BY_PEER_MAX, SAID_BY_PEER_AGAIN_MS)

    def may(self, member: bytes, peer: PeerId, now: Now) -> bool:
        """Whether one more is worth a check."""
        return self._of_member.has(member, now.monotonic_ms) and self._from_peer.has(peer, now.monotonic_ms)

    def checked(self, member: bytes, peer: PeerId, now: Now) -> None:
        """One was, and its signature is right: a false one ends the connection and must cost its victim nothing."""
        self._of_member.take(member, now.monotonic_ms)
        self._from_peer.take(peer, now.monotonic_ms)


def newest_alone(statements: Sequence[Statement], about: str, version: str) -> list[Statement]:
    """`statements` without those that another one here, under the same key about the same, makes old."""
    often = {key for key, times in Counter(one.key for one in statements).items() if times > 1}
    # Read only where it may be old: a whole directory has one of each member.
    named = [_named(one, about, version) if one.key in often else None for one in statements]
    newest: dict[tuple[bytes, bytes], int] = {}
    for one in named:
        if one is not None:
            newest[one[0]] = max(one[1], newest.get(one[0], one[1]))
    kept = []
    for statement, one in zip(statements, named, strict=True):
        if one is not None and newest.get(one[0]) != one[1]:
            continue
        kept.append(statement)
        if one is not None:
            del newest[one[0]]
    return kept


def _named(one: Statement, about: str, version: str) -> tuple[tuple[bytes, bytes], int] | None:
    """((key, what it is about), version); None where its judge will find that it is of no form."""
    content = one.content
    what, number = content.get(about), content.get(version)
    return ((one.key, what), number) if isinstance(what, bytes) and type(number) is int else None
