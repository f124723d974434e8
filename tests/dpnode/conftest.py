"""Says at the end of a run how often the power was cut and how many calls of the disk failed."""

from __future__ import annotations

import pytest

COUNTED = pytest.StashKey[list[str]]()


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> list[str]:
    """Sentences that are printed at the end."""
    return request.config.stash.setdefault(COUNTED, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for sentence in config.stash.get(COUNTED, []):
        terminalreporter.write_line(sentence)
