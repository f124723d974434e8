"""The one way anything gets into the database: a `Commit`, in one transaction.

Entries get no row of their own. A block's entries are found again through `fresh` (a row per block) and, once some
thousands have gathered, through *runs*: pages of 10 bytes per entry bucketed by the first byte of the id, and a list
of numbers per author. Appending so costs under a microsecond per entry, where an index on random ids costs a page
write each.
"""

from collections import defaultdict
from collections.abc import Sequence
from struct import Struct

from dpnode.store.rows import Commit, Mark, StoredBlock
from dpnode.store.statement import Procedure, Row, many, one, transaction

PRINT_BYTES = 8
"""Leading bytes of an id that are indexed. Two ids that share them are both found; whoever asks compares the rest."""

RUN_ENTRIES = 8_192
"""Entries gathered before they are folded into a run: few enough to search by walking, many enough to fill pages."""

BLOCK_ENTRIES_MAX = 32_768
"""So that a run (under RUN_ENTRIES plus one block) numbers its entries in 16 bits. The ledger allows 1,000."""

SPOT = Struct(">II")
NUMBER = Struct(">H")
AUTHOR = Struct(">q")
_PRINT = Struct(f"{PRINT_BYTES}s")


def write(commit: Commit) -> Procedure[None]:
    """Make the commit durable: when this returns, it is on the disk; when it raises, none of it happened."""
    return transaction(_write(commit))


def empty_log() -> Procedure[None]:
    """Move the write-ahead log into the database, as far as no reader needs it."""
    yield one("PRAGMA wal_checkpoint(PASSIVE)")


def _write(commit: Commit) -> Procedure[None]:
    if commit.blocks:
        yield from _write_blocks(commit.blocks, commit.entries_before)
    if commit.certificates:
        yield many("INSERT OR REPLACE INTO certificate VALUES (?, ?)", commit.certificates)
    if commit.state_replaced:
        yield one("DELETE FROM state")
    # In key order, so that neighbours meet on the same page.
    changed = sorted(pair for pair in commit.state if pair[1] is not None)
    if changed:
        yield many("INSERT INTO state VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", changed)
    gone = sorted((key,) for key, value in commit.state if value is None)
    if gone:
        yield many("DELETE FROM state WHERE key = ?", gone)
    if commit.pending_done:
        # Of a range that was fetched few are ours or none: asking what is there costs less than looking for each.
        done = commit.pending_done
        there = yield one("SELECT id FROM pending LIMIT ?", len(done))
        if len(there) < len(done):
            done = sorted({entry_id for (entry_id,) in there}.intersection(done))
        if done:
            yield many("DELETE FROM pending WHERE id = ?", [(entry_id,) for entry_id in done])
    if commit.pending_new:
        rows = [(entry.id, entry.body, entry.signature, int(entry.mine)) for entry in commit.pending_new]
        yield many("INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?)", rows)
    for kind, key, document in commit.kept:
        if document is None:
            yield one("DELETE FROM kept WHERE kind = ? AND id = ?", kind, key)
        else:
            yield one("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", kind, key, document)
    for name, fact in commit.meta:
        if fact is None:
            yield one("DELETE FROM meta WHERE name = ?", name)
        else:
            yield one("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, fact)


def _write_blocks(blocks: Sequence[StoredBlock], entries_before: int) -> Procedure[None]:
    last = yield one("SELECT height, first_entry + entries FROM block ORDER BY height DESC LIMIT 1")
    height, number = last[0] if last else (blocks[0].height - 1, entries_before)
    headers: list[Row] = []
    bodies: list[Row] = []
    certificates: list[Row] = []
    fresh: list[Row] = []
    for block in blocks:
        height += 1
        assert block.height == height, f"block {block.height} does not follow {height - 1}"
        assert len(block.marks) <= BLOCK_ENTRIES_MAX, f"{len(block.marks)} entries in block {height}"
        headers.append((height, block.id, block.time_ms, number, len(block.marks), block.header))
        bodies.append((height, _spots(block.marks), block.body))
        if block.certificate is not None:
            certificates.append((height, block.certificate))
        if block.marks:
            ids = b"".join([mark.id[:PRINT_BYTES] for mark in block.marks])
            authors = b"".join([mark.author[:PRINT_BYTES] for mark in block.marks])
            fresh.append((number, ids, authors))
        number += len(block.marks)
    yield many("INSERT INTO block VALUES (?, ?, ?, ?, ?, ?)", headers)
    yield many("INSERT INTO body VALUES (?, ?, ?)", bodies)
    if certificates:
        yield many("INSERT OR REPLACE INTO certificate VALUES (?, ?)", certificates)
    if fresh:
        yield many("INSERT INTO fresh VALUES (?, ?, ?)", fresh)
        yield from _fold(number)


def _spots(marks: Sequence[Mark]) -> bytes:
    return b"".join([SPOT.pack(mark.offset, mark.size) for mark in marks])


def _fold(number: int) -> Procedure[None]:
    """Turn the fresh entries below `number` into runs while there are enough of them for one."""
    [[oldest]] = yield one("SELECT min(first_entry) FROM fresh")
    if number - oldest < RUN_ENTRIES:
        return
    rows = yield one("SELECT first_entry, ids, authors FROM fresh ORDER BY first_entry")
    [[run]] = yield one("SELECT coalesce(max(run), -1) + 1 FROM run")
    gathered: list[Row] = []
    folded = 0
    for row in rows:
        gathered.append(row)
        folded = row[0] + len(row[1]) // PRINT_BYTES
        if folded - gathered[0][0] >= RUN_ENTRIES:
            yield from _write_run(run, gathered)
            run += 1
            gathered = []
            if number - folded < RUN_ENTRIES:
                break
    yield one("DELETE FROM fresh WHERE first_entry < ?", folded)


def _write_run(run: int, rows: Sequence[Row]) -> Procedure[None]:
    ids = b"".join([row[1] for row in rows])
    authors = b"".join([row[2] for row in rows])
    buckets: list[list[bytes]] = [[] for _ in range(256)]
    by_author: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for number, ((entry,), (author,)) in enumerate(
        zip(_PRINT.iter_unpack(ids), _PRINT.iter_unpack(authors), strict=True)
    ):
        packed = NUMBER.pack(number)
        buckets[entry[0]].append(entry + packed)
        by_author[author].append(packed)
    yield one("INSERT INTO run VALUES (?, ?, ?)", run, rows[0][0], len(ids) // PRINT_BYTES)
    pages = [(bucket << 32 | run, b"".join(pairs)) for bucket, pairs in enumerate(buckets) if pairs]
    yield many("INSERT INTO id_page VALUES (?, ?)", pages)
    lists = sorted((AUTHOR.unpack(author)[0], run, b"".join(numbers)) for author, numbers in by_author.items())
    yield many("INSERT INTO author_page VALUES (?, ?, ?)", lists)
