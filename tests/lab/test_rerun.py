"""The second run: nothing changes, and what somebody changed by hand is shown and repaired."""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab.conftest import HOSTS, Cluster

TREE = (
    "find /etc /opt/kprov /var/lib/kubelet/config.yaml /var/lib/kubelet/pki /var/lib/kube-proxy "
    "-xdev -type f -not -path '/etc/mtab' -printf '%p %T@ %m %u\\n' | sort | sha256sum; "
    "systemctl show --property=Id,InvocationID etcd haproxy containerd kubelet kube-proxy kube-apiserver"
)


def test_a_second_run_changes_nothing_on_any_host_and_says_so(cluster: Cluster, tmp_path: Path) -> None:
    before = {host: cluster.lab.ssh(host, TREE) for host in HOSTS}
    report = tmp_path / "report.json"
    again = cluster.lab.kprov("up", "-i", cluster.lab.inventory, "--report", report)
    assert {host: cluster.lab.ssh(host, TREE) for host in HOSTS} == before
    assert {
        host: stats["changed"] for host, stats in json.loads(report.read_text())["hosts"].items()
    } == dict.fromkeys(HOSTS, 0)
    assert "nothing changed" in again.stdout.lower()


def test_a_file_changed_by_hand_is_shown_and_repaired(cluster: Cluster) -> None:
    cluster.lab.ssh("node2", "echo '# by hand' >> /etc/haproxy/haproxy.cfg")
    shown = cluster.lab.kprov("up", "-i", cluster.lab.inventory, "--check", "--diff")
    assert "/etc/haproxy/haproxy.cfg" in shown.stdout
    assert "-# by hand" in shown.stdout
    assert "# by hand" in cluster.lab.ssh("node2", "cat /etc/haproxy/haproxy.cfg")
    repaired = cluster.lab.kprov("up", "-i", cluster.lab.inventory, "--diff")
    assert "-# by hand" in repaired.stdout
    assert "# by hand" not in cluster.lab.ssh("node2", "cat /etc/haproxy/haproxy.cfg")


def test_a_stopped_unit_is_started_again(cluster: Cluster) -> None:
    cluster.lab.ssh("node3", "systemctl stop kube-proxy")
    cluster.lab.kprov("up", "-i", cluster.lab.inventory)
    assert cluster.lab.ssh("node3", "systemctl is-active kube-proxy").strip() == "active"


def test_a_deleted_image_is_imported_again_and_protected(cluster: Cluster) -> None:
    image = "kprov.io/probe:1"
    cluster.lab.ssh("node3", f"ctr --namespace k8s.io images remove --sync {image}")
    cluster.lab.kprov("up", "-i", cluster.lab.inventory, "-t", "containerd")
    listed = cluster.lab.ssh("node3", f"ctr --namespace k8s.io images list name=={image}")
    assert "io.cri-containerd.pinned=pinned" in listed
