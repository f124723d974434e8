"""The wires between machines of their own: what they promise to do to packets, they do, and nothing of them stays."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.wires import Machine, Wiring, why_not

PACKETS = 200
DELAY_MS = 60
LOST_PER_CENT = 25


@pytest.fixture(scope="module", autouse=True)
def wires_can_be_made() -> None:
    if missing := why_not():
        pytest.skip(missing)


@pytest.fixture
def ends() -> Iterator[tuple[Machine, socket.socket, socket.socket]]:
    """A machine whose line can be made bad, a socket that sends from there, and one that receives elsewhere."""
    with Wiring(seed=7) as wiring:
        machines = wiring.machine(), wiring.machine()
        with machines[0].inside(udp) as sending, machines[1].inside(udp) as receiving:
            receiving.bind((machines[1].address, 4_077))
            receiving.settimeout(0.5)
            sending.connect((machines[1].address, 4_077))
            yield machines[0], sending, receiving


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def come(receiving: socket.socket) -> int:
    """How many packets come until none does."""
    count = 0
    try:
        while receiving.recv(2_000):
            count += 1
    except TimeoutError:
        return count
    return count


def test_a_line_loses_what_it_is_told_to_lose_and_a_good_one_nothing(
    ends: tuple[Machine, socket.socket, socket.socket],
) -> None:
    machine, sending, receiving = ends
    for lost_per_cent, least, most in ((0, PACKETS, PACKETS), (LOST_PER_CENT, 120, 180)):
        machine.line.lost_per_cent = lost_per_cent
        for _ in range(PACKETS):
            sending.send(b"x" * 100)
        assert least <= come(receiving) <= most


def test_a_line_delays_and_a_slow_one_takes_its_time(ends: tuple[Machine, socket.socket, socket.socket]) -> None:
    machine, sending, receiving = ends
    machine.line.delay_ms = DELAY_MS
    began_s = time.monotonic()
    sending.send(b"x")
    assert receiving.recv(2_000) == b"x"
    assert time.monotonic() - began_s >= DELAY_MS / 1_000
    machine.line.kbit_per_s = 256
    began_s = time.monotonic()
    for _ in range(10):
        sending.send(b"x" * 972)
    for _ in range(10):
        receiving.recv(2_000)
    assert time.monotonic() - began_s >= 10 * 1_000 * 8 / 256_000


def test_nothing_passes_a_line_that_is_cut_until_it_is_healed(
    ends: tuple[Machine, socket.socket, socket.socket],
) -> None:
    machine, sending, receiving = ends
    machine.line.is_cut = True
    sending.send(b"lost")
    assert come(receiving) == 0
    machine.line.is_cut = False
    sending.send(b"healed")
    assert receiving.recv(2_000) == b"healed"


def test_nothing_of_the_wires_stays_when_a_case_fails() -> None:
    with pytest.raises(ZeroDivisionError), Wiring() as wiring:
        machine = wiring.machine()
        machine.inside(udp).close()
        raise ZeroDivisionError
    assert not Path("/run/netns", machine.namespace).exists()
