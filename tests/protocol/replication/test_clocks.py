"""Whose clocks say that ours is wrong: nobody who may lie alone, and no plain member where there are witnesses."""

from __future__ import annotations

import pytest

from ledger.chain import CLOCK_SKEW_MS, Chain
from protocol.messages import Hello
from protocol.replication.clocks import Clocks
from tests.protocol.stand import Stand, now, profile
from tests.simulation.town import network, person

AHEAD_MS = CLOCK_SKEW_MS + 1
NAMES = ("ann", "ben", "cat", "dan", "eve", "fay", "gus", "hal", "ida")


def clocks_of(name: str, witnesses: int, wrong: str, right: str = "") -> Clocks:
    """A member's, once all those of `wrong` said that it is late and those of `right` that it is not."""
    founded = network(*NAMES, witnesses=witnesses)
    chain, _ = Chain.founded(founded.charter)
    clocks = Clocks(chain, person(name).member)
    for other in wrong.split():
        clocks.heard(person(other).peer, now().wall_ms + AHEAD_MS, now())
    for other in right.split():
        clocks.heard(person(other).peer, now().wall_ms, now())
    return clocks


@pytest.mark.parametrize(
    ("name", "witnesses", "wrong", "right", "is_off"),
    [
        ("ann", 4, "ben cat dan", "", True),
        ("ann", 4, "ben cat", "dan", False),
        ("ann", 4, "dan", "", False),
        ("ann", 4, "dan", "ben", False),
        ("ann", 4, "eve fay gus hal ida", "ben cat dan", False),
        ("ann", 4, "eve fay gus hal ida", "", False),
        ("ann", 4, "ben cat", "eve fay gus hal ida", True),
        ("ann", 7, "ben cat", "dan eve fay gus", False),
        ("ann", 1, "ben", "", False),
        ("ann", 1, "ben cat", "", True),
        ("ann", 1, "ben cat", "dan", False),
        ("ida", 4, "ann ben", "", True),
        ("ida", 4, "ann ben", "eve fay", False),
    ],
)
def test_the_median_of_those_who_have_a_say_decides(
    name: str, witnesses: int, wrong: str, right: str, is_off: bool
) -> None:
    """V-13: among several witnesses the others of them, else every member that is connected."""
    assert clocks_of(name, witnesses, wrong, right).is_off is is_off


def test_a_member_has_one_clock_however_many_machines() -> None:
    """V-13: and one with two clocks is believed where it says what we say."""
    stand = Stand(person("ann"), *NAMES)
    stand.restart()
    chain = stand.core.chain
    clocks = Clocks(chain, person("ann").member)
    machines = [person(name).peer for name in ("eve", "fay", "gus")]
    for peer in machines:
        clocks.heard(peer, now().wall_ms + AHEAD_MS, now())
    assert clocks.is_off
    eve = chain.state.raw(b"peer/" + machines[0])
    chain.state.merge(chain.state.settle({b"peer/" + peer: eve for peer in machines}))
    clocks.heard(machines[1], now().wall_ms + 2 * AHEAD_MS, now())
    assert not clocks.is_off
    clocks.heard(person("hal").peer, now().wall_ms + AHEAD_MS, now())
    assert clocks.is_off and clocks.ahead_ms == AHEAD_MS
    clocks.heard(machines[2], now().wall_ms, now())
    assert not clocks.is_off


def test_whoever_is_gone_or_a_stranger_has_no_say() -> None:
    """V-13."""
    clocks = clocks_of("ann", 4, "ben cat zed", "")
    assert clocks.is_off
    clocks.lost(person("ben").peer)
    assert not clocks.is_off


def test_a_wrong_clock_keeps_a_leader_from_proposing_until_its_owner_says_it_is_right() -> None:
    """V-13, V-17."""
    stand = Stand(person("ann"), *NAMES, witnesses=4)
    stand.restart()
    genesis = stand.founded.charter.network
    stand.submit(profile("about"))
    assert stand.ledger.waiting.has_any(now().wall_ms)
    for other in ("ben", "cat", "dan"):
        stand.connect(person(other))
        hello = Hello(network=genesis, height=0, block=genesis, record=None, time=now().wall_ms + AHEAD_MS)
        stand.hear(person(other), hello)
    assert not stand.ledger.waiting.has_any(now().wall_ms)
    stand.ledger.clocks.is_confirmed = True
    stand.tick()
    assert stand.ledger.waiting.has_any(now().wall_ms)
