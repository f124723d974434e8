"""A block: entries in their order, what became of each, and the root of the state after them.

The header is hashed; it names the parent, so one id stands for the whole history (SPEC B-9). A leaf of the entries
root covers the entry's id, its signature and its outcome, so that neither a signature nor a refusal can be swapped on
the way (SPEC B-6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger.canonical import NotCanonical, Value, decode, decode_unjudged, digest, encode, tag
from ledger.entry import Entry, read_entry
from ledger.form import ID, MOMENT_MS, Int, Map, Text
from ledger.keys import SIGNATURE_BYTES
from ledger.merkle import list_root

BLOCK_BYTES_MAX = (1 << 20) + (1 << 17)
"""1 MiB of entries (the charter's limit) and room for their outcomes and framing."""
_sha = hashlib.sha256
_LEAF_TAG = tag("leaf")
HEADER_BYTES_MAX = 1024
_OUTCOME = Text(48, least=0)
_HEADER = Map(
    {
        "entries": ID,
        "epoch": Int(1),
        "height": Int(1),
        "network": ID,
        "parent": ID,
        "state": ID,
        "time": MOMENT_MS,
        "view": Int(1),
        "witnesses": ID,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Everything about a block in 300 bytes."""

    network: bytes
    epoch: int
    view: int
    """The view it was first proposed in; a carried block keeps it."""
    height: int
    """Counts from 1; the charter stands at 0."""
    parent: bytes
    """The id of the block below; at height 1 the network's name."""
    time_ms: int
    entries_root: bytes
    state_root: bytes
    """The state's root *after* this block."""
    witnesses: bytes
    """The hash of the witness list whose quorum certifies it."""
    body: bytes
    """Canonical bytes, which the id hashes."""
    id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A header and what it stands for."""

    header: Header
    entries: tuple[Entry, ...]
    outcomes: tuple[str, ...]
    """One per entry: empty where applied, else a refusal's code."""
    _written: bytes = field(init=False, default_factory=bytes, repr=False, compare=False)
    """What `write_block` gives, where it is known already: a block is written to the journal, the store and peers."""


def witnesses_hash(witnesses: Sequence[dict[str, Value]]) -> bytes:
    """The hash of an epoch's witness list as it stands in the state."""
    return digest("witnesses", encode(list(witnesses)))


def leaf_hash(entry: Entry, outcome: str) -> bytes:
    """The leaf of an entry in its block (B-6)."""
    return _sha(_LEAF_TAG + entry.id + entry.signature + outcome.encode("ascii")).digest()


def entries_root(entries: Sequence[Entry], outcomes: Sequence[str]) -> bytes:
    """The root over a block's entries and outcomes."""
    return list_root([leaf_hash(entry, outcome) for entry, outcome in zip(entries, outcomes, strict=True)])


def make_block(
    *,
    network: bytes,
    epoch: int,
    view: int,
    height: int,
    parent: bytes,
    time_ms: int,
    state_root: bytes,
    witnesses: bytes,
    entries: Sequence[Entry],
    outcomes: Sequence[str],
) -> Block:
    """The block with these parts."""
    header = encode(
        {
            "entries": entries_root(entries, outcomes),
            "epoch": epoch,
            "height": height,
            "network": network,
            "parent": parent,
            "state": state_root,
            "time": time_ms,
            "view": view,
            "witnesses": witnesses,
        }
    )
    block = Block(header=read_header(header), entries=tuple(entries), outcomes=tuple(outcomes))
    object.__setattr__(block, "_written", write_block(block))
    return block


def read_header(body: bytes) -> Header:
    """The header in these bytes; raises `NotCanonical` or `Malformed`."""
    value = decode(body, bytes_max=HEADER_BYTES_MAX)
    _HEADER.check(value)
    return Header(
        network=value["network"],
        epoch=value["epoch"],
        view=value["view"],
        height=value["height"],
        parent=value["parent"],
        time_ms=value["time"],
        entries_root=value["entries"],
        state_root=value["state"],
        witnesses=value["witnesses"],
        body=body,
        id=digest("block", body),
    )


def write_block(block: Block) -> bytes:
    """How a block is stored and travels."""
    if block._written:
        return block._written
    entries = [
        [entry.body, outcome, entry.signature] for entry, outcome in zip(block.entries, block.outcomes, strict=True)
    ]
    return encode({"entries": entries, "header": block.header.body})


def entry_places(block: Block) -> list[tuple[int, int]]:
    """Where each entry's triple [bytes, outcome, signature] stands in the bytes of `write_block`: (offset, size).

    So that one can be read without the others.
    """
    # The map, its key "entries" and the list's own head come first; the heads of an empty and a full map differ in
    # nothing but the list.
    offset = len(encode({"entries": []})) - 1 + _list_head_bytes(len(block.entries))
    places = []
    for entry, outcome in zip(block.entries, block.outcomes, strict=True):
        size = _bytes_bytes(len(entry.body)) + _FRAMING_BYTES + (_outcome_bytes(len(outcome)) if outcome else 1)
        places.append((offset, size))
        offset += size
    return places


def read_triple(data: bytes) -> tuple[Entry, str]:
    """An entry and its outcome, from the bytes at one of `entry_places`."""
    body, outcome, signature = decode(data)
    return read_entry(body, signature), outcome


def _list_head_bytes(length: int) -> int:
    return 1 if length < 16 else 3 if length < 65_536 else 5


def _bytes_bytes(length: int) -> int:
    return length + (2 if length < 256 else 3 if length < 65_536 else 5)


def _outcome_bytes(length: int) -> int:
    return length + (1 if length < 32 else 2)


_FRAMING_BYTES = 1 + _bytes_bytes(SIGNATURE_BYTES)
"""The head of a triple's list, and its signature."""


def read_block(data: bytes) -> Block:
    """The block in these bytes, its entries root checked (SPEC B-9).

    Raises `NotCanonical` or `Malformed`. Signatures, outcomes and the state root are judged elsewhere.
    """
    # Every part is looked at below, once and not twice.
    value = decode_unjudged(data, bytes_max=BLOCK_BYTES_MAX)
    if value.__class__ is not dict or tuple(value) != ("entries", "header"):
        raise NotCanonical("a block is a map of entries and header")
    if value["entries"].__class__ is not list or value["header"].__class__ is not bytes:
        raise NotCanonical("a block holds a list of entries and the bytes of a header")
    header = read_header(value["header"])
    entries, outcomes = [], []
    for item in value["entries"]:
        if item.__class__ is not list or len(item) != 3 or item[0].__class__ is not bytes:
            raise NotCanonical("an entry in a block is its bytes, its outcome and a signature")
        if item[2].__class__ is not bytes:
            raise NotCanonical("a signature is bytes")
        if item[1] != "":
            _OUTCOME.check(item[1], "outcome")
            if not item[1].isascii():
                raise NotCanonical("an outcome is ASCII")
        entries.append(read_entry(item[0], item[2]))
        outcomes.append(item[1])
    if entries_root(entries, outcomes) != header.entries_root:
        raise NotCanonical("the entries are not those the header names")
    block = Block(header=header, entries=tuple(entries), outcomes=tuple(outcomes))
    object.__setattr__(block, "_written", data)
    return block
