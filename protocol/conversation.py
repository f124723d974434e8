"""The talk before an award, connected to the peers and to the ledger.

Translates both ways and keeps no rule of its own: members become machines that are connected, what the negotiation
wants recorded becomes entries (one per purpose), and what became final is told to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from ledger.block import Block
from ledger.chain import Chain
from ledger.errors import RemoteError
from ledger.keys import MemberId
from ledger.operations.work_queries import job as job_of
from ledger.operations.work_terms import PURPOSE, read_proposal
from ledger.statement import read_statement
from protocol.effects import Effect, Final, Keep, Misbehaved, Negotiated, NotRecorded, Recorded, Send
from protocol.inputs import Negotiate, Now, PeerId, Submit
from protocol.messages import Talk
from protocol.negotiation import effects as said
from protocol.negotiation import inputs as given
from protocol.negotiation import messages
from protocol.negotiation.negotiation import Negotiation
from protocol.negotiation.world import World

KEPT_SUBMITTED = "submitted"
TOKEN = -1
"""Submissions of the negotiation itself; nobody waits for them at the control socket."""


class Conversation:
    """One node's negotiation between its peers and its ledger."""

    def __init__(
        self, negotiation: Negotiation, world: World, chain: Chain, submitted: Iterable[tuple[bytes, bytes]]
    ) -> None:
        self.negotiation = negotiation
        self.world = world
        self._chain = chain
        self._purpose_of: dict[bytes, bytes] = {entry: purpose for purpose, entry in submitted}
        """Entry id -> purpose, for entries that are not final yet."""
        self._machines: dict[MemberId, dict[PeerId, None]] = {}
        self._wanted: deque[tuple[bytes, Submit]] = deque()
        self._signing: bytes | None = None

    # -- inputs

    def started(self, now: Now, is_pending: Callable[[bytes], bool]) -> list[Effect]:
        """Once after a start: what was promised is compared with the ledger.

        An entry that is pending no more became final, or lapsed, in the moment before the stop: nobody will say so
        again, so its purpose is free to be submitted once more, and the ledger itself gives the answer.
        """
        ended = {entry: purpose for entry, purpose in self._purpose_of.items() if not is_pending(entry)}
        for entry in ended:
            del self._purpose_of[entry]
        forgotten: list[Effect] = [Keep(kind=KEPT_SUBMITTED, id=purpose, value=None) for purpose in ended.values()]
        return forgotten + self._handle(given.Started(), now)

    def connected(self, member: MemberId, peer: PeerId, now: Now) -> list[Effect]:
        """A member's machine is there."""
        self._machines.setdefault(member, {})[peer] = None
        return self._handle(given.Connected(member=member), now)

    def lost(self, peer: PeerId) -> None:
        """A machine is gone."""
        for machines in self._machines.values():
            machines.pop(peer, None)

    def heard(self, member: MemberId, peer: PeerId, message: Talk, now: Now) -> list[Effect]:
        """A message of the conversation."""
        try:
            heard = messages.from_value(message.kind, message.body)
        except RemoteError as problem:
            return [Misbehaved(peer=peer, sentence=f"said what cannot be understood: {problem.reason}", fatal=False)]
        return self._handle(given.Heard(member=member, message=heard), now)

    def negotiate(self, event: Negotiate, now: Now) -> list[Effect]:
        """An order of the owner; whatever it leads to carries the order's token."""
        return self._handle(event.input, now, event.token)

    def tick(self, now: Now) -> list[Effect]:
        """Time has passed."""
        wake_ms = self.negotiation.next_wake()
        if wake_ms is None or wake_ms > now.wall_ms:
            return []
        return self._handle(given.Tick(), now)

    def wake_ms(self, now: Now) -> int | None:
        """When `tick` is next needed, on the monotonic clock."""
        wake_ms = self.negotiation.next_wake()
        return None if wake_ms is None else now.monotonic_ms + max(0, wake_ms - now.wall_ms)

    # -- the ledger

    def ledger_moved(self, blocks: Sequence[Block], now: Now) -> list[Effect]:
        """Blocks became final: awards close calls and book slots, endings free them."""
        if not blocks:
            return []
        awards: list[given.AwardedJob] = []
        touched: dict[bytes, None] = {}
        for block in blocks:
            for entry, outcome in zip(block.entries, block.outcomes, strict=True):
                if outcome or not entry.name.startswith("work."):
                    continue
                if entry.name == "work.award/1":
                    awards += _awarded(entry.operation)
                elif isinstance(entry.operation.get("job"), bytes):
                    touched[entry.operation["job"]] = None
        ended = tuple(job for job in touched if (seen := job_of(self._chain.state, job)) and not seen.job.is_open)
        final = given.Final(time_ms=blocks[-1].header.time_ms, awards=tuple(awards), ended=ended)
        return self._handle(final, now)

    def final(self, effect: Final, now: Now) -> list[Effect]:
        """An entry of ours became final or lapsed."""
        purpose = self._purpose_of.pop(effect.entry_id, None)
        if purpose is None:
            return []
        forgotten = Keep(kind=KEPT_SUBMITTED, id=purpose, value=None)
        return [forgotten, *self._recorded(purpose, effect.outcome or None, now)]

    def next_submission(self) -> Submit | None:
        """The next operation to sign, if any; `submitted` is to follow."""
        while self._wanted:
            purpose, wanted = self._wanted.popleft()
            if purpose not in self._purpose_of.values():
                self._signing = purpose
                return wanted
        return None

    def submitted(self, effects: list[Effect], now: Now) -> list[Effect]:
        """What came of signing: remember whose entry it is, or say at once that the ledger would refuse it."""
        purpose = self._signing
        self._signing = None
        if purpose is None:
            return effects
        kept: list[Effect] = []
        for effect in effects:
            match effect:
                case Recorded():
                    self._purpose_of[effect.entry_ids[0]] = purpose
                    kept.append(Keep(kind=KEPT_SUBMITTED, id=purpose, value=effect.entry_ids[0]))
                case NotRecorded():
                    kept += self._recorded(purpose, effect.code, now)
                case _:
                    kept.append(effect)
        return kept

    # -- inside

    def _recorded(self, purpose: bytes, refused: str | None, now: Now) -> list[Effect]:
        return self._handle(given.Recorded(purpose=purpose, refused=refused), now)

    def _handle(self, event: given.Input, now: Now, token: int | None = None) -> list[Effect]:
        effects: list[Effect] = []
        events: deque[given.Input] = deque([event])
        while events:
            for effect in self.negotiation.handle(events.popleft(), now, self.world):
                match effect:
                    case said.Keep():
                        effects.append(Keep(kind=f"talk-{effect.kind}", id=effect.id, value=effect.value))
                    case said.Send():
                        sent = self._send(effect)
                        effects += sent
                        if not sent and isinstance(effect.message, messages.CallForProposals):
                            call = effect.message.statement.id
                            events.append(given.Unreachable(member=effect.to, call=call))
                    case said.Submit():
                        self._want(effect)
                    case _:
                        effects.append(Negotiated(effect=effect, token=token))
        return effects

    def _send(self, effect: said.Send) -> list[Effect]:
        machines = self._machines.get(effect.to)
        if not machines:
            return []
        peer = next(reversed(machines))
        return [Send(peer=peer, message=Talk(kind=effect.message.TYPE, body=effect.message.to_value()))]

    def _want(self, effect: said.Submit) -> None:
        operation = dict(effect.operation)
        wanted = Submit(operations=(operation,), token=TOKEN, until_ms=effect.until_ms)
        self._wanted.append((effect.purpose, wanted))


def _awarded(operation: Mapping[str, object]) -> list[given.AwardedJob]:
    """The jobs that an applied award made."""
    awards = []
    proposals = operation["proposals"]
    assert isinstance(proposals, list)
    for value in proposals:
        proposal = read_proposal(read_statement(PURPOSE, value))
        awards.append(
            given.AwardedJob(
                job=proposal.id, call=proposal.call, customer=proposal.customer, provider=proposal.provider
            )
        )
    return awards
