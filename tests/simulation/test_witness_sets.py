"""A network that goes from one witness to four, to seven and back to four while its members go on paying.

The real cores on a network that loses, delays, doubles and reorders messages, with every rule watched from outside.
In every epoch entries become final, and at every stage as many witnesses lose their power as may: f of them.
Rules kept here: G-2, G-4, G-5 (the list changes as was voted), J-3 (votes), V-2 (how many may fail), V-22, V-23 (an
epoch is closed by a final block, and the next one stands on it).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ledger.block import read_block
from tests.simulation.ballots import quorum_of
from tests.simulation.council import Council
from tests.simulation.memo import memoised
from tests.simulation.seating import Seating
from tests.simulation.weather import Faults

SEED = 1
FAULTS = Faults(loss=0.02, twice=0.1, delay_ms=100, in_order=False, linger_ms=500)
"""A poor network, on which three witnesses, none of whom may be missing, still get on."""
STAGES = (4, 7, 4)
"""How many witnesses there are to be, one stage after the other, from one on."""
ABOUT_WITNESSES = ("motion.", "seat.", "evidence.")
FLOW_MS = 300
"""Between two things that somebody does."""
LEAST = 3
"""Other entries that must become final in each epoch, and while as many witnesses are down as may be."""
DOWN_MS = 20_000
END_MS = 300_000
HEALED_MS = 120_000


class March(Seating):
    """Motions for one stage after the other, each when the change before it is done and entries have flowed since."""

    def __init__(self, council: Council) -> None:
        super().__init__(council, council.storm)
        self.stages = list(STAGES)
        self.sizes = [1]
        """How many witnesses there were, epoch by epoch."""
        self.while_down: list[int] = []
        """How many other entries became final while f witnesses were down, at each stage."""
        self._asked = 0
        """The epoch in which the last motion was opened."""
        self._is_dark = False
        self.cluster.at(FLOW_MS, self._flow)

    def _later(self) -> None:
        """Nobody opens a motion at random."""

    def _flow(self) -> None:
        if self.stages:
            self.council._whim(self.dice.choice(self.council.founders()).who)
            self.cluster.at(FLOW_MS, self._flow)

    def _look(self) -> None:
        super()._look()
        chain, size = self._furthest().parts.core.chain, len(self.storm.seated())
        if chain.head.epoch > len(self.sizes):
            self.sizes.append(size)
        if not self.stages or self._is_dark or flowed(self._furthest())[chain.head.epoch] < LEAST:
            return
        if size == self.stages[0]:
            self._darken(size)
        elif self._asked < chain.head.epoch:
            self._asked = chain.head.epoch
            self._change(size < self.stages[0])

    def _change(self, is_more: bool) -> None:
        seated = self.storm.seated()
        if is_more:
            node = next(one for one in self.council.founders() if one not in seated)
            self.coming.add(node.who.peer)
        else:
            # The one with which everything began goes first.
            node = seated[0]
            self.leaving.add(node.who.peer)
        # A member has at most three motions whose end has not come: everybody opens some.
        founders = self.council.founders()
        self._propose(founders[self._asked % len(founders)], "seat" if is_more else "unseat", node)

    def _darken(self, size: int) -> None:
        """As many witnesses as may be down are without power for a while; then the next stage begins."""
        self._is_dark = True
        before = flowed(self._furthest()).total()
        down = self.dice.sample(self.storm.seated(), size - quorum_of(size))
        left = set(map(id, down))
        for node in down:

            def mend(node: Any = node) -> None:
                if len(left) == len(down):
                    self.while_down.append(flowed(self._furthest()).total() - before)
                    self.stages.pop(0)
                    self._is_dark = False
                left.discard(id(node))

            self.cluster.power_cut(node, down_ms=DOWN_MS, mend=mend)

    def _furthest(self) -> Any:
        return max(self.cluster.nodes.values(), key=lambda one: len(one.disk.blocks))


def flowed(node: Any) -> Counter[int]:
    """How many entries that are not about witnesses are final at a node, by epoch."""
    found: Counter[int] = Counter()
    for served in node.disk.blocks:
        block = read_block(served.body)
        found[block.header.epoch] += sum(not one.name.startswith(ABOUT_WITNESSES) for one in block.entries)
    return found


def test_entries_keep_flowing_from_one_witness_to_four_to_seven_and_back_to_four() -> None:
    with memoised():
        council = Council(SEED, witnesses=1, machines=7, allowed=frozenset())
        cluster, everybody = council.cluster, list(council.cluster.nodes.values())
        cluster.faults = FAULTS
        for i, node in enumerate(everybody):
            for other in everybody[i + 1 :]:
                cluster.wire(node.who, other.who)
        march = council.storm.seating = March(council)
        while march.stages and cluster.now_ms < END_MS:
            cluster.run(cluster.now_ms + 1_000)
        assert march.sizes == [1, 2, 3, 4, 5, 6, 7, 6, 5, 4], f"after {cluster.now_ms} ms"
        assert [count >= LEAST for count in march.while_down] == [True, True, True], march.while_down
        council.storm.calm()
        healed_ms = cluster.now_ms + HEALED_MS
        while (problem := council.difference()) and cluster.now_ms < healed_ms:
            cluster.run(cluster.now_ms + 1_000)
        assert not problem
        council._nothing_lost()
    last = council.honest()[0]
    assert all(flowed(last)[epoch] >= LEAST for epoch in range(1, len(march.sizes) + 1))
    assert {len(one.parts.core.chain.voting_keys) for one in council.honest()} == {4}
    assert everybody[0] not in council.storm.seated(), "the first witness is none any more"
