"""The loop around the core: effects in order, what must last on the disk first, nothing spun, nothing lost.

SPEC P-70, P-71. The core, the votes and the rows are real; disk and network are fakes that write down what they were
asked, in order.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
import trio.testing

import dpnode.driver
import dpnode.voting
from dpnode.driver import INPUTS_WAITING_MAX
from dpnode.shelf import pending_entries
from dpnode.store.errors import StoreError
from dpnode.store.journal import Journal
from dpnode.store.rows import ServedBlock
from dpnode.voting import Kind, open_votes, remembered
from protocol.effects import (
    Addresses,
    Effect,
    Final,
    HeadMoved,
    Misbehaved,
    Negotiated,
    NotRecorded,
    Recorded,
    Send,
)
from protocol.inputs import Input, Negotiate, Now, PeerConnected, Received, Submit
from protocol.messages import (
    AskRange,
    Blocks,
    Entries,
    Have,
    Message,
    NewHead,
    Pending,
    Records,
    write_message,
)
from protocol.negotiation.inputs import Withdraw
from tests.dpnode.driving import Bench
from tests.protocol.stand import ANN, BEN, profile, record
from tests.simulation.town import DAY_MS, START_MS, Person, build


@pytest.fixture(autouse=True)
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's clocks are trio's, so that a jump of the test's clock is one for the core."""

    began: list[float] = []

    def now() -> Now:
        began[:1] = began[:1] or [trio.current_time()]
        ms = math.ceil((trio.current_time() - began[0]) * 1000 - 1e-6)
        return Now(wall_ms=START_MS + ms, monotonic_ms=1 + ms)

    monkeypatch.setattr(dpnode.driver, "now", now)


def submit(*operations: dict[str, Any], token: int = 1) -> Submit:
    return Submit(operations=operations or (profile(),), token=token, until_ms=START_MS + DAY_MS)


def heard(message: Message, who: Person = BEN) -> Received:
    return Received(peer=who.peer, frame=write_message(message))


async def test_an_entry_is_on_the_disk_before_anybody_is_told_and_told_before_it_is_sent() -> None:
    bench = Bench(BEN)
    story = await bench.after(PeerConnected(peer=ANN.peer), submit())
    kinds = story.kinds()
    assert kinds.index("commit") < kinds.index("Recorded")
    assert [message for _, message in story.of("send") if isinstance(message, Entries)]
    assert max(i for i, kind in enumerate(kinds) if kind == "send") > kinds.index("Recorded")


async def test_neighbouring_small_writes_are_one_transaction() -> None:
    bench = Bench(BEN)
    statement = record(ANN, bench.stand.founded).to_value()
    await bench.after(submit(profile("a"), profile("b")), heard(Records(records=[statement]), ANN))
    commits = bench.story.of("commit")
    assert [len(one.pending_new) for one in commits] == [2, 0]
    assert [len(one.kept) for one in commits] == [0, 1]


async def test_a_refused_order_writes_nothing() -> None:
    story = await Bench(BEN).after(submit({"amount": 1, "credit": bytes(32), "t": "credits.pay/1", "to": ANN.member}))
    assert [type(one) for one in story.of("NotRecorded")] == [NotRecorded]
    assert not story.of("commit")


@pytest.fixture
def journal(tmp_path: Any) -> Any:
    with open_votes(tmp_path, create=True) as (made, _):
        yield made


async def test_a_block_is_journaled_then_stored_then_told(journal: Journal, tmp_path: Any) -> None:
    bench = Bench(ANN, journal)
    story = await bench.after(submit())
    kinds = story.kinds()
    assert kinds.index("Recorded") < kinds.index("HeadMoved") < kinds.index("Final")
    commits = story.of("commit")
    assert [len(one.blocks) for one in commits] == [0, 1]
    assert kinds.index("HeadMoved") > [i for i, kind in enumerate(kinds) if kind == "commit"][1]
    assert journal.size_bytes > 0
    assert bench.driver.core.chain.head.height == 1


async def test_nothing_of_a_block_is_seen_before_it_is_on_the_disk(journal: Journal) -> None:
    bench = Bench(ANN, journal)
    bench.store.blocks_may = may = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.driver.run)
        await bench.driver.give(submit())
        with trio.fail_after(20):
            await bench.store.blocks_came.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert bench.driver.core.chain.head.height == 0
        assert not bench.story.of("Final")
        may.set()
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert bench.driver.core.chain.head.height == 1
        assert bench.story.of("Final")
        nursery.cancel_scope.cancel()


async def test_a_disk_that_fails_ends_the_driver_before_anything_is_said() -> None:
    bench = Bench(BEN)
    bench.store.broken = True
    with pytest.raises(ExceptionGroup) as failed:
        await bench.after(submit())
    assert failed.group_contains(StoreError)
    assert not bench.story.of("Recorded") and not bench.story.of("send")


async def test_a_long_journal_is_begun_anew_at_the_floor(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dpnode.voting, "JOURNAL_BYTES_MAX", 0)
    with open_votes(tmp_path, create=True) as (journal, _):
        bench = Bench(ANN, journal)
        await bench.after(submit(profile("0"), token=0))
        for n in (1, 2):
            # At each start the only witness waits for a member's word on how far the ledger is.
            await bench.after(heard(NewHead(height=n, block=bytes(32))), submit(profile(f"{n}"), token=n))
    with open_votes(tmp_path, create=False) as (_, records):
        kinds = [one.kind for one in records]
        memory = remembered(records)
    assert kinds == [Kind.FLOOR, Kind.CERTIFICATE, Kind.BLOCK, Kind.BALLOT, Kind.BALLOT]
    assert memory.floors == ((1, 2),)
    assert [vote.view for vote in memory.votes] == [3, 3]


async def test_an_order_of_the_owner_is_over_when_all_it_led_to_was_told() -> None:
    story = await Bench(BEN).after(Negotiate(input=Withdraw(call=bytes(32)), token=77))
    assert story.kinds()[-2:] == ["Negotiated", "negotiated"]
    assert story.of("negotiated") == [77]
    assert [type(one) for one in story.of("Negotiated")] == [Negotiated]


async def test_a_range_is_served_beside_the_cores_own_work(journal: Journal) -> None:
    bench = Bench(ANN, journal)
    await bench.after(submit())
    story = await bench.after(heard(AskRange(start=1, bytes=10**6)))
    answers = [message for _, message in story.of("send") if isinstance(message, Blocks)]
    assert [(one.start, len(one.blocks), one.height) for one in answers] == [(1, 1, 1)]
    assert answers[0].certificate == bench.stand.disk.blocks[0].certificate


async def test_a_range_ends_with_a_block_whose_certificate_is_held(journal: Journal) -> None:
    bench = Bench(ANN, journal)
    await bench.after(submit())
    disk = bench.stand.disk
    disk.blocks.append(ServedBlock(height=2, body=b"later", certificate=None))
    story = await bench.after(heard(AskRange(start=1, bytes=10**6)))
    (answer,) = [message for _, message in story.of("send") if isinstance(message, Blocks)]
    assert len(answer.blocks) == 1
    disk.blocks[0] = ServedBlock(height=1, body=b"first", certificate=None)
    await bench.after(heard(AskRange(start=1, bytes=10**6)))
    assert [len(message.blocks) for _, message in story.of("send") if isinstance(message, Blocks)] == [1, 0]


async def test_one_peer_is_served_one_range_at_a_time(journal: Journal) -> None:
    bench = Bench(ANN, journal)
    await bench.after(submit())
    bench.store.slow_s = 0.005
    await bench.after(*[heard(AskRange(start=1, bytes=10**6)) for _ in range(5)])
    assert len(bench.story.of("read")) == 1


async def test_addresses_are_kept_and_forgotten_in_the_network_room() -> None:
    bench = Bench(BEN)
    effects: list[Effect] = [
        Addresses(peer=ANN.peer, addresses=("/ip4/10.0.0.1/tcp/1",)),
        Addresses(peer=ANN.peer, addresses=()),
    ]
    async with trio.open_nursery() as nursery:
        await bench.driver._perform(effects, nursery)
    assert bench.story.lines == [("keep", (ANN.peer, ("/ip4/10.0.0.1/tcp/1",))), ("forget", ANN.peer)]


async def test_a_peer_that_breaks_a_rule_is_named_in_the_log_and_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    story = await Bench(BEN).after(Received(peer=ANN.peer, frame=b"\xff\x1b[2J"))
    assert story.of("disconnect") == [ANN.peer]
    (line,) = [one.getMessage() for one in caplog.records if one.name == "dpnode.driver"]
    assert "ann" in line and "\x1b" not in line


async def test_a_fault_that_is_not_fatal_only_leaves_a_line(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(BEN)
    async with trio.open_nursery() as nursery:
        await bench.driver._perform([Misbehaved(peer=ANN.peer, sentence="was odd", fatal=False)], nursery)
    assert not bench.story.of("disconnect")
    assert "was odd" in caplog.text


@pytest.mark.parametrize("changed", [True, False])
async def test_the_gate_is_asked_anew_when_members_changed(changed: bool) -> None:
    bench = Bench(BEN)
    async with trio.open_nursery() as nursery:
        await bench.driver._perform([HeadMoved(height=1, members_changed=changed)], nursery)
    assert bool(bench.story.of("recheck")) is changed
    assert bench.story.of("HeadMoved")


async def test_what_somebody_waits_for_is_told() -> None:
    bench = Bench(BEN)
    effects: list[Effect] = [
        Recorded(token=1, entry_ids=()),
        NotRecorded(token=2, code="x", detail=""),
        Final(entry_id=b"", outcome="", height=1),
    ]
    async with trio.open_nursery() as nursery:
        await bench.driver._perform(effects, nursery)
    assert [what for _, what in bench.story.lines] == effects


async def test_one_message_for_many_peers_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Message] = []

    def counting(message: Message) -> bytes:
        written.append(message)
        return write_message(message)

    monkeypatch.setattr(dpnode.driver, "write_message", counting)
    bench = Bench(BEN)
    news = NewHead(height=1, block=bytes(32))
    async with trio.open_nursery() as nursery:
        await bench.driver._perform([Send(peer=bytes([n]), message=news) for n in range(5)], nursery)
    assert len(written) == 1
    assert len(bench.story.of("send")) == 5


async def test_what_waits_is_done_when_its_time_comes(autojump_clock: Any) -> None:
    bench = Bench(BEN)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.driver.run)
        await bench.driver.give(PeerConnected(peer=ANN.peer))
        await bench.driver.give(submit())
        await trio.sleep(30)
        nursery.cancel_scope.cancel()
    told = [message for _, message in bench.story.of("send")]
    assert len([message for message in told if isinstance(message, Entries)]) == 1, "whole to the witness, once"
    again = [message for message in told if isinstance(message, Pending)]
    assert len(again) >= 3 and len({tuple(message.ids) for message in again}) == 1


async def test_an_idle_driver_sleeps(autojump_clock: Any, monkeypatch: pytest.MonkeyPatch, journal: Journal) -> None:
    """Also where a witness holds an entry that nothing can include: it once span."""
    bench = Bench(ANN, journal)
    steps = 0
    real = bench.driver.core.handle

    def counting(event: Input, at: Now) -> list[Effect]:
        nonlocal steps
        steps += 1
        return real(event, at)

    monkeypatch.setattr(bench.driver.core, "handle", counting)
    stuck = bench.stand.entry(BEN, 2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.driver.run)
        await bench.driver.give(PeerConnected(peer=BEN.peer))
        await bench.driver.give(heard(Entries(entries=[[stuck.body, stuck.signature]])))
        await trio.sleep(600)
        nursery.cancel_scope.cancel()
    assert steps < 120


async def test_inputs_wait_when_the_core_is_busy() -> None:
    bench = Bench(BEN)
    taken = 0
    with trio.move_on_after(0.05):
        for _ in range(INPUTS_WAITING_MAX + 10):
            await bench.driver.give(heard(Have(adverts=[]), ANN))
            taken += 1
    assert taken == INPUTS_WAITING_MAX


async def test_a_steady_stream_of_inputs_does_not_keep_blocks_from_being_made(journal: Journal) -> None:
    bench = Bench(ANN, journal)
    events: list[Input] = [submit(), *[heard(Have(adverts=[])) for _ in range(200)]]
    story = await bench.after(*events)
    assert story.of("Final")


async def test_a_start_fills_a_number_that_lapsed_and_offers_what_is_pending() -> None:
    bench = Bench(BEN)
    await bench.after(submit(profile("a"), profile("b")))
    disk = bench.stand.disk
    first = min(disk.pending.values(), key=lambda row: pending_entries([row])[0].sequence)
    del disk.pending[first.id]
    again = Bench(BEN)
    again.stand.disk = again.store.stand.disk = disk
    again.driver.core = build(BEN, disk).core
    story = await again.after(PeerConnected(peer=ANN.peer))
    assert len(disk.pending) == 2
    told = {one for _, message in story.of("send") if isinstance(message, Pending) for one in message.ids}
    assert told == set(disk.pending)
