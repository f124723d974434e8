"""The faults that a council of witnesses lives through, each with a name, drawn and let loose from the seed.

What happens to single messages and effects stands in `weather`; here are the faults that have a beginning and an end:
partitions, machines without power, old disks put back, clocks that jump. A witness that lies, whose journal was put
back or whose clock is far off counts among the f that may fail; there are never more of those.
"""

from __future__ import annotations

from typing import Any

from tests.simulation.liars import DRAWN, Liar
from tests.simulation.weather import Faults

FAULTS = {
    "loss": "messages are lost",
    "delay": "messages take up to 0.8 seconds",
    "duplication": "messages arrive twice",
    "reordering": "a connection does not keep the order",
    "corruption": "a bit of a message is flipped",
    "breaks": "connections end and are dialled again",
    "partition": "the network is in two parts, noticed or not",
    "one-way": "one direction between two machines is dead, and nobody notices",
    "crash": "a machine loses its power between two effects: what was synced stays, the rest is gone",
    "blackout": "all witnesses lose their power at once",
    "old-database": "a machine's database is put back from an older copy; its journal of votes stays",
    "old-disk": "a machine's database and journal are put back from an older copy",
    "skew": "clocks are up to 50 seconds wrong",
    "jump": "a clock jumps by up to an hour, and back",
    "liar": "up to f witnesses lie",
    "seats": "the members change the witnesses while entries flow",
    "slow-disk": "a write takes up to 0.9 seconds, and everything that follows from it waits",
    "torn": "the power goes while votes are being written, and a part of them is on the disk",
    "unsaid": "the power goes when votes are on the disk and nobody was told",
    "jobs": "members have one another make things: money is held, paid out and given back",
    "crooks": "members lie: numbers used twice, others' names, unknown keys, floods, wrong clocks and heights",
    "new-keys": "witnesses go on under fresh keys, resign, and sit down again, while entries flow",
}
OF_DISKS = frozenset({"slow-disk", "torn", "unsaid"})
OF_MEMBERS = {"crooks": 0.2, "jobs": 0.35, "new-keys": 0.3}
"""How likely a seed has them: each makes a network do more, and what is simulated must stay thirty in a minute."""
APART = OF_DISKS | OF_MEMBERS.keys()
"""Faults with dice of their own: without them a seed is the same network as before there were any."""
SELDOM, OFTEN = (0.005, 0.03), (0.1, 0.5)
"""Chances at each write of votes; often where a fault is directed at what is rare."""
SKEW_MS_MAX = 50_000
JUMP_MS_MAX = 3_600_000
DOWN_MS = 4_000
"""Putting a disk back takes longer than any message is under way."""


def drawn(
    dice: Any, disk_dice: Any, member_dice: Any, allowed: frozenset[str], *, always: bool = False
) -> tuple[frozenset[str], Faults]:
    """Which faults a seed has, and how bad those of messages, effects and disks are."""
    names = frozenset(name for name in FAULTS if name not in APART and (dice.random() < 0.5 or always))
    names |= frozenset(name for name, chance in OF_MEMBERS.items() if member_dice.random() < chance or always)
    names |= frozenset(name for name in sorted(OF_DISKS) if disk_dice.random() < 0.5 or always)
    names &= allowed
    faults = Faults(
        loss=dice.choice([0.02, 0.1, 0.3]) if "loss" in names else 0.0,
        twice=dice.choice([0.1, 0.3]) if "duplication" in names else 0.0,
        damage=dice.choice([0.002, 0.02]) if "corruption" in names else 0.0,
        delay_ms=dice.choice([50, 300, 800]) if "delay" in names else dice.choice([5, 20]),
        cut=dice.choice([0.0005, 0.002, 0.005]) if "crash" in names else 0.0,
        break_ms=dice.choice([1_000, 5_000]) if "breaks" in names else 0,
        in_order="reordering" not in names,
        linger_ms=500,
        sync_ms=disk_dice.choice([50, 300, 900]) if "slow-disk" in names else 0,
        torn=disk_dice.choice(OFTEN if always else SELDOM) if "torn" in names else 0.0,
        unsaid=disk_dice.choice(OFTEN if always else SELDOM) if "unsaid" in names else 0.0,
    )
    return names, faults


class Storm:
    """What befalls the machines of one council until `end_ms`."""

    def __init__(
        self,
        cluster: Any,
        witnesses: list[Any],
        names: frozenset[str],
        end_ms: int,
        tricks: frozenset[str] | None = None,
    ) -> None:
        self.tricks = tricks
        """What liars do; None: drawn."""
        self.cluster = cluster
        self.dice = cluster.dice
        self.witnesses = witnesses
        self.names = names
        self.end_ms = end_ms
        self.happened: dict[str, int] = {}
        self.failing: set[bytes] = set()
        """Witnesses that count among the f."""
        self.seating: Any = None
        """What changes the witnesses (`tests.simulation.seating.Seating`), if anything."""
        self._copies: dict[bytes, list[tuple[Any, ...]]] = {}
        if "skew" in names:
            for node in cluster.nodes.values():
                node.skew_ms = self.dice.randrange(-SKEW_MS_MAX, SKEW_MS_MAX)
        if "liar" in names:
            for node in self.dice.sample(witnesses, self._left()):
                self._lies(node)
        for name, act, mean_ms in (
            ("partition", self._part, 8_000),
            ("one-way", self._block, 5_000),
            ("blackout", self._blackout, 9_000),
            ("old-database", self._old_database, 9_000),
            ("old-disk", self._old_disk, 9_000),
            ("jump", self._jump, 8_000),
        ):
            if name in names:
                self._again(name, act, mean_ms)
        if names & {"old-database", "old-disk"}:
            self._copy()

    def _again(self, name: str, act: Any, mean_ms: int) -> None:
        def go() -> None:
            if self.cluster.now_ms < self.end_ms:
                self.happened[name] = self.happened.get(name, 0) + 1
                act()
                self._again(name, act, mean_ms)

        self.cluster.at(1 + int(self.dice.expovariate(1 / mean_ms)), go)

    # -- the f that may fail

    def seated(self) -> list[Any]:
        """The witnesses of whoever is furthest."""
        nodes = [node for node in self.cluster.nodes.values() if node.liar is None]
        chain = max((node.parts.core.chain for node in nodes), key=lambda one: one.head.height)
        keys = set(chain.voting_keys)
        return [node for node in self.cluster.nodes.values() if keys & node.voting_keys]

    def _left(self) -> int:
        """How many more may fail, whoever of those voted in and out is there by then."""
        seated = {node.who.peer for node in self.seated()}
        leaving, coming = (self.seating.leaving, self.seating.coming) if self.seating else (set(), set())
        return (len(seated - leaving) - 1) // 3 - len((seated | coming) & self.failing)

    def _sits(self, node: Any) -> bool:
        return node in self.seated() or (self.seating is not None and node.who.peer in self.seating.coming)

    def _may_fail(self, node: Any) -> bool:
        """Whether this one may fail now; counts as failing from now on."""
        if node.who.peer in self.failing:
            return True
        if self._sits(node) and self._left() <= 0:
            return False
        self.failing.add(node.who.peer)
        return True

    def _lies(self, node: Any) -> None:
        self.failing.add(node.who.peer)
        self.cluster.observer.ballots.liars.add(node.who.peer)
        drawn = frozenset(self.dice.sample(DRAWN, self.dice.randrange(1, 6)))
        node.liar = Liar(self.cluster, node, drawn if self.tricks is None else self.tricks)

    # -- the network

    def _part(self) -> None:
        cluster, links, dice = self.cluster, self.cluster.links, self.dice
        sides = {peer: dice.randrange(2) for peer in cluster.nodes}
        crossing = [(one, two) for one in sides for two in sides if sides[one] != sides[two]]
        if dice.random() < 0.5:
            links.parted = sides
            for pair in crossing:
                links.cut(pair)
        else:
            links.blocked |= set(crossing)

        def heal() -> None:
            if links.parted is sides:
                links.parted = {}
            links.blocked -= set(crossing)

        cluster.at(dice.randrange(500, 10_000), heal)

    def _block(self) -> None:
        peers = list(self.cluster.nodes)
        pairs = {(self.dice.choice(peers), self.dice.choice(peers)) for _ in range(self.dice.randrange(1, 5))}
        self.cluster.links.blocked |= pairs

        def heal() -> None:
            self.cluster.links.blocked -= pairs

        self.cluster.at(self.dice.randrange(500, 10_000), heal)

    # -- machines

    def _blackout(self) -> None:
        for node in self.witnesses:
            if self.cluster.is_up(node):
                self.cluster.power_cut(node)

    def _copy(self) -> None:
        """Somebody makes a copy of a disk now and then."""
        if self.cluster.now_ms >= self.end_ms:
            return
        node = self.dice.choice(list(self.cluster.nodes.values()))
        disk = node.disk
        database = (disk.pairs, disk.meta, disk.pending, disk.kept, disk.blocks, disk.ids)
        copies = self._copies.setdefault(node.who.peer, [])
        copies.append((*(type(part)(part) for part in database), list(disk.journal), node.who.voting.public))
        self.cluster.at(self.dice.randrange(200, 3_000), self._copy)

    def _old_database(self) -> None:
        self._put_back(journal=False)

    def _old_disk(self) -> None:
        self._put_back(journal=True)

    def _put_back(self, *, journal: bool) -> None:
        having = [peer for peer in self.cluster.nodes if self._copies.get(peer)]
        if not having:
            return
        node = self.cluster.nodes[self.dice.choice(having)]
        copies = self._copies[node.who.peer]
        if journal:
            # A key that was replaced is destroyed, and its journal with it.
            copies = [copy for copy in copies if copy[7] == node.who.voting.public] or copies[:1]
        copy = self.dice.choice(copies)
        if journal and copy[7] != node.who.voting.public:
            return
        if not self.cluster.is_up(node) or (journal and not self._may_fail(node)):
            return
        observer = self.cluster.observer

        def mend() -> None:
            disk = node.disk
            disk.pairs, disk.meta, disk.pending, disk.kept, disk.blocks, disk.ids = (
                type(part)(part) for part in copy[:6]
            )
            if journal:
                disk.journal = list(copy[6])
                observer.ballots.restored.add(node.who.peer)
            observer.lost_pending.add(node.who.peer)

        self.cluster.power_cut(node, down_ms=DOWN_MS, mend=mend)

    def _jump(self) -> None:
        node = self.dice.choice(list(self.cluster.nodes.values()))
        if not self._may_fail(node):
            return
        before_ms = node.skew_ms
        node.skew_ms = self.dice.randrange(-JUMP_MS_MAX, JUMP_MS_MAX)

        def back() -> None:
            node.skew_ms = before_ms

        self.cluster.at(self.dice.randrange(1_000, 15_000), back)

    # -- the end

    def calm(self) -> None:
        """Everything is repaired; whoever lies goes on lying, and links and disks that were slow may stay slow."""
        slow = "slow-disk" in self.names and self.cluster.disk_dice.random() < 0.5
        sync_ms = self.cluster.faults.sync_ms if slow else 0
        self.cluster.calm(self.dice.choice([20, 400]) if "delay" in self.names else 20, sync_ms)
        self.cluster.links.parted = {}
        self.cluster.links.blocked.clear()
        for node in self.cluster.nodes.values():
            node.skew_ms = max(-20_000, min(20_000, node.skew_ms))
