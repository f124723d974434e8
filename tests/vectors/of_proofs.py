"""Vectors of proofs: what holds offline by a charter, and what breaks a rule in it (SPEC O-1 to O-8)."""

from __future__ import annotations

from typing import Any

from ledger.canonical import encode
from tests.ledger.proving import Epochs, History, changed, flipped, listed
from tests.vectors.of_bytes import Vectors


def proofs() -> Vectors:
    """Proofs of one history and of three epochs, each with the charter it is checked by and what it shows."""
    history, epochs = History(), Epochs()
    town, later = history.charter.body.hex(), epochs.town.charter.body.hex()
    share, nothing, entry, third = history.share(), history.nothing(), history.entry_at(2), epochs.proof()
    height = history.head.header.height

    def good(name: str, charter: str, proof: bytes, /, **shows: Any) -> dict[str, Any]:
        return {"charter": charter, "name": name, "proof": proof.hex(), "shows": shows}

    valid = [
        good("a share", town, share, free=125_000, height=height, held=0, name="greenhouse", total=1_000_000),
        good("a balance", town, history.balance(), free=699, height=height, held=0, name="EUR"),
        good("nothing", town, nothing, free=0, height=height, held=0),
        good("a record", town, history.record(), height=height, key=(b"member/" + history.people[1].id).hex()),
        good("an entry applied", town, history.entry_at(0), height=height - 1, outcome=""),
        good("an entry refused", town, entry, height=height - 1, outcome="account.too-little"),
        good("an entry at the end", town, history.entry_at(4), height=height - 1, operation="credits.pay/1"),
        good("a pair in the third epoch", later, third, epoch=3, height=3),
    ]
    wrong: list[tuple[str, str, str, bytes]] = [
        ("a share by another charter", "O-3", later, share),
        ("another version", "O-1", town, changed(share, "version", to=2)),
        ("neither an entry nor a pair", "O-1", town, changed(share, "pair", to=None)),
        ("another view", "O-3", town, changed(share, "certificate", "view", to=9)),
        ("a witness twice", "O-3", town, changed(share, "certificate", "places", to=[0, 0, 2])),
        ("a signature that is another's", "O-3", town, changed(share, "certificate", "places", to=[0, 1, 2])),
        ("fewer places than signatures", "O-3", town, changed(share, "certificate", "places", to=[0, 2])),
        ("a link left out", "O-4", town, changed(entry, "above", to=None)),
        ("a link twice", "O-4", town, changed(entry, "above", to=lambda links: links * 2)),
        ("another amount", "O-5", town, changed(share, "pair", "bucket", "pairs", 0, 1, to=encode({"free": 1}))),
        ("another sibling", "O-5", town, changed(share, "pair", "bucket", "path", to=flipped)),
        ("too few siblings", "O-5", town, changed(share, "pair", "bucket", "path", to=lambda path: path[32:])),
        ("a place that is not there", "O-6", town, changed(share, "pair", "place", to=64)),
        ("a place and a key", "O-6", town, changed(share, "pair", to=lambda pair: {**pair, "key": b"k"})),
        ("a thing made by another entry", "O-7", town, changed(share, "pair", "made", to=history.opening.body)),
        ("another outcome", "O-8", town, changed(entry, "entry", "outcome", to="")),
        ("another side", "O-8", town, changed(entry, "entry", "left", to=lambda left: left ^ 1)),
        ("another author's word", "O-8", town, changed(entry, "entry", "signature", to=flipped)),
        ("an epoch left out", "O-4", later, epochs.proof(epochs=epochs.closings[1:])),
        ("no epochs", "O-4", later, epochs.proof(epochs=())),
        ("another list", "O-4", later, changed(
            third, "epochs", 0, "bucket", "pairs", 0, 1, to=encode({"epoch": 2, "list": listed(5, 6, 7, 8)}))),
    ]  # fmt: skip
    for at in range(7, len(share), len(share) // 12):
        wrong.append((f"a bit of byte {at}", "O-1", town, flipped(share, at)))
    invalid = [
        {"charter": charter, "name": name, "proof": proof.hex(), "rule": rule} for name, rule, charter, proof in wrong
    ]
    return {"invalid": invalid, "valid": valid}
