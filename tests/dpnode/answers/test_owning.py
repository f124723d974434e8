"""What owners who own together ask a node: groups, acts, offers, lendings, co-owners' decisions, an owner's page."""

from __future__ import annotations

from typing import Any

import pytest

from dpnode import offline
from dpnode.control.answers import Done
from dpnode.control.questions.base import Question
from dpnode.control.questions.holdings import AssetRegister, AssetShow, CreditIssue, CreditOpen, CreditPay
from dpnode.control.questions.ledger import LedgerBalance, LedgerJournal, LedgerShow
from dpnode.control.questions.motion import MotionShow, MotionVote
from dpnode.control.questions.owning import (
    AssetDecide,
    GroupAgree,
    GroupChange,
    GroupFound,
    GroupJoin,
    GroupLeave,
    GroupList,
    GroupShow,
    ShareBid,
    ShareHistory,
    ShareLend,
    ShareList,
    ShareOffer,
    ShareReturn,
    ShareStatic,
    ShareTake,
    ShareTransfer,
    ShareWithdraw,
)
from dpnode.errors import FailKind
from dpnode.paths import Home
from tests.dpnode.answers.nodes import Wire, asked, refused, running
from tests.dpnode.answers.test_holdings import Two, level, two

__all__ = ["two"]
WEEK_MS = 7 * 86_400_000


def without_daemon(home: Home, question: Question) -> dict[str, Any]:
    answer = offline.answer(question, home)
    assert isinstance(answer, Done), answer
    return answer.value


async def test_a_group_is_founded_owns_and_acts_with_both_its_members(two: Two) -> None:
    """GR-2, GR-3, GR-6, H-5, as two owners live it on two machines."""
    wire = Wire()
    async with running(two.ada, wire) as ada, running(two.bob, wire) as bob:
        tried = await asked(ada, GroupFound(label="Mill", members=("Bob",), needed=2, dry_run=True))
        assert tried["dry_run"] and "id" not in tried
        founded = await asked(ada, GroupFound(label="Mill", members=("Bob",), needed=2))
        assert (await refused(ada, GroupFound(label="mill", needed=1))).kind is FailKind.REFUSED
        await level(bob, founded["height"])
        (row,) = (await asked(bob, GroupList()))["groups"]
        assert (row["name"], row["you"], row["members"], row["asked"]) == ("Mill", "are asked", 1, 1)
        await asked(bob, GroupJoin(id="Mill"))
        registered = await asked(ada, AssetRegister(label="printer", kind="3d", units=10))
        told = await refused(ada, ShareTransfer(asset="printer", member="Mill", units=4))
        assert (told.kind, "share offer" in told.sentence) == (FailKind.USAGE, True)
        offered = await asked(ada, ShareOffer(asset="printer", owner="Mill", units=4))
        assert offered["to"]["id"].startswith("group-")
        put = await asked(ada, ShareTake(id=offered["entry"], group="Mill"))
        assert (put["weight"], put["needed"]) == (1, 2)
        await level(bob, put["height"])
        (act,) = (await asked(bob, GroupShow(id="Mill")))["acts"]
        assert act["does"] == "takes 4 units of printer that Ada offered"
        assert (await refused(ada, GroupAgree(id=act["id"]))).details["reason"] == "group.agreed-already"
        done = await asked(bob, GroupAgree(id=act["id"]))
        assert done["done"] is True
        await level(ada, done["height"])
        shown = await asked(ada, GroupShow(id=founded["id"][:14]))
        assert [(one["label"], one["units"]) for one in shown["shares"]] == [("printer", 4)]
        owners = (await asked(ada, AssetShow(id=registered["asset"])))["owners"]
        assert [(one["member"]["name"], one["units"]) for one in owners] == [("Ada", 6), ("Mill", 4)]
        told = (await asked(ada, LedgerJournal(limit=1)))["entries"][0]["text"]
        assert told.startswith("Bob agrees to an act of a group")
    assert without_daemon(two.ada, GroupShow(id="Mill")) == shown
    told = without_daemon(two.ada, LedgerShow(id="Mill"))
    assert (told["id"], told["kind"], told["content"]["needed"]) == (shown["id"], "group", 2)
    first = without_daemon(two.ada, LedgerJournal(family="group"))["entries"][-1]
    said = without_daemon(two.ada, LedgerShow(id=first["id"]))["content"]
    assert said["says"] == "Ada founds the group Mill with Bob"
    assert said["operation"]["members"][1]["member"]["name"] == "Bob"
    page = without_daemon(two.ada, ShareList(owner="Mill"))
    assert [(one["label"], one["units"], one["output_units"]) for one in page["shares"]] == [("printer", 4, 4)]


async def test_a_group_of_one_pays_changes_and_ends(two: Two) -> None:
    """GR-4, GR-5, GR-6."""
    async with running(two.ada) as ada:
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        await asked(ada, CreditIssue(amount="10 EUR"))
        await asked(ada, GroupFound(label="Mill", members=("Bob:2",), needed=1))
        await asked(ada, CreditPay(member="Mill", amount="8 EUR@Ada"))
        tried = await asked(ada, CreditPay(member="Bob", amount="3 EUR@Ada", group="Mill", dry_run=True))
        assert [(one["owner"]["name"], one["free"]["amount"], one["free_after"]["amount"]) for one in tried["changes"]]
        moved = {one["owner"]["name"]: one["free_after"]["amount"] - one["free"]["amount"] for one in tried["changes"]}
        assert moved == {"Mill": -300, "Bob": 300}
        paid = await asked(ada, CreditPay(member="Bob", amount="3 EUR@Ada", group="Mill"))
        assert paid["group"]["name"] == "Mill" and "act" not in paid
        rows = (await asked(ada, LedgerBalance(everybody=True)))["accounts"]
        assert sorted((row["member"]["name"], row["free"]["amount"]) for row in rows) == [
            ("Ada", 200), ("Bob", 300), ("Mill", 500),
        ]  # fmt: skip
        assert (await refused(ada, GroupChange(id="Mill"))).kind is FailKind.USAGE
        await asked(ada, GroupChange(id="Mill", label="Old mill", remove=("Bob",), gifts=True))
        shown = await asked(ada, GroupShow(id="Old mill"))
        assert (shown["gifts"], [one["belongs"] for one in shown["people"]]) == (True, [True])
        assert (await refused(ada, GroupLeave(id="Old mill"))).details["reason"] == "group.still-owns"
        await asked(ada, CreditPay(member="Ada", amount="5 EUR@Ada", group="Old mill"))
        await asked(ada, GroupLeave(id="Old mill"))
        assert (await asked(ada, GroupList(everybody=True)))["groups"] == []


async def test_what_is_lent_offered_and_kept_stands_on_the_owners_page(two: Two) -> None:
    """U-1 to U-4, H-5, H-7, CO-5: the same with and without the daemon."""
    async with running(two.ada) as ada:
        await asked(ada, AssetRegister(label="printer", kind="3d", units=10))
        decided = await asked(ada, AssetDecide(asset="printer", kind="uses", uses=("40 h machine time per 7d",)))
        assert (await asked(ada, MotionVote(id=decided["id"], yes=True)))["state"] == "passed"
        lent = await asked(ada, ShareLend(asset="printer", owner="Bob", units=3, right="use", lasts_ms=WEEK_MS))
        offered = await asked(ada, ShareOffer(asset="printer", owner="Bob", units=2, note="yours"))
        await asked(ada, ShareStatic(asset="printer"))
        page = await asked(ada, ShareList())
        (row,) = page["shares"]
        assert (row["units"], row["held"], row["output_units"], row["use_units"]) == (10, 5, 10, 7)
        assert (row["static"], row["uses"]) == (True, ["28 h machine time per 7d"])
        assert [(one["right"], one["borrower"]["name"]) for one in page["lendings"]] == [("use", "Bob")]
        assert [(one["units"], one["note"]) for one in page["offers"]] == [(2, "yours")]
        (of_bob,) = (await asked(ada, ShareList(owner="Bob")))["shares"]
        assert (of_bob["units"], of_bob["use_units"], of_bob["uses"]) == (0, 3, ["12 h machine time per 7d"])
        shown = await asked(ada, AssetShow(id="printer"))
        assert ([one["name"] for one in shown["static"]], shown["uses"]) == (["Ada"], ["40 h machine time per 7d"])
        assert (shown["terms"]["sell"], shown["terms"]["repair"]) == ("all", "more than 50 %")
        assert (await refused(ada, ShareReturn(id=lent["entry"]))).details["reason"] == "share.not-borrower"
        assert (await refused(ada, ShareTake(id=offered["entry"]))).kind is FailKind.NOT_FOUND
        await asked(ada, ShareWithdraw(id=offered["entry"]))
        page = await asked(ada, ShareList())
        assert page["offers"] == []
    assert without_daemon(two.ada, ShareList()) == page


async def test_an_asset_is_sold_whole_by_its_owners_vote(two: Two) -> None:
    """CO-2, CO-7."""
    wire = Wire()
    async with running(two.ada, wire) as ada, running(two.bob, wire) as bob:
        await asked(ada, CreditOpen(symbol="EUR", redeemable="bread"))
        await asked(ada, CreditIssue(amount="90 EUR", member="Bob"))
        registered = await asked(ada, AssetRegister(label="printer", kind="3d", units=10))
        terms = await asked(ada, AssetDecide(asset="printer", kind="terms", needs={"sell": "75%", "repair": "60.5"}))
        assert terms["matter"] == "terms of printer: repair more than 60.50 %, sell more than 75 %"
        assert (await asked(ada, MotionVote(id=terms["id"], yes=True)))["state"] == "passed"
        await level(bob, registered["height"])
        assert (await refused(ada, AssetDecide(asset="printer", kind="sell"))).kind is FailKind.USAGE
        bid = await asked(bob, ShareBid(asset="printer", amount="80 EUR@Ada"))
        await level(ada, bid["height"])
        (standing,) = (await asked(ada, AssetShow(id="printer")))["bids"]
        assert (standing["from"]["name"], standing["amount"]["amount"]) == ("Bob", 8_000)
        opened = await asked(ada, AssetDecide(asset="printer", kind="sell", about="too old"))
        shown = await asked(ada, MotionShow(id=opened["id"]))
        assert (shown["matter"], shown["yes_needed"]) == ("selling printer whole to Bob for 80.00 EUR", 8)
        sold = await asked(ada, MotionVote(id=opened["id"], yes=True))
        assert sold["state"] == "passed"
        (row,) = (await asked(ada, ShareHistory()))["shares"]
        assert (row["label"], row["units"], row["until_ms"]) == ("printer", 0, ada.core.chain.head.time_ms)
        assert row["since_ms"] == (await asked(ada, AssetShow(id="printer")))["since_ms"]
        assert [one["amount"] for one in row["given"]] == [8_000]
        past = await asked(ada, ShareHistory(owner="Bob"))
        (row,) = past["shares"]
        assert (row["units"], row["since_ms"], row["given"]) == (10, ada.core.chain.head.time_ms, [])
        assert (await asked(ada, AssetShow(id="printer")))["sold_ms"] == ada.core.chain.head.time_ms
        rows = (await asked(ada, LedgerBalance(everybody=True)))["accounts"]
        assert sorted((row["member"]["name"], row["free"]["amount"]) for row in rows) == [
            ("Ada", 8_000), ("Bob", 10), ("Bob", 1_000),
        ]  # fmt: skip
    assert without_daemon(two.ada, ShareHistory(owner="Bob")) == past


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        (AssetDecide(asset="printer", kind="crown"), FailKind.USAGE),
        (AssetDecide(asset="printer", kind="repair"), FailKind.USAGE),
        (AssetDecide(asset="printer", kind="terms", needs={"crown": "60"}), FailKind.USAGE),
        (AssetDecide(asset="printer", kind="terms", needs={"sell": "much"}), FailKind.USAGE),
        (AssetDecide(asset="printer", kind="terms"), FailKind.REFUSED),
        (AssetDecide(asset="printer", kind="uses", uses=("always",)), FailKind.USAGE),
        (AssetDecide(asset="printer", kind="partition", parts=("east Ada",)), FailKind.USAGE),
        (AssetDecide(asset="printer", kind="partition", parts=("a: Ada 5", "b: Nobody 5")), FailKind.NOT_FOUND),
        (AssetDecide(asset="printer", kind="partition", parts=("a: Ada 5", "b: Bob 5")), FailKind.REFUSED),
        (AssetDecide(asset="printer", kind="operator"), FailKind.REFUSED),
        (ShareLend(asset="printer", owner="Bob", units=1, right="vote", lasts_ms=1), FailKind.USAGE),
        (ShareLend(asset="printer", owner="Bob", units=11, right="use", lasts_ms=WEEK_MS), FailKind.REFUSED),
        (ShareOffer(asset="printer", owner="Ada", units=1), FailKind.REFUSED),
        (ShareOffer(asset="printer", owner="Nobody", units=1), FailKind.NOT_FOUND),
        (GroupFound(label="Mill", members=("Bob:x",), needed=1), FailKind.USAGE),
        (GroupFound(label="Mill", members=("Bob",), needed=3), FailKind.REFUSED),
        (GroupAgree(id="ent-aaaaaaaa"), FailKind.NOT_FOUND),
        (GroupJoin(id="Mill"), FailKind.NOT_FOUND),
    ],
)
async def test_what_cannot_be_is_refused_with_its_kind(two: Two, question: Question, kind: FailKind) -> None:
    async with running(two.ada) as ada:
        await asked(ada, AssetRegister(label="printer", kind="3d", units=10))
        before = ada.core.chain.head.height
        assert (await refused(ada, question)).kind is kind
        assert ada.core.chain.head.height == before
