"""Vectors of what has no history: encodings, signatures, keys, trees, votes (SPEC B-1 to B-6, K-1, K-2, S-2, V-1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger.canonical import INTEGER_MAX, digest, encode
from ledger.consensus.votes import VoteKind, sign_vote, vote_id
from ledger.keys import SigningKey
from ledger.merkle import list_root
from ledger.state import State
from tests.ledger.town import Person

Vectors = dict[str, list[dict[str, Any]]]

ORDER = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
)


def shown(value: Any) -> Any:
    """A value as JSON can carry it."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {"map": {name: shown(item) for name, item in sorted(value.items())}}
    return value


# -- encodings (B-1 to B-4)

VALUES: tuple[Any, ...] = (
    False, True, 0, 1, 31, 32, 127, 128, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, INTEGER_MAX,
    -1, -32, -33, -128, -129, -32_768, -32_769, -(2**31), -(2**31) - 1, -INTEGER_MAX,
    "", "a", "a" * 31, "a" * 32, "a" * 255, "a" * 256, "Winkelstück", "Ω", "木材", "\U0001f600", "a\nb", "\u1e9b\u0323",
    b"", b"a", bytes(31), bytes(32), bytes(255), bytes(256), b"\x80" * 300,
    [], [1], [0] * 15, [0] * 16, [[]], [[[1]]], ["a", b"a", 1, True], [[], {}, "", b""],
    {}, {"a": 1}, {"a": {"a": {}}}, {"A": 1, "a": 2}, {"a": 1, "aa": 2, "b": 3}, {"-": 1, ".": 2, "0": 3},
    {f"k{i:02}": i for i in range(15)}, {f"k{i:02}": i for i in range(16)},
    {"d": 2, "n": 81, "u": "mm"}, {"lat": 4785, "lon": 1605}, {" ": " "}, {"\x7f": 0},
)  # fmt: skip

WRONG: tuple[tuple[str, str, str], ...] = (
    ("nothing", "", "B-1"),
    ("nil", "c0", "B-1"),
    ("nil in a list", "91c0", "B-1"),
    ("nil in a map", "81a161c0", "B-1"),
    ("never used", "c1", "B-1"),
    ("a float", "ca3f800000", "B-1"),
    ("a double", "cb3ff0000000000000", "B-1"),
    ("not a number", "cb7ff8000000000000", "B-1"),
    ("minus zero", "cb8000000000000000", "B-1"),
    ("fixext 1", "d40500", "B-1"),
    ("fixext 2", "d5050000", "B-1"),
    ("ext 8", "c7010500", "B-1"),
    ("a timestamp", "d6ff00000000", "B-1"),
    ("a broken timestamp", "c705ff0000000000", "B-1"),
    ("2^53", "cf0020000000000000", "B-2"),
    ("-2^53", "d3ffe0000000000000", "B-2"),
    ("2^63", "cf8000000000000000", "B-2"),
    ("2^64 - 1", "cfffffffffffffffff", "B-2"),
    ("-2^63", "d38000000000000000", "B-2"),
    ("a text that is no UTF-8", "a1ff", "B-3"),
    ("an overlong UTF-8", "a2c080", "B-3"),
    ("a surrogate", "a3eda080", "B-3"),
    ("beyond Unicode", "a4f4908080", "B-3"),
    ("e and an accent", "a365cc81", "B-3"),
    ("the angstrom sign", "a3e284ab", "B-3"),
    ("a sign of Unicode 15.0", "a4f09faba8", "B-3"),
    ("a sign of Unicode 15.1", "a4f0aeafb0", "B-3"),
    ("a sign nobody assigned", "a2cdb8", "B-3"),
    ("a noncharacter", "a3efbfbf", "B-3"),
    ("a key twice", "82a16101a16102", "B-3"),
    ("a key twice with one value", "82a16101a16101", "B-3"),
    ("keys in disorder", "82a16201a16102", "B-3"),
    ("the longer key first", "82a2616101a16102", "B-3"),
    ("lower before upper case", "82a16101a14102", "B-3"),
    ("an empty key", "81a001", "B-3"),
    ("a key that is not ASCII", "81a2c3a901", "B-3"),
    ("a key that is bytes", "81c4016101", "B-3"),
    ("a key that is a number", "810101", "B-3"),
    ("a key that is a bool", "81c301", "B-3"),
    ("a key that is a list", "819001", "B-3"),
    ("a key that is nil", "81c001", "B-3"),
    ("seventeen lists", "91" * 17 + "01", "B-4"),
    ("seventeen maps", "81a161" * 17 + "01", "B-4"),
    ("more items than bytes", "ddffffffff", "B-4"),
)


def longer(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The same value with every head that is longer than it must be."""
    first = data[0]
    if first < 0x80:
        yield "uint 8", b"\xcc" + data
        yield "int 8", b"\xd0" + data
        yield "int 64", b"\xd3" + bytes(7) + data
    elif first >= 0xE0:
        yield "int 8", b"\xd0" + data
        yield "int 16", b"\xd1\xff" + data
    elif 0xA0 <= first < 0xC0:
        yield "str 8", b"\xd9" + bytes([first & 31]) + data[1:]
        yield "str 16", b"\xda\x00" + bytes([first & 31]) + data[1:]
    elif 0x90 <= first < 0xA0:
        yield "array 16", b"\xdc\x00" + bytes([first & 15]) + data[1:]
    elif 0x80 <= first < 0x90:
        yield "map 16", b"\xde\x00" + bytes([first & 15]) + data[1:]
    elif first == 0xC4:
        yield "bin 16", b"\xc5\x00" + data[1:]
        yield "bin 32", b"\xc6\x00\x00\x00" + data[1:]
    elif first == 0xCD:
        yield "uint 32", b"\xce\x00\x00" + data[1:]
    elif first == 0xCE:
        yield "uint 64", b"\xcf" + bytes(4) + data[1:]
    elif first == 0xD9:
        yield "str 16", b"\xda\x00" + data[1:]


def encodings() -> Vectors:
    """Values and their one encoding; bytes that are none."""
    valid = [
        {"bytes": encode(value).hex(), "name": f"value {i}", "value": shown(value)} for i, value in enumerate(VALUES)
    ]
    invalid = [{"bytes": data, "name": name, "rule": rule} for name, data, rule in WRONG]
    for i, value in enumerate(VALUES):
        data = encode(value)
        invalid += [
            {"bytes": other.hex(), "name": f"value {i} as {name}", "rule": "B-1"} for name, other in longer(data)
        ]
        if i % 3 == 0:
            invalid.append({"bytes": (data + b"\x00").hex(), "name": f"value {i} and one byte more", "rule": "B-1"})
        if len(data) > 1:
            invalid.append({"bytes": data[:-1].hex(), "name": f"value {i} cut short", "rule": "B-1"})
    return {"invalid": invalid, "valid": valid}


# -- signatures, by K-1 and K-2


def signatures() -> Vectors:
    """Keys, messages and signatures, right and wrong."""
    valid: list[dict[str, Any]] = []
    invalid: list[dict[str, Any]] = []

    def add(to: list[dict[str, Any]], name: str, key: bytes, message: bytes, signature: bytes) -> None:
        row = {"key": key.hex(), "message": message.hex(), "name": name, "signature": signature.hex()}
        to.append(row if to is valid else {**row, "rule": "K-1"})

    for seed in range(12):
        signer = SigningKey(bytes([seed]) * 32)
        add(valid, f"seed {seed}", signer.public, bytes(range(seed * 7)), signer.sign(bytes(range(seed * 7))))
    signer, message = SigningKey(bytes(range(32))), b"twelve brackets"
    good = signer.sign(message)
    add(valid, "the one that is changed below", signer.public, message, good)
    for at in range(64):
        wrong = good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :]
        add(invalid, f"a bit of byte {at}", signer.public, message, wrong)
    s = int.from_bytes(good[32:], "little")
    for times in range(1, 15):
        add(invalid, f"S + {times} L", signer.public, message, good[:32] + (s + times * ORDER).to_bytes(32, "little"))
    for i, point in enumerate(SMALL_ORDER):
        for j, r in enumerate(SMALL_ORDER[:4]):
            add(invalid, f"key of small order {i}, R {j}", bytes.fromhex(point), message, bytes.fromhex(r) + bytes(32))
    add(invalid, "another message", signer.public, message + b".", good)
    add(invalid, "another key", SigningKey(bytes(32)).public, message, good)
    add(invalid, "short", signer.public, message, good[:63])
    add(invalid, "long", signer.public, message, good + b"\x00")
    add(invalid, "empty", signer.public, message, b"")
    return {"invalid": invalid, "valid": valid}


def admission() -> Vectors:
    """Keys that may come to speak for somebody, and points that may not (K-2)."""
    valid = [{"key": SigningKey(bytes([i]) * 32).public.hex(), "name": f"seed {i}"} for i in range(10)]
    prime = 2**255 - 19
    odd = {f"small order {i}": bytes.fromhex(point) for i, point in enumerate(SMALL_ORDER)}
    odd |= {f"y = p + {i}": (prime + i).to_bytes(32, "little") for i in range(4)}
    odd |= {"no point": (2).to_bytes(32, "little"), "all ones": b"\xff" * 32, "short": bytes(31), "long": bytes(33)}
    return {"invalid": [{"key": key.hex(), "name": name, "rule": "K-2"} for name, key in odd.items()], "valid": valid}


# -- trees and votes


def trees() -> Vectors:
    """Roots of lists of leaves and of whole states."""
    leaves = [digest("leaf", bytes([i])) for i in range(20)]
    rows: list[dict[str, Any]] = [
        {"leaves": [leaf.hex() for leaf in leaves[:n]], "name": f"{n} leaves", "root": list_root(leaves[:n]).hex()}
        for n in (0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 20)
    ]
    for n in (0, 1, 2, 50):
        pairs = {b"k%d" % i: encode({"n": i}) for i in range(n)}
        shown_pairs = [[key.hex(), value.hex()] for key, value in sorted(pairs.items())]
        rows.append({"name": f"a state of {n}", "pairs": shown_pairs, "root": State(pairs.items()).root.hex()})
    return {"invalid": [], "valid": rows}


def votes() -> Vectors:
    """What votes sign, and certificates of one and of four witnesses."""
    network, block = b"n" * 32, b"b" * 32
    valid = []
    for kind in VoteKind:
        named = b"" if kind is VoteKind.NULLIFY else block
        signature = sign_vote(Person(0).voting, network, 1, 5, kind, named)
        valid.append(
            {
                "block": named.hex(),
                "epoch": 1,
                "id": vote_id(network, 1, 5, kind, named).hex(),
                "key": Person(0).voting.public.hex(),
                "kind": kind.value,
                "name": f"a vote to {kind.value}",
                "network": network.hex(),
                "signature": signature.hex(),
                "view": 5,
            }
        )
    return {"invalid": [], "valid": valid}
