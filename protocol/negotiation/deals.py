"""The provider's deals: where they are kept, the slots they hold, and what the ledger and time do to them.

A slot is given up only when its proposal cannot become a job any more: another award of its call is final, or a
final block is later than its `until`, or, where no blocks come at all, a day past it by the own clock. An award that
is final all the same is a job: the ledger is the truth, also about what a lost disk forgot (SPEC N-16, N-17, N-19).

Not here: what is said to the customer (`provider`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ledger.canonical import decode, encode
from ledger.keys import MemberId, SigningKey
from protocol.inputs import Now
from protocol.negotiation.calendar import Calendar, Slot
from protocol.negotiation.contents import Changes, read_call
from protocol.negotiation.effects import Changed, FetchFiles, Item, Notify, Outbox, Send, Side
from protocol.negotiation.inputs import AwardedJob
from protocol.negotiation.limits import DAY_MS, LAPSE_GRACE_MS, MINUTE_MS
from protocol.negotiation.messages import Message, from_value
from protocol.negotiation.participant import ACTIVE, ASKING, DEAL, PROMISED, Answer, Deal, DealEvent, DealState
from protocol.negotiation.policy import Policy
from protocol.negotiation.record import pack, unpack
from protocol.negotiation.world import JobSeen, World

DEAL_KIND = "deal"


class Deals:
    """All deals of this node, by call."""

    def __init__(self, me: MemberId, network: bytes, signer: SigningKey, policy: Policy) -> None:
        self._me = me
        self._network = network
        self._signer = signer
        self._policy = policy
        self.deals: dict[bytes, Deal] = {}

    def restore(self, value: bytes) -> None:
        """Take a kept deal back."""
        deal = unpack(Deal, value)
        self.deals[deal.call] = deal

    def in_order(self) -> None:
        """Oldest first, as they were heard."""
        self.deals = dict(sorted(self.deals.items(), key=lambda each: (each[1].heard_ms, each[0])))

    # -- what the ledger says

    def awarded(self, jobs: Iterable[AwardedJob], now: Now, world: World, out: Outbox) -> None:
        """Final awards: ours are booked, the others' free our slots."""
        closed: dict[tuple[bytes, MemberId], None] = {}
        for job in jobs:
            closed[job.call, job.customer] = None
            if job.provider == self._me:
                self._win(job.job, now, world, out)
        for call, customer in closed:
            deal = self.deals.get(call)
            if deal is not None and deal.customer == customer and deal.state in PROMISED | {DealState.WAITING}:
                self._move(replace(deal, slots=()), DealEvent.LOST, "the call was awarded to somebody else", out)

    def ended(self, jobs: Iterable[bytes], out: Outbox) -> None:
        """Jobs that ended: their slots are free, however early."""
        over = set(jobs)
        for deal in [deal for deal in self.deals.values() if deal.state is DealState.BOOKED]:
            left = tuple(job for job in deal.jobs if job not in over)
            if left == deal.jobs:
                continue
            slots = tuple(slot for slot in deal.slots if slot.proposal in left)
            changed = replace(deal, jobs=left, slots=slots)
            if left:
                self._put(changed, out)
            else:
                self._move(changed, DealEvent.ENDED, "the job has ended", out)

    def reconcile(self, now: Now, world: World, out: Outbox) -> None:
        """Make the deals agree with the ledger, also after this disk was lost (SPEC N-19)."""
        for job in world.open_jobs(self._me):
            self._win(job.id, now, world, out)
        booked = [job for deal in self.deals.values() if deal.state is DealState.BOOKED for job in deal.jobs]
        self.ended([job for job in booked if (seen := world.job(job)) is None or not seen.open], out)
        for deal in list(self.deals.values()):
            if deal.state in PROMISED | {DealState.WAITING} and world.call_closed(deal.call, deal.customer):
                self._move(replace(deal, slots=()), DealEvent.LOST, "the call was awarded to somebody else", out)

    def resend(self, member: MemberId | None, now: Now, out: Outbox) -> None:
        """Give the last answer again to customers who may have missed it; None: to all."""
        for deal in self.deals.values():
            if deal.state in PROMISED and member in (None, deal.customer) and now.wall_ms <= deal.reply_by_ms:
                self._answer_again(deal, out)

    # -- time and order

    def next_wake(self) -> int | None:
        """When `sweep` has something to do by the wall clock."""
        moments = [deal.ask_until_ms for deal in self.deals.values() if deal.state in ASKING]
        moments += [
            offer.until_ms + LAPSE_GRACE_MS
            for deal in self.deals.values()
            if deal.state in PROMISED
            for offer in deal.offered
            if any(slot.proposal == offer.id for slot in deal.slots)
        ]
        return min((moment + 1 for moment in moments if moment is not None), default=None)

    def items(self) -> list[Item]:
        """What waits for a person."""
        return [self._item(deal) for deal in self.deals.values() if deal.state in ASKING]

    def slots(self) -> list[Slot]:
        """Every slot held, in order of machine and time."""
        held = [slot for deal in self.deals.values() if deal.state in ACTIVE for slot in deal.slots]
        return sorted(held, key=lambda slot: (slot.machine, slot.start_ms))

    # -- inside

    def _calendar(self) -> Calendar:
        return Calendar(self.slots(), pause_ms=self._policy.calendar.pause_minutes * MINUTE_MS)

    def _answered(self, deal: Deal, message: Message) -> Deal:
        return replace(deal, answer=Answer(type=message.TYPE, body=encode(message.to_value())))

    def _answer_again(self, deal: Deal, out: Outbox) -> None:
        if deal.answer is not None:
            out.add(Send(to=deal.customer, message=from_value(deal.answer.type, decode(deal.answer.body))))

    def _win(self, job: bytes, now: Now, world: World, out: Outbox) -> None:
        """A proposal of ours is a job: its slot is booked, or a new one where it was given up or forgotten."""
        seen = world.job(job)
        if seen is None or not seen.open or seen.provider != self._me:
            return
        deal = self.deals.get(seen.call)
        if deal is not None and deal.customer != seen.customer:
            return
        if deal is None:
            deal = Deal(
                call=seen.call,
                customer=seen.customer,
                state=DealState.HEARD,
                heard_ms=now.wall_ms,
                reply_by_ms=now.wall_ms,
            )
        if job in deal.jobs:
            return
        jobs = (*deal.jobs, job)
        # One award may make two proposals of one call jobs: each keeps its slot.
        kept = tuple(slot for slot in deal.slots if slot.proposal in jobs or world.job(slot.proposal) is not None)
        text = "awarded"
        if not any(slot.proposal == job for slot in kept):
            new = self._slot_again(seen, deal, kept, now, world)
            text = "awarded, though the slot was given up" if new else "awarded, but its time must be planned by hand"
            kept = (*kept, *new)
        deal = self._move(
            replace(deal, jobs=jobs, slots=kept, ask_until_ms=None, changes=Changes()), DealEvent.WON, text, out
        )
        files = read_call(deal.signed_call.statement).files if deal.signed_call else ()
        out.add(FetchFiles(member=deal.customer, call=deal.call, files=files))
        out.add(Notify(item=Item(id=deal.call, side=Side.PROVIDER, title=text, lines=(), until_ms=None)))

    def _slot_again(
        self, seen: JobSeen, deal: Deal, kept: tuple[Slot, ...], now: Now, world: World
    ) -> tuple[Slot, ...]:
        """The first free time for a job whose slot is not known any more; none where its duration cannot be said."""
        others = [slot for slot in self.slots() if slot not in deal.slots]
        calendar = Calendar([*others, *kept], pause_ms=self._policy.calendar.pause_minutes * MINUTE_MS)
        known = deal.signed_call and read_call(deal.signed_call.statement)
        parameters = known.parameters if known else seen.parameters
        for quote in world.quotes(seen.function, parameters, seen.quantity):
            gap = calendar.gap(
                quote.machine,
                quote.hours,
                work_ms=max(1, quote.duration_ms),
                from_ms=now.wall_ms,
                horizon_ms=now.wall_ms + self._policy.calendar.horizon_days * DAY_MS,
            )
            if gap is not None and not quote.unfit:
                start, end = gap.start_ms, gap.end_ms
                return (Slot(machine=quote.machine, start_ms=start, end_ms=end, proposal=seen.id, stranger=True),)
        return ()

    def _lapse(self, deal: Deal, now: Now, world: World, out: Outbox) -> Deal:
        """Give up the slots of proposals whose time is over."""
        over = {
            offer.id
            for offer in deal.offered
            if world.block_time_ms > offer.until_ms or now.wall_ms > offer.until_ms + LAPSE_GRACE_MS
        }
        left = tuple(slot for slot in deal.slots if slot.proposal not in over)
        if left == deal.slots or world.call_closed(deal.call, deal.customer):
            # Closed in time: the award says whose it is, however late we hear of it.
            return deal
        deal = replace(deal, slots=left)
        if left:
            self._put(deal, out)
            return deal
        return self._move(replace(deal, ask_until_ms=None), DealEvent.LAPSED, "the proposal's time is over", out)

    def _move(self, deal: Deal, event: DealEvent, text: str, out: Outbox) -> Deal:
        state = DEAL.next(deal.state, event)
        assert state is not None, f"{event.value} cannot happen to a deal that is {deal.state.value}"
        deal = replace(deal, state=state, text=text)
        self._put(deal, out)
        out.add(Changed(call=deal.call, side=Side.PROVIDER, state=state.value, text=text))
        return deal

    def _put(self, deal: Deal, out: Outbox) -> None:
        self.deals[deal.call] = deal
        out.keep(DEAL_KIND, deal.call, pack(deal))

    def _item(self, deal: Deal) -> Item:
        lines = deal.decision.lines if deal.decision else ()
        title = "sign this proposal?" if deal.state is DealState.WAITING else "sign a changed proposal?"
        return Item(id=deal.call, side=Side.PROVIDER, title=title, lines=lines, until_ms=deal.ask_until_ms)
