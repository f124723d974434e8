"""What the provider does at each move of its table: judge, sign, reserve, answer.

What is answered was kept before (the outbox sees to it), and the same call gets the same answer (SPEC N-5, N-15).

Not here: the judgement (`decide`), shapes and signatures (`contents`, `authenticity`), what follows an award (the
ledger).
"""

from __future__ import annotations

from dataclasses import replace
from unicodedata import normalize

from ledger.canonical import INTEGER_MAX, digest
from ledger.keys import MemberId
from ledger.letters import is_plain
from ledger.operations.work_terms import PURPOSE as PROPOSAL
from ledger.operations.work_terms import Terms
from ledger.statement import Statement, sign_statement
from protocol.inputs import Now
from protocol.negotiation.authenticity import Fault, check_call, check_intent
from protocol.negotiation.contents import COUNTER, NONCE_BYTES, Call, Changes, read_call
from protocol.negotiation.deals import DEAL_KIND, Deals
from protocol.negotiation.decide import Matter, decide
from protocol.negotiation.decision import Decision, Draft, Verdict
from protocol.negotiation.effects import Notify, Outbox, Send
from protocol.negotiation.limits import (
    CLOCK_SKEW_MS,
    DAY_MS,
    DEALS_MAX,
    HOUR_MS,
    MINUTE_MS,
    REPLY_AHEAD_MS_MAX,
    TEXT_BYTES_MAX,
)
from protocol.negotiation.messages import Counter, NotUnderstood, Propose, Refuse
from protocol.negotiation.participant import ACTIVE, ASKING, DEAL, PROMISED, Deal, DealEvent, DealState, Offered, Signed
from protocol.negotiation.reasons import SENTENCES, Reason
from protocol.negotiation.world import World


class Provider(Deals):
    """The conversation: everything up to the award."""

    # -- what is heard

    def hear_call(self, sender: MemberId, statement: Statement, now: Now, world: World, out: Outbox) -> None:
        """A call for proposals: answered at once, or put before a person."""
        call = check_call(statement, sender, self._network, world)
        if isinstance(call, Fault):
            out.add(Send(to=sender, message=NotUnderstood(about=statement.id, reason=call.reason, text=call.text)))
            return
        known = self.deals.get(call.id)
        if known is not None:
            self._answer_again(known, out)
            return
        reason = self._not_taken(call, now, world)
        if reason is not None or not self._make_room(now, out):
            self._brush_off(call, reason or Reason.BUSY, out)
            return
        deal = Deal(
            call=call.id,
            customer=call.customer,
            state=DealState.HEARD,
            heard_ms=now.wall_ms,
            reply_by_ms=call.reply_by_ms,
            signed_call=Signed.of(statement),
        )
        decision = self._judge(deal, call, Changes(), now, world)
        if decision.reason in (Reason.RATE, Reason.BUSY):
            # Not remembered: who calls too often must not fill the memory, and may call again later.
            self._brush_off(call, decision.reason, out)
            return
        match decision.verdict:
            case Verdict.PASS:
                self._propose(deal, DealEvent.FITS, call, decision, out)
            case Verdict.ASK:
                self._ask(deal, DealEvent.ASKS, decision, Changes(), now, out)
            case Verdict.REFUSE:
                self._refuse_call(deal, decision, out)

    def hear_counter(self, sender: MemberId, statement: Statement, now: Now, world: World, out: Outbox) -> None:
        """A customer's wish to be proposed to differently: judged like a call, with its changes (SPEC N-22)."""
        intent = check_intent(statement, sender, self._me, self._network, world)
        if isinstance(intent, Fault):
            out.add(Send(to=sender, message=NotUnderstood(about=statement.id, reason=intent.reason, text=intent.text)))
            return
        deal = self.deals.get(intent.call)
        if deal is None or deal.customer != sender or deal.signed_call is None:
            out.add(Send(to=sender, message=_refusal(intent.call, Reason.UNKNOWN)))
            return
        if intent.round <= deal.rounds:
            self._answer_again(deal, out)
            return
        if DEAL.next(deal.state, DealEvent.COUNTER_FAILS) is None:
            out.add(Send(to=sender, message=_refusal(intent.call, Reason.CLOSED)))
            return
        if now.wall_ms > deal.reply_by_ms + CLOCK_SKEW_MS and deal.state not in PROMISED:
            out.add(Send(to=sender, message=_refusal(intent.call, Reason.TOO_LATE)))
            return
        call = read_call(deal.signed_call.statement)
        deal = replace(deal, rounds=intent.round)
        decision = self._judge(deal, call, intent.changes, now, world)
        match decision.verdict:
            case Verdict.PASS:
                self._propose(deal, DealEvent.COUNTER_FITS, call, decision, out)
            case Verdict.ASK:
                self._ask(deal, DealEvent.COUNTER_ASKS, decision, intent.changes, now, out)
            case Verdict.REFUSE:
                deal = deal if deal.state in ASKING else replace(deal, decision=decision)
                self._say_no(deal, DealEvent.COUNTER_FAILS, decision.reason, "", out)

    # -- what a person says

    def approve(
        self, deal: Deal, price_total: int | None, deliver_by_ms: int | None, now: Now, world: World, out: Outbox
    ) -> None:
        """A person signs: judged again, since time has passed; what refuses now still refuses."""
        if deal.state not in ASKING or deal.signed_call is None:
            out.refuse(Reason.UNKNOWN, "this does not wait for you any more")
            return
        if not 0 <= (price_total or 0) <= INTEGER_MAX or (deliver_by_ms is not None and deliver_by_ms < now.wall_ms):
            out.refuse(Reason.LIMITS, "a price is a whole amount, and a date lies ahead")
            return
        call = read_call(deal.signed_call.statement)
        matter = Matter(
            call=call,
            changes=deal.changes,
            approved=True,
            set_price_total=price_total,
            set_deliver_by_ms=deliver_by_ms,
        )
        decision = decide(matter, self._policy, self._me, self._calendar(), now, world)
        if decision.verdict is not Verdict.PASS:
            out.refuse(decision.reason)
            return
        self._propose(deal, DealEvent.APPROVED, call, decision, out)

    def decline(self, deal: Deal, text: str, out: Outbox) -> None:
        """A person says no."""
        if deal.state not in ASKING:
            out.refuse(Reason.UNKNOWN, "this does not wait for you any more")
            return
        self._say_no(deal, DealEvent.DECLINED, Reason.DECLINED, text, out)

    # -- time

    def sweep(self, now: Now, world: World, out: Outbox) -> None:
        """What lapsed or fell due by now."""
        for deal in [deal for deal in self.deals.values() if deal.state in ASKING | PROMISED]:
            if deal.state in PROMISED:
                deal = self._lapse(deal, now, world, out)
            if deal.state in ASKING and deal.ask_until_ms is not None and now.wall_ms > deal.ask_until_ms:
                self._say_no(deal, DealEvent.OVERDUE, Reason.SILENT, "", out)

    # -- inside

    def _not_taken(self, call: Call, now: Now, world: World) -> Reason | None:
        """Why a well-signed call is not even judged."""
        if call.customer == self._me:
            return Reason.NOT_YOURS
        if world.call_closed(call.id, call.customer):
            return Reason.CLOSED
        if now.wall_ms > call.reply_by_ms + CLOCK_SKEW_MS or now.wall_ms > call.deliver_by_ms:
            return Reason.TOO_LATE
        if call.reply_by_ms > now.wall_ms + REPLY_AHEAD_MS_MAX:
            return Reason.LIMITS
        return None

    def _make_room(self, now: Now, out: Outbox) -> bool:
        """Forget the oldest deal that can no longer be called again; False: everything still matters."""
        if len(self.deals) < DEALS_MAX:
            return True
        for call, deal in self.deals.items():
            if deal.state not in ACTIVE and now.wall_ms > deal.reply_by_ms + CLOCK_SKEW_MS:
                del self.deals[call]
                out.keep(DEAL_KIND, call, None)
                return True
        return False

    def _brush_off(self, call: Call, reason: Reason, out: Outbox) -> None:
        out.add(Send(to=call.customer, message=_refusal(call.id, reason)))

    def _judge(self, deal: Deal, call: Call, changes: Changes, now: Now, world: World) -> Decision:
        others = [each for each in self.deals.values() if each.customer == deal.customer and each.call != deal.call]
        matter = Matter(
            call=call,
            changes=changes,
            calls_last_hour=sum(now.wall_ms - HOUR_MS < each.heard_ms for each in others),
            calls_open=sum(each.state in ASKING | PROMISED for each in others),
        )
        return decide(matter, self._policy, self._me, self._calendar(), now, world)

    def _propose(self, deal: Deal, event: DealEvent, call: Call, decision: Decision, out: Outbox) -> None:
        draft = decision.draft
        assert draft is not None, "a decision that passes has a draft"
        statement = self._sign(call, draft, len(deal.offered))
        offer = Offered(id=statement.id, until_ms=draft.until_ms, signed=Signed.of(statement))
        deal = replace(
            deal,
            offered=(*deal.offered, offer),
            slots=(*deal.slots, draft.slot(statement.id)),
            decision=decision,
            changes=Changes(),
            ask_until_ms=None,
        )
        deal = self._answered(deal, Propose(statement=statement))
        self._move(deal, event, f"proposed; stands until {draft.until_ms}", out)
        self._answer_again(deal, out)

    def _sign(self, call: Call, draft: Draft, count: int) -> Statement:
        keys = self._policy.terms
        terms = Terms(
            inspection_ms=keys.inspection_days * DAY_MS,
            void_after_ms=keys.void_after_hours * HOUR_MS,
            cancel_awarded_bp=keys.cancel_awarded_bp,
            cancel_started_bp=keys.cancel_started_bp,
            cancel_delivered_bp=keys.cancel_delivered_bp,
            silence_ms=keys.silence_days * DAY_MS,
            silence_split_bp=keys.silence_split_bp,
        )
        named = {"asset": call.asset, "design": call.design, "part": call.part}
        content = {
            "arbiters": list(draft.arbiters),
            "call": call.id,
            "customer": call.customer,
            "deliver_by": draft.deliver_by_ms,
            "function": call.function,
            "network": self._network,
            # No dice: the same call, count and time give the same bytes.
            "nonce": digest("proposal-nonce", self._me, call.id, bytes([count]))[:NONCE_BYTES],
            "parameters": dict(call.parameters),
            "price": [line.to_value() for line in draft.price],
            "provider": self._me,
            "quantity": draft.quantity,
            "terms": terms.to_value(),
            "until": draft.until_ms,
            **{name: value for name, value in named.items() if value is not None},
        }
        return sign_statement(PROPOSAL, content, self._signer)

    def _ask(self, deal: Deal, event: DealEvent, decision: Decision, changes: Changes, now: Now, out: Outbox) -> None:
        latest_ms = max([deal.reply_by_ms, *(offer.until_ms for offer in deal.offered)])
        until_ms = min(latest_ms, now.wall_ms + self._policy.sell.wait_minutes * MINUTE_MS)
        deal = replace(deal, decision=decision, changes=changes, ask_until_ms=until_ms)
        deal = self._move(deal, event, f"waits for a person: {SENTENCES[decision.reason]}", out)
        out.add(Notify(item=self._item(deal)))

    def _refuse_call(self, deal: Deal, decision: Decision, out: Outbox) -> None:
        deal = replace(deal, decision=decision)
        if decision.reason is Reason.TOO_SOON and decision.possible_ms is not None and self._policy.due.counter:
            deal = replace(deal, rounds=1)
            content = {
                "call": deal.call,
                "deliver_by": decision.possible_ms,
                "from": self._me,
                "network": self._network,
                "nonce": digest("counter-nonce", self._me, deal.call)[:NONCE_BYTES],
                "round": 1,
                "to": deal.customer,
            }
            deal = self._answered(deal, Counter(statement=sign_statement(COUNTER, content, self._signer)))
            self._move(deal, DealEvent.FAILS, SENTENCES[decision.reason], out)
            self._answer_again(deal, out)
            return
        self._say_no(deal, DealEvent.FAILS, decision.reason, "", out)

    def _say_no(self, deal: Deal, event: DealEvent, reason: Reason, text: str, out: Outbox) -> None:
        if event is not DealEvent.COUNTER_FAILS:
            deal = replace(deal, changes=Changes(), ask_until_ms=None)
        refusal = _refusal(deal.call, reason, text)
        if DEAL.next(deal.state, event) is DealState.REFUSED:
            # Else a proposal stands, or a person is asked: that is the answer to the call, this only to the counter.
            deal = self._answered(deal, refusal)
        self._move(deal, event, refusal.text, out)
        out.add(Send(to=deal.customer, message=refusal))


def _refusal(call: bytes, reason: Reason, text: str = "") -> Refuse:
    """A refusal whose text fits, says something, and cannot move a terminal."""
    plain = "".join(letter for letter in normalize("NFC", text) if is_plain(letter))
    while len(plain.encode()) > TEXT_BYTES_MAX:
        plain = plain[:-1]
    return Refuse(call=call, reason=reason, text=plain or SENTENCES[reason])
