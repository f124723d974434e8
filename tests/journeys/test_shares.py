"""Units of an asset change hands between two machines: offered, accepted, entered, whoever is away in between."""

from __future__ import annotations

from typing import Any

from dpnode.control.questions.holdings import AssetRegister, ShareAccept, ShareTransfer
from dpnode.control.questions.ledger import LedgerShares
from tests.journeys.nodes import Node, Street, level, until


def registered(node: Node) -> str:
    return str(node.ask(AssetRegister(label="Desk printer", kind="3d-printer"))["asset"])


def offers(node: Node) -> list[dict[str, Any]]:
    return list(node.ask(ShareAccept())["offers"])


def owners(node: Node, asset: str) -> dict[str, int]:
    return {row["member"]["name"]: row["units"] for row in node.ask(LedgerShares(asset=asset))["owners"]}


def test_offered_units_reach_the_other_machine_and_change_hands_when_accepted(alone: Street) -> None:
    ada, bob, cleo = alone.node("ada"), alone.node("bob"), alone.node("cleo")
    alone.network(ada, bob, cleo)
    asset = registered(bob)
    for receiver in (ada, cleo):
        bob.ask(ShareTransfer(asset=asset, member=receiver.name, units=250_000))
        (offer,) = until(lambda node=receiver: offers(node), "the offer to arrive")  # type: ignore[misc]
        assert (offer["units"], offer["from"]["name"]) == (250_000, "bob")
        assert receiver.ask(ShareAccept(id=offer["id"]))["binding"] == "final"
    until(lambda: level(ada, bob, cleo), "the same ledger")
    for node in (ada, bob, cleo):
        assert owners(node, asset) == {"ada": 250_000, "bob": 500_000, "cleo": 250_000}


def test_an_offer_and_its_acceptance_survive_kill_9_and_find_each_other_later(alone: Street) -> None:
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada, bob)
    asset = registered(ada)
    until(lambda: level(ada, bob), "the asset to be known")
    bob.kill()
    until(lambda: not ada.sees(bob), "the receiver to be missed")
    told = ada.ask(ShareTransfer(asset=asset, member="bob", units=1))
    assert any("away" in note for note in told["notes"])
    ada.kill()
    ada.up()
    bob.up()
    (offer,) = until(lambda: offers(bob), "the offer to arrive when both are there")
    ada.kill()
    accepted = bob.ask(ShareAccept(id=offer["id"], wait_ms=300))
    assert accepted["binding"] == "agreed", "both have signed; the giver's machine is away"
    bob.kill()
    bob.up()
    assert owners(bob, asset) == {"ada": 1_000_000}
    ada.up()
    until(lambda: owners(bob, asset).get("bob") == 1, "the transfer to be entered")
    assert offers(bob) == []
