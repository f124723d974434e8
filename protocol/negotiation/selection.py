"""Which proposal is best: a stated, proportional score of price, date, distance and standing, and what rules one
out.

Each of the four gives the part of its weight that the best candidate's figure is of this one's: twice the price,
half the points. All candidates together are first checked for flaws; a flawed one is never awarded without a person.
Whole numbers only; a tie goes to the lower price, then the earlier date, then the lower id, so every node ranks
alike.

Standing is computed from the ledger's receipts and nothing else, and ranks only: it never rules a proposal out.
Source: SPEC N-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ledger.operations.work_terms import PriceLine, Proposal
from protocol.negotiation.contents import Call, Changes, total
from protocol.negotiation.limits import DAY_MS, HOUR_MS
from protocol.negotiation.policy import Buy
from protocol.negotiation.reasons import SENTENCES, Reason
from protocol.negotiation.rules import buys
from protocol.negotiation.world import Standing

POINTS = 10_000
"""The best possible score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A proposal with what this side knows besides."""

    proposal: Proposal
    distance_km: int | None
    standing: Standing
    flaw: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A candidate with its score, and how it came about."""

    candidate: Candidate
    points: int
    line: str


def flaw(
    buy: Buy, call: Call, changes: Changes, budget: tuple[PriceLine, ...], proposal: Proposal, now_ms: int, free: int
) -> Reason | None:
    """What stands against awarding `proposal` without a person; `free` is the customer's balance of its one credit."""
    wanted_quantity = changes.quantity or call.quantity
    arbiters_strange = call.arbiters and not set(proposal.arbiters) <= set(call.arbiters)
    same = (proposal.function, proposal.parameters, proposal.quantity) == (
        call.function,
        dict(call.parameters),
        wanted_quantity,
    )
    copied = tuple(proposal.extras.get(name) for name in ("design", "part", "asset"))
    if not same or copied != (call.design, call.part, call.asset) or arbiters_strange:
        return Reason.DIFFERENT
    if proposal.until_ms < now_ms:
        return Reason.TOO_LATE
    if proposal.deliver_by_ms > (changes.deliver_by_ms or call.deliver_by_ms):
        return Reason.TOO_SOON
    one = total(proposal.price)
    if one is None:
        return Reason.IN_KIND
    most = total(budget)
    if not buys(buy, proposal.price) or (budget and (most is None or most[0] != one[0])):
        return Reason.CREDIT_UNKNOWN
    if most is not None and one[1] > most[1]:
        return Reason.BUDGET
    if one[1] > free:
        return Reason.MONEY
    terms = proposal.terms
    if (
        terms.inspection_ms < buy.inspection_days_min * DAY_MS
        or terms.void_after_ms > buy.void_after_hours_max * HOUR_MS
        or terms.cancel_awarded_bp > buy.cancel_awarded_bp_max
        or terms.silence_split_bp > buy.silence_split_bp_max
    ):
        return Reason.TERMS
    return None


def rank(buy: Buy, candidates: Sequence[Candidate], now_ms: int) -> list[Ranked]:
    """Best first; flawed ones last, with 0 points. Prices in other credits than the first candidate's score nothing."""
    sound = [each for each in candidates if each.flaw is None]
    rated = [_rated(buy, each, sound, now_ms) if each.flaw is None else _flawed(each) for each in candidates]
    return sorted(rated, key=_order)


def _rated(buy: Buy, candidate: Candidate, among: Sequence[Candidate], now_ms: int) -> Ranked:
    prices = [_price(each, _credit(among[0])) for each in among]
    price = _price(candidate, _credit(among[0]))
    waits = [_wait(each, now_ms) for each in among]
    ways = [each.distance_km + 1 for each in among if each.distance_km is not None]
    way = None if candidate.distance_km is None else candidate.distance_km + 1
    parts = {
        "price": (buy.weight_price, _share([each for each in prices if each is not None], price)),
        "date": (buy.weight_date, _share(waits, _wait(candidate, now_ms))),
        "distance": (buy.weight_distance, _share(ways, way)),
        "standing": (buy.weight_standing, _kept(candidate.standing)),
    }
    whole = sum(weight for weight, _ in parts.values())
    points = {name: int(POINTS * weight * share / whole) for name, (weight, share) in parts.items()}
    sums = " + ".join(f"{name} {got}/{POINTS * parts[name][0] // whole}" for name, got in points.items())
    return Ranked(candidate=candidate, points=sum(points.values()), line=f"{sum(points.values())} points = {sums}")


def _flawed(candidate: Candidate) -> Ranked:
    reason = candidate.flaw or Reason.FINE
    return Ranked(candidate=candidate, points=0, line=f"left out: {SENTENCES[reason]}")


def _order(ranked: Ranked) -> tuple[bool, int, int, int, bytes]:
    proposal = ranked.candidate.proposal
    one = total(proposal.price)
    flawed = ranked.candidate.flaw is not None
    return flawed, -ranked.points, one[1] if one else 0, proposal.deliver_by_ms, proposal.id


def _credit(candidate: Candidate) -> bytes:
    one = total(candidate.proposal.price)
    return one[0] if one else b""


def _price(candidate: Candidate, credit: bytes) -> int | None:
    one = total(candidate.proposal.price)
    return one[1] + 1 if one is not None and one[0] == credit else None


def _wait(candidate: Candidate, now_ms: int) -> int:
    return max(0, candidate.proposal.deliver_by_ms - now_ms) + 1


def _share(all_: Sequence[int], mine: int | None) -> Fraction:
    """The smallest is the best: what part of mine it is. Unknown: nothing."""
    return Fraction(0) if mine is None else Fraction(min(all_), mine)


def _kept(standing: Standing) -> Fraction:
    """Laplace's rule: somebody without any history is taken to be even odds, and one job does not decide."""
    return Fraction(standing.kept + 1, standing.kept + standing.broken + 2)
