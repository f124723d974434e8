"""Peer ids without libp2p: seed -> key -> multihash -> text and back.

An Ed25519 peer id is the identity multihash (code 0) of the protobuf `PublicKey{Type: Ed25519, Data: 32 bytes}`.
Source: libp2p peer-ids specification. Pure, so that the command line and the ledger's binding of a peer id to its
member need not load libp2p.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dpnode.net.api import PeerId

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_HEAD = bytes([0x00, 0x24, 0x08, 0x01, 0x12, 0x20])
PEER_ID_BYTES = len(_HEAD) + 32
TEXT_CHARS_MAX = 64


def peer_id_of(seed: bytes) -> PeerId:
    """The peer id of the network key grown from a seed of 32 bytes."""
    if len(seed) != 32:
        raise ValueError("a network key's seed has 32 bytes")
    return PeerId(_HEAD + Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


def peer_id_of_key(public: bytes) -> PeerId:
    """The peer id of a raw Ed25519 public key of 32 bytes."""
    if len(public) != 32:
        raise ValueError("an Ed25519 public key has 32 bytes")
    return PeerId(_HEAD + public)


def key_of_peer_id(peer_id: PeerId) -> bytes:
    """The raw Ed25519 public key inside a peer id; ValueError when it is of another kind."""
    if len(peer_id) != PEER_ID_BYTES or not peer_id.startswith(_HEAD):
        raise ValueError("not the peer id of an Ed25519 key")
    return bytes(peer_id[len(_HEAD) :])


def show_peer_id(peer_id: PeerId) -> str:
    """Base58 text, as libp2p writes it (`12D3Koo...`)."""
    number, text = int.from_bytes(peer_id, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    zeros = len(peer_id) - len(peer_id.lstrip(b"\0"))
    return "1" * zeros + text


def parse_peer_id(text: str) -> PeerId:
    """Base58 text -> peer id of an Ed25519 key; ValueError says what is wrong."""
    if not text or len(text) > TEXT_CHARS_MAX:
        raise ValueError("a peer id has 1 to 64 characters")
    number = 0
    for letter in text:
        digit = _ALPHABET.find(letter)
        if digit < 0:
            raise ValueError(f"{letter!r} does not occur in a peer id")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    peer_id = PeerId(b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big"))
    key_of_peer_id(peer_id)
    return peer_id
