"""The harnesses of strangers' files: designs, facilities and shapes, whose readers never raise at all."""

from __future__ import annotations

from protocol.exchange.bounds import FINDINGS_MAX
from protocol.exchange.findings import Severity
from protocol.exchange.okh import read_design
from protocol.exchange.okw import read_facility
from protocol.exchange.openscad import UnknownShape, size_of


def design(data: bytes) -> bool:
    """Reading never raises; what cannot be used is told."""
    read = read_design(data, "file")
    assert len(read.findings) <= FINDINGS_MAX + 2
    assert (read.design is None) is any(finding.severity is Severity.ERROR for finding in read.findings)
    return read.design is not None


def facility(data: bytes) -> bool:
    """Reading never raises; what cannot be used is told."""
    read = read_facility(data, "file")
    assert len(read.findings) <= FINDINGS_MAX + 2
    return read.facility is not None


def snippet(data: bytes) -> bool:
    """Reading never raises; a size that is known is above zero."""
    size = size_of(data.decode("utf-8", "replace"))
    if isinstance(size, UnknownShape):
        return False
    assert min(size.x, size.y, size.z) > 0
    return True


def texts(those: tuple[str, ...]) -> list[bytes]:
    """Texts as bytes."""
    return [text.encode() for text in those]
