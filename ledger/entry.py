"""An entry: one operation that one key signed for one network.

Only its author can make it; anyone may carry it; it can be made offline and sent days later. Its id hashes the signed
bytes and never the signature (SPEC E-1), so nobody on the way can give one entry two ids.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import Any

from ledger.canonical import NotCanonical, Value, decode, encode, tag
from ledger.form import ID, MOMENT_MS, Flag, Int, Malformed
from ledger.keys import SIGNATURE_BYTES, PublicKey, Signature, SigningKey, verify

ENTRY_BYTES_MAX = 65_536
"""An award of a few proposals; 64 large ones do not fit, and a basket that large is split."""
SEQUENCE_WINDOW = 64
"""How far ahead of the last applied number an entry that skips may be (SPEC E-4)."""

_sha = hashlib.sha256
_ID_TAG = tag("entry")
_SEQUENCE = Int(1)
_FLAG = Flag()
_KEYS = ("key", "network", "op", "seq", "until")
_KEYS_OF_SKIPPING = ("key", "network", "op", "seq", "skips", "until")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A signed operation, as its author made it."""

    network: bytes
    """32 bytes: the hash of the charter it is meant for; on another network it is worth nothing."""
    key: PublicKey
    """The one key that signed it."""
    sequence: int
    """Counts per key from 1."""
    until_ms: int
    """Block time after which it can no longer be included; it has then lapsed."""
    operation: dict[str, Any]
    """``{"t": "credits.pay/1", ...}``; the version is part of the name."""
    skips: bool
    """Whether numbers before `sequence` may be left unused; without it numbers come in order."""
    body: bytes
    """Canonical bytes, exactly as signed."""
    signature: Signature
    id: bytes
    """32 bytes: ``digest("entry", body)``."""

    @property
    def name(self) -> str:
        """The operation's name with its version."""
        name: str = self.operation["t"]
        return name

    @property
    def size_bytes(self) -> int:
        """What it weighs in a block."""
        return len(self.body) + SIGNATURE_BYTES

    def is_signed(self) -> bool:
        """Whether the author's signature is right (statements inside are judged apart)."""
        return verify(self.key, self.id, self.signature)


_new = object.__new__
_set_network, _set_key, _set_sequence, _set_until_ms, _set_operation, _set_skips, _set_body, _set_signature, _set_id = (
    getattr(Entry, field.name).__set__ for field in fields(Entry)
)


def sign_entry(
    signer: SigningKey,
    network: bytes,
    sequence: int,
    until_ms: int,
    operation: dict[str, Value],
    *,
    skips: bool = False,
) -> Entry:
    """Make and sign an entry."""
    content: dict[str, Value] = {
        "key": signer.public,
        "network": network,
        "op": operation,
        "seq": sequence,
        "until": until_ms,
    }
    if skips:
        content["skips"] = True
    body = encode(content)
    return read_entry(body, signer.sign(entry_id_of(body)))


def entry_id_of(body: bytes) -> bytes:
    """The id of the entry in these bytes, whether they are one or not (SPEC E-1)."""
    return _sha(_ID_TAG + body).digest()


def read_entry(body: bytes, signature: bytes) -> Entry:
    """The entry in these bytes, signature not yet checked (SPEC E-2).

    Raises `NotCanonical` or `Malformed`. The operation's own form is judged by its family (SPEC E-3).
    """
    if len(signature) != SIGNATURE_BYTES:
        raise Malformed("sig", f"{SIGNATURE_BYTES} bytes are expected")
    value = decode(body, bytes_max=ENTRY_BYTES_MAX)
    if value.__class__ is not dict:
        raise Malformed("", "a map is expected")
    keys = tuple(value)
    if keys != _KEYS and keys != _KEYS_OF_SKIPPING:
        raise Malformed("", "an entry has key, network, op, seq, until and perhaps skips")
    skips = value.get("skips")
    if skips is not None and skips is not True:
        raise Malformed("skips", "true is expected, or the key left out")
    key, network, operation = value["key"], value["network"], value["op"]
    ID.check(network, "network")
    ID.check(key, "key")
    _SEQUENCE.check(value["seq"], "seq")
    MOMENT_MS.check(value["until"], "until")
    if operation.__class__ is not dict or operation.get("t").__class__ is not str:
        raise Malformed("op", "a map with the operation's name under t is expected")
    # As the dataclass would do it, in less than half the time: nothing else is made once for each entry fetched.
    entry = _new(Entry)
    _set_network(entry, network)
    _set_key(entry, key)
    _set_sequence(entry, value["seq"])
    _set_until_ms(entry, value["until"])
    _set_operation(entry, operation)
    _set_skips(entry, skips is True)
    _set_body(entry, body)
    _set_signature(entry, signature)
    _set_id(entry, _sha(_ID_TAG + body).digest())
    return entry


def entry_to_value(entry: Entry) -> list[Value]:
    """How an entry travels: its signed bytes and the signature."""
    return [entry.body, entry.signature]


def entry_from_value(value: Value) -> Entry:
    """The entry in a travelling pair; raises `NotCanonical` or `Malformed`."""
    if value.__class__ is not list or len(value) != 2 or {item.__class__ for item in value} != {bytes}:
        raise NotCanonical("an entry travels as its bytes and a signature")
    return read_entry(value[0], value[1])
