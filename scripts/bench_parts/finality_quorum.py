"""How many entries a second four witnesses make final and durable when one member sends them in bulk.

Five real nodes over libp2p: four `dpnode` daemons that vote, each with its own database and journal synced at every
step, and a member's whole node in this process. The time runs from the first submission to the moment the member
holds the last entry as final.
"""

from __future__ import annotations

import time

import trio

from dpnode.node import Node
from scripts.bench_parts._council import as_member, council, seconds_since
from scripts.bench_parts._ledger import BODY_BYTES, note_bytes_for, payment
from scripts.bench_parts._run import Figure, Run

FLOOR_PER_S = 1_500.0
WITNESSES = 4
ENTRIES = 16_000
PART = 250
"""Operations in one submission."""
WAIT_MS = 120_000


def finality_quorum(run: Run) -> Figure:
    """Entries per second."""
    with council(run.folder("quorum"), WITNESSES) as one:
        spent = [witness.cpu_s() for witness in one.witnesses]

        async def work(node: Node) -> tuple[float, float]:
            credit = await opened(node)
            note_bytes = note_bytes_for(one.founded.charter.network, credit)
            operation = payment(credit, one.owners[0].identity.member, note_bytes)
            began_s, began_cpu_s = time.monotonic(), time.process_time()
            done = 0

            async def part(count: int) -> None:
                nonlocal done
                for standing in await node.submit([operation] * count, wait_ms=WAIT_MS):
                    if not standing.is_final or standing.outcome:
                        raise RuntimeError(f"an entry did not become final: {standing.outcome or 'in time'}")
                done += count
                run.progress("entries final", done, ENTRIES)

            async with trio.open_nursery() as parts:
                for start in range(0, ENTRIES, PART):
                    parts.start_soon(part, min(PART, ENTRIES - start))
            return seconds_since(began_s), time.process_time() - began_cpu_s

        took_s, own_s = as_member(one, work, met=WITNESSES)
        used = sum(witness.cpu_s() for witness in one.witnesses) - sum(spent)
        heights = [witness.status()["height"] for witness in one.witnesses]
    return Figure(
        value=round(ENTRIES / took_s),
        unit="entries/s",
        floor=FLOOR_PER_S,
        notes=(
            f"{ENTRIES:,} entries of {BODY_BYTES} B in about {max(heights)} blocks in {took_s:.2f} s",
            f"processor time per entry: {used / WITNESSES / ENTRIES * 1e6:.0f} us at each witness, "
            f"{own_s / ENTRIES * 1e6:.0f} us at the member",
        ),
    )


async def opened(node: Node) -> bytes:
    """A credit of the member's, of which it holds enough."""
    opening = {"decimals": 2, "redeemable": "bread", "t": "credits.open/1", "unit": "EUR"}
    (credit,) = await node.submit([opening], wait_ms=WAIT_MS)
    issue = {"amount": 10**7, "credit": credit.entry_id, "t": "credits.issue/1", "to": node.identity.member}
    await node.submit([issue], wait_ms=WAIT_MS)
    return credit.entry_id
