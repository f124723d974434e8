"""Replays the whole ledger from its charter and trusts nothing that stands in the database.

Checked are the founders' signatures; of every block its link, time, entries root, certificate and state root; of every
entry its own signature and each one inside, and that the rules give the outcome recorded; and in the end that the
stored state is the one all this leads to. The first thing that does not fit ends it, with a sentence that names the
block. Signatures are checked on all cores beside the replay, since libsodium gives the interpreter free meanwhile.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from dpnode.reading.blocks import batches, wrong
from dpnode.reading.source import Asks, Report, read_head
from dpnode.shelf import read_begins
from dpnode.store import questions
from dpnode.store.rows import ServedBlock
from ledger.block import Block
from ledger.canonical import decode
from ledger.chain import Chain
from ledger.charter import check_founding, read_charter
from ledger.consensus.votes import VoteKind, check_certificate, read_certificate
from ledger.entry import Entry
from ledger.errors import RemoteError
from ledger.fold import is_fully_signed
from ledger.names import Kind, short
from ledger.queries import unbalanced

CHUNK_ENTRIES = 128
"""Entries whose signatures one task checks: some 10 ms."""


def verify(reading: Asks, report: Report) -> dict[str, Any]:
    """Replay and compare everything; returns {"height", "entries", "root", "took_ms"}.

    Raises `Problem` (VERIFICATION) for the first thing that does not fit; its details name the height. `report` is
    called after each few megabytes and may raise to stop.
    """
    began_ms = time.monotonic_ns() // 1_000_000
    meta = reading.ask(questions.meta())
    head = read_head(meta)
    chain = _founded(meta)
    begins = read_begins(meta)
    if begins > 1:
        from dpnode.reading.verify_late import verify_late

        return verify_late(reading, chain, head, begins, report)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for batch in batches(reading, head.height):
            checks = [
                (block.header.height, chunk, pool.submit(_first_unsigned, chunk))
                for _, block in batch
                for chunk in _chunks(block.entries)
            ]
            for served, block in batch:
                _replay(reading, chain, served, block)
            _collect(checks)
            report({"text": "replaying the ledger", "done": chain.head.height, "of": head.height})
    if chain.head.height and not _is_certified(reading, chain.head.height):
        raise wrong(chain.head.height, f"block {chain.head.height}, the newest, has no certificate")
    _compare(reading, chain, head.block, head.entries)
    return {
        "height": chain.head.height,
        "entries": chain.head.entries,
        "root": chain.state.root,
        "took_ms": time.monotonic_ns() // 1_000_000 - began_ms,
    }


def _founded(meta: dict[str, bytes]) -> Chain:
    """The chain at height 0, its founders' signatures checked."""
    try:
        charter = read_charter(meta["charter"])
        check_founding(charter, dict(decode(meta["founding"])))
    except (RemoteError, KeyError, ValueError) as problem:
        raise wrong(0, f"the charter does not hold: {problem}") from problem
    return Chain.founded(charter)[0]


def _replay(reading: Asks, chain: Chain, served: ServedBlock, block: Block) -> None:
    """One block: its certificate, where it has one of its own, then all it does."""
    height, header = served.height, block.header
    view = header.view
    try:
        if served.certificate is not None:
            certificate = read_certificate(served.certificate)
            if certificate.kind is not VoteKind.FINALIZE or certificate.block != header.id:
                raise wrong(height, f"the certificate beside block {height} finalizes something else")
            check_certificate(certificate, chain.network, chain.head.epoch, chain.voting_keys)
            view = certificate.view
        chain.take(chain.check([block], view))
    except RemoteError as problem:
        raise wrong(height, f"block {height} does not hold: {problem.reason}") from problem
    listed = reading.ask(questions.block_at(height))
    if listed is None or (listed.id, listed.header, listed.time_ms) != (header.id, header.body, header.time_ms):
        raise wrong(height, f"the database lists block {height} as another than it holds")
    if listed.entries != chain.head.entries:
        raise wrong(
            height, f"the database counts {listed.entries} entries up to block {height}, not {chain.head.entries}"
        )


def _chunks(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    for start in range(0, len(entries), CHUNK_ENTRIES):
        yield entries[start : start + CHUNK_ENTRIES]


def _first_unsigned(entries: Sequence[Entry]) -> Entry | None:
    return next((entry for entry in entries if not is_fully_signed(entry)), None)


def _collect(checks: Sequence[tuple[int, Sequence[Entry], Future[Entry | None]]]) -> None:
    for height, _, check in checks:
        entry = check.result()
        if entry is not None:
            raise wrong(height, f"block {height}: a signature of entry {short(Kind.ENTRY, entry.id)} is wrong")


def _is_certified(reading: Asks, height: int) -> bool:
    served = reading.ask(questions.blocks(height, 1))
    return bool(served) and served[0].certificate is not None


def _compare(reading: Asks, chain: Chain, block: bytes, entries: int) -> None:
    """The stored head and state against what the replay led to."""
    height = chain.head.height
    if block != chain.head.block or entries != chain.head.entries:
        raise wrong(height, f"the database names another head than block {height}")
    for one in unbalanced(chain.state):
        raise wrong(height, f"the {one.kind} {one.thing.hex()[:16]} sum to {one.found}, not {one.expected}")
    expected = chain.state.raw_range(b"")
    for key, value in _stored(reading):
        wanted = next(expected, None)
        if wanted != (key, value):
            raise wrong(height, f"the stored state at height {height} differs from the replayed one at {_shown(key)}")
    left = next(expected, None)
    if left is not None:
        raise wrong(height, f"the stored state at height {height} lacks {_shown(left[0])}")


def _stored(reading: Asks) -> Iterator[tuple[bytes, bytes]]:
    chunk = reading.ask(questions.state_chunk(None))
    while chunk:
        yield from chunk
        chunk = reading.ask(questions.state_chunk(chunk[-1][0]))


def _shown(key: bytes) -> str:
    family, _, rest = key.partition(b"/")
    return f"{family.decode('ascii', 'replace')[:20]}/{rest.hex()[:16]}"
