"""Flags and KubeletConfiguration."""

from pathlib import Path

import pytest

from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.kubelet.config import flags
from kprov.kube.kubelet.config.configuration import KubeletConfiguration

CONFIG = """
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}
  anonymous: {enabled: false}
clusterDNS: [169.254.25.10]
clusterDomain: cluster.local
nodeStatusUpdateFrequency: 1m30s
maxPods: 42
evictionHard: {memory.available: 100Mi}
"""


def parsed(tmp_path: Path, text: str, *arguments: str) -> KubeletConfiguration:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return flags.parse([f"--config={file}", *arguments])


def test_the_file_is_read_under_upstreams_names(tmp_path: Path) -> None:
    config = parsed(tmp_path, CONFIG)
    assert config.client_ca_file == "/etc/kubernetes/pki/ca.crt"
    assert config.cluster_dns == ["169.254.25.10"]
    assert config.node_status_update_frequency == 90.0
    assert config.max_pods == 42
    assert config.eviction_hard == {"memory.available": "100Mi"}


def test_flags_name_the_node_and_its_taints(tmp_path: Path) -> None:
    config = parsed(
        tmp_path,
        CONFIG,
        "--hostname-override=Node1",
        "--node-ip=10.0.0.1",
        "--node-labels=a=b,c=d",
        "--register-with-taints=k=v:NoSchedule,x:NoExecute",
    )
    assert config.node_name == "node1"
    assert config.node_ips == ["10.0.0.1"]
    assert config.node_labels == {"a": "b", "c": "d"}
    assert config.taints == [
        {"key": "k", "value": "v", "effect": "NoSchedule"},
        {"key": "x", "effect": "NoExecute"},
    ]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("maxPods: many", "maxPods"),
        ("syncFrequency: soon", "syncFrequency"),
        ("clusterDNS: 10.0.0.10", "clusterDNS"),
        ("cgroupDriver: other", "cgroupDriver"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, line: str, field: str) -> None:
    text = f"apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n{line}\n"
    with pytest.raises(ConfigError, match=field):
        parsed(tmp_path, text)


def test_a_wrong_taint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="key=value:effect"):
        parsed(tmp_path, CONFIG, "--register-with-taints=k=v:Sometimes")


def test_tls_options_and_the_limit_of_processes_are_read(tmp_path: Path) -> None:
    more = "tlsMinVersion: VersionTLS13\ntlsCipherSuites: [TLS_AES_128_GCM_SHA256]\npodPidsLimit: 100\n"
    config = parsed(tmp_path, CONFIG + more)
    assert (config.tls_min_version, config.tls_cipher_suites) == ("VersionTLS13", ["TLS_AES_128_GCM_SHA256"])
    assert config.pod_pids_limit == 100
    assert parsed(tmp_path, CONFIG).pod_pids_limit == -1


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("tlsMinVersion: '1.2'", 'tlsMinVersion: unknown tls version "1.2"'),
        ("tlsCipherSuites: [RC4]", "tlsCipherSuites: Cipher suite RC4 not supported or doesn't exist"),
        ("podPidsLimit: many", "podPidsLimit: "),
    ],
)
def test_wrong_tls_options_name_the_field(tmp_path: Path, line: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        parsed(tmp_path, f"{CONFIG}{line}\n")
