"""Members who change the witnesses while entries flow: motions, votes, seats taken and given up.

Everybody acts on what their own machine shows, and again until it is recorded. Nobody is seated or let go where more
than f of the witnesses could then fail. Source: SPEC G-1 to G-8, J-1 to J-5.
"""

from __future__ import annotations

from typing import Any

from ledger.canonical import decode_own
from ledger.operations.ballots import Stage
from ledger.operations.seats import seat_consent
from ledger.statement import sign_statement

LOOK_MS = 1_000
OPEN_MS = 5_000
"""Mean time between two motions."""
MOTION_MS = 300_000
WITNESSES_MAX = 8


class Seating:
    """The motions of one council."""

    def __init__(self, council: Any, storm: Any) -> None:
        self.council = council
        self.storm = storm
        self.cluster = council.cluster
        self.dice = council.cluster.dice
        self.leaving: set[bytes] = set()
        """Machines whose owners a motion lets go."""
        self.coming: set[bytes] = set()
        self.sat = {node.who.peer for node in storm.witnesses}
        """A voting key sits once."""
        self.cluster.at(LOOK_MS, self._look)
        self._later()

    def _later(self) -> None:
        self.cluster.at(1 + int(self.dice.expovariate(1 / OPEN_MS)), self._open)

    def _open(self) -> None:
        """Somebody wants another witness, or one fewer."""
        if self.cluster.now_ms >= self.storm.end_ms:
            return
        seated = self.storm.seated()
        people = [node for node in self.council.founders() if self.cluster.is_up(node)]
        fresh = [node for node in self.council.founders() if node.who.peer not in self.sat | self.storm.failing]
        staying = [node for node in seated if node.who.peer not in self.leaving]
        if people and fresh and len(seated) + len(self.coming) < WITNESSES_MAX and self.dice.random() < 0.6:
            node = self.dice.choice(fresh)
            self.sat.add(node.who.peer)
            self.coming.add(node.who.peer)
            self._propose(self.dice.choice(people), "seat", node)
        elif people and len(staying) > 1:
            node = self.dice.choice(staying)
            if self.may_go(node):
                self.leaving.add(node.who.peer)
                self._propose(self.dice.choice(people), "unseat", node)
        self._later()

    def may_go(self, node: Any) -> bool:
        """Whether without this witness there would be no more than f who fail."""
        seated = self.storm.seated()
        staying = [one for one in seated if one.who.peer not in self.leaving]
        failing = sum(one.who.peer in self.storm.failing for one in seated if one is not node)
        return len(staying) > 1 and failing <= (len(staying) - 2) // 3

    def _propose(self, by: Any, kind: str, node: Any) -> None:
        until_ms = self.cluster.clock(by).wall_ms + MOTION_MS
        matter = {"kind": kind, "member": node.who.member}
        self.council.submit(by.who, {"matter": matter, "t": "motion.open/1", "until": until_ms})

    def _look(self) -> None:
        """Everybody says yes to what is open, and sits down where a motion allows it."""
        self.cluster.at(LOOK_MS, self._look)
        for node in self.council.founders():
            if self.cluster.is_up(node):
                self._act(node)

    def _act(self, node: Any) -> None:
        core = node.parts.core
        waiting = {one.operation.get("motion") for one in core.ledger.pool.of(node.who.working.public)}
        for key, raw in list(core.chain.state.raw_range(b"motion/")):
            motion, record = key.removeprefix(b"motion/"), decode_own(raw)
            if motion in waiting:
                continue
            matter = record["matter"]
            if (
                record["stage"] == Stage.OPEN.value
                and core.chain.state.raw(b"ballot/" + motion + node.who.member) is None
            ):
                self.council.submit(node.who, {"motion": motion, "t": "motion.vote/1", "yes": True})
            mine = matter == {"kind": "seat", "member": node.who.member}
            if mine and record["stage"] == Stage.PASSED.value and "used" not in record:
                content = seat_consent(core.chain.network, node.who.member, motion)
                consent = sign_statement("seat", content, node.who.voting).to_value()
                self.council.submit(node.who, {"consent": consent, "motion": motion, "t": "seat.accept/1"})
