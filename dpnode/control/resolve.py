"""What an owner may write for an id: the full id, a beginning that only one has, or a name that only one bears.

Names are chosen by peers, so a name never wins against an id and never counts when two bear it: the answer then lists
the ids to choose from.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from dpnode.errors import FailKind, Problem
from ledger.names import Kind, NotAnId, matches, parse_id, short

PREFIX_LETTERS_MIN = 4
"""A shorter beginning is more likely a slip than a choice."""
LISTED_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that may be meant."""

    kind: Kind
    id: bytes
    name: str = ""


def resolve(text: str, candidates: Iterable[Candidate], *, what: str) -> Candidate:
    """The one candidate that `text` means.

    Args:
        what: what is looked for, as a sentence names it: "member", "asset", "job or call".

    Errors:
        Problem: NOT_FOUND, or USAGE when several are meant.
    """
    wanted = unicodedata.normalize("NFC", text.strip())
    all_of_them = list(candidates)
    by_id = [one for one in all_of_them if _is_named(wanted, one)]
    by_name = [one for one in all_of_them if one.name and one.name == wanted]
    by_any_case = [one for one in all_of_them if one.name and one.name.casefold() == wanted.casefold()]
    for found in (by_id, by_name, by_any_case):
        distinct = {one.id: one for one in found}
        if len(distinct) == 1:
            return next(iter(distinct.values()))
        if distinct:
            ids = ", ".join(short(one.kind, one.id) for one in list(distinct.values())[:LISTED_MAX])
            raise Problem(FailKind.USAGE, f"{text[:60]!r} means more than one {what}: {ids}", {"choices": ids})
    raise Problem(FailKind.NOT_FOUND, f"there is no {what} {text[:60]!r} here", {"asked": text[:60]})


def _is_named(text: str, one: Candidate) -> bool:
    try:
        return parse_id(one.kind, text) == one.id
    except NotAnId:
        _, dash, letters = text.partition("-")
        return bool(dash) and len(letters) >= PREFIX_LETTERS_MIN and matches(one.kind, text, one.id)
