"""What every test shares: where things stand, and one hypothesis profile per place they run.

Hypothesis draws from a fixed seed under CI so that a red run can be run again; a seed printed by any run stands in
the failure's own text. At the end of a run it says how often the power was cut and how many calls of the disk failed.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "home", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True, max_examples=50
)
settings.register_profile("ci", parent=settings.get_profile("home"), derandomize=True, max_examples=100)
settings.load_profile("ci" if os.environ.get("CI") else "home")


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder of the project: where pyproject.toml stands."""
    return Path(__file__).resolve().parent.parent


COUNTED = pytest.StashKey[list[str]]()


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> list[str]:
    """Sentences that are printed at the end."""
    return request.config.stash.setdefault(COUNTED, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Where tests run in several processes: take over what one of them counted."""
    node.config.stash.setdefault(COUNTED, []).extend(getattr(node, "workeroutput", {}).get("counted", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In one of several processes: hand on what was counted here."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["counted"] = session.config.stash.get(COUNTED, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was counted."""
    for sentence in config.stash.get(COUNTED, []):
        terminalreporter.write_line(sentence)
