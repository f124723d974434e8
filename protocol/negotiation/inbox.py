"""What waits for a person, on both sides, soonest deadline first; each item with the time left (SPEC N-14).

Nothing is stored here: an item is a conversation that stands in a state that awaits a person, so the inbox can neither
forget one nor keep one too long.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocol.inputs import Now
from protocol.negotiation.effects import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An item and how long a person has."""

    item: Item
    left_ms: int
    """0: it is being decided without a person right now."""


def waiting(items: Iterable[Item], now: Now) -> list[Waiting]:
    """The items, soonest deadline first."""
    found = [Waiting(item=item, left_ms=max(0, (item.until_ms or now.wall_ms) - now.wall_ms)) for item in items]
    return sorted(found, key=lambda each: (each.left_ms, each.item.id))
