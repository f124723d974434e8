"""The root's entropy on disk, encrypted, for as long as the owner has not shown that the words are written down.

Under a passphrase: scrypt, then ChaCha20-Poly1305. Without one: under a random key in a second file beside it, which
protects a copy of the one file alone, and nothing against whoever can read the whole folder; `init` says so.
Both bind the member id, so that a sealed root cannot be put under another identity.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpnode.errors import FailKind, Problem
from dpnode.identity.private_files import read_private, remove_private, write_private
from dpnode.paths import Home
from ledger.canonical import NotCanonical, decode, encode
from ledger.form import ID, Bytes, Int, Malformed, Map

SCRYPT_LOG2_N = 16
SCRYPT_R = 8
SCRYPT_P = 1
"""64 MiB and about 0.2 s per guess on a home machine: RFC 7914 with OWASP's figure for n halved for small boards."""
SCRYPT_LOG2_N_MAX = 20
"""1 GiB: a file that asks for more was not written by us."""
KEY_BYTES = 32
NONCE_BYTES = 12
SALT_BYTES = 16

PASSPHRASE = "passphrase"
MACHINE = "machine"

_FORM = Map(
    {"member": ID, "nonce": Bytes(NONCE_BYTES), "sealed": Bytes(1, 256), "v": Int(1, 1)},
    optional={"log2_n": Int(10, SCRYPT_LOG2_N_MAX), "salt": Bytes(SALT_BYTES)},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRoot:
    """The encrypted entropy as it lies on disk."""

    member: bytes
    nonce: bytes
    sealed: bytes
    salt: bytes
    """Empty: under the machine key."""
    log2_n: int

    @property
    def under(self) -> str:
        """`PASSPHRASE` or `MACHINE`."""
        return PASSPHRASE if self.salt else MACHINE


def seal_root(home: Home, member: bytes, entropy: bytes, passphrase: str | None) -> None:
    """Write the entropy encrypted, under `passphrase` or, without one, under a new machine key."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    nonce = os.urandom(NONCE_BYTES)
    value: dict[str, Any] = {"v": 1, "member": member, "nonce": nonce}
    if passphrase is None:
        key = os.urandom(KEY_BYTES)
        write_private(_machine_key(home), key)
    else:
        value |= {"salt": os.urandom(SALT_BYTES), "log2_n": SCRYPT_LOG2_N}
        key = _stretched(passphrase, value["salt"], SCRYPT_LOG2_N)
    value["sealed"] = ChaCha20Poly1305(key).encrypt(nonce, entropy, _bound_to(member))
    write_private(_sealed(home), encode(value))


def sealed_root(home: Home) -> SealedRoot | None:
    """The sealed root of this home; None once the words were confirmed."""
    if not _sealed(home).exists():
        return None
    try:
        value = decode(read_private(_sealed(home)))
        _FORM.check(value)
    except (NotCanonical, Malformed) as error:
        raise Problem(FailKind.FAILED, f"the sealed root {_sealed(home)} is damaged: {error}") from error
    return SealedRoot(
        member=value["member"],
        nonce=value["nonce"],
        sealed=value["sealed"],
        salt=value.get("salt", b""),
        log2_n=value.get("log2_n", SCRYPT_LOG2_N),
    )


def unseal_root(home: Home, passphrase: str | None) -> bytes:
    """The entropy of this home's sealed root.

    Errors:
        Problem: NOT_FOUND when the words were confirmed and the sealed root is gone, NEEDS_PERSON when a passphrase is
            needed, REFUSED when it is wrong.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    found = sealed_root(home)
    if found is None:
        raise Problem(FailKind.NOT_FOUND, "the root key is not on this machine any more: the 24 words are needed")
    if found.under == MACHINE:
        key = read_private(_machine_key(home))
    elif passphrase is None:
        raise Problem(FailKind.NEEDS_PERSON, "the root key is sealed under a passphrase: give it (--passphrase-file)")
    else:
        key = _stretched(passphrase, found.salt, found.log2_n)
    try:
        return ChaCha20Poly1305(key).decrypt(found.nonce, found.sealed, _bound_to(found.member))
    except (InvalidTag, ValueError) as error:
        sentence = "the passphrase is wrong" if found.under == PASSPHRASE else "the machine key does not fit"
        raise Problem(FailKind.REFUSED, f"{sentence}, or {_sealed(home)} is damaged") from error


def forget_root(home: Home) -> None:
    """Delete the sealed root and its machine key, in this order: the key alone is worth nothing."""
    remove_private(_sealed(home))
    remove_private(_machine_key(home))


def _sealed(home: Home) -> Path:
    return home.keys / "root.sealed"


def _machine_key(home: Home) -> Path:
    return home.keys / "root.machine-key"


def _bound_to(member: bytes) -> bytes:
    return b"dpnode/sealed-root/1" + member


def _stretched(passphrase: str, salt: bytes, log2_n: int) -> bytes:
    import unicodedata

    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    text = unicodedata.normalize("NFC", passphrase).encode()
    return Scrypt(salt=salt, length=KEY_BYTES, n=1 << log2_n, r=SCRYPT_R, p=SCRYPT_P).derive(text)
