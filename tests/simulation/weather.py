"""How bad the world is: every fault a simulation knows, each by its name, its strength drawn from the seed."""

from __future__ import annotations

import random
from dataclasses import dataclass


class PowerCut(Exception):
    """The machine stopped between two effects."""


@dataclass
class Faults:
    """What happens to messages and machines; all zero: as good as it gets."""

    loss: float = 0.0
    twice: float = 0.0
    damage: float = 0.0
    delay_ms: int = 5
    cut: float = 0.0
    """Chance of a power cut at each effect."""
    break_ms: int = 0
    """Mean time between two broken connections; 0: none."""
    in_order: bool = False
    """Whether a connection keeps the order of what it carries."""
    linger_ms: int = 0
    """For how long after a power cut the others may still get what was sent before it."""
    sync_ms: int = 0
    """How long at most the disk takes over votes or a block."""
    torn: float = 0.0
    """Chance of a power cut while votes are being written."""
    unsaid: float = 0.0
    """Chance of a power cut when votes are on the disk and nobody was told."""

    @classmethod
    def drawn(cls, dice: random.Random) -> Faults:
        """For a town without witnesses who quarrel."""
        return cls(
            loss=dice.choice([0.0, 0.05, 0.3]),
            twice=dice.choice([0.0, 0.1, 0.3]),
            damage=dice.choice([0.0, 0.0, 0.02]),
            delay_ms=dice.choice([5, 50, 800]),
            cut=dice.choice([0.0, 0.002, 0.01]),
            break_ms=dice.choice([0, 1_000, 5_000]),
        )
