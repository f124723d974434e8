"""Whatever keeps the page of the door can order the ledger: nobody needs to know more of what stands behind it."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.replication.door import Door
from protocol.replication.ledger_peer import LedgerPeer
from protocol.replication.orderer import Orderer
from tests.simulation.life import Town
from tests.simulation.memo import memoised

NAMES = {name for name in (*vars(Door), *Door.__annotations__) if not name.startswith("_")}


class Narrow:
    """An ordering of which nothing can be seen or used but what stands in the door."""

    def __init__(self, *given: Any) -> None:
        self._engine = Orderer(*given)
        self.used: set[str] = set()

    @property
    def _replica(self) -> Any:
        """For the simulation's observer, which looks at every machine from outside."""
        return self._engine._replica

    @property
    def _branches(self) -> Any:
        """As above."""
        return self._engine._branches

    def __getattr__(self, name: str) -> Any:
        assert name in NAMES, f"{name} does not stand in the door"
        self.used.add(name)
        return getattr(self._engine, name)


def test_a_town_lives_on_an_ordering_of_which_it_sees_the_door_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LedgerPeer, "engine", Narrow)
    with memoised():
        town = Town(0)
        town.run()
    doors = [node.parts.core.ledger.orderer for node in town.cluster.nodes.values()]
    assert all(isinstance(door, Narrow) for door in doors)
    assert town.cluster.observer.standing
    assert {"look", "stored", "started", "wake_ms", "step", "certificate"} <= set().union(
        *(door.used for door in doors)
    )
