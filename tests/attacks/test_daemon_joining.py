"""A real daemon against strangers: what they may ask is to join, and everything else gets a polite no and no data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import trio

from dpnode.control.questions.network import MemberList
from dpnode.identity.words import root_key
from dpnode.net import JOIN_PROTOCOL, Refusal, peer_id_of
from ledger.canonical import encode
from ledger.entry import sign_entry
from ledger.keys import SigningKey
from protocol.inputs import PeerId
from protocol.joining import Invitation, ask, join_request, joining_entry, read_invitation
from tests.journeys.nodes import Node, street
from tests.journeys.raw import PEER_PROTOCOL, Raw, raw, raw_host, read_all, settled

ESCAPES = "\x1b[31mada\x1b]0;owned\x07"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The daemon, an invitation nobody has used, and a home whose keys the guest uses."""

    target: Node
    guest: Node
    invitation: Invitation

    def unhurt(self, before: tuple[int, str]) -> None:
        """It answers, and nobody has joined."""
        assert self.target.status()["network"]["name"] == "Street"
        assert self.target.root() == before


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with street() as made:
        target, guest = made.node("target"), made.node("guest")
        made.network(target)
        yield Scene(target=target, guest=guest, invitation=read_invitation(target.invite(), 0))


def refusal(said: bytes) -> tuple[Refusal, str]:
    """The code and words of a polite no; fails where there is more."""
    assert len(said) >= 2 and len(said) == 2 + said[1], said[:80]
    return Refusal(said[0]), said[2:].decode()


async def test_a_stranger_on_the_members_stream_is_refused_politely_and_told_nothing(scene: Scene) -> None:
    before = scene.target.root()
    async with raw(os.urandom(32), scene.target) as stranger:
        for protocol in (PEER_PROTOCOL, "/dpnode/file/1"):
            stream = await stranger.host.new_stream(stranger.target, [protocol])
            if protocol != PEER_PROTOCOL:
                await stream.write((2).to_bytes(4, "big") + b"\x80\x80")
            code, words = refusal(await read_all(stream))
            assert code is Refusal.NOT_A_MEMBER
            assert "members" in words
            assert scene.target.status()["network"]["name"] not in words
        scene.unhurt(before)


def requests(scene: Scene, peer: PeerId) -> dict[str, tuple[bytes, Refusal, str]]:
    """What a stranger might send instead of a request, with the answer that is due."""
    one, other = scene.invitation, SigningKey(os.urandom(32))
    invite = SigningKey(one.seed)
    good = ask("charter", one, peer)
    alien = sign_entry(invite, one.network, 1, one.until_ms, {"name": "Eve", "t": "membership.profile/1"})
    return {
        "noise": (os.urandom(200), Refusal.DECLINED, "malformed"),
        "a nested bomb": (b"\x91" * 60_000, Refusal.DECLINED, "malformed"),
        "nothing known": (encode({"t": "please"}), Refusal.DECLINED, "no such request"),
        "a type that is a map": (encode({"t": {"t": 1}}), Refusal.DECLINED, "no such request"),
        "no invitation": (
            encode({"invite": other.public, "network": one.network, "proof": bytes(64), "t": "charter"}),
            Refusal.DECLINED,
            "no such invitation",
        ),
        "another network": (
            encode({"invite": invite.public, "network": bytes(32), "proof": bytes(64), "t": "charter"}),
            Refusal.DECLINED,
            "another network",
        ),
        "a proof made for another machine": (
            ask("charter", one, PeerId(b"\x00$" + os.urandom(36))),
            Refusal.DECLINED,
            "proof is wrong",
        ),
        "a member's own working key as invitation": (
            encode(
                {
                    "invite": scene.target.identity.working.public,
                    "network": one.network,
                    "proof": bytes(64),
                    "t": "charter",
                }
            ),
            Refusal.DECLINED,
            "no such invitation",
        ),
        "an entry that does not join": (join_request(one, peer, alien), Refusal.DECLINED, "no joining entry"),
        "a byte too many": (good + b"\x00", Refusal.DECLINED, "malformed"),
    }


async def test_every_false_request_to_join_is_declined_with_its_reason_and_no_data(scene: Scene) -> None:
    before = scene.target.root()
    for name in requests(scene, PeerId(b"")):
        # A machine each: eight requests of one at once are the most, and what ended counts for a moment yet.
        async with raw(os.urandom(32), scene.target) as stranger:
            body, code, words = requests(scene, stranger.peer)[name]
            said = refusal(await stranger.asks_to_join(body))
            assert said[0] is code, (name, said)
            assert words in said[1], (name, said)
    async with raw(os.urandom(32), scene.target) as stranger:
        assert (await stranger.asks_to_join(ask("charter", scene.invitation, stranger.peer)))[0] == 0, (
            "an honest guest is still answered"
        )
        scene.unhurt(before)


async def test_an_oversize_request_is_refused_before_it_is_read(scene: Scene) -> None:
    before = scene.target.root()
    async with raw(os.urandom(32), scene.target) as stranger:
        stream = await stranger.host.new_stream(stranger.target, [JOIN_PROTOCOL])
        await stream.write((1 << 31).to_bytes(4, "big") + bytes(5_000))
        assert refusal(await read_all(stream))[0] is Refusal.TOO_BIG
        scene.unhurt(before)


def entry_named(scene: Scene, name: str, peer_seed: bytes) -> bytes:
    """A guest's joining entry, right in everything but perhaps the name."""
    identity = scene.guest.identity
    entry = joining_entry(
        scene.invitation,
        root=root_key(scene.guest.entropy, 0),
        next_root_hash=identity.next_root_hash,
        member=identity.member,
        name=name,
        working=identity.working,
        sealing=identity.sealing,
        network_key=SigningKey(peer_seed),
        until_ms=scene.invitation.until_ms,
    )
    return join_request(scene.invitation, PeerId(peer_id_of(peer_seed)), entry)


@pytest.mark.parametrize("name", [ESCAPES, "a\u202eda", "ada\n\nbob", "", "x" * 1_000])
async def test_a_name_that_could_move_a_terminal_cannot_join(scene: Scene, name: str) -> None:
    before = scene.target.root()
    seed = scene.guest.identity.network_seed
    async with raw(seed, scene.target) as stranger:
        code, words = refusal(await stranger.asks_to_join(entry_named(scene, name, seed)))
        assert code is Refusal.DECLINED
        assert words.isprintable()
        scene.unhurt(before)
    assert len(scene.target.ask(MemberList())["members"]) == 1
    assert "\x1b" not in scene.target.log()


async def test_a_guest_that_joins_for_another_machine_is_declined(scene: Scene) -> None:
    """The entry binds a machine's key; who brings it must be that machine."""
    before = scene.target.root()
    async with raw(os.urandom(32), scene.target) as stranger:
        said = await stranger.asks_to_join(entry_named(scene, "guest", scene.guest.identity.network_seed))
        assert refusal(said)[0] is Refusal.DECLINED
        scene.unhurt(before)


async def test_the_words_of_a_hostile_inviter_reach_no_terminal_raw(scene: Scene) -> None:
    """Whoever invites answers with escapes instead of a charter; the guest's owner reads them as numbers."""
    from protocol.joining import write_invitation

    words = ESCAPES.encode()

    async def hostile(stream: object) -> None:
        await stream.write(bytes([Refusal.DECLINED, len(words)]) + words)  # type: ignore[attr-defined]
        await stream.close()  # type: ignore[attr-defined]

    scene.guest.up()
    async with raw_host(os.urandom(32), "/ip4/127.0.0.1/tcp/0") as (host, _):
        host.set_stream_handler(JOIN_PROTOCOL, hostile)
        one = scene.invitation
        false = Invitation(
            network=one.network,
            peer=PeerId(host.get_id().to_bytes()),
            addresses=tuple(str(address).rpartition("/p2p/")[0] or str(address) for address in host.get_addrs()),
            seed=one.seed,
            until_ms=one.until_ms,
            height=one.height,
            block=one.block,
            certificate=one.certificate,
        )
        path = scene.guest.home.root / "invitation.txt"
        path.write_text(write_invitation(false), "ascii")
        words_file = scene.guest.home.root / "words.txt"
        from dpnode.identity.words import words_of

        words_file.write_text(" ".join(words_of(scene.guest.entropy)), "ascii")
        done = await trio.to_thread.run_sync(
            lambda: scene.guest.dpnode("network", "join", "--file", str(path), "--words-file", str(words_file))
        )
    assert done.returncode == 5, done.stderr
    assert "declined" in done.stderr
    shown = done.stdout + done.stderr + scene.guest.log()
    assert all(sign.isprintable() or sign == "\n" for sign in shown), shown
    assert "\\x1b[31mada" in done.stderr, "it is seen that it was there"
    assert await settled(lambda: "no network yet" in " ".join(scene.guest.status()["reminders"]), "it to wait on")


def test_a_used_invitation_and_its_charter_are_refused_to_the_next_guest(scene: Scene) -> None:
    """Last of all: the invitation of this scene is used up honestly."""
    from protocol.joining import write_invitation

    if not scene.guest.runs:
        scene.guest.up()
    text = write_invitation(scene.invitation)
    assert scene.guest.join(text)["member"]["name"] == "guest"
    assert isinstance(scene.target, Node)

    async def ask_again() -> bytes:
        async with raw(os.urandom(32), scene.target) as stranger:
            made: Raw = stranger
            return await made.asks_to_join(ask("charter", scene.invitation, made.peer))

    assert "has been used" in refusal(trio.run(ask_again))[1]
