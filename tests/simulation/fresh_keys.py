"""Witnesses who go on under fresh keys, give their seats up and sit down again, while entries flow.

What `dpnode.seat` does with files is done here with a person's key and a disk's journal: a fresh pair waits until its
key sits, takes the place of the old one, which is destroyed, and so is a pair whose seat has ended. Whoever was put
back and votes no more is the first to want a fresh key. Source: SPEC G-3, G-6 to G-8, V-21; consensus rule 13.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from ledger.canonical import digest
from ledger.chain import Chain
from ledger.keys import SigningKey
from ledger.operations.seats import PURPOSE, rekey_consent
from ledger.operations.witnesses import seat_record, voting_key_of
from ledger.statement import sign_statement
from protocol.inputs import Reseated
from protocol.replication.door import Voter

LOOK_MS = 2_000
CHANGE = 0.35
"""Chance that at a look somebody wants another key, or no seat any more."""
REKEY_MS = 5_000
"""How long a key that replaced another stays, in the charter of such a network."""


class FreshKeys:
    """The keys of one council's witnesses."""

    def __init__(self, council: Any, seed: int, end_ms: int) -> None:
        self.council = council
        self.cluster = council.cluster
        self.seating = council.storm.seating
        self.dice = random.Random(f"keys {seed}")
        self.end_ms = end_ms
        self.guilty: set[bytes] = set()
        """Keys that had signed before their journal was put back."""
        self.rekeyed = 0
        self.returned = 0
        """Fresh keys in use in the same seat, and after a seat had ended."""
        self.cluster.at(LOOK_MS, self._look)

    # -- what owners do

    def _look(self) -> None:
        if self.cluster.now_ms >= self.end_ms:
            return
        self.cluster.at(LOOK_MS, self._look)
        seated = [node for node in self.council.storm.seated() if node.liar is None and self.cluster.is_up(node)]
        halted = [node for node in seated if node.parts.core.ledger.orderer.needs_key]
        for node in halted:
            self._rekey(node)
        if seated and self.dice.random() < CHANGE:
            node = self.dice.choice(seated)
            if self.dice.random() < 0.6:
                self._rekey(node)
            elif self.seating.may_go(node):
                self.seating.leaving.add(node.who.peer)
                self.council.submit(node.who, {"t": "seat.resign/1"})

    def _rekey(self, node: Any) -> None:
        chain, who = node.parts.core.chain, node.who
        old = voting_key_of(chain.state, who.member)
        waiting = {one.name for one in node.parts.core.ledger.pool.of(who.working.public)}
        if old is None or "seat.rekey/1" in waiting:
            return
        if node.next_key is None:
            node.next_key = self._made()
        content = rekey_consent(chain.network, who.member, old)
        consent = sign_statement(PURPOSE, content, node.next_key).to_value()
        self.council.submit(who, {"consent": consent, "t": "seat.rekey/1"})

    def _made(self) -> SigningKey:
        return SigningKey(digest("test-voting", self.dice.randbytes(16)))

    # -- what their machines do with the keys

    def settled(self, node: Any) -> None:
        """The ledger has moved: the key in use is the one that it names."""
        if self.change(node, node.parts.core.chain):
            self.cluster.observer.ballots.started(node)
            self.cluster.give(node, Reseated(voter=Voter(key=node.who.voting)))

    def change(self, node: Any, chain: Chain) -> bool:
        """Take another key with an empty journal into use, if the ledger calls for it."""
        who, state = node.who, chain.state
        if node.liar is not None:
            return False
        if node.next_key is not None and seat_record(state, node.next_key.public) is not None:
            fresh, node.next_key = node.next_key, None
            self.rekeyed += 1
        elif voting_key_of(state, who.member) is None and seat_record(state, who.voting.public) is not None:
            fresh = self._made()
            self.returned += 1
            # Whoever has another key may sit down again.
            for names in (self.seating.sat, self.seating.leaving, self.seating.coming):
                names.discard(who.peer)
        else:
            return False
        ballots = self.cluster.observer.ballots
        if who.peer in ballots.restored:
            ballots.restored.discard(who.peer)
            self.guilty.add(who.voting.public)
        node.who, node.disk.journal = replace(who, voting=fresh), []
        return True
