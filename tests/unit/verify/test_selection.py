"""Which results a test of one role gets."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from testinfra.host import Host

from kprov.errors import InputError
from kprov.testing import check_host
from kprov.verify.backend import testinfra_host as make_host
from kprov.verify.model import CheckResult
from kprov.verify.selection import select


def result(area: str, name: str, *, ok: bool = True) -> CheckResult:
    return CheckResult("node1", area, name, ok, "", 0.0)


RESULTS = [
    result("units", "etcd"),
    result("units", "kubelet", ok=False),
    result("ports", "etcd client 2379"),
    result("certificates", "/etc/etcd/pki/server.crt"),
]


def names(*patterns: str) -> list[str]:
    return [one.name for one in select(RESULTS, patterns)]


def test_a_pattern_names_an_area_and_a_check() -> None:
    assert names("units/etcd", "certificates//etc/etcd/*") == ["etcd", "/etc/etcd/pki/server.crt"]
    assert names("*") == [one.name for one in RESULTS]
    assert names("[pu]*/etcd*") == ["etcd", "etcd client 2379"]


def test_an_area_that_ended_with_an_error_is_a_failure_of_all_its_patterns() -> None:
    broken = result("etcd", "check", ok=False)
    assert select([broken, *RESULTS], ["etcd/leader"]) == [broken]
    assert select([broken], ["units/etcd"]) == []


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    hosts = {"node1": {"ansible_host": "192.0.2.1"}}
    groups = {name: {"hosts": {"node1": None}} for name in ("kube_control_plane", "etcd", "kube_node")}
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts, "children": groups}}))
    return path


def bare_host(name: str) -> Host:
    """A host on which every command fails."""
    return make_host(name, lambda _: (1, "", "not found"))


def test_an_unknown_host_is_an_error(inventory: Path) -> None:
    with pytest.raises(InputError, match="no host 'node9' in the cluster; it has node1"):
        check_host(bare_host("node9"), inventory=inventory, checks=["units/etcd"])


def test_a_pattern_without_a_check_is_an_error(inventory: Path) -> None:
    with pytest.raises(InputError, match="'network/typo' matches no check of node1"):
        check_host(bare_host("node1"), inventory=inventory, checks=["network/forwarding", "network/typo"])


def test_a_failure_has_the_reason_and_does_not_wait(inventory: Path) -> None:
    found = check_host(bare_host("node1"), inventory=inventory, checks=["network/forwarding"])
    assert [(one.ok, one.detail) for one in found] == [(False, "net.ipv4.ip_forward is ")]
