"""The customer's calls: where they are kept, how one is chosen and given to the ledger, and what the ledger makes of
it.

One award is under way at a time. When the ledger refuses it or its time goes by, the next best that still stands is
tried, as often as the policy allows; a person is asked again where a person decides (SPEC N-7, N-8). A job that is
on the ledger is the truth, whoever submitted it.

Not here: what is said to the providers (`customer`).
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable
from dataclasses import replace

from ledger.canonical import digest
from ledger.errors import Reason as EntryReason
from ledger.keys import MemberId, SigningKey
from ledger.names import Kind, short
from ledger.operations.work_terms import Proposal, read_proposal
from protocol.capability.places import Place, distance_km
from protocol.inputs import Now
from protocol.negotiation.contents import Changes, read_call, total
from protocol.negotiation.effects import Changed, Item, Notify, Outbox, Side, Submit
from protocol.negotiation.initiator import CALL_TABLE, OPEN, CallEvent, Calling, CallState, Received, Try
from protocol.negotiation.inputs import AwardedJob
from protocol.negotiation.limits import AWARD_MARGIN_MS, LAPSE_GRACE_MS
from protocol.negotiation.policy import Policy
from protocol.negotiation.reasons import SENTENCES, Reason
from protocol.negotiation.record import pack, unpack
from protocol.negotiation.selection import Candidate, Ranked, flaw, rank
from protocol.negotiation.world import World

CALL_KIND = "call"
_LAPSED = str(EntryReason.LAPSED)


class Calls:
    """All calls of this node, by id."""

    def __init__(self, me: MemberId, network: bytes, signer: SigningKey, policy: Policy) -> None:
        self._me = me
        self._network = network
        self._signer = signer
        self._policy = policy
        self.calls: dict[bytes, Calling] = {}

    def restore(self, value: bytes) -> None:
        """Take a kept call back."""
        calling = unpack(Calling, value)
        self.calls[calling.call] = calling

    def in_order(self) -> None:
        """Oldest first, as they were made."""
        self.calls = dict(sorted(self.calls.items(), key=lambda each: (each[1].made_ms, each[0])))

    # -- choosing

    def ranked(self, calling: Calling, now: Now, world: World) -> list[Ranked]:
        """Every proposal that was not tried yet, best first."""
        call = read_call(calling.signed.statement)
        tried = {each.proposal for each in calling.tries}
        wishes = {wish.member: wish.changes for wish in calling.wishes}
        now_ms = max(now.wall_ms, world.block_time_ms)
        candidates: list[Candidate] = []
        for received in calling.received:
            if received.id in tried:
                continue
            proposal = read_proposal(received.signed.statement)
            changes = wishes.get(proposal.provider, Changes())
            found = self._flaw(calling, changes, proposal, now_ms, world)
            if found is not None and changes != Changes():
                # The first proposal of a member still answers the call as it was made.
                found = self._flaw(calling, Changes(), proposal, now_ms, world)
            candidates.append(
                Candidate(
                    proposal=proposal,
                    distance_km=_distance_km(call.where, world.place_of(proposal.provider)),
                    standing=world.standing(proposal.provider),
                    flaw=found,
                )
            )
        return rank(self._policy.buy, candidates, now.wall_ms)

    def _flaw(self, calling: Calling, changes: Changes, proposal: Proposal, now_ms: int, world: World) -> Reason | None:
        call = read_call(calling.signed.statement)
        one = total(proposal.price)
        free = world.free_credit(self._me, one[0]) if one else 0
        return flaw(self._policy.buy, call, changes, calling.budget, proposal, now_ms, free)

    def close(self, calling: Calling, now: Now, world: World, out: Outbox) -> None:
        """The wait is over: award, ask, or say why not."""
        real = [reply for reply in calling.replies if reply.reason not in (Reason.SILENT, Reason.UNREACHABLE)]
        if not calling.received:
            if real:
                self._move(calling, CallEvent.NONE_FIT, self._nobody(calling), out)
            else:
                asked = len(calling.asked)
                text = f"nobody answered: {asked} asked" if asked > 1 else "the one member asked did not answer"
                self._move(calling, CallEvent.SILENCE, text, out)
            return
        ranked = self.ranked(calling, now, world)
        calling = replace(calling, ranking=lines_of(ranked))
        if not calling.automatic:
            self._ask(calling, "choose a proposal", out)
            return
        best = ranked[0].candidate
        if best.flaw is None and self._alone(best.proposal):
            self._award(calling, best.proposal.id, CallEvent.CHOSEN, out)
        elif best.flaw is None:
            self._ask(calling, f"the best is {SENTENCES[Reason.VALUE]}", out)
        elif any(each.candidate.flaw is Reason.IN_KIND for each in ranked):
            self._ask(calling, SENTENCES[Reason.IN_KIND], out)
        else:
            self._move(calling, CallEvent.NONE_FIT, self._nobody(calling, ranked), out)

    def _alone(self, proposal: Proposal) -> bool:
        """Whether the policy may award this without a person."""
        one = total(proposal.price)
        return one is not None and one[1] <= self._policy.buy.ask_above_value

    def _nobody(self, calling: Calling, ranked: Iterable[Ranked] = ()) -> str:
        """Why there is nothing to award, counted by reason."""
        causes = Tally(SENTENCES[reply.reason] for reply in calling.replies if reply.reason is not Reason.FINE)
        causes.update(f"left out: {SENTENCES[each.candidate.flaw]}" for each in ranked if each.candidate.flaw)
        silent = len(calling.asked) - len(calling.replies)
        if silent:
            causes[SENTENCES[Reason.SILENT]] += silent
        return f"nothing to award, {len(calling.asked)} asked: " + ", ".join(
            f"{count} x {cause}" for cause, count in causes.items()
        )

    def _ask(self, calling: Calling, text: str, out: Outbox) -> None:
        calling = self._move(calling, CallEvent.ASKS, text, out)
        out.add(Notify(item=self._item(calling)))

    def _award(self, calling: Calling, proposal: bytes, event: CallEvent, out: Outbox) -> None:
        received = _received(calling, proposal)
        attempt = Try(
            proposal=proposal, purpose=digest("award-try", calling.call, proposal, bytes([len(calling.tries)]))
        )
        calling = replace(calling, tries=(*calling.tries, attempt))
        self._move(calling, event, f"awarding {short(Kind.JOB, proposal)}", out)
        self._submit(attempt, received, out)

    def _submit(self, attempt: Try, received: Received, out: Outbox) -> None:
        operation = {"proposals": [received.signed.statement.to_value()], "t": "work.award/1"}
        out.add(Submit(purpose=attempt.purpose, operation=operation, until_ms=received.until_ms))

    # -- what the ledger says

    def recorded(self, purpose: bytes, refused: str | None, now: Now, world: World, out: Outbox) -> None:
        """What became of an award."""
        for calling in list(self.calls.values()):
            if any(each.purpose == purpose and each.refused is None for each in calling.tries):
                proposal = next(each.proposal for each in calling.tries if each.purpose == purpose)
                if refused is None:
                    self._found(calling, proposal, out)
                else:
                    self._refused(calling, refused, now, world, out)
                return

    def awarded(self, jobs: Iterable[AwardedJob], out: Outbox) -> None:
        """Final awards of this customer, by whichever of its machines."""
        for job in jobs:
            calling = self.calls.get(job.call)
            if calling is not None and job.customer == self._me:
                self._found(calling, job.job, out)

    def reconcile(self, world: World, out: Outbox) -> None:
        """Find the jobs that became final while nobody looked (SPEC N-19)."""
        for calling in list(self.calls.values()):
            self._find(calling, world, out)

    def submit_again(self, out: Outbox) -> None:
        """After a start: the award under way, once more; the same purpose is the same entry."""
        for calling in self.calls.values():
            if calling.state is CallState.AWARDING:
                attempt = calling.tries[-1]
                self._submit(attempt, _received(calling, attempt.proposal), out)

    def _find(self, calling: Calling, world: World, out: Outbox) -> bool:
        """Whether one of its proposals is a job already."""
        if calling.state is CallState.AWARDED:
            return True
        for received in calling.received:
            job = world.job(received.id)
            if job is not None and job.customer == self._me:
                self._found(calling, received.id, out)
                return True
        return False

    def _found(self, calling: Calling, job: bytes, out: Outbox) -> None:
        if job in calling.jobs:
            return
        calling = replace(calling, jobs=(*calling.jobs, job))
        if calling.state is CallState.AWARDED:
            self._put(calling, out)
            return
        self._move(calling, CallEvent.FOUND, f"awarded: {short(Kind.JOB, job)}", out)

    def _refused(self, calling: Calling, code: str, now: Now, world: World, out: Outbox) -> None:
        """The award under way cannot become final: the next best, a person, or the end."""
        if calling.state is not CallState.AWARDING or self._find(calling, world, out):
            return
        calling = replace(calling, tries=(*calling.tries[:-1], replace(calling.tries[-1], refused=code)))
        now_ms = max(now.wall_ms, world.block_time_ms)
        ranked = [each for each in self.ranked(calling, now, world) if each.candidate.proposal.until_ms >= now_ms]
        calling = replace(calling, ranking=(*calling.ranking, _said_of(code), *lines_of(ranked)))
        best = ranked[0].candidate if ranked else None
        if best is not None and not (calling.automatic and self._alone(best.proposal)):
            self._ask(calling, f"{_said_of(code)}; choose another", out)
        elif best is not None and best.flaw is None and len(calling.tries) < self._policy.buy.tries:
            self._award(calling, best.proposal.id, CallEvent.NEXT, out)
        else:
            self._move(calling, CallEvent.EXPIRED, _said_of(code), out)

    # -- time and order

    def sweep(self, now: Now, world: World, out: Outbox) -> None:
        """What fell due by now."""
        now_ms = max(now.wall_ms, world.block_time_ms)
        for calling in [calling for calling in self.calls.values() if calling.state in OPEN]:
            match calling.state:
                case CallState.COLLECTING if now.wall_ms >= _collect_until(calling):
                    self.close(calling, now, world, out)
                case CallState.CHOOSING if now_ms > _stands_until(calling):
                    self._move(calling, CallEvent.EXPIRED, "nobody chose while the proposals stood", out)
                case CallState.AWARDING:
                    until_ms = _received(calling, calling.tries[-1].proposal).until_ms
                    if world.block_time_ms > until_ms or now.wall_ms > until_ms + LAPSE_GRACE_MS:
                        self._refused(calling, _LAPSED, now, world, out)
                case _:
                    pass

    def next_wake(self) -> int | None:
        """When `sweep` has something to do by the wall clock."""
        moments: list[int] = []
        for calling in self.calls.values():
            if calling.state is CallState.COLLECTING:
                moments.append(_collect_until(calling))
            elif calling.state is CallState.CHOOSING:
                moments.append(_stands_until(calling) + 1)
            elif calling.state is CallState.AWARDING:
                until_ms = _received(calling, calling.tries[-1].proposal).until_ms
                moments.append(until_ms + LAPSE_GRACE_MS + 1)
        return min(moments, default=None)

    def items(self) -> list[Item]:
        """What waits for a person: a choice, already while proposals still come in."""
        return [
            self._item(calling)
            for calling in self.calls.values()
            if calling.state is CallState.CHOOSING
            or (calling.state is CallState.COLLECTING and not calling.automatic and calling.received)
        ]

    # -- inside

    def _item(self, calling: Calling) -> Item:
        count = len(calling.received) - len(calling.tries)
        until_ms = _stands_until(calling)
        title = f"award one of {count} proposals?" if count > 1 else "award this proposal?"
        return Item(
            id=calling.call,
            side=Side.CUSTOMER,
            title=title,
            lines=calling.ranking or (calling.text,),
            until_ms=until_ms,
        )

    def _move(self, calling: Calling, event: CallEvent, text: str, out: Outbox) -> Calling:
        state = CALL_TABLE.next(calling.state, event)
        assert state is not None, f"{event.value} cannot happen to a call that is {calling.state.value}"
        calling = replace(calling, state=state, text=text)
        self._put(calling, out)
        out.add(Changed(call=calling.call, side=Side.CUSTOMER, state=state.value, text=text))
        return calling

    def _put(self, calling: Calling, out: Outbox) -> None:
        self.calls[calling.call] = calling
        out.keep(CALL_KIND, calling.call, pack(calling))


def _distance_km(one: Place | None, other: Place | None) -> int | None:
    return None if one is None or other is None else distance_km(one, other)


def _received(calling: Calling, proposal: bytes) -> Received:
    return next(each for each in calling.received if each.id == proposal)


def _collect_until(calling: Calling) -> int:
    """Reply-by; the policy does not wait until the offers it holds have lapsed."""
    if not calling.automatic:
        return calling.reply_by_ms
    return min([calling.reply_by_ms, *(each.until_ms - AWARD_MARGIN_MS for each in calling.received)])


def _said_of(code: str) -> str:
    """Why there is no job, of an award with this refusal's code."""
    return "the award came into no block in time" if code == _LAPSED else f"{SENTENCES[Reason.LEDGER]}: {code}"


def _stands_until(calling: Calling) -> int:
    """When the last proposal that could be chosen lapses."""
    tried = {each.proposal for each in calling.tries}
    return max((each.until_ms for each in calling.received if each.id not in tried), default=calling.reply_by_ms)


def lines_of(ranked: Iterable[Ranked]) -> tuple[str, ...]:
    """How a choice was made, as it is kept: one line per proposal, best first."""
    return tuple(
        f"{number}. {short(Kind.JOB, each.candidate.proposal.id)}"
        f" by {short(Kind.MEMBER, each.candidate.proposal.provider)}: {each.line}"
        for number, each in enumerate(ranked, start=1)
    )
