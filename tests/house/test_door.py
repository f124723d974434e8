"""Ordering is one narrow door: nobody reaches past it, and the import contracts that guard it leave nothing out."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

from protocol.replication.door import Door
from tests.house.sources import PROJECT, Source, planted, python_files

SHARED = {"ledger.consensus.votes", "ledger.consensus.tree"}
"""No secrets of the engine: votes and certificates stand in blocks, files and messages, and the tree is its ground."""
BEHIND = {"protocol.replication.orderer", "protocol.replication.wire", "protocol.replication.ended"}
NAMES = {name for name in (*vars(Door), *Door.__annotations__) if not name.startswith("_")}


def past_the_door(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Attribute(value=ast.Attribute(attr="orderer") | ast.Name(id="orderer"), attr=name):
                if name not in NAMES:
                    yield f"{source.path}:{node.lineno}: {name} does not stand in the door to the ordering"


def guarded() -> dict[str, set[str]]:
    """Module that stands behind the door -> who may import it, as the contracts have it."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found: dict[str, set[str]] = {}
    for contract in contracts:
        for module in contract.get("protected_modules", ()):
            found[module] = set(contract["allowed_importers"])
    return found


def modules(folder: str) -> set[str]:
    return {f"{folder.replace('/', '.')}.{Path(one.path).stem}" for one in python_files(folder)}


def test_nobody_uses_of_the_ordering_what_does_not_stand_in_the_door() -> None:
    assert [complaint for source in python_files("protocol", "dpnode") for complaint in past_the_door(source)] == []


def test_reaching_past_the_door_would_be_seen() -> None:
    seen = planted("def view(core):\n    return core.ledger.orderer._replica.view\n")
    assert len(list(past_the_door(seen))) == 1


def test_every_file_of_the_consensus_but_votes_and_tree_is_known_behind_the_door_alone() -> None:
    behind = modules("ledger/consensus") - SHARED - {"ledger.consensus.__init__"}
    assert {module: guarded().get(module) for module in behind} == dict.fromkeys(behind, BEHIND | {"ledger.consensus"})


def test_the_engine_is_chosen_in_one_place() -> None:
    choosing = BEHIND | {"protocol.replication.ledger_peer"}
    assert {module: guarded().get(module) for module in BEHIND} == dict.fromkeys(BEHIND, choosing)
