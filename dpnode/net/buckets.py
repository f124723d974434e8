"""A token bucket: how much of our attention one peer may take. Pure; the clock comes in with each question."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Bucket:
    """Fills at `per_s` up to `burst`; a debt is allowed once, so that one large thing always passes in the end."""

    per_s: float
    burst: float
    level: float = -1.0
    filled_s: float = 0.0

    def take(self, amount: float, now_s: float) -> float:
        """Take `amount` and say how many seconds to wait before going on (0.0 when there was enough)."""
        self._fill(now_s)
        self.level -= amount
        return 0.0 if self.level >= 0 else -self.level / self.per_s

    def take_if_there(self, amount: float, now_s: float) -> bool:
        """Take `amount` only when it is there."""
        self._fill(now_s)
        if self.level < amount:
            return False
        self.level -= amount
        return True

    def _fill(self, now_s: float) -> None:
        if self.filled_s == 0.0 and self.level < 0:
            self.level = self.burst
        else:
            self.level = min(self.burst, self.level + (now_s - self.filled_s) * self.per_s)
        self.filled_s = now_s
