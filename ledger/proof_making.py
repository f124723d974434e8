"""Makes the proofs that `proof` checks, from a state in memory, a block, and what makes the block believed.

What is written has exactly one reader, `ledger.proof.check`, and strangers' programs like it (SPEC O-1 to O-8).
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.block import Block, leaf_hash, read_header
from ledger.canonical import Value, decode_own, encode
from ledger.consensus.votes import read_certificate
from ledger.errors import LocalError
from ledger.merkle import BUCKETS, bucket_of, list_proof
from ledger.proof import EMPTY, WITNESSES_KEY
from ledger.state import Settled, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A block and what makes its header believed."""

    header: bytes
    certificate: bytes
    """Finalizes the block, or the last one of `above`."""
    above: tuple[bytes, ...] = ()
    """The headers from the next block to the one that the certificate names."""
    epochs: tuple[bytes, ...] = ()
    """What `epoch_end` gave for each epoch before the block's, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """All that a proof needs of a state for one key, taken in one moment: the state may go on afterwards."""

    key: bytes
    root: bytes
    """32 bytes: the root of the state it was taken from."""
    bucket: dict[str, Value]
    """As a proof carries it (SPEC O-5)."""
    place: int | None
    """Where in the bucket the key's pair stands; None where there is none."""


def take(state: State, key: bytes, settled: Settled | None = None) -> Taken:
    """What stands under `key`, or that nothing does, in `state`, or in what it becomes by `settled`."""
    changes = {} if settled is None else settled.changes
    nodes = {} if settled is None else settled.tree.nodes
    number, tree = bucket_of(key), state.tree
    keys = tree.bucket_keys(number) if settled is None else settled.tree.keys.get(number) or tree.bucket_keys(number)
    path, empty = b"", 0
    i = BUCKETS + number
    for level, blank in enumerate(EMPTY):
        sibling = nodes.get(i ^ 1) or tree.node(i ^ 1)
        if sibling == blank:
            empty |= 1 << level
        else:
            path += sibling
        i >>= 1
    pairs: list[Value] = [[one, changes[one] if one in changes else state.raw(one)] for one in keys]
    return Taken(
        key=key,
        root=state.root if settled is None else settled.root,
        bucket={"empty": empty, "pairs": pairs, "path": path},
        place=keys.index(key) if key in keys else None,
    )


def prove_pair(certified: Certified, taken: Taken, *, made: bytes = b"") -> bytes:
    """The proof of one key of the state as it is after the certified block.

    Args:
        made: the bytes of the entry that made the thing a holding is of; empty where it is left out.

    Errors:
        LocalError: the key was taken from the state of another block.
    """
    pair: dict[str, Value] = {"bucket": _bucket(certified.header, taken)}
    pair |= {"key": taken.key} if taken.place is None else {"place": taken.place}
    if made:
        pair["made"] = made
    return _written(certified, {"pair": pair})


def prove_entry(certified: Certified, block: Block, place: int) -> bytes:
    """The proof that the entry at `place` (from 0) stands in `block`, the certified one, with its outcome."""
    if block.header.body != certified.header:
        raise LocalError("a proof was asked for with the header of another block")
    leaves = [leaf_hash(entry, outcome) for entry, outcome in zip(block.entries, block.outcomes, strict=True)]
    path = list_proof(leaves, place)
    entry = block.entries[place]
    shown: dict[str, Value] = {
        "body": entry.body,
        "left": sum(is_left << level for level, (is_left, _) in enumerate(path)),
        "outcome": block.outcomes[place],
        "path": b"".join(sibling for _, sibling in path),
        "signature": entry.signature,
    }
    return _written(certified, {"entry": shown})


def epoch_end(header: bytes, certificate: bytes, state: State, settled: Settled | None = None) -> bytes:
    """What shows the next epoch's witnesses: kept by every node when `header`'s block closed its epoch.

    Args:
        certificate: finalizes that very block.
        state: as it is after the block, or before `settled`, which is what the block and those before it changed.
    """
    bucket = _bucket(header, take(state, WITNESSES_KEY, settled))
    return encode({"block": header, "bucket": bucket, "certificate": _signed(certificate)})


def _written(certified: Certified, what: dict[str, Value]) -> bytes:
    value: dict[str, Value] = {
        "block": certified.header,
        "certificate": _signed(certified.certificate),
        "version": 1,
        **what,
    }
    if certified.above:
        value["above"] = list(certified.above)
    if certified.epochs:
        value["epochs"] = [decode_own(one) for one in certified.epochs]
    return encode(value)


def _signed(certificate: bytes) -> dict[str, Value]:
    """A certificate without what the reader of a proof knows and so cannot forget to compare (O-3)."""
    read = read_certificate(certificate)
    places, signatures = [place for place, _ in read.votes], [signature for _, signature in read.votes]
    return {"places": places, "signatures": signatures, "view": read.view}


def _bucket(header: bytes, taken: Taken) -> dict[str, Value]:
    if read_header(header).state_root != taken.root:
        raise LocalError("a proof was asked for from the state of another block")
    return taken.bucket
