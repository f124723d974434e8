"""Which addresses are dialled: everything in an advert is a wish of somebody else.

SPEC L-13.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpnode.net import NetSettings, peer_id_of, show_peer_id
from dpnode.net.addresses import BadAddress, dialable, parse_address, reachable, why_not

PEER = peer_id_of(b"p" * 32)
RELAY = peer_id_of(b"r" * 32)
P, R = show_peer_id(PEER), show_peer_id(RELAY)
PLAIN = NetSettings()
OPEN = replace(PLAIN, allow_loopback=True, allow_dns=True)


@pytest.mark.parametrize(
    "text",
    [
        "/ip4/192.168.1.20/tcp/4001",
        "/ip6/2001:db8::1/tcp/65535",
        "/dns4/shop.example/tcp/4001",
        f"/ip4/10.0.0.1/tcp/1/p2p/{P}",
        f"/ip4/10.0.0.1/tcp/1/p2p/{R}/p2p-circuit",
        f"/ip4/10.0.0.1/tcp/1/p2p/{R}/p2p-circuit/p2p/{P}",
    ],
)
def test_an_address_is_read_and_written_alike(text: str) -> None:
    assert parse_address(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "nonsense",
        "/ip4/10.0.0.1",
        "/ip4/10.0.0.1/udp/4001/quic-v1",
        "/ip4/10.0.0.1/tcp/4001/ws",
        "/ip4/10.0.0.1/tcp/65536",
        "/ip4/10.0.0.1/tcp/-1",
        "/ip4/10.0.0.1/tcp/４００１",
        "/ip4/10.0.0.256/tcp/1",
        "/ip4/0x7f.1/tcp/1",
        "/ip6/fe80::1%eth0/tcp/1",
        "/unix/tmp/socket/tcp/1",
        "/dns4/-bad-/tcp/1",
        "/dns4/a b/tcp/1",
        "/dns4//tcp/1",
        f"/ip4/10.0.0.1/tcp/1/p2p/{P}x",
        f"/ip4/10.0.0.1/tcp/1/p2p-circuit/p2p/{P}",
        f"/ip4/10.0.0.1/tcp/1/p2p/{R}/p2p-circuit/p2p/{P}/p2p-circuit",
        "/ip4/10.0.0.1/tcp/1" + "/" * 300,
    ],
)
def test_what_has_none_of_the_shapes_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_address(text)


@given(st.text(max_size=300))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(BadAddress):
        assert parse_address(parse_address(text).text).text


@pytest.mark.parametrize(
    ("host", "plainly", "openly"),
    [
        ("ip4/192.168.1.20", True, True),
        ("ip4/10.1.2.3", True, True),
        ("ip4/8.8.8.8", True, True),
        ("ip4/127.0.0.1", False, True),
        ("ip4/127.9.9.9", False, True),
        ("ip6/::1", False, True),
        ("ip6/::ffff:127.0.0.1", False, True),
        ("ip4/0.0.0.0", False, False),
        ("ip6/::", False, False),
        ("ip6/::ffff:0.0.0.0", False, False),
        ("ip4/224.0.0.251", False, False),
        ("ip6/ff02::fb", False, False),
        ("ip4/255.255.255.255", False, False),
        ("ip4/169.254.169.254", False, False),
        ("ip6/fe80::1", False, False),
        ("dns4/shop.example", False, True),
    ],
)
def test_an_address_is_dialled_only_as_the_owner_allows(host: str, plainly: bool, openly: bool) -> None:
    address = parse_address(f"/{host}/tcp/80")
    assert (why_not(address, PLAIN) is None) is plainly
    assert (why_not(address, OPEN) is None) is openly


def test_private_ranges_can_be_closed() -> None:
    closed = replace(PLAIN, allow_private=False)
    assert why_not(parse_address("/ip4/192.168.1.20/tcp/80"), closed)
    assert why_not(parse_address("/ip4/8.8.8.8/tcp/80"), closed) is None


def test_port_zero_is_not_dialled() -> None:
    assert why_not(parse_address("/ip4/8.8.8.8/tcp/0"), OPEN) == "port 0"


def test_a_list_of_wishes_is_cut_deduplicated_and_explained() -> None:
    wishes = [f"/ip4/10.0.0.{n % 12}/tcp/1" for n in range(100)]
    good, bad = dialable(PEER, ["/ip4/127.0.0.1/tcp/1", f"/ip4/10.1.1.1/tcp/1/p2p/{R}", *wishes], PLAIN)
    assert len(good) == PLAIN.addresses_per_peer_max == len({one.text for one in good})
    assert [why for _, why in bad] == ["loopback ([network] allow_loopback)", "names another peer"]


def test_an_endless_list_of_bad_wishes_is_not_read_to_its_end() -> None:
    read = 0

    def endless() -> object:
        nonlocal read
        while True:
            read += 1
            yield "x"

    good, _ = dialable(PEER, endless(), PLAIN)  # type: ignore[arg-type]
    assert good == []
    assert read < 100


def test_a_peer_is_not_relayed_through_itself() -> None:
    good, bad = dialable(RELAY, [f"/ip4/10.0.0.1/tcp/1/p2p/{R}/p2p-circuit"], PLAIN)
    assert good == []
    assert bad[0][1] == "relayed through the peer itself"


def test_a_wildcard_becomes_the_real_addresses_of_this_machine() -> None:
    told = reachable([("ip4", "0.0.0.0", 4001), ("ip4", "127.0.0.1", 4002)], OPEN)
    assert told[-1] == "/ip4/127.0.0.1/tcp/4002"
    assert "/ip4/127.0.0.1/tcp/4001" in told
    assert not [text for text in told if "0.0.0.0" in text]
    assert reachable([("ip4", "127.0.0.1", 4002)], PLAIN) == []
