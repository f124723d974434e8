"""The conversation between peers and ledger: machines for members, one entry per purpose.

SPEC P-73, N-5, N-7, N-19.
"""

from __future__ import annotations

from typing import Any

import pytest

from ledger.canonical import digest
from ledger.keys import MemberId
from ledger.queries import credits as credits_of
from protocol.capability.offer_files import CreditName, read_offer
from protocol.conversation import KEPT_SUBMITTED
from protocol.effects import Effect, Final, Keep, KeepPending, Negotiated, Send
from protocol.inputs import Negotiate, Offered, Quiet
from protocol.messages import Talk
from protocol.negotiation import effects as talk
from protocol.negotiation.effects import Submit as TalkSubmit
from protocol.negotiation.initiator import CallState
from protocol.negotiation.inputs import Ask, JobRequest
from tests.protocol.negotiation.stage import AUTOMATIC
from tests.protocol.stand import ANN, BEN, Stand, now, of, profile, said
from tests.simulation.town import DAY_MS, START_MS

FRESH = digest("test-fresh")


class Market:
    """Ann is the bank, the witness and the customer; Ben has a router and answers by his policy."""

    def __init__(self) -> None:
        self.ann = Stand(ANN, policy=AUTOMATIC)
        self.ben = Stand(BEN, policy=AUTOMATIC)
        self.ann.submit({"decimals": 2, "redeemable": "work", "t": "credits.open/1", "unit": "EUR"})
        self.ann.block()
        (credit,) = credits_of(self.ann.core.chain.state)
        issue = {"amount": 50_000, "credit": credit.id, "t": "credits.issue/1", "to": ANN.member}
        self.ann.submit(issue)
        self.ann.block()
        self.deliver_blocks()
        text = (
            'name = "router"\nfunction = "cnc-milling"\nautomatic = true\n[limits]\nmaterial = ["wood"]\n'
            '[time]\nper-piece = "10 min"\n[price]\ncredit = "EUR"\nper-piece = 2\n'
        )
        offer = read_offer(text, "x.toml", self.ben.parts.catalogue, {"EUR": CreditName(id=credit.id, decimals=2)})
        self.ben.parts.offers.offers = {offer.name: offer}
        self.ben.give(Offered(offers=(offer,)))
        self.function = offer.function

    def deliver_blocks(self) -> list[Effect]:
        self.ben.hear(ANN, self.ann.range(self.ben.height + 1))
        return self.ben.give(Quiet())

    def connect(self) -> None:
        self.ann.connect(BEN)
        self.ben.connect(ANN)

    def ask(self, *members: MemberId, token: int = 7) -> list[Effect]:
        request = JobRequest(
            function=self.function,
            parameters={"material": "wood"},
            quantity=2,
            deliver_by_ms=START_MS + 3 * DAY_MS,
            reply_by_ms=START_MS + 60_000,
            automatic=True,
        )
        order = Ask(request=request, members=members or (BEN.member,), fresh=FRESH)
        return self.ann.give(Negotiate(input=order, token=token))

    def carry_talk(self, effects: list[Effect], to: Stand, source: Any) -> list[Effect]:
        done: list[Effect] = []
        for message in said(effects, Talk, to.who):
            done += to.hear(source, message)
        return done

    def call(self) -> Any:
        (call,) = self.ann.core.conversation.negotiation.calls()
        return call


def awarded() -> tuple[Market, list[Effect]]:
    """Up to the award, which is signed and not yet in a block."""
    market = Market()
    market.connect()
    answer = market.carry_talk(market.ask(), market.ben, ANN)
    effects = market.carry_talk(answer, market.ann, BEN)
    return market, effects


def test_a_call_goes_to_a_machine_of_the_member() -> None:
    market = Market()
    market.connect()
    effects = market.ask()
    assert [effect.peer for effect in of(effects, Send) if isinstance(effect.message, Talk)] == [BEN.peer]
    assert all(one.token == 7 for one in of(effects, Negotiated))


def test_a_member_without_a_machine_here_is_told_of_as_unreachable() -> None:
    market = Market()
    effects = market.ask()
    assert not said(effects, Talk)
    assert [reply.text for reply in market.call().replies] == ["not reached yet"]


def test_of_two_machines_the_one_that_came_last_is_spoken_to() -> None:
    market = Market()
    market.connect()
    market.ann.core.conversation.connected(BEN.member, b"laptop", now())
    effects = market.ask()
    assert [effect.peer for effect in of(effects, Send) if isinstance(effect.message, Talk)] == [b"laptop"]
    market.ann.core.conversation.lost(b"laptop")
    assert list(market.ann.core.conversation._machines[BEN.member]) == [BEN.peer]


def test_what_is_said_was_kept_before() -> None:
    market = Market()
    market.connect()
    order = [type(one) for one in market.ask()]
    assert order.index(Keep) < order.index(Send)


def test_the_best_proposal_is_awarded_by_one_entry_whose_purpose_is_kept() -> None:
    market, effects = awarded()
    (kept,) = of(effects, KeepPending)
    assert [entry.name for entry in kept.entries] == ["work.award/1"]
    remembered = [one for one in of(effects, Keep) if one.kind == KEPT_SUBMITTED]
    assert [one.value for one in remembered] == [kept.entries[0].id]
    assert market.call().state is CallState.AWARDING


def test_the_same_purpose_again_is_the_same_entry() -> None:
    market, effects = awarded()
    (purpose,) = [one.id for one in of(effects, Keep) if one.kind == KEPT_SUBMITTED]
    market.ann.core.conversation._want(TalkSubmit(purpose=purpose, operation=profile(), until_ms=START_MS + DAY_MS))
    assert market.ann.core.conversation.next_submission() is None
    assert not of(market.ann.restart(), KeepPending)
    assert len(market.ann.ledger.pool) == 1


def test_a_final_award_ends_the_wait_and_frees_its_purpose() -> None:
    market, _ = awarded()
    effects = market.ann.block()
    assert [one.outcome for one in of(effects, Final)] == [""]
    assert market.call().state is CallState.AWARDED
    assert not market.ann.disk.of_kind(KEPT_SUBMITTED)
    effects = market.deliver_blocks()
    assert {type(one.effect) for one in of(effects, Negotiated)} >= {talk.Changed}
    (deal,) = market.ben.core.conversation.negotiation.deals()
    assert deal.state.value == "booked"


def test_a_power_cut_between_the_block_and_the_word_of_it_loses_nothing() -> None:
    market, _ = awarded()
    ann = market.ann
    effects = ann.core.handle(Quiet(), now())
    commit = next(i for i, one in enumerate(effects) if type(one).__name__ == "Commit")
    for effect in effects[: commit + 1]:
        # The block is on the disk; what `Stored` would have led to is not.
        _only_store(ann, effect)
    assert ann.disk.of_kind(KEPT_SUBMITTED)
    ann.restart()
    assert market.call().state is CallState.AWARDED
    assert not ann.disk.of_kind(KEPT_SUBMITTED)


def _only_store(stand: Stand, effect: Effect) -> None:
    from dpnode.shelf import step_commit
    from dpnode.voting import records_of
    from protocol.effects import Commit, Journal

    match effect:
        case Journal():
            stand.disk.journal += records_of(effect)
        case Commit():
            stand.disk.commit(step_commit(stand.core.chain, effect.step, effect.certificate))
        case _:
            pass


def test_an_award_that_the_ledger_would_refuse_is_never_signed_and_the_reason_is_told() -> None:
    market = Market()
    market.connect()
    answer = market.carry_talk(market.ask(), market.ben, ANN)
    pay = {"amount": 49_900, "credit": credits_of(market.ann.core.chain.state)[0].id, "t": "credits.pay/1"}
    market.ann.submit({**pay, "to": BEN.member})
    effects = market.carry_talk(answer, market.ann, BEN)
    assert not of(effects, KeepPending)
    assert market.call().state in {CallState.REFUSED, CallState.COLLECTING, CallState.LAPSED}
    assert not market.ann.disk.of_kind(KEPT_SUBMITTED)


def test_blocks_without_work_tell_only_the_time() -> None:
    market = Market()
    market.ann.submit(profile())
    effects = market.ann.block()
    assert not [one for one in of(effects, Negotiated) if isinstance(one.effect, talk.Notify)]
    assert market.ann.core.conversation.ledger_moved((), now()) == []


def test_the_end_of_a_job_frees_its_slot() -> None:
    market, _ = awarded()
    market.ann.block()
    market.deliver_blocks()
    (job,) = [key[4:] for key, _ in market.ann.core.chain.state.range(b"job/") if len(key) == 36]
    assert market.ben.core.conversation.negotiation.slots()
    for sequence, operation in enumerate(
        ({"job": job, "t": "work.progress/1"}, {"job": job, "quantity": 2, "t": "work.deliver/1"}), start=1
    ):
        market.ann.hand(BEN, market.ann.entry(BEN, sequence, operation))
    market.ann.block()
    market.ann.submit({"accepted": 2, "job": job, "t": "work.receipt/1"})
    market.ann.block()
    market.deliver_blocks()
    assert not market.ben.core.conversation.negotiation.slots()


@pytest.mark.parametrize("after_ms", [0, 30_000])
def test_it_is_woken_when_the_wait_for_answers_is_over_and_not_before(after_ms: int) -> None:
    market = Market()
    assert market.ann.core.conversation.wake_ms(now()) is None
    market.connect()
    market.ask()
    at = now(after_ms)
    wake_ms = market.ann.core.conversation.wake_ms(at)
    assert wake_ms == now(60_000).monotonic_ms
    assert market.ann.core.conversation.tick(at) == []
    market.ann.tick(60_001)
    assert market.call().state is CallState.UNANSWERED


def test_news_of_an_entry_that_is_nobodys_changes_nothing() -> None:
    market = Market()
    assert market.ann.core.conversation.final(Final(entry_id=bytes(32), outcome="", height=1), now()) == []
    assert market.ann.core.conversation.submitted([], now()) == []
