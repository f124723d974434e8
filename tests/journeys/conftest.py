"""Streets of real nodes for journeys: one of its own for a test that breaks things, shared ones for the rest."""

from collections.abc import Iterator

import pytest

from tests.journeys.nodes import Street, street


@pytest.fixture
def alone() -> Iterator[Street]:
    """An empty street, closed after the test."""
    with street() as made:
        yield made
