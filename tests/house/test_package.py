"""What is installed is what stands here: every package and data file ships, every pin is hashed and the locks agree."""

import ast
import re
import sys
import tomllib

from setuptools import find_packages

from tests.house.sources import LEFT_OUT, PROJECT, ROOMS, python_files

PROJECT_TABLE = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("requirements-build.txt", "requirements.txt", "requirements-dev.txt")
MODULE_OF = {"pynacl": "nacl", "ruamel.yaml": "ruamel"}
"""Packages whose module is not called as they are."""
PIN = re.compile(
    r"^([a-z0-9][a-z0-9._-]*)==(\S+)([^\n]*\\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)?", re.MULTILINE
)


def pins(lock: str) -> dict[tuple[str, str], bool]:
    """(name, version) -> whether it carries hashes."""
    return {(name, version): bool(hashes) for name, version, hashes in PIN.findall((PROJECT / lock).read_text())}


def test_the_program_is_made_of_the_four_rooms_and_nothing_else() -> None:
    found = find_packages(str(PROJECT), include=PROJECT_TABLE["tool"]["setuptools"]["packages"]["find"]["include"])
    assert {name.split(".")[0] for name in found} == set(ROOMS)


def test_every_data_file_of_a_room_is_installed() -> None:
    shipped = {
        path
        for package, patterns in PROJECT_TABLE["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in PROJECT.joinpath(*package.split(".")).glob(pattern)
    }
    for room in ROOMS:
        for path in (PROJECT / room).rglob("*"):
            if path.is_file() and path.suffix not in {".py", ".pyc"} and LEFT_OUT.isdisjoint(path.parts):
                assert path in shipped, f"{path.relative_to(PROJECT)} is in no line of package-data"


def test_every_room_says_that_it_is_typed() -> None:
    for room in ROOMS:
        assert (PROJECT / room / "py.typed").exists(), room


def test_every_pin_is_hashed_and_no_lock_names_a_registry() -> None:
    for lock in LOCKS:
        text = (PROJECT / lock).read_text()
        found = pins(lock)
        assert found and all(found.values()), f"{lock}: {[name for name, hashed in found.items() if not hashed]}"
        assert len(found) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)), f"{lock} has a line that is no pin"
        assert not re.search(r"https?://|--(extra-)?index|--find-links|--trusted", text), lock


def test_what_tests_run_with_is_what_a_node_runs_with() -> None:
    assert pins("requirements.txt").keys() <= pins("requirements-dev.txt").keys()


def test_everything_asked_for_is_locked() -> None:
    for asked, lock in (
        ("requirements.in", LOCKS[1]),
        ("requirements-dev.in", LOCKS[2]),
        ("requirements-build.in", LOCKS[0]),
    ):
        locked = {name for name, _ in pins(lock)}
        for line in (PROJECT / asked).read_text().splitlines():
            if line and not line.startswith("#"):
                name = re.split(r"[=<>~!;#\s]", line)[0].lower().replace(".", "-").replace("_", "-")
                assert name in locked, f"{asked} asks for {name}, which {lock} does not hold: scripts/lock"


def test_the_program_imports_what_is_asked_for_and_nothing_else() -> None:
    """What another package happens to bring may go with its next version; what nobody imports is weight and risk."""
    lines = (PROJECT / "requirements.in").read_text().splitlines()
    asked = {re.split(r"[=<>~!;#\s]", line)[0] for line in lines if line and not line.startswith("#")}
    modules = {MODULE_OF.get(name, name.replace("-", "_")) for name in asked}
    imported = {
        name.split(".")[0]
        for source in python_files(*ROOMS)
        for node in ast.walk(source.tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - set(ROOMS) - sys.stdlib_module_names == modules


def test_the_versions_that_the_network_room_mends_are_exact() -> None:
    """An upgrade of libp2p or trio is a decision with tests behind it, never a side effect of scripts/lock."""
    asked = (PROJECT / "requirements.in").read_text()
    assert re.search(r"^libp2p==\d+\.\d+\.\d+\b", asked, re.MULTILINE)
    assert re.search(r"^trio==\d+\.\d+\.\*", asked, re.MULTILINE)


def test_every_subpackage_that_has_doors_is_named_by_a_contract() -> None:
    named = {
        name
        for contract in PROJECT_TABLE["tool"]["importlinter"]["contracts"]
        for key in ("source_modules", "forbidden_modules", "allowed_importers")
        for name in contract.get(key, [])
    }
    for room in ("net", "store", "control", "cli", "web"):
        if (PROJECT / "dpnode" / room).is_dir():
            assert f"dpnode.{room}" in named, f"no contract in pyproject.toml guards dpnode.{room}"
