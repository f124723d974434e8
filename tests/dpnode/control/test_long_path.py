"""A home whose path is too long for a socket: said as what it is, so that what needs no daemon still works."""

from pathlib import Path

import pytest

from dpnode.control.client import ask
from dpnode.control.questions.node import Status
from dpnode.errors import FailKind, Problem


def test_a_home_with_a_path_too_long_for_a_socket_has_no_daemon_and_says_why(tmp_path: Path) -> None:
    home = tmp_path / ("h" * 120)
    with pytest.raises(Problem, match="too long for a socket; move it to a shorter one") as refused:
        ask(home / "run" / "control", Status())
    assert refused.value.kind is FailKind.DAEMON_DOWN
    assert str(home) in refused.value.sentence
