"""All operations and due rules, gathered once; the only file that knows which families there are."""

from __future__ import annotations

from types import ModuleType

from ledger.operations import assets, evidence, membership, motions, seats, shares, work
from ledger.operations import credits as credit_family
from ledger.operations.operation import DueRule, Operation

FAMILIES: tuple[ModuleType, ...] = (membership, credit_family, assets, shares, work, motions, seats, evidence)

OPERATIONS: dict[str, Operation] = {operation.name: operation for family in FAMILIES for operation in family.OPERATIONS}
"""Name with version -> operation."""
DUE: dict[str, DueRule] = {kind: rule for family in FAMILIES for kind, rule in getattr(family, "DUE", {}).items()}
"""Kind of due item -> what happens."""
