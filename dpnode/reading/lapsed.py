"""Entries of ours that ended without standing in any block, as their owner is told of them (SPEC P-19)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dpnode.control.questions.ledger import LedgerLapsed
from dpnode.errors import FailKind, Problem
from dpnode.reading.sentences import sentence
from dpnode.reading.source import Asking, Source
from dpnode.store import questions
from ledger.errors import Reason, RemoteError
from ledger.names import Kind, show_id
from ledger.operations.members import key_standing
from ledger.state import View
from protocol.limits import LAPSED_KEPT_MAX
from protocol.replication.lapsed import KEPT_LAPSED, LapsedEntry, newest_first, read_lapsed

NAMED_MAX = 3
"""Entries that one line says in words; the command lists the others."""
WHY: Mapping[str, str] = MappingProxyType(
    {
        Reason.LAPSED: "its valid-until passed before it came into one",
        Reason.SEQUENCE_USED: "another entry used its number, as happens when a copy of this home signs as well",
        Reason.KEY_ENDED: "its key was ended before",
    }
)
"""Code -> the rest of the sentence that an entry stood in no block."""


def why(code: str) -> str:
    """Why no block took an entry, as the rest of a sentence."""
    return WHY.get(code, f"the rules let it into none ({code})")


def lapsed(source: Source, question: LedgerLapsed) -> Asking[dict[str, Any]]:
    """What ended in no block, newest first."""
    return {"entries": rows(source.view, (yield from read_kept()))}


def read_kept() -> Asking[list[LapsedEntry]]:
    """What the disk holds of them, newest first; raises `Problem` where that is damaged."""
    found: list[tuple[bytes, bytes]] = yield questions.kept(KEPT_LAPSED)
    return newest_first(kept_entries(found))


def kept_entries(found: Iterable[tuple[bytes, bytes]]) -> list[LapsedEntry]:
    """The documents read, each by its id; raises `Problem` where one is none."""
    try:
        return [read_lapsed(key, document) for key, document in found]
    except RemoteError as problem:
        sentence = f"the database does not hold a readable lapsed entry: {problem.reason}"
        raise Problem(FailKind.VERIFICATION, sentence) from problem


def rows(view: View, entries: Iterable[LapsedEntry]) -> list[dict[str, Any]]:
    """As the answers carry them: {id, operation, text, outcome, why, until_ms, ended_ms}."""
    return [
        {
            "id": show_id(Kind.ENTRY, one.entry.id),
            "operation": one.entry.name,
            "text": told(view, one),
            "outcome": one.code,
            "why": why(one.code),
            "until_ms": one.entry.until_ms,
            "ended_ms": one.ended_ms,
        }
        for one in entries
    ]


def told(view: View, one: LapsedEntry) -> str:
    """What an entry would have done, as the journal says it of others."""
    key = key_standing(view, one.entry.key)
    return sentence(view, one.entry.operation, None if key is None else key["member"])


def reminder(shown: Sequence[Mapping[str, Any]]) -> str:
    """One line about rows of this: how many there are, what the newest were, and where they are listed."""
    count = len(shown)
    least = "at least " if count >= LAPSED_KEPT_MAX else ""
    entries = "1 entry of yours" if count == 1 else f"{least}{count} entries of yours"
    texts = "; ".join(row["text"] for row in shown[:NAMED_MAX])
    more = f"; and {count - NAMED_MAX} more" if count > NAMED_MAX else ""
    return f"{entries} never came into a block and will not (`dpnode ledger lapsed`): {texts}{more}"
