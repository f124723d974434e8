"""Saying why nobody fits: "nobody here can do CNC milling in steel; 2 can in wood".

The sentence is made from reasons, never written per function. First what no offer here meets; then, for that, what the
offers that would fit otherwise can do instead, counted by member (SPEC C-25).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction

from ledger.keys import MemberId
from ledger.quantities import Measure
from protocol.capability.columns import Row
from protocol.capability.functions import Function, check_parameters
from protocol.capability.limits import EXPLAINED_MAX
from protocol.capability.matching import Mismatch, Reason, Want, Why, fit, numbers
from protocol.capability.units import show_measure

_IN = "material"
"""The parameter that is said with "in": people cut in steel, and inspect with a method."""
_ALTERNATIVES_MAX = 3


def why_nobody(function: Function, want: Want, rows: Sequence[Row], me: MemberId | None = None) -> str:
    """One sentence without a full stop about why no row serves `want`.

    Args:
        me: the member who asks and cannot be asked itself; only others' rows count then.
    """
    title = function.title
    others = [row for row in rows if row.member != me]
    if len(others) < len(rows):
        own = why_nobody(function, want, [row for row in rows if row.member == me])
        said = why_nobody(function, want, others)
        return said.replace("nobody here", "nobody here but you", 1) if own.startswith("somebody") else said
    if not rows:
        return f"nobody here can do {title}"
    problems = check_parameters(function.definition, want.parameters)
    if problems:
        return f"{title} cannot be asked for like that: {'; '.join(str(one) for one in problems)}"
    measured = numbers(function.definition, want.parameters)
    failures: list[tuple[Row, tuple[Reason, ...]]] = []
    for row in rows[:EXPLAINED_MAX]:
        verdict = fit(function.definition, row.offer, want, measured, row.bounds)
        if not isinstance(verdict, Mismatch):
            return f"somebody here can do {title} as wanted"
        failures.append((row, verdict.reasons))
    blocking = _blocking(failures)
    head = f"nobody here can do {title}{_said(function, want, blocking)}"
    instead = [text for parameter in blocking for text in _instead(function, parameter, failures, blocking)]
    return f"{head}; {', '.join(instead)}" if instead else head


def _blocking(failures: Sequence[tuple[Row, tuple[Reason, ...]]]) -> tuple[str, ...]:
    """What every offer fails at; failing that, everything that some offer fails at, the most frequent first."""
    counts = Counter(parameter for _, reasons in failures for parameter in {one.parameter for one in reasons})
    everywhere = sorted(parameter for parameter, count in counts.items() if count == len(failures))
    if everywhere:
        return tuple(everywhere)
    return tuple(sorted(counts, key=lambda parameter: (-counts[parameter], parameter))[:_ALTERNATIVES_MAX])


def _said(function: Function, want: Want, blocking: Iterable[str]) -> str:
    """`` in steel`` or `` with length 900 mm`` for each blocking parameter."""
    parts: list[str] = []
    for parameter in blocking:
        if parameter == "pieces":
            parts.append(" for 1 piece" if want.quantity == 1 else f" for {want.quantity} pieces")
        elif " x " in parameter:
            sizes = [want.parameters.get(name) for name in parameter.split(" x ")]
            parts.append(" at " + " x ".join(show_measure(one) for one in sizes if isinstance(one, Measure)))
        else:
            value = want.parameters.get(parameter, "")
            text = show_measure(value) if isinstance(value, Measure) else _word(function, parameter, value)
            parts.append(f" in {text}" if parameter == _IN else f" with {parameter} {text}".rstrip())
    return "".join(parts)


def _word(function: Function, parameter: str, choice: str) -> str:
    """What people call a choice."""
    words = function.prose.words.get(parameter, {}).get(choice, ())
    spoken = choice.replace("-", " ")
    return words[0] if words and words[0].casefold() == spoken else spoken


def _instead(
    function: Function,
    parameter: str,
    failures: Sequence[tuple[Row, tuple[Reason, ...]]],
    blocking: Sequence[str],
) -> list[str]:
    """What the offers that fail only at blocking things can do of `parameter`: ``2 can in wood``."""
    near = [
        (row, reason)
        for row, reasons in failures
        if all(one.parameter in blocking for one in reasons)
        for reason in reasons
        if reason.parameter == parameter
    ]
    by_choice = [(row, reason) for row, reason in near if reason.why is Why.CHOICE]
    if by_choice:
        return _choices(function, parameter, [row for row, _ in by_choice])
    texts: list[str] = []
    for why in (Why.ABOVE, Why.BELOW, Why.TURN, Why.QUANTITY_ABOVE, Why.QUANTITY_BELOW):
        some = [(row, reason) for row, reason in near if reason.why is why]
        if some:
            _, reason = max(some, key=lambda one: (_extent(one[0], why, parameter), one[0].member))
            texts.append(f"{_count(row.member for row, _ in some)} can {reason.offered}")
    return texts


def _choices(function: Function, parameter: str, rows: Sequence[Row]) -> list[str]:
    members: dict[str, set[MemberId]] = {}
    for row in rows:
        for choice in row.offer.limits[parameter].among:
            members.setdefault(choice, set()).add(row.member)
    best = sorted(members, key=lambda choice: (-len(members[choice]), choice))[:_ALTERNATIVES_MAX]
    link = "in" if parameter == _IN else f"with {parameter}"
    texts = [f"{len(members[choice])} can {link} {_word(function, parameter, choice)}" for choice in best]
    return [texts[0], *(text.replace(" can ", " ", 1) for text in texts[1:])]


def _count(members: Iterable[MemberId]) -> int:
    return len(set(members))


def _extent(row: Row, why: Why, parameter: str) -> Fraction:
    """How far the offer reaches in the direction in which it fell short."""
    if why is Why.QUANTITY_ABOVE:
        return Fraction(row.offer.quantity_most)
    if why is Why.QUANTITY_BELOW:
        return Fraction(-row.offer.quantity_least)
    reach = Fraction(1)
    for name in parameter.split(" x "):
        bounds = row.bounds.get(name)
        end = None if bounds is None else bounds[0 if why is Why.BELOW else 1]
        reach *= 1 if end is None else end
    return -reach if why is Why.BELOW else reach
