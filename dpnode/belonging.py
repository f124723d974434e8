"""What a home remembers of its network outside the database, so that a lost ledger is not taken for a new home.

A witness whose ledger is gone still holds a journal of votes: a network founded on top of it could never take an
entry. And whoever was a member is told to come back instead of being offered to begin.
"""

from __future__ import annotations

from dpnode.errors import FailKind, Problem
from dpnode.identity.private_files import read_private, write_private
from dpnode.paths import Home
from dpnode.shelf import Founded
from dpnode.store.errors import JournalLost
from dpnode.store.journal import NAME, replay
from ledger.canonical import NotCanonical, decode, encode

_NAME = "network"
_WAY_BACK = (
    "stop the node and put back a copy of ledger.db, or join again with a new invitation: "
    "what is missing is fetched from the others"
)


def remember(home: Home, founded: Founded) -> None:
    """Keep the name of the network that this home belongs to beside its keys."""
    content = encode({"id": founded.charter.network, "name": founded.charter.name})
    path = home.keys / _NAME
    if not path.exists() or read_private(path) != content:
        write_private(path, content)


def lost(home: Home) -> str | None:
    """For a home whose database holds no network: what it had and how to get it back; None for a new home."""
    path = home.keys / _NAME
    if path.exists():
        try:
            return f"this home belongs to {decode(read_private(path))['name']}, and its ledger is gone: {_WAY_BACK}"
        except (NotCanonical, KeyError, TypeError):
            return f"this home belongs to a network, and its ledger is gone: {_WAY_BACK}"
    if _has_voted(home):
        return f"this home was a witness, as its votes folder shows, and its ledger is gone: {_WAY_BACK}"
    return None


def check_new(home: Home) -> None:
    """Raise `Problem` where a network founded here would stand in place of one whose ledger was lost."""
    sentence = lost(home)
    if sentence is not None:
        raise Problem(FailKind.REFUSED, f"{sentence}. Another network is founded in another home (--home DIR)")


def _has_voted(home: Home) -> bool:
    journal = home.votes / NAME
    try:
        return bool(replay(journal.read_bytes(), str(journal)))
    except FileNotFoundError:
        return False
    except (OSError, JournalLost):
        return True
