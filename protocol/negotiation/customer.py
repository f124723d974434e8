"""What the customer says and hears: calls, counters and withdrawals out; proposals, refusals and counters in.

Only members that were asked are listened to, each as often as the bounds allow; what comes too late gets a reason and
changes nothing (SPEC N-4, N-6).
"""

from __future__ import annotations

from dataclasses import replace

from ledger.canonical import Value
from ledger.errors import LocalError
from ledger.form import Malformed
from ledger.keys import MemberId
from ledger.statement import STATEMENT_BYTES_MAX, Statement, sign_statement
from protocol.inputs import Now
from protocol.negotiation.authenticity import Fault, check_intent, check_proposal
from protocol.negotiation.calls import CALL_KIND, Calls, lines_of
from protocol.negotiation.contents import CALL, COUNTER, NONCE_BYTES, Changes, read_call, read_intent
from protocol.negotiation.effects import Changed, Outbox, Send, Side
from protocol.negotiation.initiator import CALL_TABLE, OPEN, CallEvent, Calling, CallState, Received, Reply, Wish
from protocol.negotiation.inputs import Bargain, JobRequest
from protocol.negotiation.limits import (
    ASKED_MAX,
    CALLS_MAX,
    HOUR_MS,
    PROPOSALS_PER_MEMBER_MAX,
    REPLY_AHEAD_MS_MAX,
    ROUNDS_MAX,
)
from protocol.negotiation.messages import CallForProposals, Counter, NotUnderstood, Refuse, Reject
from protocol.negotiation.participant import Signed
from protocol.negotiation.policy import Decide
from protocol.negotiation.reasons import SENTENCES, Reason
from protocol.negotiation.world import World


class Customer(Calls):
    """The conversation: everything up to the award."""

    # -- orders of the owner

    def ask(
        self, request: JobRequest, members: tuple[MemberId, ...], fresh: bytes, now: Now, world: World, out: Outbox
    ) -> None:
        """Make the call, keep it, send it."""
        asked = tuple(each for each in dict.fromkeys(members) if each != self._me and world.is_member(each))
        asked = asked[: min(ASKED_MAX, self._policy.buy.asked_max)]
        if not asked:
            out.refuse(Reason.NO_OFFER, "nobody is known who could make this")
            return
        if not self._make_room(out):
            out.refuse(Reason.BUSY)
            return
        buy = self._policy.buy
        automatic = buy.decide is Decide.AUTOMATIC if request.automatic is None else request.automatic
        wait_ms = buy.reply_seconds * 1000 if automatic else buy.reply_hours * HOUR_MS
        reply_by_ms = min(request.reply_by_ms or now.wall_ms + wait_ms, request.deliver_by_ms)
        if not now.wall_ms < reply_by_ms <= now.wall_ms + REPLY_AHEAD_MS_MAX:
            out.refuse(Reason.TOO_LATE, "the answers are due in the past, or more than 90 days ahead")
            return
        try:
            statement = sign_statement(CALL, self._content(request, automatic, reply_by_ms, fresh), self._signer)
            if len(statement.body) > STATEMENT_BYTES_MAX:
                raise Malformed("", f"the call has {len(statement.body)} bytes, at most {STATEMENT_BYTES_MAX} travel")
            call = read_call(statement)
        except (Malformed, LocalError) as problem:
            out.refuse(Reason.MALFORMED, str(problem))
            return
        calling = Calling(
            call=call.id,
            signed=Signed.of(statement),
            state=CallState.COLLECTING,
            automatic=automatic,
            budget=request.budget,
            asked=asked,
            made_ms=now.wall_ms,
            reply_by_ms=reply_by_ms,
            text=f"{len(asked)} asked",
        )
        self._put(calling, out)
        out.add(Changed(call=call.id, side=Side.CUSTOMER, state=calling.state.value, text=calling.text))
        for member in asked:
            out.add(Send(to=member, message=CallForProposals(statement=statement)))

    def choose(self, calling: Calling, proposal: bytes | None, now: Now, world: World, out: Outbox) -> None:
        """Award `proposal`, or the best one (None)."""
        if CALL_TABLE.next(calling.state, CallEvent.CHOSEN) is None:
            out.refuse(Reason.CLOSED, f"this call is {calling.state.value}: {calling.text}")
            return
        ranked = self.ranked(calling, now, world)
        fit = [each for each in ranked if proposal in (None, each.candidate.proposal.id)]
        if not fit:
            out.refuse(Reason.UNKNOWN, "no such proposal waits here")
            return
        chosen = fit[0].candidate.proposal
        if chosen.until_ms < max(now.wall_ms, world.block_time_ms):
            out.refuse(Reason.TOO_LATE, "this proposal's time is over")
            return
        self._award(replace(calling, ranking=lines_of(ranked)), chosen.id, CallEvent.CHOSEN, out)

    def bargain(self, order: Bargain, now: Now, out: Outbox) -> None:
        """Ask one provider to propose differently."""
        calling = self.calls.get(order.call)
        if calling is None or order.member not in calling.asked:
            out.refuse(Reason.UNKNOWN)
            return
        if CALL_TABLE.next(calling.state, CallEvent.BARGAINED) is None:
            out.refuse(Reason.CLOSED, f"this call is {calling.state.value}")
            return
        rounds = [wish.round for wish in calling.wishes if wish.member == order.member]
        rounds += [reply.round for reply in calling.replies if reply.member == order.member]
        number = max(rounds, default=0) + 1
        if number > ROUNDS_MAX:
            out.refuse(Reason.REPEATED)
            return
        wished = {
            "deliver_by": order.changes.deliver_by_ms,
            "note": order.note or None,
            "price": order.changes.price_total,
            "quantity": order.changes.quantity,
        }
        content: dict[str, Value] = {
            "call": calling.call,
            "from": self._me,
            "network": self._network,
            "nonce": order.fresh[:NONCE_BYTES],
            "round": number,
            "to": order.member,
            **{name: value for name, value in wished.items() if value is not None},
        }
        try:
            statement = sign_statement(COUNTER, content, self._signer)
            read_intent(statement)
        except (Malformed, LocalError) as problem:
            out.refuse(Reason.MALFORMED, str(problem))
            return
        wish = Wish(member=order.member, round=number, changes=order.changes, signed=Signed.of(statement))
        calling = replace(
            calling,
            wishes=(*(each for each in calling.wishes if each.member != order.member), wish),
            replies=tuple(each for each in calling.replies if each.member != order.member),
        )
        self._move(calling, CallEvent.BARGAINED, f"a counter was sent, round {number}", out)
        out.add(Send(to=order.member, message=Counter(statement=statement)))

    def withdraw(self, calling: Calling, text: str, out: Outbox) -> None:
        """Take the call back; those who proposed are told, though it frees nothing before their time."""
        if CALL_TABLE.next(calling.state, CallEvent.WITHDRAWN) is None:
            out.refuse(Reason.CLOSED, f"this call is {calling.state.value}: {calling.text}")
            return
        self._move(calling, CallEvent.WITHDRAWN, text or "the customer took the call back", out)
        for received in calling.received:
            self._reject(calling, received.id, received.provider, "the call was taken back", out)

    # -- what is heard

    def hear_proposal(self, sender: MemberId, statement: Statement, now: Now, world: World, out: Outbox) -> None:
        """A proposal: kept, weighed when the wait is over."""
        proposal = check_proposal(statement, sender, self._network, world)
        if isinstance(proposal, Fault):
            self._not_understood(sender, statement.id, proposal.reason, proposal.text, out)
            return
        calling = self.calls.get(proposal.call)
        if calling is None or sender not in calling.asked or proposal.customer != self._me:
            self._not_understood(sender, proposal.id, Reason.UNKNOWN, "", out)
            return
        if any(each.id == proposal.id for each in calling.received):
            return
        if calling.state not in OPEN:
            self._reject(calling, proposal.id, sender, f"the call is {calling.state.value}", out)
            return
        if sum(each.provider == sender for each in calling.received) >= PROPOSALS_PER_MEMBER_MAX:
            self._not_understood(sender, proposal.id, Reason.REPEATED, "", out)
            return
        received = Received(id=proposal.id, provider=sender, until_ms=proposal.until_ms, signed=Signed.of(statement))
        calling = replace(calling, received=(*calling.received, received))
        self._replied(calling, Reply(member=sender, reason=Reason.FINE, text="proposed"), now, world, out)

    def hear_refusal(self, sender: MemberId, message: Refuse, now: Now, world: World, out: Outbox) -> None:
        """A provider said no to the call or to a counter."""
        calling = self._asked(sender, message.call)
        if calling is None:
            return
        before = _reply_of(calling, sender)
        proposed = any(each.provider == sender for each in calling.received)
        if proposed and before is not None:
            # A proposal binds whatever is said after it; a refusal can only answer a counter that is open.
            return
        self._replied(calling, Reply(member=sender, reason=message.reason, text=message.text), now, world, out)

    def hear_not_understood(
        self, sender: MemberId, message: NotUnderstood, now: Now, world: World, out: Outbox
    ) -> None:
        """A provider could not read the call."""
        calling = self._asked(sender, message.about)
        if calling is not None and _reply_of(calling, sender) is None:
            self._replied(calling, Reply(member=sender, reason=message.reason, text=message.text), now, world, out)

    def hear_counter(self, sender: MemberId, statement: Statement, now: Now, world: World, out: Outbox) -> None:
        """A provider says what it could do instead: a person may counter with just that."""
        intent = check_intent(statement, sender, self._me, self._network, world)
        if isinstance(intent, Fault):
            self._not_understood(sender, statement.id, intent.reason, intent.text, out)
            return
        calling = self._asked(sender, intent.call)
        if calling is None or any(each.provider == sender for each in calling.received):
            return
        before = _reply_of(calling, sender)
        if before is not None and before.round >= intent.round:
            return
        reply = Reply(
            member=sender,
            reason=Reason.TOO_SOON if intent.changes.deliver_by_ms else Reason.DIFFERENT,
            text=_wish_text(intent.changes),
            round=intent.round,
            changes=intent.changes,
        )
        self._replied(calling, reply, now, world, out)

    def unreachable(self, member: MemberId, call: bytes, now: Now, world: World, out: Outbox) -> None:
        """The call could not be brought; that stands until the member is there, or answers."""
        calling = self._asked(member, call)
        if calling is not None and _reply_of(calling, member) is None:
            text = SENTENCES[Reason.UNREACHABLE]
            self._replied(calling, Reply(member=member, reason=Reason.UNREACHABLE, text=text), now, world, out)

    def resend(self, member: MemberId | None, now: Now, out: Outbox) -> None:
        """Call again those who have not answered; None: all of them, and `member` counts as reached."""
        for calling in list(self.calls.values()):
            if calling.state not in (CallState.COLLECTING, CallState.CHOOSING):
                continue
            wishes = {wish.member: wish for wish in calling.wishes}
            # Who was away may still propose while a person chooses, as long as the call says so.
            wanted = calling.state is CallState.COLLECTING or now.wall_ms <= calling.reply_by_ms
            for each in calling.asked:
                reply = _reply_of(calling, each)
                if member not in (None, each) or (reply is not None and reply.reason is not Reason.UNREACHABLE):
                    continue
                if member is not None and reply is not None and wanted:
                    left = tuple(other for other in calling.replies if other != reply)
                    calling = self._count(replace(calling, replies=left), out)
                if each in wishes:
                    out.add(Send(to=each, message=Counter(statement=wishes[each].signed.statement)))
                elif wanted:
                    out.add(Send(to=each, message=CallForProposals(statement=calling.signed.statement)))

    # -- inside

    def _content(self, request: JobRequest, automatic: bool, reply_by_ms: int, fresh: bytes) -> dict[str, Value]:
        where = request.where
        named: dict[str, Value] = {
            "arbiters": list(request.arbiters),
            "asset": request.asset,
            "budget": [line.to_value() for line in request.budget] if request.tell_budget else None,
            "design": request.design,
            "files": [{"bytes": each.size_bytes, "hash": each.hash, "name": each.name} for each in request.files],
            "part": request.part,
            "where": None if where is None else where.to_value(),
        }
        return {
            "automatic": automatic,
            "customer": self._me,
            "deliver_by": request.deliver_by_ms,
            "function": request.function,
            "network": self._network,
            "nonce": fresh[:NONCE_BYTES],
            "parameters": dict(request.parameters),
            "quantity": request.quantity,
            "reply_by": reply_by_ms,
            **{name: value for name, value in named.items() if value},
        }

    def _make_room(self, out: Outbox) -> bool:
        if len(self.calls) < CALLS_MAX:
            return True
        for call, calling in self.calls.items():
            if calling.state not in OPEN:
                del self.calls[call]
                out.keep(CALL_KIND, call, None)
                return True
        return False

    def _asked(self, sender: MemberId, call: bytes) -> Calling | None:
        """The call, if it still listens to `sender`."""
        calling = self.calls.get(call)
        if calling is None or sender not in calling.asked or calling.state not in OPEN:
            return None
        return calling

    def _replied(self, calling: Calling, reply: Reply, now: Now, world: World, out: Outbox) -> None:
        replies = (*(each for each in calling.replies if each.member != reply.member), reply)
        calling = self._count(replace(calling, replies=replies), out)
        if calling.state is not CallState.COLLECTING or len(replies) < len(calling.asked):
            return
        if calling.received or all(each.reason is not Reason.UNREACHABLE for each in replies):
            self.close(calling, now, world, out)

    def _count(self, calling: Calling, out: Outbox) -> Calling:
        """Keep the call and say how many have answered; who was not reached has not."""
        missed = sum(each.reason is Reason.UNREACHABLE for each in calling.replies)
        text = f"{len(calling.replies) - missed} of {len(calling.asked)} have answered"
        return self._move(calling, CallEvent.ANSWERED, text + (f", {missed} not reached yet" if missed else ""), out)

    def _reject(self, calling: Calling, proposal: bytes, member: MemberId, text: str, out: Outbox) -> None:
        out.add(Send(to=member, message=Reject(call=calling.call, proposal=proposal, text=text)))

    def _not_understood(self, member: MemberId, about: bytes, reason: Reason, text: str, out: Outbox) -> None:
        message = NotUnderstood(about=about, reason=reason, text=text or SENTENCES[reason])
        out.add(Send(to=member, message=message))


def _reply_of(calling: Calling, member: MemberId) -> Reply | None:
    return next((each for each in calling.replies if each.member == member), None)


def _wish_text(changes: Changes) -> str:
    parts = {
        "a total of": changes.price_total,
        "delivery by (ms)": changes.deliver_by_ms,
        "pieces:": changes.quantity,
    }
    return "would need " + ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
