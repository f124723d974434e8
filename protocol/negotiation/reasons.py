"""The closed list of reasons: why a call was refused, a proposal left out, a message not understood, a step passed.

A code travels on the wire and stands in kept decisions, so it is never renamed; the sentence beside it may change.
Invariant: no refusal without one of these (SPEC N-4).
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """One code per cause; the comment is what it means."""

    FINE = "fine"  # the rule has nothing against it
    # what was sent
    MALFORMED = "malformed"  # the shape or a bound is broken
    OTHER_NETWORK = "other-network"  # it names another network
    FORGED = "forged"  # the signature is not the key's
    NOT_YOURS = "not-yours"  # the key or the name is not the sender's
    UNKNOWN = "unknown"  # it answers something never said, or forgotten
    REPEATED = "repeated"  # the bound on answers or rounds is used up
    # identity, rate
    NOT_A_MEMBER = "not-a-member"
    NOT_WANTED = "not-wanted"  # the owner does not work with this member
    STANDING = "standing"  # kept too few of its jobs
    RATE = "rate"  # too many calls in an hour
    BUSY = "busy"  # too many conversations open
    NEWCOMER = "newcomer"  # above what a newcomer is trusted with
    # can it be made, where and when
    NO_OFFER = "no-offer"  # this function is not offered here
    LIMITS = "limits"  # a parameter or the quantity is outside the limits
    OWNERS_FIRST = "owners-first"  # the co-owners' part of the machine's time
    MATERIAL = "material"  # not in stock
    CALENDAR = "calendar"  # no free slot on the machine
    TOO_FAR = "too-far"
    TOO_SOON = "too-soon"  # the due date cannot be met
    TOO_LATE = "too-late"  # the time to answer or to award is over
    CLOSED = "closed"  # the call was awarded already
    # money and terms
    NO_PRICE = "no-price"  # the offer says no price, so nobody may promise one
    CREDIT_UNKNOWN = "credit-unknown"  # priced in a credit that is not accepted
    BUDGET = "budget"  # above what the customer would pay
    MONEY = "money"  # the customer does not have it free
    NO_ARBITER = "no-arbiter"  # nobody but the two parties could rule
    TERMS = "terms"  # outside the terms this side accepts
    DIFFERENT = "different"  # the proposal is not for what was called
    # who decides
    ASK = "ask"  # the owner decides every one
    VALUE = "value"  # above the value the policy decides alone
    IN_KIND = "in-kind"  # a price in units or output, or several credits: a person weighs it
    DECLINED = "declined"  # a person said no
    SILENT = "silent"  # no person, or no peer, answered in time
    UNREACHABLE = "unreachable"
    LEDGER = "ledger"  # the ledger refused the award


SENTENCES: dict[Reason, str] = {
    Reason.FINE: "nothing against it",
    Reason.MALFORMED: "the message breaks a rule of form",
    Reason.OTHER_NETWORK: "this belongs to another network",
    Reason.FORGED: "the signature does not fit",
    Reason.NOT_YOURS: "this was not signed by whom it names",
    Reason.UNKNOWN: "nothing of that name is known here",
    Reason.REPEATED: "this was answered as often as one may ask",
    Reason.NOT_A_MEMBER: "only members may ask",
    Reason.NOT_WANTED: "the owner does not take work from this member",
    Reason.STANDING: "too few earlier jobs were kept",
    Reason.RATE: "too many calls within an hour",
    Reason.BUSY: "too many conversations are open",
    Reason.NEWCOMER: "more than a newcomer is trusted with",
    Reason.NO_OFFER: "this function is not offered here",
    Reason.LIMITS: "outside the limits of what can be made here",
    Reason.OWNERS_FIRST: "the machine's co-owners come first",
    Reason.MATERIAL: "the material is not in stock",
    Reason.CALENDAR: "there is no free time on the machine",
    Reason.TOO_FAR: "too far away",
    Reason.TOO_SOON: "it cannot be ready by then",
    Reason.TOO_LATE: "the time for this is over",
    Reason.CLOSED: "the call was awarded already",
    Reason.NO_PRICE: "no price is stated for this",
    Reason.CREDIT_UNKNOWN: "that credit is not accepted",
    Reason.BUDGET: "the price is above the budget",
    Reason.MONEY: "there is not enough free money for it",
    Reason.NO_ARBITER: "no third member is named who could rule a dispute",
    Reason.TERMS: "the terms are outside what is accepted",
    Reason.DIFFERENT: "this is not what was asked for",
    Reason.ASK: "the owner decides every one",
    Reason.VALUE: "above the value that is decided without a person",
    Reason.IN_KIND: "a price that only a person can weigh",
    Reason.DECLINED: "the owner said no",
    Reason.SILENT: "no answer in time",
    Reason.UNREACHABLE: "not reached yet",
    Reason.LEDGER: "the ledger refused the award",
}
"""A short sentence for each, when nothing more particular can be said."""
