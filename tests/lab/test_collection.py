"""The roles as the collection kprov.cluster: built, installed elsewhere, used by a plain ansible-playbook."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.lab.conftest import KPROV, ROOT, run
from tests.lab.networks import find_subnet
from tests.parity import collection_path

LAB = os.environ.get("KPROV_COLLECTION_LAB", "collection")
SUBNET = find_subnet("collection")
BIN = Path(sys.executable).parent
PLAY = """
- hosts: all
  become: true
  roles:
    - kprov.cluster.host
    - kprov.cluster.kube_bundle
    - kprov.cluster.containerd
"""


@dataclass(frozen=True)
class Installed:
    """The installed collection, in a folder without anything else of this repository."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "ansible_collections" / "kprov" / "cluster"

    def ansible_playbook(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run ansible-playbook in that folder."""
        paths = f"{self.folder}:{collection_path.path()}"
        return subprocess.run(
            [BIN / "ansible-playbook", *arguments],
            cwd=self.folder,
            env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": paths, "ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The collection, built from this repository."""
    folder = tmp_path_factory.mktemp("collection")
    run(BIN / "ansible-galaxy", "collection", "build", ROOT, "--output-path", folder)
    archive = next(folder.glob("kprov-cluster-*.tar.gz"))
    # The collections that it depends on are installed from elsewhere.
    run(BIN / "ansible-galaxy", "collection", "install", archive, "--no-deps", "-p", folder)
    return Installed(folder)


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The inventory of one bare host."""
    folder = tmp_path_factory.mktemp("inventory")
    run(KPROV, "lab", "down", "--name", LAB)
    try:
        run(KPROV, "lab", "up", "--name", LAB, "--subnet", SUBNET, "--hosts", "1", "--inventory", folder)
        yield folder
    finally:
        run(KPROV, "lab", "down", "--name", LAB)


def test_the_collection_has_the_roles_and_nothing_of_the_rest(collection: Installed) -> None:
    names = {path.name for path in collection.path.iterdir()}
    assert names == {
        "CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "meta", "playbooks", "roles", "templates",
    }  # fmt: skip
    roles = {path.name for path in (ROOT / "roles").iterdir() if (path / "meta").is_dir()}
    assert {path.name for path in (collection.path / "roles").iterdir() if path.is_dir()} == roles
    assert not list(collection.path.rglob("molecule"))


def test_its_version_is_that_of_kprov() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    # Ansible Galaxy takes semantic versions only.
    expected = re.sub(r"\.dev0$", "-dev", version)
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"] == expected


@pytest.mark.parametrize("playbook", ["kprov.cluster.cluster", "kprov.cluster.reset"])
def test_its_playbooks_find_all_roles_and_their_dependencies(collection: Installed, playbook: str) -> None:
    done = collection.ansible_playbook("--syntax-check", "-i", ROOT / "inventories" / "lab", playbook)
    assert done.returncode == 0, done.stdout + done.stderr


#: The scenarios of Molecule in `make test` run the same roles with ansible-core, twice each.
@pytest.mark.nightly
def test_its_roles_install_a_runtime_and_a_second_run_changes_nothing(
    collection: Installed, inventory: Path
) -> None:
    (collection.folder / "site.yml").write_text(PLAY)
    bundle = run(KPROV, "bundle", "build").stdout.strip()
    play = ("-i", inventory / "hosts.yml", "-e", f"kube_bundle_archive={bundle}", "site.yml")
    first = collection.ansible_playbook(*play)
    assert first.returncode == 0, first.stdout[-4000:] + first.stderr
    # From the collection's templates.
    found = run(KPROV, "lab", "ssh", "--name", LAB, "node1", "--", "sudo cat /etc/containerd/config.toml")
    assert "SystemdCgroup" in found.stdout
    again = collection.ansible_playbook(*play)
    assert again.returncode == 0, again.stdout[-4000:] + again.stderr
    assert "changed=0 " in again.stdout, again.stdout[-4000:]
