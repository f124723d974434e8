"""Bugs in what members may do, to be planted in the cores: their money, their numbers, their days, their keys.

All machines make the same mistake, so no two of them ever differ: only what looks from outside can find it.
"""

from __future__ import annotations

from typing import Any

import ledger.branches
import ledger.fold
import protocol.replication.pool
from ledger.entry import Entry
from ledger.errors import Reason, Refusal
from ledger.operations import accounts
from ledger.state import Overlay
from protocol.replication.clocks import Clocks
from protocol.replication.orderer import Orderer
from protocol.replication.pool import Pool
from protocol.replication.sync import CatchingUp
from tests.simulation.memo import Patch
from tests.simulation.plant import Plant, words


def held_money_spent(patch: Patch) -> None:
    """Whoever has too little free pays with what is held."""
    destroy = accounts.destroy

    def reckless(tx: Overlay, member: bytes, kind: str, thing: bytes, amount: int) -> Refusal | None:
        free, held = accounts.free(tx, member, kind, thing), accounts.held(tx, member, kind, thing)
        if free < amount <= free + held:
            accounts._change(tx, accounts._key(member, kind, thing), (free, held), -free, free - amount)
            return None
        return destroy(tx, member, kind, thing, amount)

    patch.setattr(accounts, "destroy", reckless)


def hold_not_given_back(patch: Patch) -> None:
    """A job ends, and what is left of its money stays held for ever."""
    patch.setattr(accounts, "void", lambda tx, hold_id: None)


def hold_paid_twice(patch: Patch) -> None:
    """What was paid of a hold stays in it."""
    post = accounts.post

    def generous(tx: Overlay, hold_id: bytes, target: bytes, amounts: Any) -> Refusal | None:
        before = tx.raw(accounts._hold_key(hold_id))
        refusal = post(tx, hold_id, target, amounts)
        if refusal is None and before is not None:
            tx.changes[accounts._hold_key(hold_id)] = before
        return refusal

    patch.setattr(accounts, "post", generous)


def allowance_missing(patch: Patch) -> None:
    """A member may add as much to everybody's disk as they like."""
    use_after = ledger.fold._use_after

    def endless(*given: Any) -> list[int]:
        return [use_after(*given)[0], 0, 0]

    patch.setattr(ledger.fold, "_use_after", endless)


def numbers_used_again(patch: Patch) -> None:
    """The number of an entry is not compared with the last one under its key."""
    judged = ledger.fold._judge

    def blind(view: Any, network: bytes, entry: Entry, time_ms: int, limits: Any) -> Any:
        found = judged(view, network, entry, time_ms, limits)
        if isinstance(found, Refusal) and found.reason is Reason.SEQUENCE_USED:
            again = Overlay(view)
            again.put(b"seq/" + entry.key, entry.sequence - 1)
            return judged(again, network, entry, time_ms, limits)
        return found

    judge = Pool.judge

    def lenient(self: Pool, view: Any, entry: Entry, time_ms: int) -> Any:
        again = Overlay(view)
        again.put(b"seq/" + entry.key, entry.sequence - 1)
        return judge(self, again, entry, time_ms)

    patch.setattr(ledger.fold, "_judge", blind)
    patch.setattr(Pool, "judge", lenient)
    patch.setattr(protocol.replication.pool, "last_sequence", lambda view, key: 0)


def forged_entries_taken(patch: Patch) -> None:
    """Nobody looks whether an entry is signed by whose name it bears."""
    patch.setattr(protocol.replication.pool, "is_fully_signed", lambda entry: True)
    patch.setattr(ledger.branches, "is_fully_signed", lambda entry: True)


def wrong_clock_believed(patch: Patch) -> None:
    """The clock furthest from ours tells the time, whoever's it is."""

    def weigh(self: Clocks) -> None:
        self.ahead_ms = max([0, *self._machines_ms.values()], key=abs)

    patch.setattr(Clocks, "_weigh", weigh)


def claimed_height_believed(patch: Patch) -> None:
    """Whoever says that there is more of the ledger is waited for, whatever they can show of it."""
    known = CatchingUp.known

    def trusting(self: CatchingUp, peer: bytes, height: int) -> None:
        known(self, peer, height)
        highest[self] = max(highest.get(self, 0), height)

    highest: dict[CatchingUp, int] = {}
    patch.setattr(CatchingUp, "known", trusting)
    patch.setattr(CatchingUp, "target", property(lambda self: highest.get(self, 0)))


def fresh_key_not_taken(patch: Patch) -> None:
    """A witness whose key was replaced does not vote under the new one until it is started again."""
    patch.setattr(Orderer, "reseated", lambda self, voter, now: [])


JOBS = words("jobs")
CROOKS = words("crooks")

MISRULE = (
    Plant(put=held_money_spent, seed=0, witnesses=1, faults=JOBS),
    Plant(put=hold_not_given_back, seed=0, witnesses=1, faults=JOBS),
    Plant(put=hold_paid_twice, seed=0, witnesses=1, faults=JOBS),
    Plant(put=allowance_missing, seed=0, witnesses=1, faults=CROOKS, crooked=words("flood")),
    Plant(put=numbers_used_again, seed=0, witnesses=4, faults=CROOKS, crooked=words("double-spend")),
    Plant(put=forged_entries_taken, seed=0, witnesses=1, faults=CROOKS, crooked=words("others-names")),
    Plant(put=wrong_clock_believed, seed=0, witnesses=4, faults=CROOKS, crooked=words("wrong-clock")),
    Plant(put=claimed_height_believed, seed=0, witnesses=1, faults=CROOKS, crooked=words("wrong-height")),
    Plant(put=fresh_key_not_taken, seed=0, witnesses=4, faults=words("new-keys")),
)
"""Each with the faults that it takes."""
