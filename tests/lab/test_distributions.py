"""A cluster of Debian 12 and 13 hosts: one etcd from archives, other programs from archives and packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.file_server import FileServer, serve_folder
from tests.lab.conftest import HOSTS, KPROV, LAB, ROOT, Lab, run
from tests.lab.networks import find_subnet
from tests.lab.release_archives import PROGRAMS, VERSIONS, ReleaseArchives, make_release_archives

SUBNET = find_subnet("mixed")
RELEASES = "trixie,bookworm,trixie"
ARCHIVES = {f"{program}_install": "archive" for program in PROGRAMS}
PACKAGES = {f"{program}_install": "package" for program in PROGRAMS if program != "etcd"}
#: What a run may change on a host.
STATE = (
    "find /etc /opt /usr/local -xdev -type f,l -not -name '*.lock' -not -path /etc/mtab -printf '%p %T@ %m %u %l\\n' 2>/dev/null"
    " | sort | sha256sum; dpkg-query -W | sha256sum"
)

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Hosts of Debian 13, 12 and 13."""
    keep = os.environ.get("KPROV_KEEP_LAB")
    inventory = Path(f"{keep}-mixed") if keep else tmp_path_factory.mktemp("mixed")
    name = f"{LAB}-mixed"
    if not keep:
        run(KPROV, "lab", "down", "--name", name, check=False)
    lab = Lab(inventory, name)
    up = ("lab", "up", "--name", name, "--subnet", SUBNET, "--hosts", str(len(HOSTS)))
    lab.kprov(*up, "--release", RELEASES, "--inventory", inventory)
    try:
        yield lab
    finally:
        if not keep:
            lab.kprov("lab", "down", "--name", name)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> ReleaseArchives:
    """Releases in upstream's layout."""
    return make_release_archives(tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def server(archives: ReleaseArchives) -> Iterator[FileServer]:
    """The releases over HTTP."""
    with serve_folder(archives.folder) as serving:
        yield serving


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operator's cache of archives."""
    return tmp_path_factory.mktemp("cache")


def write_variables(lab: Lab, **variables: Any) -> None:
    folder = lab.inventory / "group_vars"
    folder.mkdir(exist_ok=True)
    (folder / "all.yml").write_text(yaml.safe_dump(variables))


def read_states(lab: Lab) -> dict[str, str]:
    return {host: lab.ssh(host, STATE) for host in HOSTS}


def apply(lab: Lab, *options: str | Path) -> subprocess.CompletedProcess[str]:
    return lab.kprov("up", "-i", lab.inventory, *options, timeout=1200, check=False)


def test_members_of_etcd_from_different_packages_are_rejected(mixed: Lab) -> None:
    write_variables(mixed)
    before = read_states(mixed)
    refused = apply(mixed)
    assert refused.returncode == 1
    said = " ".join((refused.stdout + refused.stderr).split())
    assert "different versions of etcd (node1 3.5, node2 3.4, node3 3.5): set etcd_install to archive" in said
    assert read_states(mixed) == before


@pytest.mark.parametrize(
    ("name", "version", "text"),
    [
        ("debian", "11", "is not supported; use Debian 12 and Debian 13"),
        ("ubuntu", "24.04", "Ubuntu 24.04 is experimental (not tested): set kprov_allow_experimental"),
    ],
)
def test_other_distributions_are_rejected_by_name(mixed: Lab, name: str, version: str, text: str) -> None:
    release = f"ID={name}\\nVERSION_ID={version}\\nNAME={name}\\n"
    mixed.ssh("node3", f"mv /etc/os-release /root/os-release; printf '{release}' > /etc/os-release")
    try:
        refused = apply(mixed)
    finally:
        mixed.ssh("node3", "mv /root/os-release /etc/os-release")
    assert refused.returncode == 2
    assert "node3" in refused.stdout + refused.stderr
    assert text in refused.stdout + refused.stderr


def test_a_wrong_checksum_changes_nothing_on_any_host(
    mixed: Lab, archives: ReleaseArchives, server: FileServer, cache: Path
) -> None:
    sums = archives.variables["runc_checksums"]
    wrong = {arch: dict.fromkeys(versions, "0" * 64) for arch, versions in sums.items()}
    choice = archives.variables | ARCHIVES | {"runc_checksums": wrong}
    write_variables(mixed, **choice, files_repo=server.url, download_cache_dir=str(cache))
    before = read_states(mixed)
    for options in ((), ("--check",)):
        failed = apply(mixed, *options)
        assert failed.returncode == 1
        assert "did not match" in failed.stdout + failed.stderr
        assert "Prepare the hosts" not in failed.stdout
    assert read_states(mixed) == before
    assert not [path for path in cache.iterdir() if path.name.startswith(("runc", ".", "tmp"))]


def test_an_unknown_version_is_rejected_with_the_variable_that_adds_its_checksum(
    mixed: Lab, archives: ReleaseArchives, server: FileServer, cache: Path
) -> None:
    choice = archives.variables | ARCHIVES | {"etcd_version": "3.5.99"}
    write_variables(mixed, **choice, files_repo=server.url, download_cache_dir=str(cache))
    failed = apply(mixed)
    assert failed.returncode == 1
    said = " ".join(failed.stdout.split())
    assert "no SHA-256 sum is known for etcd 3.5.99 on amd64: add it to etcd_binary_checksums" in said


def test_ansible_playbook_fetches_and_installs_an_archive_as_kprov_does(
    mixed: Lab, archives: ReleaseArchives, tmp_path: Path
) -> None:
    files = {"files_repo": str(archives.folder), "download_cache_dir": str(tmp_path / "cache")}
    write_variables(mixed, **archives.variables, **files, kubectl_install="archive")
    roles = [{"role": "download"}, {"role": "archive", "vars": {"archive_name": "kubectl", "archive_programs": ["kubectl"]}}]  # fmt: skip
    playbook = tmp_path / "archive.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "node2", "become": True, "roles": roles}]))
    environment = os.environ | {"ANSIBLE_ROLES_PATH": str(ROOT / "roles"), "ANSIBLE_HOME": str(tmp_path)}
    program = Path(sys.executable).parent / "ansible-playbook"
    try:
        done = subprocess.run(
            [program, playbook, "-i", mixed.inventory / "hosts.yml"],
            env=environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "v1.32.3" in mixed.ssh("node2", "kubectl version --client 2>&1; true")
        report = tmp_path / "report.json"
        again = ("play", playbook, "-i", mixed.inventory, "--roles-path", ROOT / "roles", "--report", report)
        mixed.kprov(*again)
        assert json.loads(report.read_text())["hosts"]["node2"]["changed"] == 0
    finally:
        mixed.ssh("node2", "rm -rf /opt/kprov /usr/local/bin/kubectl")


def test_a_cluster_of_debian_12_and_13_from_archives_over_http(
    mixed: Lab, archives: ReleaseArchives, server: FileServer, cache: Path
) -> None:
    choice = archives.variables | ARCHIVES
    write_variables(mixed, **choice, files_repo=server.url, download_cache_dir=str(cache))
    server.requests.clear()
    made = apply(mixed)
    assert made.returncode == 0, made.stdout[-4000:] + made.stderr
    # The cache has some of them from the tests before; none is fetched once for each host.
    assert set(server.requests.values()) == {1}
    mixed.kprov("verify", "-i", mixed.inventory)
    seen = {host: mixed.ssh(host, "etcd --version; cut -d. -f1 /etc/debian_version") for host in HOSTS}
    assert [text.split()[-1] for text in seen.values()] == ["13", "12", "13"]
    assert all(f"etcd Version: {VERSIONS['etcd_version']}" in text for text in seen.values())


def test_a_second_run_fetches_and_changes_nothing(mixed: Lab, server: FileServer, tmp_path: Path) -> None:
    server.requests.clear()
    before = read_states(mixed)
    report = tmp_path / "report.json"
    assert apply(mixed, "--report", report).returncode == 0
    hosts = json.loads(report.read_text())["hosts"]
    assert {host: stats["changed"] for host, stats in hosts.items()} == dict.fromkeys(HOSTS, 0)
    assert read_states(mixed) == before
    assert not server.requests


def test_programs_switch_to_packages_with_containerd_1_6_and_1_7(
    mixed: Lab, archives: ReleaseArchives, cache: Path, tmp_path: Path
) -> None:
    choice = archives.variables | ARCHIVES | PACKAGES
    write_variables(mixed, **choice, files_repo=str(archives.folder), download_cache_dir=str(cache))
    assert apply(mixed, "--check").returncode == 0
    assert mixed.ssh("node2", "ls /usr/bin/containerd 2>/dev/null; true") == ""
    switched = apply(mixed)
    assert switched.returncode == 0, switched.stdout[-4000:] + switched.stderr
    mixed.kprov("verify", "-i", mixed.inventory)
    seen = [mixed.ssh(host, "containerd --version").split()[2] for host in HOSTS]
    assert [version[:4] for version in seen] == ["1.7.", "1.6.", "1.7."]
    links = [mixed.ssh(host, "ls /usr/local/bin").split() for host in HOSTS]
    assert links == [["etcd", "etcdctl"]] * len(HOSTS)
    report = tmp_path / "report.json"
    assert apply(mixed, "--report", report).returncode == 0
    hosts = json.loads(report.read_text())["hosts"]
    assert {host: stats["changed"] for host, stats in hosts.items()} == dict.fromkeys(HOSTS, 0)


def test_an_older_etcd_is_rejected_while_there_is_data(mixed: Lab, archives: ReleaseArchives) -> None:
    refused = apply(mixed, "--limit", "node2", "-e", "etcd_install=package")
    assert refused.returncode == 1
    said = " ".join(refused.stdout.split())
    assert "node2: this member's data is of etcd 3.5, which etcd 3.4 cannot use" in said


def test_reset_removes_what_came_from_archives(mixed: Lab) -> None:
    mixed.kprov("reset", "-i", mixed.inventory, "--yes")
    for host in HOSTS:
        left = mixed.ssh(
            host,
            "ls -A /usr/local/bin; ls -d /opt/kprov /etc/systemd/system/etcd.service "
            "/etc/systemd/system/containerd.service 2>/dev/null; pgrep -x 'etcd|containerd'; id -u etcd 2>/dev/null; true",
        )
        assert left == "", host
