"""What a negotiation wants done, in order; and the outbox that puts every `Keep` before everything else.

So nothing is sent that could be forgotten in a power cut (SPEC N-5): the rule is kept in one place, not at each call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ledger.canonical import Value
from ledger.keys import MemberId
from protocol.negotiation.contents import FileNamed
from protocol.negotiation.messages import Message
from protocol.negotiation.reasons import SENTENCES, Reason


class Side(StrEnum):
    """Which of the two this node is in a conversation."""

    CUSTOMER = "customer"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing a person should look at."""

    id: bytes
    """The call's id."""
    side: Side
    title: str
    lines: tuple[str, ...]
    until_ms: int | None
    """When it is decided without the person; None: it only tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Make durable before the next effect; `value` None: forget."""

    kind: str
    id: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Bring a message to a member, if that can be done; losing it is harmless."""

    to: MemberId
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Sign and submit one entry per purpose: the same purpose again is the same entry."""

    purpose: bytes
    operation: Mapping[str, Value]
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFiles:
    """Get the files of an awarded call from its customer; empty `files`: ask the customer which."""

    member: MemberId
    call: bytes
    files: tuple[FileNamed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Tell the person."""

    item: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A conversation moved: one line for those who watch."""

    call: bytes
    side: Side
    state: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An order of the owner cannot be obeyed; nothing changed."""

    reason: Reason
    text: str


Effect = Keep | Send | Submit | FetchFiles | Notify | Changed | Refused


class Outbox:
    """The effects of one step, kept records first."""

    __slots__ = ("_keeps", "_rest")

    def __init__(self) -> None:
        self._keeps: dict[tuple[str, bytes], bytes | None] = {}
        self._rest: list[Effect] = []

    def keep(self, kind: str, id_: bytes, value: bytes | None) -> None:
        """The last value of a record in this step is the one that is kept."""
        self._keeps.pop((kind, id_), None)
        self._keeps[kind, id_] = value

    def add(self, effect: Effect) -> None:
        """After everything that must be durable."""
        self._rest.append(effect)

    def refuse(self, reason: Reason, text: str = "") -> None:
        """The owner's order cannot be obeyed."""
        self.add(Refused(reason=reason, text=text or SENTENCES[reason]))

    def effects(self) -> list[Effect]:
        """All of it, in order."""
        keeps = [Keep(kind=kind, id=id_, value=value) for (kind, id_), value in self._keeps.items()]
        return [*keeps, *self._rest]
