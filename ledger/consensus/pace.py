"""When a witness gives a view up, repeats itself and skips a silent leader: the waiting of consensus rules 16 to 18.

All of it on the monotonic clock. The pace slows while views end in vain and quickens while they do not, so that slow
links are waited for and fast ones are not.
"""

from __future__ import annotations

DELTA_MS = 300
"""A message, an execution of a full block and a sync on a home machine, as a rule."""
GROWTH_MAX = 6
"""The pace slows to at most 1.5^6 = 11 times DELTA_MS: twice that without a proposal, a view takes seven seconds."""
REPEATS_GROWING = 12
"""Pauses between repetitions grow by eight fifths so often; by then the bound below holds."""
REPEAT_MS_MAX = 10_000
"""Lost messages cost at most this once a network is quiet and one witness still works."""


class Pace:
    """The timers of one witness in one epoch."""

    def __init__(self, witnesses: int) -> None:
        self._witnesses = witnesses
        self._slow = 0
        self._seen: dict[int, int] = {}
        """The highest view a vote of each place was seen in."""
        self.since_ms = 0
        """When the view was entered, or work began in it."""
        self._repeats = 0
        self.repeat_ms = 0
        """When to say everything again."""

    @property
    def delta_ms(self) -> int:
        """The present pace."""
        delta_ms: int = DELTA_MS * 3**self._slow // 2**self._slow
        return delta_ms

    def entered(self, monotonic_ms: int) -> None:
        """A view begins, or work in it does: all timers start anew."""
        self.since_ms = monotonic_ms
        self._repeats = 0
        self.repeat_ms = monotonic_ms + 2 * self.delta_ms

    def ended(self, *, in_vain: bool) -> None:
        """A view is over."""
        self._slow = min(self._slow + 1, GROWTH_MAX) if in_vain else max(self._slow - 1, 0)

    def repeated(self, monotonic_ms: int) -> None:
        """Everything was said again: the next time a little later."""
        self._repeats += 1
        times = min(self._repeats, REPEATS_GROWING)
        self.repeat_ms = monotonic_ms + min(REPEAT_MS_MAX, 2 * self.delta_ms * 8**times // 5**times)

    def give_up_ms(self, *, has_proposal: bool) -> int:
        """When a view without a certificate is given up."""
        return self.since_ms + (3 if has_proposal else 2) * self.delta_ms

    def carry_ms(self) -> int:
        """When a leader with nothing new proposes the tip again to have it finalized."""
        return self.since_ms + 3 * self.delta_ms // 4

    def saw(self, place: int, view: int) -> None:
        """A vote of any kind shows that a witness is there."""
        self._seen[place] = max(view, self._seen.get(place, 0))

    def is_silent(self, place: int, view: int, faulty_max: int) -> bool:
        """Whether `place` is to be skipped as the leader of `view` (rule 17); nobody is while more than f seem silent.

        Who was never heard of counts as active, and with f = 0 nobody is skipped.
        """
        oldest = view - 2 * self._witnesses
        silent = [one for one, seen in self._seen.items() if seen < oldest]
        return place in silent and len(silent) <= faulty_max

    def known(self, place: int, view: int) -> None:
        """From now on the silence of `place` is counted."""
        self._seen.setdefault(place, view)
