"""A line on stderr that says how far long work is, only where a person watches.

Drawn over itself at most ten times a second; into a file or pipe nothing is written, so that logs stay readable.
"""

import sys
import time
from typing import Any, TextIO

from dpnode.safe_text import safe

BAR_WIDTH = 24
REDRAW_S = 0.1


class ProgressLine:
    """One redrawn line; use as a context manager so that it is wiped however the work ends."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._live = self._stream.isatty()
        self._drawn_s = 0.0
        self._shown = False

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    def wipe(self) -> None:
        """Take the line away."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False

    def draw(self, value: dict[str, Any]) -> None:
        """Show `{"text", "done", "of"}`; without `of` only the text."""
        now_s = time.monotonic()
        if not self._live or now_s - self._drawn_s < REDRAW_S:
            return
        self._drawn_s = now_s
        self._stream.write("\r\x1b[K" + bar_text(value))
        self._stream.flush()
        self._shown = True


def bar_text(value: dict[str, Any]) -> str:
    """The line for `{"text", "done", "of"}`: a bar and a percentage where the end is known."""
    text = safe(str(value.get("text", "")), characters_max=50)
    done, of = value.get("done"), value.get("of")
    if not isinstance(done, int) or not isinstance(of, int) or of <= 0:
        return text if not isinstance(done, int) else f"{text} {done:,}"
    full = min(max(done, 0), of) * BAR_WIDTH // of
    return f"[{'#' * full}{'.' * (BAR_WIDTH - full)}] {min(max(done, 0), of) * 100 // of:3d} % {text}"
