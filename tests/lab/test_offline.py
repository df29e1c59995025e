"""Hosts without a route out: a cluster from one file, on Debian 12 and 13 side by side, with images of a registry.

The hosts are a lab of their own, because a lab is isolated as a whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kprov.lab.kubectl import ensure_kubectl
from kprov.offline.distributions import DISTRIBUTIONS
from tests.lab.app_image import APP, make_app
from tests.lab.conftest import KPROV, LAB, eventually, run
from tests.lab.networks import find_subnet

NAME = f"{LAB}-isolated"
SUBNET = find_subnet("isolated")
CONNECT = 'python3 -c "import socket; socket.create_connection((\\"{}\\", {}), 3)"'


@dataclass(frozen=True)
class Isolated:
    """The hosts, their inventory, and the export that they are installed from."""

    inventory: Path
    export: Path

    def ssh(self, host: str, command: str, *, check: bool = True) -> str:
        words = ("lab", "ssh", "--name", NAME, host, "--", "sudo", command)
        return run(KPROV, *words, check=check).stdout

    def up(self, *options: str | Path, check: bool = True) -> tuple[int, str]:
        done = run(KPROV, "up", "-i", self.inventory, *options, check=check, timeout=900)
        return done.returncode, done.stdout + done.stderr

    def kubectl(self, *arguments: str) -> str:
        kubeconfig = self.inventory / "artifacts/admin.conf"
        return run(ensure_kubectl(), "--kubeconfig", kubeconfig, *arguments).stdout


@pytest.fixture(scope="module")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Isolated]:
    """Two hosts that have nothing but Debian's minimal system."""
    folder = tmp_path_factory.mktemp("isolated")
    # An image that no bundle has.
    image = folder / "app.tar"
    image.write_bytes(make_app())
    export = folder / "export.kprov"
    names = [word for name in DISTRIBUTIONS for word in ("--distribution", name)]
    run(KPROV, "bundle", "export", export, *names, "--image", image, timeout=1200)
    run(KPROV, "lab", "down", "--name", NAME, check=False)
    inventory = folder / "inventory"
    options = ("--hosts", "2", "--release", "trixie,bookworm", "--isolated", "--inventory", inventory)
    run(KPROV, "lab", "up", "--name", NAME, "--subnet", SUBNET, *options, timeout=900)
    try:
        yield Isolated(inventory, export)
    finally:
        run(KPROV, "lab", "down", "--name", NAME)


def test_the_hosts_have_no_route_out(isolated: Isolated) -> None:
    gateway = SUBNET.replace(".0/24", ".1")
    for address, port in (("1.1.1.1", 53), (gateway, 22)):
        failed = f"{CONNECT.format(address, port)} 2>/dev/null || echo failed"
        assert isolated.ssh("node1", f"sh -c '{failed}'").strip() == "failed"


def test_the_hosts_do_not_see_the_packages_of_the_image(isolated: Isolated) -> None:
    for host in ("node1", "node2"):
        assert ".deb" not in isolated.ssh(host, "ls /var/cache/apt/archives")


def test_an_export_for_another_distribution_changes_nothing(isolated: Isolated, tmp_path: Path) -> None:
    only = tmp_path / "only.kprov"
    run(KPROV, "bundle", "export", only, "--distribution", "debian13", timeout=600)
    code, text = isolated.up("--offline", only, check=False)
    assert code == 2
    assert f"node2: the host has Debian 12, and {only} is for Debian 13" in text
    assert "node1: " not in text
    assert isolated.ssh("node1", "ls /opt").strip() == ""


def test_a_truncated_export_changes_nothing(isolated: Isolated, tmp_path: Path) -> None:
    cut = tmp_path / "cut.kprov"
    shutil.copyfile(isolated.export, cut)
    with cut.open("r+b") as file:
        file.truncate(100_000_000)
    code, text = isolated.up("--offline", cut, check=False)
    assert code == 2
    assert f"{cut}: the export is truncated" in text
    assert isolated.ssh("node1", "ls /opt").strip() == ""


def test_one_file_installs_a_verified_cluster(isolated: Isolated) -> None:
    isolated.up("--offline", isolated.export)
    verified = run(KPROV, "verify", "-i", isolated.inventory, "-o", "json", check=False)
    results = json.loads(verified.stdout)["results"]
    assert [result["detail"] for result in results if not result["ok"]] == []
    assert [result["detail"] for result in results if result["area"] == "images"] == ["serves 1 images"]
    for host in ("node1", "node2"):
        assert "file:/opt/kprov/apt/" in isolated.ssh(host, "apt-cache policy containerd")


def test_a_second_run_changes_nothing(isolated: Isolated) -> None:
    _, text = isolated.up()
    assert f"Reading {isolated.export}, as the last run did" in text
    assert "Nothing changed: the hosts match the inventory" in text


@pytest.mark.parametrize("node", ["node1", "node2"])
def test_a_pod_runs_with_an_image_of_the_registry(isolated: Isolated, node: str) -> None:
    spec = json.dumps({"spec": {"nodeName": node}})
    words = ("run", f"app-{node}", f"--image={APP}", "--image-pull-policy=Always", "--restart=Never")
    isolated.kubectl(*words, f"--overrides={spec}")
    try:
        eventually(
            f"the pod on {node} runs",
            lambda: (
                isolated.kubectl("get", "pod", f"app-{node}", "-o", "jsonpath={.status.phase}") == "Running"
            ),
        )
    finally:
        isolated.kubectl("delete", "pod", f"app-{node}", "--grace-period=0", "--force")


def test_nobody_can_add_images_to_the_registry(isolated: Isolated) -> None:
    script = (
        "import ssl, urllib.request as u; c = ssl.create_default_context(cafile='/etc/kubernetes/pki/ca.crt'); "
        "h = u.build_opener(u.HTTPSHandler(context=c)); "
        f"h.open(u.Request('https://{SUBNET.replace('.0/24', '.11')}:5000/v2/x/y/blobs/uploads/', method='POST'))"
    )
    done = isolated.ssh("node2", f'python3 -c "{script}" 2>&1 || true')
    assert "HTTP Error 405" in done


def test_a_reset_gives_apt_its_own_sources_back(isolated: Isolated) -> None:
    run(KPROV, "reset", "-i", isolated.inventory, "--yes", timeout=600)
    for host in ("node1", "node2"):
        assert isolated.ssh(host, "ls /opt").strip() == ""
        assert "/opt/kprov" not in isolated.ssh(host, "apt-get --print-uris update")
        assert "kprov" not in isolated.ssh(host, "ls /etc/apt /etc/apt/apt.conf.d /var/lib/apt/lists")
        assert "docker-registry" not in isolated.ssh(host, "dpkg-query -W")
