"""Vectors of snapshots: a state that a quorum signed, and what breaks a rule in it (SPEC O-13 to O-16)."""

from __future__ import annotations

from typing import Any

from ledger.proof_making import Certified
from ledger.snapshot import MAGIC, write_snapshot
from ledger.state import State
from tests.ledger.proving import Epochs, History, flipped
from tests.vectors.of_bytes import Vectors


def snapshots() -> Vectors:
    """Snapshots of one history and of a block that closed its epoch, each with the charter it is checked by."""
    history, epochs = History(), Epochs()
    town, later = history.charter.body.hex(), epochs.town.charter.body.hex()
    first = b"".join(write_snapshot(history.standing(), history.head, lambda: history.state.raw_range(b"")))
    block, certificate = epochs.blocks[1]
    state = State(epochs.pairs(3, epochs.LISTS[2]).items())
    certified = Certified(header=block.header.body, certificate=certificate, epochs=tuple(epochs.closings[:1]))
    closing = b"".join(write_snapshot(certified, block, lambda: state.raw_range(b"")))

    def good(name: str, charter: str, data: bytes, /, **shows: Any) -> dict[str, Any]:
        return {"charter": charter, "name": name, "snapshot": data.hex(), "shows": shows}

    height, view = history.head.header.height, history.head.header.view
    valid = [
        good("of a history", town, first, epoch=1, height=height, pairs=len(history.state), view=view + 1),
        good("after the end of an epoch", later, closing, epoch=3, height=2, pairs=len(state), view=0),
    ]
    wrong: list[tuple[str, str, str, bytes]] = [
        ("by another charter", "O-14", later, first),
        ("of another version", "O-13", town, MAGIC[:-1] + b"2" + first[len(MAGIC) :]),
        ("with a byte more", "O-13", town, first + b"\0"),
        ("with a byte less", "O-13", town, first[:-1]),
        ("with another value", "O-16", town, flipped(first, len(first) - 1)),
        ("without anything behind the block", "O-13", town, first[: first.index(b"\x82\xa5bytes") - 4]),
        ("with a pair more announced", "O-15", town, first.replace(b"pairs" + bytes([len(history.state)]),
                                                                  b"pairs" + bytes([len(history.state) + 1]))),
    ]  # fmt: skip
    wrong += [(f"a bit of byte {at}", "O-13", town, flipped(first, at)) for at in range(0, len(first), len(first) // 9)]
    invalid = [
        {"charter": charter, "name": name, "rule": rule, "snapshot": data.hex()} for name, rule, charter, data in wrong
    ]
    return {"invalid": invalid, "valid": valid}
