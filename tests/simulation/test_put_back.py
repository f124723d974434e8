"""A machine whose disk was put back is watched like any other, and what it once did wrong is found.

SPEC V-8, V-10, V-21: each bug is planted and put back disks are let loose until a rule is seen broken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ledger.consensus.book import Book
from ledger.consensus.replica import Replica
from tests.simulation.ballots import Violation
from tests.simulation.council import Council
from tests.simulation.memo import Patch, memoised


def only_stored_views_are_closed(patch: Patch) -> None:
    """What is known to be final is signed below until its block is here."""
    close = Book.close

    def late(self: Book, view: int, now: Any) -> None:
        if view <= self.views.floor:
            close(self, view, now)

    patch.setattr(Book, "close", late)


def pruned_votes_are_unknown(patch: Patch) -> None:
    """What a journal begun anew has dropped counts as lost."""
    restore = Replica.restore

    def forgetful(self: Replica, **kept: Any) -> None:
        signer = self._book.signer
        floor = None if signer is None else signer._floor
        restore(self, **kept)
        if signer is not None:
            signer._floor = floor

    patch.setattr(Replica, "restore", forgetful)


def ranges_are_not_compared(patch: Patch) -> None:
    """What a range's certificates say of one's own votes is not looked at."""
    check, step = Book.check_own, Replica.step

    def lenient(self: Replica, event: Any, now: Any) -> Any:
        self._book.is_fetched = type(event).__name__ == "Settled"
        return step(self, event, now)

    patch.setattr(Replica, "step", lenient)
    patch.setattr(Book, "check_own", lambda self, vote: None if self.is_fetched else check(self, vote))


BUGS: list[tuple[Callable[[Patch], None], int, frozenset[str], str]] = [
    (
        only_stored_views_are_closed,
        20,
        frozenset({"old-disk", "crash", "loss", "one-way", "partition"}),
        "told that this view is final",
    ),
    (pruned_votes_are_unknown, 9, frozenset({"old-database", "loss"}), "votes no more"),
    (ranges_are_not_compared, 19, frozenset({"old-disk", "delay", "loss", "partition"}), "journal lost"),
]
"""Each with the first seed that finds it, the faults that it needs, and a part of what is said then."""


@pytest.mark.parametrize(("bug", "seed", "faults", "said"), BUGS, ids=lambda one: getattr(one, "__name__", ""))
def test_what_a_machine_that_was_put_back_does_wrong_is_found(
    bug: Callable[[Patch], None], seed: int, faults: frozenset[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-8, V-21."""
    with memoised():
        bug(monkeypatch)
        with pytest.raises(Violation, match=said):
            Council(seed, witnesses=4, allowed=faults, always=True).run()
