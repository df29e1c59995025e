"""Which hosts an export serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.errors import InputError
from kprov.offline.manifest import ExportedDistribution, Manifest
from kprov.offline.unpack import Export
from kprov.operations import offline
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


def test_a_run_without_an_option_uses_the_export_of_the_last_one(tmp_path: Path) -> None:
    file = tmp_path / "site.kprov"
    file.touch()
    assert offline.read_last_export(tmp_path) is None
    (tmp_path / "offline-export").write_text(f"{file}\n")
    assert offline.read_last_export(tmp_path) == file
    offline.forget_export(tmp_path)
    assert offline.read_last_export(tmp_path) is None


def test_an_export_that_is_gone_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "offline-export").write_text(f"{tmp_path}/gone.kprov\n")
    with pytest.raises(InputError, match=r"gone\.kprov.*--offline.*offline_export=none") as caught:
        offline.read_last_export(tmp_path)
    assert caught.value.file == tmp_path / "offline-export"
