"""A bug that is put into the cores on purpose, with what it needs to show itself and the seed that found it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.memo import Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A bug, what it needs, and the seed that found it."""

    put: Callable[[Patch], None]
    seed: int
    """The first that finds it."""
    witnesses: int | None = None
    faults: frozenset[str] | None = None
    """Faults that every seed has, and no others; None: drawn."""
    tricks: frozenset[str] | None = None
    """What lying witnesses do; None: drawn."""
    crooked: frozenset[str] | None = None
    """What lying members do; None: drawn."""

    @property
    def name(self) -> str:
        """As the command line has it."""
        return self.put.__name__.replace("_", "-")

    @property
    def what(self) -> str:
        """In a sentence."""
        return (self.put.__doc__ or "").strip()


def words(names: str) -> frozenset[str]:
    """Names of faults or tricks, one after the other."""
    return frozenset(names.split())
