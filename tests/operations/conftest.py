"""The lab hosts and the cluster of tests/lab, for tests that take minutes or replace what the cluster stands on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.conftest import cluster, lab, namespace  # noqa: F401  fixtures
from tests.lab.diagnosis import pytest_runtest_makereport  # noqa: F401  a hook


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it is lab tests."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)
