"""A home that begins late, driven event by event, and the outlines and pieces of a small history."""

from __future__ import annotations

from collections import deque
from typing import Any

from ledger.pieces import place_of, read_outline, write_outline, write_piece
from ledger.proof_making import Certified
from ledger.snapshot import Gathering
from protocol.replication.late_start import LateStart
from protocol.replication.late_words import (
    AskPiece,
    Brought,
    Connected,
    Effect,
    KeepOutline,
    KeepPiece,
    Offered,
)
from protocol.replication.snapshot_words import Machine, Offer, write_offer
from tests.ledger.proving import History
from tests.protocol.stand import now

A, B, C = b"a", b"b", b"c"
HISTORY = History()
PAIRS = list(HISTORY.state.raw_range(b""))


def outline(depth: int) -> tuple[bytes, bytes]:
    """The history's outline at a depth: another depth is another outline of the same state."""
    gathered = Gathering()
    for key, value in PAIRS:
        gathered.add(key, value)
    certified: Certified = HISTORY.standing()
    return write_outline(certified, HISTORY.head, gathered, depth)


OUTLINES = {depth: outline(depth) for depth in range(8)}
SMALL, LARGE = 3, 5


def pieces(depth: int) -> dict[bytes, bytes]:
    """Every piece by its name."""
    read = read_outline(*OUTLINES[depth], HISTORY.charter)
    return {
        node: write_piece(pair for pair in PAIRS if place_of(pair[0], depth) == place)
        for node, place in read.pieces.items()
    }


PIECES = {depth: pieces(depth) for depth in (SMALL, LARGE)}
ALL = PIECES[SMALL] | PIECES[LARGE]
assert len(PIECES[SMALL]) == 8


def offering(depth: int, *machines: Machine) -> bytes:
    return write_offer(Offer(outline=OUTLINES[depth], machines=machines))


SHORT = write_offer(Offer())
MAKING = write_offer(Offer(is_making=True))


class Home:
    """A late start, what it asked and what it kept."""

    def __init__(self, **given: Any) -> None:
        made: dict[str, Any] = {"least_entries": 100, "anchor": (0, b""), "room_bytes": 1 << 30, **given}
        self.core = LateStart(made.pop("charter", HISTORY.charter), **made, now=now())
        self.at_ms = 0
        self.asked: deque[AskPiece] = deque()
        self.kept: dict[bytes, bytes] = {}
        self.outline: tuple[bytes, bytes] | None = None

    def hear(self, event: Any, after_ms: int = 0) -> list[Effect]:
        self.at_ms += after_ms
        effects = self.core.handle(event, now(self.at_ms))
        for effect in effects:
            match effect:
                case AskPiece():
                    self.asked.append(effect)
                case KeepPiece():
                    self.kept[effect.node] = effect.data
                case KeepOutline():
                    self.outline = effect.begins, effect.nodes
                case _:
                    pass
        return effects

    def meet(self, *peers: bytes, depth: int = SMALL) -> list[Effect]:
        effects = []
        for peer in peers:
            effects += self.hear(Connected(peer=peer))
            effects += self.hear(Offered(peer=peer, reply=offering(depth)))
        return effects

    def bring(self, one: AskPiece, after_ms: int = 0) -> list[Effect]:
        return self.hear(Brought(peer=one.peer, node=one.node, data=ALL[one.node]), after_ms)

    def finish(self) -> list[Effect]:
        effects: list[Effect] = []
        while self.asked:
            effects += self.bring(self.asked.popleft())
        return effects


def of(effects: list[Effect], kind: type[Any]) -> list[Any]:
    return [one for one in effects if isinstance(one, kind)]
