"""Clusters are upgraded and rolled back under load, also by a kprov that is killed, and to bundles that never work."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kprov.lab.kubectl import ensure_kubectl
from tests.lab.conftest import KPROV, ROOT, Cluster, Lab, run
from tests.lab.workload import web
from tests.operations.load import load

KILLS = 4


def run_tree(tree: Path, *arguments: str | Path, timeout: float = 1800) -> str:
    """Run the kprov of another tree of sources; return its output."""
    done = subprocess.run(
        [sys.executable, "-m", "kprov.cli.main", *map(str, arguments)],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def build_changed_bundle(folder: Path, file: str, old: str, new: str) -> Path:
    """Build a bundle of these sources with one change; return its archive."""
    for part in ("kprov", "roles", "playbooks", "templates"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    source = folder / "kprov" / file
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new, 1))
    # Not in the shared cache, but with its libraries and images.
    shared = Path("/var/cache/kprov/bundle")
    for part in ("libraries", "images"):
        if (shared / part).is_dir():
            shutil.copytree(shared / part, folder / "cache" / part, copy_function=os.link, symlinks=True)
    return Path(run_tree(folder, "bundle", "build", "--cache", folder / "cache").strip())


def read_bundles(lab: Lab) -> dict[str, str]:
    """Return the digest of the bundle in use by host."""
    return {host: lab.ssh(host, "cat /opt/kprov/current/.complete").strip() for host in lab.hosts}


def find_unschedulable(cluster: Cluster) -> list[str]:
    return [
        node["metadata"]["name"]
        for node in cluster.get("nodes")["items"]
        if node["spec"].get("unschedulable")
    ]


def find_release() -> str:
    """Return the commit of the last release: its tag, or without tags the last commit that made one.

    KPROV_TEST_UPGRADE_FROM names another commit.
    """
    if chosen := os.environ.get("KPROV_TEST_UPGRADE_FROM"):
        return chosen
    for command in (
        ["git", "describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD~"],
        ["git", "log", "--max-count=1", "--format=%H", "--grep=^release: kprov ", "HEAD~"],
    ):
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if found.returncode == 0 and found.stdout.strip():
            return found.stdout.strip()
    pytest.skip("this checkout has no commit of a release")


@pytest.fixture(scope="module")
def old_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the last release."""
    tree = tmp_path_factory.mktemp("old")
    archive = subprocess.run(["git", "archive", find_release()], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "--extract", "--directory", str(tree)], input=archive.stdout, check=True)
    return tree


@pytest.fixture(scope="module")
def upgraded(lab: Lab, old_tree: Path) -> Cluster:
    """A cluster of the last release, upgraded under load by a kprov that is killed again and again."""
    run(KPROV, "reset", "--yes", "-i", lab.inventory, check=False)
    shutil.rmtree(lab.inventory / "artifacts", ignore_errors=True)
    run_tree(old_tree, "up", "-i", lab.inventory)
    cluster = Cluster(lab, ensure_kubectl(), subprocess.CompletedProcess([], 0))
    cluster.apply(web("web", 6), namespace="default")
    cluster.kubectl("create", "secret", "generic", "before-upgrade", "--from-literal=x=y")
    before = read_bundles(lab)
    chosen = random.Random(16)
    command = ["upgrade"]
    with load(cluster.kubeconfig, "upgrade"):
        for _ in range(KILLS):
            process = subprocess.Popen([KPROV, *command, "-i", str(lab.inventory)], stdout=subprocess.DEVNULL)
            try:
                assert process.wait(chosen.uniform(4, 40)) == 0
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                command = ["resume"]
        else:
            lab.kprov("resume", "-i", lab.inventory, timeout=1200)
    after = read_bundles(lab)
    assert len(set(after.values())) == 1
    assert not set(after.values()) & set(before.values())
    assert find_unschedulable(cluster) == []
    return cluster


def test_the_last_release_is_upgraded_under_load(upgraded: Cluster) -> None:
    assert "v1.36" in upgraded.get("nodes")["items"][0]["status"]["nodeInfo"]["kubeletVersion"]
    secret = upgraded.get("secret", "before-upgrade")
    assert secret["data"] == {"x": "eQ=="}
    # Everything else of this kprov is in place: a second upgrade has no work.
    assert "components" not in upgraded.lab.kprov("upgrade", "--plan", "-i", upgraded.lab.inventory).stdout


def test_it_is_rolled_back_under_load_and_up_keeps_that(upgraded: Cluster) -> None:
    where = ("-i", upgraded.lab.inventory)
    after = read_bundles(upgraded.lab)
    with load(upgraded.kubeconfig, "rollback"):
        upgraded.lab.kprov("rollback", "--yes", *where)
    before = read_bundles(upgraded.lab)
    assert not set(before.values()) & set(after.values())
    assert "a rollback chose bundle" in upgraded.lab.kprov("up", *where).stderr
    assert read_bundles(upgraded.lab) == before
    again = upgraded.lab.kprov("rollback", "--yes", *where, check=False)
    assert (again.returncode, "no previous bundle" in again.stderr) == (2, True)
    upgraded.lab.kprov("upgrade", *where, timeout=1200)
    assert read_bundles(upgraded.lab) == after


BROKEN = {
    "an API server that exits": (
        "kube/apiserver/__main__.py",
        "    options = flags.parse()",
        '    sys.exit("broken on purpose")\n    options = flags.parse()',
        "kube-apiserver",
    ),
    "a kubelet that never registers": (
        "kube/kubelet/node/registration.py",
        "        await self._register()",
        "        await asyncio.sleep(10**9)\n        await self._register()",
        r"node\d: the ",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_bundle_that_never_works_rolls_back_by_itself(upgraded: Cluster, tmp_path: Path, name: str) -> None:
    file, old, new, reason = BROKEN[name]
    archive = build_changed_bundle(tmp_path, file, old, new)
    before = read_bundles(upgraded.lab)
    with load(upgraded.kubeconfig, "broken"):
        done = upgraded.lab.kprov(
            "upgrade", "-i", upgraded.lab.inventory, "--to", archive, "--gate-timeout", "45", check=False
        )
    assert done.returncode == 1
    # The host of etcd's leader is the last, so that the first one is not always the same.
    assert re.search(reason, done.stderr)
    assert re.search(rf"node\d: rolled back to bundle {before['node1']}", done.stderr)
    assert read_bundles(upgraded.lab) == before
    assert find_unschedulable(upgraded) == []


def test_a_gate_that_fails_rolls_the_host_back(upgraded: Cluster, tmp_path: Path) -> None:
    archive = build_changed_bundle(tmp_path, "kube/__init__.py", '"""', '"""Changed. ')
    before = read_bundles(upgraded.lab)
    gate = 'kubectl get nodes >/dev/null && echo "not today on $KPROV_HOSTS" >&2 && exit 7'
    os.environ["PATH"] = f"{ensure_kubectl().parent}:{os.environ['PATH']}"
    done = upgraded.lab.kprov(
        "upgrade", "-i", upgraded.lab.inventory, "--to", archive, "--gate", gate, check=False
    )
    assert done.returncode == 1
    assert re.search(r"failed with exit code 7: not today on node\d", done.stderr)
    assert read_bundles(upgraded.lab) == before


#: Makes a package and a newer version of it in a repository on the host. The newer one needs a reboot.
MAKE_PACKAGES = """set -e
root=/srv/packages; mkdir -p $root
for version in 1 2; do
  tree=$(mktemp -d); chmod 755 $tree; mkdir $tree/DEBIAN
  printf 'Package: needs-reboot\\nVersion: %s\\nArchitecture: all\\nMaintainer: a <a@example.org>\\nDescription: x\\n' \\
    $version > $tree/DEBIAN/control
  if [ $version = 2 ]; then
    printf '#!/bin/sh\\ntouch /run/reboot-required\\n' > $tree/DEBIAN/postinst; chmod 755 $tree/DEBIAN/postinst
  fi
  dpkg-deb --build $tree $root/$version.deb
done
dpkg --install $root/1.deb
{ dpkg-deb --field $root/2.deb; echo Filename: ./2.deb; echo Size: $(stat -c %s $root/2.deb)
  echo SHA256: $(sha256sum $root/2.deb | cut -d' ' -f1); } > $root/Packages
echo "deb [trusted=yes] file:$root ./" > /etc/apt/sources.list.d/needs-reboot.list
"""
REMOVE_PACKAGES = "rm -r /srv/packages /etc/apt/sources.list.d/needs-reboot.list; dpkg --purge needs-reboot"


def test_packages_are_upgraded_with_a_reboot_of_the_host_that_needs_it(upgraded: Cluster) -> None:
    lab, host = upgraded.lab, upgraded.lab.hosts[-1]
    os.environ["PATH"] = f"{ensure_kubectl().parent}:{os.environ['PATH']}"
    lab.ssh(host, MAKE_PACKAGES)
    booted = {name: lab.ssh(name, "cat /proc/sys/kernel/random/boot_id") for name in lab.hosts}
    options = ("--packages", "--reboot", "--limit", host, "-i", lab.inventory)
    try:
        plan = lab.kprov("upgrade", "--plan", *options).stdout
        assert f"{host}: package needs-reboot 1 -> 2" in plan
        assert f"{host}: reboot, if the packages need it" in plan
        gate = f'test "$KPROV_HOSTS" = {host} && kubectl wait --for=condition=Ready node/{host} --timeout=60s'
        with load(upgraded.kubeconfig, "packages"):
            lab.kprov("upgrade", *options, "--gate", gate, timeout=1200)
        changed = [
            name for name in lab.hosts if lab.ssh(name, "cat /proc/sys/kernel/random/boot_id") != booted[name]
        ]
        assert changed == [host]
        assert "2" in lab.ssh(host, "dpkg-query --show --showformat '${Version}' needs-reboot")
        assert find_unschedulable(upgraded) == []
        assert "needs-reboot" not in lab.kprov("upgrade", "--plan", *options).stdout
    finally:
        lab.ssh(host, REMOVE_PACKAGES, check=False)


def test_up_of_one_role_installs_the_bundle_that_its_unit_names(upgraded: Cluster) -> None:
    where = ("-i", upgraded.lab.inventory)
    # The failed upgrades marked a host as rolled back.
    upgraded.lab.kprov("upgrade", "--abandon", *where, timeout=1200)
    host = upgraded.lab.hosts[0]
    upgraded.lab.ssh(host, "mv /opt/kprov/bundles/$(cat /opt/kprov/current/.complete) /root/aside")
    upgraded.lab.kprov("up", "-t", "kubelet", *where)
    unit = upgraded.lab.ssh(host, "systemctl show --property=Environment kubelet")
    assert f"KPROV_BUNDLE={read_bundles(upgraded.lab)[host]}" in unit
    upgraded.lab.ssh(host, "rm -rf /root/aside; systemctl is-active kubelet")
