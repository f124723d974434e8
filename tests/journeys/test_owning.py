"""A group on three machines: founded on one, joined on another, it acts though its members are never all there."""

from __future__ import annotations

from dpnode.control.questions.holdings import AssetRegister
from dpnode.control.questions.motion import MotionVote
from dpnode.control.questions.owning import (
    AssetDecide,
    GroupAgree,
    GroupFound,
    GroupJoin,
    GroupShow,
    ShareList,
    ShareOffer,
    ShareTake,
)
from tests.journeys.nodes import Street, level, until


def test_a_group_comes_to_own_a_part_with_one_member_away_and_decides_with_the_co_owners(alone: Street) -> None:
    ada, bob, cleo = alone.node("ada"), alone.node("bob"), alone.node("cleo")
    alone.network(ada, bob, cleo)
    bob.ask(GroupFound(label="Mill", members=("cleo",), needed=2))
    until(lambda: level(ada, bob, cleo), "the group to be known")
    cleo.ask(GroupJoin(id="Mill"))
    ada.ask(AssetRegister(label="printer", kind="3d-printer", units=100))
    offered = ada.ask(ShareOffer(asset="printer", owner="Mill", units=60))
    until(lambda: level(ada, bob, cleo), "the offer to be known")
    cleo.kill()
    assert bob.ask(ShareTake(id=offered["entry"], group="Mill"))["needed"] == 2
    bob.kill()
    cleo.up()
    (act,) = until(lambda: cleo.ask(GroupShow(id="Mill"))["acts"], "what was put to the group meanwhile")
    assert cleo.ask(GroupAgree(id=act["id"]))["done"] is True
    bob.up()
    motion = ada.ask(AssetDecide(asset="printer", kind="uses", uses=("40 h machine time per 7d",)))["id"]
    assert ada.ask(MotionVote(id=motion, yes=True))["state"] == "open"
    until(lambda: level(ada, bob, cleo), "the motion to be known")
    vote = bob.ask(MotionVote(id=motion, yes=True, group="Mill"))
    until(lambda: level(ada, bob, cleo), "the vote to be put to the group")
    cleo.ask(GroupAgree(id=vote["act"]))
    until(lambda: level(ada, bob, cleo), "the same ledger")
    pages = [node.ask(ShareList(owner="Mill")) for node in (ada, bob, cleo)]
    assert pages[0] == pages[1] == pages[2]
    (row,) = pages[0]["shares"]
    assert (row["units"], row["uses"]) == (60, ["24 h machine time per 7d"])
    cleo.kill()
    assert cleo.reads(ShareList(owner="Mill")) == pages[0]
