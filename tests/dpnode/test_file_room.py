"""How much of a customer's files a provider takes: no call fills a disk that a ledger lives on."""

from __future__ import annotations

import pytest

from dpnode.files import FILE_BYTES_MAX, FILES_BYTES_MAX, FREE_BYTES_MIN, check_room
from ledger.errors import RemoteError
from protocol.negotiation.contents import FileNamed

PLENTY = 1 << 50


def files(*sizes: int) -> list[FileNamed]:
    return [FileNamed(name="part.stl", size_bytes=size, hash=bytes(32)) for size in sizes]


def test_what_fits_is_taken() -> None:
    check_room(files(), FREE_BYTES_MIN)
    check_room(files(FILE_BYTES_MAX, 1), PLENTY)
    check_room(files(1_000), FREE_BYTES_MIN + 1_000)


@pytest.mark.parametrize(
    "wanted", [files(FILE_BYTES_MAX + 1), files(*[FILE_BYTES_MAX] * (FILES_BYTES_MAX // FILE_BYTES_MAX), 1)]
)
def test_files_that_are_too_large_alone_or_together_are_not_taken(wanted: list[FileNamed]) -> None:
    with pytest.raises(RemoteError, match="larger than this node takes"):
        check_room(wanted, PLENTY)


def test_some_of_the_disk_stays_free() -> None:
    with pytest.raises(OSError, match="stay free"):
        check_room(files(1_000), FREE_BYTES_MIN + 999)
