"""A state machine is a table: state and event to the next state; a pair that is not in it cannot happen.

The drawing in SPEC.md is printed from the same table, so the picture cannot be older than the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class Table(Generic[S, E]):
    """The permitted moves of one machine."""

    __slots__ = ("_moves", "start")

    def __init__(self, start: S, moves: Mapping[S, Mapping[E, S]]) -> None:
        self.start = start
        self._moves = {state: dict(row) for state, row in moves.items()}

    def next(self, state: S, event: E) -> S | None:
        """Where `event` leads from `state`; None: it cannot happen there."""
        return self._moves.get(state, {}).get(event)

    def drawing(self) -> str:
        """The table as a mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.start.value}"]
        for state, row in self._moves.items():
            targets: dict[S, list[str]] = {}
            for event, target in row.items():
                targets.setdefault(target, []).append(event.value)
            for target, events in targets.items():
                lines.append(f"    {state.value} --> {target.value}: {', '.join(events)}")
        return "\n".join(lines)
