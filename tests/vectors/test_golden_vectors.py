"""The golden vectors are taken and refused as they say, and made again byte for byte.

Byte-stable for ever: a vector that changes means that a ledger written yesterday reads differently today.
"""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest

from ledger.block import Block, read_block
from ledger.canonical import NotCanonical, decode, encode
from ledger.chain import Chain
from ledger.charter import read_charter
from ledger.consensus.votes import BadCertificate, VoteKind, read_certificate, vote_id
from ledger.entry import read_entry
from ledger.errors import RemoteError
from ledger.fold import is_fully_signed
from ledger.keys import is_admissible, verify
from ledger.merkle import list_root
from ledger.operations.registry import OPERATIONS
from ledger.proof import ShownEntry, check
from ledger.proof_making import epoch_end
from ledger.snapshot import Snapshot
from ledger.state import State
from tests.vectors.generate import FILES, FOLDER, written
from tests.vectors.of_bytes import shown


def vectors(name: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def raw(row: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(row[name])


@pytest.mark.parametrize("name", FILES)
def test_the_vectors_are_made_again_byte_for_byte(name: str) -> None:
    """B-1, S-4."""
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == written(name)


def test_there_are_a_hundred_good_and_three_hundred_bad_vectors() -> None:
    """Enough for a second implementation to find its mistakes; every bad one names its rule."""
    files = [vectors(name) for name in FILES]
    assert sum(len(one["valid"]) for one in files) >= 100
    assert sum(len(one["invalid"]) for one in files) >= 300
    assert all(row["rule"] for one in files for row in one["invalid"])
    for one in files:
        for rows in one.values():
            assert len({row["name"] for row in rows}) == len(rows)


def test_every_encoding_is_taken_or_refused_as_its_vector_says() -> None:
    """B-1, B-2, B-3, B-4."""
    for row in vectors("encodings")["valid"]:
        value = decode(raw(row, "bytes"))
        assert shown(value) == row["value"]
        assert encode(value) == raw(row, "bytes")
    for row in vectors("encodings")["invalid"]:
        with pytest.raises(NotCanonical):
            decode(raw(row, "bytes"))
            pytest.fail(row["name"])


def test_every_signature_and_key_is_judged_as_its_vector_says() -> None:
    """K-1, K-2."""
    for expected in (True, False):
        kind = "valid" if expected else "invalid"
        for row in vectors("signatures")[kind]:
            assert verify(raw(row, "key"), raw(row, "message"), raw(row, "signature")) is expected, row["name"]
        for row in vectors("admission")[kind]:
            assert is_admissible(raw(row, "key")) is expected, row["name"]


def test_every_entry_is_taken_or_refused_as_its_vector_says() -> None:
    """E-1, E-2, E-3; each operation has a vector."""
    rows = vectors("entries")
    assert [row["name"] for row in rows["valid"]] == list(OPERATIONS)
    for row in rows["valid"]:
        entry = read_entry(raw(row, "body"), raw(row, "signature"))
        assert (entry.id, entry.name) == (raw(row, "id"), row["name"])
        assert is_fully_signed(entry)
    for row in rows["invalid"]:
        try:
            entry = read_entry(raw(row, "body"), raw(row, "signature"))
        except RemoteError:
            continue
        assert not is_fully_signed(entry), row["name"]


def test_every_tree_and_vote_is_as_its_vector_says() -> None:
    """B-6, S-2, V-1."""
    for row in vectors("trees")["valid"]:
        if "leaves" in row:
            root = list_root([bytes.fromhex(leaf) for leaf in row["leaves"]])
        else:
            root = State([(bytes.fromhex(key), bytes.fromhex(value)) for key, value in row["pairs"]]).root
        assert root == raw(row, "root"), row["name"]
    for row in vectors("votes")["valid"]:
        kind = VoteKind(row["kind"])
        message = vote_id(raw(row, "network"), row["epoch"], row["view"], kind, raw(row, "block"))
        assert message == raw(row, "id")
        assert verify(raw(row, "key"), message, raw(row, "signature"))


def test_every_proof_holds_or_is_refused_as_its_vector_says() -> None:
    """O-1 to O-8."""
    for row in vectors("proofs")["valid"]:
        proved = check(raw(row, "proof"), read_charter(raw(row, "charter")))
        assert proved.header.height == row["shows"]["height"], row["name"]
        if isinstance(proved.what, ShownEntry):
            assert proved.what.outcome == row["shows"].get("outcome", "")
        elif proved.what.holding is not None:
            assert proved.what.holding.free == row["shows"]["free"]
    for row in vectors("proofs")["invalid"]:
        with pytest.raises(RemoteError):
            check(raw(row, "proof"), read_charter(raw(row, "charter")))
            pytest.fail(row["name"])


def test_the_history_of_blocks_is_taken_and_every_broken_one_refused_at_its_height() -> None:
    """B-9 to B-12, E-4, V-3, V-4: invariant 4."""
    rows = vectors("blocks")
    first, *history = rows["valid"]
    chain, _ = Chain.founded(read_charter(raw(first, "charter")))
    assert chain.state.root == raw(first, "state")
    refused = 0
    for row in history:
        for wrong in rows["invalid"]:
            if wrong["after"] == chain.head.height:
                with pytest.raises(RemoteError):
                    chain.advance([read_block(raw(wrong, "block"))], read_certificate(raw(wrong, "certificate")))
                    pytest.fail(wrong["name"])
                refused += 1
        block = read_block(raw(row, "block"))
        assert (block.header.id, list(block.outcomes)) == (raw(row, "id"), row["outcomes"])
        chain.take(chain.advance([block], read_certificate(raw(row, "certificate"))))
        assert chain.state.root == block.header.state_root
    assert refused == len(rows["invalid"]) > 100


def test_the_history_through_changes_of_witnesses_is_taken_and_what_does_not_continue_it_is_refused() -> None:
    """G-2, V-3, V-5, V-22, B-11, O-4: one witness, two, three, four, and another key for one of the four."""
    rows = vectors("epochs")
    first, *history = rows["valid"]
    chain, _ = Chain.founded(read_charter(raw(first, "charter")))
    sizes, refused = [len(chain.witnesses)], 0
    for row in history:
        for wrong in rows["invalid"]:
            if wrong["after"] == chain.head.height:
                with pytest.raises(BadCertificate if wrong["rule"] == "V-3" else RemoteError):
                    chain.advance(blocks_of(wrong), read_certificate(raw(wrong, "certificate")))
                    pytest.fail(wrong["name"])
                refused += 1
        blocks, epoch = blocks_of(row), chain.head.epoch
        assert [block.header.id.hex() for block in blocks] == row["ids"]
        chain.take(chain.advance(blocks, read_certificate(raw(row, "certificate"))))
        assert chain.state.root == blocks[-1].header.state_root
        found = {"epoch": epoch, "epoch_after": chain.head.epoch, "height": chain.head.height}
        assert {**found, "outcomes": [list(block.outcomes) for block in blocks]} == row["shows"]
        head = row["lines"][-1 - len(blocks[-1].entries)]
        assert ("epoch_end" in head) is (chain.head.epoch > epoch)
        if "epoch_end" in head:
            ended = epoch_end(blocks[-1].header.body, raw(row, "certificate"), chain.state)
            assert base64.b64decode(head["epoch_end"]) == ended
            sizes.append(len(chain.witnesses))
    assert refused == len(rows["invalid"]) > 25
    assert sizes == [1, 2, 3, 4, 4]


def blocks_of(row: dict[str, Any]) -> list[Block]:
    return [read_block(bytes.fromhex(data)) for data in row["blocks"]]


def test_every_snapshot_is_taken_or_refused_as_its_vector_says() -> None:
    """O-13 to O-17."""
    for row in vectors("snapshots")["valid"]:
        read = Snapshot(io.BytesIO(raw(row, "snapshot")).read, read_charter(raw(row, "charter")))
        state, start = State(pair for chunk in read.chunks() for pair in chunk), read.start
        assert state.root == start.block.header.state_root
        found = {"epoch": start.epoch, "height": start.block.header.height, "pairs": len(state), "view": start.view}
        assert found == row["shows"]
    for row in vectors("snapshots")["invalid"]:
        with pytest.raises(RemoteError):
            for _ in Snapshot(io.BytesIO(raw(row, "snapshot")).read, read_charter(raw(row, "charter"))).chunks():
                pass
