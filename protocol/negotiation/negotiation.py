"""The talk before the award, whole: `handle(input, now, world)` gives effects; `restore` gives the same state back.

Dispatch only: the customer's half is `Customer`, the provider's `Provider`; a node is both. Each step first does
what time has made due, so no rule depends on how punctual the driver wakes it (`next_wake`).

Invariants: kept before sent (the outbox); same inputs, same effects; every wait has a deadline; no refusal without a
reason. Source: SPEC N.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from ledger.canonical import digest
from ledger.errors import LocalError
from ledger.keys import MemberId, SigningKey
from protocol.inputs import Now
from protocol.negotiation.calendar import Slot
from protocol.negotiation.calls import CALL_KIND
from protocol.negotiation.customer import Customer
from protocol.negotiation.deals import DEAL_KIND
from protocol.negotiation.effects import Changed, Effect, Outbox, Side
from protocol.negotiation.inbox import Waiting, waiting
from protocol.negotiation.initiator import Calling
from protocol.negotiation.inputs import (
    Approve,
    Ask,
    Bargain,
    Choose,
    Connected,
    Decline,
    Final,
    Heard,
    Input,
    Recorded,
    Started,
    Tick,
    Unreachable,
    Withdraw,
)
from protocol.negotiation.messages import (
    CallForProposals,
    Counter,
    Message,
    NotUnderstood,
    Propose,
    Refuse,
    Reject,
)
from protocol.negotiation.participant import Deal
from protocol.negotiation.policy import Policy
from protocol.negotiation.provider import Provider
from protocol.negotiation.reasons import Reason
from protocol.negotiation.selection import Ranked
from protocol.negotiation.world import World


class Negotiation:
    """Both halves of one member's node."""

    def __init__(self, *, me: MemberId, network: bytes, signer: SigningKey, policy: Policy) -> None:
        self._customer = Customer(me, network, signer, policy)
        self._provider = Provider(me, network, signer, policy)

    @classmethod
    def restore(
        cls,
        kept: Iterable[tuple[str, bytes, bytes]],
        *,
        me: MemberId,
        network: bytes,
        signer: SigningKey,
        policy: Policy,
    ) -> Negotiation:
        """The state that was kept, as (kind, id, value) in any order; raises `Damaged`."""
        negotiation = cls(me=me, network=network, signer=signer, policy=policy)
        for kind, _, value in kept:
            if kind == CALL_KIND:
                negotiation._customer.restore(value)
            elif kind == DEAL_KIND:
                negotiation._provider.restore(value)
            else:
                raise LocalError(f"the negotiation keeps no {kind}")
        negotiation._customer.in_order()
        negotiation._provider.in_order()
        return negotiation

    def handle(self, given: Input, now: Now, world: World) -> list[Effect]:
        """One atomic step; the effects are to be performed in order."""
        out = Outbox()
        self._customer.sweep(now, world, out)
        self._provider.sweep(now, world, out)
        match given:
            case Ask():
                self._customer.ask(given.request, given.members, given.fresh, now, world, out)
            case Heard():
                self._hear(given.member, given.message, now, world, out)
            case Unreachable():
                self._customer.unreachable(given.member, given.call, now, world, out)
            case Choose() | Approve() | Decline() | Withdraw():
                self._decided(given, now, world, out)
            case Bargain():
                self._customer.bargain(given, now, out)
            case Recorded():
                self._customer.recorded(given.purpose, given.refused, now, world, out)
            case Final():
                self._customer.awarded(given.awards, out)
                self._provider.awarded(given.awards, now, world, out)
                self._provider.ended(given.ended, out)
            case Connected():
                self._reconcile(given.member, now, world, out)
            case Started():
                self._reconcile(None, now, world, out)
                self._customer.submit_again(out)
            case Tick():
                pass
            case _:
                assert_never(given)
        return out.effects()

    def next_wake(self) -> int | None:
        """Wall clock (ms) of the next deadline; None: nothing is awaited."""
        moments = (self._customer.next_wake(), self._provider.next_wake())
        return min((each for each in moments if each is not None), default=None)

    # -- questions

    def inbox(self, now: Now) -> list[Waiting]:
        """What waits for a person, soonest first."""
        return waiting([*self._customer.items(), *self._provider.items()], now)

    def calls(self) -> list[Calling]:
        """The customer's side, oldest first."""
        return list(self._customer.calls.values())

    def deals(self) -> list[Deal]:
        """The provider's side, oldest first."""
        return list(self._provider.deals.values())

    def slots(self) -> list[Slot]:
        """Every machine's promised and booked time, in order of machine and time."""
        return self._provider.slots()

    def ranked(self, call: bytes, now: Now, world: World) -> list[Ranked]:
        """A call's proposals as they would be chosen from now, best first; empty for an unknown call."""
        calling = self._customer.calls.get(call)
        return [] if calling is None else self._customer.ranked(calling, now, world)

    def why(self, id_: bytes) -> list[str]:
        """Why a call or proposal stands where it stands, on whichever side; empty: nothing is known of it."""
        lines: list[str] = []
        for calling in self._customer.calls.values():
            if id_ in (calling.call, *(each.id for each in calling.received)):
                lines += [f"as the customer: {calling.state.value}: {calling.text}", *calling.ranking]
                lines += [f"answer: {reply.text}" for reply in calling.replies]
        for deal in self._provider.deals.values():
            if id_ in (deal.call, *deal.jobs, *(each.id for each in deal.offered)):
                lines.append(f"as the provider: {deal.state.value}: {deal.text}")
                lines += deal.decision.lines if deal.decision else ()
        return lines

    # -- inside

    def _hear(self, member: MemberId, message: Message, now: Now, world: World, out: Outbox) -> None:
        match message:
            case CallForProposals():
                self._provider.hear_call(member, message.statement, now, world, out)
            case Propose():
                self._customer.hear_proposal(member, message.statement, now, world, out)
            case Refuse():
                self._customer.hear_refusal(member, message, now, world, out)
            case Counter():
                self._hear_counter(member, message, now, world, out)
            case Reject():
                # A courtesy, and not binding: the slot stays until the ledger or the time frees it.
                deal = self._provider.deals.get(message.call)
                if deal is not None and deal.customer == member:
                    text = "the customer says it will not award this"
                    out.add(Changed(call=deal.call, side=Side.PROVIDER, state=deal.state.value, text=text))
            case NotUnderstood():
                self._customer.hear_not_understood(member, message, now, world, out)
            case _:
                assert_never(message)

    def _hear_counter(self, member: MemberId, message: Counter, now: Now, world: World, out: Outbox) -> None:
        """Which half it is for, is said by whose call it names; the half checks everything."""
        named = _call_named(message)
        if named in self._customer.calls:
            self._customer.hear_counter(member, message.statement, now, world, out)
        else:
            self._provider.hear_counter(member, message.statement, now, world, out)

    def _decided(self, given: Choose | Approve | Decline | Withdraw, now: Now, world: World, out: Outbox) -> None:
        id_ = given.item if isinstance(given, (Approve, Decline)) else given.call
        calling = self._customer.calls.get(id_)
        deal = self._provider.deals.get(id_)
        match given:
            case Choose() if calling is not None:
                self._customer.choose(calling, given.proposal, now, world, out)
            case Approve() if calling is not None:
                self._customer.choose(calling, None, now, world, out)
            case Approve() if deal is not None:
                self._provider.approve(deal, given.price_total, given.deliver_by_ms, now, world, out)
            case Decline() if calling is not None:
                self._customer.withdraw(calling, given.text, out)
            case Decline() if deal is not None:
                self._provider.decline(deal, given.text, out)
            case Withdraw() if calling is not None:
                self._customer.withdraw(calling, "", out)
            case _:
                out.refuse(Reason.UNKNOWN)

    def _reconcile(self, member: MemberId | None, now: Now, world: World, out: Outbox) -> None:
        self._customer.reconcile(world, out)
        self._provider.reconcile(now, world, out)
        self._customer.resend(member, now, out)
        self._provider.resend(member, now, out)


def _call_named(message: Counter) -> bytes:
    """The call a counter names, or its own id where it names none that can be read."""
    try:
        named = message.statement.content.get("call")
    except ValueError:
        named = None
    return named if isinstance(named, bytes) else digest("counter", message.statement.body)
