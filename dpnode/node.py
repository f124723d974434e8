"""A running node as its own tasks see it: who we are, what stands, and how to get something recorded.

Holds no rule. A question's answer reads `core` directly (both run on one thread, so what it sees is whole) and writes
by `submit` or `negotiate`, which wait for what the driver tells.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import trio

from config.settings import Settings
from dpnode.assembly import Parts
from dpnode.clock import now
from dpnode.driver import Driver
from dpnode.errors import FailKind, Problem
from dpnode.gate import LedgerGate
from dpnode.identity.identity import Identity
from dpnode.net.room import Net
from dpnode.paths import Home
from dpnode.reading.lapsed import told, why
from dpnode.seat import Seat
from dpnode.shelf import Founded
from dpnode.space import Space
from dpnode.store.rows import Commit
from dpnode.store.store import Store
from ledger.canonical import Value, decode
from ledger.entry import Entry
from protocol.core import Core
from protocol.effects import Alarm, Effect, Final, HeadMoved, Negotiated, NotRecorded, Recorded
from protocol.inputs import Carry, Negotiate, Submit
from protocol.negotiation import effects as said
from protocol.replication.forks import KEPT_ALARM

if TYPE_CHECKING:
    from dpnode.late import Late

log = logging.getLogger("dpnode.node")

ENTRY_LIFE_MS = 7 * 86_400_000
"""How long an entry made by a command may wait to be included: a week offline loses nothing."""
ALARMS_KEPT = 16
"""Of a sentence each; one that repeats is kept once."""
CHANGES_KEPT = 256
"""Lines of conversations kept for those who begin to watch late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far an entry of ours has come."""

    entry_id: bytes
    is_final: bool
    outcome: str
    """Empty where it was applied (or is not final yet), else the refusal's code."""
    height: int


@dataclass(slots=True)
class _Wait:
    """One asker of the driver."""

    done: trio.Event = field(default_factory=trio.Event)
    said: list[Effect] = field(default_factory=list)


class Node:
    """Everything a question's answer may use."""

    def __init__(self, home: Home, settings: Settings, identity: Identity, store: Store) -> None:
        self.home = home
        self.settings = settings
        self.identity = identity
        self.store = store
        self.started = now()
        self.net: Net | None = None
        self.founded: Founded | None = None
        self.parts: Parts | None = None
        self.driver: Driver | None = None
        self.late: Late | None = None
        """There while this home begins with a snapshot, before it has parts."""
        self.seat = Seat(home, identity.member)
        """The voting key and its journal; the daemon's own, which opens it."""
        self.space = Space()
        """Whether the disk has room."""
        self.stop = trio.Event()
        self.moved = trio.Event()
        """Set and replaced at every new head and every change of a conversation."""
        self.changes: list[tuple[int, said.Changed]] = []
        """(wall clock, change), the newest last."""
        self.gate = LedgerGate(lambda: None if self.parts is None else self.parts.core.chain.state)
        self.begin: Callable[[Founded, Commit], Any]
        """Set by the daemon: take up a network that was just founded or joined, beginning with this commit."""
        self.on_talk: Callable[[Effect], None] = lambda effect: None
        """Set by the daemon: notify a person, fetch files."""
        self.reminders: list[str] = []
        """Sentences found at the start, such as an offer file that is broken."""
        self.credits_read: frozenset[str] = frozenset()
        """Every way to write a credit when the offer files were last read."""
        self.alarms: list[str] = []
        """What must not be overlooked: shown first in `status`, the newest last. Of these `recall_alarms` brings
        back after a start what is kept until its owner has seen it."""
        self._tokens = itertools.count(1)
        self._by_token: dict[int, _Wait] = {}
        self._by_entry: dict[bytes, _Wait] = {}

    @property
    def assembled(self) -> Parts:
        """The parts; raises `Problem` while this home has no network."""
        if self.parts is None and self.late is not None:
            raise Problem(FailKind.FAILED, "a snapshot of the network's ledger is still fetched: see `dpnode status`")
        if self.parts is None:
            raise Problem(
                FailKind.REFUSED, "this home has no network yet: `dpnode network found NAME` or `dpnode network join`"
            )
        return self.parts

    @property
    def core(self) -> Core:
        """The core; raises `Problem` while this home has no network."""
        return self.assembled.core

    def alarm(self, sentence: str) -> None:
        """Have the owner see a sentence first of all; the last `ALARMS_KEPT` are kept."""
        if sentence not in self.alarms:
            self.alarms = [*self.alarms, sentence][-ALARMS_KEPT:]

    async def recall_alarms(self) -> None:
        """Show what was kept of alarms until its owner has seen it: a start has forgotten it here."""
        for _, raw in await self.store.kept(KEPT_ALARM):
            self.alarm(decode(raw)["sentence"])

    # -- writing

    async def submit(self, operations: Sequence[dict[str, Value]], *, wait_ms: int) -> list[Standing]:
        """Have operations recorded, in order, and wait for them to become final.

        Returns one standing per operation; not final where `wait_ms` was over before. Raises `Problem` (refused, with
        the rule's code under ``reason``) where a rule already says no; then nothing was signed.
        """
        event = Submit(operations=tuple(operations), token=next(self._tokens), until_ms=self.until_ms())
        return await self._recorded(event, wait_ms)

    async def carry(self, entries: Sequence[Entry], *, wait_ms: int) -> list[Standing]:
        """As `submit`, for entries somebody else signed."""
        return await self._recorded(Carry(entries=tuple(entries), token=next(self._tokens)), wait_ms)

    def dry_run(self, operations: Sequence[dict[str, Value]]) -> None:
        """Raise the `Problem` that `submit` would, changing nothing."""
        refusal = self.core.ledger.would_refuse(operations, self.until_ms(), now())
        if refusal is not None:
            raise Problem(FailKind.REFUSED, readable(refusal.detail), {"reason": refusal.code})

    def until_ms(self) -> int:
        """The valid-until of an entry made now."""
        life_ms = min(ENTRY_LIFE_MS, self.core.chain.charter.limits.until_ms)
        return max(now().wall_ms, self.core.chain.head.time_ms) + life_ms

    async def negotiate(self, event: Any) -> list[Any]:
        """Give the negotiation an order of the owner; returns its effects. Raises `Problem` where it is refused."""
        token = next(self._tokens)
        wait = self._by_token[token] = _Wait()
        try:
            await self._given(Negotiate(input=event, token=token), wait)
        finally:
            self._by_token.pop(token, None)
        effects = [effect.effect for effect in wait.said if isinstance(effect, Negotiated)]
        for effect in effects:
            if isinstance(effect, said.Refused):
                raise Problem(FailKind.REFUSED, effect.text, {"reason": effect.reason.value})
        return effects

    async def kept(self) -> None:
        """Return once all that the core has come to by now is on disk; what is not, a power cut could take back.

        Or at once while the disk is full, as `status` says then: the owner is to see what there is all the same.
        """
        if self.driver is not None:
            await self.space.is_done(self.driver.kept)

    async def _recorded(self, event: Submit | Carry, wait_ms: int) -> list[Standing]:
        wait = self._by_token[event.token] = _Wait()
        try:
            await self._given(event, wait)
        finally:
            self._by_token.pop(event.token, None)
        answer = wait.said[0]
        if isinstance(answer, NotRecorded):
            raise Problem(FailKind.REFUSED, readable(answer.detail) or answer.code, {"reason": answer.code})
        assert isinstance(answer, Recorded)
        waits = {entry_id: self._by_entry[entry_id] for entry_id in answer.entry_ids}
        with trio.move_on_after(wait_ms / 1000):
            for entry_wait in waits.values():
                await entry_wait.done.wait()
        for entry_id in waits:
            self._by_entry.pop(entry_id, None)
        return [_standing(entry_id, entry_wait.said) for entry_id, entry_wait in waits.items()]

    async def _given(self, event: Submit | Carry | Negotiate, wait: _Wait) -> None:
        """Have the driver take an order in and wait until it is done; raises `Problem` where the disk is full."""
        driver = self._driver()
        self.space.check()

        async def carried_out() -> None:
            await driver.give(event)
            await wait.done.wait()

        if not await self.space.is_done(carried_out):
            later = "What was asked is done once there is room, unless the node is stopped before"
            raise Problem(FailKind.FAILED, f"{self.space.why} {later}")

    def _driver(self) -> Driver:
        if self.driver is None:
            self.core  # noqa: B018 - raises the sentence that there is no network yet
            raise Problem(FailKind.FAILED, "the node is still starting")
        return self.driver

    # -- what the driver tells

    def tell(self, effect: Effect) -> None:
        """Wake whoever waits for this."""
        match effect:
            case Recorded() | NotRecorded():
                if isinstance(effect, Recorded) and effect.token in self._by_token:
                    for entry_id in effect.entry_ids:
                        self._by_entry[entry_id] = _Wait()
                self._answer(self._by_token.get(effect.token), effect)
            case Final():
                if (lapsed := self.core.ledger.lapsed.get(effect.entry_id)) is not None:
                    said_of_it = told(self.core.chain.state, lapsed)
                    log.warning("an entry of ours never came into a block, %s: %s", why(lapsed.code), said_of_it)
                self._answer(self._by_entry.get(effect.entry_id), effect)
            case Negotiated():
                if isinstance(effect.effect, said.Changed):
                    self.changes = [*self.changes[-CHANGES_KEPT:], (now().wall_ms, effect.effect)]
                self._move()
                if effect.token is not None and effect.token in self._by_token:
                    self._by_token[effect.token].said.append(effect)
                self.on_talk(effect)
            case HeadMoved():
                self._move()
            case Alarm():
                self.alarm(effect.sentence)
            case _:
                pass

    def negotiated(self, token: int) -> None:
        """An order of the owner has been carried out; all its effects were told."""
        wait = self._by_token.get(token)
        if wait is not None:
            wait.done.set()

    def _answer(self, wait: _Wait | None, effect: Effect) -> None:
        if wait is not None:
            wait.said.append(effect)
            wait.done.set()

    def _move(self) -> None:
        moved, self.moved = self.moved, trio.Event()
        moved.set()


def readable(sentence: str) -> str:
    """A sentence of the ledger with its moments, which it counts in milliseconds, as dates in UTC."""

    def date(found: re.Match[str]) -> str:
        return f"{datetime.fromtimestamp(int(found[1]) // 1000, UTC):%Y-%m-%d %H:%M} UTC"

    return re.sub(r"\b([12][0-9]{12})(?: ms)?\b", date, sentence)


def _standing(entry_id: bytes, said_of_it: Sequence[Effect]) -> Standing:
    for effect in said_of_it:
        if isinstance(effect, Final):
            return Standing(entry_id=entry_id, is_final=True, outcome=effect.outcome, height=effect.height)
    return Standing(entry_id=entry_id, is_final=False, outcome="", height=0)
