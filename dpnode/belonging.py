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
from ledger.charter import BadCharter, read_charter
from ledger.errors import RemoteError

_NAME = "network"
_WAY_BACK = (
    "stop the node, and `dpnode ledger rebuild` begins it anew: what is missing is fetched from the others. "
    "Or put back a copy of ledger.db, or join again with a new invitation"
)


def remember(home: Home, founded: Founded) -> None:
    """Keep the network that this home belongs to beside its keys: its charter and who founded it."""
    content = encode(
        {
            "charter": founded.charter.body,
            "founding": [[member, signature] for member, signature in sorted(founded.signatures.items())],
            "id": founded.charter.network,
            "name": founded.charter.name,
        }
    )
    path = home.keys / _NAME
    if not path.exists() or read_private(path) != content:
        write_private(path, content)


def known_network(home: Home) -> Founded | None:
    """The network that this home belongs to, as it stands beside the keys; None where it does not."""
    path = home.keys / _NAME
    if not path.exists():
        return None
    try:
        value = decode(read_private(path))
        charter = read_charter(value["charter"])
        signatures = dict(value["founding"])
    except (NotCanonical, RemoteError, BadCharter, KeyError, TypeError, ValueError):
        return None
    return Founded(charter=charter, signatures=signatures) if charter.network == value["id"] else None


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
