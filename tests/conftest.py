"""Profiles and fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent
IN_CI = bool(os.environ.get("CI"))

# Compiling a kernel function happens inside the first example that calls it: no deadlines.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True
)
settings.load_profile("ci" if IN_CI else "default")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to rewrite snapshots where nobody would read the difference."""
    if IN_CI and config.getoption("update_snapshots", default=False):
        raise pytest.UsageError("snapshots are never updated in CI")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of recorded data beside the checkout; without it the test is skipped."""
    folder = REPOSITORY.parent / "shared"
    if folder.is_dir():
        return folder
    reason = "the recorded data in ../shared is not here"
    if os.environ.get("PERPKIT_REQUIRE_SHARED") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
