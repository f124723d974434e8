"""Writes the golden vectors of the ledger: bytes that every program reading this ledger takes or refuses alike.

    python -m tests.vectors.generate            writes tests/vectors/ledger/*.json

No dice and no clock: the same files on every run. A file is {"valid": [...], "invalid": [...]}; each vector has a
name, and what is refused says in which rule of SPEC.md it fails. Bytes are hex; a value is JSON, with {"bytes": hex}
for bytes and {"map": {...}} for a map.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.vectors import of_bytes, of_epochs, of_ledger, of_proofs, of_snapshots
from tests.vectors.of_bytes import Vectors

FOLDER = Path(__file__).resolve().parent / "ledger"
FILES: dict[str, Callable[[], Vectors]] = {
    "admission": of_bytes.admission,
    "blocks": of_ledger.blocks,
    "encodings": of_bytes.encodings,
    "entries": of_ledger.entries,
    "epochs": of_epochs.epochs,
    "proofs": of_proofs.proofs,
    "signatures": of_bytes.signatures,
    "snapshots": of_snapshots.snapshots,
    "trees": of_bytes.trees,
    "votes": of_bytes.votes,
}


def written(name: str) -> str:
    """The text of one file."""
    return json.dumps(FILES[name](), indent=1, sort_keys=True, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file in FILES:
        (FOLDER / f"{file}.json").write_text(written(file), encoding="utf-8")
