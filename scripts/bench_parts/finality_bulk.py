"""How many entries a second one witness makes final and durable when one member sends them in bulk.

Two real processes over libp2p: a `dpnode` daemon that is the witness, and a member's whole node in this process, which
signs the operations, keeps them pending on its disk, sends them, and fetches and checks the blocks that come back. The
time runs from the first submission to the moment the member holds the last entry as final, so the witness's own rate
is never less.
"""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import trio

from config.parse import load
from dpnode.daemon import _Daemon
from dpnode.seat import Seat
from ledger.canonical import Value
from scripts.bench_parts._homes import Owner, daemon, know, make_owner
from scripts.bench_parts._ledger import (
    BODY_BYTES,
    building,
    guest_of,
    newcomer,
    note_bytes_for,
    payment,
    populate,
)
from scripts.bench_parts._run import Figure, Run

FLOOR_PER_S = 3_000.0
ENTRIES = 16_000
"""What a witness holds pending of one key, so that none waits for being offered again."""
PART = 250
"""Operations in one submission."""
WAIT_MS = 120_000


def finality_bulk(run: Run) -> Figure:
    """Entries per second."""
    folder = run.folder("finality")
    witness, member = make_owner(folder, "witness"), make_owner(folder, "member")
    with building(witness) as (builder, founded):
        credit = populate(builder, [guest_of(member)])
    newcomer(member, founded)
    note_bytes = note_bytes_for(founded.charter.network, credit)
    operation = payment(credit, witness.identity.member, note_bytes)
    with daemon(witness.home) as other:
        know(member.home, [other.address_of(witness)])
        before_s, height = other.cpu_s(), builder.chain.head.height
        took_s, own_s = trio.run(_send, run, member, height, [operation] * ENTRIES)
        spent_s = other.cpu_s() - before_s
        status = other.status()
        blocks, final = status["height"] - height, status["entries"] - builder.chain.head.entries
    if final != ENTRIES:
        raise RuntimeError(f"{final} of {ENTRIES} entries became final")
    return Figure(
        value=round(ENTRIES / took_s),
        unit="entries/s",
        floor=FLOOR_PER_S,
        notes=(
            f"{ENTRIES:,} entries of {BODY_BYTES} B in {blocks} blocks in {took_s:.2f} s",
            f"processor time per entry: {spent_s / ENTRIES * 1e6:.0f} us at the witness, "
            f"{own_s / ENTRIES * 1e6:.0f} us at the member",
        ),
    )


async def _send(run: Run, owner: Owner, height: int, operations: list[dict[str, Value]]) -> tuple[float, float]:
    """Run the member's node, submit everything, wait until it is final there; (seconds, processor seconds of ours)."""
    ready = trio.Event()
    with closing(Seat(owner.home, owner.identity.member)) as seat:
        running = _Daemon(owner.home, load(Path(owner.home.config)), owner.identity, lambda _: ready.set(), seat)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(running.run)
            await ready.wait()
            node = running._node
            while node.core.chain.head.height < height:
                await node.moved.wait()
            began_s, began_cpu_s = time.monotonic(), time.process_time()
            done = 0

            async def part(some: list[dict[str, Value]]) -> None:
                nonlocal done
                for standing in await node.submit(some, wait_ms=WAIT_MS):
                    if not standing.is_final or standing.outcome:
                        raise RuntimeError(f"an entry did not become final: {standing.outcome or 'in time'}")
                done += len(some)
                run.progress("entries final", done, len(operations))

            async with trio.open_nursery() as parts:
                for start in range(0, len(operations), PART):
                    parts.start_soon(part, operations[start : start + PART])
            took = time.monotonic() - began_s, time.process_time() - began_cpu_s
            node.stop.set()
    return took
