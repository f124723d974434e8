"""Heads and hints told to everybody: gossipsub, mended so that a peer can neither crash nor flood it.

Mend 8: the router's own limit of ten messages a second and heartbeat of two minutes are replaced by ours; what it drops
without a word is why nothing here may be relied on for delivery.
Mend 9: a topic's validator answers yes or no for good (a no is remembered for five minutes), so it judges form, size
and signature only; whether a message is wanted *now* is decided behind the inbox.
Also mended: upstream runs each message in a task of its service, so that a malformed key in one message ends the
service and with it the host (mend 1 for a path that is no stream handler).

Only members' streams reach it, and it opens streams only to members who welcomed us.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
from libp2p.abc import INetStream
from libp2p.host.basic_host import BasicHost
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.pubsub_notifee import PubsubNotifee
from libp2p.tools.anyio_service import background_trio_service

from dpnode.net.api import Admission, Gate, Gossip, NetEvent, NetSettings, PeerId
from dpnode.net.buckets import Bucket
from dpnode.net.host import StreamHandler, put_down

log = logging.getLogger(__name__)

Validator = Callable[[bytes], bool]
TOPICS_MAX = 16
_DEGREE, _DEGREE_LOW, _DEGREE_HIGH = 6, 4, 12


class SafePubsub(Pubsub):
    """Pubsub in which one message cannot end the service, and one peer gets only its share."""

    settings: NetSettings

    def __init__(self, host: BasicHost, router: GossipSub, settings: NetSettings) -> None:
        super().__init__(
            host,
            router,
            strict_signing=True,
            max_subscriptions_per_rpc=TOPICS_MAX,
            max_subscriptions_per_peer=TOPICS_MAX,
            max_inbound_rpc_size=4 * settings.gossip_bytes_max,
        )
        self.settings = settings
        self._shares: dict[ID, Bucket] = {}

    async def push_msg(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        """Judge one message, ours or a peer's, and hand it on."""
        if msg_forwarder != self.my_id and not self._share(msg_forwarder).take_if_there(1, trio.current_time()):
            log.debug("a peer gossips more than its share; a message was left aside")
            return
        try:
            await super().push_msg(msg_forwarder, msg)
        except Exception as error:  # edge of one peer's message
            log.info("a gossiped message was dropped: %r", error)

    def _share(self, peer_id: ID) -> Bucket:
        share = self._shares.get(peer_id)
        if share is None:
            share = Bucket(per_s=self.settings.gossip_per_s, burst=self.settings.gossip_burst)
            self._shares[peer_id] = share
        return share

    def forget(self, peer_id: ID) -> None:
        """The peer is gone; its share goes with it."""
        self._shares.pop(peer_id, None)


class GossipRoom:
    """Publishes and subscribes; built by `open_gossip`."""

    def __init__(
        self, pubsub: SafePubsub, notifee: PubsubNotifee, inbox: trio.MemorySendChannel[NetEvent], nursery: trio.Nursery
    ) -> None:
        self._pubsub = pubsub
        self._notifee = notifee
        self._inbox = inbox
        self._nursery = nursery
        self._validators: dict[str, Validator] = {}
        settings = pubsub.settings
        self._own = Bucket(per_s=settings.gossip_per_s, burst=settings.gossip_burst)

    def admit(self, peer_id: PeerId) -> None:
        """A member welcomed us: gossip with it."""
        self._nursery.start_soon(self._pubsub.ensure_peer_stream, ID(peer_id))

    async def lost(self, peer_id: PeerId) -> None:
        """The last connection to this peer is gone."""
        self._pubsub.forget(ID(peer_id))
        try:
            await self._notifee.dead_peers_queue.send(ID(peer_id))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # gossip is being closed

    def subscribe(self, topic: str, validator: Validator) -> None:
        """Receive `topic`; `validator` judges form, size and signature of a body and never "not yet"."""
        if topic not in self._validators and len(self._validators) >= TOPICS_MAX:
            raise ValueError(f"at most {TOPICS_MAX} topics")
        fresh = topic not in self._validators
        self._validators[topic] = validator
        bytes_max = self._pubsub.settings.gossip_bytes_max

        def judge(forwarder: ID, message: rpc_pb2.Message) -> bool:
            return len(message.data) <= bytes_max and self._validators[topic](message.data)

        self._pubsub.set_topic_validator(topic, judge, is_async_validator=False)
        if fresh:
            self._nursery.start_soon(self._receive, topic)

    async def _receive(self, topic: str) -> None:
        mine = self._pubsub.my_id.to_bytes()
        subscription = await self._pubsub.subscribe(topic)
        while True:
            message = await subscription.get()
            if message.from_id != mine:
                event = Gossip(topic=topic, author=PeerId(message.from_id), body=message.data)
                await self._inbox.send(event)

    async def publish(self, topic: str, body: bytes) -> None:
        """Tell a topic; paced to our own share, returns when handed to the router."""
        if len(body) > self._pubsub.settings.gossip_bytes_max:
            raise ValueError(f"gossip has at most {self._pubsub.settings.gossip_bytes_max} bytes, not {len(body)}")
        await trio.sleep(self._own.take(1, trio.current_time()))
        await self._pubsub.publish(topic, body)


@asynccontextmanager
async def open_gossip(
    host: BasicHost, settings: NetSettings, gate: Gate, inbox: trio.MemorySendChannel[NetEvent]
) -> AsyncIterator[GossipRoom]:
    """Run gossip on a running host for the length of the block."""
    router = GossipSub(
        protocols=[PROTOCOL_ID_V11],
        degree=_DEGREE,
        degree_low=_DEGREE_LOW,
        degree_high=_DEGREE_HIGH,
        heartbeat_interval=settings.gossip_heartbeat_ms / 1000,  # type: ignore[arg-type]
        spam_protection_enabled=False,
        eclipse_protection_enabled=False,
        adaptive_gossip_enabled=False,
    )
    swarm: Any = host.get_network()
    before = list(swarm.notifees)
    pubsub = SafePubsub(host, router, settings)
    # Upstream would open a stream to everybody who connects, strangers too.
    (notifee,) = [one for one in swarm.notifees if one not in before]
    swarm.remove_notifee(notifee)
    host.set_stream_handler(PROTOCOL_ID_V11, _members_only(pubsub.stream_handler, gate))
    async with background_trio_service(pubsub), background_trio_service(router):
        await pubsub.wait_until_ready()
        async with trio.open_nursery() as nursery:
            yield GossipRoom(pubsub, notifee, inbox, nursery)
            nursery.cancel_scope.cancel()


def _members_only(handler: StreamHandler, gate: Gate) -> StreamHandler:
    async def admitted(stream: INetStream) -> None:
        if gate.may(PeerId(stream.muxed_conn.peer_id.to_bytes())) is Admission.MEMBER:
            await handler(stream)
        else:
            await put_down(stream)

    return admitted
