"""Members who lie, and witnesses who change their keys: what they do really happens, and harms nobody else.

Rules kept here: E-4 to E-6 (what a member may do), P-10 to P-13 (entries that others hand on), V-13 (clocks), G-3, G-6
to G-8 (keys and seats); invariants 5 and 6 of the ledger.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from ledger.block import read_block
from ledger.entry import Entry
from ledger.fold import last_sequence
from tests.simulation.council import PROBE, Council
from tests.simulation.crooks import CROOKED, DAY_ENTRIES
from tests.simulation.memo import memoised

ALONE = {"others-names", "wrong-clock", "wrong-height"}
"""What is hardest for an only witness, of whom there is no other to ask."""


@cache
def lived(fault: str, trick: str = "") -> Council:
    """A council after a life in which one thing went wrong all the time."""
    witnesses, crooked = (1 if trick in ALONE else 4), frozenset({trick}) if trick else None
    with memoised():
        council = Council(0, witnesses=witnesses, allowed=frozenset({fault}), always=True, crooked=crooked)
        council.run()
    return council


def final(council: Council) -> list[Entry]:
    return [entry for served in council.honest()[0].disk.blocks for entry in read_block(served.body).entries]


@pytest.mark.parametrize("trick", CROOKED)
def test_the_honest_are_heard_whatever_a_member_does(trick: str) -> None:
    council = lived("crooks", trick)
    assert council.crooks()
    assert all(crook.played[trick] for crook in council.crooks())
    standing = council.cluster.observer.standing
    heard = [entry_id in standing for _, entry_id, about in council.moves if about == PROBE]
    assert len(heard) == len(council.honest())
    assert all(heard)


def test_a_flood_goes_up_to_the_daily_allowance_and_beyond_it_comes_to_nothing() -> None:
    council = lived("crooks", "flood")
    crook, honest = council.crooks()[0].node.who.working.public, council.honest()[0]
    made = Counter(entry.key for entry in final(council))
    assert made.pop(crook) == DAY_ENTRIES
    assert max(made.values()) < DAY_ENTRIES
    # It had more to say, and others kept it for a while.
    highest = max(node.parts.core.ledger.pool.highest(crook) for node in council.honest())
    assert highest > last_sequence(honest.parts.core.chain.state, crook)


def test_of_two_entries_with_one_number_one_at_most_is_final() -> None:
    council = lived("crooks", "double-spend")
    key = council.crooks()[0].node.who.working.public
    numbers = Counter(entry.sequence for entry in final(council) if entry.key == key)
    assert len(numbers) > 1
    assert set(numbers.values()) == {1}


def test_witnesses_change_their_keys_resign_and_sit_down_again_while_entries_flow() -> None:
    council = lived("new-keys")
    assert council.keys is not None
    assert council.keys.rekeyed > 0
    names = {entry.name for entry in final(council)}
    assert {"membership.profile/1", "seat.accept/1", "seat.rekey/1", "seat.resign/1"} <= names
    gone: set[bytes] = set()
    came_back = False
    for entry in final(council):
        gone |= {entry.key} if entry.name == "seat.resign/1" else set()
        came_back |= entry.name == "seat.accept/1" and entry.key in gone
    assert came_back
