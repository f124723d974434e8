"""A design as a workshop needs it: what it is, under which licence, and the parts that can be called for.

Whatever a manifest was written in, this is what is kept of it. What it does not say is None or empty, never a default.
A design without parts of its own is called for as a whole: `whole` is that part.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ledger.quantities import Measure
from protocol.exchange.bounds import NEAREST_MAX
from protocol.exchange.text import clean_line


class DesignForm(StrEnum):
    """Which of Open Know-How's spellings a manifest was written in; it only labels the design."""

    LOSH = "OKH LOSH"  # TOML, `okhv`, `[[part]]`
    V1 = "OKH v1"  # YAML, `title`, `manifest-author`
    JSON = "OKH JSON"  # the keys of both, as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Extents:
    """The outer size of a thing, axis by axis as stated; an axis that is not known is None, and one at least is
    known."""

    x: Measure | None
    y: Measure | None
    z: Measure | None

    @property
    def known(self) -> tuple[Measure, ...]:
        """The axes that are known, in the order x, y, z; never empty."""
        return tuple(axis for axis in (self.x, self.y, self.z) if axis is not None)


Setting: TypeAlias = "Measure | str"
"""A process setting: an exact quantity with its unit, or the text as written (a number without a unit stays text)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that can be called for: how it is made, of what, how large, and the files that describe it."""

    name: str
    """Unique within its design; a second `Housing` is read as `Housing (2)`, and a finding says so."""
    key: str
    """Where it stands in the file, as `part[3]`; empty for the design as a whole."""
    processes: tuple[str, ...]
    """Technology codes (TsDC, DIN SPEC 3105) in capitals, as `3DP`, `CNC`."""
    materials: tuple[str, ...]
    """As written; whose word it is in a function's list is for the function to say."""
    mass: Measure | None
    extents: Extents | None
    settings: tuple[tuple[str, Setting], ...]
    """Process settings by their plain key (`layer-height`, `infill`, `printing-process`), in the file's order."""
    sources: tuple[str, ...]
    """Files the maker edits, as named in the manifest; see `path_inside`."""
    exports: tuple[str, ...]
    """Files a machine or a reader takes."""
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What is kept of one manifest; every text is one clean line, empty where the file says nothing."""

    form: DesignForm
    standard: str
    """The version of Open Know-How the file says it follows; empty when it says none."""
    title: str
    version: str
    licence: str
    licensor: str
    repo: str
    function: str
    """What the thing is for, in the maker's words."""
    image: str
    bom: str
    instructions: tuple[str, ...]
    whole: Part
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSuchPart:
    """The design has no part of that name; `nearest` are the names it may have meant, best first."""

    asked: str
    design: str
    nearest: tuple[str, ...]
    parts: int

    def __str__(self) -> str:
        if not self.parts:
            return f"{self.design} lists no parts; the whole is called for as '{self.design}', not '{self.asked}'"
        meant = " or ".join(f"'{name}'" for name in self.nearest)
        return f"{self.design} has no part '{self.asked}'" + (f"; did you mean {meant}?" if meant else "")


def find_part(design: Design, name: str) -> Part | NoSuchPart:
    """The part called `name`: exactly, else without regard to case and blanks; the design's title names the whole."""
    asked = clean_line(name)
    candidates = (*design.parts, design.whole)
    for part in candidates:
        if part.name == asked:
            return part
    alike = [part for part in candidates if _loose(part.name) == _loose(asked)]
    if alike:
        return alike[0]
    names = {_loose(part.name): part.name for part in reversed(candidates)}
    close = difflib.get_close_matches(_loose(asked), names, n=NEAREST_MAX, cutoff=0.5)
    return NoSuchPart(
        asked=asked, design=design.title, nearest=tuple(names[word] for word in close), parts=len(design.parts)
    )


def path_inside(reference: str) -> tuple[str, ...] | None:
    """The segments of a file reference below the manifest's folder; None when it is a web address or leads outside.

    LOSH writes `/parts/a.stl` for a path from the top of the repository, which is where the manifest lies. Nothing that
    could leave that folder, on any operating system, is accepted: a design is a stranger's text.
    """
    segments = [segment for segment in reference.strip().split("/") if segment not in ("", ".")]
    if not segments or "://" in reference or reference.casefold().startswith(("mailto:", "data:", "file:")):
        return None
    forbidden = any(
        segment == ".." or "\\" in segment or ":" in segment or not segment.isprintable() or segment.startswith("~")
        for segment in segments
    )
    return None if forbidden else tuple(segments)


def _loose(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())
