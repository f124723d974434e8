"""A home without a daemon, and commands run in it within this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dpnode.cli.main import main
from dpnode.paths import Home

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "h")
    made.make_folders()
    return made


@pytest.fixture
def run(home: Home, capsys: pytest.CaptureFixture[str]) -> Run:
    def one(*words: str) -> tuple[int, str, str]:
        status = main([*words, "--home", str(home.root)])
        out, err = capsys.readouterr()
        return status, out, err

    return one
