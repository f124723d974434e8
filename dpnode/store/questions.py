"""Everything that can be asked of the database; each question is a procedure with a typed answer."""

from collections.abc import Iterable

from dpnode.store.errors import StoreCorrupt
from dpnode.store.rows import Counts, FoundEntry, Head, PendingEntry, ServedBlock
from dpnode.store.statement import Procedure, Row, one
from dpnode.store.write import AUTHOR, NUMBER, PRINT_BYTES, SPOT

STATE_CHUNK = 10_000
"""Pairs of state per answer: some 2 MB in flight, and other questions get their turn in between."""

_HEAD = "SELECT height, id, time_ms, header, first_entry + entries FROM block"


def head() -> Procedure[Head | None]:
    """The newest block; None in a store without blocks."""
    rows = yield one(f"{_HEAD} ORDER BY height DESC LIMIT 1")
    return _head(rows[0]) if rows else None


def block_at(height: int) -> Procedure[Head | None]:
    """The block at a height as its header says; its bytes come from `blocks`."""
    rows = yield one(f"{_HEAD} WHERE height = ?", height)
    return _head(rows[0]) if rows else None


def blocks_like(prefix: bytes, limit: int) -> Procedure[list[Head]]:
    """Blocks whose id starts with `prefix` (1 to 32 bytes), lowest id first."""
    rows = yield one(f"{_HEAD} WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?", prefix, prefix.ljust(32, b"\xff"), limit)
    return [_head(row) for row in rows]


def headers(from_height: int, limit: int) -> Procedure[list[Head]]:
    """Up to `limit` blocks from a height upward, without bodies."""
    rows = yield one(f"{_HEAD} WHERE height >= ? ORDER BY height LIMIT ?", from_height, limit)
    return [_head(row) for row in rows]


def blocks(from_height: int, bytes_max: int) -> Procedure[list[ServedBlock]]:
    """Consecutive whole blocks from a height upward: as many as fit in `bytes_max`, at least one if there is one."""
    sql = "SELECT height, length(bytes) FROM body WHERE height >= ? ORDER BY height LIMIT 4096"
    sizes = yield one(sql, from_height)
    left = bytes_max
    last = from_height - 1
    for height, size in sizes:
        if height != last + 1 or (size > left and height > from_height):
            break
        left -= size
        last = height
    rows = yield one(
        "SELECT body.height, body.bytes, certificate.bytes FROM body LEFT JOIN certificate USING (height)"
        " WHERE body.height BETWEEN ? AND ? ORDER BY body.height",
        from_height,
        last,
    )
    return [ServedBlock(height=row[0], body=row[1], certificate=row[2]) for row in rows]


def blocks_down(height: int, bytes_max: int) -> Procedure[list[tuple[Head, bytes | None]]]:
    """Blocks from a height downward with their bytes, None where they are gone: as many as fit, at least one."""
    sql = "SELECT height, length(bytes) FROM body WHERE height <= ? ORDER BY height DESC LIMIT 4096"
    sizes = yield one(sql, height)
    left = bytes_max
    low = height
    for below, size in sizes:
        low = below
        left -= size
        if left <= 0:
            break
    rows = yield one(
        "SELECT block.height, id, time_ms, header, first_entry + entries, bytes FROM block LEFT JOIN body"
        " USING (height) WHERE block.height BETWEEN ? AND ? ORDER BY block.height DESC",
        low,
        height,
    )
    return [(_head(row), row[5]) for row in rows]


def certificate_from(height: int) -> Procedure[tuple[int, bytes] | None]:
    """The certificate of a block, or of the lowest one above it that has one, and whose it is."""
    rows = yield one("SELECT height, bytes FROM certificate WHERE height >= ? ORDER BY height LIMIT 1", height)
    return (rows[0][0], rows[0][1]) if rows else None


def state_chunk(after: bytes | None) -> Procedure[list[tuple[bytes, bytes]]]:
    """The next pairs of the state in key order, beyond a key (None: from the start); [] at the end."""
    if after is None:
        rows = yield one(f"SELECT key, value FROM state ORDER BY key LIMIT {STATE_CHUNK}")
    else:
        rows = yield one(f"SELECT key, value FROM state WHERE key > ? ORDER BY key LIMIT {STATE_CHUNK}", after)
    return rows


def state_value(key: bytes) -> Procedure[bytes | None]:
    """The stored value of one key of the state."""
    rows = yield one("SELECT value FROM state WHERE key = ?", key)
    return rows[0][0] if rows else None


def state_range(prefix: bytes) -> Procedure[list[tuple[bytes, bytes]]]:
    """Every pair of the state whose key starts with `prefix`, in key order."""
    end = _after(prefix)
    if end is None:
        rows = yield one("SELECT key, value FROM state WHERE key >= ? ORDER BY key", prefix)
    else:
        rows = yield one("SELECT key, value FROM state WHERE key >= ? AND key < ? ORDER BY key", prefix, end)
    return rows


def pending() -> Procedure[list[PendingEntry]]:
    """Every pending entry, by id."""
    rows = yield one("SELECT id, body, signature, mine FROM pending ORDER BY id")
    return [PendingEntry(id=row[0], body=row[1], signature=row[2], mine=bool(row[3])) for row in rows]


def kept(kind: str) -> Procedure[list[tuple[bytes, bytes]]]:
    """Every kept document of a kind as (id, document), by id."""
    rows = yield one("SELECT id, value FROM kept WHERE kind = ? ORDER BY id", kind)
    return rows


def meta() -> Procedure[dict[str, bytes]]:
    """The facts that exist once."""
    rows = yield one("SELECT name, value FROM meta")
    return dict(rows)


def counts() -> Procedure[Counts]:
    """Figures for `status`, none of them found by counting rows of a large table."""
    ends = yield one("SELECT min(height), max(height) FROM block")
    newest = yield from head()
    [[waiting]] = yield one("SELECT count(*) FROM pending")
    [[pages]] = yield one("PRAGMA page_count")
    [[page_bytes]] = yield one("PRAGMA page_size")
    return Counts(
        height=newest.height if newest else None,
        blocks=ends[0][1] - ends[0][0] + 1 if newest else 0,
        entries=newest.entries if newest else 0,
        pending=waiting,
        disk_bytes=pages * page_bytes,
    )


def entries_like(prefix: bytes, limit: int) -> Procedure[list[FoundEntry]]:
    """Entries whose id starts with `prefix` (1 to 32 bytes), oldest first.

    Only the first 8 bytes are compared here: with a whole id, compare the id of what comes back (nearly always one).
    """
    assert 1 <= len(prefix) <= 32, len(prefix)
    prefix = prefix[:PRINT_BYTES]
    numbers: list[int] = []
    pages = yield one(
        "SELECT run.first_entry, pairs FROM id_page JOIN run ON run.run = id_page.page & 4294967295"
        " WHERE page BETWEEN ? AND ? ORDER BY page",
        prefix[0] << 32,
        prefix[0] << 32 | 0xFFFFFFFF,
    )
    for first, pairs in pages:
        places = _places(pairs, prefix, PRINT_BYTES + NUMBER.size)
        numbers += [first + NUMBER.unpack_from(pairs, place + PRINT_BYTES)[0] for place in places]
        if len(numbers) >= limit:
            break
    if len(numbers) < limit:
        rows = yield one("SELECT first_entry, ids FROM fresh ORDER BY first_entry")
        for first, ids in rows:
            numbers += [first + place // PRINT_BYTES for place in _places(ids, prefix, PRINT_BYTES)]
    return (yield from _found(sorted(numbers)[:limit]))


def entries_of(author: bytes, before: int | None, limit: int) -> Procedure[list[FoundEntry]]:
    """The newest entries of one author (member id) below a global number (None: from the newest), newest first.

    Authors are told apart by 8 bytes: whoever asks compares, where that matters.
    """
    below = before if before is not None else 1 << 62
    print8 = author[:PRINT_BYTES]
    numbers: list[int] = []
    rows = yield one("SELECT first_entry, authors FROM fresh WHERE first_entry < ? ORDER BY first_entry DESC", below)
    for first, authors in rows:
        if len(numbers) >= limit:
            break
        here = [first + place // PRINT_BYTES for place in _places(authors, print8, PRINT_BYTES)]
        numbers += [number for number in reversed(here) if number < below]
    if len(numbers) < limit:
        rows = yield one(
            "SELECT run.first_entry, numbers FROM author_page JOIN run USING (run)"
            " WHERE author = ? AND run <= (SELECT coalesce(max(run), -1) FROM run WHERE first_entry < ?)"
            " ORDER BY run DESC LIMIT ?",
            AUTHOR.unpack(print8)[0],
            below,
            limit - len(numbers) + 1,  # the newest of these runs may lie wholly at or above `before`
        )
        for first, packed in rows:
            here = [first + number for (number,) in NUMBER.iter_unpack(packed)]
            numbers += [number for number in reversed(here) if number < below]
    return (yield from _found(numbers[:limit]))


def entries_from(number: int, limit: int) -> Procedure[list[FoundEntry]]:
    """Entries by their global number, upward."""
    newest = yield from head()
    return (yield from _found(range(number, min(number + limit, newest.entries if newest else 0))))


def _found(numbers: Iterable[int]) -> Procedure[list[FoundEntry]]:
    found: list[FoundEntry] = []
    for number in numbers:
        rows = yield one(
            "SELECT height, first_entry, time_ms FROM block"
            " WHERE first_entry <= ? AND entries > 0 ORDER BY first_entry DESC LIMIT 1",
            number,
        )
        if not rows:
            continue  # before the snapshot that this store started from
        height, first, time_ms = rows[0]
        start = (number - first) * SPOT.size + 1
        spots = yield one("SELECT substr(spots, ?, ?) FROM body WHERE height = ?", start, SPOT.size, height)
        if not spots or len(spots[0][0]) != SPOT.size:
            raise StoreCorrupt("ledger.db", f"block {height} lacks its entries")
        offset, size = SPOT.unpack(spots[0][0])
        [[content]] = yield one("SELECT substr(bytes, ?, ?) FROM body WHERE height = ?", offset + 1, size, height)
        found.append(
            FoundEntry(number=number, height=height, position=number - first, time_ms=time_ms, content=content)
        )
    return found


def _places(packed: bytes, prefix: bytes, step: int) -> Iterable[int]:
    """Where records of `step` bytes in `packed` start with `prefix`."""
    place = packed.find(prefix)
    while place >= 0:
        if place % step == 0:
            yield place
        place = packed.find(prefix, place + 1)


def _after(prefix: bytes) -> bytes | None:
    """The first key beyond every key that starts with `prefix`; None when there is none."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None


def _head(row: Row) -> Head:
    return Head(height=row[0], id=row[1], time_ms=row[2], header=row[3], entries=row[4])
