"""What an owner issues, pays, registers and hands over stands on the ledger when the answer says final."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpnode.control.questions.holdings import (
    AssetRegister,
    AssetShow,
    CreditIssue,
    CreditOpen,
    CreditPay,
    CreditRedeem,
    ShareAccept,
    ShareTransfer,
)
from dpnode.control.questions.ledger import LedgerBalance, LedgerJournal, LedgerShares
from dpnode.errors import FailKind
from dpnode.node import Node
from dpnode.paths import Home
from dpnode.store import offline, questions
from ledger.names import Kind, show_id
from protocol.share_offers import KEPT_GIVEN, KEPT_TAKEN
from tests.dpnode.answers.grown import Grown
from tests.dpnode.answers.nodes import Wire, asked, join_home, refused, running, until, until_heard


class Two:
    """Ada's and Bob's homes, in one network."""

    def __init__(self, folder: Path) -> None:
        self.grown = Grown(folder / "ada")
        self.ada: Home = self.grown.home
        self.bob = join_home(self.grown, folder / "bob", "Bob", 7)
        self.height = self.grown.chain.head.height


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


async def level(node: Node, height: int) -> None:
    """Wait until a node holds the ledger up to a height."""
    await until(node, lambda: node.core.chain.head.height >= height)


async def owners(node: Node, asset: str) -> list[tuple[str, int]]:
    rows = (await asked(node, LedgerShares(asset=asset)))["owners"]
    return [(row["member"]["name"], row["units"]) for row in rows]


async def test_a_credit_is_opened_issued_paid_and_redeemed(two: Two) -> None:
    async with running(two.ada) as ada:
        opened = await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        assert opened["binding"] == "final" and opened["credit"][5:] == opened["entry"][4:]
        issued = await asked(ada, CreditIssue(amount="100.00 EUR"))
        assert (issued["amount"]["amount"], issued["to"]["name"]) == (10_000, "Ada")
        paid = await asked(ada, CreditPay(member="Bob", amount="12.50 eur@Ada", note="eggs"))
        assert (paid["left"]["amount"], paid["to"]["name"], paid["binding"]) == (8_750, "Bob", "final")
        redeemed = await asked(ada, CreditRedeem(amount="50 EUR"))
        assert redeemed["left"]["amount"] == 3_750
        rows = (await asked(ada, LedgerBalance(everybody=True)))["accounts"]
        assert sorted((row["member"]["name"], row["free"]["amount"]) for row in rows) == [
            ("Ada", 3_750),
            ("Bob", 1_250),
        ]


async def test_a_thing_is_not_registered_twice_by_a_command_given_twice(two: Two) -> None:
    async with running(two.ada) as ada:
        await asked(ada, AssetRegister(label="mill", kind="cnc"))
        problem = await refused(ada, AssetRegister(label="Mill", kind="cnc"))
        assert problem.kind is FailKind.REFUSED and "choose another name" in problem.sentence


async def test_a_dry_run_signs_nothing_and_says_what_would_be_refused(two: Two) -> None:
    async with running(two.ada) as ada:
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        entries = ada.core.chain.head.entries
        assert (await asked(ada, CreditIssue(amount="1 EUR", dry_run=True)))["dry_run"]
        problem = await refused(ada, CreditPay(member="Bob", amount="1.00 EUR", dry_run=True))
        assert (problem.kind, problem.details["reason"]) == (FailKind.REFUSED, "account.too-little")
        assert problem.sentence == "you have 0.00 EUR@Ada free, and 1.00 EUR@Ada is needed"
        assert (await asked(ada, AssetRegister(label="x", kind="y", dry_run=True)))["dry_run"]
        assert ada.core.chain.head.entries == entries and not len(ada.core.ledger.pool)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        (CreditPay(member="Bob", amount="1.00 EUR"), FailKind.REFUSED),
        (CreditPay(member="Ada", amount="1.00 EUR"), FailKind.REFUSED),
        (CreditPay(member="Nobody", amount="1.00 EUR"), FailKind.NOT_FOUND),
        (CreditPay(member="Bob", amount="1.005 EUR"), FailKind.USAGE),
        (CreditPay(member="Bob", amount="0 EUR"), FailKind.USAGE),
        (CreditPay(member="Bob", amount="1.00 USD"), FailKind.NOT_FOUND),
        (CreditPay(member="Bob", amount="1.00 EUR@Bob"), FailKind.NOT_FOUND),
        (CreditPay(member="Bob", amount="5 units:printer"), FailKind.USAGE),
        (CreditIssue(amount="1.00 USD"), FailKind.NOT_FOUND),
        (CreditOpen(symbol="E UR", redeemable="x"), FailKind.USAGE),
        (CreditOpen(symbol="EUR2", decimals=9, redeemable="x"), FailKind.REFUSED),
        (AssetRegister(label="p", kind="k", place="north"), FailKind.USAGE),
        (AssetRegister(label="p", kind="k", place="99,200"), FailKind.USAGE),
        (AssetRegister(label="p", kind="k", papers=("/no/such/paper",)), FailKind.NOT_FOUND),
        (ShareTransfer(asset="none", member="Bob", units=1), FailKind.NOT_FOUND),
        (ShareAccept(id="hash-aaaaaaaa"), FailKind.NOT_FOUND),
    ],
)
async def test_what_cannot_be_done_is_said_with_its_kind(two: Two, question: CreditPay, kind: FailKind) -> None:
    async with running(two.ada) as ada:
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        assert (await refused(ada, question)).kind is kind


async def test_one_unit_of_two_issuers_must_be_told_apart(two: Two) -> None:
    wire = Wire()
    async with running(two.ada, wire) as ada, running(two.bob, wire) as bob:
        await level(bob, two.height)
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        await asked(bob, CreditOpen(symbol="EUR", redeemable="nails"))
        await level(ada, two.height + 2)
        problem = await refused(ada, CreditPay(member="Bob", amount="1.00 EUR"))
        assert problem.kind is FailKind.USAGE and "EUR@Ada" in problem.sentence and "EUR@Bob" in problem.sentence
        assert (await asked(ada, CreditIssue(amount="1.00 EUR")))["amount"]["issuer"] == "Ada"


async def test_an_asset_is_registered_with_papers_that_stay_here(two: Two, tmp_path: Path) -> None:
    papers = [tmp_path / name for name in ("deed", "bill", "photo")]
    for paper in papers:
        paper.write_text(paper.name)
    async with running(two.ada) as ada:
        registered = await asked(
            ada,
            AssetRegister(
                label="lathe",
                kind="lathe",
                maker="Myford",
                serial="7",
                units=1_000,
                place="52.517,13.389",
                papers=(str(papers[0]), str(papers[1])),
                photos=(str(papers[2]),),
            ),
        )
        shown = await asked(ada, AssetShow(id=registered["asset"]))
        assert (shown["total"], shown["units"], shown["title"], shown["maker"]) == (1_000, 1_000, "claimed", "Myford")
        assert shown["place"] == "about 52.50 N, 13.40 E" and len(shown["papers"]) == 1 and "photo" in shown
        kept = await ada.store.kept("file")
        assert len(kept) == 3
    assert {path.read_text() for path in (two.ada.files / "out").iterdir()} == {"deed", "bill", "photo"}


async def test_units_are_offered_accepted_and_become_the_receivers(two: Two) -> None:
    wire = Wire()
    async with running(two.ada, wire) as ada, running(two.bob, wire) as bob:
        await level(bob, two.height)
        asset = (await asked(ada, AssetRegister(label="printer", kind="3d", units=100)))["asset"]
        offered = await asked(ada, ShareTransfer(asset="printer", member="Bob", units=25, note="as agreed"))
        assert "entry" not in offered
        await level(bob, two.height + 1)
        await until(bob, lambda: bob.core.shares.taken)
        (offer,) = (await asked(bob, ShareAccept()))["offers"]
        assert (offer["id"], offer["units"], offer["from"]["name"]) == (offered["offer"], 25, "Ada")
        assert (offer["label"], offer["note"]) == ("printer", "as agreed")
        assert (await asked(bob, ShareAccept(id=offer["id"], dry_run=True)))["dry_run"]
        accepted = await asked(bob, ShareAccept(id=offer["id"][:12]))
        assert accepted["binding"] == "final" and accepted["entry"].startswith("ent-")
        assert await owners(bob, asset) == [("Ada", 75), ("Bob", 25)] == await owners(ada, asset)
        assert (await asked(bob, ShareAccept()))["offers"] == []
        for node in (ada, bob):
            assert not node.core.shares.given and not node.core.shares.taken
        newest = (await asked(bob, LedgerJournal(limit=1)))["entries"][0]
        assert newest["text"] == "Ada transfers 25 units of printer to Bob: as agreed"


async def test_an_offer_and_its_acceptance_survive_restarts_of_both_in_turn(two: Two) -> None:
    wire = Wire()
    async with running(two.ada, wire) as ada:
        await asked(ada, AssetRegister(label="printer", kind="3d", units=100))
        offered = await asked(ada, ShareTransfer(asset="printer", member="Bob", units=25))
        assert any("away" in note for note in offered["notes"])
    async with running(two.ada, wire), running(two.bob, wire) as bob:
        await until(bob, lambda: bob.core.shares.taken)
    # Ada is away when Bob accepts, so what he answers is bound by both signatures and no block.
    async with running(two.bob, wire) as bob:
        accepted = await asked(bob, ShareAccept(id=offered["offer"], wait_ms=0))
        assert accepted["binding"] == "agreed"
    async with running(two.ada, wire) as ada, running(two.bob, wire) as bob:
        await until(bob, lambda: bob.core.shares.ended)
        assert await owners(bob, "printer") == [("Ada", 75), ("Bob", 25)]
        assert not ada.core.shares.given


async def test_documents_of_a_transfer_that_is_final_are_gone_after_the_next_start_at_the_latest(two: Two) -> None:
    wire = Wire()
    async with running(two.ada, wire) as ada, running(two.bob, wire) as bob:
        await asked(ada, AssetRegister(label="printer", kind="3d", units=100))
        await asked(ada, ShareTransfer(asset="printer", member="Bob", units=25))
        await until(bob, lambda: bob.core.shares.taken)
        (offer,) = (await asked(bob, ShareAccept()))["offers"]
        await asked(bob, ShareAccept(id=offer["id"]))
    async with running(two.ada, wire) as ada, running(two.bob, wire) as bob:
        assert not bob.core.shares.taken and not ada.core.shares.given
    for home in (two.ada, two.bob):
        with offline.reading(home.database) as opened:
            assert [opened.ask(questions.kept(kind)) for kind in (KEPT_GIVEN, KEPT_TAKEN)] == [[], []]


async def test_units_go_at_once_to_whoever_takes_gifts(two: Two) -> None:
    wire = Wire()
    async with running(two.ada, wire) as ada, running(two.bob, wire) as bob:
        await level(bob, two.height)
        await bob.submit([{"t": "membership.profile/1", "gifts": True}], wait_ms=10_000)
        await asked(ada, AssetRegister(label="printer", kind="3d", units=100))
        given = await asked(ada, ShareTransfer(asset="printer", member="Bob", units=25))
        assert given["binding"] == "final" and "offer" not in given
        assert await owners(ada, "printer") == [("Ada", 75), ("Bob", 25)]


@pytest.mark.parametrize(("member", "units"), [("Ada", 5), ("Bob", 101), ("Bob", 0)])
async def test_units_one_does_not_have_or_to_oneself_are_not_offered(two: Two, member: str, units: int) -> None:
    async with running(two.ada) as ada:
        await asked(ada, AssetRegister(label="printer", kind="3d", units=100))
        problem = await refused(ada, ShareTransfer(asset="printer", member=member, units=units))
        assert problem.kind is FailKind.REFUSED and not ada.core.shares.given


async def test_units_spent_before_the_acceptance_end_the_offer_and_move_nothing(two: Two) -> None:
    wire = Wire()
    async with running(two.ada, wire) as ada, running(two.bob, wire) as bob:
        await level(bob, two.height)
        await asked(ada, AssetRegister(label="printer", kind="3d", units=100))
        offers = [await asked(ada, ShareTransfer(asset="printer", member="Bob", units=60)) for _ in range(2)]
        await until(bob, lambda: len(bob.core.shares.taken) == 2)
        assert (await asked(bob, ShareAccept(id=offers[0]["offer"])))["binding"] == "final"
        late = await asked(bob, ShareAccept(id=offers[1]["offer"], wait_ms=200))
        assert late["binding"] == "agreed"
        await until(ada, lambda: not ada.core.shares.given)
        assert [one.outcome for one in ada.core.shares.ended.values()] == ["", "account.too-little"]
        assert await owners(ada, "printer") == [("Bob", 60), ("Ada", 40)]


async def test_what_a_stopped_node_shows_is_what_it_showed(two: Two) -> None:
    async with running(two.ada) as ada:
        asset = (await asked(ada, AssetRegister(label="printer", kind="3d", units=100)))["asset"]
        live = await asked(ada, LedgerShares(asset=asset))
    assert two.grown.ask(LedgerShares(asset=asset)) == live
    with offline.reading(two.ada.database) as opened:
        assert opened.ask(questions.kept(KEPT_GIVEN)) == []
    assert show_id(Kind.MEMBER, two.grown.ada.id) == live["owners"][0]["member"]["id"]


async def alone(node: Node) -> None:
    """Wait until a node knows that nobody is connected."""
    await until_heard(node, lambda: not node.core.ledger.neighbours.peers)


async def test_a_credit_opened_twice_is_refused_even_while_the_first_is_not_final(two: Two) -> None:
    async with running(two.ada) as ada:
        opened = await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        problem = await refused(ada, CreditOpen(symbol="eur", redeemable="bread"))
        assert (problem.kind, problem.details["credit"]) == (FailKind.REFUSED, opened["credit"])
        assert "you opened EUR already" in problem.sentence
        assert (await asked(ada, CreditIssue(amount="5 EUR")))["binding"] == "final"
    wire = Wire()
    async with running(two.bob, wire) as bob:
        async with running(two.ada, wire) as ada:
            await level(bob, ada.core.chain.head.height)
        await alone(bob)
        await asked(bob, CreditOpen(symbol="EUR", redeemable="prints", wait_ms=1))
        problem = await refused(bob, CreditOpen(symbol="EUR", redeemable="prints", wait_ms=1))
        assert problem.kind is FailKind.REFUSED and "already" in problem.sentence
        await asked(bob, AssetRegister(label="mill", kind="cnc", wait_ms=1))
        assert (await refused(bob, AssetRegister(label="mill", kind="cnc"))).kind is FailKind.REFUSED


async def test_money_that_waits_is_counted_as_spent_and_the_missing_witness_is_named(two: Two) -> None:
    wire = Wire()
    async with running(two.bob, wire) as bob:
        async with running(two.ada, wire) as ada:
            await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
            await asked(ada, CreditIssue(amount="5.00 EUR", member="Bob"))
            await level(bob, ada.core.chain.head.height)
        await alone(bob)
        left = []
        for _ in range(2):
            paid = await asked(bob, CreditPay(member="Ada", amount="2.00 EUR@Ada", wait_ms=1))
            assert (paid["binding"], paid["timed_out"]) == ("recorded", True)
            assert "the witness Ada is not connected" in paid["notes"][0]
            left.append(paid["left"]["amount"])
        assert left == [300, 100]
        problem = await refused(bob, CreditPay(member="Ada", amount="2.00 EUR@Ada", wait_ms=1))
        assert "you have 1.00 EUR@Ada free" in problem.sentence
        (row,) = (told := await asked(bob, LedgerBalance()))["accounts"]
        assert (row["free"]["amount"], row["left"]["amount"]) == (500, 100)
        assert "2 entries of yours" in told["notes"][0]
        dry = await asked(bob, CreditPay(member="Ada", amount="1.00 EUR@Ada", dry_run=True))
        assert dry["left"]["amount"] == 0 and "timed_out" not in dry
        unwaited = await asked(bob, CreditPay(member="Ada", amount="1.00 EUR@Ada", wait_ms=0))
        assert unwaited["binding"] == "recorded" and "timed_out" not in unwaited
        async with running(two.ada, wire) as ada:
            await until(bob, lambda: not bob.core.ledger.pool.numbers(bob.identity.working.public))
            told = await asked(bob, LedgerBalance())
            assert not told["accounts"] or told["accounts"][0]["free"]["amount"] == 0
            assert "notes" not in told
