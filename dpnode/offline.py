"""Answers the questions that need no daemon: from the database as it stands, read and never written.

Only what an answer touches is read, so this is quick on a large ledger too. Founding a network is the one thing that
writes: it first takes the daemon's lock, so that no daemon starts in between.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dpnode.control.answers import Answer, Done, failed
from dpnode.control.questions.base import Question
from dpnode.errors import FailKind, Problem
from dpnode.identity.private_files import read_private
from dpnode.paths import Home
from dpnode.reading.source import Report, Source, StoredView, drive, read_head
from dpnode.reading.table import reader_of
from dpnode.store import questions
from dpnode.store.errors import StoreCorrupt, StoreError
from dpnode.store.offline import Reading, reading
from ledger.canonical import NotCanonical, decode
from ledger.keys import MemberId, member_id

NO_NETWORK = "this home has no network yet: `dpnode network found NAME` or `dpnode network join`"


def answer(question: Question, home: Home, report: Report | None = None) -> Answer:
    """The answer to a question whose `offline` is true; everything that goes wrong is a `Failed`.

    `report` is called with progress where an answer takes long.
    """
    try:
        return Done(value=_answer(question, home, report or _unheard))
    except Problem as problem:
        return failed(problem)
    except StoreError as error:
        kind = FailKind.VERIFICATION if isinstance(error, StoreCorrupt) else FailKind.FAILED
        return failed(Problem(kind, str(error)))


def _answer(question: Question, home: Home, report: Report) -> dict[str, Any]:
    if question.name == "network.found":
        from dpnode.offline_founding import found

        return found(question, home)
    if question.name == "ledger.rebuild":
        from dpnode.rebuilding import rebuild

        return rebuild(question, home, report)
    me = own_member(home)
    if not home.database.exists():
        raise Problem(FailKind.REFUSED, NO_NETWORK)
    with reading(home.database) as opened:
        if question.name == "ledger.verify":
            from dpnode.reading.verify import verify

            return verify(opened, report)
        source = _source(opened, home, me, question)
        if question.name == "ledger.export":
            from dpnode.control.questions.ledger import LedgerExport
            from dpnode.reading.export import export

            assert isinstance(question, LedgerExport)
            return export(source, opened, question, report)
        if question.name == "share.history":
            from dpnode.control.questions.owning import ShareHistory
            from dpnode.reading.share_history import history

            assert isinstance(question, ShareHistory)
            return history(source, opened, question, report)
        reader = reader_of(question)
        if reader is None:
            raise Problem(FailKind.DAEMON_DOWN, f"{question.name} needs the daemon: `dpnode up`")
        return drive(opened, reader(source, question))


def snapshot(home: Home, report: Report) -> Iterator[bytes]:
    """The bytes of a snapshot of the newest block, also beside a running daemon; raises `Problem`."""
    from dpnode.reading.snapshot import parts

    if not home.database.exists():
        raise Problem(FailKind.REFUSED, NO_NETWORK)
    try:
        with reading(home.database) as opened:
            yield from parts(opened, report)
    except StoreError as error:
        kind = FailKind.VERIFICATION if isinstance(error, StoreCorrupt) else FailKind.FAILED
        raise Problem(kind, str(error)) from error


def snapshot_file(home: Home, path: Path, report: Report) -> dict[str, Any]:
    """Write a snapshot to a new file, whole or not at all; returns {"path", "bytes"}. Raises `Problem`."""
    from dpnode.reading.export import write_parts

    if os.path.lexists(path):
        raise Problem(FailKind.REFUSED, f"{path} exists already; dpnode never overwrites")
    return {"path": str(path), "bytes": write_parts(path, snapshot(home, report))}


def own_member(home: Home) -> MemberId:
    """Whose home this is, from the identity file alone: no key is read, since nothing is signed.

    Errors:
        Problem: NOT_FOUND before `dpnode init`; REFUSED or FAILED for a file that cannot be used.
    """
    path = home.keys / "identity"
    if not path.exists():
        raise Problem(FailKind.NOT_FOUND, f"there is no identity in {home.root}: run 'dpnode init' first")
    try:
        value = decode(read_private(path))
        return member_id(value["root"], value["next_root_hash"])
    except (NotCanonical, KeyError, TypeError) as error:
        raise Problem(FailKind.FAILED, f"the identity file {path} is damaged: {error}") from error


def _source(opened: Reading, home: Home, me: MemberId, question: Question) -> Source:
    meta = opened.ask(questions.meta())
    peer, key = _own_keys(home) if question.name in ("id.keys", "node.bound") else (b"", b"")
    return Source(
        view=StoredView(opened),
        head=read_head(meta),
        meta=meta,
        me=me,
        peer=peer,
        key=key,
    )


def _own_keys(home: Home) -> tuple[bytes, bytes]:
    """Peer id and working key of this machine, which tell it from the member's others."""
    from dpnode.identity.identity import Identity
    from ledger.keys import SigningKey
    from ledger.operations.membership import peer_id_of

    identity = Identity.load(home)
    return peer_id_of(SigningKey(identity.network_seed).public), identity.working.public


def _unheard(value: dict[str, Any]) -> None:
    """Progress that nobody asked for."""
