"""Makes the proofs that `proof` checks, from a state in memory, a block, and what makes the block believed.

What is written has exactly one reader, `ledger.proof.check`, and strangers' programs like it (SPEC O-1 to O-8).
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.block import Block, leaf_hash, read_header
from ledger.canonical import Value, decode_own, encode
from ledger.consensus.votes import read_certificate
from ledger.errors import LocalError
from ledger.merkle import bucket_of, list_proof
from ledger.proof import EMPTY, WITNESSES_KEY
from ledger.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A block and what makes its header believed."""

    header: bytes
    certificate: bytes
    """Finalizes the block, or the last one of `above`."""
    above: tuple[bytes, ...] = ()
    """The headers from the next block to the one that the certificate names."""
    epochs: tuple[bytes, ...] = ()
    """What `epoch_end` gave for each epoch before the block's, oldest first."""


def prove_pair(anchor: Anchor, state: State, key: bytes, *, made: bytes = b"") -> bytes:
    """The proof of what stands under `key`, or that nothing does, in `state`, which is that after the anchor's block.

    Args:
        made: the bytes of the entry that made the thing a holding is of; empty where it is left out.

    Errors:
        LocalError: `state` is that of another block.
    """
    bucket, keys = _bucket(anchor.header, state, key)
    pair: dict[str, Value] = (
        {"bucket": bucket, "place": keys.index(key)} if key in keys else {"bucket": bucket, "key": key}
    )
    if made:
        pair["made"] = made
    return _written(anchor, {"pair": pair})


def prove_entry(anchor: Anchor, block: Block, place: int) -> bytes:
    """The proof that the entry at `place` (from 0) stands in `block`, the anchor's, with its outcome."""
    if block.header.body != anchor.header:
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
    return _written(anchor, {"entry": shown})


def epoch_end(header: bytes, certificate: bytes, state: State) -> bytes:
    """What shows the next epoch's witnesses: kept by every node when `header`'s block, after which the state is
    `state`, closed its epoch. `certificate` finalizes that very block.
    """
    bucket, _ = _bucket(header, state, WITNESSES_KEY)
    return encode({"block": header, "bucket": bucket, "certificate": _signed(certificate)})


def _written(anchor: Anchor, what: dict[str, Value]) -> bytes:
    value: dict[str, Value] = {"block": anchor.header, "certificate": _signed(anchor.certificate), "version": 1, **what}
    if anchor.above:
        value["above"] = list(anchor.above)
    if anchor.epochs:
        value["epochs"] = [decode_own(one) for one in anchor.epochs]
    return encode(value)


def _signed(certificate: bytes) -> dict[str, Value]:
    """A certificate without what the reader of a proof knows and so cannot forget to compare (O-3)."""
    read = read_certificate(certificate)
    places, signatures = [place for place, _ in read.votes], [signature for _, signature in read.votes]
    return {"places": places, "signatures": signatures, "view": read.view}


def _bucket(header: bytes, state: State, key: bytes) -> tuple[dict[str, Value], list[bytes]]:
    """The bucket of a key as a proof carries it (O-5), and its keys."""
    if read_header(header).state_root != state.root:
        raise LocalError("a proof was asked for from the state of another block")
    number, tree = bucket_of(key), state.tree
    keys = tree.bucket_keys(number)
    siblings = tree.path(number)
    is_empty = [sibling == empty for sibling, empty in zip(siblings, EMPTY, strict=True)]
    bucket: dict[str, Value] = {
        "empty": sum(empty << level for level, empty in enumerate(is_empty)),
        "pairs": [[one, state.raw(one)] for one in keys],
        "path": b"".join(sibling for sibling, empty in zip(siblings, is_empty, strict=True) if not empty),
    }
    return bucket, keys
