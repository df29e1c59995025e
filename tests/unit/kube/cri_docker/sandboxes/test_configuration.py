"""The container of a sandbox as Docker creates it."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.component_base.rpc.status import RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.sandboxes.configuration import make_port_mappings, make_sandbox, render_resolv_conf
from kprov.kube.cri_docker.translation.host import Host

HOST = Host(version=(1, 41), cgroup_driver="cgroupfs", lowest_oom_score=-1000)


def make(options: pb.NamespaceOption, host: Host = HOST, handler: str = "") -> dict[str, Any]:
    config = pb.PodSandboxConfig(
        hostname="web",
        labels={"a": "b"},
        linux=pb.LinuxPodSandboxConfig(
            cgroup_parent="/kubepods/pod1",
            sysctls={"net.x": "1"},
            security_context=pb.LinuxSandboxSecurityContext(namespace_options=options),
        ),
    )
    return make_sandbox(config, image="pause:1", host=host, handler=handler)


def test_a_sandbox_of_the_pod_network() -> None:
    assert make(pb.NamespaceOption()) == {
        "Image": "pause:1",
        "Hostname": "web",
        "User": "",
        "Labels": {
            "a": "b",
            "io.kubernetes.docker.type": "podsandbox",
            "io.kubernetes.container.name": "POD",
        },
        "HostConfig": {
            "NetworkMode": "none",
            "IpcMode": "shareable",
            "PidMode": "",
            "UTSMode": "",
            "CgroupParent": "/kubepods/pod1",
            "OomScoreAdj": -998,
            "CpuShares": 2,
            "Sysctls": {"net.x": "1"},
            "Privileged": False,
            "ReadonlyRootfs": False,
            "GroupAdd": [],
            "SecurityOpt": ["seccomp=unconfined"],
        },
    }


def test_a_sandbox_of_the_node() -> None:
    body = make(pb.NamespaceOption(network=pb.NODE, pid=pb.NODE, ipc=pb.NODE))
    assert body["Hostname"] == ""
    modes = [body["HostConfig"][name] for name in ("NetworkMode", "PidMode", "IpcMode", "UTSMode")]
    assert modes == ["host"] * 4


def test_a_runtime_handler() -> None:
    assert make(pb.NamespaceOption(), handler="kata")["HostConfig"]["Runtime"] == "kata"


def test_a_host_that_may_not_lower_scores() -> None:
    host = Host(version=(1, 41), cgroup_driver="cgroupfs", lowest_oom_score=0)
    assert make(pb.NamespaceOption(), host)["HostConfig"]["OomScoreAdj"] == 0


def test_a_target_is_refused() -> None:
    with pytest.raises(RpcError, match="no target container"):
        make(pb.NamespaceOption(pid=pb.TARGET, target_id="x"))


def test_host_ports() -> None:
    mappings = [
        pb.PortMapping(container_port=53, host_port=5353, protocol=pb.UDP, host_ip="10.0.0.1"),
        pb.PortMapping(container_port=80),
    ]
    assert make_port_mappings(pb.PodSandboxConfig(port_mappings=mappings)) == [
        {"hostPort": 5353, "containerPort": 53, "protocol": "udp", "hostIP": "10.0.0.1"}
    ]


def test_the_resolver() -> None:
    dns = pb.DNSConfig(servers=["10.0.0.10", "10.0.0.11"], searches=["a", "b"], options=["ndots:5"])
    assert (
        render_resolv_conf(dns) == "nameserver 10.0.0.10\nnameserver 10.0.0.11\nsearch a b\noptions ndots:5\n"
    )
    assert render_resolv_conf(pb.DNSConfig()) == ""
