"""Who was away fetches what it lacks from all that are there, and one that freezes delays it no longer than a moment.

SPEC P-90 to P-92 with real daemons.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dpnode.control.questions.ledger import LedgerStatus
from protocol.limits import RANGE_DEADLINE_MS
from tests.journeys.histories import LIMITS, lengthen
from tests.journeys.nodes import Node, level, street, until

MISSED = 12_000
"""Credits, of 800 bytes each: ten ranges."""
FINISHED_S = 60.0


@pytest.fixture
def town() -> Iterator[tuple[Node, Node, Node]]:
    """The witness and a member who have a long ledger, and one who stopped before it was."""
    with street() as made:
        ada, bob, cleo = (made.node(name) for name in ("ada", "bob", "cleo"))
        made.network(ada, bob, cleo, limits=LIMITS)
        until(lambda: level(ada, bob, cleo), "the same ledger")
        cleo.stop()
        ada.stop()
        lengthen(ada, MISSED)
        ada.up()
        until(lambda: level(ada, bob), "the same ledger", FINISHED_S)
        yield ada, bob, cleo


def test_a_machine_that_freezes_while_it_brings_blocks_delays_nobody_for_long(town: tuple[Node, Node, Node]) -> None:
    """P-91, P-92: another brings its part, long before its time is over."""
    ada, bob, cleo = town
    before = int(ada.ask(LedgerStatus())["height"]) - MISSED // 100
    cleo.up()
    until(lambda: cleo.height() > before, "the first range")
    ada.freeze()
    try:
        until(lambda: level(bob, cleo), "the same ledger", RANGE_DEADLINE_MS / 1000 - 2)
    finally:
        ada.thaw()
    until(lambda: level(ada, bob, cleo), "the same ledger")
