"""Limits of pods and of their QoS classes, as the kernel of a lab host has them, with both drivers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.conftest import Cluster, eventually
from tests.lab.workload import pod

NODE = "node3"
KUBELET, CONTAINERD = "/var/lib/kubelet/config.yaml", "/etc/containerd/config.toml"
FILES = {
    1: {
        "weight": "cpu/{}/cpu.shares",
        "quota": "cpu/{}/cpu.cfs_quota_us",
        "memory": "memory/{}/memory.limit_in_bytes",
    },
    2: {"weight": "{}/cpu.weight", "quota": "{}/cpu.max", "memory": "{}/memory.max"},
}
RESOURCES = {
    "requests": {"cpu": "100m", "memory": "32Mi"},
    "limits": {"cpu": "250m", "memory": "64Mi"},
}


@pytest.fixture(params=["cgroupfs", "systemd"])
def driver(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[str]:
    """The node's kubelet and runtime use this driver; afterwards the one that they had."""
    edit = (
        f"cp -p {KUBELET} /run/kubelet.saved && cp -p {CONTAINERD} /run/containerd.saved"
        f" && sed -i 's/^cgroupDriver: .*/cgroupDriver: {request.param}/' {KUBELET}"
        f" && sed -i 's/SystemdCgroup = .*/SystemdCgroup = {str(request.param == 'systemd').lower()}/' {CONTAINERD}"
    )
    restart = "systemctl restart containerd kubelet"
    cluster.lab.ssh(NODE, f"{edit} && {restart}")
    try:
        yield str(request.param)
    finally:
        back = f"mv /run/kubelet.saved {KUBELET} && mv /run/containerd.saved {CONTAINERD}"
        cluster.lab.ssh(NODE, f"{back} && {restart}")
        cluster.kubectl("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=60s")


def test_the_kernel_has_the_limits_of_a_pod_and_of_its_class(
    cluster: Cluster, namespace: str, driver: str
) -> None:
    version = 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1
    limited = pod("limited", "exec sleep 3600", nodeName=NODE, container={"resources": RESOURCES})
    cluster.apply(limited, pod("plain", "exec sleep 3600", nodeName=NODE), namespace=namespace)
    cluster.kubectl(
        "wait", "-n", namespace, "--for=condition=Ready", "pod/limited", "pod/plain", "--timeout=60s"
    )

    def read(what: str, qos: str, name: str = "") -> str:
        uid = cluster.get("pod", name, "-n", namespace)["metadata"]["uid"] if name else ""
        path = f"kubepods/{qos}" + (f"/pod{uid}" if uid else "")
        if driver == "systemd":
            path = f"kubepods.slice/kubepods-{qos}.slice"
            path += f"/kubepods-{qos}-pod{uid.replace('-', '_')}.slice" if uid else ""
        return cluster.lab.ssh(NODE, f"cat /sys/fs/cgroup/{FILES[version][what].format(path)}").strip()

    weights = {1: ("102", "2"), 2: ("4", "1")}[version]
    quota = {1: "25000", 2: "25000 100000"}[version]
    assert read("weight", "burstable", "limited") == weights[0]
    assert read("quota", "burstable", "limited") == quota
    assert read("memory", "burstable", "limited") == str(64 << 20)
    assert read("weight", "besteffort", "plain") == weights[1]
    # Pods of other tests may be of these classes too; the weight of the burstable ones is their sum.
    eventually("the class's weight", lambda: int(read("weight", "burstable")) >= int(weights[0]), timeout=30)
    assert read("weight", "besteffort") == weights[1]
