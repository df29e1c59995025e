"""From the facts of a distribution to the packages, paths and kinds of installation that the roles use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.inventory.cluster import distributions
from tests.unit.playbook.conftest import Bench

ROLES = Path(__file__).resolve().parents[3] / "roles"
NAMES = (
    "host_packages",
    "kprov_package_manager",
    "etcd_install",
    "containerd_install",
    "runc_install",
    "cni_plugins_install",
    "kubectl_install",
    "cni_plugins_dir",
    "kubectl_programs_dir",
    "host_architecture",
    "etcd_download_url",
    "kubectl_download_url",
)


def render_variables(
    folder: Path, title: str, *, architecture: str = "x86_64", **inventory: Any
) -> dict[str, Any]:
    """The variables of a host that is control plane, member of etcd and node."""
    bench = Bench(folder)
    hosts: dict[str, Any] = yaml.safe_load((folder / "hosts.yml").read_text())
    hosts["all"]["children"] = {
        group: {"hosts": {"a": None}} for group in ("etcd", "kube_control_plane", "kube_node")
    }
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    variables: dict[str, Any] = {}
    for role in ("kprov_defaults", "host"):
        variables |= yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    for path in (ROLES / "kprov_defaults/vars/main").glob("*.yml"):
        variables |= yaml.safe_load(path.read_text())
    name, version = title.rsplit(" ", 1)
    facts = {
        "distribution": name,
        "distribution_version": version if "." in version else f"{version}.1",
        "distribution_major_version": version.split(".", maxsplit=1)[0],
        "architecture": architecture,
    }
    found = "{{ {" + ", ".join(f"'{name}': {name}" for name in NAMES) + "} | to_json }}"
    play = {
        "hosts": "a",
        "gather_facts": False,
        "vars": variables | inventory | {"ansible_facts": facts},
        "tasks": [{"copy": {"content": found, "dest": str(folder / "found.json")}}],
    }
    run = bench.play(yaml.safe_dump([play]))
    assert not run.errors
    rendered: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return rendered


@pytest.mark.parametrize("title", list(distributions.list_distributions()))
def test_every_program_comes_from_a_package_or_from_an_archive(tmp_path: Path, title: str) -> None:
    found = render_variables(tmp_path, title)
    row = distributions.list_distributions()[title]
    for program in ("etcd", "containerd", "runc", "cni_plugins", "kubectl"):
        expected = "archive" if program in row.archives else "package"
        assert found[f"{program}_install"] == expected
        names = yaml.safe_load(distributions.TABLE.read_text())["kprov_package_names"][row.packages][program]
        if expected == "package":
            assert names
            assert set(names) <= set(found["host_packages"])
        else:
            assert not set(names) & set(found["host_packages"])
    assert row.etcd or "etcd" in row.archives
    assert (ROLES / f"proxy/tasks/{found['kprov_package_manager']}.yml").is_file()


@pytest.mark.parametrize(
    ("title", "packages", "missing", "cni", "kubectl"),
    [
        ("Debian 12", {"iproute2", "conntrack", "etcd-server"}, set(), "/usr/lib/cni", "/usr/bin"),
        ("Debian 13", {"procps", "containerd", "runc"}, set(), "/usr/lib/cni", "/usr/bin"),
        ("Ubuntu 22.04", {"iproute2", "containerd"}, {"etcd-server"}, "/usr/lib/cni", "/opt/kprov/archives/kubectl"),
        ("Rocky 9", {"iproute", "conntrack-tools", "runc"}, {"containerd", "etcd-server"}, "/usr/libexec/cni", "/opt/kprov/archives/kubectl"),
    ],
)  # fmt: skip
def test_names_and_paths_of_a_distribution(
    tmp_path: Path, title: str, packages: set[str], missing: set[str], cni: str, kubectl: str
) -> None:
    found = render_variables(tmp_path, title)
    assert packages <= set(found["host_packages"])
    assert not missing & set(found["host_packages"])
    assert (found["cni_plugins_dir"], found["kubectl_programs_dir"]) == (cni, kubectl)


@pytest.mark.parametrize(
    ("title", "manager"), [("Debian 13", "apt"), ("Ubuntu 24.04", "apt"), ("Rocky 9", "dnf")]
)
def test_the_package_manager_of_a_distribution(tmp_path: Path, title: str, manager: str) -> None:
    assert render_variables(tmp_path, title)["kprov_package_manager"] == manager


def test_archives_are_upstreams_for_the_architecture_of_the_host(tmp_path: Path) -> None:
    found = render_variables(tmp_path, "Debian 13", architecture="aarch64", etcd_version="3.5.21")
    assert found["host_architecture"] == "arm64"
    assert found["etcd_download_url"] == (
        "https://github.com/etcd-io/etcd/releases/download/v3.5.21/etcd-v3.5.21-linux-arm64.tar.gz"
    )


@pytest.mark.parametrize(
    ("files_repo", "url"),
    [
        ("http://files.example.com/", "http://files.example.com/dl.k8s.io/release/v1.36.0/"),
        ("/srv/files", "file:///srv/files/dl.k8s.io/release/v1.36.0/"),
        ("", "https://dl.k8s.io/release/v1.36.0/"),
    ],
)
def test_files_repo_is_a_server_or_a_folder(tmp_path: Path, files_repo: str, url: str) -> None:
    found = render_variables(tmp_path, "Debian 13", files_repo=files_repo, kubectl_version="1.36.0")
    assert found["kubectl_download_url"] == f"{url}bin/linux/amd64/kubectl"


def test_every_default_version_has_a_checksum_for_each_architecture() -> None:
    defaults = yaml.safe_load((ROLES / "kprov_defaults/defaults/main.yml").read_text())
    sums = yaml.safe_load((ROLES / "kprov_defaults/vars/main/archive_checksums.yml").read_text())
    versions = {name: defaults[f"{name}_version"] for name in ("etcd", "containerd", "runc", "kubectl")}
    versions["cni_plugins"] = defaults["cni_version"]
    for name, version in versions.items():
        for architecture in ("amd64", "arm64"):
            assert len(sums["kprov_archive_checksums"][name][architecture][version]) == 64
