"""Members who lie and are no witnesses: what they sign and say harms nobody but themselves.

Around a whole core that follows the rules stands a hostile peer with the same key, as around a lying witness
(`liars`). It signs two entries with one number and gives each to other machines, signs in others' names, under keys
nobody knows, and more than a member may in a day; it says it is at heights that do not exist, and in another hour.
Honest members' entries become final all the same. Source: SPEC E-4 to E-6, P-10 to P-13, V-13; verification, attacks.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ledger.canonical import decode, digest, encode
from ledger.entry import Entry, entry_id_of, entry_to_value, sign_entry
from ledger.fold import last_sequence
from ledger.keys import SigningKey
from ledger.operations import accounts
from ledger.operations.work_terms import PURPOSE
from ledger.statement import sign_statement
from protocol.messages import Entries, Hello, NewHead
from tests.simulation.town import DAY_MS, START_MS

DAY_ENTRIES = 100
"""What a member may do in a day where there are crooks: more than the others need, so that a flood can go beyond."""
FLOOD = 16
"""Entries of a flood at once."""
PAUSE_MS = 4_000
"""The longest between two lies."""
WRONG_MS_MAX = 6 * 3_600_000


class Crook:
    """One lying member; outlives its machine's power cuts."""

    def __init__(self, cluster: Any, node: Any, tricks: frozenset[str], dice: random.Random) -> None:
        self.cluster = cluster
        self.node = node
        self.tricks = tricks
        self.dice = dice
        self.rests = False
        """Whether it signs nothing more that might stand in a block; it goes on lying."""
        self.played: Counter[str] = Counter()
        """Trick -> how often."""
        self._wrong_ms = dice.choice([-1, 1]) * dice.randrange(130_000, WRONG_MS_MAX)
        self._count = 0
        cluster.at(700, self._mischief)

    # -- instead of what its core says

    def instead(self, peer: bytes, message: Any) -> list[Any]:
        """What goes to `peer` in place of a message."""
        if isinstance(message, Hello | NewHead):
            if "wrong-clock" in self.tricks and message.time is not None:
                self.played["wrong-clock"] += 1
                message = replace(message, time=message.time + self._wrong_ms)
            if "wrong-height" in self.tricks and self.dice.random() < 0.5:
                self.played["wrong-height"] += 1
                height = max(1, message.height + self.dice.choice([-1, 1, 1_000]))
                message = replace(message, height=height, block=self.dice.randbytes(32))
        return [message]

    def hears(self, message: Any) -> None:
        """It remembers nothing."""

    # -- besides

    def _mischief(self) -> None:
        """Something nobody asked for, again and again."""
        self.cluster.at(self.dice.randrange(100, PAUSE_MS), self._mischief)
        asked = sorted(self.tricks & set(_SIGNED if not self.rests else {}) | self.tricks & set(_BESIDES))
        if asked and self.cluster.is_up(self.node):
            trick = self.dice.choice(asked)
            before = self.cluster.links.sent
            {**_SIGNED, **_BESIDES}[trick](self)
            self.played[trick] += self.cluster.links.sent - before

    def _peers(self) -> list[bytes]:
        return [peer for peer in self.cluster.nodes if peer != self.node.who.peer]

    def _give(self, peers: Sequence[bytes], *entries: Entry) -> None:
        message = Entries(entries=[entry_to_value(entry) for entry in entries])
        for peer in peers:
            self.cluster.links.send(self.node.who.peer, peer, self.cluster.frame(message), message)

    def _sign(self, key: SigningKey, sequence: int, operation: dict[str, Any], **more: Any) -> Entry:
        chain = self.node.parts.core.chain
        until_ms = max(self.cluster.clock(self.node).wall_ms, chain.head.time_ms, START_MS) + DAY_MS
        return sign_entry(key, chain.network, sequence, until_ms, operation, **more)

    @property
    def _next(self) -> int:
        return last_sequence(self.node.parts.core.chain.state, self.node.who.working.public) + 1

    def _operations(self) -> list[dict[str, Any]]:
        """Two things that it cannot do both: all it has to one, and to another."""
        state, me = self.node.parts.core.chain.state, self.node.who.member
        others = [one.who.member for one in self.cluster.nodes.values() if one is not self.node]
        for kind, thing, free, _ in accounts.holdings(state, me):
            if kind == "credit" and len(others) > 1:
                pay = {"amount": free, "credit": thing, "t": "credits.pay/1"}
                return [{**pay, "to": other} for other in self.dice.sample(others, 2)]
        self._count += 1
        return [
            {"decimals": 2, "redeemable": f"{side} {self._count}", "t": "credits.open/1", "unit": "EUR"}
            for side in ("this", "that")
        ]

    def _double_spend(self) -> None:
        """One number, two entries, each for other machines."""
        peers, sequence = self._peers(), self._next
        self.dice.shuffle(peers)
        half = self.dice.randrange(len(peers) + 1)
        for side, operation in zip((peers[:half], peers[half:]), self._operations(), strict=True):
            self._give(side, self._sign(self.node.who.working, sequence, operation))

    def _flood(self) -> None:
        """As many entries as a member may make in a day, and on."""
        first = self._next + self.dice.randrange(2)
        skips = {"skips": True} if self.dice.random() < 0.3 else {}
        entries = [
            self._sign(self.node.who.working, first + i, {"gifts": i % 2 == 0, "t": "membership.profile/1"}, **skips)
            for i in range(FLOOD)
        ]
        self._give(self.dice.sample(self._peers(), self.dice.randrange(1, len(self._peers()) + 1)), *entries)

    def _others_names(self) -> None:
        """A number that is another's next one, and a proposal the other never made."""
        chain, me = self.node.parts.core.chain, self.node.who
        victim = self.dice.choice([one.who for one in self.cluster.nodes.values() if one is not self.node])
        sequence = last_sequence(chain.state, victim.working.public) + 1
        entry = self._sign(me.working, sequence, {"gifts": False, "t": "membership.profile/1"})
        body = encode({**decode(entry.body), "key": victim.working.public})
        entry = replace(entry, body=body, signature=me.working.sign(entry_id_of(body)))
        if self.dice.random() < 0.5:
            statement = sign_statement(PURPOSE, {"customer": me.member, "provider": victim.member}, me.working)
            value = {**statement.to_value(), "key": victim.working.public}
            entry = self._sign(me.working, self._next, {"proposals": [value], "t": "work.award/1"})
        self._give(self.dice.sample(self._peers(), 1), entry)

    def _unknown_keys(self) -> None:
        """Well signed, by nobody."""
        keys = [SigningKey(digest("test-unknown", self.dice.randbytes(8))) for _ in range(FLOOD)]
        operation = {"gifts": True, "t": "membership.profile/1"}
        self._give(self.dice.sample(self._peers(), 1), *(self._sign(key, 1, operation) for key in keys))

    def _wrong_height(self) -> None:
        """Ahead of everybody, with a block nobody made."""
        height = self.node.parts.core.chain.head.height + self.dice.randrange(1, 1_000)
        message = NewHead(height=height, block=self.dice.randbytes(32))
        for peer in self._peers():
            self.cluster.links.send(self.node.who.peer, peer, self.cluster.frame(message), message)


_SIGNED = {"double-spend": Crook._double_spend, "flood": Crook._flood}
"""What may stand in a block."""
_BESIDES = {
    "others-names": Crook._others_names,
    "unknown-keys": Crook._unknown_keys,
    "wrong-height": Crook._wrong_height,
}
CROOKED = (*_SIGNED, *_BESIDES, "wrong-clock")
