"""Members who have one another make things: money and units are held, paid out and given back, in every way there is.

Both sides agree out of the ledger's sight; their machines see the award and what follows. Times are short, so that
claims, silences and voids come about within a simulated minute. Source: SPEC W-1 to W-26.
"""

from __future__ import annotations

import random
from typing import Any

from ledger import queries
from ledger.canonical import digest
from ledger.operations import accounts
from ledger.operations.members import is_member
from ledger.operations.work_job import Job
from ledger.operations.work_queries import next_moves, open_jobs
from ledger.operations.work_stages import Move
from ledger.operations.work_terms import PURPOSE
from ledger.statement import sign_statement
from tests.simulation.town import START_MS, Person

LOOK_MS = 2_500
"""Between two looks of everybody at their jobs: what they do then may stand in one block."""
DEAL, MOVE = 0.7, 0.6
"""Chance of an award at each look, and of a move by whoever may make one."""
PURSE = 1_000
WAIT_MS = 4_000
"""For an inspection, an arbiter, a void."""
BASIS_POINTS = 10_000


class Deals:
    """The work of one council."""

    def __init__(self, council: Any, seed: int, end_ms: int) -> None:
        self.council = council
        self.cluster = council.cluster
        self.dice = random.Random(f"deals {seed}")
        """Of its own, so that a seed without it is the same network as ever."""
        self.end_ms = end_ms
        self.cluster.at(300, self._money)
        self.cluster.at(LOOK_MS, self._look)

    def _people(self) -> list[Any]:
        return [node for node in self.council.honest() if self.cluster.is_up(node)]

    def _money(self) -> None:
        """Somebody opens a credit and hands everybody a purse; some machine is registered."""
        people = self._people()
        if not people:
            self.cluster.at(700, self._money)
            return
        bank = people[0]
        money = [one for one in queries.credits(bank.parts.core.chain.state) if one.issuer == bank.who.member]
        if not money:
            self._say(bank.who, "credits.open/1", decimals=2, redeemable="work", unit="EUR")
            self._say(people[-1].who, "assets.register/1", kind="machine", name="Lathe")
            self.cluster.at(1_500, self._money)
            return
        for node in self.cluster.nodes.values():
            if node is not bank:
                self._say(bank.who, "credits.issue/1", credit=money[0].id, amount=PURSE, to=node.who.member)

    def _say(self, who: Person, operation: str, /, **fields: Any) -> None:
        self.council.submit(who, {**fields, "t": operation})

    # -- awards

    def _look(self) -> None:
        if self.cluster.now_ms < self.end_ms:
            self.cluster.at(LOOK_MS, self._look)
            if self.dice.random() < DEAL:
                self._deal()
            self._work()

    def _deal(self) -> None:
        people = self._people()
        if len(people) < 2:
            return
        customer, *providers = self.dice.sample(people, min(3, len(people)))
        price = self._price(customer)
        if price:
            proposals = [self._proposal(customer, one.who, price) for one in providers[: self.dice.randrange(1, 3)]]
            self._say(customer.who, "work.award/1", proposals=proposals)

    def _price(self, customer: Any) -> list[dict[str, Any]]:
        """Some money, now and then units of a machine beside it, now and then more than there is."""
        state, found = customer.parts.core.chain.state, []
        for kind, thing, free, _ in accounts.holdings(state, customer.who.member):
            if kind != "output" and free and (not found or self.dice.random() < 0.3):
                amount = self.dice.randrange(1, free + 1) if self.dice.random() < 0.9 else free + 1
                found.append({"amount": amount, "id": thing, "kind": kind})
        return found[:3]

    def _proposal(self, customer: Any, provider: Person, price: list[dict[str, Any]]) -> dict[str, Any]:
        state, wall_ms = customer.parts.core.chain.state, self.cluster.clock(customer).wall_ms
        arbiters = [one.who.member for one in self.cluster.nodes.values() if is_member(state, one.who.member)]
        content = {
            "arbiters": self.dice.sample(arbiters, min(len(arbiters), 3)),
            "call": digest("test-call", self.dice.randbytes(8)),
            "customer": customer.who.member,
            "deliver_by": max(wall_ms, START_MS) + self.dice.choice([5_000, 300_000]),
            "function": digest("test-function"),
            "network": customer.parts.core.chain.network,
            "nonce": self.dice.randbytes(16),
            "parameters": {},
            "price": price,
            "provider": provider.member,
            "quantity": self.dice.randrange(1, 5),
            "terms": {
                "cancel": {
                    "awarded": 0,
                    "delivered": self.dice.choice([5_000, BASIS_POINTS]),
                    "started": self.dice.choice([0, 3_333]),
                },
                "inspection_ms": self.dice.choice([WAIT_MS, 10 * WAIT_MS]),
                "silence_ms": self.dice.choice([WAIT_MS, 10 * WAIT_MS]),
                "silence_split_bp": 3_333,
                "void_after_ms": WAIT_MS,
            },
            "until": max(wall_ms, START_MS) + 60_000,
        }
        return sign_statement(PURPOSE, content, provider.working).to_value()

    # -- what follows

    def _work(self) -> None:
        """Whoever may make a move makes one now and then: each move there is, the rare ones rarely."""
        for node in self._people():
            core = node.parts.core
            pending = {one.operation.get("job") for one in core.ledger.pool.of(node.who.working.public)}
            for job in open_jobs(core.chain.state, node.who.member):
                if job.id in pending or self.dice.random() >= MOVE:
                    continue
                moves = [one.move for one in next_moves(job, node.who.member, core.chain.head.time_ms)]
                moves = [move for move in moves if move is not Move.SILENCE]
                if moves:
                    move = self.dice.choices(moves, weights=[_WEIGHTS.get(one, 1) for one in moves])[0]
                    self._say(node.who, f"work.{move.value}/1", job=job.id, **self._fields(move, job))

    def _fields(self, move: Move, job: Job) -> dict[str, Any]:
        match move:
            case Move.PROGRESS:
                return {"percent": self.dice.randrange(1, 100)}
            case Move.DELIVER:
                wanted = job.quantity - job.accepted - job.inspecting
                return {"quantity": self.dice.randrange(1, wanted + 1) if wanted > 0 else 1}
            case Move.RECEIPT:
                accepted = self.dice.randrange(job.inspecting + 1)
                return {"accepted": accepted, "rejected": job.inspecting - accepted}
            case Move.RULE:
                return {"provider_bp": self.dice.randrange(BASIS_POINTS + 1)}
            case Move.FAIL | Move.DISPUTE:
                return {"reason": "it does not fit"}
            case _:
                return {}


_WEIGHTS = {Move.PROGRESS: 2, Move.DELIVER: 6, Move.RECEIPT: 8, Move.RULE: 4}
"""How much likelier than the others a move is."""
