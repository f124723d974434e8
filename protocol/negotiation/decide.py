"""From a call to a `Decision`: what each rule weighs is gathered here, once, and the chain is walked for every own
offer.

Pure: the same call, policy, calendar and world give the same steps, so a decision can be replayed. Of several offers
the one that passes wins (SPEC N-11), then the earliest date, then the lowest price; if none passes, the one that got
furthest is shown.

When the slot may begin: a proposal binds until `until`, so the work must not have to begin before it (SPEC N-12). A
long stand (a person decides for a week) is shortened once, to just past the reply-by, where the due date needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ledger.canonical import Value
from ledger.keys import MemberId
from ledger.operations.work_terms import ARBITERS_MAX, PriceLine
from protocol.capability.places import distance_km
from protocol.inputs import Now
from protocol.negotiation import rules
from protocol.negotiation.calendar import Calendar, Gap, open_ms
from protocol.negotiation.contents import UNCHANGED, Call, Changes, total
from protocol.negotiation.decision import Decision, Draft, Step, Verdict
from protocol.negotiation.limits import DAY_MS, MINUTE_MS
from protocol.negotiation.policy import Policy
from protocol.negotiation.world import Quote, World

WINDOWS_TRIED = 8
"""Windows of a co-owned machine looked at before a person is asked: two months of weeks."""
_VERDICTS = (Verdict.PASS, Verdict.ASK, Verdict.REFUSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """One call as it is to be judged, with what this node remembers of the caller."""

    call: Call
    changes: Changes = UNCHANGED
    calls_last_hour: int = 0
    calls_open: int = 0
    approved: bool = False
    """A person has looked: what would ask, passes; what refuses, still refuses."""
    set_price_total: int | None = None
    set_deliver_by_ms: int | None = None
    """A person's own figures, in place of the offer's."""

    @property
    def quantity(self) -> int:
        """How many, after the changes."""
        return self.changes.quantity or self.call.quantity

    @property
    def deliver_by_ms(self) -> int:
        """By when, after the changes."""
        return self.changes.deliver_by_ms or self.call.deliver_by_ms

    @property
    def parameters(self) -> Mapping[str, Value]:
        """What exactly."""
        return self.call.parameters


def decide(matter: Matter, policy: Policy, me: MemberId, calendar: Calendar, now: Now, world: World) -> Decision:
    """Walk the chain; see the module's own words."""
    call = matter.call
    joined_ms = world.joined_ms(call.customer)
    newcomer = rules.is_newcomer(policy.rate, joined_ms, now.wall_ms)
    first = [
        rules.identity(policy.identity, call.customer, world.is_member(call.customer), world.standing(call.customer)),
        rules.rate(policy.rate, newcomer, matter.calls_last_hour, matter.calls_open),
    ]
    first = [_approved(step, matter) for step in first]
    if any(step.verdict is Verdict.REFUSE for step in first):
        return _closed(first)
    quotes = world.quotes(call.function, matter.parameters, matter.quantity)
    if not quotes:
        return _closed([*first, rules.capability(policy.capability, call.function, matter.quantity, None)])
    chains = [_Chain(matter, policy, me, calendar, now, world, newcomer, first, quote) for quote in quotes]
    return min((chain.walk() for chain in chains), key=_preference)


class _Chain:
    """One walk along the chain for one offer."""

    def __init__(
        self,
        matter: Matter,
        policy: Policy,
        me: MemberId,
        calendar: Calendar,
        now: Now,
        world: World,
        newcomer: bool,
        first: list[Step],
        quote: Quote,
    ) -> None:
        self.matter = matter
        self.policy = policy
        self.me = me
        self.calendar = calendar
        self.world = world
        self.newcomer = newcomer
        self.quote = quote
        self.steps = list(first)
        self.now_ms = max(now.wall_ms, world.block_time_ms)
        one = total(quote.price)
        self.credit = None if one is None else one[0]
        self.possible_ms: int | None = None
        """The first date that could be promised, when the date is what it fails for."""

    def walk(self) -> Decision:
        """All rules in order until one refuses."""
        policy, quote, call = self.policy, self.quote, self.matter.call
        step = rules.capability(policy.capability, call.function, self.matter.quantity, quote.unfit, quote.left_open)
        if not self._take(step):
            return self._refused()
        until_ms, gap, owners_step, stranger = self._time()
        promise_ms = 0 if gap is None else gap.end_ms + policy.due.margin_minutes * MINUTE_MS
        if self.matter.set_deliver_by_ms is not None:
            promise_ms = self.matter.set_deliver_by_ms
        arbiters = self._arbiters()
        price_step, price = rules.price(
            policy.price, quote.price, call.budget, self.matter.changes.price_total, quote.unpriced
        )
        price = self._set_price(price)
        one = total(price)
        free = tuple(
            self.world.free_credit(call.customer, line.thing) if line.kind == "credit" else 0 for line in price
        )
        newcomer_max = policy.rate.newcomer_value_max if self.newcomer else None
        slots = len(self.calendar.of(quote.machine))
        for step in (
            owners_step,
            rules.materials(policy.materials, self.matter.parameters.get(policy.materials.parameter)),
            rules.calendar(gap, slots, policy.calendar.slots_max),
            rules.transport(policy.transport, self._distance_km()),
            price_step,
            rules.due(promise_ms, self.matter.deliver_by_ms),
            rules.credit(policy.credit, price, free),
            rules.terms(arbiters),
            rules.decides(policy.sell, newcomer_max, None if one is None else one[1], automatic=quote.automatic),
        ):
            if not self._take(step):
                if step.rule == "due":
                    self.possible_ms = promise_ms
                return self._refused()
        assert gap is not None, "the calendar rule refuses without a gap"
        draft = Draft(
            offer=quote.offer,
            price=price,
            price_lines=quote.price_lines,
            quantity=self.matter.quantity,
            deliver_by_ms=promise_ms,
            until_ms=until_ms,
            arbiters=arbiters,
            machine=quote.machine,
            start_ms=gap.start_ms,
            end_ms=gap.end_ms,
            stranger=stranger,
        )
        asks = any(step.verdict is Verdict.ASK for step in self.steps)
        verdict = Verdict.ASK if asks else Verdict.PASS
        return Decision(verdict=verdict, steps=tuple(self.steps), draft=draft, credit=self.credit)

    def _take(self, step: Step) -> bool:
        step = _approved(step, self.matter)
        self.steps.append(step)
        return step.verdict is not Verdict.REFUSE

    def _refused(self) -> Decision:
        return replace(_closed(self.steps), possible_ms=self.possible_ms, credit=self.credit)

    def _time(self) -> tuple[int, Gap | None, Step, bool]:
        """(until, slot, what the owners' rule says, whether it is a stranger's slot)."""
        keys, call = self.policy.terms, self.matter.call
        if call.automatic:
            full = keys.stands_minutes * MINUTE_MS
        else:
            full = keys.stands_person_days * DAY_MS
        short = max(0, call.reply_by_ms - self.now_ms) + keys.stands_minutes * MINUTE_MS
        until_ms = self.now_ms + full
        gap, step, stranger = self._slot(until_ms + self.quote.lead_ms)
        margin_ms = self.policy.due.margin_minutes * MINUTE_MS
        late = gap is None or gap.end_ms + margin_ms > self.matter.deliver_by_ms
        if late and short < full:
            until_ms = self.now_ms + short
            gap, step, stranger = self._slot(until_ms + self.quote.lead_ms)
        return until_ms, gap, step, stranger

    def _slot(self, from_ms: int) -> tuple[Gap | None, Step, bool]:
        """The first free stretch whose window still has room for this customer, else the first free one at all."""
        quote, keys = self.quote, self.policy.owners
        shares = self.world.owners_of(quote.asset) if quote.asset is not None else ()
        window_ms = keys.window_days * DAY_MS
        horizon_ms = self.now_ms + self.policy.calendar.horizon_days * DAY_MS
        work_ms = max(1, quote.duration_ms)
        earliest: tuple[Gap | None, Step, bool] | None = None
        for _ in range(WINDOWS_TRIED):
            gap = self.calendar.gap(quote.machine, quote.hours, work_ms=work_ms, from_ms=from_ms, horizon_ms=horizon_ms)
            if gap is None:
                break
            begin = gap.start_ms - gap.start_ms % window_ms
            end = begin + window_ms
            step, stranger = rules.owners(
                keys,
                shares,
                self.matter.call.customer,
                open_ms(quote.hours, begin, end),
                self.calendar.taken_ms(quote.machine, begin, end, strangers=True),
                work_ms,
            )
            found = (gap, step, stranger)
            if step.verdict is Verdict.PASS:
                return found
            earliest = earliest or found
            from_ms = end
        return earliest or (None, rules.fine("owners", "there is no free time to share"), True)

    def _arbiters(self) -> tuple[MemberId, ...]:
        call = self.matter.call
        wanted = self.policy.terms.arbiters
        candidates = call.arbiters or self.world.charter_arbiters()
        fit = (
            each
            for each in dict.fromkeys(candidates)
            if each not in (self.me, call.customer) and (not wanted or each in wanted) and self.world.is_member(each)
        )
        chosen = tuple(fit)[:ARBITERS_MAX]
        if chosen or call.arbiters or wanted:
            return chosen
        # Two members alone: the ledger lets a party stand in that place without ever ruling (W-9).
        return tuple(each for each in candidates if self.world.is_member(each))[:1]

    def _distance_km(self) -> int | None:
        here, there = self.world.place_of(self.me), self.matter.call.where
        return None if here is None or there is None else distance_km(here, there)

    def _set_price(self, price: tuple[PriceLine, ...]) -> tuple[PriceLine, ...]:
        wished, one = self.matter.set_price_total, total(price)
        if wished is None or one is None:
            return price
        return (PriceLine(kind="credit", thing=one[0], amount=wished),)


def _approved(step: Step, matter: Matter) -> Step:
    if not matter.approved or step.verdict is not Verdict.ASK:
        return step
    return replace(step, verdict=Verdict.PASS, detail=f"{step.detail}; approved by a person".lstrip("; "))


def _closed(steps: list[Step]) -> Decision:
    return Decision(verdict=Verdict.REFUSE, steps=tuple(steps))


def _preference(decision: Decision) -> tuple[int, int, int, str]:
    draft = decision.draft
    if draft is None:
        return _VERDICTS.index(decision.verdict), -len(decision.steps), 0, ""
    one = total(draft.price)
    return _VERDICTS.index(decision.verdict), draft.deliver_by_ms, one[1] if one else 0, draft.offer
