"""A real daemon against a hostile member: raw libp2p, real keys, no rule kept.

Whatever it sends, the daemon stays up and answers, the ledger is as it was, an honest member goes on working, and the
log says who it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import trio

from dpnode.control.questions.holdings import AssetRegister
from dpnode.control.questions.ledger import LedgerJournal
from ledger.canonical import encode
from ledger.entry import Entry, entry_to_value, sign_entry
from ledger.keys import SigningKey
from ledger.names import Kind, parse_id
from protocol.limits import FRAME_BYTES_MAX
from protocol.messages import Blocks, Entries, Hello, NewHead, Records, Talk, write_message
from tests.journeys.nodes import Node, level, street, until
from tests.journeys.raw import raw_member, settled

OPERATION = {"kind": "tool", "name": "crowbar", "t": "assets.register/1", "units": 1_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The witness under attack, an honest member, and the keys of one who attacks."""

    target: Node
    honest: Node
    mallory: Node
    network: bytes

    def entry(self, sequence: int = 1, *, network: bytes = b"", key: SigningKey | None = None) -> Entry:
        """An entry of Mallory's; right, unless told otherwise."""
        until_ms = time.time_ns() // 1_000_000 + 3_600_000
        signer = key or self.mallory.identity.working
        return sign_entry(signer, network or self.network, sequence, until_ms, dict(OPERATION))

    def unhurt(self, before: tuple[int, str]) -> None:
        """The daemon answers, nothing was recorded, and the honest member still gets an entry final."""
        assert self.target.runs
        assert self.target.root() == before
        label = f"honest {os.urandom(3).hex()}"
        # A height that a member claims and does not show is waited for, once, for the 15 s of an overdue range.
        done = self.honest.ask(AssetRegister(label=label, kind="tool", wait_ms=25_000))
        assert done["binding"] == "final"
        until(lambda: level(self.target, self.honest), "the same ledger at both")
        texts = [line["text"] for line in self.target.ask(LedgerJournal(family="assets", limit=500))["entries"]]
        assert not any("crowbar" in text for text in texts)

    def named(self, log_before: int, words: str) -> bool:
        """Whether the log says since then that it was Mallory, and what."""
        lines = self.target.log()[log_before:].splitlines()
        return any("mallory" in line and words in line for line in lines)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with street() as made:
        target, honest, mallory = made.node("target"), made.node("honest"), made.node("mallory")
        made.network(target, honest, mallory)
        mallory.stop()
        network = parse_id(Kind.NETWORK, target.status()["network"]["id"])
        yield Scene(target=target, honest=honest, mallory=mallory, network=network)


def deep(levels: int) -> bytes:
    """Lists within lists."""
    return b"\x91" * levels + b"\x90"


BODIES = {
    "noise": (os.urandom(4_000), "no message"),
    "a map that is no message": (encode({"x": 1}), "no message"),
    "an unknown message": (encode({"t": "please"}), "no message"),
    "a message with a field too many": (
        encode({"block": bytes(32), "height": 3, "more": 1, "t": "head"}),
        "no message",
    ),
    "keys out of order": (b"\x82\xa1t\xa4head\xa1a\x01", "no message"),
    "an integer longer than it need be": (b"\x81\xa1t\xcd\x00\x01", "no message"),
    "a bomb of nested lists": (deep(900_000), "no message"),
    "a million empty maps": (b"\xdd\x00\x0f\x42\x3f" + b"\x80" * 999_999, "no message"),
    "text that is no UTF-8": (b"\x81\xa1t\xa2\xff\xfe", "no message"),
    "another network's hello": (
        write_message(Hello(network=b"\x07" * 32, height=3, block=bytes(32))),
        "another network",
    ),
    "an entry that is none": (write_message(Entries(entries=[[b"\x80", bytes(64)]])), "an entry that is none"),
    "blocks that are none": (
        write_message(Blocks(start=1, blocks=[b"\x80" * 50], certificate=b"\x01", height=10**6)),
        "",
    ),
    "talk that is none": (write_message(Talk(kind="call", body={"statement": 7})), ""),
    "a record signed by nobody": (
        write_message(Records(records=[{"body": encode({}), "key": bytes(32), "sig": bytes(64)}])),
        "",
    ),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_members_garbage_changes_nothing_and_is_logged_under_its_name(scene: Scene, name: str) -> None:
    body, words = BODIES[name]
    before, log_before = scene.target.root(), len(scene.target.log())
    async with raw_member(scene.mallory, scene.target) as mallory:
        await mallory.frame(body)
        if words:
            await settled(lambda: scene.named(log_before, words), "the log to say who sent what")
        await trio.to_thread.run_sync(scene.unhurt, before)


@pytest.mark.parametrize(
    "data",
    [b"\xff\xff\xff\xff", bytes(4), (FRAME_BYTES_MAX + 1).to_bytes(4, "big") + bytes(1_000), b"GET / HTTP/1.1\r\n\r\n"],
    ids=["four gigabytes announced", "an empty frame", "a byte too many", "another protocol"],
)
async def test_a_frame_that_cannot_be_costs_the_member_its_link_and_is_logged(scene: Scene, data: bytes) -> None:
    before, log_before = scene.target.root(), len(scene.target.log())
    async with raw_member(scene.mallory, scene.target) as mallory:
        await mallory.bytes(data)
        await settled(lambda: scene.named(log_before, "announced"), "the log to say who announced it")
        await trio.to_thread.run_sync(scene.unhurt, before)


def forged(entry: Entry) -> list[bytes]:
    return [entry.body, bytes([entry.signature[0] ^ 1]) + entry.signature[1:]]


async def test_entries_with_wrong_signature_network_sequence_or_key_are_never_recorded(scene: Scene) -> None:
    stranger = SigningKey(os.urandom(32))
    cases = {
        "a forged signature": (forged(scene.entry()), "no honest member"),
        "another network's entry": (list(entry_to_value(scene.entry(network=b"\x07" * 32))), "no honest member"),
        "a key nobody knows": (list(entry_to_value(scene.entry(key=stranger))), ""),
        "a number far ahead": (list(entry_to_value(scene.entry(1_000))), ""),
        "a longer body": ([scene.entry().body + b"\x00", scene.entry().signature], "an entry that is none"),
        "a voting key's entry": (list(entry_to_value(scene.entry(key=scene.mallory.identity.voting))), ""),
    }
    for name, (pair, words) in cases.items():
        before, log_before = scene.target.root(), len(scene.target.log())
        async with raw_member(scene.mallory, scene.target) as mallory:
            await mallory.say(Entries(entries=[pair]))
            if words:
                await settled(lambda: scene.named(log_before, words), f"the log to say who sent {name}")  # noqa: B023
            await trio.to_thread.run_sync(scene.unhurt, before)


async def test_entries_of_two_hundred_and_fifty_seven_in_one_message_are_no_message(scene: Scene) -> None:
    before, log_before = scene.target.root(), len(scene.target.log())
    pair = list(entry_to_value(scene.entry(key=SigningKey(os.urandom(32)))))
    async with raw_member(scene.mallory, scene.target) as mallory:
        await mallory.frame(encode({"entries": [pair] * 257, "t": "entries"}))
        await settled(lambda: scene.named(log_before, "no message"), "the log to say who sent too many")
        await trio.to_thread.run_sync(scene.unhurt, before)


async def test_a_member_that_lies_about_its_height_keeps_nobody_from_working(scene: Scene) -> None:
    before = scene.target.root()
    async with raw_member(scene.mallory, scene.target) as mallory:
        await mallory.say(Hello(network=scene.network, height=before[0] + 1_000, block=b"\x01" * 32))
        await mallory.say(NewHead(height=before[0] + 2_000, block=b"\x02" * 32))
        await trio.to_thread.run_sync(scene.unhurt, before)


async def test_blocks_of_a_liars_own_making_are_refused_and_the_true_ones_still_come(scene: Scene) -> None:
    """A late joiner asks everybody; one of them answers with blocks that hold nowhere."""
    before, log_before = scene.target.root(), len(scene.target.log())
    async with raw_member(scene.mallory, scene.target) as mallory:
        await mallory.say(NewHead(height=before[0] + 5, block=b"\x02" * 32))
        await mallory.say(
            Blocks(start=before[0] + 1, blocks=[os.urandom(300)], certificate=os.urandom(100), height=before[0] + 5)
        )
        await settled(lambda: scene.named(log_before, "blocks"), "the log to say who sent false blocks")
        await trio.to_thread.run_sync(scene.unhurt, before)


async def test_a_flood_of_frames_leaves_the_owner_answered_within_a_second(scene: Scene) -> None:
    before = scene.target.root()
    body = write_message(NewHead(height=before[0], block=bytes(32)))
    flood = (len(body).to_bytes(4, "big") + body) * 2_000
    async with raw_member(scene.mallory, scene.target) as mallory, trio.open_nursery() as nursery:

        async def send() -> None:
            while True:
                await mallory.bytes(flood)
                await trio.lowlevel.checkpoint()

        nursery.start_soon(send)
        for _ in range(5):
            began_s = time.monotonic()
            await trio.to_thread.run_sync(scene.target.status)
            assert time.monotonic() - began_s < 1
        nursery.cancel_scope.cancel()
    await trio.to_thread.run_sync(scene.unhurt, before)
