"""What a reader has to say about a file: which file, which key, one plain sentence, and how bad it is.

Errors in somebody else's data are values (style 4). A reading with no ERROR among its findings can be used as it is; a
WARNING means that something in the file was left out or doubted; a NOTE means that something was read by a stated rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocol.exchange.bounds import FINDINGS_MAX
from protocol.exchange.text import clean_line


class Severity(StrEnum):
    """How much of a file a finding spoils."""

    NOTE = "note"  # read by a rule that is worth knowing
    WARNING = "warning"  # left out or doubted; the rest stands
    ERROR = "error"  # the file gives nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One remark on one place of a file, ready to be shown: names out of the file are clean lines."""

    file: str
    """The name the file was given with; never opened, only shown."""
    key: str
    """Where in the file, as `part[2].mass`; empty for the file as a whole."""
    sentence: str
    severity: Severity

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: {self.sentence}"


class Findings:
    """Collects the findings of one file while it is read, and stops at FINDINGS_MAX."""

    __slots__ = ("_file", "_found", "_left_out", "_seen")

    def __init__(self, file: str) -> None:
        self._file = clean_line(file)
        self._found: list[Finding] = []
        self._seen: set[tuple[str, str]] = set()
        self._left_out = 0

    @property
    def file(self) -> str:
        """The file's name as its findings show it: one clean line."""
        return self._file

    def note(self, key: str, sentence: str) -> None:
        """Something was read by a stated rule; `key` is its place, the sentence starts in the middle (`is missing`)."""
        self._add(key, sentence, Severity.NOTE)

    def warn(self, key: str, sentence: str) -> None:
        """Something at `key` was left out or is doubted; what is read of the rest stands."""
        self._add(key, sentence, Severity.WARNING)

    def error(self, key: str, sentence: str) -> None:
        """The file gives nothing, because of what stands at `key`; kept even beyond FINDINGS_MAX."""
        self._add(key, sentence, Severity.ERROR)

    def _add(self, key: str, sentence: str, severity: Severity) -> None:
        if (key, sentence) in self._seen:
            return
        if len(self._found) >= FINDINGS_MAX and severity is not Severity.ERROR:
            self._left_out += 1
            return
        self._seen.add((key, sentence))
        self._found.append(Finding(file=self._file, key=key, sentence=sentence, severity=severity))

    def all(self) -> tuple[Finding, ...]:
        """Everything found, in the order it was met."""
        if not self._left_out:
            return tuple(self._found)
        more = Finding(
            file=self._file, key="", sentence=f"{self._left_out} more findings are not listed", severity=Severity.NOTE
        )
        return (*self._found, more)
