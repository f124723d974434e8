"""Decisions and conversations in an owner's words: names for ids, amounts for smallest units, dates for milliseconds.

A rule of the policy writes down the bare figures it judged by, because the core knows no names; here, where the ledger
is at hand, they are written as everywhere else.
"""

from __future__ import annotations

import re
from typing import Any

from dpnode.answers.shown import name_of, party
from dpnode.clock import now
from dpnode.control.amounts import amount_text
from dpnode.node import Node, readable
from dpnode.reading.naming import amount_shown, price_shown
from ledger.names import Kind, short
from ledger.operations.work_terms import read_proposal
from protocol.negotiation.calls import lines_of
from protocol.negotiation.contents import Changes, total
from protocol.negotiation.decision import Decision
from protocol.negotiation.initiator import Calling, CallState, Reply
from protocol.negotiation.participant import Deal
from protocol.negotiation.reasons import SENTENCES

MONEY_RULES = frozenset({"ask", "credit", "price"})
"""Rules whose figures are smallest units of the price's credit."""
_RANKED = re.compile(r"([0-9]+)\. (job-[a-z2-7]+) by (mem-[a-z2-7]+): (.*)")


def money(node: Node, credit: bytes, amount: int) -> str:
    """An amount as it would be written, with its issuer."""
    return amount_text(amount_shown(node.core.chain.state, "credit", credit, amount))


def steps(node: Node, decision: Decision) -> list[dict[str, Any]]:
    """What each rule said; `detail` in the price's own credit."""
    return [
        {
            "rule": step.rule,
            "verdict": step.verdict.value,
            "reason": step.reason.value,
            "sentence": SENTENCES[step.reason],
            "detail": _detail(node, decision, step.rule, step.detail),
        }
        for step in decision.steps
    ]


def _detail(node: Node, decision: Decision, rule: str, detail: str) -> str:
    credit = decision.credit
    if credit is None and decision.draft is not None:
        one = total(decision.draft.price)
        credit = None if one is None else one[0]
    if credit is None or rule not in MONEY_RULES or detail.endswith(" lines"):
        return detail
    known = credit
    return re.sub(r"\b[0-9]+\b", lambda found: money(node, known, int(found[0])), detail)


def wished(node: Node, changes: Changes, credit: bytes | None) -> str:
    """What a counter asks for, as the middle of a sentence."""
    parts = []
    if changes.price_total is not None:
        amount = changes.price_total
        parts.append(f"a total of {f'{amount} smallest units' if credit is None else money(node, credit, amount)}")
    if changes.deliver_by_ms is not None:
        parts.append(f"delivery by {readable(str(changes.deliver_by_ms))}")
    if changes.quantity is not None:
        parts.append(f"{changes.quantity} piece" + ("s" if changes.quantity != 1 else ""))
    return ", ".join(parts)


def said(node: Node, reply: Reply) -> str:
    """What one member answered to a call."""
    if reply.changes is not None:
        # A total here is of a provider that has proposed nothing yet, so in no credit that is known.
        return f"would need {wished(node, reply.changes, None)}"
    return readable(reply.text)


def answers(node: Node, calling: Calling) -> list[str]:
    """Who answered what, a line each."""
    state = node.core.chain.state
    return [f"{name_of(state, one.member)}: {said(node, one)}" for one in calling.replies if one.text]


def ranking(node: Node, calling: Calling) -> list[dict[str, Any]]:
    """How a choice was made, best first; a line that is no rank stands by itself."""
    members = {short(Kind.MEMBER, one): one for one in calling.asked}
    rows: list[dict[str, Any]] = []
    lines = calling.ranking
    if calling.state in (CallState.COLLECTING, CallState.CHOOSING):
        # Nothing is chosen yet: what came since counts, too.
        conversation = node.core.conversation
        lines = lines_of(conversation.negotiation.ranked(calling.call, now(), conversation.world))
    for line in lines:
        found = _RANKED.fullmatch(line)
        if found is None or found[3] not in members:
            rows.append({"text": line})
            continue
        provider = party(node.core.chain.state, members[found[3]])
        row: dict[str, Any] = {"rank": int(found[1]), "proposal": found[2], "provider": provider, "text": found[4]}
        for one in calling.received:
            if short(Kind.JOB, one.id) == found[2]:
                price = read_proposal(one.signed.statement).price
                shown = ((each.kind, each.thing, each.amount) for each in price)
                row["price"] = price_shown(node.core.chain.state, shown)
        rows.append(row)
    return rows


def reasons(node: Node, calling: Calling | None, deal: Deal | None) -> list[str]:
    """How it came to where it stands, one line after the other, on whichever side."""
    lines: list[str] = []
    if calling is not None:
        lines.append(f"as the customer: {calling.state.value}: {readable(calling.text)}")
        lines += [_rank_line(row) for row in ranking(node, calling)]
        lines += [f"answer: {line}" for line in answers(node, calling)]
    if deal is not None:
        lines.append(f"as the provider: {deal.state.value}: {readable(deal.text)}")
        for step in [] if deal.decision is None else steps(node, deal.decision):
            lines.append(": ".join(part for part in (step["rule"], step["sentence"], step["detail"]) if part))
    return lines


def _rank_line(row: dict[str, Any]) -> str:
    if "rank" not in row:
        return str(row["text"])
    return f"{row['rank']}. {row['proposal']} by {row['provider']['name']}: {row['text']}"
