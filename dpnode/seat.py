"""This machine's voting key and journal as the ledger lets it use them: kept, replaced, or made fresh for a later seat.

The ledger says which key sits for our member and which ever sat; the disk holds one pair in use and perhaps a fresh one
beside it. `open` brings the two together, at the start and whenever the witnesses have changed: a fresh pair whose key
sits by now takes the place of the old one, which is destroyed, and so is a pair whose seat has ended, since a voting
key never sits twice (SPEC G-3). A key whose journal is missing or damaged signs nothing while it has a seat (consensus
rule 13: no journal, no key); one that has none is simply replaced.

A copy of a home holds the fresh pair as well, whose key may have voted elsewhere since. So a pair that was not made by
this process is destroyed where nothing stands beside it, or where its key has sat for a while (SPEC V-10).
"""

from __future__ import annotations

import logging
from contextlib import ExitStack

from dpnode.clock import now
from dpnode.errors import FailKind, Problem
from dpnode.identity.voting_key import (
    destroy,
    has_journal,
    has_pair,
    is_promoting,
    make_next,
    promote_next,
    voting_key_in,
)
from dpnode.paths import Home
from dpnode.store.errors import JournalLost
from dpnode.store.journal import Record
from dpnode.voting import VoteBook, open_votes, remembered
from ledger.chain import Chain
from ledger.keys import MemberId, PublicKey, SigningKey
from ledger.operations.witnesses import seat_record, voting_key_of

log = logging.getLogger("dpnode.seat")
SEAT_FRESH_MS = 3_600_000
"""A key that sat for longer before its journal was first used may have voted from another disk. As a rule it is
seconds; a node that was off meanwhile is given another key."""


class Seat:
    """The pair in use, opened, and the one that waits."""

    def __init__(self, home: Home, member: MemberId) -> None:
        self._home = home
        self._member = member
        self._held = ExitStack()
        self.key: SigningKey | None = None
        """The key in use; None where there is none to use."""
        self.book: VoteBook | None = None
        """Its journal; None where it is missing or damaged."""
        self._next: PublicKey | None = None
        self._made: PublicKey | None = None
        """The fresh key that this process made and has not taken into use: nobody has a copy that voted."""

    def open(self, chain: Chain) -> list[Record] | None:
        """Bring the disk to what the ledger says and open the journal; its records, or None where it cannot be used.

        Waits for the disk. Raises `StoreError` where it fails, `Problem` for a key file that cannot be used.
        """
        self.close()
        self._settle(chain)
        records = self._opened()
        if records is None and voting_key_of(chain.state, self._member) is None:
            make_next(self._home)
            promote_next(self._home)
            records = self._opened()
        self.key = voting_key_in(self._home.votes)
        return records

    def close(self) -> None:
        """Close the journal; nothing is signed until the next `open`."""
        self._held.close()
        self._held = ExitStack()
        self.key, self.book = None, None

    def must_change(self, chain: Chain) -> bool:
        """Whether `open` would take another pair into use at this head."""
        if self._next is not None and seat_record(chain.state, self._next) is not None:
            return True
        if voting_key_of(chain.state, self._member) is not None:
            return False
        return self.key is None or self.book is None or seat_record(chain.state, self.key.public) is not None

    def fresh_key(self, chain: Chain) -> SigningKey:
        """A voting key that never sat, with an empty journal: the one in use, the one that waits, or one made now.

        Waits for the disk. Raises `Problem` where it cannot be made.
        """
        if self.key is not None and self.book is not None and seat_record(chain.state, self.key.public) is None:
            return self.key
        try:
            waiting = voting_key_in(self._home.votes_next)
            if waiting is None or not has_journal(self._home.votes_next):
                waiting = make_next(self._home)
                self._made = waiting.public
        except OSError as error:
            raise Problem(FailKind.FAILED, f"no fresh voting key can be made: {error.strerror}") from error
        self._next = waiting.public
        return waiting

    def _settle(self, chain: Chain) -> None:
        """Neither pair is open: promote, destroy and make what the ledger calls for; safe to be cut off anywhere."""
        home, state = self._home, chain.state
        in_use, waiting = voting_key_in(home.votes), voting_key_in(home.votes_next)
        if waiting is not None and self._may_have_voted(chain, waiting.public):
            destroy(home.votes_next)
            waiting = None
            log.error("the fresh voting key may have voted from another disk: it is destroyed")
        if waiting is not None and (in_use is None or seat_record(state, waiting.public) is not None):
            # Without a key in use a promotion was cut off, or the folder was removed.
            promote_next(home)
            in_use, waiting, self._made = waiting, None, None
            log.info("the fresh voting key is in use now, and the old one is destroyed")
        self._next = None if waiting is None else waiting.public
        if voting_key_of(state, self._member) is not None:
            return
        if in_use is None or not has_journal(home.votes) or seat_record(state, in_use.public) is not None:
            if waiting is None:
                make_next(home)
            promote_next(home)
            self._next = None
            log.info("there is a fresh voting key, in case this member takes a witness's seat")

    def _may_have_voted(self, chain: Chain, waiting: PublicKey) -> bool:
        """Whether the pair that waits may be a copy, of which another has been in use."""
        if waiting == self._made or is_promoting(self._home):
            return False
        record = seat_record(chain.state, waiting) or {}
        sat_ms = max(now().wall_ms, chain.head.time_ms) - record["rekeyed"] if "rekeyed" in record else 0
        return sat_ms > SEAT_FRESH_MS or not has_pair(self._home)

    def _opened(self) -> list[Record] | None:
        if not self._home.votes.exists():
            return None
        held = ExitStack()
        try:
            journal, records = held.enter_context(open_votes(self._home.votes, create=False))
            self.book = VoteBook(journal, remembered(records))
        except JournalLost as lost:
            held.close()
            log.error("%s", lost)
            return None
        self._held = held
        return records
