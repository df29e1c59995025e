"""Pods get servers that they can reach where systemd-resolved runs."""

from pathlib import Path

import pytest

from kprov.kube.component_helpers import resolv_conf
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.dns import app as cluster_dns
from kprov.kube.dns import options as cluster_dns_options
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.runtime import sandbox_config
from tests.unit.kube.kubelet.kubelet_builders import pod

STUB = "# by systemd-resolved\nnameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n"
BEHIND = "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch lan\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the two files of a host where systemd-resolved runs."""
    (tmp_path / "stub").write_text(STUB)
    (tmp_path / "resolved").write_text(BEHIND)
    monkeypatch.setattr(resolv_conf, "RESOLVED", str(tmp_path / "resolved"))
    return tmp_path


def servers_of_pod(path: Path, policy: str = "Default") -> list[str]:
    config = KubeletConfiguration(resolv_conf=str(path), cluster_dns=["169.254.25.10"], cluster_domain="x")
    return list(
        sandbox_config.generate_pod_sandbox_config(
            pod(dnsPolicy=policy), 0, config, pb.UserNamespace(mode=pb.NODE)
        ).dns_config.servers
    )


def servers_of_cluster_dns(path: Path) -> list[str]:
    options = cluster_dns_options.parse(["--kubeconfig=x", f"--resolv-conf={path}"])
    return cluster_dns._list_servers(options)


def test_servers_behind_the_stub_are_used(host: Path) -> None:
    assert servers_of_pod(host / "stub") == ["10.0.0.1", "10.0.0.2"]
    assert servers_of_cluster_dns(host / "stub") == ["10.0.0.1", "10.0.0.2"]


def test_pods_of_the_cluster_dns_are_not_concerned(host: Path) -> None:
    assert servers_of_pod(host / "stub", "ClusterFirst") == ["169.254.25.10"]


def test_file_without_the_stub_is_used_as_it_is(host: Path) -> None:
    (host / "plain").write_text("# nameserver 127.0.0.53\nnameserver 192.0.2.1\n")
    assert servers_of_pod(host / "plain") == ["192.0.2.1"]
    assert servers_of_cluster_dns(host / "plain") == ["192.0.2.1"]


def test_stub_stays_when_nothing_says_what_is_behind_it(host: Path) -> None:
    (host / "resolved").unlink()
    assert servers_of_pod(host / "stub") == ["127.0.0.53"]


def test_missing_file_names_no_server(host: Path) -> None:
    assert servers_of_pod(host / "missing") == []
    assert servers_of_cluster_dns(host / "missing") == []


def test_cluster_dns_does_not_ask_itself(host: Path) -> None:
    (host / "resolved").write_text("nameserver 169.254.25.10\nnameserver 10.0.0.1 # a\n")
    assert servers_of_cluster_dns(host / "stub") == ["10.0.0.1"]
