"""The lock files: complete, with hashes, for all Pythons of hosts, and in agreement with pyproject.toml."""

from __future__ import annotations

import platform
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kprov.bundle import image_packages
from kprov.bundle.build import PYTHONS
from kprov.bundle.lock import LOCK, LockedLibrary, read_lock
from kprov.errors import KprovError

ROOT = Path(__file__).resolve().parents[3]
RUN, DEV = ROOT / "requirements/run.txt", ROOT / "requirements/dev.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
RUNNING = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["build"]


def extra(name: str) -> list[str]:
    """The requirements of an extra, with those of the extras that it names (`kprov[kube]`)."""
    found = []
    for line in EXTRAS[name]:
        inner = Requirement(line)
        found += [one for other in inner.extras for one in extra(other)] if inner.name == "kprov" else [line]
    return found


WANTED = {LOCK: extra("kube"), RUN: RUNNING, DEV: RUNNING + extra("dev")}
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
HASH = f"--hash=sha256:{'0' * 64}"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
@pytest.mark.parametrize("lock", WANTED, ids=lambda path: str(path.relative_to(ROOT)))
def test_locked_versions_are_what_pyproject_asks_for(lock: Path, python: str, arch: str) -> None:
    versions = {one.name: one.version for one in read_lock(python=python, arch=arch, lock=lock)}
    for requirement in map(Requirement, WANTED[lock]):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


@pytest.mark.parametrize("lock", WANTED, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_locked_library_requires_is_locked_too(lock: Path) -> None:
    versions = {one.name: one.version for one in read_lock(python=HERE, arch=platform.machine(), lock=lock)}
    for name in versions.keys() - {"kubernetes-validate"}:
        for requirement in map(Requirement, metadata.distribution(name).requires or []):
            if requirement.marker is None or requirement.marker.evaluate(
                {"python_version": "3.11", "extra": ""}
            ):
                assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), (
                    requirement
                )


def test_components_are_tested_with_the_versions_that_travel() -> None:
    development = {one.name: one for one in read_lock(python="3.13", arch="x86_64", lock=DEV)}
    for lock in (LOCK, RUN):
        for one in read_lock(python="3.13", arch="x86_64", lock=lock):
            assert development[one.name] == one


@pytest.mark.parametrize("lock", WANTED, ids=lambda path: str(path.relative_to(ROOT)))
def test_lock_files_name_no_index_and_no_place(lock: Path) -> None:
    assert not re.search(r"://|--(index|extra-index|find-links|trusted-host)| @ ", lock.read_text())


def test_one_lock_serves_hosts_with_different_pythons_and_architectures(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(
        "# a comment\n"
        f"Old.Thing==1.0 ; python_full_version < '3.12' \\\n    {HASH}\n    # via something\n"
        f"old-thing==2.0 ; python_full_version >= '3.12' \\\n    {HASH}\n"
        f"arm==3.0 ; platform_machine == 'aarch64' {HASH}\n"
        f"win==3.0 ; sys_platform == 'win32' {HASH}\n"
    )
    zeros = ("sha256:" + "0" * 64,)
    assert read_lock(python="3.11", arch="x86_64", lock=lock) == [LockedLibrary("old-thing", "1.0", zeros)]
    assert read_lock(python="3.13", arch="aarch64", lock=lock) == [
        LockedLibrary("arm", "3.0", zeros),
        LockedLibrary("old-thing", "2.0", zeros),
    ]
    assert LockedLibrary("arm", "3.0", zeros).line() == f"arm==3.0 {HASH}"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("thing==1.0", "thing needs one exact version"),
        (f"thing>=1.0 {HASH}", "thing needs"),
        ("==1", "not a req"),
    ],
)
def test_an_entry_without_version_or_hash_is_refused_with_its_line(
    entry: str, said: str, tmp_path: Path
) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"\n{entry}\n")
    with pytest.raises(KprovError, match=f"requirements.txt:2: .*{said}"):
        read_lock(python="3.13", arch="x86_64", lock=lock)


def test_packages_of_images_are_locked_for_both_architectures() -> None:
    lock = image_packages.read_lock()
    assert set(lock) == {"x86_64", "aarch64"}
    for packages in lock.values():
        assert set(packages) == set(image_packages.PACKAGES)
        assert all(re.fullmatch("[0-9a-f]{64}", one["sha256"]) for one in packages.values())
