"""What the owners of two nodes are told of a call, from the asking to the award."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trio
import trio.testing

from dpnode.clock import now
from dpnode.control.questions.holdings import CreditIssue, CreditOpen, CreditPay
from dpnode.control.questions.job import (
    InboxApprove,
    InboxRefuse,
    InboxShow,
    JobAward,
    JobCall,
    JobCancel,
    JobCounter,
    JobDeliver,
    JobFail,
    JobReceive,
    JobShow,
    Why,
)
from dpnode.control.questions.ledger import LedgerJournal, LedgerShow
from dpnode.errors import FailKind
from dpnode.node import Node
from protocol.negotiation.initiator import Calling
from tests.dpnode.answers.nodes import asked, refused, until, until_heard
from tests.dpnode.answers.trade import PRINTER, WANTED, HeldStore, trading

DAY_MS = 86_400_000


async def test_a_proposal_is_shown_only_once_it_is_on_disk(tmp_path: Path) -> None:
    async with trading(tmp_path) as trade:
        call = await trade.call()
        driver = trade.ada.driver
        assert driver is not None
        held = HeldStore(trade.ada.store)
        driver._store = held
        await asked(trade.bob, InboxApprove(id=call))
        with trio.fail_after(20):
            await held.came.wait()
        assert trade.ada.core.conversation.negotiation.calls()[0].received, "the core has it already"
        shown: list[dict[str, Any]] = []

        async def look() -> None:
            shown.append(await asked(trade.ada, JobShow(id=call)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert shown == []
            held.may.set()
        assert len(shown[0]["proposals"]) == 1
        await until(trade.ada, lambda: True)


async def test_a_member_that_was_away_is_not_reached_yet_and_counted_once_it_is_there(tmp_path: Path) -> None:
    async with trading(tmp_path) as trade:
        peer = next(peer for peer, driver in trade.wire.drivers.items() if driver is trade.bob.driver)
        await trade.wire.unplug(peer)
        conversation = trade.ada.core.conversation
        await until_heard(trade.ada, lambda: not conversation._machines.get(trade.bob.identity.member))
        question = JobCall(function="3d-printing-fdm", parameters=WANTED, quantity=2, automatic=False)
        call = (await asked(trade.ada, question))["call"]
        shown = await asked(trade.ada, JobShow(id=call))
        assert shown["next"] == "0 of 1 have answered, 1 not reached yet"
        assert [line["text"] for line in shown["journal"]] == ["not reached yet"]
        driver = trade.bob.driver
        assert driver is not None
        async with trio.open_nursery() as nursery:
            await trade.wire.plug(peer, driver, nursery)
            await until(trade.bob, lambda: trade.bob.core.conversation.negotiation.deals())
            shown = await asked(trade.ada, JobShow(id=call))
            assert (shown["next"], shown["journal"]) == ("0 of 1 have answered", [])
            nursery.cancel_scope.cancel()


async def test_approving_says_whose_money_is_lacking_and_takes_only_the_credit_it_is_priced_in(tmp_path: Path) -> None:
    async with trading(tmp_path, issued="5.00 EUR") as trade:
        ada, bob = trade.ada, trade.bob
        await asked(bob, CreditOpen(symbol="EUR", redeemable="prints"))
        await asked(bob, CreditIssue(amount="50.00 EUR@Bob"))
        call = await trade.call()
        for dry_run in (True, False):
            poor = await refused(bob, InboxApprove(id=call, price=("9.00 EUR@Ada",), dry_run=dry_run))
            assert poor.kind is FailKind.REFUSED
            assert poor.sentence.startswith("there is not enough free money for it: Ada has 5.00 EUR@Ada free")
            assert poor.sentence.endswith(" and 9.00 EUR@Ada is needed")
            other = await refused(bob, InboxApprove(id=call, price=("1.00 EUR@Bob",), dry_run=dry_run))
            assert other.sentence == "1.00 EUR@Bob is in another credit: this is priced in EUR@Ada"
        assert (await asked(bob, InboxApprove(id=call, price=("4.00 EUR@Ada",))))["state"] == "standing"
        await until(ada, lambda: ada.core.conversation.negotiation.calls()[0].received)
        await asked(ada, CreditPay(member="Bob", amount="3.00 EUR@Ada"))
        mine = await refused(ada, InboxApprove(id=call))
        assert mine.sentence == "you have 2.00 EUR@Ada free, and 4.00 EUR@Ada is needed"
        assert "job counter" in (await refused(ada, InboxApprove(id=call, price=("1.00 EUR@Ada",)))).sentence


async def test_names_and_amounts_are_told_instead_of_ids_and_smallest_units(tmp_path: Path) -> None:
    async with trading(tmp_path) as trade:
        call = await trade.call()
        row = await trade.waiting()
        assert row["title"] == "sign this proposal? 2 x 3d-printing-fdm"
        shown = await asked(trade.bob, InboxShow(id=call))
        details = {step["rule"]: step["detail"] for step in shown["steps"]}
        assert details["price"] == "3.28 EUR@Ada"
        assert {step["sentence"] for step in shown["steps"]} >= {"nothing against it", "the owner decides every one"}
        await asked(trade.bob, InboxApprove(id=call))
        await until(trade.ada, lambda: trade.ada.core.conversation.negotiation.calls()[0].received)
        told = await asked(trade.bob, Why(id=call))
        assert "stands until 20" in told["reason"] and " UTC" in told["reason"]
        why = await asked(trade.ada, Why(id=call))
        (rank,) = why["ranking"]
        assert (rank["rank"], rank["provider"]["name"], rank["price"][0]["amount"]) == (1, "Bob", 328)
        everything = " ".join([*told["reasons"], *why["reasons"]])
        assert "Bob: proposed" in everything and "mem-" not in everything and "328" not in everything


async def test_a_customer_bargains_by_command_and_the_provider_signs_in_the_inbox(tmp_path: Path) -> None:
    async with trading(tmp_path) as trade:
        ada, bob = trade.ada, trade.bob
        call = await trade.proposed()
        (first,) = (await asked(ada, JobShow(id=call)))["proposals"]
        question = JobCounter(id=first["id"], price="2.50 EUR@Ada", wait_ms=0)
        dry = await asked(ada, JobCounter(id=first["id"], price="2.50 EUR@Ada", wait_ms=0, dry_run=True))
        assert dry["dry_run"] and "Bob is asked for a total of 2.50 EUR@Ada" in dry["says"]
        assert ada.core.conversation.negotiation.calls()[0].wishes == ()
        sent = await asked(ada, question)
        assert (sent["round"], sent["binding"], sent["proposals"]) == (1, "recorded", [])
        assert "not answered yet" in sent["notes"][0]
        await until(bob, lambda: bob.core.conversation.negotiation.deals()[0].ask_until_ms)
        row = await trade.waiting()
        assert row["title"] == "sign a changed proposal? 2 x 3d-printing-fdm" and row["price"][0]["amount"] == 250
        assert (await asked(bob, InboxShow(id=call)))["wished"] == "a total of 2.50 EUR@Ada"
        await asked(bob, InboxApprove(id=call))
        await until(ada, lambda: len(ada.core.conversation.negotiation.calls()[0].received) == 2)
        best, other = (await asked(ada, JobShow(id=call)))["proposals"]
        assert (best["price"][0]["amount"], other["id"]) == (250, first["id"])
        before = (await asked(ada, Why(id=call)))["ranking"]
        assert [row["price"][0]["amount"] for row in before] == [250, 328]
        awarded = await asked(ada, JobAward(proposals=(best["id"],)))
        assert awarded["state"] == "awarded" and awarded["held"][0]["amount"] == 250
        assert (await asked(ada, Why(id=call)))["ranking"] == before
        late = await refused(ada, question)
        assert late.kind is FailKind.REFUSED and "this call is awarded" in late.sentence


async def test_a_counter_that_is_turned_down_leaves_the_proposal_and_three_are_the_most(tmp_path: Path) -> None:
    async with trading(tmp_path) as trade:
        ada, bob = trade.ada, trade.bob
        call = await trade.proposed()
        for number in (1, 2, 3):
            told: list[dict[str, Any]] = []

            async def bargain(answers: list[dict[str, Any]] = told) -> None:
                answers.append(await asked(ada, JobCounter(id=call, price="1.00 EUR@Ada", wait_ms=20_000)))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(bargain)
                await until(bob, lambda: bob.core.conversation.negotiation.deals()[0].ask_until_ms)
                await asked(bob, InboxRefuse(id=call, reason="filament is dear"))
            assert told[0]["round"] == number and told[0]["notes"] == ["Bob: filament is dear"]
        fourth = await refused(ada, JobCounter(id=call, price="1.00 EUR@Ada"))
        assert fourth.kind is FailKind.REFUSED and fourth.sentence.endswith("3 counters")
        assert len((await asked(ada, JobShow(id=call)))["proposals"]) == 1


async def test_a_counter_that_asks_nothing_or_in_other_money_or_of_others_is_refused_in_words(tmp_path: Path) -> None:
    async with trading(tmp_path) as trade:
        ada = trade.ada
        await asked(ada, CreditOpen(symbol="HRS", redeemable="work"))
        call = await trade.proposed()
        (proposal,) = (await asked(ada, JobShow(id=call)))["proposals"]
        for question, kind, sentence in (
            (JobCounter(id=call), FailKind.USAGE, "--price, --by or --quantity"),
            (JobCounter(id=call, price="1.00 HRS@Ada"), FailKind.REFUSED, "this is priced in EUR@Ada"),
            (JobCounter(id=call, member="Ada", quantity=1), FailKind.REFUSED, "Ada was not asked"),
            (JobCounter(id=proposal["id"], member="Bob", quantity=1), FailKind.USAGE, "leave --to out"),
            (JobCounter(id="job-aaaaaaaaaa", quantity=1), FailKind.NOT_FOUND, "no proposal or call of yours"),
        ):
            problem = await refused(ada, question)
            assert problem.kind is kind and sentence in problem.sentence, problem.sentence


async def test_a_provider_asked_too_soon_is_asked_again_with_the_date_it_could(tmp_path: Path) -> None:
    async with trading(tmp_path, printer=PRINTER.replace('lead = "30 min"', 'lead = "2 d"')) as trade:
        ada, bob = trade.ada, trade.bob
        soon = {"deliver_by_ms": now().wall_ms + DAY_MS, "reply_by_ms": now().wall_ms + DAY_MS // 2, "automatic": False}
        call = await trade.call(**soon)
        await until(ada, lambda: ada.core.conversation.negotiation.calls()[0].replies)
        shown = await asked(ada, JobShow(id=call))
        assert "would need delivery by 20" in shown["journal"][0]["text"]
        assert shown["state"] == "refused"
        problem = await refused(ada, JobCounter(id=call, deliver_by_ms=now().wall_ms + 9 * DAY_MS))
        assert "this call is refused" in problem.sentence
        assert bob.core.conversation.negotiation.deals()[0].rounds == 1


async def test_a_dry_run_of_taking_a_call_back_tells_that_it_still_stands(tmp_path: Path) -> None:
    async with trading(tmp_path) as trade:
        ada = trade.ada
        idle = await trade.proposed()
        told = await asked(ada, JobCancel(id=idle, dry_run=True))
        assert (told["state"], told["state_then"]) == (calls(ada)[-1].state.value, "withdrawn")
        assert (await asked(ada, JobCancel(id=idle)))["state"] == "withdrawn"
        assert (await refused(ada, JobCancel(id=idle, dry_run=True))).kind is FailKind.REFUSED


async def test_dry_runs_of_a_job_tell_what_is_paid_now_and_what_would_be(tmp_path: Path) -> None:
    async with trading(tmp_path) as trade:
        ada, bob = trade.ada, trade.bob
        call = await trade.proposed()
        job = (await asked(ada, InboxApprove(id=call)))["job"]
        await until(bob, lambda: bob.core.chain.head.height >= ada.core.chain.head.height)
        failing = await asked(bob, JobFail(id=job, reason="broke", dry_run=True))
        assert (failing["state"], failing["state_then"]) == ("awarded", "failed") and "held_then" not in failing
        await asked(bob, JobDeliver(id=job))
        await until(ada, lambda: ada.core.chain.head.height >= bob.core.chain.head.height)
        receiving = await asked(ada, JobReceive(id=job, dry_run=True))
        assert receiving["state"] == "delivered" and receiving["paid"][0]["amount"] == 0
        assert receiving["paid_then"] == receiving["held"]
        received = await asked(ada, JobReceive(id=job))
        assert (received["state"], received["paid"]) == (receiving["state_then"], receiving["paid_then"])
        (proposal,) = (row["id"] for row in (await asked(ada, JobShow(id=call)))["proposals"])
        again = await refused(ada, JobAward(proposals=(proposal,)))
        assert again.sentence == f"this call is awarded already: {job}"


async def test_an_award_on_the_ledger_shows_what_the_proposal_in_it_says(tmp_path: Path) -> None:
    async with trading(tmp_path) as trade:
        ada = trade.ada
        call = await trade.proposed()
        (proposal,) = (await asked(ada, JobShow(id=call)))["proposals"]
        await asked(ada, JobAward(proposals=(proposal["id"],)))
        journal = await asked(ada, LedgerJournal(family="work"))
        (row,) = journal["entries"]
        shown = (await asked(ada, LedgerShow(id=row["id"])))["content"]["operation"]
        (said,) = shown["proposals"]
        assert said["provider"]["name"] == "Bob" and said["signed_by"].startswith("key-")
        assert said["quantity"] == 2 and "sig" not in said and "body" not in said


def calls(node: Node) -> list[Calling]:
    return list(node.core.conversation.negotiation.calls())
