"""A small world to negotiate in: members, money, places, offers, and a ledger that only knows awards.

It keeps the rules of the award that matter here (W-3 to W-7): the offer stands, the money is there, a proposal once, a
call closed by its customer's award.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ledger.canonical import digest
from ledger.keys import MemberId, PublicKey, SigningKey
from ledger.operations.work_terms import PriceLine, read_proposal
from ledger.statement import read_statement
from protocol.capability.places import Place
from protocol.inputs import Now
from protocol.negotiation.contents import Changes, total
from protocol.negotiation.effects import Changed, Effect, Keep, Notify, Refused, Send, Submit
from protocol.negotiation.inputs import Ask, AwardedJob, Bargain, Final, Heard, Input, JobRequest, Recorded
from protocol.negotiation.messages import CallForProposals, Counter, Message, from_value
from protocol.negotiation.negotiation import Negotiation
from protocol.negotiation.policy import Policy
from protocol.negotiation.policy_parse import parse
from protocol.negotiation.world import JobSeen, Quote, Standing

NETWORK = digest("test-network")
FUNCTION = digest("test-function")
CREDIT = digest("test-credit")
PRINTER = digest("test-asset")
START_MS = 1_800_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

AUTOMATIC = parse(
    {
        "sell": {"decide": "automatic", "ask_above_value": 1_000_000, "wait_minutes": 1440},
        "rate": {
            "calls_per_hour": 600,
            "calls_open": 64,
            "newcomer_calls_per_hour": 300,
            "newcomer_value_max": 100_000,
        },
        "price": {"discount_bp": 500},
        "due": {"margin_minutes": 60},
        "buy": {"decide": "automatic", "ask_above_value": 1_000_000, "reply_seconds": 30, "tries": 5},
    }
)
ASK_ME = Policy()


def member(name: str) -> MemberId:
    """A member's id by a name."""
    return MemberId(digest("test-member", name.encode()))


def key_of(name: str) -> SigningKey:
    """A member's working key by a name."""
    return SigningKey(digest("test-key", name.encode()))


def fresh(number: int = 0) -> bytes:
    """32 bytes that stand for dice."""
    return digest("test-fresh", number.to_bytes(8, "big"))


def call_value(**changes: Any) -> dict[str, Any]:
    """What the customer's call says: the least a call can hold, and whatever else is given."""
    value = {
        "automatic": True,
        "customer": member("customer"),
        "deliver_by": START_MS + 3 * DAY_MS,
        "function": FUNCTION,
        "network": NETWORK,
        "nonce": fresh()[:16],
        "parameters": {},
        "quantity": 1,
        "reply_by": START_MS + MINUTE_MS,
    }
    return {**value, **changes}


def now(after_ms: int = 0) -> Now:
    """A moment after the start."""
    return Now(wall_ms=START_MS + after_ms, monotonic_ms=after_ms)


def price(amount: int, credit: bytes = CREDIT) -> tuple[PriceLine, ...]:
    """So much money."""
    return (PriceLine(kind="credit", thing=credit, amount=amount),)


def quote(**changes: Any) -> Quote:
    """An offer of one printer: 10.00 and an hour."""
    usual = Quote(
        offer="print",
        machine="printer",
        asset=None,
        unfit=(),
        price=price(1000),
        price_lines=("set-up 10.00",),
        duration_ms=HOUR_MS,
        lead_ms=0,
        hours=(),
    )
    return replace(usual, **changes)


def request(**changes: Any) -> JobRequest:
    """Two pieces within three days, decided by the policy."""
    usual = JobRequest(function=FUNCTION, quantity=2, deliver_by_ms=START_MS + 3 * DAY_MS, automatic=True)
    return replace(usual, **changes)


@dataclass
class Ledger:
    """What all nodes agree on."""

    names: tuple[str, ...]
    time_ms: int = START_MS - HOUR_MS
    free: dict[bytes, int] = field(default_factory=dict)
    jobs: dict[bytes, JobSeen] = field(default_factory=dict)
    closed: set[tuple[bytes, bytes]] = field(default_factory=set)
    owners: dict[bytes, tuple[tuple[MemberId, int], ...]] = field(default_factory=dict)
    standings: dict[bytes, Standing] = field(default_factory=dict)
    joined: dict[bytes, int] = field(default_factory=dict)
    places: dict[bytes, Place] = field(default_factory=dict)
    arbiters: tuple[str, ...] = ("founder",)

    def award(self, customer: MemberId, operation: Mapping[str, Any], time_ms: int) -> str | None:
        """Apply an award at a block time; the refusal's code, or None."""
        self.time_ms = max(self.time_ms + 1, time_ms)
        proposals = [read_proposal(read_statement("proposal", each)) for each in operation["proposals"]]
        for proposal in proposals:
            one = total(proposal.price)
            assert one is not None
            if self.time_ms > proposal.until_ms:
                return "work.lapsed"
            if (proposal.call, customer) in self.closed:
                return "work.call-closed"
            if self.free.get(customer, 10**9) < one[1]:
                return "account.too-little"
        for proposal in proposals:
            self.free[customer] = self.free.get(customer, 10**9) - sum(line.amount for line in proposal.price)
            self.closed.add((proposal.call, customer))
            self.jobs[proposal.id] = JobSeen(
                id=proposal.id,
                call=proposal.call,
                customer=customer,
                provider=proposal.provider,
                function=proposal.function,
                parameters=proposal.parameters,
                quantity=proposal.quantity,
                deliver_by_ms=proposal.deliver_by_ms,
                open=True,
            )
        return None

    def seen(self, operation: Mapping[str, Any]) -> tuple[AwardedJob, ...]:
        """The awards of an operation that held."""
        ids = [read_statement("proposal", each).id for each in operation["proposals"]]
        jobs = [self.jobs[each] for each in ids]
        return tuple(
            AwardedJob(job=job.id, call=job.call, customer=job.customer, provider=job.provider) for job in jobs
        )


@dataclass
class View:
    """The world of one node: the ledger and its own offers."""

    ledger: Ledger
    own: tuple[Quote, ...] = ()

    @property
    def block_time_ms(self) -> int:
        return self.ledger.time_ms

    def is_member(self, member: MemberId) -> bool:
        return member in self._ids()

    def working_key_of(self, key: PublicKey) -> MemberId | None:
        return next((member(name) for name in self.ledger.names if key_of(name).public == key), None)

    def joined_ms(self, member: MemberId) -> int | None:
        return self.ledger.joined.get(member, 0) if self.is_member(member) else None

    def standing(self, member: MemberId) -> Standing:
        return self.ledger.standings.get(member, Standing(kept=0, broken=0))

    def free_credit(self, member: MemberId, credit: bytes) -> int:
        return self.ledger.free.get(member, 10**9) if credit == CREDIT else 0

    def call_closed(self, call: bytes, customer: MemberId) -> bool:
        return (call, customer) in self.ledger.closed

    def job(self, job: bytes) -> JobSeen | None:
        return self.ledger.jobs.get(job)

    def open_jobs(self, provider: MemberId) -> tuple[JobSeen, ...]:
        return tuple(job for _, job in sorted(self.ledger.jobs.items()) if job.provider == provider and job.open)

    def owners_of(self, asset: bytes) -> tuple[tuple[MemberId, int], ...]:
        return self.ledger.owners.get(asset, ())

    def charter_arbiters(self) -> tuple[MemberId, ...]:
        return tuple(map(member, self.ledger.arbiters))

    def place_of(self, member: MemberId) -> Place | None:
        return self.ledger.places.get(member)

    def quotes(self, function: bytes, parameters: Mapping[str, Any], quantity: int) -> tuple[Quote, ...]:
        return self.own if function == FUNCTION else ()

    def _ids(self) -> set[MemberId]:
        return {member(name) for name in self.ledger.names}


class Node:
    """One member's negotiation with a disk that can be restarted from."""

    def __init__(self, name: str, ledger: Ledger, *, policy: Policy = AUTOMATIC, own: tuple[Quote, ...] = ()) -> None:
        self.name = name
        self.id = member(name)
        self.policy = policy
        self.view = View(ledger, own)
        self.disk: dict[tuple[str, bytes], bytes] = {}
        self.core = Negotiation(me=self.id, network=NETWORK, signer=key_of(name), policy=policy)

    def restart(self) -> None:
        """A new core out of what was kept."""
        self.core = self.twin()

    def twin(self) -> Negotiation:
        """What a restart would give."""
        kept = [(kind, id_, value) for (kind, id_), value in self.disk.items()]
        return Negotiation.restore(kept, me=self.id, network=NETWORK, signer=key_of(self.name), policy=self.policy)

    def give(self, given: Input, at: Now | None = None) -> list[Effect]:
        """One step, its kept records on the disk."""
        effects = self.core.handle(given, at or now(), self.view)
        for effect in effects:
            if isinstance(effect, Keep):
                if effect.value is None:
                    self.disk.pop((effect.kind, effect.id), None)
                else:
                    self.disk[effect.kind, effect.id] = effect.value
        return effects

    def hear(self, sender: Node | str, message: Message, at: Now | None = None) -> list[Effect]:
        """A message as it comes off the wire."""
        id_ = sender.id if isinstance(sender, Node) else member(sender)
        travelled = from_value(message.TYPE, message.to_value())
        return self.give(Heard(member=id_, message=travelled), at)

    def ask(self, *members: Node | str, at: Now | None = None, number: int = 0, **changes: Any) -> list[Effect]:
        """Call for proposals."""
        ids = tuple(each.id if isinstance(each, Node) else member(each) for each in members)
        return self.give(Ask(request=request(**changes), members=ids, fresh=fresh(number)), at)

    def settle(self, submit: Submit, others: tuple[Node, ...], at: Now | None = None) -> str | None:
        """Bring an award to the ledger and let everybody see the block."""
        when = at or now()
        refused = self.view.ledger.award(self.id, submit.operation, when.wall_ms)
        awards = () if refused else self.view.ledger.seen(submit.operation)
        self.give(Recorded(purpose=submit.purpose, refused=refused), when)
        for node in (self, *others):
            node.give(Final(time_ms=self.view.ledger.time_ms, awards=awards), when)
        return refused


def messages(effects: list[Effect], to: Node | None = None) -> list[Message]:
    """What is sent (to one node)."""
    return [each.message for each in effects if isinstance(each, Send) and (to is None or each.to == to.id)]


def submits(effects: list[Effect]) -> list[Submit]:
    """What is given to the ledger."""
    return [each for each in effects if isinstance(each, Submit)]


def refused(effects: list[Effect]) -> Refused:
    """Why the owner's order was not obeyed; it is the only effect."""
    (only,) = [each for each in effects if isinstance(each, Refused)]
    return only


def notices(effects: list[Effect]) -> list[Notify]:
    """What a person is told."""
    return [each for each in effects if isinstance(each, Notify)]


def states(effects: list[Effect]) -> list[str]:
    """The states conversations moved to."""
    return [each.state for each in effects if isinstance(each, Changed)]


def shop(name: str, ledger: Ledger, *, policy: Policy = AUTOMATIC, **changes: Any) -> Node:
    """A provider with one printer."""
    return Node(name, ledger, policy=policy, own=(quote(**changes),))


def town() -> Ledger:
    """A founder who rules disputes, a customer and four workshops."""
    return Ledger(names=("founder", "customer", "a", "b", "c", "d"))


def one_call(customer: Node, *shops: Node, **changes: Any) -> CallForProposals:
    """The customer calls; the message each provider gets."""
    effects = customer.ask(*shops, **changes)
    message = messages(effects)[0]
    assert isinstance(message, CallForProposals)
    return message


def deal_of(node: Node) -> Any:
    """The provider's only deal."""
    (deal,) = node.core.deals()
    return deal


def call_of(node: Node) -> Any:
    """The customer's only call."""
    (call,) = node.core.calls()
    return call


def bargained(customer: Node, a: Node, total: int, *, number: int = 1, **changes: Any) -> Counter:
    """The customer counters: the message `a` gets."""
    order = Bargain(
        call=call_of(customer).call, member=a.id, changes=Changes(price_total=total, **changes), fresh=fresh(number)
    )
    (wish,) = messages(customer.give(order), a)
    assert isinstance(wish, Counter)
    return wish
