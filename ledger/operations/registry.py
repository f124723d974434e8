"""All operations and due rules, gathered once; the only file that knows which families there are."""

from __future__ import annotations

from types import ModuleType

from ledger.operations import (
    assets,
    evidence,
    group_acts,
    groups,
    membership,
    motions,
    rights,
    seats,
    share_offers,
    shares,
    work,
)
from ledger.operations import credits as credit_family
from ledger.operations.operation import DueRule, Operation

FAMILIES: tuple[ModuleType, ...] = (
    *(membership, credit_family, assets, shares, work, motions, seats, evidence),
    *(groups, share_offers, rights),
)

_SIMPLE: dict[str, Operation] = {operation.name: operation for family in FAMILIES for operation in family.OPERATIONS}
OPERATIONS: dict[str, Operation] = {
    **_SIMPLE,
    **{operation.name: operation for operation in group_acts.operations_by(_SIMPLE)},
}
"""Name with version -> operation."""
DUE: dict[str, DueRule] = {
    kind: rule for family in (*FAMILIES, group_acts) for kind, rule in getattr(family, "DUE", {}).items()
}
"""Kind of due item -> what happens."""
