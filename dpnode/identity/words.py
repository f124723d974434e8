"""The 24 words: 256 bits of entropy as BIP-39 writes them, and the root keys that follow from it.

    entropy = the 256 bits of the words (BIP-39 English list, checksum checked)
    root i  = the Ed25519 key whose seed is HKDF-SHA256(key material = entropy, no salt,
              info = "dpnode/root/" followed by i in ASCII decimal, 32 bytes)

BIP-39 fixes only how bits are written as words; its own stretching and passphrase are not used. Source: ledger.md,
Identity; RFC 5869; BIP-39.
"""

import hashlib
import hmac
import unicodedata

from dpnode.errors import FailKind, Problem
from ledger.keys import MemberId, PublicKey, SigningKey, member_id, next_root_hash

WORDS = 24
ENTROPY_BYTES = 32
SEED_BYTES = 32


def words_of(entropy: bytes) -> list[str]:
    """The 24 words of 32 bytes."""
    from mnemonic import Mnemonic

    assert len(entropy) == ENTROPY_BYTES
    written: str = Mnemonic("english").to_mnemonic(entropy)
    return written.split(" ")


def entropy_of(text: str) -> bytes:
    """The 32 bytes of 24 words, however they are spaced, numbered or capitalised.

    Errors:
        Problem: USAGE, naming the word that is not on the list (never the others), or saying the checksum is wrong.
    """
    from mnemonic import Mnemonic

    plain = unicodedata.normalize("NFKD", text).lower().replace(".", " ").replace(",", " ")
    words = [word for word in plain.split() if not word.isdigit()]
    if len(words) != WORDS:
        raise Problem(FailKind.USAGE, f"{WORDS} words are needed, {len(words)} were given")
    book = Mnemonic("english")
    known = set(book.wordlist)
    for number, word in enumerate(words, 1):
        if word not in known:
            import difflib

            near = difflib.get_close_matches(word, book.wordlist, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise Problem(FailKind.USAGE, f"word {number} is not on the list of words{meant}")
    try:
        return bytes(book.to_entropy(words))
    except ValueError as error:
        raise Problem(
            FailKind.USAGE, "these words do not belong together: one of them, or their order, is wrong"
        ) from error


def root_seed(entropy: bytes, number: int) -> bytes:
    """The 32-byte Ed25519 seed of root key `number`."""
    assert len(entropy) == ENTROPY_BYTES
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), entropy, "sha256")
    # One block of output is all that is needed: HKDF-Expand's first round.
    return hmac.digest(extracted, b"dpnode/root/" + str(number).encode("ascii") + b"\x01", "sha256")


def root_key(entropy: bytes, number: int) -> SigningKey:
    """Root key `number`."""
    return SigningKey(root_seed(entropy, number))


def first_member_id(entropy: bytes) -> MemberId:
    """The member id of these words: root 0 now, root 1 committed to."""
    following: PublicKey = root_key(entropy, 1).public
    return member_id(root_key(entropy, 0).public, next_root_hash(following))
