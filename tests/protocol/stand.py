"""One core on a stand: inputs by hand, effects performed at once on a virtual disk, everything it did in a list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from dpnode.shelf import pending_row, served_range, step_commit
from dpnode.store.rows import Commit as StoreCommit
from dpnode.voting import halt_record, records_of
from ledger.entry import Entry, entry_to_value
from ledger.statement import Statement, sign_statement
from protocol.effects import (
    Commit,
    DropPending,
    Effect,
    Halt,
    Journal,
    Keep,
    KeepPending,
    Misbehaved,
    Send,
    ServeRange,
)
from protocol.inputs import Carry, Input, Now, PeerConnected, Quiet, Received, Stored, Submit, Tick
from protocol.messages import Blocks, Entries, Message, write_message
from protocol.negotiation.policy import Policy
from tests.simulation.town import DAY_MS, START_MS, Disk, Parts, Person, build, entry, network, person

E = TypeVar("E")
ANN, BEN, CAT = person("ann"), person("ben"), person("cat")
"""Ann founds and is the witness; Ben founds too; Cat is a stranger until she joins."""


def now(after_ms: int = 0) -> Now:
    """A moment after the start."""
    return Now(wall_ms=START_MS + after_ms, monotonic_ms=1_000 + after_ms)


class Stand:
    """One member's core."""

    def __init__(
        self,
        who: Person = ANN,
        *founders: str,
        more: tuple[tuple[str, int], ...] = (),
        witnesses: int = 1,
        **options: Any,
    ) -> None:
        self.who = who
        self.founded = network(*(founders or ("ann", "ben")), more=more, witnesses=witnesses)
        self.disk = Disk(self.founded)
        self.options: dict[str, Any] = {"policy": Policy(), **options}
        self.parts: Parts = build(who, self.disk, **self.options)
        self.at_ms = 0
        self.tokens = 0

    @property
    def core(self) -> Any:
        return self.parts.core

    @property
    def ledger(self) -> Any:
        return self.parts.core.ledger

    @property
    def height(self) -> int:
        return self.parts.core.chain.head.height

    def restart(self) -> list[Effect]:
        """A new core out of what the disk holds."""
        self.parts = build(self.who, self.disk, **self.options)
        return self.perform(self.core.started(now(self.at_ms)))

    def give(self, event: Input) -> list[Effect]:
        return self.perform(self.core.handle(event, now(self.at_ms)))

    def perform(self, effects: list[Effect]) -> list[Effect]:
        """Do what lasts; what a commit leads to stands right after it."""
        done: list[Effect] = []
        for effect in effects:
            done.append(effect)
            match effect:
                case Keep():
                    self.disk.commit(StoreCommit(kept=[(effect.kind, effect.id, effect.value)]))
                case KeepPending():
                    self.disk.commit(StoreCommit(pending_new=[pending_row(one) for one in effect.entries]))
                case DropPending():
                    self.disk.commit(StoreCommit(pending_done=effect.ids))
                case Journal():
                    self.disk.journal += records_of(effect)
                case Halt():
                    self.disk.journal.append(halt_record(effect.reason))
                case Commit():
                    self.disk.commit(step_commit(self.core.chain, effect.step, effect.certificate))
                    done += self.give(Stored())
                case _:
                    pass
        return done

    # -- what happens to it

    def submit(self, *operations: dict[str, Any], life_ms: int = DAY_MS) -> list[Effect]:
        self.tokens += 1
        until_ms = START_MS + self.at_ms + life_ms
        return self.give(Submit(operations=operations, token=self.tokens, until_ms=until_ms))

    def carry(self, *entries: Entry) -> list[Effect]:
        self.tokens += 1
        return self.give(Carry(entries=entries, token=self.tokens))

    def block(self) -> list[Effect]:
        """Have the witness make blocks while it can."""
        done: list[Effect] = []
        while True:
            effects = self.give(Quiet())
            done += effects
            if not any(isinstance(effect, Commit) for effect in effects):
                return done

    def connect(self, other: Person) -> list[Effect]:
        return self.give(PeerConnected(peer=other.peer))

    def hear(self, other: Person, message: Message) -> list[Effect]:
        """A message as it comes off the wire."""
        return self.give(Received(peer=other.peer, frame=write_message(message)))

    def tick(self, after_ms: int = 0) -> list[Effect]:
        self.at_ms += after_ms
        return self.give(Tick())

    def hand(self, other: Person, *entries: Entry) -> list[Effect]:
        return self.hear(other, Entries(entries=[entry_to_value(one) for one in entries]))

    def answer(self, effects: Iterable[Effect]) -> list[Blocks]:
        """What the driver would serve."""
        served = []
        for effect in effects:
            if isinstance(effect, ServeRange):
                found = self.disk.served(effect.start, effect.bytes_max)
                served.append(served_range(effect.start, found, self.height, effect.end))
        return served

    def range(self, start: int = 1, count: int | None = None) -> Blocks:
        """Blocks of ours as one answer; every one made here has its own certificate."""
        found = self.disk.blocks[start - 1 :][:count]
        certificate = found[-1].certificate if found else b""
        return Blocks(
            start=start, blocks=[block.body for block in found], certificate=certificate or b"", height=self.height
        )

    def entry(self, who: Person, sequence: int, operation: dict[str, Any] | None = None, **changes: Any) -> Entry:
        return entry(who, self.founded, sequence, operation or profile(f"n{sequence}"), **changes)

    def state(self) -> tuple[int, bytes, int, int]:
        """What a hostile message must leave as it was."""
        return self.height, self.core.chain.state.root, len(self.ledger.pool), len(self.core.directory.directory)


def profile(about: str = "here") -> dict[str, Any]:
    """An operation that always holds."""
    return {"about": about, "t": "membership.profile/1"}


def of(effects: Iterable[Effect], kind: type[E]) -> list[E]:
    """Effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def said(effects: Iterable[Effect], kind: type[E], to: Person | None = None) -> list[E]:
    """Messages of one kind (to one machine)."""
    sends = [effect for effect in of(effects, Send) if to is None or effect.peer == to.peer]
    return [effect.message for effect in sends if isinstance(effect.message, kind)]


def is_rejected(effects: Iterable[Effect]) -> bool:
    """Whether the peer is cut off, and nothing else was done."""
    faults = of(effects, Misbehaved)
    return bool(faults) and all(fault.fatal for fault in faults)


def record(who: Person, founded: Any, made_ms: int = START_MS, **changes: Any) -> Statement:
    """A peer record as its owner signs it, with `changes`."""
    content = {
        "addresses": ["/ip4/10.0.0.1/tcp/4001"],
        "made": made_ms,
        "member": who.member,
        "network": founded.charter.network,
        "peer": who.peer,
        **changes,
    }
    return sign_statement("peer-record", content, who.working)
