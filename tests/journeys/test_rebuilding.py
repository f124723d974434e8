"""A damaged ledger comes back with one command: fetched from the members, keys kept, and no vote contradicted. V-10."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial

import pytest

from dpnode.control.questions.holdings import AssetList, AssetRegister, CreditOpen
from dpnode.control.questions.ledger import LedgerRebuild, LedgerVerify
from dpnode.control.questions.witness import WitnessRekey
from dpnode.errors import FailKind
from dpnode.voting import floor_record, open_votes
from tests.journeys.nodes import Node, NotStarted, Street, level, until
from tests.journeys.test_damage import DAMAGES, grown, overwrite
from tests.journeys.test_witnesses import LIMITS, LONG_MS, frozen, goes_on, seat, votes


def spoil_page(node: Node) -> int:
    overwrite(node, 3)
    return 1


def spoil_all(node: Node) -> int:
    for page in range(node.home.database.stat().st_size // 4_096):
        overwrite(node, page)
    return 1


HARMS: dict[str, Callable[[Node], int]] = {
    "a page overwritten": spoil_page,
    "every page overwritten": spoil_all,
    "a state value flipped": DAMAGES["a state value flipped"],
    "an old block gone": DAMAGES["an old block gone"],
    "the charter unreadable": DAMAGES["the charter unreadable"],
    "all of it removed": lambda node: ([path.unlink() for path in node.home.root.glob("ledger.db*")] and 1) or 0,
}


def rebuild(node: Node) -> None:
    """As its owner does."""
    with pytest.raises(NotStarted, match="dpnode ledger rebuild") as refused:
        node.up()
    assert refused.value.status == 8
    done = node.dpnode("ledger", "rebuild")
    assert done.returncode == 0 and "now: dpnode up" in done.stdout, done
    node.up()


@pytest.mark.parametrize("harm", HARMS)
def test_a_member_s_ledger_is_fetched_anew_with_one_command_and_its_keys_are_what_they_were(
    alone: Street, harm: str
) -> None:
    ada, bob = grown(alone)
    bob.ask(AssetRegister(label="anvil", kind="tool"))
    members, working = ada.height(), bob.identity.working.public
    bob.stop()
    assert HARMS[harm](bob)
    if harm == "all of it removed":
        assert bob.dpnode("ledger", "rebuild").returncode == 0
        # Nothing is left that says where anybody was: the owner names one machine.
        names_a_machine(bob, ada)
        bob.up()
    elif harm == "every page overwritten":
        done = bob.dpnode("ledger", "rebuild")
        assert done.returncode == 0 and "known_peers" in done.stdout, done
        names_a_machine(bob, ada)
        bob.up()
    else:
        rebuild(bob)
    until(lambda: level(ada, bob), "the ledger to be fetched anew")
    assert bob.height() == members and bob.identity.working.public == working
    assert bob.ask(AssetRegister(label="hammer", kind="tool"))["binding"] == "final"
    assert {row["label"] for row in bob.ask(AssetList())["assets"]} == {"anvil", "hammer"}
    assert bob.ask(LedgerVerify())["height"] == bob.height()
    bob.stop()
    bob.up()
    assert bob.ask(AssetRegister(label="saw", kind="tool"))["binding"] == "final"


def names_a_machine(node: Node, other: Node) -> None:
    """The owner says in the settings where another machine is."""
    line = next(line for line in node.home.config.read_text("utf-8").splitlines() if line.startswith("listen"))
    status = other.status()
    known = f"{status['addresses'][0]}/p2p/{status['peer']}"
    node.settle({"network": {"listen": [line.split('"')[1]], "known_peers": [known]}})


def test_an_entry_that_was_recorded_and_not_final_outlives_the_damage(alone: Street) -> None:
    ada, bob = grown(alone)
    ada.stop()
    made = bob.ask(AssetRegister(label="anvil", kind="tool", wait_ms=0))
    assert made["binding"] == "recorded"
    bob.stop()
    assert DAMAGES["a state value flipped"](bob)
    rebuild(bob)
    ada.up()
    until(lambda: level(ada, bob), "the ledger to be fetched anew")
    until(lambda: [row["label"] for row in bob.ask(AssetList())["assets"]] == ["anvil"], "the entry to be final")


def test_a_witness_of_four_is_rebuilt_and_votes_again_when_it_has_caught_up_with_its_votes(alone: Street) -> None:
    nodes = [alone.node(name) for name in ("founder", "guest1", "guest2", "guest3")]
    founder, hurt, *others = nodes
    alone.network(*nodes, limits=LIMITS)
    founder.ask(CreditOpen(symbol="EUR", redeemable="a test"))
    until(lambda: level(*nodes), "the credit to be known")
    seat(founder, nodes[1:], voters=nodes[1:3])
    for _ in range(3):
        goes_on(founder)
    with frozen(others[0]), frozen(others[1]):
        # Votes that came to nothing stand above the last final block.
        founder.ask(AssetRegister(label="anvil", kind="tool", wait_ms=1_500))
        hurt.kill()
    assert DAMAGES["an old block gone"](hurt)
    rebuild(hurt)
    until(partial(votes, hurt), "the witness to vote again")
    with frozen(others[0]):
        goes_on(founder)
    founder.stop()
    assert DAMAGES["an old block gone"](founder)
    rebuild(founder)
    until(partial(votes, founder), "the founder, who once was the only witness, to vote again")
    with frozen(others[0]):
        goes_on(founder)
    until(lambda: level(*nodes), "the same ledger everywhere")
    assert not hurt.status()["alarms"] and not founder.status()["alarms"]
    hurt.stop()
    shutil.rmtree(hurt.home.votes)
    assert DAMAGES["an old block gone"](hurt)
    rebuild(hurt)
    until(lambda: hurt.height() == founder.height(), "the ledger to be fetched anew")
    assert not votes(hurt) and any("dpnode witness rekey" in line for line in hurt.status()["reminders"])
    assert hurt.ask(WitnessRekey(wait_ms=LONG_MS))["binding"] == "final"
    until(partial(votes, hurt), "the witness to vote under its fresh key")


def test_the_only_witness_gets_its_ledger_back_from_a_member_and_goes_on_where_its_votes_end(alone: Street) -> None:
    ada, bob = grown(alone)
    height, root = bob.root()
    ada.stop()
    assert DAMAGES["a state value flipped"](ada)
    rebuild(ada)
    until(lambda: level(ada, bob), "the ledger to be fetched anew")
    assert ada.root() == (height, root)
    until(lambda: ada.status()["witness"], "the only witness to vote again")
    assert bob.ask(AssetRegister(label="anvil", kind="tool"))["binding"] == "final"
    until(lambda: level(ada, bob), "the same ledger")
    assert bob.ask(LedgerVerify())["height"] == height + 1


def begin_votes_anew(node: Node, view: int) -> None:
    """As its journal does by itself once it is long: what is final stands in it no more."""
    with open_votes(node.home.votes, create=False) as (journal, _):
        journal.prune([floor_record(1, view)])


def test_the_only_witness_votes_again_where_the_members_have_all_that_its_votes_made_final_and_never_where_not(
    alone: Street,
) -> None:
    ada, bob = grown(alone)
    height = ada.height()
    ada.stop()
    begin_votes_anew(ada, height)
    assert DAMAGES["a state value flipped"](ada)
    bob.freeze()
    rebuild(ada)
    assert ada.status()["seat"]["votes"] is False and "older than the journal of votes" in ada.status()["seat"]["why"]
    bob.thaw()
    until(lambda: level(ada, bob), "the ledger to be fetched anew")
    until(lambda: ada.status()["witness"], "the only witness to vote again")
    assert bob.ask(AssetRegister(label="anvil", kind="tool"))["binding"] == "final"
    until(lambda: level(ada, bob), "the same ledger")
    bob.stop()
    assert ada.ask(AssetRegister(label="known to one machine", kind="tool"))["binding"] == "final"
    lost = ada.height()
    ada.stop()
    begin_votes_anew(ada, lost)
    assert DAMAGES["a state value flipped"](ada)
    rebuild(ada)
    bob.up()
    until(lambda: level(ada, bob), "what the member has to be fetched")
    made = bob.ask(AssetRegister(label="hammer", kind="tool", wait_ms=3_000))
    assert made["binding"] == "recorded" and ada.height() == lost - 1
    assert ada.status()["witness"] is False and "older than the journal of votes" in ada.status()["seat"]["why"]


def test_a_whole_ledger_a_running_node_and_a_home_of_no_network_are_not_rebuilt(alone: Street) -> None:
    _, bob = grown(alone)
    assert bob.refuses(LedgerRebuild()).kind is FailKind.REFUSED
    done = bob.dpnode("ledger", "rebuild")
    assert done.returncode == 5 and "dpnode down" in done.stderr, done
    bob.stop()
    done = bob.dpnode("ledger", "rebuild")
    assert done.returncode == 5 and "nothing to rebuild" in done.stderr, done
    assert DAMAGES["an old block gone"](bob)
    before = bob.home.database.read_bytes()
    done = bob.dpnode("ledger", "rebuild", "--dry-run")
    assert done.returncode == 0 and bob.home.database.read_bytes() == before, done
    assert bob.dpnode("ledger", "rebuild").returncode == 0
    assert bob.home.root.joinpath("ledger.old1.db").read_bytes() == before, "set aside, not thrown away"
    stranger = alone.node("stranger")
    done = stranger.dpnode("ledger", "rebuild")
    assert done.returncode == 5 and "join" in done.stderr, done
