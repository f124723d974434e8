"""Golden vectors: the bytes of each operation of work never change, so a ledger written today reads the same for ever.

Keys are made from the seeds 1 and 2 repeated; every other value stands in this file. One body stands here in full, the
rest by their ids.
"""

from __future__ import annotations

from typing import Any

import pytest

from ledger.canonical import decode, digest, encode
from ledger.entry import Entry, read_entry, sign_entry
from ledger.fold import is_fully_signed
from ledger.keys import SigningKey
from ledger.operations import work
from ledger.operations.work_terms import PURPOSE, read_proposal
from ledger.statement import Statement, read_statement, sign_statement

CUSTOMER_KEY, PROVIDER_KEY = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32)
NETWORK = b"n" * 32
JOB = bytes(range(32))
PROPOSAL_CONTENT: dict[str, Any] = {
    "arbiters": [b"j" * 32, b"k" * 32],
    "asset": b"a" * 32,
    "call": b"c" * 32,
    "customer": b"u" * 32,
    "deliver_by": 1_800_086_400_000,
    "design": b"d" * 32,
    "function": b"f" * 32,
    "network": NETWORK,
    "nonce": bytes(range(16)),
    "parameters": {"length": {"d": 2, "n": 81, "u": "mm"}, "material": "PLA"},
    "part": "Winkelstück",
    "price": [
        {"amount": 2**53 - 1, "id": b"m" * 32, "kind": "credit"},
        {"amount": 0, "id": b"a" * 32, "kind": "units"},
        {"amount": 12, "id": b"o" * 32, "kind": "output"},
    ],
    "prose": b"p" * 32,
    "provider": b"v" * 32,
    "quantity": 24,
    "terms": {
        "cancel": {"awarded": 0, "delivered": 10_000, "started": 2_500},
        "inspection_ms": 604_800_000,
        "silence_ms": 1_209_600_000,
        "silence_split_bp": 5_000,
        "void_after_ms": 259_200_000,
    },
    "until": 1_800_000_900_000,
}
FIELDS: dict[str, dict[str, Any]] = {
    "award": {"arbiter": b"k" * 32},
    "progress": {"job": JOB, "note": "half of them", "percent": 50},
    "deliver": {"evidence": [b"e" * 32], "job": JOB, "quantity": 24},
    "receipt": {"accepted": 23, "evidence": [b"e" * 32], "job": JOB, "quality": "one is warped", "rejected": 1},
    "claim": {"job": JOB},
    "cancel": {"job": JOB},
    "fail": {"job": JOB, "reason": "the spindle broke"},
    "void": {"job": JOB},
    "dispute": {"evidence": [b"e" * 32], "job": JOB, "reason": "not as drawn"},
    "rule": {"job": JOB, "provider_bp": 6_667},
}
IDS = {
    "award": "6697c4bad3d810cd3ec148a771a5d4f3d49848ce7a09fe56102bad404e319574",
    "progress": "14668de9a6ae4ba1282a41a03edad9ad470a4f90d346a4c5c8733d7c71cda533",
    "deliver": "5e37aea736c2187fbbef7c03386780ed1d51a80efd694eef84e0323fcc4b6a8d",
    "receipt": "2be57e6b4edbdc449b5198a09650bad6688cd073c51319c58228b47c62727658",
    "claim": "6106cf5c4ba01e0201f81208c7b7d40eb70972958956710a1d9abdb9a08a0e2c",
    "cancel": "6734d345d289c9d3993658438942bc93cc666e28413dae088bb616cc3c727804",
    "fail": "02330fae147aa9038e4756e633a5d732e89e081fe8b6baac0330831e1efe8dc1",
    "void": "b8c33009fa1fea0f86ee93b20bf7e26edfd4b8a1861aabfddef6a8e85a2fc764",
    "dispute": "00a6497210ebe5c15f8458e399cf15c6b0fc38f6d03a4a6256de79a6106ab071",
    "rule": "dfd2489b1e8e7b23bf01743cee3578728df5b59b290b32c6b68e9d5e74b2ab5c",
}
PROPOSAL_ID = "7dd6b1592bc2735a0560acf1a79072da5a4e5ddbc9309356a1ff88e96ac5ca39"
CLAIM_BODY = (
    "85a36b6579c4208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5ca76e6574776f726bc4206e"
    "6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6ea26f7082a36a6f62c420000102030405060708"
    "090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fa174ac776f726b2e636c61696d2f31a373657107a5756e74696ccf"
    "000001a3186577c0"
)


def proposal() -> Statement:
    """The signed proposal of the award's vector."""
    return sign_statement(PURPOSE, PROPOSAL_CONTENT, PROVIDER_KEY)


def entry_of(name: str) -> Entry:
    """The signed entry of one vector."""
    operation = {"t": f"work.{name}/1", **FIELDS[name]}
    if name == "award":
        operation["proposals"] = [proposal().to_value()]
    return sign_entry(CUSTOMER_KEY, NETWORK, 7, 1_800_000_600_000, operation)


def test_every_operation_of_work_has_a_vector() -> None:
    """W-1, W-11."""
    assert [operation.name for operation in work.OPERATIONS] == [f"work.{name}/1" for name in FIELDS]


@pytest.mark.parametrize("name", FIELDS)
def test_an_operations_bytes_are_what_they_always_were(name: str) -> None:
    """W-1, W-11."""
    entry = entry_of(name)
    assert entry.id.hex() == IDS[name]
    assert is_fully_signed(entry)
    again = read_entry(entry.body, entry.signature)
    assert again == entry
    assert encode(decode(entry.body)) == entry.body


def test_a_job_has_the_id_it_always_had() -> None:
    """W-2, W-6: the id hashes the signed bytes and never the signature."""
    signed = proposal()
    assert signed.id.hex() == PROPOSAL_ID
    assert signed.id == digest("proposal", encode(PROPOSAL_CONTENT))
    assert read_proposal(read_statement(PURPOSE, signed.to_value())).id == signed.id


def test_the_shortest_entry_stands_here_in_full() -> None:
    """W-17."""
    assert entry_of("claim").body.hex() == CLAIM_BODY
