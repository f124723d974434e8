"""Which function answers which reading question; imported late, since one answer needs few of the others' modules."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from dpnode.control.questions.base import Question
from dpnode.reading.source import Asking, Source

Reader = Callable[[Source, Any], Asking[dict[str, Any]]]

WHERE = {
    "asset.list": ("network", "assets"),
    "asset.show": ("network", "asset"),
    "group.list": ("owning", "groups"),
    "group.show": ("owning", "group"),
    "id.keys": ("keys", "keys"),
    "job.list": ("jobs", "listed"),
    "job.show": ("jobs", "shown"),
    "ledger.balance": ("ledger", "balance"),
    "ledger.blocks": ("ledger", "blocks"),
    "ledger.evidence": ("motions", "evidence"),
    "ledger.journal": ("journal", "journal"),
    "ledger.lapsed": ("lapsed", "lapsed"),
    "ledger.prove": ("proof", "prove"),
    "ledger.shares": ("ledger", "shares"),
    "ledger.show": ("show", "show"),
    "ledger.status": ("ledger", "status"),
    "member.list": ("network", "members"),
    "motion.list": ("motions", "listed"),
    "motion.show": ("motions", "shown"),
    "network.charter": ("network", "charter"),
    "network.invitations": ("network", "invitations"),
    "network.show": ("network", "network"),
    "network.witnesses": ("motions", "witnesses"),
    "node.bound": ("network", "machines"),
    "share.list": ("owning", "page"),
}
"""Question -> (module of this package, function). Checked whole by a test."""


def reader_of(question: Question) -> Reader | None:
    """The function that answers `question`, or None where reading is not enough."""
    place = WHERE.get(question.name)
    if place is None:
        return None
    module, name = place
    reader: Reader = getattr(importlib.import_module(f"dpnode.reading.{module}"), name)
    return reader
