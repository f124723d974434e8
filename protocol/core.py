"""The whole peer as one pure function: ``handle(input, now) -> effects``.

Dispatch only: which part of the house an input belongs to, and in which order their effects are performed. The rules
stand in `replication`, `capability` and `negotiation`. The driver performs effects in order and gives `Stored` right
after a `Commit`; the simulator is another driver of the same object.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from ledger.chain import Chain
from ledger.entry import Entry
from ledger.errors import RemoteError
from ledger.keys import MemberId, SigningKey
from ledger.operations.members import member_of_peer
from protocol.conversation import Conversation
from protocol.effects import Effect, Final, HeadMoved, Misbehaved, Send
from protocol.inputs import (
    Carry,
    Input,
    Negotiate,
    Now,
    Offered,
    PeerConnected,
    PeerId,
    PeerLost,
    Quiet,
    Reachable,
    Received,
    Reseated,
    Stored,
    Submit,
    Tick,
)
from protocol.messages import (
    Adverts,
    AskDefinitions,
    AskEntries,
    AskOwnVotes,
    AskRange,
    AskViews,
    Blocks,
    Body,
    Certified,
    Definitions,
    Entries,
    Have,
    Hello,
    Message,
    NewHead,
    OwnVotes,
    Pending,
    Proposed,
    Records,
    ShareAccepted,
    ShareOffer,
    Stands,
    Talk,
    Voted,
    read_message,
)
from protocol.replication.anchor import Anchor
from protocol.replication.directory_peer import DirectoryPeer
from protocol.replication.door import Voter
from protocol.replication.lapsed import LapsedEntry
from protocol.replication.ledger_peer import LedgerPeer
from protocol.share_offers import AcceptShares, OfferShares, ShareOffers


@dataclass(frozen=True, slots=True, kw_only=True)
class Self:
    """Who this node is."""

    member: MemberId
    peer: PeerId
    signer: SigningKey
    """The working key."""


class Core:
    """One member's machine, without its clock, sockets, disk and dice."""

    def __init__(
        self,
        chain: Chain,
        me: Self,
        *,
        voter: Voter | None,
        pending: Iterable[Entry],
        directory: DirectoryPeer,
        conversation: Conversation,
        shares: ShareOffers | None = None,
        anchor: Anchor | None = None,
        lapsed: Iterable[LapsedEntry] = (),
    ) -> None:
        self.me = me
        self.ledger = LedgerPeer(chain, member=me.member, signer=me.signer, voter=voter, pending=pending, lapsed=lapsed)
        self.ledger.anchor = anchor or Anchor()
        self.directory = directory
        self.introducers: set[PeerId] = set()
        """Machines that are trusted to serve the ledger before it says whose they are: the inviter's."""
        self.conversation = conversation
        self.shares = shares or ShareOffers(chain, me.member, me.signer)
        self._unknown: dict[PeerId, None] = {}
        """Connected machines of which the ledger does not say here yet whose they are."""

    @property
    def chain(self) -> Chain:
        """The final state and its head."""
        return self.ledger.chain

    def handle(self, event: Input, now: Now) -> list[Effect]:
        """Take one input in; effects are performed in order, each durable one before the next."""
        match event:
            case Received():
                effects = self._received(event, now)
            case Quiet():
                effects = self.ledger.work(now)
            case Stored():
                effects = self._stored(now)
            case Submit():
                effects = self.ledger.submit(event, now)
            case Carry():
                effects = self.ledger.carry(event, now)
            case PeerConnected():
                effects = self._connected(event.peer, now)
            case PeerLost():
                self.ledger.lost(event.peer)
                self.conversation.lost(event.peer)
                self.shares.lost(event.peer)
                self._unknown.pop(event.peer, None)
                effects = self.directory.lost(event.peer)
            case Tick():
                effects = self.ledger.tick(now) + self.directory.tick(now) + self.conversation.tick(now)
            case Offered():
                effects = self.directory.offered(event.offers, now)
            case Reachable():
                effects = self.directory.reachable(event.addresses, now)
            case Negotiate(input=OfferShares() | AcceptShares()):
                effects = self.shares.order(event.input, now, event.token)
            case Negotiate():
                effects = self.conversation.negotiate(event, now)
            case Reseated():
                effects = self.ledger.reseated(event.voter, now)
            case _:
                assert_never(event)
        return self._settle(effects, now)

    def wake_ms(self, now: Now) -> int | None:
        """When `Tick` (or `Quiet`) is next needed, on the monotonic clock."""
        moments = [self.ledger.wake_ms(now), self.directory.wake_ms(now), self.conversation.wake_ms(now)]
        return min((moment for moment in moments if moment is not None), default=None)

    def started(self, now: Now) -> list[Effect]:
        """Once after everything kept was given back: compare what was promised with the ledger."""
        effects = self.ledger.started(now)
        effects += self.conversation.started(now, lambda entry_id: entry_id in self.ledger.pool)
        effects += self.shares.started(lambda entry_id: entry_id in self.ledger.pool)
        return self._settle(effects, now)

    @property
    def has_work(self) -> bool:
        """Whether `Quiet` would do something."""
        return self.ledger.has_work

    def _settle(self, effects: list[Effect], now: Now) -> list[Effect]:
        """Tell the conversation what became final of its entries, and sign what it wants recorded."""
        for effect in list(effects):
            if isinstance(effect, Final):
                effects = effects + self.conversation.final(effect, now) + self.shares.final(effect)
        while (wanted := self.conversation.next_submission()) is not None:
            effects = effects + self.conversation.submitted(self.ledger.submit(wanted, now), now)
        while (wanted := self.shares.next_submission(now)) is not None:
            effects = effects + self.shares.submitted(self.ledger.submit(wanted, now))
        return effects

    def _connected(self, peer: PeerId, now: Now) -> list[Effect]:
        head = self.chain.head
        record = self.directory.own_record(now)
        hello = Hello(
            network=self.chain.network,
            height=head.height,
            block=head.block,
            record=None if record is None else record.to_value(),
            time=now.wall_ms,
        )
        effects: list[Effect] = [Send(peer=peer, message=hello)]
        effects += self.ledger.connected(peer, now)
        effects += self.directory.connected(peer)
        return effects + self._met(peer, now)

    def _met(self, peer: PeerId, now: Now) -> list[Effect]:
        """Tell the conversation whose machine is there, once the ledger says whose it is."""
        member = member_of_peer(self.chain.state, peer)
        if member is None:
            self._unknown[peer] = None
            return []
        self._unknown.pop(peer, None)
        return self.conversation.connected(member, peer, now) + self.shares.connected(member, peer)

    def _stored(self, now: Now) -> list[Effect]:
        blocks = self.ledger.step_blocks
        effects = self.ledger.stored(now)
        members_changed = any(isinstance(effect, HeadMoved) and effect.members_changed for effect in effects)
        effects += self.directory.ledger_moved(now, members_changed=members_changed)
        if members_changed:
            for peer in list(self._unknown):
                effects += self._met(peer, now)
        return effects + self.conversation.ledger_moved(blocks, now) + self.shares.ledger_moved(blocks)

    def _received(self, event: Received, now: Now) -> list[Effect]:
        member = member_of_peer(self.chain.state, event.peer)
        if member is None and event.peer in self.introducers:
            return self._introduced(event, now)
        if member is None:
            return [Misbehaved(peer=event.peer, sentence="is no member's machine", fatal=True)]
        try:
            message = read_message(event.frame)
        except RemoteError as problem:
            return [Misbehaved(peer=event.peer, sentence=f"sent what is no message: {problem.reason}", fatal=True)]
        return self._message(member, event.peer, message, now)

    def _introduced(self, event: Received, now: Now) -> list[Effect]:
        """Who brought us in is heard on the ledger alone until the ledger itself says whose machine that is.

        And on what others signed: adverts and records are judged by whose they are, not by who brings them.
        """
        try:
            message = read_message(event.frame)
        except RemoteError as problem:
            return [Misbehaved(peer=event.peer, sentence=f"sent what is no message: {problem.reason}", fatal=True)]
        if isinstance(message, Hello | NewHead | AskRange | Blocks | Adverts | Records):
            return self._message(self.me.member, event.peer, message, now)
        return []

    def _message(self, member: MemberId, peer: PeerId, message: Message, now: Now) -> list[Effect]:
        match message:
            case Hello():
                return self._hello(peer, message, now)
            case NewHead():
                return self.ledger.heard_head(peer, message, now)
            case AskRange():
                return self.ledger.heard_ask(peer, message)
            case Blocks():
                return self.ledger.heard_blocks(peer, message, now)
            case Entries():
                return self.ledger.heard_entries(peer, message, now)
            case Pending():
                return self.ledger.carrying.heard_ids(peer, message, now)
            case AskEntries():
                return self.ledger.carrying.heard_ask(peer, message)
            case Proposed() | Voted() | Certified() | Body() | AskViews() | Stands() | AskOwnVotes() | OwnVotes():
                return self.ledger.heard_order(peer, message, now)
            case Have():
                return self.directory.heard_have(peer, message, now)
            case Adverts():
                return self.directory.heard_adverts(peer, message, now)
            case Records():
                return self.directory.heard_records(peer, message, now)
            case AskDefinitions():
                return self.directory.heard_ask_definitions(peer, message)
            case Definitions():
                return self.directory.heard_definitions(peer, message)
            case Talk():
                return self.conversation.heard(member, peer, message, now)
            case ShareOffer():
                return self.shares.heard_offer(member, peer, message, now)
            case ShareAccepted():
                return self.shares.heard_accepted(member, peer, message)
            case _:
                assert_never(message)

    def _hello(self, peer: PeerId, message: Hello, now: Now) -> list[Effect]:
        if message.network != self.chain.network:
            return [Misbehaved(peer=peer, sentence="is of another network", fatal=True)]
        effects = self.ledger.heard_head(peer, message, now)
        if message.record is not None:
            effects += self.directory.heard_records(peer, Records(records=[message.record]), now)
        return effects
