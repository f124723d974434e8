"""What the people of a simulated town do: pay, own, advertise, invite, and have one another make things.

Every whim comes from the cluster's dice. What a person was told is recorded is theirs for good; what they were not
told they may well do again.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ledger import queries
from ledger.canonical import digest
from ledger.keys import SigningKey
from ledger.operations import accounts
from ledger.operations.members import is_member
from ledger.operations.work_queries import jobs_of, next_moves
from ledger.operations.work_stages import Move, Stage
from protocol.capability.definition_files import read_definition
from protocol.capability.functions import Function
from protocol.capability.offer_files import CreditName, read_offer
from protocol.effects import Effect, NotRecorded, Recorded
from protocol.inputs import Carry, Negotiate, Offered, Reachable, Submit
from protocol.joining import inviting
from protocol.negotiation.initiator import OPEN, CallState
from protocol.negotiation.inputs import Ask, JobRequest
from tests.protocol.negotiation.stage import AUTOMATIC
from tests.simulation.cluster import LIMITS, Cluster, Faults, Node
from tests.simulation.town import DAY_MS, HOUR_MS, START_MS, Disk, Parts, Person, build, joining, person

FAULTY_MS = 20_000
CALM_MS = 20 * 60_000
NAMES = ("ann", "ben", "cat", "dan", "eve", "fay", "gus", "hal", "ivy", "jon")


def own_function(name: str) -> Function:
    """A function that only its maker knows at first."""
    return read_definition(
        f"""
        name = "{name}"
        title = "{name}"
        help = "What only one workshop here does."
        [[input]]
        name = "model"
        kind = "design/model"
        unit = "1"
        [[output]]
        name = "part"
        kind = "part/made"
        unit = "{{piece}}"
        """,
        f"{name}.toml",
    )


class Town:
    """A cluster with people in it."""

    def __init__(
        self,
        seed: int,
        *,
        faults: Faults | None = None,
        job: bool | None = None,
        most: int = 4,
        witnesses: int = 1,
        nodes: int | None = None,
        limits: tuple[Any, ...] = LIMITS,
    ) -> None:
        names = NAMES[: max(witnesses, 2 + seed % (most - 1)) if nodes is None else nodes]
        self.cluster = Cluster(seed, *names, witnesses=witnesses, limits=limits)
        self.dice = self.cluster.dice
        self.cluster.faults = Faults.drawn(self.dice) if faults is None else faults
        self.cluster.build = self._build
        self.cluster.after_start = self._started
        self.cluster.on_effect = self._told
        self.with_job = seed % 4 == 0 if job is None else job
        self.tokens = 0
        self.waiting: dict[int, tuple[bytes, str]] = {}
        self.refused: list[str] = []
        self.moves: dict[tuple[bytes, bytes, str], int] = {}
        """Moves of a job that were recorded, by person."""
        self.asked = False
        people = [person(name) for name in names]
        for node in self.cluster.nodes.values():
            # Nodes were made before the town was there to build them.
            node.parts = self._build(node.who, node.disk)
            self._started(node)
        for i, one in enumerate(people):
            self.cluster.wire(one, people[(i + 1) % len(people)])
        for i, one in enumerate(people[:witnesses]):
            for other in people[i + 1 : witnesses]:
                self.cluster.wire(one, other)
        for one in people:
            for _ in range(6):
                self.cluster.at(self.dice.randrange(10, FAULTY_MS), partial(self._whim, one))
        if self.dice.random() < 0.5:
            self._bring_in(people[self.dice.randrange(len(people))], person("zoe"))
        if self.with_job:
            self.cluster.at(50, lambda: self._money(people[0], people[-1]))

    # -- machines

    def _build(self, who: Person, disk: Disk) -> Parts:
        return build(who, disk, policy=AUTOMATIC, functions=[own_function(f"only-{who.name}")])

    def _started(self, node: Node) -> None:
        """What the daemon tells its core after every start."""
        place = NAMES.index(node.who.name) if node.who.name in NAMES else 99
        address = f"/ip4/10.0.0.{1 + place}/tcp/{4000 + node.incarnation}"
        self.cluster.give(node, Reachable(addresses=(address,)))
        self._offer(node)

    def _offer(self, node: Node) -> None:
        if not self.cluster.is_up(node):
            return
        texts = [f'name = "own"\nfunction = "only-{node.who.name}"\n']
        money = queries.credits(node.parts.core.chain.state)
        if money and node.who.name != self._customer:
            texts.append(
                'name = "router"\nfunction = "cnc-milling"\nautomatic = true\n[limits]\nmaterial = ["wood"]\n'
                '[time]\nper-piece = "10 min"\n[price]\ncredit = "EUR"\nper-piece = 2\n'
            )
        names = {"EUR": CreditName(id=money[0].id, decimals=2)} if money else {}
        offers = tuple(read_offer(text, "offer.toml", node.parts.catalogue, names) for text in texts)
        node.parts.offers.offers = {offer.name: offer for offer in offers}
        self.cluster.give(node, Offered(offers=offers))

    @property
    def _customer(self) -> str:
        return list(self.cluster.nodes.values())[len(self.cluster.founded.charter.founders) - 1].who.name

    # -- the ledger

    def submit(self, who: Person, *operations: dict[str, Any], life_ms: int = DAY_MS, about: str = "") -> None:
        node = self.cluster.nodes[who.peer]
        if not self.cluster.is_up(node):
            return
        self.tokens += 1
        self.waiting[self.tokens] = (who.peer, about)
        until_ms = max(self.cluster.clock(node).wall_ms, node.parts.core.chain.head.time_ms) + life_ms
        self.cluster.give(node, Submit(operations=operations, token=self.tokens, until_ms=until_ms))

    def _told(self, node: Node, effect: Effect) -> None:
        match effect:
            case Recorded() if effect.token in self.waiting:
                peer, about = self.waiting.pop(effect.token)
                if about:
                    self.moves[peer, effect.entry_ids[0], about] = self.cluster.now_ms
            case NotRecorded():
                self.refused.append(effect.code)
                self.waiting.pop(effect.token, None)
            case _:
                pass

    def _whim(self, who: Person) -> None:
        """One thing somebody does with what they see."""
        node = self.cluster.nodes[who.peer]
        if not self.cluster.is_up(node):
            return
        state, dice = node.parts.core.chain.state, self.dice
        nodes = self.cluster.nodes.values()
        others = [one.who for one in nodes if one is not node and is_member(state, one.who.member)]
        other = dice.choice(others) if others else who
        money, things = queries.credits(state), queries.assets(state)
        choice = dice.randrange(8)
        life_ms = dice.choice([DAY_MS, DAY_MS, 1_500])
        if choice == 0 or not money:
            opened = {"decimals": 2, "redeemable": "work", "t": "credits.open/1", "unit": "EUR"}
            self.submit(who, opened, life_ms=life_ms)
        elif choice == 1 or not things:
            self.submit(who, {"kind": "machine", "name": "Router", "t": "assets.register/1"})
        elif choice == 2:
            self.submit(who, {"gifts": True, "t": "membership.profile/1"}, life_ms=life_ms)
        elif choice == 3:
            thing = dice.choice(things).id
            units = max(1, accounts.free(state, who.member, "units", thing) // 3)
            self.submit(who, {"asset": thing, "t": "shares.transfer/1", "to": other.member, "units": units})
        elif choice == 4:
            issue = {"amount": 500, "credit": money[0].id, "t": "credits.issue/1", "to": other.member}
            self.submit(who, issue, issue, life_ms=life_ms)
        else:
            pays: list[dict[str, Any]] = [
                {"amount": dice.randrange(1, 90), "credit": one.id, "t": "credits.pay/1", "to": other.member}
                for one in dice.choices(money, k=dice.randrange(1, 4))
            ]
            self.submit(who, *pays, life_ms=life_ms)

    # -- somebody new

    def _bring_in(self, sponsor: Person, guest: Person) -> None:
        invite = SigningKey(digest("test-invite", guest.name.encode()))
        operation = inviting(
            invite, member=sponsor.member, network=self.cluster.founded.charter.network, until_ms=START_MS + DAY_MS
        )
        entry = joining(guest, self.cluster.founded, invite)

        def go_on() -> None:
            node = self.cluster.nodes[sponsor.peer]
            state = node.parts.core.chain.state
            if is_member(state, guest.member):
                self.cluster.add(guest, introducer=sponsor.peer)
                self.cluster.wire(sponsor, guest)
                self.cluster.at(500, lambda: self._whim(guest))
                return
            if state.get(b"key/" + invite.public) is None:
                self.submit(sponsor, operation)
            elif self.cluster.is_up(node):
                self.tokens += 1
                self.cluster.give(node, Carry(entries=(entry,), token=self.tokens))
            self.cluster.at(1_000, go_on)

        self.cluster.at(self.dice.randrange(10, 5_000), go_on)

    # -- a job, from the call to the receipt

    def _money(self, bank: Person, customer: Person) -> None:
        """Until the customer has money: open a credit, issue; then call."""
        node = self.cluster.nodes[bank.peer]
        money = queries.credits(node.parts.core.chain.state)
        if not money:
            self.submit(bank, {"decimals": 2, "redeemable": "work", "t": "credits.open/1", "unit": "EUR"})
        elif not self._is_rich(node, customer):
            issuer = next(one.who for one in self.cluster.nodes.values() if one.who.member == money[0].issuer)
            pay = {"amount": 10_000, "credit": money[0].id, "t": "credits.issue/1", "to": customer.member}
            self.submit(issuer, pay)
        else:
            for one in self.cluster.nodes.values():
                self._offer(one)
            self.cluster.at(100, lambda: self._call(customer))
            return
        self.cluster.at(700, lambda: self._money(bank, customer))

    def _is_rich(self, node: Node, who: Person | None = None) -> bool:
        state, money = node.parts.core.chain.state, queries.credits(node.parts.core.chain.state)
        member = (who or node.who).member
        return bool(money) and accounts.free(state, member, "credit", money[0].id) >= 2_000

    def _call(self, customer: Person) -> None:
        """Call once from a node that is up; look after every open job from then on."""
        node = self.cluster.nodes[customer.peer]
        core = node.parts.core
        standing = [call for call in core.conversation.negotiation.calls() if call.state in OPEN | {CallState.AWARDED}]
        if not standing and not self._is_rich(node):
            self._money(next(iter(self.cluster.nodes.values())).who, customer)
            return
        if self.cluster.is_up(node) and not standing:
            function = node.parts.catalogue.named("cnc-milling").hash
            request = JobRequest(
                function=function,
                parameters={"material": "wood"},
                quantity=2,
                deliver_by_ms=self.cluster.clock(node).wall_ms + 3 * DAY_MS,
                reply_by_ms=self.cluster.clock(node).wall_ms + 60_000,
                automatic=True,
            )
            members = tuple(
                advert.member
                for advert in core.directory.directory
                if function in advert.functions and advert.member != customer.member
            )
            if members:
                self.tokens += 1
                fresh = digest("test-fresh", self.dice.randbytes(8))
                ask = Ask(request=request, members=members[:8], fresh=fresh)
                self.cluster.give(node, Negotiate(input=ask, token=self.tokens))
                self.asked = True
        self._work()
        self.cluster.at(1_500, lambda: self._call(customer))

    def _work(self) -> None:
        """Whoever's move it is in an open job makes it, once per recorded entry."""
        for node in list(self.cluster.nodes.values()):
            if not self.cluster.is_up(node):
                continue
            core = node.parts.core
            for job in jobs_of(core.chain.state, node.who.member):
                pending = {one.name for one in core.ledger.pool.all() if one.operation.get("job") == job.id}
                possible = {one.move for one in next_moves(job, node.who.member, core.chain.head.time_ms)}
                if job.stage is Stage.AWARDED and Move.PROGRESS in possible and "work.progress/1" not in pending:
                    self.submit(node.who, {"job": job.id, "percent": 50, "t": "work.progress/1"})
                elif job.stage is Stage.STARTED and Move.DELIVER in possible and "work.deliver/1" not in pending:
                    self.submit(node.who, {"job": job.id, "quantity": 2, "t": "work.deliver/1"})
                elif job.stage is Stage.DELIVERED and Move.RECEIPT in possible and "work.receipt/1" not in pending:
                    self.submit(node.who, {"accepted": 2, "job": job.id, "t": "work.receipt/1"})

    # -- the whole

    def run(self) -> None:
        """Faults, then none, then everything must have become one."""
        self.cluster.run(FAULTY_MS)
        self.cluster.calm()
        end_ms = FAULTY_MS + CALM_MS
        problem = "nothing was compared"
        while self.cluster.now_ms < end_ms:
            self.cluster.run(self.cluster.now_ms + 5_000)
            problem = self.difference()
            if not problem:
                break
        assert not problem, problem
        for node in self.cluster.nodes.values():
            self.cluster.observer.balanced(node)
        self._nothing_lost()

    def difference(self) -> str:
        """What is not one yet; empty where all is."""
        everybody = self.cluster.nodes.values()
        nodes = [node for node in everybody if is_member(node.parts.core.chain.state, node.who.member)]
        heads = {(node.parts.core.chain.head.height, node.parts.core.chain.state.root) for node in nodes}
        if len(heads) != 1 or len(nodes) != len(self.cluster.nodes):
            return f"heights differ: {sorted(height for height, _ in heads)}"
        for node in nodes:
            for entry in node.parts.core.ledger.pool.all():
                if entry.until_ms >= node.parts.core.chain.head.time_ms and entry.until_ms > START_MS + HOUR_MS:
                    return f"{node.who.name} still waits for {entry.name} number {entry.sequence}"
        lists = [_listed(node) for node in nodes]
        if any(one != lists[0] for one in lists):
            return f"directories differ: {[len(one) for one in lists]} adverts"
        if any(len(one) != len(nodes) for one in lists):
            return "somebody's advert is nowhere"
        for node in nodes:
            unknown = node.parts.core.directory.directory.unknown_functions()
            if unknown:
                return f"{node.who.name} does not know {len(unknown)} functions that are offered"
            known = self.cluster.observer.addresses[node.who.peer]
            for other in nodes:
                if other is not node and known.get(other.who.peer) != other.parts.core.directory._addresses:
                    return f"{node.who.name} does not know where {other.who.name} is"
        return self._job_ended(nodes) if self.with_job else ""

    def _job_ended(self, nodes: list[Node]) -> str:
        founders = len(self.cluster.founded.charter.founders)
        customer = list(self.cluster.nodes.values())[founders - 1]
        found = jobs_of(customer.parts.core.chain.state, customer.who.member)
        if not found:
            return "no job was awarded"
        open_ones = [job for job in found if job.is_open]
        return f"a job waits in {open_ones[0].stage}" if open_ones else ""

    def _nothing_lost(self) -> None:
        observer = self.cluster.observer
        time_ms = max(self._last_time_ms(node) for node in self.cluster.nodes.values())
        for entry_id, entry in observer.acknowledged.items():
            if entry_id in observer.standing or entry is None:
                continue
            pending = any(entry_id in node.parts.core.ledger.pool for node in self.cluster.nodes.values())
            assert entry.until_ms < time_ms or pending, f"{entry.name} was acknowledged and is lost"

    def _last_time_ms(self, node: Node) -> int:
        """What has lapsed by then is not lost; by the clock of an only witness, whose block would be the next."""
        head_ms = node.parts.core.chain.head.time_ms
        return max(head_ms, self.cluster.clock(node).wall_ms) if node.parts.core.ledger.orderer.is_alone else head_ms


def _listed(node: Node) -> dict[bytes, int]:
    return {advert.member: advert.counter for advert in node.parts.core.directory.directory}
