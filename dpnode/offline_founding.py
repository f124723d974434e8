"""Founding a network before a daemon ever ran: the one offline answer that writes."""

from __future__ import annotations

from typing import Any

from dpnode import lock
from dpnode.belonging import check_new, remember
from dpnode.control.questions.base import Question
from dpnode.control.questions.network import NetworkFound
from dpnode.errors import FailKind, Problem
from dpnode.founding import make_network
from dpnode.identity.identity import Identity
from dpnode.identity.voting_key import ensure_pair
from dpnode.paths import Home
from dpnode.shelf import Founded, founding_commit, read_founded
from dpnode.store import questions
from dpnode.store.offline import writing
from ledger.names import Kind, show_id


def found(question: Question, home: Home) -> dict[str, Any]:
    """Make the charter and write it as the first commit; raises `Problem`, among others where a daemon runs."""
    assert isinstance(question, NetworkFound)
    home.make_folders()
    held = lock.take(home)
    try:
        if not home.database.exists():
            ensure_pair(home)
        identity = Identity.load(home)
        founded = make_network(
            identity, name=question.network_name, purpose=question.purpose, root_seed=question.root_seed
        )
        if question.dry_run:
            _refuse_second(home)
        else:
            _write(home, founded)
    finally:
        held.release()
    value: dict[str, Any] = {
        "network": {"id": show_id(Kind.NETWORK, founded.charter.network), "name": founded.charter.name},
        "member": {"id": show_id(Kind.MEMBER, identity.member), "name": identity.name},
        "height": 0,
        "binding": "final",
    }
    if question.dry_run:
        # A charter is made anew each time: this one's id would be no network's.
        value |= {"network": {"name": founded.charter.name}, "dry_run": True}
        del value["binding"]
    return value


def _write(home: Home, founded: Founded) -> None:
    with writing(home.database) as opened:
        _refuse(read_founded(opened.ask(questions.meta())))
        check_new(home)
        opened.commit(founding_commit(founded))
    remember(home, founded)


def _refuse_second(home: Home) -> None:
    if not home.database.exists():
        check_new(home)
    if home.database.exists():
        with writing(home.database) as opened:
            _refuse(read_founded(opened.ask(questions.meta())))
            check_new(home)


def _refuse(before: Founded | None) -> None:
    if before is not None:
        raise Problem(FailKind.REFUSED, f"this home belongs to {before.charter.name} already: one home, one network")
