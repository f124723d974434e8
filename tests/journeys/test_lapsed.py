"""A real member's entry that no witness took in time is told of, through kill -9 as well (SPEC P-16, P-19)."""

from __future__ import annotations

import time

from dpnode.control.questions.holdings import AssetRegister
from dpnode.control.questions.ledger import LedgerLapsed, LedgerShow
from tests.journeys.nodes import Street, level, until

LIFE_MS = 5_000
"""An entry's life here, by the charter: for everything else on this street a witness is there."""


def test_an_entry_made_while_the_witness_is_silent_lapses_visibly_and_stays_told_after_kill_9(alone: Street) -> None:
    anna, ben = alone.node("anna"), alone.node("ben")
    anna.found(limits={"until_ms": LIFE_MS})
    for node in (anna, ben):
        node.begin()
    for node in (anna, ben):
        node.ready()
    ben.join(anna.invite(lasts_ms=LIFE_MS))
    until(lambda: level(anna, ben) and ben.sees(anna), "the same ledger at both")
    anna.freeze()
    made = ben.ask(AssetRegister(label="lathe", kind="machine", wait_ms=0))
    assert made["binding"] == "recorded"
    over_s = time.time() + LIFE_MS / 1000 + 0.1
    until(lambda: time.time() > over_s, "the entry's valid-until to pass")
    anna.thaw()
    anna.ask(AssetRegister(label="drill", kind="machine"))
    until(lambda: ben.status()["lapsed"], "block time to pass the entry's valid-until at its author's")
    ben.kill()
    (row,) = ben.reads(LedgerLapsed())["entries"]
    assert row["text"] == "ben registers lathe, a machine"
    assert ben.reads(LedgerShow(id=row["id"]))["notes"] == [f"It never stood in a block: {row['why']}."]
    ben.up()
    status = ben.status()
    assert status["lapsed"] == [row]
    assert any("1 entry of yours never came into a block" in line for line in status["reminders"])
    assert "an entry of ours never came into a block" in ben.log()
    shown = ben.dpnode("ledger", "lapsed")
    assert shown.returncode == 0 and "ben registers lathe, a machine" in shown.stdout
    # What is given again is recorded.
    assert ben.ask(AssetRegister(label="lathe", kind="machine"))["binding"] == "final"
    until(lambda: level(anna, ben), "the same ledger at both")
