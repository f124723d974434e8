"""The small commented TOML file in which an owner writes an offer, read and written.

Reading checks against the function's definition: units, limits within the function's, choices, rates on things that
can be counted. Each mistake is a `WrongFile` that names file and key (SPEC C-15). Measures are a number in the
parameter's own unit or a text with any unit of its kind; money is written in whole credits and becomes smallest units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from ledger.canonical import INTEGER_MAX
from ledger.names import Kind, NotAnId, parse_id, show_id
from ledger.quantities import Measure
from protocol.capability.catalogue import Catalogue, UnknownFunction
from protocol.capability.functions import Function, Parameter, ValueKind
from protocol.capability.hours import ALWAYS, read_hours, show_hours
from protocol.capability.limits import OFFER_FILE_BYTES_MAX, OFFER_NAME_BYTES_MAX, QUANTITY_MAX
from protocol.capability.offers import ZERO, Limit, Offer, Price, Rate
from protocol.capability.places import Place, about
from protocol.capability.reading import Section, hint, parse_toml
from protocol.capability.units import (
    OtherKind,
    UnknownUnit,
    convert,
    is_ratio,
    read_amount,
    show_amount,
    show_number,
    show_unit,
)

RATE_KEYS = ("set-up", "per-piece", "per")
"""What a rate is made of, in a file."""
MISSING_TIME = (
    "missing: an automatic offer says how long a job takes, by set-up, per-piece or [time.per]; "
    'write set-up = "0 min" where it takes no time, or automatic = false'
)
_LEAD_DAYS_MAX = 3660


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditName:
    """A credit as owners write it."""

    id: bytes
    """32 bytes."""
    decimals: int
    """Digits behind the point: 2 where 1.00 is 100 smallest units."""


def read_offer(text: str, file_name: str, catalogue: Catalogue, credits_known: Mapping[str, CreditName]) -> Offer:
    """The offer in a file's text; raises `WrongFile`. `credits_known` has every way a credit may be written."""
    top = parse_toml(text, file_name, OFFER_FILE_BYTES_MAX)
    name = top.text("name", required=True, bytes_max=OFFER_NAME_BYTES_MAX)
    word = top.text("function", required=True)
    try:
        function = catalogue.named(word)
    except UnknownFunction as problem:
        raise top.wrong("function", str(problem)) from None
    quantity = top.table("quantity")
    least = quantity.whole("least", 1, least=1, most=QUANTITY_MAX)
    most = quantity.whole("most", QUANTITY_MAX, least=1, most=QUANTITY_MAX)
    if least > most:
        raise quantity.wrong("least", f"{least} is more than the most, {most}")
    quantity.end()
    limits = _limits(top.table("limits"), function)
    automatic = top.flag("automatic", False)
    time = top.table("time")
    if automatic and not any(time.has(key) for key in RATE_KEYS):
        # Without it a job would take no time, and the policy would promise one machine to everybody at once.
        raise time.wrong("", MISSING_TIME)
    lead_ms = _duration(time, "lead")
    if lead_ms > _LEAD_DAYS_MAX * 86_400_000:
        raise time.wrong("lead", f"at most {_LEAD_DAYS_MAX} days are allowed")
    rate = _rate(time, function, None)
    price = _price(top.table("price"), function, credits_known) if top.has("price") else None
    hours = read_hours(top.table("hours")) if top.has("hours") else ALWAYS
    offer = Offer(
        name=name,
        function=function.hash,
        limits=limits,
        quantity_least=least,
        quantity_most=most,
        time=rate,
        lead_ms=-(-lead_ms.numerator // lead_ms.denominator),
        price=price,
        hours=hours,
        place=_place(top.table("place")) if top.has("place") else None,
        asset=_asset(top),
        automatic=automatic,
    )
    top.end()
    return offer


def _limits(section: Section, function: Function) -> dict[str, Limit]:
    limits: dict[str, Limit] = {}
    for name in section.names():
        parameter = _parameter(section, name, function)
        if parameter.kind is ValueKind.TEXT:
            raise section.wrong(name, "a free text has no limits")
        limits[name] = (
            _range(section.table(name), parameter)
            if parameter.kind is ValueKind.MEASURE
            else _among(section, name, function)
        )
    return limits


def _parameter(section: Section, name: str, function: Function) -> Parameter:
    parameter = function.definition.parameter(name)
    if parameter is None:
        known = [one.name for one in function.definition.parameters]
        more = hint(name, known) or f"; it has {', '.join(known)}"
        raise section.wrong(name, f"{function.name} has no such parameter{more}")
    return parameter


def _among(section: Section, name: str, function: Function) -> Limit:
    parameter = _parameter(section, name, function)
    found: set[str] = set()
    for word in section.texts(name):
        choice = function.choice(name, word)
        if choice is None:
            raise section.wrong(name, f'"{word}" is no choice{hint(word, parameter.choices)}')
        found.add(choice)
    if not found:
        raise section.wrong(name, f"at least one of {', '.join(parameter.choices)} is expected")
    return Limit(among=tuple(sorted(found)))


def _range(section: Section, parameter: Parameter) -> Limit:
    least, most = _limit(section, "least", parameter), _limit(section, "most", parameter)
    if least is None and most is None:
        raise section.wrong("", 'a least or a most is expected, such as { most = "250 mm" }')
    if least is not None and most is not None and least.fraction > most.fraction:
        raise section.wrong("least", "it is more than the most")
    section.end()
    return Limit(least=least, most=most)


def _limit(section: Section, key: str, parameter: Parameter) -> Measure | None:
    """One limit in the parameter's unit, within the function's own."""
    given = section.number_or_text(key)
    if given is None:
        return None
    number = _amount(section, key, given, parameter.unit)
    if number == 0 and key == "most" and is_ratio(parameter.unit):
        raise section.wrong(key, "a limit of zero leaves nothing to make")
    low, high = parameter.least, parameter.most
    if low is not None and number < low:
        raise section.wrong(key, f"the function itself begins at {show_amount(low, parameter.unit)}")
    if high is not None and number > high:
        raise section.wrong(key, f"the function itself ends at {show_amount(high, parameter.unit)}")
    if key == "least" and number == 0 and low != 0 and is_ratio(parameter.unit):
        raise section.wrong(key, "a limit of zero limits nothing; leave it out")
    return _measure(section, key, number, parameter.unit)


def _measure(section: Section, key: str, number: Fraction, unit: str) -> Measure:
    if abs(number.numerator) > INTEGER_MAX or number.denominator > INTEGER_MAX:
        raise section.wrong(key, "it has more digits than can be signed")
    return Measure(n=number.numerator, d=number.denominator, unit=unit)


def _amount(section: Section, key: str, given: Fraction | str, unit: str) -> Fraction:
    """A number, or a text with a unit, in `unit`."""
    if not isinstance(given, str):
        return given
    try:
        amount = read_amount(given, unit)
        return convert(amount.fraction, amount.unit, unit)
    except (UnknownUnit, OtherKind, ValueError) as problem:
        raise section.wrong(key, str(problem)) from None


def _duration(section: Section, key: str) -> Fraction:
    """Milliseconds from a text such as ``20 min``; zero where absent."""
    given = section.number_or_text(key)
    if given is None:
        return ZERO
    if not isinstance(given, str):
        raise section.wrong(key, 'a time with its unit is expected, such as "20 min"')
    return _not_negative(section, key, _amount(section, key, given, "ms"))


def _money(section: Section, key: str, decimals: int) -> Fraction:
    """Smallest units from an amount in whole credits; zero where absent."""
    given = section.number_or_text(key)
    if given is None:
        return ZERO
    return _not_negative(section, key, _amount(section, key, given, "1") * 10**decimals)


def _not_negative(section: Section, key: str, number: Fraction) -> Fraction:
    if number < 0:
        raise section.wrong(key, "it is not below zero")
    _measure(section, key, number, "1")
    return number


def _rate(section: Section, function: Function, decimals: int | None) -> Rate:
    """A rate of time (`decimals` None, in ms) or of money (in smallest units)."""

    def amount(part: Section, key: str) -> Fraction:
        return _duration(part, key) if decimals is None else _money(part, key, decimals)

    set_up, per_piece = amount(section, "set-up"), amount(section, "per-piece")
    per: dict[str, Measure] = {}
    table = section.table("per")
    for name in table.names():
        parameter = _parameter(table, name, function)
        if parameter.kind is not ValueKind.MEASURE or not is_ratio(parameter.unit):
            raise table.wrong(name, "only a parameter that can be counted has a rate")
        if parameter.least is None or parameter.least < 0:
            raise table.wrong(name, "only a parameter that is never below zero has a rate")
        per[name] = _measure(table, name, amount(table, name), parameter.unit)
    section.end()
    return Rate(set_up=set_up, per_piece=per_piece, per=per)


def _price(section: Section, function: Function, credits_known: Mapping[str, CreditName]) -> Price:
    word = section.text("credit", required=True)
    credit = credits_known.get(word)
    if credit is None:
        raise section.wrong("credit", f'there is no credit "{word}" here{hint(word, credits_known)}')
    return Price(credit=credit.id, rate=_rate(section, function, credit.decimals))


def _place(section: Section) -> Place:
    lat, lon = section.number("lat"), section.number("lon")
    section.end()
    if lat is None or lon is None:
        raise section.wrong("", "lat and lon are expected, in degrees")
    try:
        return about(lat, lon)
    except ValueError as problem:
        raise section.wrong("", str(problem)) from None


def _asset(section: Section) -> bytes | None:
    text = section.text("asset")
    if not text:
        return None
    try:
        return parse_id(Kind.ASSET, text)
    except NotAnId as problem:
        raise section.wrong("asset", str(problem)) from None


def write_offer_toml(offer: Offer, function: Function, credit_word: str = "", decimals: int = 0) -> str:
    """The file that `read_offer` reads back as `offer`, with comments; `credit_word` names its credit there."""
    lines = [
        f"# An offer of {function.title}. Values are those of one piece; sizes may be written with any fitting unit.",
        f"name = {_quoted(offer.name)}",
        f"function = {_quoted(function.name)}",
        "# Whether the node's policy may answer a call for it without asking you.",
        f"automatic = {str(offer.automatic).lower()}",
    ]
    if offer.asset is not None:
        lines += ["# The machine on the ledger.", f"asset = {_quoted(show_id(Kind.ASSET, offer.asset))}"]
    if (offer.quantity_least, offer.quantity_most) != (1, QUANTITY_MAX):
        lines += ["", "# Pieces in one job.", "[quantity]"]
        lines += [f"least = {offer.quantity_least}", f"most = {offer.quantity_most}"]
    if offer.limits:
        lines += [
            "",
            "# What the machine can do; what is not limited here is limited by the function alone.",
            "[limits]",
        ]
        lines += [f"{name} = {_limit_text(limit)}" for name, limit in sorted(offer.limits.items())]
    lines += ["", "# Time on the machine; lead is the time between the award and the beginning of the work.", "[time]"]
    lines += [f"lead = {_quoted(f'{offer.lead_ms} ms')}", *_rate_text(offer.time, None, "time")]
    if offer.price is not None:
        lines += ["", "# Price: set-up once, per piece, and per unit of named parameters.", "[price]"]
        credit = credit_word or show_id(Kind.CREDIT, offer.price.credit)
        lines += [f"credit = {_quoted(credit)}", *_rate_text(offer.price.rate, decimals, "price")]
    if offer.hours.spans:
        lines += ["", "# Opening times in UTC; days that are absent are closed.", "[hours]", 'utc-offset = "+00:00"']
        lines += [f"{day} = [{', '.join(_quoted(text) for text in texts)}]" for day, texts in show_hours(offer.hours)]
    if offer.place is not None:
        lines += ["", "# Published only to about 5 km.", "[place]"]
        lines += [f"lat = {_degrees(offer.place.lat_cdeg)}", f"lon = {_degrees(offer.place.lon_cdeg)}"]
    return "\n".join(lines) + "\n"


def _rate_text(rate: Rate, decimals: int | None, table: str) -> list[str]:
    def amount(number: Fraction) -> str:
        text = f"{show_number(number)} ms" if decimals is None else show_number(number / 10**decimals)
        return _quoted(text)

    lines = [f"set-up = {amount(rate.set_up)}", f"per-piece = {amount(rate.per_piece)}"]
    if rate.per:
        lines += [f"[{table}.per]"]
        lines += [
            f"{name} = {amount(one.fraction)} # for each {show_unit(one.unit) or '1'}"
            for name, one in sorted(rate.per.items())
        ]
    return lines


def _limit_text(limit: Limit) -> str:
    if limit.among:
        return f"[{', '.join(_quoted(one) for one in limit.among)}]"
    ends = [
        f"{key} = {_quoted(f'{show_number(one.fraction)} {one.unit}')}"
        for key, one in (("least", limit.least), ("most", limit.most))
        if one is not None
    ]
    return f"{{ {', '.join(ends)} }}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _degrees(cdeg: int) -> str:
    whole, part = divmod(abs(cdeg), 100)
    return f"{'-' if cdeg < 0 else ''}{whole}.{part:02d}"
