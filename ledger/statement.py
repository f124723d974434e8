"""A second person's signed word inside an entry: a proposal, an acceptance, a key certificate.

An entry is signed by one key. Whatever else somebody must have agreed to travels in the operation as a statement:
the canonical bytes of a map, the key that signed it and the signature over ``digest(purpose, bytes)`` (SPEC B-8). The
bytes are kept as they were signed, so nothing is encoded again to check them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ledger.canonical import NotCanonical, Value, decode, digest, encode
from ledger.form import ID, Bytes, Map
from ledger.keys import PublicKey, Signature, SigningKey, verify

STATEMENT_BYTES_MAX = 16_384
"""A proposal with 64 parameters of 200 bytes, 8 price lines and 8 arbiters fits."""

STATEMENT = Map({"body": Bytes(1, STATEMENT_BYTES_MAX), "key": ID, "sig": Bytes(64)})
"""The form of a statement inside an operation or message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Something one key signed for one purpose."""

    purpose: str
    """The tag: a proposal can never be shown as an acceptance."""
    body: bytes
    """Canonical bytes of a map, exactly as signed."""
    key: PublicKey
    signature: Signature
    id: bytes = field(init=False)
    """``digest(purpose, body)``, 32 bytes: what the signature covers; never depends on the signature."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", digest(self.purpose, self.body))

    @property
    def content(self) -> dict[str, Any]:
        """The signed map; empty, and so of no form, where the bytes are none: anybody can sign anything."""
        try:
            value = decode(self.body, bytes_max=STATEMENT_BYTES_MAX)
        except NotCanonical:
            return {}
        return value if isinstance(value, dict) else {}

    def is_signed(self) -> bool:
        """Whether the signature is the key's."""
        return verify(self.key, self.id, self.signature)

    def to_value(self) -> dict[str, Value]:
        """The form that travels inside an operation or a message."""
        return {"body": self.body, "key": self.key, "sig": self.signature}


def sign_statement(purpose: str, content: Mapping[str, Value], signer: SigningKey) -> Statement:
    """`content`, signed for `purpose`."""
    body = encode(content)
    return Statement(purpose=purpose, body=body, key=signer.public, signature=signer.sign(digest(purpose, body)))


def read_statement(purpose: str, value: Value, path: str = "") -> Statement:
    """The statement in `value`, its signature *not* yet checked; raises `Malformed`."""
    STATEMENT.check(value, path)
    return Statement(
        purpose=purpose,
        body=value["body"],
        key=PublicKey(value["key"]),
        signature=Signature(value["sig"]),
    )
