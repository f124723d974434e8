"""Who may do what on our connections: the ledger says whose machine a peer is.

Only members' machines may do more than ask to join. While a fresh home does not hold the ledger yet, the machine that
invited it is let in to serve it.
"""

from __future__ import annotations

from collections.abc import Callable

from dpnode.net import Admission, show_peer_id
from dpnode.net.api import PeerId
from dpnode.safe_text import safe_name
from ledger import queries
from ledger.operations.members import member_of_peer
from ledger.state import View


class LedgerGate:
    """Answers from the last final state."""

    def __init__(self, state: Callable[[], View | None]) -> None:
        self._state = state
        self.introducers: set[bytes] = set()

    def may(self, peer_id: PeerId) -> Admission:
        """What this peer is to us now."""
        view = self._state()
        if peer_id in self.introducers:
            return Admission.MEMBER
        if view is not None and member_of_peer(view, peer_id) is not None:
            return Admission.MEMBER
        return Admission.STRANGER


def machine_named(view: View, peer: bytes) -> str:
    """Whose machine a peer is, for the log: ``ada's machine 12D3Koo...``, or ``a stranger's ...``; one safe line."""
    member = member_of_peer(view, peer)
    person = None if member is None else queries.person(view, member)
    owner = "a stranger" if person is None else safe_name(person.name)
    return f"{owner}'s machine {show_peer_id(PeerId(peer))}"
