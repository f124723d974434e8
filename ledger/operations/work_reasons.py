"""Why the ledger refused something about a job: stable codes, recorded for ever, never renamed.

Not here: what any family can answer (`ledger.errors.Reason`), such as too little money.
Source: SPEC W-1 to W-30, the rule named at each.
"""

from __future__ import annotations

from enum import StrEnum


class WorkReason(StrEnum):
    """One per rule that can say no."""

    BAD_PROPOSAL = "work.bad-proposal"  # W-2: not a proposal's form, or something named twice
    OTHER_NETWORK = "work.other-network"  # W-2
    OTHER_CUSTOMER = "work.other-customer"  # W-2: made to somebody else
    NOT_THE_PROVIDERS_KEY = "work.not-the-providers-key"  # W-3
    SELF_DEALING = "work.self-dealing"  # W-4
    LAPSED = "work.offer-lapsed"  # W-5: block time is past stands-until
    TOO_LATE = "work.too-late"  # W-5: block time is past deliver-by
    AWARDED_BEFORE = "work.awarded-before"  # W-6
    CALL_CLOSED = "work.call-closed"  # W-7
    NO_ARBITER = "work.no-arbiter"  # W-9: none of those agreed on may judge
    NO_SUCH_JOB = "work.no-such-job"  # W-11
    NOT_A_PARTY = "work.not-a-party"  # W-11: neither customer, provider nor arbiter
    WRONG_PARTY = "work.wrong-party"  # W-11: the other side's move
    WRONG_STAGE = "work.wrong-stage"  # W-11: not in this stage
    TOO_EARLY = "work.too-early"  # W-17, W-21: a waiting time still runs
    TOO_MANY_PIECES = "work.too-many-pieces"  # W-13, W-14: more than ordered, or than delivered
    TOO_MANY_DELIVERIES = "work.too-many-deliveries"  # W-13
    SAYS_NOTHING = "work.says-nothing"  # W-14: a receipt that counts no piece
    NOTHING_HELD = "work.nothing-held"  # W-22: no money left to dispute
    ENDED = "work.ended"  # W-26
