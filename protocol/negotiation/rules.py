"""The owner's policy at work: thirteen small rules in a chain, each seeing its own matter and its own section of
keys.

A rule returns a `Step`: pass, ask or refuse, a reason of the closed list, and the figures it judged by. What it may
look at is in its signature; none sees a name it should not weigh, and none reads a clock. The chain (`chain`) stops
at the first refusal. It fails closed: no offer, no price, no free time or no arbiter is a refusal (SPEC N-9).

Not here: gathering the matter from the world (`decide`), and what is done about the verdict (`participant`).
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from ledger.canonical import INTEGER_MAX
from ledger.keys import MemberId
from ledger.operations.work_terms import PriceLine
from protocol.negotiation.calendar import Gap
from protocol.negotiation.contents import total
from protocol.negotiation.decision import Step, Verdict
from protocol.negotiation.limits import DAY_MS
from protocol.negotiation.policy import (
    BASIS_POINTS,
    Buy,
    Capability,
    Credit,
    Decide,
    Identity,
    Materials,
    Owners,
    Price,
    Rate,
    Sell,
    Transport,
)
from protocol.negotiation.reasons import Reason
from protocol.negotiation.world import Standing

ORDER = (
    "identity",
    "rate",
    "capability",
    "owners",
    "materials",
    "calendar",
    "transport",
    "price",
    "due",
    "credit",
    "terms",
    "ask",
)
"""The chain, in order."""


def fine(rule: str, detail: str = "") -> Step:
    """Nothing against it."""
    return Step(rule=rule, verdict=Verdict.PASS, reason=Reason.FINE, detail=detail)


def ask(rule: str, reason: Reason, detail: str = "") -> Step:
    """A person must say."""
    return Step(rule=rule, verdict=Verdict.ASK, reason=reason, detail=detail)


def refuse(rule: str, reason: Reason, detail: str = "") -> Step:
    """No."""
    return Step(rule=rule, verdict=Verdict.REFUSE, reason=reason, detail=detail)


def identity(keys: Identity, member: MemberId, is_member: bool, standing: Standing) -> Step:
    """Members only, those the owner works with; a poor standing is a person's to weigh."""
    if not is_member:
        return refuse("identity", Reason.NOT_A_MEMBER)
    if member in keys.refuse_members or (keys.only_members and member not in keys.only_members):
        return refuse("identity", Reason.NOT_WANTED)
    ended = standing.kept + standing.broken
    detail = f"{standing.kept} of {ended} ended jobs kept" if ended else "no job has ended yet"
    if ended and standing.kept * BASIS_POINTS < keys.standing_min_bp * ended:
        return ask("identity", Reason.STANDING, detail)
    return fine("identity", detail)


def is_newcomer(keys: Rate, joined_ms: int | None, now_ms: int) -> bool:
    """Whether a member still is on probation."""
    return keys.newcomer_days > 0 and (joined_ms is None or now_ms - joined_ms < keys.newcomer_days * DAY_MS)


def rate(keys: Rate, newcomer: bool, calls_last_hour: int, calls_open: int) -> Step:
    """So many calls an hour and so many open at once; fewer from a newcomer."""
    allowed = min(keys.calls_per_hour, keys.newcomer_calls_per_hour) if newcomer else keys.calls_per_hour
    detail = f"{calls_last_hour + 1} of {allowed} in an hour, {calls_open} of {keys.calls_open} open"
    if calls_last_hour >= allowed:
        return refuse("rate", Reason.RATE, detail)
    if calls_open >= keys.calls_open:
        return refuse("rate", Reason.BUSY, detail)
    return fine("rate", detail + (", newcomer" if newcomer else ""))


def capability(
    keys: Capability, function: bytes, quantity: int, unfit: tuple[str, ...] | None, left_open: tuple[str, ...] = ()
) -> Step:
    """The function is offered (`unfit` is None: it is not), open to calls, and the want is within its limits."""
    if unfit is None or (keys.open_functions and function not in keys.open_functions):
        return refuse("capability", Reason.NO_OFFER)
    if unfit:
        return refuse("capability", Reason.LIMITS, "; ".join(unfit))
    if keys.quantity_max and quantity > keys.quantity_max:
        return refuse("capability", Reason.LIMITS, f"{quantity} pieces where at most {keys.quantity_max} are taken")
    return fine("capability", f"the call leaves open: {', '.join(left_open)}" if left_open else "")


def owners(
    keys: Owners,
    shares: tuple[tuple[MemberId, int], ...],
    customer: MemberId,
    open_ms: int,
    taken_ms: int,
    work_ms: int,
) -> tuple[Step, bool]:
    """Co-owners first, at their share (SPEC N-18); also says whether the slot counts as a stranger's.

    `open_ms` and `taken_ms`: the window's open time, and what strangers hold of it already.
    """
    units = dict(shares)
    if not keys.first or len(units) < 2:
        return fine("owners", "not co-owned"), True
    kept_ms = open_ms * keys.reserve_bp // BASIS_POINTS
    share = Fraction(units.get(customer, 0), sum(units.values()))
    if work_ms <= kept_ms * share:
        return fine("owners", f"a co-owner's job, within {_percent(share)} of the time kept for co-owners"), False
    left_ms = open_ms - kept_ms - taken_ms
    detail = f"{_hours(work_ms)} wanted, {_hours(left_ms)} left for strangers in this window"
    if work_ms > left_ms:
        return ask("owners", Reason.OWNERS_FIRST, detail), True
    return fine("owners", detail), True


def materials(keys: Materials, material: object) -> Step:
    """What the call's material parameter names lies in stock, where stock is kept at all."""
    if not keys.require_stock or not isinstance(material, str):
        return fine("materials")
    if material.casefold() in {each.casefold() for each in keys.in_stock}:
        return fine("materials", "in stock")
    return refuse("materials", Reason.MATERIAL)


def calendar(gap: Gap | None, slots: int, slots_max: int) -> Step:
    """There is a free stretch, and room to remember it."""
    if gap is None or slots >= slots_max:
        return refuse("calendar", Reason.CALENDAR, f"{slots} slots are taken")
    return fine("calendar", f"free for {_hours(gap.end_ms - gap.start_ms)}")


def transport(keys: Transport, distance_km: int | None) -> Step:
    """Near enough, where both say where they are."""
    if distance_km is None:
        return fine("transport", "no place is named")
    if keys.distance_max_km and distance_km > keys.distance_max_km:
        return refuse("transport", Reason.TOO_FAR, f"{distance_km} km, at most {keys.distance_max_km}")
    return fine("transport", f"{distance_km} km")


def price(
    keys: Price,
    quoted: tuple[PriceLine, ...],
    budget: tuple[PriceLine, ...],
    wished_total: int | None,
    unpriced: str = "",
) -> tuple[Step, tuple[PriceLine, ...]]:
    """The offer's price by the owner's factor, floor, budget and a counter's wish; also the price to promise."""
    if not quoted:
        return refuse("price", Reason.NO_PRICE, unpriced), ()
    if keys.credits and any(line.kind == "credit" and line.thing not in keys.credits for line in quoted):
        return refuse("price", Reason.CREDIT_UNKNOWN), ()
    scaled = tuple(
        PriceLine(kind=line.kind, thing=line.thing, amount=ceil(Fraction(line.amount * keys.factor_bp, BASIS_POINTS)))
        for line in quoted
    )
    if any(line.amount > INTEGER_MAX for line in scaled):
        return refuse("price", Reason.LIMITS, "the amount is beyond what can be signed"), ()
    one = total(scaled)
    if one is None:
        return ask("price", Reason.IN_KIND, f"{len(scaled)} lines"), scaled
    thing, asked = one[0], max(one[1], keys.least)
    most = total(budget)
    limit = most[1] if most is not None and most[0] == thing else None
    if budget and limit is None:
        return refuse("price", Reason.CREDIT_UNKNOWN, "the budget is in another credit"), ()
    if limit is not None and limit < asked:
        return refuse("price", Reason.BUDGET, f"{asked}, where at most {limit} is wanted"), ()
    final = asked if wished_total is None else min(asked, wished_total)
    promised = (PriceLine(kind="credit", thing=thing, amount=final),)
    floor = max(keys.least, ceil(Fraction(asked * (BASIS_POINTS - keys.discount_bp), BASIS_POINTS)))
    if final < floor:
        return ask("price", Reason.BUDGET, f"{asked}, where {final} is wished"), promised
    return fine("price", f"{final}"), promised


def due(promise_ms: int, deliver_by_ms: int) -> Step:
    """The machine's free time ends early enough."""
    if promise_ms > deliver_by_ms:
        return refuse("due", Reason.TOO_SOON, f"{_hours(promise_ms - deliver_by_ms)} later than asked")
    return fine("due", f"{_hours(deliver_by_ms - promise_ms)} to spare")


def credit(keys: Credit, owed: tuple[PriceLine, ...], free: tuple[int, ...]) -> Step:
    """The customer has the money free now; `free` stands beside each line, 0 for what is no credit."""
    for line, has in zip(owed, free, strict=True):
        if keys.require_money and line.kind == "credit" and has < line.amount:
            return refuse("credit", Reason.MONEY, f"{has} free, {line.amount} needed")
    return fine("credit")


def terms(candidates: tuple[MemberId, ...]) -> Step:
    """Somebody who is neither party can rule a dispute (the ledger's W-9)."""
    if not candidates:
        return refuse("terms", Reason.NO_ARBITER)
    return fine("terms", f"{len(candidates)} may rule a dispute")


def decides(keys: Sell, newcomer_max: int | None, value: int | None, *, automatic: bool = True) -> Step:
    """Who signs: a person, always or above a value; `newcomer_max` is None for those past probation.

    `automatic` is the offer's own word: False asks a person whatever the policy would do.
    """
    if keys.decide is Decide.ASK:
        return ask("ask", Reason.ASK)
    if not automatic:
        return ask("ask", Reason.ASK, "this offer is not automatic")
    if value is None:
        return ask("ask", Reason.IN_KIND)
    if newcomer_max is not None and value > newcomer_max:
        return ask("ask", Reason.NEWCOMER, f"{value}, alone up to {newcomer_max}")
    if value > keys.ask_above_value:
        return ask("ask", Reason.VALUE, f"{value}, alone up to {keys.ask_above_value}")
    return fine("ask", f"{value}, alone up to {keys.ask_above_value}")


def buys(keys: Buy, price_: tuple[PriceLine, ...]) -> bool:
    """Whether this price is in credits the customer's policy pays with."""
    return not keys.credits or all(line.kind != "credit" or line.thing in keys.credits for line in price_)


def _hours(span_ms: int) -> str:
    minutes = max(0, span_ms) // 60_000
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _percent(share: Fraction) -> str:
    return f"{int(share * 100)} %"
