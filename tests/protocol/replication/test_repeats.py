"""When what is pending is told again, and that it costs nothing until then. SPEC P-15."""

from __future__ import annotations

from protocol.limits import FORWARD_MS_MAX, FORWARD_MS_MIN
from protocol.replication.repeats import Repeats

ONE, TWO = b"1", b"2"


def test_an_entry_is_due_after_the_first_pause_and_then_after_twice_as_long() -> None:
    repeats = Repeats()
    repeats.add(ONE, 0)
    assert repeats.next_ms() == FORWARD_MS_MIN
    assert repeats.due(FORWARD_MS_MIN - 1) == []
    assert repeats.due(FORWARD_MS_MIN) == [ONE]
    assert repeats.next_ms() == 3 * FORWARD_MS_MIN


def test_what_was_kept_on_the_disk_is_due_at_once() -> None:
    repeats = Repeats()
    repeats.add(ONE, 0, at_once=True)
    assert repeats.due(0) == [ONE]
    assert repeats.next_ms() == FORWARD_MS_MIN


def test_twenty_thousand_entries_wake_the_machine_eight_times_in_the_longest_pause() -> None:
    repeats = Repeats()
    for n in range(20_000):
        repeats.add(n.to_bytes(4, "big"), n)
    now_ms, told, wakes = 0, 0, 0
    while now_ms < 3 * FORWARD_MS_MAX:
        now_ms = repeats.next_ms() or 0
        told = len(repeats.due(now_ms))
        wakes += now_ms > 2 * FORWARD_MS_MAX
    assert told and len(repeats) == 20_000
    assert 0 < wakes <= 2 * 8


def test_a_forgotten_entry_is_never_due_and_its_moment_does_not_stay() -> None:
    repeats = Repeats()
    for n in range(10_000):
        repeats.add(n.to_bytes(4, "big"), 0)
        repeats.forget(n.to_bytes(4, "big"))
    repeats.add(TWO, 0)
    assert repeats.due(FORWARD_MS_MAX) == [TWO]
    assert len(repeats) == 1 and len(repeats._heap) < 2_000


def test_an_entry_that_comes_again_starts_anew() -> None:
    repeats = Repeats()
    repeats.add(ONE, 0)
    repeats.forget(ONE)
    repeats.add(ONE, 1_000)
    assert repeats.due(FORWARD_MS_MIN) == []
    assert repeats.due(1_000 + FORWARD_MS_MIN) == [ONE]
