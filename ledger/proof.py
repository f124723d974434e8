"""Shows a stranger what stands on the ledger: a few hundred bytes that hold offline, by the charter alone.

A proof leads from one fact, a pair of the state or an entry with its outcome, along hashes to a block's header, and
from there to the signatures of a quorum. Which witnesses count is shown as well: the first list stands in the charter,
and every later one in the state of the block that closed the epoch before, which the list before made final (SPEC O-1
to O-9). Nothing else in a proof is believed, so it does not matter who sent it.

Here is what a stranger does; proofs are made in `proof_making`. Not here: what later blocks changed, which no proof can
show, and sentences for people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ledger.block import Header, leaf_hash, read_header, witnesses_hash
from ledger.canonical import Value, decode
from ledger.charter import Charter
from ledger.consensus.votes import WITNESSES_MAX, Certificate, VoteKind, check_certificate
from ledger.entry import ENTRY_BYTES_MAX, Entry, entry_id_of, read_entry
from ledger.errors import RemoteError
from ledger.form import ID, Bytes, Int, List, Map, Text
from ledger.keys import SIGNATURE_BYTES, PublicKey
from ledger.merkle import BUCKET_BITS, bucket_hash, bucket_of, follow, follow_bucket, node_hash
from ledger.operations.accounts import KINDS
from ledger.operations.registry import OPERATIONS

T = TypeVar("T")

PROOF_BYTES_MAX = 1 << 20
"""The longest chain of epochs that is worth sending in one piece."""
EPOCHS_MAX = 1_000
"""A new list of witnesses every fortnight for 38 years."""
ABOVE_MAX = 1_000
"""Blocks that one certificate covers; a reader who catches up keeps one a range."""
WITNESSES_KEY = b"witnesses"
"""Where the state names the epoch and its list (SPEC S-1)."""

_HASH_BYTES = 32
_LEVELS_MAX = 16
"""More than a tree over the largest block has."""
_HEADER = Bytes(1, 1024)
_CERTIFICATE = Map(
    {
        "places": List(Int(0, WITNESSES_MAX - 1), 1, WITNESSES_MAX),
        "signatures": List(Bytes(SIGNATURE_BYTES), 1, WITNESSES_MAX),
        "view": Int(1),
    }
)
_BUCKET = Map(
    {
        "empty": Int(0, (1 << BUCKET_BITS) - 1),
        "pairs": List(List(Bytes(0, PROOF_BYTES_MAX), 2, 2), 0, 10_000),
        "path": Bytes(0, BUCKET_BITS * _HASH_BYTES),
    }
)
_ENTRY = Map(
    {
        "body": Bytes(1, ENTRY_BYTES_MAX),
        "left": Int(0, (1 << _LEVELS_MAX) - 1),
        "outcome": Text(48, least=0),
        "path": Bytes(0, _LEVELS_MAX * _HASH_BYTES),
        "signature": Bytes(SIGNATURE_BYTES),
    }
)
_PAIR = Map({"bucket": _BUCKET}, {"key": Bytes(1, 256), "made": Bytes(1, ENTRY_BYTES_MAX), "place": Int()})
_EPOCH = Map({"block": _HEADER, "bucket": _BUCKET, "certificate": _CERTIFICATE})
_PROOF = Map(
    {"block": _HEADER, "certificate": _CERTIFICATE, "version": Int(1, 1)},
    {"above": List(_HEADER, 1, ABOVE_MAX), "entry": _ENTRY, "epochs": List(_EPOCH, 1, EPOCHS_MAX), "pair": _PAIR},
)
_WITNESSES = Map({"epoch": Int(1), "list": List(Map({"key": ID, "member": ID}), 1, WITNESSES_MAX)})
_HOLDING = b"holding/"
_HOLDING_FORM = Map({}, {"free": Int(1), "held": Int(1)})
_HOLDING_BYTES = len(_HOLDING) + _HASH_BYTES + 1 + _HASH_BYTES
_NAMES = {letter: kind for kind, letter in KINDS.items()}
_MADE_BY = {"credit": "credits.open/1", "output": "assets.register/1", "units": "assets.register/1"}


class BadProof(RemoteError):
    """This does not show what it claims."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one member had of one thing."""

    member: bytes
    kind: str
    """"credit", "units" or "output"."""
    thing: bytes
    """32 bytes: the credit's or asset's id."""
    free: int
    held: int
    made: dict[str, Any] | None
    """The operation that opened the credit or registered the asset, where the proof carries it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPair:
    """One key of the state."""

    key: bytes
    value: bytes | None
    """Canonical bytes; None where it is shown that nothing stood there."""
    holding: Holding | None
    """The same for people, where the key is that of a holding; an absent one is nothing free and nothing held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEntry:
    """One entry and what became of it."""

    entry: Entry
    outcome: str
    """Empty where it was applied, else the refusal's code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a proof shows, and of which block."""

    header: Header
    signed: int
    """How many of the epoch's witnesses signed, of `witnesses`."""
    witnesses: int
    what: ShownPair | ShownEntry


@dataclass(frozen=True, slots=True)
class _Epoch:
    """A number and a list, both shown."""

    number: int
    witnesses: list[dict[str, Value]]
    hash: bytes
    above_height: int
    """Its blocks stand above this height."""


def _empty_subtrees() -> tuple[bytes, ...]:
    hashes = [bucket_hash(())]
    for _ in range(BUCKET_BITS - 1):
        hashes.append(node_hash(hashes[-1], hashes[-1]))
    return tuple(hashes)


EMPTY = _empty_subtrees()
"""The root of an empty subtree by its height: a sibling that a proof leaves out (SPEC O-5)."""


def check(data: bytes, charter: Charter) -> Shown:
    """What the proof in these bytes shows, if it holds for the charter's network (SPEC O-1 to O-9).

    Errors:
        RemoteError: `NotCanonical`, `Malformed` or `BadProof`, with a sentence that says what is wrong.
    """
    value: dict[str, Any] = decode(data, bytes_max=PROOF_BYTES_MAX)
    _PROOF.check(value)
    if ("entry" in value) == ("pair" in value):
        raise BadProof("a proof shows either an entry or a pair of the state")
    epoch = _first(charter)
    for closing in value.get("epochs", ()):
        epoch = _next(charter, epoch, closing)
    header = _header(value["block"], "the block", charter, epoch)
    last = header
    for body in value.get("above", ()):
        child = _header(body, "a block above it", charter, epoch)
        if child.parent != last.id or child.height != last.height + 1:
            raise BadProof(f"the header that should be of block {last.height + 1} does not follow block {last.height}")
        last = child
    signed = _finalized(value["certificate"], last, charter, epoch)
    what = _pair(value["pair"], header) if "pair" in value else _entry(value["entry"], header)
    return Shown(header=header, signed=signed, witnesses=len(epoch.witnesses), what=what)


def _first(charter: Charter) -> _Epoch:
    """The witnesses that the charter names (O-2)."""
    listed: list[dict[str, Value]] = [{"key": one.key, "member": one.member} for one in charter.witnesses]
    return _Epoch(1, listed, witnesses_hash(listed), 0)


def _next(charter: Charter, epoch: _Epoch, closing: dict[str, Any]) -> _Epoch:
    """The epoch after `epoch`, by the block that closed it (O-4)."""
    what = f"the block that closed epoch {epoch.number}"
    header = _header(closing["block"], what, charter, epoch)
    _finalized(closing["certificate"], header, charter, epoch)
    pairs = dict(_state_pairs(closing["bucket"], header, WITNESSES_KEY))
    if WITNESSES_KEY not in pairs:
        raise BadProof(f"the state after {what} names no witnesses")
    value = _read(f"the witness list after epoch {epoch.number}", lambda: _formed(_WITNESSES, pairs[WITNESSES_KEY]))
    if value["epoch"] != epoch.number + 1:
        raise BadProof(f"{what} did not close it: the state after it still names epoch {value['epoch']}")
    return _Epoch(value["epoch"], value["list"], witnesses_hash(value["list"]), header.height)


def _header(body: bytes, what: str, charter: Charter, epoch: _Epoch) -> Header:
    """A header of this network and epoch (O-3)."""
    header = _read(f"the header of {what}", lambda: read_header(body))
    if header.network != charter.network:
        raise BadProof(f"{what} is of another network than the one this charter founds")
    if header.epoch != epoch.number:
        raise BadProof(f"{what} is of epoch {header.epoch}, the proof leads to epoch {epoch.number}")
    if header.witnesses != epoch.hash:
        raise BadProof(f"{what} names other witnesses than those of epoch {epoch.number}")
    if header.height <= epoch.above_height:
        raise BadProof(f"{what} stands below the end of the epoch before")
    return header


def _finalized(value: dict[str, Any], header: Header, charter: Charter, epoch: _Epoch) -> int:
    """How many witnesses signed that `header`'s block is final (O-3)."""
    if len(value["places"]) != len(value["signatures"]):
        raise BadProof(f"the certificate of block {header.height} has not one signature a witness")
    certificate = Certificate(
        epoch=epoch.number,
        view=value["view"],
        kind=VoteKind.FINALIZE,
        block=header.id,
        votes=tuple(zip(value["places"], value["signatures"], strict=True)),
    )
    keys = [PublicKey(witness["key"]) for witness in epoch.witnesses]
    _read(
        f"the certificate of block {header.height}",
        lambda: check_certificate(certificate, charter.network, epoch.number, keys),
    )
    return len(certificate.votes)


def _state_pairs(value: dict[str, Any], header: Header, key: bytes) -> list[tuple[bytes, bytes]]:
    """All pairs of the bucket that `key` belongs to, which lead to the header's state root (O-5)."""
    given = _siblings(value["path"])
    empty = [value["empty"] >> level & 1 for level in range(BUCKET_BITS)]
    if len(given) + sum(empty) != BUCKET_BITS:
        raise BadProof(f"a path in the state tree has {BUCKET_BITS} siblings, the empty ones counted")
    left = iter(given)
    path = [EMPTY[level] if is_empty else next(left) for level, is_empty in enumerate(empty)]
    pairs: list[tuple[bytes, bytes]] = [(one, item) for one, item in value["pairs"]]
    if follow_bucket(bucket_hash(pairs), bucket_of(key), path) != header.state_root:
        raise BadProof(f"the pairs do not lead to the state root of block {header.height}")
    return pairs


def _siblings(path: bytes) -> list[bytes]:
    if len(path) % _HASH_BYTES:
        raise BadProof(f"a path is made of hashes of {_HASH_BYTES} bytes")
    return [path[at : at + _HASH_BYTES] for at in range(0, len(path), _HASH_BYTES)]


def _pair(value: dict[str, Any], header: Header) -> ShownPair:
    """The pair at a place of its bucket, or a key that is not there (O-6)."""
    pairs, place = value["bucket"]["pairs"], value.get("place")
    if (place is None) == ("key" not in value) or (place is not None and place >= len(pairs)):
        raise BadProof("a proof shows either one of the bucket's pairs or that a key is absent")
    key: bytes = value["key"] if place is None else pairs[place][0]
    found = dict(_state_pairs(value["bucket"], header, key)).get(key)
    if place is None and found is not None:
        raise BadProof("the key that is said to be absent is there")
    if key.startswith(_HOLDING) and len(key) == _HOLDING_BYTES:
        return ShownPair(key=key, value=found, holding=_holding(key, found, value.get("made")))
    if "made" in value:
        raise BadProof("only the proof of a holding says what made the thing")
    return ShownPair(key=key, value=found, holding=None)


def _holding(key: bytes, value: bytes | None, made: bytes | None) -> Holding:
    at = len(_HOLDING)
    member, letter, thing = key[at : at + 32], key[at + 32 : at + 33], key[at + 33 :]
    kind = _NAMES.get(letter)
    if kind is None:
        raise BadProof("the key is of no kind of holding")
    parts = {} if value is None else _read("the holding", lambda: _formed(_HOLDING_FORM, value))
    return Holding(
        member=member,
        kind=kind,
        thing=thing,
        free=parts.get("free", 0),
        held=parts.get("held", 0),
        made=None if made is None else _made(made, kind, thing),
    )


def _made(body: bytes, kind: str, thing: bytes) -> dict[str, Any]:
    """The operation that made a thing: its entry's id is the thing's (O-7)."""
    if entry_id_of(body) != thing:
        raise BadProof("the entry that is said to have made the thing is another one")
    # What stands in the state was signed; the bytes that its id hashes need no signature beside them.
    entry = _read("the entry that made the thing", lambda: read_entry(body, bytes(64)))
    if entry.name != _MADE_BY[kind]:
        raise BadProof(f"a thing held as {kind} is not made by {entry.name[:60]}")
    operation = entry.operation
    _read("the entry that made the thing", lambda: OPERATIONS[entry.name].whole.check(operation))
    return operation


def _entry(value: dict[str, Any], header: Header) -> ShownEntry:
    """An entry whose leaf leads to the header's entries root, signed by its author (O-8)."""
    entry = _read("the entry", lambda: read_entry(value["body"], value["signature"]))
    outcome: str = value["outcome"]
    if not outcome.isascii():
        raise BadProof("an outcome is ASCII")
    siblings = _siblings(value["path"])
    if value["left"] >> len(siblings):
        raise BadProof("more siblings are said to stand on the left than there are")
    path = [(bool(value["left"] >> level & 1), sibling) for level, sibling in enumerate(siblings)]
    if follow(leaf_hash(entry, outcome), path) != header.entries_root:
        raise BadProof(f"the entry and its outcome do not lead to the entries root of block {header.height}")
    if not entry.is_signed():
        raise BadProof("the author's signature is wrong")
    return ShownEntry(entry=entry, outcome=outcome)


def _formed(form: Map, data: bytes) -> dict[str, Any]:
    value: dict[str, Any] = decode(data)
    form.check(value)
    return value


def _read(what: str, read: Callable[[], T]) -> T:
    """What `read` gives; a refusal says of which part."""
    try:
        return read()
    except RemoteError as problem:
        raise BadProof(f"{what} does not hold: {problem.reason}") from problem
