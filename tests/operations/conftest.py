"""The lab hosts and the cluster of tests/lab, for tests that take minutes or replace what the cluster stands on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.conftest import Lab, cluster, namespace  # noqa: F401  fixtures
from tests.lab.conftest import lab as absolute_lab  # noqa: F401  a fixture
from tests.lab.diagnosis import pytest_runtest_makereport  # noqa: F401  a hook


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it is lab tests."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def lab(absolute_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:  # noqa: F811  the fixture
    """The lab, whose operator works in another directory than the repository, with relative paths."""
    return replace(absolute_lab, directory=tmp_path_factory.mktemp("operator"))
