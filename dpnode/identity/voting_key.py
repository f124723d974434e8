"""The voting key and its vote journal: made together and replaced together, so that neither is there without the other.

A pair is a folder with a seed and a journal. It is made under another name and renamed whole, and an old pair is
destroyed before the new one takes its name, seed first. So kill -9 at any instant leaves a whole pair under its name,
or, marked, under `votes.next` with nothing usable beside it; never a key whose journal is another's (consensus rule
13).

Not here: which key sits among the witnesses (`dpnode.seat`), and what a journal holds (`dpnode.voting`).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dpnode.identity.private_files import read_private, sync_folder, write_private
from dpnode.paths import FOLDER_MODE, Home
from dpnode.store.journal import NAME, open_journal
from ledger.keys import SigningKey

SEED = "voting.seed"
SEED_BYTES = 32
_FOLLOWS = "follows"
"""In `votes.next` while its pair takes the place of the one in `votes`, which may be gone by then."""


def voting_key_in(folder: Path) -> SigningKey | None:
    """The voting key in a folder, whole or not; None where there is none that can be used.

    Raises `Problem` for a file that others can read.
    """
    path = folder / SEED
    if not path.exists():
        return None
    seed = read_private(path)
    # A damaged one is as good as none: the seat gets a fresh key.
    return SigningKey(seed) if len(seed) == SEED_BYTES else None


def has_journal(folder: Path) -> bool:
    """Whether a journal stands there, which may still be damaged."""
    return (folder / NAME).exists()


def make_next(home: Home) -> SigningKey:
    """Make a fresh key with an empty journal in `votes.next`, beside the pair in use; replaces what was there."""
    folder = home.root / "votes.new"
    destroy(folder)
    folder.mkdir(mode=FOLDER_MODE)
    seed = os.urandom(SEED_BYTES)
    write_private(folder / SEED, seed)
    with open_journal(folder, create=True):
        pass
    sync_folder(folder)
    destroy(home.votes_next)
    folder.rename(home.votes_next)
    sync_folder(home.root)
    return SigningKey(seed)


def promote_next(home: Home) -> None:
    """Destroy the pair in `votes` and put the one in `votes.next` in its place. Neither journal may be open."""
    write_private(home.votes_next / _FOLLOWS, b"")
    destroy(home.votes)
    home.votes_next.rename(home.votes)
    sync_folder(home.root)
    (home.votes / _FOLLOWS).unlink()


def is_promoting(home: Home) -> bool:
    """Whether a promotion was cut off."""
    return (home.votes_next / _FOLLOWS).exists()


def has_pair(home: Home) -> bool:
    """Whether anything is left of a pair in `votes`, whole or not; a copy made without it has nothing."""
    return home.votes.exists() and any(home.votes.iterdir())


def ensure_pair(home: Home) -> None:
    """Give a home that belongs to no network a whole pair: what is not whole there has never voted here."""
    if voting_key_in(home.votes) is None or not has_journal(home.votes):
        make_next(home)
        promote_next(home)


def destroy(folder: Path) -> None:
    """Remove a pair for good, its seed first, so that nothing can sign once its journal is gone.

    The seed is written over before; flash memory may keep the old blocks for a while even so.
    """
    if not folder.exists():
        return
    path = folder / SEED
    if path.exists():
        with path.open("r+b") as file:
            file.write(bytes(SEED_BYTES))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync_folder(folder)
    shutil.rmtree(folder)
    sync_folder(folder.parent)
