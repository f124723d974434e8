"""One customer and four workshops on a bad network, from a seed: it always ends, with reasons and no slot left over.

A pure simulation: a priority queue of deliveries stands for network and clock, and restarts lose everything not kept.
"""

from __future__ import annotations

import heapq
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.negotiation.effects import Effect, Keep, Send, Submit
from protocol.negotiation.initiator import OPEN, CallState
from protocol.negotiation.inputs import Ask, Connected, Final, Heard, Input, Recorded, Started, Tick
from protocol.negotiation.messages import Message, NotUnderstood, Propose, Refuse, from_value
from protocol.negotiation.negotiation import Negotiation
from protocol.negotiation.participant import PROMISED, DealState
from tests.protocol.negotiation.stage import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    START_MS,
    Node,
    fresh,
    now,
    price,
    request,
    shop,
    town,
)

CALLS = 6
FAULTY_MS = 10 * MINUTE_MS
END_MS = 4 * DAY_MS


class Simulation:
    """The queue, the bad network and the observer of every step."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.ledger = town()
        self.customer = Node("customer", self.ledger)
        prices = [self.dice.randrange(500, 2000) for _ in range(4)]
        unfit = ("too long",) if self.dice.random() < 0.3 else ()
        self.shops = [
            shop("a", self.ledger, price=price(prices[0]), unfit=unfit),
            shop("b", self.ledger, price=price(prices[1]), duration_ms=9 * HOUR_MS),
            shop("c", self.ledger, price=price(prices[2]) if self.dice.random() < 0.8 else ()),
            shop("d", self.ledger, price=price(prices[3])),
        ]
        self.nodes = {node.id: node for node in (self.customer, *self.shops)}
        self.ledger.free[self.customer.id] = self.dice.choice([800, 3000, 10**6])
        self.loss = self.dice.uniform(0, 0.4)
        self.twice = self.dice.uniform(0, 0.3)
        self.restarts = self.dice.uniform(0, 0.05)
        self.queue: list[tuple[int, int, Node, Input]] = []
        self.count = 0
        self.at_ms = 0
        self.submitted: set[bytes] = set()
        self.trace: list[str] = []

    def put(self, after_ms: int, node: Node, given: Input) -> None:
        self.count += 1
        heapq.heappush(self.queue, (self.at_ms + after_ms, self.count, node, given))

    def run(self) -> None:
        for number in range(CALLS):
            order = Ask(
                request=request(deliver_by_ms=START_MS + 3 * DAY_MS),
                members=tuple(node.id for node in self.shops),
                fresh=fresh(number),
            )
            self.put(self.dice.randrange(FAULTY_MS), self.customer, order)
        while self.queue:
            self.at_ms, _, node, given = heapq.heappop(self.queue)
            if self.at_ms > END_MS:
                break
            if self.at_ms < FAULTY_MS and self.dice.random() < self.restarts:
                node.restart()
                self.step(node, Started())
            self.step(node, given)

    def step(self, node: Node, given: Input) -> None:
        at = now(self.at_ms)
        effects = node.give(given, at)
        self.observe(node, effects)
        for effect in effects:
            if isinstance(effect, Send):
                self.send(node, effect)
            elif isinstance(effect, Submit):
                self.submit(node, effect)
        wake = node.core.next_wake()
        if wake is not None:
            assert wake > START_MS
            self.put(max(1, wake - at.wall_ms), node, Tick())

    def send(self, node: Node, effect: Send) -> None:
        bad = self.at_ms < FAULTY_MS
        if bad and self.dice.random() < self.loss:
            return
        copies = 2 if bad and self.dice.random() < self.twice else 1
        travelled = from_value(effect.message.TYPE, effect.message.to_value())
        for _ in range(copies):
            delay = self.dice.randrange(1, 20_000) if bad else 1
            self.put(delay, self.nodes[effect.to], Heard(member=node.id, message=travelled))

    def submit(self, node: Node, effect: Submit) -> None:
        if effect.purpose in self.submitted:
            return
        self.submitted.add(effect.purpose)
        time_ms = START_MS + self.at_ms + 1
        refused = self.ledger.award(node.id, effect.operation, time_ms)
        awards = () if refused else self.ledger.seen(effect.operation)
        self.put(1, node, Recorded(purpose=effect.purpose, refused=refused))
        for each in self.nodes.values():
            # A node that is away misses the block's notice and learns of it when it comes back.
            if self.at_ms < FAULTY_MS and self.dice.random() < 0.2:
                self.put(FAULTY_MS, each, Connected(member=self.customer.id))
            else:
                self.put(self.dice.randrange(1, 5000), each, Final(time_ms=self.ledger.time_ms, awards=awards))

    def observe(self, node: Node, effects: list[Effect]) -> None:
        """Each node's own rules, watched from outside at every step."""
        self.trace.append(f"{self.at_ms} {node.name} {[type(each).__name__ for each in effects]}")
        sent = False
        kept = {value for (_, _), value in node.disk.items()}
        for effect in effects:
            if isinstance(effect, Keep):
                assert not sent, "something was sent before all was kept"
            elif isinstance(effect, Send):
                sent = True
                message: Message = effect.message
                if isinstance(message, Propose):
                    assert any(message.statement.body in value for value in kept), "a promise that is not on the disk"
                if isinstance(message, (Refuse, NotUnderstood)):
                    assert message.text
        for one, two in pairwise(node.core.slots()):
            assert one.machine != two.machine or one.end_ms <= two.start_ms, "one machine sold twice"


def check_end(simulation: Simulation) -> None:
    ledger, customer = simulation.ledger, simulation.customer
    for call in customer.core.calls():
        assert call.state not in OPEN, f"{call.state} awaits something for ever"
        assert call.text
        jobs = [job for job in ledger.jobs.values() if job.call == call.call]
        assert (call.state is CallState.AWARDED) == bool(jobs)
        assert len(jobs) <= 1
    booked = {slot.proposal for node in simulation.shops for slot in node.core.slots()}
    assert booked == set(ledger.jobs)
    for node in simulation.shops:
        assert all(deal.state not in PROMISED | {DealState.WAITING} for deal in node.core.deals())
        assert all(deal.text for deal in node.core.deals())
    assert len(ledger.jobs) == len(ledger.closed)


@pytest.mark.parametrize("seed", range(60))
def test_it_always_ends_with_an_award_or_a_reason_and_no_slot_left_over(seed: int) -> None:
    simulation = Simulation(seed)
    simulation.run()
    assert len(simulation.customer.core.calls()) == CALLS
    # The world goes on: a block far later, then a reconnect of everybody.
    simulation.ledger.time_ms = START_MS + END_MS
    simulation.at_ms = END_MS
    for node in simulation.nodes.values():
        node.give(Started(), now(END_MS))
        node.give(Final(time_ms=simulation.ledger.time_ms), now(END_MS))
    check_end(simulation)


def test_a_good_network_awards_every_call() -> None:
    simulation = Simulation(1)
    simulation.loss = simulation.twice = simulation.restarts = 0.0
    simulation.ledger.free[simulation.customer.id] = 10**9
    simulation.run()
    assert len(simulation.ledger.jobs) == CALLS


def test_the_same_seed_gives_the_same_trace() -> None:
    one, two = Simulation(7), Simulation(7)
    one.run()
    two.run()
    assert one.trace == two.trace


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 120))
def test_a_restart_at_any_point_changes_nothing_of_what_follows(seed: int, cut: int) -> None:
    simulation = Simulation(seed)
    simulation.restarts = 0.0
    twins: dict[str, Negotiation] = {}
    steps = 0
    plain = simulation.step

    def watched(node: Node, given: Input) -> None:
        nonlocal steps
        steps += 1
        if steps == cut:
            twins.update({each.name: each.twin() for each in simulation.nodes.values()})
        twin = twins.get(node.name)
        expected = None if twin is None else twin.handle(given, now(simulation.at_ms), node.view)
        effects: list[Effect] = []
        real = node.give
        node.give = lambda g, at=None: effects.extend(real(g, at)) or effects  # type: ignore[method-assign, func-returns-value]
        plain(node, given)
        node.give = real  # type: ignore[method-assign]
        if twin is not None:
            assert expected == effects
            assert twin.slots() == node.core.slots()

    simulation.step = watched  # type: ignore[method-assign]
    simulation.run()
