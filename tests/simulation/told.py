"""What whoever watches a simulation remembers of one witness's machine: its votes, its journal, what it was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ledger.consensus.votes import Vote

VIEW_MAX = 1 << 60
"""Above every view."""


@dataclass
class Seat:
    """What is remembered of one witness's machine."""

    votes: dict[tuple[int, int], list[Vote]] = field(default_factory=dict)
    """What its key cast, by (epoch, view)."""
    told: set[Vote] = field(default_factory=set)
    token: int = 0
    heard: dict[int, set[bytes]] = field(default_factory=dict)
    """Epoch -> who answered the question of this start."""
    is_open: bool = False
    """Whether it may vote: enough have said what it signed before."""
    reminded: set[Vote] = field(default_factory=set)
    """Votes of its own that an answer named."""
    must_stop: bool = False
    """An honest answer named one that its journal does not hold."""
    seen: dict[tuple[int, int, int], list[Vote]] = field(default_factory=dict)
    """(epoch, view, place) -> liars' votes that arrived since the start."""
    held: dict[bytes, Vote] = field(default_factory=dict)
    """What stands in its journal, by the record's bytes."""
    records: int = 0
    read: list[Any] = field(default_factory=list)
    """The journal of which so many records were looked at: begun anew, it is another."""
    floors: dict[int, int] = field(default_factory=dict)
    """Epoch -> the view up to which its journal was pruned."""
    closed: dict[int, int] = field(default_factory=dict)
    """Epoch -> the highest view that an honest answer to this start showed to be final."""

    def pruned(self, epoch: int) -> int:
        """The view of an epoch up to which the journal says nothing any more."""
        return VIEW_MAX if max(self.floors, default=0) > epoch else self.floors.get(epoch, 0)
