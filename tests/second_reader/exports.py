"""A real ledger in a home, written out; one of three epochs, by hand; and everything that may be wrong with them.

The home holds the store a node has, filled by its own writer from blocks that four witnesses certify with their keys.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dpnode import offline
from dpnode.control.answers import Done
from dpnode.control.questions.ledger import LedgerExport, LedgerProve
from dpnode.paths import Home
from dpnode.shelf import Founded, founding_commit, step_commit
from dpnode.store.offline import writing
from ledger.block import Block
from ledger.chain import Chain
from ledger.charter import founding_id
from ledger.consensus.votes import VoteKind
from ledger.entry import Entry, sign_entry
from ledger.keys import Signature
from ledger.names import Kind, show_id
from tests.dpnode.answers.grown import new_home
from tests.ledger.proving import Epochs, History, flipped, signed_by
from tests.ledger.town import START_MS, Person, Town, remade

Line = dict[str, Any]
Lines = list[Line]
Change = Callable[[Lines], object]
COVERED = (2, 4)
"""Heights without a certificate of their own."""


def stored(history: History, folder: Path) -> Home:
    """The history in a home's store."""
    home = new_home(folder, "Eve", bytes(range(1, 33)))
    charter = history.charter
    signatures = {one.id: one.root.sign(founding_id(charter.network)) for one in history.people}
    chain, _ = Chain.founded(charter)
    with writing(home.database) as store:
        store.commit(founding_commit(Founded(charter=charter, signatures=signatures)))
        for step in history.steps:
            (block,) = step.blocks
            commit = step_commit(chain, step, history.certified(block))
            if block.header.height in COVERED:
                commit = replace(commit, blocks=[replace(one, certificate=None) for one in commit.blocks])
            store.commit(commit)
            chain.take(step)
    return home


def exported(home: Home, path: Path) -> str:
    """What `dpnode ledger export` writes."""
    assert isinstance(offline.answer(LedgerExport(path=str(path)), home), Done)
    return path.read_text("ascii")


def proved(home: Home, what: str, identity: str, member: str | None = None) -> bytes:
    """What `dpnode ledger prove` writes."""
    answer = offline.answer(LedgerProve(what=what, id=identity, member=member), home)
    assert isinstance(answer, Done), answer
    proof: bytes = answer.value["proof"]
    return proof


def text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def raw(line: Line, name: str) -> bytes:
    return base64.b64decode(line[name])


def lines_of(block: Block, certificate: bytes, **more: str) -> Lines:
    """A block and its entries as an export has them (O-12)."""
    height = block.header.height
    head: Line = {
        "certificate": text(certificate),
        "entries": len(block.entries),
        "header": text(block.header.body),
        "height": height,
        "id": show_id(Kind.BLOCK, block.header.id),
        "is": "block",
        **more,
    }
    entries = [
        {
            "body": text(entry.body),
            "height": height,
            "id": show_id(Kind.ENTRY, entry.id),
            "is": "entry",
            "outcome": outcome,
            "signature": text(entry.signature),
        }
        for entry, outcome in zip(block.entries, block.outcomes, strict=True)
    ]
    return [head, *entries]


def charter_line(town: Town) -> Line:
    """The first line of a town's export (O-11)."""
    charter = town.charter
    signed = [(one.id, one.root.sign(founding_id(charter.network))) for one in town.people]
    return {
        "body": text(charter.body),
        "founding": [{"member": show_id(Kind.MEMBER, member), "signature": text(sig)} for member, sig in signed],
        "is": "charter",
        "network": show_id(Kind.NETWORK, charter.network),
    }


def of_epochs(epochs: Epochs) -> Lines:
    """An export in which the witnesses changed twice."""
    lines = [charter_line(epochs.town)]
    for i, (block, certificate) in enumerate(epochs.blocks):
        ends = {"epoch_end": text(epochs.closings[i])} if i < len(epochs.closings) else {}
        lines += lines_of(block, certificate, **ends)
    return lines


class Wrong:
    """Ways to spoil an export of the history, each with what the refusal speaks of."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.rows: dict[str, tuple[str, Change]] = {
            "a founder who did not sign": ("has not signed", self._founder),
            "another charter": ("charter is of another network", self._renamed),
            "a bit of a header": ("", self._bytes(self.at(3), "header")),
            "a bit of a signature of a witness": ("witness|certificate", self._bytes(self.at(5), "certificate", -30)),
            "a bit of an entry": ("entry|entries|named", self._bytes(self.at(4) + 2, "body", 40)),
            "a bit of an author's signature": ("signature", self._bytes(self.at(4) + 1, "signature")),
            "a refused entry said to be applied": ("entries", lambda lines: self.set(lines, 4, 3, outcome="")),
            "an applied entry said to be refused": ("entries", lambda lines: self.set(lines, 4, 1, outcome="x")),
            "another id": ("named wrongly", lambda lines: self.set(lines, 2, 0, id=lines[self.at(3)]["id"])),
            "a block left out": ("does not follow|kind", self._without(2)),
            "a block twice": ("does not follow", lambda lines: lines.extend(lines[self.at(5) :])),
            "the last block left without a certificate": (
                "last block has no certificate",
                lambda lines: lines[self.at(5)].pop("certificate"),
            ),
            "the certificate of another block": (
                "finalizes something else",
                lambda lines: self.set(lines, 5, 0, certificate=lines[self.at(3)]["certificate"]),
            ),
            "too few votes": ("3 are needed", self._certified(places=(0, 2))),
            "a notarization": ("finalizes something else", self._certified(kind=VoteKind.NOTARIZE)),
            "a view before the block's own": ("before it was proposed", self._certified(view=4)),
            "two entries swapped": ("entries", self._swapped),
            "an entry left out": ("kind|entries", lambda lines: lines.pop(self.at(4) + 1)),
            "fewer entries than are said": ("are not those its header names", lambda lines: lines.pop()),
            "a line of another kind": ("kind entry", lambda lines: self.set(lines, 5, 1, **{"is": "block"})),
            "an entry of another network": ("another network", self._certified_block(entries=(self._stranger(),))),
            "a forged author under a quorum": ("author's signature", self._certified_block(entries=(self._forged(),))),
            "an entry that had lapsed": ("lapsed", self._certified_block(entries=(self._lapsed(),))),
            "a block before its parent": ("not later", self._certified_block(time_ms=START_MS)),
            "a block of another epoch": ("other witnesses", self._certified_block(epoch=2)),
            "a block of other witnesses": ("other witnesses", self._certified_block(witnesses=bytes(32))),
            "a view below the parent's": ("not above its parent", self._certified_block(view=1)),
            "a block of a network of others": ("another network", self._certified_block(network=bytes(32))),
            "a header in longer bytes": ("shortest", self._longer),
            "a header cut short": ("too early|more", lambda lines: self.set(
                lines, 5, 0, header=text(raw(lines[self.at(5)], "header")[:-1]))),
        }  # fmt: skip

    def at(self, height: int) -> int:
        """The line of a block."""
        below = self.history.steps[: height - 1]
        return 1 + sum(1 + len(step.blocks[0].entries) for step in below)

    def set(self, lines: Lines, height: int, place: int, **fields: Any) -> None:
        """Other fields in a block's line (place 0) or in that of one of its entries."""
        lines[self.at(height) + place].update(fields)

    def _bytes(self, at: int, name: str, where: int = 9) -> Change:
        def change(lines: Lines) -> None:
            data = raw(lines[at], name)
            lines[at][name] = text(flipped(data, where % len(data)))

        return change

    def _founder(self, lines: Lines) -> None:
        first = lines[0]["founding"][0]
        first["signature"] = text(flipped(base64.b64decode(first["signature"])))

    def _renamed(self, lines: Lines) -> None:
        lines[0]["body"] = text(raw(lines[0], "body").replace(b"Valley", b"Hollow"))

    def _without(self, height: int) -> Change:
        def change(lines: Lines) -> None:
            del lines[self.at(height) : self.at(height + 1)]

        return change

    def _swapped(self, lines: Lines) -> None:
        at = self.at(4)
        lines[at + 1], lines[at + 2] = lines[at + 2], lines[at + 1]

    def _certified(self, **changes: Any) -> Change:
        made = self.history.certified(self.history.head, **changes)
        return lambda lines: self.set(lines, 5, 0, certificate=text(made))

    def _certified_block(self, **changes: Any) -> Change:
        """The newest block with other parts, which its witnesses signed all the same."""
        if "entries" in changes:
            changes["outcomes"] = ("",)
        block = remade(self.history.head, **changes)
        header = block.header
        signed = signed_by(self.history.network, block, (0, 1, 2, 3), (0, 1, 2))

        def change(lines: Lines) -> None:
            assert header.height == 5
            lines[self.at(5) :] = lines_of(block, signed)

        return change

    def _longer(self, lines: Lines) -> None:
        body = raw(lines[self.at(5)], "header")
        self.set(lines, 5, 0, header=text(body.replace(b"\xa6height\x05", b"\xa6height\xcc\x05")))

    def _stranger(self) -> Entry:
        return sign_entry(Person(0).working, bytes(32), 90, 2**40, {"t": "membership.leave/1"})

    def _forged(self) -> Entry:
        (entry,) = self.history.head.entries
        return replace(entry, signature=Signature(flipped(entry.signature, 40)))

    def _lapsed(self) -> Entry:
        return sign_entry(Person(0).working, self.history.network, 90, START_MS, {"t": "membership.leave/1"})


def as_text(lines: Sequence[Line]) -> str:
    """An export's own form."""
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
