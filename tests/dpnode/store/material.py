"""Blocks, commits and a plain model of what a store must hold after them."""

import hashlib
import random
from dataclasses import dataclass, field

from dpnode.store import questions
from dpnode.store.rows import Commit, Mark, PendingEntry, StoredBlock
from dpnode.store.statement import Port, drive


def author(number: int) -> bytes:
    return hashlib.sha256(b"author %d" % number).digest()


def a_block(height: int, entries: int, *, authors: int = 5, entry_bytes: int = 60) -> StoredBlock:
    """A block whose bytes depend on nothing but the arguments."""
    dice = random.Random(f"{height} {entries}")
    parts = [dice.randbytes(20)]
    marks = []
    offset = 20
    for position in range(entries):
        content = b"%d:%d " % (height, position) + dice.randbytes(entry_bytes)
        entry_id = hashlib.sha256(content).digest()
        marks.append(Mark(entry_id, author(dice.randrange(authors)), offset, len(content)))
        parts.append(content)
        offset += len(content)
    body = b"".join(parts)
    return StoredBlock(
        height=height,
        id=hashlib.sha256(body).digest(),
        header=b"header %d" % height,
        body=body,
        time_ms=1_000 + height,
        marks=marks,
        certificate=b"certificate %d" % height if height % 3 else None,
    )


@dataclass
class Model:
    """What the store must hold, in plain dictionaries."""

    blocks: list[StoredBlock] = field(default_factory=list)
    certificates: dict[int, bytes] = field(default_factory=dict)
    state: dict[bytes, bytes] = field(default_factory=dict)
    pending: dict[bytes, PendingEntry] = field(default_factory=dict)
    kept: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    meta: dict[str, bytes] = field(default_factory=dict)

    def apply(self, commit: Commit) -> None:
        for block in commit.blocks:
            self.blocks.append(block)
            if block.certificate is not None:
                self.certificates[block.height] = block.certificate
        self.certificates.update(commit.certificates)
        if commit.state_replaced:
            self.state = {}
        _change(self.state, commit.state)
        for entry_id in commit.pending_done:
            self.pending.pop(entry_id, None)
        for entry in commit.pending_new:
            self.pending[entry.id] = entry
        _change(self.kept, [((kind, key), value) for kind, key, value in commit.kept])
        _change(self.meta, commit.meta)

    def copy(self) -> "Model":
        return Model(
            list(self.blocks),
            dict(self.certificates),
            dict(self.state),
            dict(self.pending),
            dict(self.kept),
            dict(self.meta),
        )


def stored(port: Port) -> Model:
    """Everything in a database, as a model; blocks without their marks."""
    model = Model()
    for head in drive(port, questions.headers(0, 1 << 40)):
        served = drive(port, questions.blocks(head.height, 1))[0]
        assert served.height == head.height
        model.blocks.append(
            StoredBlock(
                height=head.height, id=head.id, header=head.header, body=served.body, time_ms=head.time_ms, marks=()
            )
        )
        if served.certificate is not None:
            model.certificates[head.height] = served.certificate
    model.state = dict(drive(port, questions.state_range(b"")))
    model.pending = {entry.id: entry for entry in drive(port, questions.pending())}
    model.kept = {(kind, key): value for kind in ("a", "b") for key, value in drive(port, questions.kept(kind))}
    model.meta = drive(port, questions.meta())
    return model


def comparable(model: Model) -> tuple[object, ...]:
    blocks = [(block.height, block.id, block.header, block.body, block.time_ms) for block in model.blocks]
    return blocks, model.certificates, model.state, model.pending, model.kept, model.meta


def commit_number(number: int, height: int) -> Commit:
    """One of an endless row of commits that use every kind of change; the number can be read back from it."""
    dice = random.Random(number)
    return Commit(
        blocks=[a_block(height + offset, dice.choice((0, 1, 3, 20))) for offset in range(dice.choice((1, 1, 2)))],
        certificates=[(dice.randrange(height), b"later %d" % number)] if height and dice.random() < 0.3 else [],
        state=[
            (b"key/%d" % key, None if dice.random() < 0.2 else dice.randbytes(dice.choice((10, 100, 3_000))))
            for key in dice.sample(range(40), 6)
        ],
        pending_new=[PendingEntry(id=author(number), body=b"body", signature=b"signature", mine=bool(number % 2))],
        pending_done=[author(number - 3)],
        kept=[("a" if number % 2 else "b", b"%d" % (number % 5), b"document %d" % number)],
        meta=[("number", b"%d" % number)],
    )


def _change(target: dict, changes: object) -> None:  # type: ignore[type-arg]
    for key, value in changes:  # type: ignore[attr-defined]
        if value is None:
            target.pop(key, None)
        else:
            target[key] = value
