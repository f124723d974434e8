"""What an owner decides beforehand: one small section per rule of the chain, and one for buying.

Each rule is handed its own section only, so a key can never change a judgement it does not belong to. The defaults
are the preset `ask-me`: everything waits for a person. Presets and the owner's file only replace values
(`policy_parse`).

Units stand last in names; "value" is always smallest units of the one credit a price is in; "bp" is basis points.
Source: SPEC N-9, N-10.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ledger.canonical import INTEGER_MAX
from ledger.keys import MemberId
from ledger.names import Kind

BASIS_POINTS = 10_000


class Decide(StrEnum):
    """Who says the last word."""

    ASK = "ask"
    AUTOMATIC = "automatic"


def whole(default: int, least: int, most: int) -> Any:
    """A key that holds a whole number from `least` to `most`."""
    return field(default=default, metadata={"least": least, "most": most})


def ids(kind: Kind, most: int) -> Any:
    """A key that holds at most so many written ids of one kind."""
    return field(default=(), metadata={"kind": kind, "most": most})


def words(most: int, bytes_max: int) -> Any:
    """A key that holds at most so many texts."""
    return field(default=(), metadata={"most": most, "bytes_max": bytes_max})


def _bp(default: int) -> Any:
    return whole(default, 0, BASIS_POINTS)


def _value(default: int) -> Any:
    return whole(default, 0, INTEGER_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sell:
    """Who signs proposals, and from which value on a person does."""

    decide: Decide = Decide.ASK
    ask_above_value: int = _value(0)
    wait_minutes: int = whole(10_080, 1, 43_200)
    """Longest an item waits in the inbox; never past the call's reply-by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """With whom."""

    only_members: tuple[MemberId, ...] = ids(Kind.MEMBER, 1024)
    """Empty: any member."""
    refuse_members: tuple[MemberId, ...] = ids(Kind.MEMBER, 1024)
    standing_min_bp: int = _bp(0)
    """Below it a person is asked; standing alone never refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often, and how long somebody is new."""

    calls_per_hour: int = whole(60, 1, 10_000)
    calls_open: int = whole(16, 1, 256)
    newcomer_days: int = whole(30, 0, 3650)
    newcomer_calls_per_hour: int = whole(12, 1, 10_000)
    newcomer_value_max: int = _value(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Which of the own offers are open to calls."""

    quantity_max: int = _value(0)
    """0: as the offer says."""
    open_functions: tuple[bytes, ...] = ids(Kind.FUNCTION, 256)
    """Empty: every offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """What is kept of a co-owned machine's time for its co-owners."""

    first: bool = True
    reserve_bp: int = _bp(5000)
    """Of the open hours of each window, split by share."""
    window_days: int = whole(7, 1, 90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """What lies in stock."""

    require_stock: bool = False
    in_stock: tuple[str, ...] = words(256, 80)
    parameter: str = field(default="material", metadata={"bytes_max": 64})
    """The call's parameter that names the material."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarKeys:
    """How the machines' time is given out."""

    horizon_days: int = whole(60, 1, 730)
    pause_minutes: int = whole(0, 0, 1440)
    """Kept free between two slots of one machine."""
    slots_max: int = whole(256, 1, 4096)
    """Per machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """How far."""

    distance_max_km: int = whole(0, 0, 20_100)
    """0: anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """For how much, in whose credit."""

    credits: tuple[bytes, ...] = ids(Kind.CREDIT, 64)
    """Empty: those the own offers are priced in."""
    factor_bp: int = whole(10_000, 1, 1_000_000)
    least: int = _value(0)
    discount_bp: int = _bp(0)
    """How far a counter may bring a price down without a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """By when."""

    margin_minutes: int = whole(120, 0, 525_600)
    """Between the slot's end and the date promised."""
    counter: bool = True
    """A call due too soon is countered with the first possible date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Whether the customer must have the money now."""

    require_money: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsKeys:
    """What every proposal says about time, fees and disputes."""

    stands_minutes: int = whole(15, 1, 10_080)
    stands_person_days: int = whole(7, 1, 90)
    inspection_days: int = whole(7, 1, 365)
    void_after_hours: int = whole(72, 1, 8760)
    cancel_awarded_bp: int = _bp(0)
    cancel_started_bp: int = _bp(5000)
    cancel_delivered_bp: int = _bp(10_000)
    silence_days: int = whole(14, 1, 365)
    silence_split_bp: int = _bp(5000)
    arbiters: tuple[MemberId, ...] = ids(Kind.MEMBER, 8)
    """Empty: any the call names, else the charter's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buy:
    """How proposals are awaited, weighed and awarded."""

    decide: Decide = Decide.ASK
    """Where the request does not say."""
    ask_above_value: int = _value(0)
    reply_seconds: int = whole(60, 1, 86_400)
    reply_hours: int = whole(24, 1, 720)
    asked_max: int = whole(32, 1, 64)
    credits: tuple[bytes, ...] = ids(Kind.CREDIT, 64)
    """Empty: any."""
    tries: int = whole(3, 1, 16)
    """Awards tried, the best first, when the ledger refuses one."""
    weight_price: int = whole(60, 0, 100)
    weight_date: int = whole(20, 0, 100)
    weight_distance: int = whole(10, 0, 100)
    weight_standing: int = whole(10, 0, 100)
    inspection_days_min: int = whole(1, 0, 365)
    void_after_hours_max: int = whole(720, 1, 8760)
    cancel_awarded_bp_max: int = _bp(10_000)
    silence_split_bp_max: int = _bp(10_000)
    receive_automatically: bool = field(default=False, metadata={"only": False})
    """Receipts are a person's; the key exists so that a policy that wishes otherwise is refused, not ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All of it; the default is `ask-me`."""

    sell: Sell = Sell()
    identity: Identity = Identity()
    rate: Rate = Rate()
    capability: Capability = Capability()
    owners: Owners = Owners()
    materials: Materials = Materials()
    calendar: CalendarKeys = CalendarKeys()
    transport: Transport = Transport()
    price: Price = Price()
    due: Due = Due()
    credit: Credit = Credit()
    terms: TermsKeys = TermsKeys()
    buy: Buy = Buy()
