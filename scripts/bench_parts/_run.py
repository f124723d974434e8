"""What all benchmarks of one run share: a scratch folder, the large ledger, figures already measured, progress."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from scripts.bench_parts._homes import Owner, daemon, make_owner, pause
from scripts.bench_parts._ledger import Large, build_large

T = TypeVar("T")

AUTHORS = 1_000
ENTRIES = 100_000
_SHOWN_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value beside what it must reach."""

    value: float | None
    """None where it could not be measured here; `notes` says why."""
    unit: str
    floor: float
    at_most: bool = False
    """Whether the floor is a ceiling: a time, a size."""
    notes: tuple[str, ...] = ()
    """What else is worth knowing, a line each."""

    @property
    def holds(self) -> bool | None:
        """Whether the floor is reached; None where nothing was measured."""
        if self.value is None:
            return None
        return self.value <= self.floor if self.at_most else self.value >= self.floor

    def to_value(self) -> dict[str, object]:
        """The form in the JSON object."""
        return {"value": self.value, "unit": self.unit, "floor": self.floor, "holds": self.holds}

    def line(self, name: str) -> str:
        """The form for people."""
        said = "not measured" if self.value is None else f"{self.value:,.4g} {self.unit}"
        verdict = {True: "holds", False: "DOES NOT HOLD", None: "-"}[self.holds]
        return f"{name:16} {said:>24}   {'at most' if self.at_most else 'at least'} {self.floor:g}   {verdict}"


@dataclass(slots=True)
class Run:
    """One call of `scripts/bench`."""

    scratch: Path
    measure: Callable[[str], Figure]
    """Another benchmark's figure, measured once in a run."""
    _known: dict[str, Any] = field(default_factory=dict)
    _shown_s: float = 0.0

    def folder(self, name: str) -> Path:
        """A fresh folder of the run's own."""
        made = self.scratch / name
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        return made

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives, made once in a run."""
        if name not in self._known:
            self._known[name] = make()
        found: T = self._known[name]
        return found

    def large(self) -> Large:
        """The ledger of 100,000 entries."""
        return self.once("large", self._build_large)

    def large_of_four(self) -> Large:
        """One of as many entries whose blocks four witnesses certified."""
        return self.once("large of four", self._build_large_of_four)

    def newcomer(self) -> Owner:
        """The home of a member of the large ledgers' networks; what it holds is up to whoever uses it."""
        return self.once("newcomer", lambda: make_owner(self.folder("newcomer"), "newcomer"))

    def _build_large(self) -> Large:
        return build_large(
            make_owner(self.folder("large"), "founder"),
            authors=AUTHORS,
            entries=ENTRIES,
            homes=[self.newcomer()],
            progress=self.progress,
        )

    def _build_large_of_four(self) -> Large:
        folder = self.folder("large-of-four")
        first, *others = (make_owner(folder, f"witness-{i}") for i in range(4))
        large = build_large(
            first,
            authors=AUTHORS,
            entries=ENTRIES,
            homes=[self.newcomer()],
            witnesses=others,
            progress=self.progress,
        )
        # Blocks that others certified too are looked through behind the head: who serves them has long done that.
        with daemon(first.home) as settling:
            while (checked := settling.status().get("checked_height", 0)) < large.height:
                self.progress("blocks looked through", checked, large.height)
                pause()
        return large

    def progress(self, what: str, done: int, of: int) -> None:
        """A line on stderr now and then, for what takes longer than a second."""
        now_s = time.monotonic()
        if now_s - self._shown_s >= _SHOWN_EVERY_S:
            self._shown_s = now_s
            say(f"{what}: {done:,} of {of:,}")


def say(text: str) -> None:
    """One line of progress."""
    print(f"  {text}", file=sys.stderr, flush=True)
