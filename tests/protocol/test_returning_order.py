"""In which order what was lost ends, and whose machine no way back may end: SPEC P-59, P-59a."""

from __future__ import annotations

import pytest

from ledger.entry import sign_entry
from protocol.joining import Declined
from protocol.returning import ask_restore
from tests.protocol.stand import ANN, BEN, Stand
from tests.protocol.test_returning import NEW, STAND, UNTIL_MS, read, ticket_of, way_back


def test_the_new_machine_is_bound_before_the_lost_ones_end() -> None:
    """P-59a."""
    assert [one.name for one in way_back(STAND, is_alone=True)] == [
        "membership.revoke/1",
        "membership.certify/1",
        "membership.machine/1",
        "membership.unbind/1",
    ]


@pytest.mark.parametrize(("witnesses", "is_declined"), [(1, False), (2, True), (3, True), (4, False)])
def test_no_way_back_ends_the_machine_of_a_witness_who_may_not_be_missing(witnesses: int, is_declined: bool) -> None:
    """P-59."""
    made = Stand(ANN, "ann", "ben", "cat", "dan", witnesses=witnesses)
    network = made.core.chain.network
    ending = sign_entry(BEN.working, network, 1, UNTIL_MS, {"peer": BEN.peer, "t": "membership.unbind/1"})
    asked = ask_restore(ticket_of(made), BEN.root, NEW.peer, ending)
    if not is_declined:
        assert read(asked, made.core.chain).entry == ending
        return
    with pytest.raises(Declined, match=f"one of {witnesses} witnesses of whom none may be missing"):
        read(asked, made.core.chain)
