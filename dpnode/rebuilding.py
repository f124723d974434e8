"""A damaged or lost ledger is fetched again from the members: this begins it anew, with everything that is not on it.

Keys, votes, offers, files and settings stay as they are; the damaged database is set aside, never thrown away. The
charter stands beside the keys and is named by its own hash. What can be read of the old database gives only hints:
where members' machines were, and entries of ours that were not final, each under its own signature. Nothing else of
it is believed. A witness's votes forbid what they always forbade, however old the ledger beside them is (SPEC V-10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dpnode import lock
from dpnode.belonging import known_network
from dpnode.control.questions.base import Question
from dpnode.control.questions.ledger import LedgerRebuild
from dpnode.errors import FailKind, Problem
from dpnode.paths import Home
from dpnode.reading.verify import verify
from dpnode.shelf import META_CHARTER, META_FOUNDING, META_INTRODUCER, Founded, founding_commit
from dpnode.store.engine import SqlitePort, connect
from dpnode.store.errors import StoreError
from dpnode.store.offline import writing
from dpnode.store.rows import Commit, PendingEntry
from dpnode.store.statement import Row, one
from ledger.canonical import INTEGER_MAX, NotCanonical, decode, encode
from ledger.charter import BadCharter, read_charter
from ledger.entry import read_entry
from ledger.errors import RemoteError
from ledger.fold import is_fully_signed
from ledger.form import Bytes, Int, List, Map, Text, has_form
from ledger.names import Kind, show_id
from protocol.replication.directory_peer import KEPT_RECORD
from protocol.replication.packing import kept_statement
from protocol.replication.records import RECORD

META_WAYS = "ways"
"""Where members' machines were when the ledger was begun anew, and until which height they are trusted to bring it."""
WAYS_MAX = 64
_WAY = Map({"addresses": List(Text(512), 0, 16), "peer": Bytes(1, 64)})
_WAYS = Map({"until": Int(1), "ways": List(_WAY, 0, WAYS_MAX)})
_PARTS = ("", "-wal", "-shm")
Report = Callable[[dict[str, Any]], None]
Ways = dict[bytes, tuple[str, ...]]


def known_ways(meta: Mapping[str, bytes], height: int, known_peers: Iterable[tuple[bytes, str]]) -> Ways:
    """Machines that may bring the ledger although it does not say yet whose they are; none once it has come so far.

    Those that the owner names in the settings, as (peer, address), are among them.
    """
    value = _decoded(meta.get(META_WAYS))
    if value is None or has_form(_WAYS, value) is not None or height >= value["until"]:
        return {}
    ways = {way["peer"]: tuple(way["addresses"]) for way in value["ways"]}
    return {**ways, **{peer: (address,) for peer, address in known_peers}}


def rebuild(question: Question, home: Home, report: Report) -> dict[str, Any]:
    """Set the database aside and begin it anew; raises `Problem` where a daemon runs or the database is whole."""
    assert isinstance(question, LedgerRebuild)
    held = lock.take(home)
    try:
        if _is_whole(home, report):
            raise Problem(FailKind.REFUSED, "the ledger verifies: there is nothing to rebuild")
        old = _Old(home.database)
        founded = known_network(home) or old.founded()
        if founded is None:
            raise Problem(
                FailKind.REFUSED,
                "the charter of this home's network can be read nowhere any more: remove ledger.db, start the node, "
                "and join again with an invitation",
            )
        ways = old.ways(founded.charter.network)
        pending = old.pending(founded.charter.network)
        value: dict[str, Any] = {
            "network": {"id": show_id(Kind.NETWORK, founded.charter.network), "name": founded.charter.name},
            "machines": len(ways),
            "pending": len(pending),
        }
        if question.dry_run:
            return {**value, "dry_run": True}
        written = encode({"until": old.height() or INTEGER_MAX, "ways": [_way(*way) for way in ways.items()]})
        first = founding_commit(founded)
        first = replace(first, meta=[*first.meta, (META_WAYS, written)], pending_new=pending)
        if (kept := _put_in_place(home, first)) is not None:
            value["set_aside"] = str(kept)
        return value
    finally:
        held.release()


def _is_whole(home: Home, report: Report) -> bool:
    if not home.database.exists() or home.database.stat().st_size == 0:
        return False
    try:
        with writing(home.database) as opened:
            verify(opened, report)
    except StoreError as error:
        if not error.lasting:
            raise
        return False
    except Problem as problem:
        if problem.kind is not FailKind.VERIFICATION:
            raise
        return False
    return True


def _put_in_place(home: Home, first: Commit) -> Path | None:
    """Make the new database under another name, whole, before the old one gives its own; where that stands then."""
    path = home.database
    fresh = path.with_name("ledger.new.db")
    for part in (*_PARTS, ".lock"):
        Path(f"{fresh}{part}").unlink(missing_ok=True)
    with writing(fresh) as opened:
        opened.commit(first)
    kept: Path | None = None
    if path.exists():
        kept = next(one for number in range(1, 1_000) if not (one := path.with_name(f"ledger.old{number}.db")).exists())
        # The log first: without it the database is what it was, with it beside a new one it would be taken for its.
        for part in reversed(_PARTS):
            if (file := Path(f"{path}{part}")).exists():
                file.rename(f"{kept}{part}")
    fresh.rename(path)
    Path(f"{fresh}.lock").unlink(missing_ok=True)
    home.damage.unlink(missing_ok=True)
    return kept


def _way(peer: bytes, addresses: tuple[str, ...]) -> dict[str, Any]:
    return {"addresses": list(addresses), "peer": peer}


class _Old:
    """What can still be read of a database, whatever has happened to it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _rows(self, sql: str) -> list[Row]:
        if not self._path.exists():
            return []
        try:
            port = SqlitePort(connect(self._path, writable=False), str(self._path))
        except StoreError:
            return []
        try:
            return port.run(one(sql))
        except StoreError:
            return []
        finally:
            port.close()

    def founded(self) -> Founded | None:
        """The charter and its founders' signatures, of a home from before these stood beside its keys."""
        meta = {name: value for name, value in self._rows("SELECT name, value FROM meta") if isinstance(value, bytes)}
        try:
            return Founded(charter=read_charter(meta[META_CHARTER]), signatures=dict(decode(meta[META_FOUNDING])))
        except (RemoteError, BadCharter, KeyError, TypeError, ValueError):
            return None

    def height(self) -> int:
        """Of the newest block; 0 where that cannot be read."""
        rows = self._rows("SELECT max(height) FROM block")
        return rows[0][0] if rows and isinstance(rows[0][0], int) else 0

    def ways(self, network: bytes) -> Ways:
        """Members' machines and where they were."""
        found: Ways = {}
        for content in self._records():
            if has_form(RECORD, content) is None and content["network"] == network:
                found[content["peer"]] = tuple(content["addresses"])
        for (value,) in self._rows(f"SELECT value FROM meta WHERE name = '{META_INTRODUCER}'"):
            if has_form(_WAY, way := _decoded(value)) is None:
                found.setdefault(way["peer"], tuple(way["addresses"]))
        return dict(list(found.items())[:WAYS_MAX])

    def _records(self) -> Iterator[Any]:
        for (value,) in self._rows(f"SELECT value FROM kept WHERE kind = '{KEPT_RECORD}'"):
            try:
                statement = kept_statement("peer-record", value)
                if statement.is_signed():
                    yield statement.content
            except (RemoteError, TypeError, ValueError):
                continue

    def pending(self, network: bytes) -> list[PendingEntry]:
        """Entries of ours that were recorded and not final, as far as their signatures hold."""
        found = []
        for body, signature in self._rows("SELECT body, signature FROM pending WHERE mine"):
            try:
                entry = read_entry(body, signature)
            except (RemoteError, TypeError):
                continue
            if entry.network == network and is_fully_signed(entry):
                found.append(PendingEntry(id=entry.id, body=body, signature=signature, mine=True))
        return found


def _decoded(value: Any) -> Any:
    try:
        return decode(value) if isinstance(value, bytes) else None
    except NotCanonical:
        return None
