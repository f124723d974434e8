"""The pure parts of the network room: frames, buckets, peer ids, pauses.

SPEC L-1, L-4, L-5.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID

from dpnode.net import NetSettings, PeerId, key_of_peer_id, parse_peer_id, peer_id_of, peer_id_of_key, show_peer_id
from dpnode.net.buckets import Bucket
from dpnode.net.dialer import pause_ms_most
from dpnode.net.frames import BrokenFrame, FrameDecoder, frame


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=20), st.lists(st.integers(1, 40), min_size=1, max_size=50))
def test_frames_come_out_as_they_went_in_however_the_bytes_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    wire, decoder, got, turn = b"".join(map(frame, bodies)), FrameDecoder(50), [], 0
    while wire:
        size = cuts[turn % len(cuts)]
        got += decoder.feed(wire[:size])
        wire, turn = wire[size:], turn + 1
    assert got == bodies
    assert not decoder.partial


@pytest.mark.parametrize("size", [0, 51, 1 << 31, (1 << 32) - 1])
def test_an_impossible_length_is_found_before_its_bytes_are_kept(size: int) -> None:
    decoder = FrameDecoder(50)
    with pytest.raises(BrokenFrame, match=str(size)):
        list(decoder.feed(frame(b"fine") + size.to_bytes(4, "big") + b"x" * 10))


def test_whole_frames_before_a_broken_one_are_still_handed_over() -> None:
    frames = FrameDecoder(50).feed(frame(b"fine") + b"\xff\xff\xff\xff")
    assert next(frames) == b"fine"
    with pytest.raises(BrokenFrame):
        next(frames)


def test_a_frame_that_has_begun_is_known_to_be_partial() -> None:
    decoder = FrameDecoder(50)
    assert list(decoder.feed(frame(b"abc")[:-1])) == []
    assert decoder.partial
    assert list(decoder.feed(b"c")) == [b"abc"]


def test_a_bucket_gives_its_burst_at_once_and_its_rate_for_ever() -> None:
    bucket = Bucket(per_s=10, burst=20)
    assert bucket.take(20, 100.0) == 0
    assert bucket.take(5, 100.0) == pytest.approx(0.5)
    assert bucket.take(5, 101.0) == 0
    assert not bucket.take_if_there(1, 101.0)
    assert bucket.take_if_there(1, 101.2)
    assert bucket.take(20, 1000.0) == 0, "it holds no more than its burst"


@given(st.binary(min_size=32, max_size=32))
def test_a_peer_id_is_what_libp2p_derives_from_the_same_seed(seed: bytes) -> None:
    keys = create_new_key_pair(seed)
    peer_id = peer_id_of(seed)
    theirs = ID.from_pubkey(keys.public_key)
    assert peer_id == theirs.to_bytes() == peer_id_of_key(key_of_peer_id(peer_id))
    assert show_peer_id(peer_id) == str(theirs)
    assert parse_peer_id(str(theirs)) == peer_id
    assert key_of_peer_id(peer_id) == keys.public_key.to_bytes()


@pytest.mark.parametrize("text", ["", "0", "12D3Koo", "Qm" + "1" * 44, "1" * 65, "12D3KooWé"])
def test_what_is_no_peer_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_peer_id(text)


def test_a_key_of_another_length_makes_no_peer_id() -> None:
    for wrong in (b"", b"x" * 31, b"x" * 33):
        with pytest.raises(ValueError):
            peer_id_of(wrong)
        with pytest.raises(ValueError):
            key_of_peer_id(PeerId(wrong))


def test_pauses_between_dials_double_up_to_their_bound() -> None:
    settings = NetSettings(redial_ms_min=500, redial_ms_max=120_000)
    pauses = [pause_ms_most(failures, settings) for failures in range(12)]
    assert pauses[:4] == [500, 1_000, 2_000, 4_000]
    assert pauses[-1] == pause_ms_most(10_000, settings) == 120_000
    assert pauses == sorted(pauses)
