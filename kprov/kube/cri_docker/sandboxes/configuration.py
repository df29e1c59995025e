"""The container of a sandbox as Docker creates it (cri-dockerd: core/sandbox_helpers.go)."""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.translation import labels
from kprov.kube.cri_docker.translation.host import Host
from kprov.kube.cri_docker.translation.resources import make_cgroup_parent
from kprov.kube.cri_docker.translation.security import make_common_options, make_user

#: The kernel kills the pause container last: without it a pod has lost its network.
_OOM_SCORE: Final = -998
#: The smallest weight.
_CPU_SHARES: Final = 2
_HOST: Final = "host"
_PROTOCOLS: Final = {pb.TCP: "tcp", pb.UDP: "udp", pb.SCTP: "sctp"}


def make_sandbox(config: pb.PodSandboxConfig, *, image: str, host: Host, handler: str) -> dict[str, Any]:
    """Return the body of Docker's request. handler: a runtime of the engine, "" for its default. RpcError.

    With CNI Docker gives it an own network namespace without interfaces ("none").
    """
    context = config.linux.security_context
    options = context.namespace_options
    if pb.TARGET in {options.pid, options.network, options.ipc}:
        raise RpcError(Code.INVALID_ARGUMENT, "a sandbox has no target container for its namespaces")
    is_host_network = options.network == pb.NODE
    internal = {labels.TYPE: labels.SANDBOX, labels.CONTAINER_NAME: "POD"}
    host_config = {
        **make_common_options(context),
        "NetworkMode": _HOST if is_host_network else "none",
        "IpcMode": _HOST if options.ipc == pb.NODE else "shareable",
        "PidMode": _HOST if options.pid == pb.NODE else "",
        "UTSMode": _HOST if is_host_network else "",
        "CgroupParent": make_cgroup_parent(config.linux.cgroup_parent, host.cgroup_driver),
        "OomScoreAdj": max(_OOM_SCORE, host.lowest_oom_score),
        "CpuShares": _CPU_SHARES,
        "Sysctls": dict(config.linux.sysctls),
    }
    if handler:
        host_config["Runtime"] = handler
    return {
        "Image": image,
        "Hostname": "" if is_host_network else config.hostname,
        "User": make_user(context),
        "Labels": labels.make_labels(config.labels, config.annotations, internal),
        "HostConfig": host_config,
    }


def make_port_mappings(config: pb.PodSandboxConfig) -> list[dict[str, Any]]:
    """Return the host ports in the form of CNI's capability portMappings."""
    return [
        {
            "hostPort": mapping.host_port,
            "containerPort": mapping.container_port,
            "protocol": _PROTOCOLS[mapping.protocol],
            "hostIP": mapping.host_ip,
        }
        for mapping in config.port_mappings
        if mapping.host_port > 0
    ]


def render_resolv_conf(dns: pb.DNSConfig) -> str:
    """Return the file of the whole pod."""
    lines = [f"nameserver {server}" for server in dns.servers]
    if dns.searches:
        lines.append(f"search {' '.join(dns.searches)}")
    if dns.options:
        lines.append(f"options {' '.join(dns.options)}")
    return "".join(f"{line}\n" for line in lines)
