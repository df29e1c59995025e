"""Which hosts an export serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.offline.manifest import ExportedDistribution, Manifest
from kprov.offline.unpack import Export
from kprov.operations.offline import find_problem

_TRIXIE = ExportedDistribution("trixie", "3.13", "bundles/b", "b", "apt/a", "a")
EXPORT = Export(Path("/e"), Manifest("0", "v1", "x86_64", {"debian13": _TRIXIE}), Path("/cache"))
FACTS = {
    "ansible_distribution": "Debian",
    "ansible_distribution_major_version": "13",
    "ansible_architecture": "x86_64",
    "ansible_python_version": "3.13.5",
}


def test_a_host_of_an_exported_distribution_is_served() -> None:
    assert find_problem(FACTS, EXPORT) is None


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"ansible_architecture": "aarch64"}, "the host's architecture is aarch64, and /e is for x86_64"),
        (
            {"ansible_distribution_major_version": "12"},
            "the host has Debian 12, and /e is for Debian 13: export again with --distribution debian12",
        ),
        ({"ansible_distribution": "Rocky"}, "the host has Rocky 13, and /e is for Debian 13"),
        (
            {"ansible_python_version": "3.12.1"},
            "the host's python3 is 3.12, and /e has components for 3.13",
        ),
    ],
)
def test_other_hosts_are_rejected(facts: dict[str, Any], problem: str) -> None:
    assert find_problem(FACTS | facts, EXPORT) == problem
