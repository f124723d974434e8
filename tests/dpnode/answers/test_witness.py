"""A witness's seat as its owner takes, keeps and gives it up, and what `status` says of it."""

from __future__ import annotations

from pathlib import Path

from dpnode.clock import now
from dpnode.control.questions.holdings import AssetRegister
from dpnode.control.questions.ledger import LedgerAlarmsSeen, LedgerEvidence
from dpnode.control.questions.motion import MotionOpen, MotionVote
from dpnode.control.questions.network import NetworkShow
from dpnode.control.questions.node import Status
from dpnode.control.questions.witness import WitnessAccept, WitnessRekey, WitnessResign
from dpnode.node import ALARMS_KEPT, Node
from dpnode.store.rows import Commit
from protocol.effects import Alarm, Keep
from protocol.replication.forks import alarm
from tests.dpnode.answers.grown import Grown
from tests.dpnode.answers.nodes import Wire, asked, join_home, refused, running, until, until_heard

ALONE = "1 witness: nothing becomes final while it is down, and everybody trusts it alone"
TWO = "2 witnesses: every one of them must be up, or nothing becomes final"


async def test_the_only_witness_is_told_what_that_means_and_how_it_stands(tmp_path: Path) -> None:
    """V-2."""
    async with running(Grown(tmp_path / "ada").home) as ada:
        told = await asked(ada, Status())
        assert told["withstands"] == ALONE and ALONE in told["reminders"]
        seat = told["seat"]
        assert (seat["votes"], seat["place"], seat["epoch"], seat["witnesses"]) == (True, 0, 1, 1)
        assert (seat["connected"], seat["away"], seat["works"]) == ([], [], False)
        assert (await asked(ada, NetworkShow()))["withstands"] == ALONE
        assert (await refused(ada, WitnessResign())).details["reason"] == "seat.last"
        assert (await refused(ada, WitnessAccept())).details["reason"] == "seat.no-motion"


async def test_a_fresh_key_is_tried_without_a_trace_and_then_follows(tmp_path: Path) -> None:
    """G-6: the rest is shown with real daemons."""
    async with running(Grown(tmp_path / "ada").home) as ada:
        old = ada.core.chain.voting_keys[0]
        tried = await asked(ada, WitnessRekey(dry_run=True))
        assert tried["dry_run"] and not ada.home.votes_next.exists()
        done = await asked(ada, WitnessRekey())
        assert done["binding"] == "final" and done["withstands"] == ALONE
        assert ada.core.chain.voting_keys != [old]
        assert ada.seat.must_change(ada.core.chain)
        seat = (await asked(ada, Status()))["seat"]
        assert not seat["votes"] and "voting key" in seat["why"]


async def test_who_was_given_a_seat_is_told_the_command_that_takes_it(tmp_path: Path) -> None:
    """G-4."""
    grown, wire = Grown(tmp_path / "ada"), Wire()
    bob_home = join_home(grown, tmp_path / "bob", "Bob", 7)
    async with running(grown.home, wire) as ada, running(bob_home, wire) as bob:
        opened = await asked(ada, MotionOpen(kind="seat", member="Bob"))
        await asked(ada, MotionVote(id=opened["id"], yes=True))
        assert (await refused(ada, WitnessAccept(motion=opened["id"]))).details["reason"] == "seat.no-motion"
        await until(bob, lambda: bob.core.chain.head.height == ada.core.chain.head.height)
        command = f"`dpnode witness accept {opened['id'][:17]}`"
        assert any(command in line for line in (await asked(bob, Status()))["reminders"])
        assert (await refused(bob, WitnessRekey())).details["reason"] == "seat.not-a-witness"
        tried = await asked(bob, WitnessAccept(dry_run=True))
        assert tried["withstands"] == TWO, "what would be then, not what is"
        done = await asked(bob, WitnessAccept())
        assert (done["binding"], done["motion"]) == ("final", opened["id"])
        assert done["withstands"] == TWO
        assert not any(command in line for line in (await asked(bob, Status()))["reminders"])
        seat = (await asked(ada, Status()))["seat"]
        assert [one["name"] for one in seat["connected"]] == ["Bob"]
        assert (await asked(bob, WitnessResign(dry_run=True)))["withstands"] == ALONE
        assert not any("nothing becomes final here" in line for line in (await asked(bob, Status()))["reminders"])
        await unplug(wire, ada)
        stands = "nothing becomes final here for now: 1 of 2 witnesses are connected and 2 are needed; not Ada"
        await until_heard(bob, lambda: not bob.core.ledger.neighbours.peers)
        assert stands in (await asked(bob, Status()))["reminders"]


async def test_a_member_whose_entry_waits_for_the_witness_is_told_whom_it_waits_for(tmp_path: Path) -> None:
    """V-2."""
    grown, wire = Grown(tmp_path / "ada"), Wire()
    bob_home = join_home(grown, tmp_path / "bob", "Bob", 7)
    async with running(grown.home, wire) as ada, running(bob_home, wire) as bob:
        await until(bob, lambda: bob.core.chain.head.height == ada.core.chain.head.height)
        await unplug(wire, ada)
        await until_heard(bob, lambda: not bob.core.ledger.neighbours.peers)
        waits = "what you wrote waits, and is sent until it is final: the witness Ada is not connected"
        assert waits not in (await asked(bob, Status()))["reminders"], "nothing of Bob's waits"
        await asked(bob, AssetRegister(label="anvil", kind="tool", wait_ms=0))
        assert waits in (await asked(bob, Status()))["reminders"]


async def unplug(wire: Wire, node: Node) -> None:
    """Take a node off the wire; it runs on."""
    await wire.unplug(next(peer for peer, driver in wire.drivers.items() if driver is node.driver))


async def test_a_second_history_is_told_at_every_start_until_its_owner_has_seen_it(tmp_path: Path) -> None:
    """V-24: a restart says no less."""
    grown, said = Grown(tmp_path / "ada"), "another history is certified at block 9; signed by mem-x"
    async with running(grown.home) as ada:
        assert (await asked(ada, LedgerEvidence()))["alarms"] == []
        for effect in alarm(said, now()):
            if isinstance(effect, Keep):
                await ada.store.commit(Commit(kept=[(effect.kind, effect.id, effect.value)]))
            else:
                ada.tell(effect)
        assert (await asked(ada, Status()))["alarms"] == [said]
    for _ in range(2):
        async with running(grown.home) as ada:
            assert (await asked(ada, Status()))["alarms"] == [said]
            (kept,) = (await asked(ada, LedgerEvidence()))["alarms"]
            assert kept["sentence"] == said and kept["at_ms"] > 0
            ada.tell(Alarm(sentence="another"))
    async with running(grown.home) as ada:
        ada.tell(Alarm(sentence="another"))
        assert (await asked(ada, LedgerAlarmsSeen(dry_run=True)))["seen"] == 1
        assert (await asked(ada, LedgerAlarmsSeen()))["seen"] == 1
        assert (await asked(ada, Status()))["alarms"] == ["another"], "only what was shown there"
        assert (await asked(ada, LedgerEvidence()))["alarms"] == []
        assert (await asked(ada, LedgerAlarmsSeen()))["seen"] == 0
    async with running(grown.home) as ada:
        assert (await asked(ada, Status()))["alarms"] == []


async def test_the_last_alarms_stay_in_status_once_each(tmp_path: Path) -> None:
    async with running(Grown(tmp_path / "ada").home) as ada:
        for number in range(ALARMS_KEPT + 2):
            ada.tell(Alarm(sentence=f"alarm {number}"))
            ada.tell(Alarm(sentence=f"alarm {number}"))
        told = await asked(ada, Status())
        assert told["alarms"] == [f"alarm {number}" for number in range(2, ALARMS_KEPT + 2)]
        assert told["reminders"][:ALARMS_KEPT] == told["alarms"]
