"""The simulation has teeth: each bug planted in the cores is found within a few seeds, and what finds it is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import ledger.fold
from ledger.consensus.replica import Replica
from ledger.entry import Entry
from ledger.errors import Reason, Refusal
from ledger.state import Overlay
from protocol.conversation import Conversation
from protocol.effects import Effect, Journal, Keep, KeepPending, Send
from protocol.inputs import Now
from protocol.messages import Have
from protocol.replication.carrying import Carrying
from protocol.replication.directory_peer import DirectoryPeer
from protocol.replication.ledger_peer import LedgerPeer
from protocol.replication.neighbours import Neighbours
from protocol.replication.pool import Pool, Verdict
from protocol.replication.signing import Signing
from tests.simulation.cluster import Faults, memoised
from tests.simulation.life import Town

SEEDS = range(40)
HARD = Faults(loss=0.05, twice=0.3, delay_ms=300, cut=0.01, break_ms=2_000)
LOSSY = Faults(loss=0.3, delay_ms=50)

Patch = pytest.MonkeyPatch


def taken_before_stored(patch: Patch) -> None:
    """The step is taken into memory, and told, before it is on the disk."""
    work, stored = LedgerPeer.work, LedgerPeer.stored

    def early(self: LedgerPeer, now: Now) -> list[Effect]:
        effects = work(self, now)
        return effects if self._step is None else stored(self, now) + effects

    patch.setattr(LedgerPeer, "work", early)


def sent_before_kept(patch: Patch) -> None:
    """An entry of ours is handed on before it is on the disk."""
    submit = LedgerPeer.submit
    patch.setattr(
        LedgerPeer,
        "submit",
        lambda self, wanted, now: sorted(submit(self, wanted, now), key=lambda one: isinstance(one, KeepPending)),
    )


def talk_before_kept(patch: Patch) -> None:
    """A proposal is said before it is on the disk."""
    handle = Conversation._handle

    def turned(self: Conversation, *given: Any) -> list[Effect]:
        return sorted(handle(self, *given), key=lambda one: isinstance(one, Keep))

    patch.setattr(Conversation, "_handle", turned)


def used_numbers_accepted(patch: Patch) -> None:
    """The sequence of a key is not checked."""
    judge, judged = Pool.judge, ledger.fold._judge

    def lenient(self: Pool, view: Any, entry: Entry, time_ms: int) -> Verdict:
        again = Overlay(view)
        again.put(b"seq/" + entry.key, entry.sequence - 1)
        return judge(self, again, entry, time_ms)

    def blind(view: Any, network: bytes, entry: Entry, time_ms: int, limits: Any) -> Any:
        found = judged(view, network, entry, time_ms, limits)
        if isinstance(found, Refusal) and found.reason is Reason.SEQUENCE_USED:
            again = Overlay(view)
            again.put(b"seq/" + entry.key, entry.sequence - 1)
            return judged(again, network, entry, time_ms, limits)
        return found

    patch.setattr(Pool, "judge", lenient)
    patch.setattr(ledger.fold, "_judge", blind)
    patch.setattr("protocol.replication.pool.last_sequence", lambda view, key: 0)


def pending_offered_once(patch: Patch) -> None:
    """A pending entry is handed on when it is new and never again."""
    again = Carrying.again
    patch.setattr(Carrying, "again", lambda self, now: [one for one in again(self, now) if not isinstance(one, Send)])
    patch.setattr(Carrying, "met", lambda self, peer: [])


def votes_forgotten(patch: Patch) -> None:
    """A start takes back neither votes nor the block they finalized."""
    patch.setattr(Replica, "restore", lambda self, **kept: None)


def votes_not_journaled(patch: Patch) -> None:
    """A block is made final without its votes on the disk."""
    work = LedgerPeer.work
    patch.setattr(
        LedgerPeer, "work", lambda self, now: [one for one in work(self, now) if not isinstance(one, Journal)]
    )


def lapsed_numbers_left_open(patch: Patch) -> None:
    """What follows a lapsed entry waits for a number that never comes."""
    patch.setattr(Signing, "fillers", lambda self, lapsed, time_ms: [])


def heights_told_once(patch: Patch) -> None:
    """Whoever missed the news is never told again."""
    tick = Neighbours.tick
    patch.setattr(Neighbours, "tick", lambda self, now: [one for one in tick(self, now) if now.monotonic_ms < 0])


def early_records_dropped(patch: Patch) -> None:
    """Records of members not known yet are forgotten, and told on connecting only."""
    patch.setattr(DirectoryPeer, "_wait", lambda self, peer, statement: None)
    patch.setattr(DirectoryPeer, "_some_records", lambda self, peer, now: [])


def lists_not_compared(patch: Patch) -> None:
    """Adverts are told when they are new and never compared."""
    for name in ("connected", "tick"):
        real: Callable[..., list[Effect]] = getattr(DirectoryPeer, name)

        def without(self: DirectoryPeer, *given: Any, real: Callable[..., list[Effect]] = real) -> list[Effect]:
            return [one for one in real(self, *given) if not (isinstance(one, Send) and isinstance(one.message, Have))]

        patch.setattr(DirectoryPeer, name, without)


BUGS = (
    (taken_before_stored, HARD, "before it was on the disk"),
    (sent_before_kept, HARD, "not on its disk"),
    (talk_before_kept, HARD, "not on its disk"),
    (used_numbers_accepted, HARD, "stands in block"),
    (pending_offered_once, LOSSY, "still waits for"),
    (votes_forgotten, HARD, "two votes"),
    (votes_not_journaled, HARD, "no quorum finalized"),
    (lapsed_numbers_left_open, LOSSY, "still waits for"),
    (heights_told_once, LOSSY, "heights differ"),
    (early_records_dropped, LOSSY, "does not know where"),
    (lists_not_compared, LOSSY, "directories differ"),
)


@pytest.mark.parametrize(("bug", "faults", "said"), BUGS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_planted_bug_is_found(bug: Callable[[Patch], None], faults: Faults, said: str, monkeypatch: Patch) -> None:
    found: list[str] = []
    with memoised(), monkeypatch.context() as patch:
        bug(patch)
        for seed in SEEDS:
            try:
                Town(seed, faults=faults, job=bug is talk_before_kept).run()
            except AssertionError as problem:
                found.append(str(problem))
                if said in found[-1]:
                    return
    pytest.fail(f"{bug.__doc__} was not found in {len(SEEDS)} seeds; what was said: {sorted(set(found))}")
