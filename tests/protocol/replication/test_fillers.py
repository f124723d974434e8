"""What uses a lapsed number up must not be lapsed itself: an only witness gave the same filler up again for ever.

SPEC P-16.
"""

from __future__ import annotations

from protocol.effects import Commit, DropPending, Final, KeepPending
from protocol.inputs import Quiet
from protocol.limits import CLOCK_TOLERANCE_MS
from tests.protocol.stand import ANN, Stand, of, profile


def test_where_all_that_follows_has_lapsed_too_the_numbers_are_filled_once_and_the_witness_rests() -> None:
    """P-16: by an only witness's clock, before any block says so."""
    ann = Stand(ANN)
    ann.submit(profile("soon"), life_ms=1_000)
    ann.submit(profile("soon as well"), life_ms=1_000)
    ann.at_ms = 2_000
    effects = []
    for _ in range(20):
        effects += ann.tick(1) + ann.give(Quiet())
    ended = [one.entry_id for one in of(effects, Final) if one.outcome]
    assert len(ended) == len(set(ended)) == 2
    kept = [entry for one in of(effects, KeepPending) for entry in one.entries]
    assert all(entry.until_ms >= ann.core.chain.head.time_ms for entry in kept)
    assert len(kept) <= 1 and len(of(effects, DropPending)) <= 4
    assert len(of(effects, Commit)) <= 2
    assert set(ann.disk.pending) == {one.id for one in ann.ledger.pool.all()} == set()
    assert not ann.ledger.has_work
    ann.tick(CLOCK_TOLERANCE_MS + 60_000)
    ann.submit(profile("later"))
    ann.block()
    assert ann.core.chain.state.get(b"member/" + ANN.member)["about"] == "later"
