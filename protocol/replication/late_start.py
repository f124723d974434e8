"""Beginning late: which machine is asked for which piece of a snapshot, until the state of one block is here.

``handle(input, now) -> effects``, like the core, which does not run yet. Every piece is checked as it comes, so whoever
brings a wrong one is named and left aside, and everybody else's stay; what came is kept at once, so an interruption of
any kind costs what was on its way. Where nobody has anything to offer the ledger is replayed from its beginning, as it
would be without all this (SPEC P-93 to P-99).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from ledger.charter import Charter
from ledger.errors import RemoteError
from ledger.pieces import Outline, read_outline, read_piece
from protocol.inputs import Now, PeerId
from protocol.limits import (
    LATE_ALONE_MS,
    LATE_PATIENCE_MS,
    OUTLINE_AGAIN_MS,
    OUTLINE_LATER_MS,
    OUTLINES_MAX,
    PIECE_FAILURES_MAX,
    PIECE_REST_MS,
    PIECES_ASKED_MAX,
    PIECES_PER_MACHINE_MAX,
    RANGE_SLOW_MS,
)
from protocol.replication.late_words import (
    AskOutline,
    AskPiece,
    Begin,
    Brought,
    Connected,
    Dial,
    Effect,
    Input,
    KeepOutline,
    KeepPiece,
    LeftAside,
    Lost,
    Offered,
    Progress,
    Replay,
    Spoiled,
    Tick,
    Unanswered,
)
from protocol.replication.snapshot_words import Offer, read_offer


@dataclass(slots=True, kw_only=True)
class _Machine:
    """A connected machine, and what came of asking it."""

    again_ms: int = 0
    """From when on it may be asked anything, on the monotonic clock."""
    is_asked: bool = False
    """Its outline is under way."""
    offer: bytes | None = None
    """The outline that it has pieces of."""
    has_none: bool = False
    """Its ledger is not long enough for one."""
    failures: int = 0
    """Since something of it was of use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """An outline and its bytes."""

    outline: Outline
    begins: bytes
    nodes: bytes


@dataclass(slots=True)
class _Asked:
    """A piece that is on its way."""

    since_ms: int
    of: set[PeerId] = field(default_factory=set)


class LateStart:
    """A home that has the charter and nothing else yet."""

    def __init__(
        self,
        charter: Charter,
        *,
        least_entries: int,
        anchor: tuple[int, bytes],
        room_bytes: int,
        kept: tuple[bytes, bytes] | None = None,
        pieces: Mapping[bytes, int] | None = None,
        now: Now,
    ) -> None:
        """What to begin with.

        Args:
            least_entries: a shorter ledger is replayed.
            anchor: height and id of the block that the history must hold (P-56).
            room_bytes: what a state may have at most, for the disk's sake.
            kept: the outline that was being fetched before an interruption.
            pieces: names and sizes of pieces that are on the disk; not read yet, so they may be spoiled.
        """
        self._charter = charter
        self._least_entries = least_entries
        self._anchor = anchor
        self._room_bytes = room_bytes
        self._machines: dict[PeerId, _Machine] = {}
        self._aside: set[PeerId] = set()
        """Lied; outlives the connection."""
        self._outlines: dict[bytes, _Known] = {}
        self._target: bytes | None = None
        self._have = dict(pieces or {})
        self._asked: dict[bytes, _Asked] = {}
        self._moved_ms = now.monotonic_ms
        """When something last came that is of use."""
        self._is_whole = False
        """All of it is on the disk, and being read."""
        self._is_over = False
        if kept is not None:
            try:
                self._target = self._take(*kept)
            except RemoteError:
                # Damaged on our own disk: nobody is to blame, and it is offered again.
                self._target = None

    def handle(self, event: Input, now: Now) -> list[Effect]:
        """Take one input in; effects are performed in order."""
        effects: list[Effect] = []
        match event:
            case Connected():
                if event.peer not in self._aside:
                    self._machines.setdefault(event.peer, _Machine())
            case Lost():
                self._machines.pop(event.peer, None)
                self._nothing_of(event.peer)
            case Offered():
                effects += self._offered(event, now)
            case Brought():
                effects += self._brought(event, now)
            case Unanswered():
                self._unanswered(event, now)
            case Spoiled():
                self._have.pop(event.node, None)
                self._is_whole = False
            case Tick():
                pass
            case _:
                assert_never(event)
        return effects + self._next(now)

    def wake_ms(self, now: Now) -> int | None:
        """When `Tick` is next needed, on the monotonic clock; None: not before something happens."""
        if self._is_over or not (self._machines or self._aside):
            return None
        moments = [one.again_ms for one in self._machines.values()]
        moments += [one.since_ms + RANGE_SLOW_MS for one in self._asked.values() if len(one.of) == 1]
        # What was due before this moment was looked at, and waits for something else.
        moments = [moment for moment in moments if moment > now.monotonic_ms]
        return min([*moments, self._moved_ms + (LATE_PATIENCE_MS if self._machines else LATE_ALONE_MS)])

    def progress(self) -> Progress:
        """How far it is."""
        known = self._known
        wanted = {} if known is None else known.outline.pieces
        return Progress(
            height=0 if known is None else known.outline.start.block.header.height,
            pieces=sum(node in self._have for node in wanted),
            of=len(wanted),
            machines=sum(one.offer is not None for one in self._machines.values()),
        )

    # -- what comes

    def _offered(self, event: Offered, now: Now) -> list[Effect]:
        machine = self._machines.get(event.peer)
        if machine is None:
            return []
        machine.is_asked = False
        try:
            offer = read_offer(event.reply)
            if offer.outline is not None:
                machine.offer = self._take(*offer.outline)
        except RemoteError as problem:
            return self._left_aside(event.peer, f"offers a snapshot that cannot be used: {problem.reason}", now)
        machine.has_none = offer.outline is None and not offer.is_making
        if machine.offer is None:
            # It makes one just now, or its own would be one too many to look at.
            machine.again_ms = now.monotonic_ms + (OUTLINE_AGAIN_MS if offer.is_making else OUTLINE_LATER_MS)
        return self._dial(offer)

    def _dial(self, offer: Offer) -> list[Effect]:
        """P-99."""
        fresh = [one for one in offer.machines if one.peer not in self._machines and one.peer not in self._aside]
        return [Dial(peer=one.peer, addresses=one.addresses) for one in fresh]

    def _take(self, begins: bytes, nodes: bytes) -> bytes | None:
        """Note an outline that can be used; raises `RemoteError`. None where enough others are known (P-95)."""
        name = hashlib.sha256(begins + nodes).digest()
        if name not in self._outlines:
            in_use = {one.offer for one in self._machines.values()} | {self._target}
            self._outlines = {known: one for known, one in self._outlines.items() if known in in_use}
            if len(self._outlines) >= OUTLINES_MAX:
                return None
            outline = read_outline(begins, nodes, self._charter)
            header, size = outline.start.block.header, outline.start.state_bytes
            if header.height == self._anchor[0] and header.id != self._anchor[1]:
                raise RemoteError(f"its block {header.height} is not the one that the invitation names")
            if size > self._room_bytes:
                raise RemoteError(f"it has {size:,} bytes, and there is room for {self._room_bytes:,} here")
            self._outlines[name] = _Known(outline=outline, begins=begins, nodes=nodes)
        return name

    def _brought(self, event: Brought, now: Now) -> list[Effect]:
        machine, known = self._machines.get(event.peer), self._known
        self._answered(event.peer, event.node)
        if machine is None or known is None or event.node in self._have or event.node not in known.outline.pieces:
            # Somebody else was quicker, or something else is fetched by now.
            return []
        try:
            read_piece(event.data, known.outline, event.node)
        except RemoteError as problem:
            return self._left_aside(event.peer, f"brought what is no piece of the snapshot: {problem.reason}", now)
        self._have[event.node] = len(event.data)
        self._asked.pop(event.node, None)
        self._moved_ms, machine.failures = now.monotonic_ms, 0
        return [KeepPiece(node=event.node, data=event.data)]

    def _unanswered(self, event: Unanswered, now: Now) -> None:
        machine = self._machines.get(event.peer)
        if event.node is not None:
            self._answered(event.peer, event.node)
        if machine is None:
            return
        if event.node is None:
            machine.is_asked = False
        # It may have another snapshot by now; what it has is asked for again.
        machine.offer = None
        # What it owed at the same time is one failure; only a piece that comes makes up for it, and no further promise.
        machine.failures += now.monotonic_ms >= machine.again_ms
        machine.again_ms = now.monotonic_ms + PIECE_REST_MS

    def _answered(self, peer: PeerId, node: bytes) -> None:
        asked = self._asked.get(node)
        if asked is not None:
            asked.of.discard(peer)
            if not asked.of:
                del self._asked[node]

    def _nothing_of(self, peer: PeerId) -> None:
        for node in list(self._asked):
            self._answered(peer, node)

    def _left_aside(self, peer: PeerId, sentence: str, now: Now) -> list[Effect]:
        """P-96."""
        if len(self._machines) == 1:
            # Somebody else may be on the way.
            self._moved_ms = now.monotonic_ms
        self._aside.add(peer)
        self._machines.pop(peer, None)
        self._nothing_of(peer)
        return [LeftAside(peer=peer, sentence=sentence)]

    # -- what is next

    def _next(self, now: Now) -> list[Effect]:
        if self._is_over or self._is_whole:
            return []
        effects = self._choose(now)
        known = self._known
        if known is not None and all(node in self._have for node in known.outline.pieces):
            # Whatever was announced: the pieces lead to the root that a quorum signed.
            self._is_whole = True
            return [*effects, Begin(outline=known.outline)]
        if (reason := self._why_replay(now)) is not None:
            self._is_over = True
            return [*effects, Replay(reason=reason)]
        for peer, machine in self._machines.items():
            may_ask = now.monotonic_ms >= machine.again_ms and not machine.is_asked
            if may_ask and machine.offer is None and not machine.has_none and machine.failures < PIECE_FAILURES_MAX:
                machine.is_asked, machine.again_ms = True, 0
                effects.append(AskOutline(peer=peer))
        return effects + (self._ask_pieces(known.outline, now) if known is not None else [])

    def _choose(self, now: Now) -> list[Effect]:
        """Go on with what is fetched while somebody has what is missing; else with what most is here of (P-97)."""
        if self._target is not None and self._is_to_be_had(self._outlines[self._target].outline):
            return []
        offers = dict.fromkeys(one.offer for one in self._machines.values() if one.offer is not None)
        usable = [name for name in offers if self._is_to_be_had(self._outlines[name].outline)]
        if not usable:
            return []
        self._target = min(usable, key=lambda name: len(self._missing(self._outlines[name].outline)))
        known = self._outlines[self._target]
        self._moved_ms = now.monotonic_ms
        return [KeepOutline(begins=known.begins, nodes=known.nodes)]

    def _missing(self, outline: Outline) -> list[bytes]:
        return [node for node in outline.pieces if node not in self._have]

    def _is_to_be_had(self, outline: Outline) -> bool:
        """Whether connected machines have all that is missing of it."""
        sources = {one.offer for one in self._machines.values() if one.offer is not None}
        if any(self._outlines[name].outline is outline for name in sources):
            return True
        offered = [self._outlines[name].outline.pieces for name in sources]
        return all(any(node in pieces for pieces in offered) for node in self._missing(outline))

    def _why_replay(self, now: Now) -> str | None:
        """Why no snapshot is to be expected any more; None while one is, or nobody is connected (P-98)."""
        machines = self._machines.values()
        if not machines:
            is_alone = bool(self._aside) and now.monotonic_ms >= self._moved_ms + LATE_ALONE_MS
            return "nobody else is connected who has a snapshot" if is_alone else None
        if now.monotonic_ms >= self._moved_ms + LATE_PATIENCE_MS:
            return "nothing came of a snapshot for a while"
        if any(one.offer is not None or one.is_asked for one in machines):
            return None
        if all(one.has_none for one in machines):
            return f"the ledger has fewer than {self._least_entries:,} entries"
        if all(one.has_none or one.failures >= PIECE_FAILURES_MAX for one in machines):
            return "nobody who is connected has a snapshot"
        return (
            "nothing came of a snapshot for a while" if now.monotonic_ms >= self._moved_ms + LATE_PATIENCE_MS else None
        )

    def _ask_pieces(self, outline: Outline, now: Now) -> list[Effect]:
        effects: list[Effect] = []
        for peer, node in self._pairs(outline, now):
            asked = self._asked.setdefault(node, _Asked(now.monotonic_ms))
            asked.of.add(peer)
            effects.append(AskPiece(peer=peer, node=node))
        return effects

    def _pairs(self, outline: Outline, now: Now) -> Iterator[tuple[PeerId, bytes]]:
        """Whom to ask for what, a piece each in turn, so that all that have it share the work (P-95)."""
        missing = self._missing(outline)
        fresh = [node for node in missing if node not in self._asked]
        slow = [node for node in missing if self._is_slow(node, now)]
        while sum(len(one.of) for one in self._asked.values()) < PIECES_ASKED_MAX:
            before = len(fresh), len(slow)
            for peer, machine in self._machines.items():
                if machine.offer is None or self._owes(peer) >= PIECES_PER_MACHINE_MAX:
                    continue
                has = self._outlines[machine.offer].outline.pieces
                for nodes in (fresh, slow):
                    node = next((one for one in nodes if one in has and not self._is_asked_of(one, peer)), None)
                    if node is not None:
                        nodes.remove(node)
                        yield peer, node
                        break
            if before == (len(fresh), len(slow)):
                return

    def _is_slow(self, node: bytes, now: Now) -> bool:
        """On its way for so long that a machine with nothing else to do is asked, too (P-95)."""
        asked = self._asked.get(node)
        return asked is not None and len(asked.of) == 1 and now.monotonic_ms >= asked.since_ms + RANGE_SLOW_MS

    def _is_asked_of(self, node: bytes, peer: PeerId) -> bool:
        asked = self._asked.get(node)
        return asked is not None and peer in asked.of

    def _owes(self, peer: PeerId) -> int:
        return sum(peer in one.of for one in self._asked.values())

    @property
    def _known(self) -> _Known | None:
        return None if self._target is None else self._outlines[self._target]
