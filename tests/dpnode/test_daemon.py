"""A node that cannot start says why, as one problem with a sentence and not as a group from inside its nurseries."""

import socket
from pathlib import Path

import pytest

from config.settings import Network, Settings
from dpnode.daemon import run_daemon
from dpnode.errors import FailKind, Problem
from dpnode.identity.identity import make_identity
from dpnode.paths import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "h")
    made.make_folders()
    make_identity(made, b"e" * 32, name="founder", passphrase=None, confirmed=True)
    return made


def test_a_taken_port_is_one_sentence_that_names_the_setting(home: Home) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        network = Network(listen=(f"/ip4/127.0.0.1/tcp/{port}",), allow_loopback=True, mdns=False)
        with pytest.raises(Problem, match=rf"{port}.*\[network\] listen") as refused:
            run_daemon(home, Settings(network=network), lambda ready: None)
    assert refused.value.kind is FailKind.FAILED


def test_a_file_that_is_no_ledger_is_one_sentence_that_names_it(home: Home) -> None:
    home.database.write_bytes(b"this is somebody's diary, not a ledger " * 200)
    with pytest.raises(Problem, match=r"ledger\.db"):
        run_daemon(home, Settings(), lambda ready: None)
