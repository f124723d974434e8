"""The scripts a newcomer meets: each is small, explains itself, refuses with a sentence and does only what it says."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.house.sources import PROJECT

LINES_MAX = 45
LONGER: dict[str, str] = {"scripts/neighbourhood": "one program: the whole first job, told step by step"}
SCRIPTS = sorted(
    path.relative_to(PROJECT).as_posix()
    for path in (*(PROJECT / "scripts").iterdir(), *(PROJECT / ".ci").iterdir())
    if path.is_file() and path.suffix == ""
)


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with a bare environment in which only `environment` is set beside PATH."""
    bare = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(
        command, env=bare, cwd=PROJECT, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )


def stand_in(folder: Path, version: str) -> Path:
    """A program that answers as a Python of `version` would when asked which it is, and fits nothing."""
    program = folder / "python-stand-in"
    program.write_text(f'#!/bin/sh\ncase "$2" in *print*) echo {version} ;; *) exit 1 ;; esac\n')
    program.chmod(0o755)
    return program


def everything_in(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_run_and_is_small(script: str) -> None:
    lines = (PROJECT / script).read_text().count("\n")
    assert os.access(PROJECT / script, os.X_OK), f"{script} is not executable"
    assert lines <= LINES_MAX or script in LONGER, f"{script} has {lines} lines"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_explains_itself_and_does_nothing_more(script: str, tmp_path: Path) -> None:
    said = run(PROJECT / script, "--help", HOME=str(tmp_path))
    assert said.returncode == 0, said.stderr
    assert "usage" in said.stdout.lower() or said.stdout.count(" ") > 8
    assert everything_in(tmp_path) == set()


@pytest.mark.parametrize("version", ["3.14", "3.10", "2.7"])
def test_a_python_that_does_not_fit_is_refused_with_a_sentence(version: str, tmp_path: Path) -> None:
    said = run(PROJECT / "scripts/_environment", "--at", str(tmp_path / "env"), PYTHON=str(stand_in(tmp_path, version)))
    assert said.returncode == 1
    assert "dpnode needs Python 3.11, 3.12 or 3.13" in said.stderr
    assert f"is Python {version};" in said.stderr
    assert not (tmp_path / "env").exists()


def test_a_dry_install_writes_nothing_and_names_both_places(tmp_path: Path) -> None:
    said = run(PROJECT / "scripts/install", "--dry-run", "--bin", "tools", HOME=str(tmp_path))
    assert said.returncode == 0, said.stderr
    assert f"{tmp_path}/.local/share/dpnode-program" in said.stdout
    assert f"{PROJECT}/tools/dpnode" in said.stdout
    assert everything_in(tmp_path) == set()


def test_the_program_never_stands_in_the_folder_of_keys_and_ledger(tmp_path: Path) -> None:
    """A node's home is the data folder named dpnode; what uninstall removes must be another one."""
    said = run(PROJECT / "scripts/install", "--dry-run", HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path / "data"))
    assert f"{tmp_path}/data/dpnode-program and" in said.stdout


def test_install_refuses_a_command_of_that_name_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "dpnode").write_text("somebody else's")
    said = run(PROJECT / "scripts/install", "--bin", str(tmp_path), HOME=str(tmp_path))
    assert said.returncode == 1
    assert f"{tmp_path}/dpnode exists and is not ours" in said.stderr
    assert (tmp_path / "dpnode").read_text() == "somebody else's"


@pytest.mark.parametrize("script", ["scripts/install", "scripts/uninstall"])
def test_an_unknown_option_is_refused(script: str, tmp_path: Path) -> None:
    said = run(PROJECT / script, "--dry-runn", HOME=str(tmp_path))
    assert (said.returncode, "no such option: --dry-runn" in said.stderr) == (2, True)
    assert everything_in(tmp_path) == set()


def installed(home: Path) -> Path:
    """What an installed program looks like from outside, beside a node's home and a link of somebody else's."""
    share = home / ".local/share"
    for name in ("dpnode-program/bin/dpnode", "dpnode-program/.runs", "dpnode/keys/working"):
        (share / name).parent.mkdir(parents=True, exist_ok=True)
        (share / name).write_text("x")
    (home / "bin").mkdir()
    (home / "bin/dpnode").symlink_to(share / "dpnode-program/bin/dpnode")
    (home / "bin/other").symlink_to("/bin/true")
    (share / "dpnode-program.links").write_text(f"{home}/bin/dpnode\n{home}/bin/other\n{home}/bin/gone\n")
    return share


def test_uninstall_removes_the_program_and_its_link_and_keeps_keys_and_ledger(tmp_path: Path) -> None:
    share = installed(tmp_path)
    before = everything_in(tmp_path)
    assert run(PROJECT / "scripts/uninstall", "--dry-run", HOME=str(tmp_path)).returncode == 0
    assert everything_in(tmp_path) == before
    said = run(PROJECT / "scripts/uninstall", HOME=str(tmp_path))
    assert said.returncode == 0, said.stderr
    assert f"Not touched: every node's home folder with its keys and ledger (by default {share}/dpnode)" in said.stdout
    assert (share / "dpnode/keys/working").exists()
    assert {path.name for path in share.iterdir()} == {"dpnode"}
    assert {path.name for path in (tmp_path / "bin").iterdir()} == {"other"}


def test_uninstall_where_nothing_is_installed_says_so(tmp_path: Path) -> None:
    said = run(PROJECT / "scripts/uninstall", HOME=str(tmp_path))
    assert (said.returncode, "dpnode is not installed here" in said.stdout) == (0, True)


@pytest.mark.parametrize(("reached", "of", "status"), [(95, 100, 0), (9499, 10000, 1), (100, 100, 0), (0, 0, 1)])
def test_the_gate_on_branches_fails_below_its_figure(reached: int, of: int, status: int, tmp_path: Path) -> None:
    summary = {"covered_branches": reached, "num_branches": of, "missing_branches": of - reached}
    (tmp_path / "report").write_text(json.dumps({"files": {"ledger/x.py": {"summary": summary}}}))
    said = run("python3", PROJECT / "scripts/_branches.py", tmp_path / "report", "95")
    assert said.returncode == status
    assert f"{reached} of {of} reached" in said.stdout
