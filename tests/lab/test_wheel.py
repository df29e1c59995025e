"""kprov as a wheel, in an environment of its own and in an empty directory: a cluster from nothing to its removal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.conftest import KPROV, LAB, ROOT, run
from tests.lab.networks import find_subnet

NAME = f"{LAB}-wheel"
SUBNET = find_subnet("wheel")
UV = Path(sys.executable).with_name("uv")
#: Files of the top of the repository, where they stand in the package.
CONTENT = (
    "playbooks/cluster.yml",
    "roles/etcd/tasks/main.yml",
    "templates/audit-policy.yaml.j2",
    "roles/README.md",
)


@dataclass(frozen=True)
class Installed:
    """The program of the wheel, and the directory in which it works."""

    program: Path
    directory: Path

    def kprov(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        hidden = ("PYTHONPATH", "VIRTUAL_ENV")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        done = subprocess.run(
            [self.program, *arguments], cwd=self.directory, env=environment | {"NO_COLOR": "1", "COLUMNS": "200"},
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made of the source distribution, as an index gets both."""
    folder = tmp_path_factory.mktemp("dist")
    run(UV, "build", "--quiet", "--no-build-isolation", "--out-dir", folder, ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """`uv tool install`: an environment without pip, and without what developers have."""
    folder = tmp_path_factory.mktemp("tools")
    places = {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    command: list[str | Path] = [
        UV,
        "tool",
        "install",
        "--python",
        sys.executable,
        "--constraints",
        ROOT / "requirements/run.txt",
    ]
    done = subprocess.run(
        [*command, wheel], env=os.environ | places, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    program = Installed(folder / "bin/kprov", tmp_path_factory.mktemp("empty"))
    program.kprov("lab", "down", "--name", NAME)
    yield program
    program.kprov("lab", "down", "--name", NAME)


@pytest.fixture(scope="module")
def quickstart(installed: Installed) -> str:
    """The output of `kprov quickstart` in an empty directory."""
    return installed.kprov("quickstart", "--name", NAME, "--subnet", SUBNET, "--hosts", "1").stdout


def test_wheel_has_the_roles_playbooks_and_templates_once(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for file in CONTENT:
        assert names.count(f"kprov/content/{file}") == 1
    assert not [
        name for name in names if "molecule" in name or "playbooks/roles" in name or name.startswith("tests/")
    ]


def test_wheel_knows_its_version_and_commit_without_git(installed: Installed) -> None:
    mine = json.loads(installed.kprov("version", "-o", "json").stdout)
    assert mine == json.loads(run(KPROV, "version", "-o", "json").stdout)
    assert installed.kprov("--version").stdout == run(KPROV, "--version").stdout


def test_bundle_of_the_wheel_is_that_of_the_checkout(installed: Installed) -> None:
    mine = installed.kprov("bundle", "build").stdout
    assert mine == run(KPROV, "bundle", "build").stdout


def test_environment_of_the_wheel_can_fetch_the_libraries_of_bundles(installed: Installed) -> None:
    run(installed.program.resolve().with_name("python"), "-m", "pip", "--version")


def test_quickstart_makes_a_verified_cluster_in_an_empty_directory(quickstart: str) -> None:
    assert " checks passed, 0 failed" in quickstart
    assert "/inventories/lab/hosts.yml\n" in quickstart


def test_commands_of_the_wheel_work_on_the_cluster(installed: Installed, quickstart: str) -> None:
    here = ("-i", "inventories/lab")
    assert "Nothing changed" in installed.kprov("up", *here).stdout
    installed.kprov("preflight", *here)
    installed.kprov("plan", *here, "--out", "plan.kprov")
    (installed.directory / "site.yml").write_text("- hosts: all\n  tasks:\n  - command: uptime\n")
    installed.kprov("play", "site.yml", *here)
    checked = installed.kprov("inventory", "check", *here, "-o", "json").stdout
    effects = {row["name"]: row["text"] for row in json.loads(checked)["variables"]}
    assert effects["kube_vip_address"].startswith("roles ")
    again = installed.kprov("quickstart", "--hosts", "2", check=False)
    assert again.returncode == 2
    assert "inventories/lab: --inventory: exists" in again.stderr
    installed.kprov("reset", *here, "--yes")
