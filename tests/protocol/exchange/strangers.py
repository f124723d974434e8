"""Files that other people published, where they are at hand; and short ways to say what is expected of a reading."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from ledger.quantities import Measure, measure
from protocol.exchange.design import Design, Extents, Part
from protocol.exchange.findings import Finding, Severity
from protocol.exchange.okh import DesignReading, read_design

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
SAMPLES = ROOT / "config" / "samples"


def published(folder: str) -> list[Path]:
    """Every file of a folder of published files, schema left out; empty where the folder is not there."""
    place = DATA / folder
    return sorted(path for path in place.iterdir() if path.is_file()) if place.is_dir() else []


def one(folder: str, start: str) -> bytes:
    """The one published file whose name starts so; skips the test, saying so, where the files are absent."""
    files = published(folder)
    if not files:
        pytest.skip(f"no published files beside this checkout ({folder})")
    found = [path for path in files if path.name.startswith(start)]
    assert len(found) == 1, f"{start} names {len(found)} files"
    return found[0].read_bytes()


def all_of(folder: str) -> list[tuple[str, bytes]]:
    files = published(folder)
    if not files:
        pytest.skip(f"no published files beside this checkout ({folder})")
    return [(path.name, path.read_bytes()) for path in files]


def mm(number: int | str) -> Measure:
    return measure(Fraction(number), "mm")


def grams(number: int | str) -> Measure:
    return measure(Fraction(number), "g")


def box(x: int | str, y: int | str, z: int | str) -> Extents:
    return Extents(x=mm(x), y=mm(y), z=mm(z))


def design(text: str, name: str = "okh.toml") -> Design:
    """The design in a manifest that has one."""
    read = read_design(text.encode(), name)
    assert read.design is not None, [str(finding) for finding in read.findings]
    return read.design


def only_part(text: str) -> Part:
    parts = design(text).parts
    assert len(parts) == 1
    return parts[0]


def errors(reading: DesignReading) -> list[str]:
    return [str(finding) for finding in reading.findings if finding.severity is Severity.ERROR]


def told(findings: tuple[Finding, ...], key: str, words: str) -> bool:
    """Whether some finding names this key and holds these words."""
    return any(finding.key == key and words in finding.sentence for finding in findings)
