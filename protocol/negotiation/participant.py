"""The provider's machine: from a call heard to a slot booked or freed, as a table.

An offer stands, a slot is reserved, money is held: three things. Here the first two are kept apart; the third is the
ledger's. A deal is one call at one provider. It reserves one slot for each proposal that stands, since a ledger that
is given two of them in one award would make both of them jobs.

Invariants: STANDING, BARGAINING and BOOKED are the only states with slots; every state that waits has a deadline;
what was answered is kept, so the same call is answered the same way. Source: SPEC N-12 to N-17, N-20.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ledger.keys import MemberId, PublicKey, Signature
from ledger.statement import Statement
from protocol.negotiation.calendar import Slot
from protocol.negotiation.contents import UNCHANGED, Changes
from protocol.negotiation.decision import Decision
from protocol.negotiation.table import Table


class DealState(StrEnum):
    """Where a deal stands, by what is awaited."""

    HEARD = "heard"  # the policy's verdict; never kept
    WAITING = "waiting"  # a person; nothing is promised yet
    STANDING = "standing"  # the award, or that it cannot come any more
    BARGAINING = "bargaining"  # a person, about a counter, while an earlier proposal stands
    REFUSED = "refused"  # nothing, but a counter may reopen it
    BOOKED = "booked"  # the work; the ledger leads
    FREED = "freed"  # nothing: lost or lapsed
    DONE = "done"  # nothing: the job ended


class DealEvent(StrEnum):
    """What can happen to a deal."""

    FITS = "fits"  # the policy signs
    ASKS = "asks"  # the policy wants a person
    FAILS = "fails"  # the policy refuses
    APPROVED = "approved"  # by a person
    DECLINED = "declined"  # by a person
    OVERDUE = "overdue"  # no person in time
    COUNTER_FITS = "counter fits"
    COUNTER_ASKS = "counter asks"
    COUNTER_FAILS = "counter fails"
    WON = "won"  # a final award of a proposal of ours
    LOST = "lost"  # a final award closed the call without us
    LAPSED = "lapsed"  # every proposal's time is over
    ENDED = "ended"  # the job ended on the ledger


_S, _E = DealState, DealEvent

DEAL: Table[DealState, DealEvent] = Table(
    DealState.HEARD,
    {
        _S.HEARD: {_E.FITS: _S.STANDING, _E.ASKS: _S.WAITING, _E.FAILS: _S.REFUSED, _E.WON: _S.BOOKED},
        _S.WAITING: {
            _E.APPROVED: _S.STANDING,
            _E.DECLINED: _S.REFUSED,
            _E.OVERDUE: _S.REFUSED,
            _E.COUNTER_FITS: _S.STANDING,
            _E.COUNTER_ASKS: _S.WAITING,
            _E.COUNTER_FAILS: _S.WAITING,
            _E.WON: _S.BOOKED,
            _E.LOST: _S.FREED,
        },
        _S.STANDING: {
            _E.COUNTER_FITS: _S.STANDING,
            _E.COUNTER_ASKS: _S.BARGAINING,
            _E.COUNTER_FAILS: _S.STANDING,
            _E.WON: _S.BOOKED,
            _E.LOST: _S.FREED,
            _E.LAPSED: _S.FREED,
        },
        _S.BARGAINING: {
            _E.APPROVED: _S.STANDING,
            _E.DECLINED: _S.STANDING,
            _E.OVERDUE: _S.STANDING,
            _E.COUNTER_FITS: _S.STANDING,
            _E.COUNTER_ASKS: _S.BARGAINING,
            _E.COUNTER_FAILS: _S.BARGAINING,
            _E.WON: _S.BOOKED,
            _E.LOST: _S.FREED,
            _E.LAPSED: _S.FREED,
        },
        _S.REFUSED: {
            _E.COUNTER_FITS: _S.STANDING,
            _E.COUNTER_ASKS: _S.WAITING,
            _E.COUNTER_FAILS: _S.REFUSED,
            _E.WON: _S.BOOKED,
        },
        # The ledger is the truth: an award final after we gave the slot up is a job all the same.
        _S.FREED: {_E.WON: _S.BOOKED},
        _S.BOOKED: {_E.WON: _S.BOOKED, _E.ENDED: _S.DONE},
        _S.DONE: {_E.WON: _S.BOOKED},
    },
)

ASKING = frozenset({DealState.WAITING, DealState.BARGAINING})
"""A person is asked."""
PROMISED = frozenset({DealState.STANDING, DealState.BARGAINING})
"""At least one proposal stands."""
ACTIVE = ASKING | PROMISED | {DealState.BOOKED}
"""Never forgotten to make room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A statement as it is kept."""

    purpose: str
    body: bytes
    key: bytes
    signature: bytes

    @classmethod
    def of(cls, statement: Statement) -> Signed:
        """From a statement."""
        return cls(purpose=statement.purpose, body=statement.body, key=statement.key, signature=statement.signature)

    @property
    def statement(self) -> Statement:
        """As it was signed."""
        return Statement(
            purpose=self.purpose, body=self.body, key=PublicKey(self.key), signature=Signature(self.signature)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One proposal of ours that was signed."""

    id: bytes
    until_ms: int
    signed: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The last answer given, to be given again when the same call comes again."""

    type: str
    body: bytes
    """Canonical bytes of the message's body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """One call at this provider; everything needed to go on after a restart."""

    call: bytes
    customer: MemberId
    state: DealState
    heard_ms: int
    reply_by_ms: int
    signed_call: Signed | None = None
    """None: known from the ledger only."""
    offered: tuple[Offered, ...] = ()
    slots: tuple[Slot, ...] = ()
    jobs: tuple[bytes, ...] = ()
    """Proposals that were awarded and have not ended."""
    answer: Answer | None = None
    decision: Decision | None = None
    """The last one: what `why` prints, and what a person is asked about."""
    changes: Changes = UNCHANGED
    """Those of the counter that a person is asked about."""
    rounds: int = 0
    """Counters so far, both directions."""
    ask_until_ms: int | None = None
    """When the item leaves the inbox by itself."""
    text: str = ""
    """How it came to where it stands."""
