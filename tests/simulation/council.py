"""A town whose witnesses quarrel, fail and lie: one seed of `scripts/simulate`.

Faults until `STORM_MS`, all at once; then everything is repaired, except that whoever lies goes on lying. Within
`HEALED_MS_MAX` all honest machines must have come to one ledger on which every pending entry stands, with nothing left
to agree on. Rules are watched at every step (`Observer`, `Ballots`).
"""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from ledger.fold import check_includable
from ledger.operations.members import is_member
from protocol.effects import Commit, Effect
from tests.simulation import replay
from tests.simulation.ballots import Violation
from tests.simulation.cluster import LIMITS, Node
from tests.simulation.crooks import CROOKED, DAY_ENTRIES, Crook
from tests.simulation.deals import Deals
from tests.simulation.fresh_keys import REKEY_MS, FreshKeys
from tests.simulation.life import Town
from tests.simulation.seating import Seating
from tests.simulation.storms import FAULTS, Storm, drawn
from tests.simulation.town import Disk, Parts, Person

STORM_MS = 35_000
BUSY_MS = 50_000
"""Until when there are new jobs: some while after everything is repaired as well."""
WHOLE_MS = 60_000
HEALED_MS_MAX = 120_000
LOOK_MS = 2_500
HEARD_MS_MAX = 120_000
"""By when what the honest sign is final though others flood the network: slow disks make a block in four seconds."""
PROBE = "probe"
MACHINES_MAX = 8
CROOKS_AMONG = 5
"""From so many machines on, with fewer witnesses, two more belong to crooks."""
WHIMS = 8
"""Things each person does during the storm."""


class Council(Town):
    """One seed: n witnesses, some members beside them, and everything that may befall them."""

    def __init__(
        self,
        seed: int,
        *,
        witnesses: int | None = None,
        allowed: frozenset[str] | None = None,
        always: bool = False,
        machines: int | None = None,
        tricks: frozenset[str] | None = None,
        crooked: frozenset[str] | None = None,
    ) -> None:
        """`allowed`: faults that a seed may have, or with `always` has; None: all of them; numbers None: drawn.

        `tricks`, `crooked`: what lying witnesses and lying members do; None: drawn.
        """
        dice = random.Random(f"council {seed}")
        self.n = witnesses if witnesses is not None else dice.choice([1, 2, 3, 4, 4, 4, 7, 7])
        drawn_machines = max(2, min(MACHINES_MAX, self.n + dice.randrange(3)))
        nodes = drawn_machines if machines is None else machines
        asked = frozenset(FAULTS) if allowed is None else allowed
        disk_dice, member_dice = random.Random(f"disks {seed}"), random.Random(f"members {seed}")
        names, faults = drawn(dice, disk_dice, member_dice, asked, always=always)
        crooks = 1 + (self.n < CROOKS_AMONG <= nodes) if "crooks" in names else 0
        # Beside the machines there would be anyway, and for all that they claim fewer than the others.
        limits = (*LIMITS, ("day_entries", DAY_ENTRIES)) if crooks else LIMITS
        limits += (("rekey_ms", REKEY_MS),) if "new-keys" in names else ()
        self.keys: FreshKeys | None = None
        super().__init__(seed, faults=faults, job=False, witnesses=self.n, nodes=nodes + crooks, limits=limits)
        everybody = list(self.cluster.nodes.values())
        ballots = self.cluster.observer.ballots
        ballots.guilty = self._guilty_keys
        self.storm = Storm(self.cluster, everybody[: self.n], names, STORM_MS, tricks)
        if names & {"new-keys", "seats"}:
            self.storm.seating = Seating(self, self.storm)
            for i, node in enumerate(everybody):
                # Whoever may become a witness can reach the others.
                for other in everybody[i + 1 :]:
                    self.cluster.wire(node.who, other.who)
        for node in everybody[nodes:]:
            self._lies(node, random.Random(f"crook {seed} {node.who.name}"), crooked)
        if "new-keys" in names:
            self.keys = FreshKeys(self, seed, BUSY_MS)
        if "jobs" in names:
            self.deals = Deals(self, seed, BUSY_MS)
        self.speaks_after = dice.random() < 0.5
        """Whether people go on once all is repaired, or leave it to the machines to finish what they had begun."""
        for node in everybody:
            for _ in range(WHIMS):
                self.cluster.at(self.dice.randrange(1_000, STORM_MS), partial(self._whim, node.who))

    def _guilty_keys(self) -> set[bytes]:
        ballots = self.cluster.observer.ballots
        guilty = ballots.liars | ballots.restored
        keys = {node.who.voting.public for peer, node in self.cluster.nodes.items() if peer in guilty}
        return keys | self.keys.guilty if self.keys else keys

    # -- machines

    def _build(self, who: Person, disk: Disk) -> Parts:
        parts, node = super()._build(who, disk), self.cluster.nodes.get(who.peer)
        if node is not None and self.keys is not None and self.keys.change(node, parts.core.chain):
            return super()._build(node.who, disk)
        return parts

    def _told(self, node: Node, effect: Effect) -> None:
        super()._told(node, effect)
        if isinstance(effect, Commit) and self.keys is not None:
            self.keys.settled(node)

    # -- members who lie

    def _lies(self, node: Any, dice: random.Random, tricks: frozenset[str] | None) -> None:
        drawn = frozenset(dice.sample(CROOKED, dice.randrange(2, len(CROOKED) + 1)))
        node.liar = Crook(self.cluster, node, drawn if tricks is None else tricks, dice)
        # The members seat nobody of whom they know no good.
        self.storm.failing.add(node.who.peer)
        first, *others = (one.who for one in self.cluster.nodes.values() if one is not node)
        for other in (first, *dice.sample(others, min(2, len(others)))):
            self.cluster.wire(node.who, other)

    def crooks(self) -> list[Crook]:
        """Those members."""
        return [node.liar for node in self.cluster.nodes.values() if isinstance(node.liar, Crook)]

    def _heard_out(self) -> None:
        """Invariant 6 while it matters: what the honest sign while others flood the network is final soon."""
        cluster, observer = self.cluster, self.cluster.observer
        if not self.crooks():
            return
        for node in self.honest():
            if node.who.peer not in observer.lost_pending:
                life_ms = 2 * HEALED_MS_MAX
                self.submit(node.who, {"gifts": True, "t": "membership.profile/1"}, life_ms=life_ms, about=PROBE)
        end_ms = cluster.now_ms + HEARD_MS_MAX
        while waiting := [one for _, one, about in self.moves if about == PROBE and one not in observer.standing]:
            if cluster.now_ms >= end_ms:
                raise Violation(f"{len(waiting)} entries were not final {HEARD_MS_MAX // 1_000} seconds into a flood")
            cluster.run(cluster.now_ms + LOOK_MS)
        for crook in self.crooks():
            crook.rests = True

    # -- the whole

    def run(self) -> None:
        """Faults, then none, then everything honest must be one."""
        cluster = self.cluster
        cluster.run(STORM_MS)
        self.storm.calm()
        self._heard_out()
        if self.speaks_after:
            for node in list(cluster.nodes.values()):
                cluster.at(self.dice.randrange(1, 3_000), partial(self._whim, node.who))
        end_ms, problem = cluster.now_ms + HEALED_MS_MAX, "nothing was compared"
        while cluster.now_ms < end_ms:
            cluster.run(cluster.now_ms + LOOK_MS)
            problem = self.difference()
            if not problem and cluster.now_ms >= WHOLE_MS:
                break
        if problem:
            raise Violation(f"{HEALED_MS_MAX // 1_000} seconds after all was repaired: {problem}")
        for node in self.honest():
            cluster.observer.balanced(node)
        self._nothing_lost()
        self._guilt_recorded()
        self._replayed()

    def _replayed(self) -> None:
        """Invariant 4: the same blocks make the same state in other batches, and from what is on the disk."""
        dice = random.Random(f"replay {self.cluster.trace.hexdigest()}")
        node = dice.choice(self.honest())
        wrong = replay.difference(self.cluster.founded, node.disk, dice)
        if wrong:
            raise Violation(f"{node.who.name}: {wrong}")

    def founders(self) -> list[Any]:
        """The machines of those whose votes count in motions."""
        return list(self.cluster.nodes.values())[: len(self.cluster.founded.charter.founders)]

    def honest(self) -> list[Any]:
        """The machines that do not lie and whose owners are members."""
        return [
            node
            for node in self.cluster.nodes.values()
            if node.liar is None and is_member(node.parts.core.chain.state, node.who.member)
        ]

    def difference(self) -> str:
        """What is not one yet among honest machines; empty where all is."""
        nodes, restored = self.honest(), self.cluster.observer.lost_pending
        down = [node.who.name for node in nodes if not self.cluster.is_up(node)]
        if down:
            return f"{down[0]} is down"
        heads = {(node.parts.core.chain.head.height, node.parts.core.chain.state.root) for node in nodes}
        if len(heads) != 1:
            return f"heights differ: {sorted(height for height, _ in heads)}"
        keys = {self.cluster.nodes[peer].who.working.public for peer in restored}
        for node in nodes:
            if (waiting := self._includable(node)) is not None and waiting.key not in keys:
                return f"{node.who.name} still waits for {waiting.name} number {waiting.sequence}"
            replica = node.parts.core.ledger.orderer._replica
            if replica is not None and replica.is_working and not keys:
                return f"{node.who.name} still has something to agree on in view {replica.view}"
        return ""

    def _includable(self, node: Any) -> Any:
        """An entry that a block made now would take, so that nobody had a reason to leave it out so long."""
        chain, core = node.parts.core.chain, node.parts.core
        time_ms = max(self.cluster.clock(node).wall_ms, chain.head.time_ms + 1)
        for entry in core.ledger.pool.all():
            if check_includable(chain.state, chain.network, entry, time_ms, chain.charter.limits) is None:
                return entry
        return None

    def _nothing_lost(self) -> None:
        """Invariant 8, except for what a machine had written after the copy that was put back."""
        observer = self.cluster.observer
        lost = {self.cluster.nodes[peer].who.working.public for peer in observer.lost_pending}
        observer.acknowledged = {
            entry_id: entry
            for entry_id, entry in observer.acknowledged.items()
            if entry is None or entry.key not in lost
        }
        super()._nothing_lost()

    def _guilt_recorded(self) -> None:
        """Invariant 7: what one correct witness has seen of two votes stands on the ledger."""
        ballots, state = self.cluster.observer.ballots, self.honest()[0].parts.core.chain.state
        put_back = {self.cluster.nodes[peer].who.name for peer in self.cluster.observer.lost_pending}
        for key, by in ballots.owed.items():
            if by not in put_back and state.raw(b"evidence/" + key) is None:
                raise Violation(f"{by} saw two votes that convict a witness, and the ledger does not say so")
