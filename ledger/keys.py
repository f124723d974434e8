"""Who says it: Ed25519 keys, signatures and member ids.

The only file that knows the curve. Libraries disagree on odd signatures, so one decides for everybody: libsodium by
way of PyNaCl, strict (SPEC K-1). A key is admitted only if it is a canonical point of prime order, which rules out
keys under which one signature fits many messages (SPEC K-2).
"""

from __future__ import annotations

from typing import NewType

from nacl import bindings, exceptions

from ledger.canonical import digest

PublicKey = NewType("PublicKey", bytes)
"""32 bytes."""
Signature = NewType("Signature", bytes)
"""64 bytes."""
MemberId = NewType("MemberId", bytes)
"""32 bytes: the hash of a joining statement (SPEC K-3); the same in every network."""

KEY_BYTES = 32
SIGNATURE_BYTES = 64


class SigningKey:
    """A secret Ed25519 key made from a 32-byte seed; signing is deterministic, so it needs no dice."""

    __slots__ = ("_secret", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_BYTES:
            raise ValueError(f"a seed is {KEY_BYTES} bytes, not {len(seed)}")
        public, self._secret = bindings.crypto_sign_seed_keypair(seed)
        self.public = PublicKey(public)

    def sign(self, message: bytes) -> Signature:
        """64 bytes that only this key can make over `message`."""
        return Signature(bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES])

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()[:12]}...)"


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` over `message` was made by `key` (SPEC K-1). Never raises for what a peer sent."""
    if len(key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        bindings.crypto_sign_open(signature + message, key)
    except exceptions.BadSignatureError:
        return False
    return True


def is_admissible(key: bytes) -> bool:
    """Whether `key` is a canonical point of the prime-order group (SPEC K-2)."""
    return len(key) == KEY_BYTES and bool(bindings.crypto_core_ed25519_is_valid_point(key))


def next_root_hash(root: bytes) -> bytes:
    """What stands for a root key before it is revealed: 32 bytes (SPEC K-4)."""
    return digest("root", root)


def member_id(root: bytes, next_hash: bytes) -> MemberId:
    """The id of the member who starts with `root` and has committed to the one after it (SPEC K-3)."""
    return MemberId(digest("member", root, next_hash))
