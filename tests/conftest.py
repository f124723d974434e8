"""What every test shares: where things stand, and one hypothesis profile per place they run.

Hypothesis draws from a fixed seed under CI so that a red run can be run again; a seed printed by any run stands in
the failure's own text.
"""

import os
from pathlib import Path

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
