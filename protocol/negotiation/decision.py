"""A judgement with its reasons: what each rule said, in order, and what would be promised.

Kept with the conversation and printed by `dpnode why`, so that "no" always has a cause and "yes" can be checked later.
Source: SPEC N-9.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ledger.keys import MemberId
from ledger.operations.work_terms import PriceLine
from protocol.negotiation.calendar import Slot
from protocol.negotiation.reasons import SENTENCES, Reason


class Verdict(StrEnum):
    """What one rule, or the whole chain, says."""

    PASS = "pass"
    ASK = "ask"  # a person decides
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one rule said."""

    rule: str
    verdict: Verdict
    reason: Reason
    detail: str
    """The figures it judged by; never text of a peer."""

    @property
    def line(self) -> str:
        """One line for a person."""
        return f"{self.rule:<12} {self.verdict.value:<7} {SENTENCES[self.reason]}" + (
            f": {self.detail}" if self.detail else ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What would be promised, not yet signed."""

    offer: str
    price: tuple[PriceLine, ...]
    price_lines: tuple[str, ...]
    quantity: int
    deliver_by_ms: int
    until_ms: int
    arbiters: tuple[MemberId, ...]
    machine: str
    start_ms: int
    end_ms: int
    stranger: bool

    def slot(self, proposal: bytes) -> Slot:
        """The machine's time this would take, for `proposal`."""
        return Slot(
            machine=self.machine,
            start_ms=self.start_ms,
            end_ms=self.end_ms,
            proposal=proposal,
            stranger=self.stranger,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The chain's outcome; `draft` is there unless it refuses."""

    verdict: Verdict
    steps: tuple[Step, ...]
    draft: Draft | None = None
    possible_ms: int | None = None
    """When refused for the date alone: the first date that could be promised."""
    credit: bytes | None = None
    """The credit whose smallest units the figures of `price`, `credit` and `ask` are; None: none, or several."""

    @property
    def reason(self) -> Reason:
        """The cause of the verdict: that of the first step that has it."""
        return next((step.reason for step in self.steps if step.verdict is self.verdict), Reason.FINE)

    @property
    def lines(self) -> tuple[str, ...]:
        """The steps as a person reads them, the price's sum after the price."""
        sums = self.draft.price_lines if self.draft else ()
        lines: list[str] = []
        for step in self.steps:
            lines.append(step.line)
            if step.rule == "price":
                lines.extend(f"             {line}" for line in sums)
        return tuple(lines)
