"""The customer's machine: from a call sent to an award that is final, or to a sentence why not, as a table.

A call waits for proposals until its own reply-by, then somebody chooses (the policy or a person), then the ledger is
awaited; when it refuses the award, the next best is tried. Every wait has a deadline of its own and no peer can
prolong it.

Invariants: one award is under way at a time; an ended call has a sentence that says why. Source: SPEC N-6 to N-8.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ledger.keys import MemberId
from ledger.operations.work_terms import PriceLine
from protocol.negotiation.contents import Changes
from protocol.negotiation.participant import Signed
from protocol.negotiation.reasons import Reason
from protocol.negotiation.table import Table


class CallState(StrEnum):
    """Where a call stands, by what is awaited."""

    COLLECTING = "collecting"  # proposals, until reply-by or until all have answered
    CHOOSING = "choosing"  # a person's choice
    AWARDING = "awarding"  # the ledger's word on an award
    AWARDED = "awarded"  # the work; the ledger leads
    UNANSWERED = "unanswered"  # nothing: nobody answered
    REFUSED = "refused"  # nothing: all who answered said no, or nothing fit
    LAPSED = "lapsed"  # nothing: every offer's time went by
    WITHDRAWN = "withdrawn"  # nothing: the customer took it back


class CallEvent(StrEnum):
    """What can happen to a call."""

    ANSWERED = "answered"  # by a member: a proposal, a refusal, a counter, or silence
    BARGAINED = "bargained"  # a counter was sent
    CHOSEN = "chosen"  # by the policy or a person
    ASKS = "asks"  # the wait is over and a person is to choose
    SILENCE = "silence"  # the wait is over and nobody answered
    NONE_FIT = "none fit"  # the wait is over and there is nothing to award
    NEXT = "next"  # the ledger refused; the next best is tried
    FOUND = "found"  # the job is on the ledger
    EXPIRED = "expired"  # no offer stands any more
    WITHDRAWN = "withdrawn"  # by the customer


_S, _E = CallState, CallEvent

CALL_TABLE: Table[CallState, CallEvent] = Table(
    CallState.COLLECTING,
    {
        _S.COLLECTING: {
            _E.ANSWERED: _S.COLLECTING,
            _E.BARGAINED: _S.COLLECTING,
            _E.CHOSEN: _S.AWARDING,
            _E.ASKS: _S.CHOOSING,
            _E.SILENCE: _S.UNANSWERED,
            _E.NONE_FIT: _S.REFUSED,
            _E.FOUND: _S.AWARDED,
            _E.WITHDRAWN: _S.WITHDRAWN,
        },
        _S.CHOOSING: {
            _E.ANSWERED: _S.CHOOSING,
            _E.BARGAINED: _S.CHOOSING,
            _E.CHOSEN: _S.AWARDING,
            _E.FOUND: _S.AWARDED,
            _E.EXPIRED: _S.LAPSED,
            _E.WITHDRAWN: _S.WITHDRAWN,
        },
        _S.AWARDING: {
            _E.ANSWERED: _S.AWARDING,
            _E.NEXT: _S.AWARDING,
            _E.ASKS: _S.CHOOSING,
            _E.FOUND: _S.AWARDED,
            _E.EXPIRED: _S.LAPSED,
        },
        # The ledger is the truth: what became final after we gave up waiting is a job all the same.
        _S.UNANSWERED: {_E.FOUND: _S.AWARDED},
        _S.REFUSED: {_E.FOUND: _S.AWARDED},
        _S.LAPSED: {_E.FOUND: _S.AWARDED},
        _S.WITHDRAWN: {_E.FOUND: _S.AWARDED},
        _S.AWARDED: {},
    },
)

OPEN = frozenset({CallState.COLLECTING, CallState.CHOOSING, CallState.AWARDING})
"""Something is awaited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one member said to the call; the latest counts."""

    member: MemberId
    reason: Reason
    """FINE: a proposal."""
    text: str
    round: int = 0
    """That of a provider's counter."""
    changes: Changes | None = None
    """What a provider's counter would need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One proposal, checked when it came."""

    id: bytes
    provider: MemberId
    until_ms: int
    signed: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The last counter sent to one member, and what it asked for: the proposal after it may differ by so much."""

    member: MemberId
    round: int
    changes: Changes
    signed: Signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One award given to the ledger."""

    proposal: bytes
    purpose: bytes
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """One call of this customer; everything needed to go on after a restart."""

    call: bytes
    signed: Signed
    state: CallState
    automatic: bool
    budget: tuple[PriceLine, ...]
    asked: tuple[MemberId, ...]
    made_ms: int
    reply_by_ms: int
    replies: tuple[Reply, ...] = ()
    received: tuple[Received, ...] = ()
    wishes: tuple[Wish, ...] = ()
    tries: tuple[Try, ...] = ()
    jobs: tuple[bytes, ...] = ()
    ranking: tuple[str, ...] = ()
    """How the choice was made, best first."""
    text: str = ""
    """How it came to where it stands."""
