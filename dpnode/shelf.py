"""What the core knows, as the store keeps it, and back: the mapping between steps of the chain and rows.

The store knows bytes; the core knows blocks. Whatever is read back here was written here, so damage is a `Problem` of
this machine's disk, never a peer's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dpnode.errors import FailKind, Problem
from dpnode.store.rows import Commit, Mark, PendingEntry, ServedBlock, StoredBlock
from ledger.block import Block, entry_places, read_header, write_block
from ledger.canonical import decode, encode
from ledger.chain import Advance, Chain, Head
from ledger.charter import BadCharter, Charter, read_charter
from ledger.consensus.votes import read_certificate
from ledger.entry import Entry, read_entry
from ledger.errors import RemoteError
from ledger.form import ID, MOMENT_MS, Int, Map
from ledger.operations.members import key_standing
from ledger.proof import WITNESSES_KEY
from ledger.proof_making import epoch_end
from ledger.snapshot import Start
from ledger.state import Overlay, State, View
from protocol.messages import Blocks
from protocol.replication.anchor import Anchor

META_CHARTER = "charter"
META_FOUNDING = "founding"
META_HEAD = "head"
META_CHECKPOINT = "checkpoint"
"""A block id from the invitation that the history must contain."""
META_INTRODUCER = "introducer"
"""Machine and addresses of the member that brings us in: the way on after a start, until we stand on the ledger."""
META_CHECKED = "checked"
"""Up to which height every author's signature was verified here."""
META_BEGINS = "begins"
"""The height of the oldest block here, that of the snapshot this home began with; not there where it has them all."""
META_LATE = "late"
"""There while this home is to begin with a snapshot from other members' machines, and has not yet (SPEC P-93)."""
KEPT_EPOCH_END = "epoch-end"
"""What shows strangers the witnesses of each later epoch: by the number of the epoch that ended, 8 bytes (SPEC O-4)."""
_HEAD = Map(
    {"block": ID, "entries": Int(), "epoch": Int(), "height": Int(), "state": ID, "time": MOMENT_MS, "view": Int()}
)
MENDED = (
    "`dpnode ledger rebuild` sets the damaged database aside and begins it anew: what is missing is fetched from the "
    "others. Or put back an older copy of ledger.db"
)
"""What an owner can do about a database that does not verify; the votes folder stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """A network as it stands at height 0."""

    charter: Charter
    signatures: dict[bytes, bytes]


def founding_commit(founded: Founded, checkpoint: tuple[int, bytes] | None = None) -> Commit:
    """The first commit of a home: charter, founders' signatures and the state they make."""
    chain, pairs = Chain.founded(founded.charter)
    return Commit(state=sorted(pairs.items()), meta=_first_facts(founded, chain.head, checkpoint))


def snapshot_commit(
    founded: Founded, start: Start, pairs: Sequence[tuple[bytes, bytes]], checkpoint: tuple[int, bytes]
) -> Commit:
    """The first commit of a home that begins with a snapshot instead of at height 0 (SPEC O-17).

    Raises `RemoteError` where an author of the block's entries is unknown to the state after it.
    """
    after = Overlay(State())
    after.changes.update(pairs)
    header = start.block.header
    if any(key_standing(after, entry.key) is None for entry in start.block.entries):
        raise RemoteError(f"the state after block {header.height} does not know who signed an entry of it")
    # How many entries came before is not shown by anything: what is counted here are those that are here.
    head = Head(
        height=header.height,
        block=header.id,
        time_ms=header.time_ms,
        state_root=header.state_root,
        epoch=start.epoch,
        view=start.view,
        entries=len(start.block.entries),
    )
    # Of the blocks that are here every signature is to be checked, and no older one.
    begins = [(META_BEGINS, encode(header.height)), (META_CHECKED, encode(header.height - 1))]
    return Commit(
        blocks=[_stored(after, start.block, start.certificate, {})],
        state=pairs,
        state_replaced=True,
        kept=[(KEPT_EPOCH_END, number.to_bytes(8, "big"), end) for number, end in enumerate(start.epoch_ends, 1)],
        meta=[*_first_facts(founded, head, checkpoint), *begins],
    )


def _first_facts(founded: Founded, head: Head, checkpoint: tuple[int, bytes] | None) -> list[tuple[str, bytes | None]]:
    signatures = [[member, signature] for member, signature in sorted(founded.signatures.items())]
    meta: list[tuple[str, bytes | None]] = [
        (META_CHARTER, founded.charter.body),
        (META_FOUNDING, encode(signatures)),
        (META_HEAD, _head_bytes(head)),
    ]
    if checkpoint is not None:
        meta.append((META_CHECKPOINT, encode(list(checkpoint))))
    return meta


def step_commit(chain: Chain, step: Advance, certificate: bytes) -> Commit:
    """The rows of blocks that became final together."""
    # Authors are looked up in the state after the step: one may have joined in an earlier block of it.
    after = Overlay(chain.state)
    after.changes.update(step.settled.changes)
    authors: dict[bytes, bytes] = {}
    blocks = []
    for block in step.blocks:
        is_last = block is step.blocks[-1]
        blocks.append(_stored(after, block, certificate if is_last else None, authors))
    return Commit(
        blocks=blocks,
        certificates=step.earlier,
        state=list(step.settled.changes.items()),
        kept=_epoch_end(chain, step, certificate),
        meta=[(META_HEAD, _head_bytes(step.head))],
        pending_done=[entry.id for block in step.blocks for entry in block.entries],
    )


def _epoch_end(chain: Chain, step: Advance, certificate: bytes) -> list[tuple[str, bytes, bytes | None]]:
    """What is kept of a step whose last block closed its epoch: once the state has gone on, nobody can make it."""
    written = step.settled.changes.get(WITNESSES_KEY)
    header = step.blocks[-1].header
    if written is None or decode(written)["epoch"] == header.epoch:
        return []
    made = epoch_end(header.body, certificate, chain.state, step.settled)
    return [(KEPT_EPOCH_END, header.epoch.to_bytes(8, "big"), made)]


def ended_epochs(chain: Chain, ends: Iterable[tuple[bytes, bytes]]) -> dict[int, list[dict[str, Any]]]:
    """The witness lists of the epochs before this one, by what `_epoch_end` kept of each (V-24); raises `Problem`."""
    lists = {1: Chain.founded(chain.charter)[0].witnesses}
    try:
        pairs = [pair for _, end in ends for pair in decode(end)["bucket"]["pairs"]]
        named = [decode(value) for key, value in pairs if key == WITNESSES_KEY]
        lists |= {one["epoch"]: one["list"] for one in named}
    except (RemoteError, KeyError, TypeError, ValueError) as problem:
        raise Problem(
            FailKind.VERIFICATION, f"the database does not hold readable ends of its epochs. {MENDED}"
        ) from problem
    return {epoch: listed for epoch, listed in lists.items() if epoch < chain.head.epoch}


def _stored(after: View, block: Block, certificate: bytes | None, authors: dict[bytes, bytes]) -> StoredBlock:
    """A block's rows; `authors` remembers whose key each is, for all blocks of a step."""
    marks = []
    for entry, (offset, size) in zip(block.entries, entry_places(block), strict=True):
        key = entry.key
        author = authors.get(key)
        if author is None:
            record = key_standing(after, key)
            assert record is not None, "who signed an entry of a valid block is known after it"
            author = authors[key] = record["member"]
        marks.append(Mark(entry.id, author, offset, size))
    return StoredBlock(
        height=block.header.height,
        id=block.header.id,
        header=block.header.body,
        body=write_block(block),
        time_ms=block.header.time_ms,
        marks=marks,
        certificate=certificate,
    )


def pending_row(entry: Entry) -> PendingEntry:
    """An entry of our own that is not final yet."""
    return PendingEntry(id=entry.id, body=entry.body, signature=entry.signature, mine=True)


def pending_entries(rows: Iterable[PendingEntry]) -> list[Entry]:
    """What was kept pending."""
    return [read_entry(row.body, row.signature) for row in rows]


def served_range(start: int, found: Sequence[ServedBlock], height: int, end: int | None = None) -> Blocks:
    """What answers `ask-range` (P-30): up to the last block with a certificate, up to `end`, and within one epoch.

    Who asks knows the witnesses of the block it stands on; those of the next epoch only the closing block says.
    """
    ends = [(count, block.certificate) for count, block in enumerate(found, 1) if block.certificate is not None]
    if end is not None:
        # At least one range: the blocks under one certificate are not cut.
        ends = [one for one in ends if start + one[0] - 1 <= end] or ends[:1]
    if ends and _epoch_of(ends[0][1]) != _epoch_of(ends[-1][1]):
        first = _epoch_of(ends[0][1])
        ends = [end for end in ends if _epoch_of(end[1]) == first]
    count, certificate = ends[-1] if ends else (0, b"")
    return Blocks(start=start, blocks=[block.body for block in found[:count]], certificate=certificate, height=height)


def _epoch_of(certificate: bytes) -> int:
    return read_certificate(certificate).epoch


def read_founded(meta: dict[str, bytes]) -> Founded | None:
    """The network this home belongs to, or None before there is one; raises `Problem` where it cannot be read."""
    if META_CHARTER not in meta:
        return None
    try:
        return Founded(charter=read_charter(meta[META_CHARTER]), signatures=dict(decode(meta[META_FOUNDING])))
    except (RemoteError, BadCharter, KeyError, TypeError, ValueError) as problem:
        raise Problem(
            FailKind.VERIFICATION, f"the database does not hold a readable charter of its network. {MENDED}"
        ) from problem


def read_anchor(meta: dict[str, bytes]) -> Anchor:
    """The block that the history must hold (P-56); one of height 0 where this home joined without any."""
    return Anchor(*decode(meta[META_CHECKPOINT])) if META_CHECKPOINT in meta else Anchor()


def introduced(first: Commit, peer: bytes, addresses: Iterable[str]) -> Commit:
    """A first commit that also says by whose machine we come in."""
    written = encode({"addresses": list(addresses), "peer": peer})
    return replace(first, meta=[*first.meta, (META_INTRODUCER, written)])


def beginning_late(first: Commit) -> Commit:
    """A first commit of a home that begins with a snapshot, if there is one to be had."""
    return replace(first, meta=[*first.meta, (META_LATE, encode(1))])


def read_introducer(meta: Mapping[str, bytes]) -> tuple[bytes, tuple[str, ...]] | None:
    """Peer id and addresses of the machine we came in by; None for a founder."""
    if META_INTRODUCER not in meta:
        return None
    value = decode(meta[META_INTRODUCER])
    return value["peer"], tuple(value["addresses"])


def read_begins(meta: Mapping[str, bytes]) -> int:
    """The height of the oldest block that is kept here, once there is one."""
    return int(decode(meta[META_BEGINS])) if META_BEGINS in meta else 1


def check_anchor_row(anchor: Anchor, height: int, block: bytes | None) -> None:
    """Raise `Problem` where a chain that has come to `height` holds another block than the invitation named (P-56)."""
    if 0 < anchor.height <= height and block != anchor.block:
        raise Problem(
            FailKind.VERIFICATION,
            f"the history stored here does not hold block {anchor.height} that the invitation names: it is not this "
            "network's, and nothing is signed with it. Remove this home's ledger.db and ask for a new invitation",
        )


def false_history(height: int) -> str:
    """What the owner is told when a certified history lacks the block of the invitation (P-56)."""
    return (
        f"somebody offers a history that does not hold block {height} that the invitation names, yet its witnesses "
        "signed it: it is refused. Ask who invited you; if no other history comes, remove this home's ledger.db and "
        "ask for a new invitation"
    )


def read_chain(charter: Charter, meta: dict[str, bytes], pairs: Iterable[tuple[bytes, bytes]]) -> Chain:
    """The chain as it was stored; raises `Problem` where the state is not the one its head names."""
    try:
        value = decode(meta[META_HEAD])
        _HEAD.check(value)
        head = Head(
            height=value["height"],
            block=value["block"],
            time_ms=value["time"],
            state_root=value["state"],
            epoch=value["epoch"],
            view=value["view"],
            entries=value["entries"],
        )
    except (RemoteError, KeyError) as problem:
        raise Problem(
            FailKind.VERIFICATION, f"the database does not hold a readable head of the ledger. {MENDED}"
        ) from problem
    state = State(pairs)
    if state.root != head.state_root:
        raise Problem(
            FailKind.VERIFICATION,
            f"the stored state does not match the root of block {head.height}: the database was changed or is "
            f"damaged; nothing is signed with it. {MENDED}",
        )
    return Chain(charter, state, head)


def check_head_row(chain: Chain, header: bytes | None) -> None:
    """Raise `Problem` unless the newest stored block is the one the head names."""
    if chain.head.height == 0 and header is None:
        return
    if header is None or not _is_head(header, chain.head):
        raise Problem(
            FailKind.VERIFICATION,
            f"the newest stored block is not block {chain.head.height} that the database's head names; nothing is "
            f"signed with it. {MENDED}",
        )


def _is_head(header: bytes, head: Head) -> bool:
    try:
        read = read_header(header)
    except RemoteError:
        return False
    return (read.id, read.state_root) == (head.block, head.state_root)


def _head_bytes(head: Head) -> bytes:
    return encode(
        {
            "block": head.block,
            "entries": head.entries,
            "epoch": head.epoch,
            "height": head.height,
            "state": head.state_root,
            "time": head.time_ms,
            "view": head.view,
        }
    )
