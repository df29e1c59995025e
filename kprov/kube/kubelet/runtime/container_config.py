"""The ContainerConfig of a container (generateContainerConfig)."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from kprov.kube.api.core import Container, ContainerPort, LifecycleHandler, Pod
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.pods import pod_queries, resources
from kprov.kube.kubelet.pods.container_hash import hash_container
from kprov.kube.kubelet.pods.expansion import expand
from kprov.kube.kubelet.runtime import cgroups, security_context
from kprov.kube.machinery.go_text import go_json


def generate_container_config(
    pod: Pod,
    container: Container,
    *,
    restart_count: int,
    env: Mapping[str, str],
    image: pb.Image,
    mounts: Sequence[pb.Mount],
    devices: Sequence[pb.Device] = (),
    config: KubeletConfiguration,
    users: pb.UserNamespace,
    memory_capacity: int,
    target: str = "",
) -> pb.ContainerConfig:
    """`image` is the runtime's description. Raises ContainerConfigError if runAsNonRoot is violated."""
    security_context.verify_non_root(pod, container, image)
    result = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=container.name, attempt=restart_count),
        image=pb.ImageSpec(image=image.id, user_specified_image=container.image),
        command=[expand(word, env) for word in container.command],
        args=[expand(word, env) for word in container.args],
        working_dir=container.working_dir,
        envs=[pb.KeyValue(key=key, value=value.encode()) for key, value in env.items()],
        mounts=mounts,
        devices=devices,
        labels={
            pod_state.CONTAINER_NAME: container.name,
            pod_state.POD_NAME: pod.metadata.name,
            pod_state.POD_NAMESPACE: pod.metadata.namespace,
            pod_state.POD_UID: pod.uid,
        },
        annotations=_make_annotations(pod, container, restart_count),
        log_path=f"{container.name}/{restart_count}.log",
        stdin=container.stdin,
        stdin_once=container.stdin_once,
        tty=container.tty,
    )
    stop_signal = container.lifecycle.stop_signal if container.lifecycle is not None else None
    if stop_signal:
        result.stop_signal = pb.Signal.Value(stop_signal.replace("+", "PLUS").replace("-", "MINUS"))
    result.linux.security_context.CopyFrom(
        security_context.make_container_context(
            pod,
            container,
            image,
            users=users,
            root=config.root_dir,
            seccomp_default=config.seccomp_default,
            target=target,
        )
    )
    if users.mode == pb.POD:
        for mount in result.mounts:
            mount.uidMappings.extend(users.uids)
            mount.gidMappings.extend(users.gids)
    result.linux.resources.CopyFrom(_make_resources(pod, container, config, memory_capacity))
    return result


def _make_annotations(pod: Pod, container: Container, restart_count: int) -> dict[str, str]:
    annotations = {
        pod_state.CONTAINER_HASH: hash_container(container),
        pod_state.RESTART_COUNT: str(restart_count),
        pod_state.TERMINATION_PATH: container.termination_message_path,
        pod_state.TERMINATION_POLICY: container.termination_message_policy or "File",
        pod_state.TERMINATION_GRACE: str(pod_queries.get_termination_grace(pod)),
    }
    if (grace := pod_queries.get_deletion_grace(pod)) is not None:
        annotations[pod_state.DELETION_GRACE] = str(grace)
    if container.lifecycle is not None and container.lifecycle.pre_stop is not None:
        annotations[pod_state.PRE_STOP] = _render_handler(container.lifecycle.pre_stop)
    if container.ports:
        annotations[pod_state.CONTAINER_PORTS] = _render_ports(container.ports)
    return annotations


def _render_handler(handler: LifecycleHandler) -> str:
    """JSON with the default values that the API server sets."""
    document: dict[str, Any] = msgspec.to_builtins(handler)
    if handler.http_get is not None:
        document["httpGet"]["scheme"] = handler.http_get.scheme
    return go_json.dumps(document).decode()


def _render_ports(ports: Sequence[ContainerPort]) -> str:
    """JSON with the default values that the API server sets."""
    documents = []
    for port in ports:
        document = msgspec.to_builtins(port)
        host_ip = {"hostIP": document.pop("hostIP")} if port.host_ip else {}
        documents.append({**document, "protocol": port.protocol, **host_ip})
    return go_json.dumps(documents).decode()


def _make_resources(
    pod: Pod, container: Container, config: KubeletConfiguration, memory_capacity: int
) -> pb.LinuxContainerResources:
    period = int(config.cpu_cfs_period * 1_000_000)
    request = resources.parse_request(container.resources, "cpu")
    limit = resources.parse_limit(container.resources, "cpu")
    memory = resources.parse_limit(container.resources, "memory")
    oom_score = resources.compute_oom_score_adj(pod, container, memory_capacity)
    result = pb.LinuxContainerResources(
        cpu_shares=resources.milli_cpu_to_shares(request.milli_value if request else 0),
        memory_limit_in_bytes=memory.value if memory else 0,
        oom_score_adj=_limit_oom_score(oom_score),
    )
    if config.cpu_cfs_quota and limit:
        result.cpu_period = period
        result.cpu_quota = resources.milli_cpu_to_quota(limit.milli_value, period)
    if cgroups.has_swap_controller():
        _forbid_swap(result)
    return result


def _forbid_swap(limits: pb.LinuxContainerResources) -> None:
    """Forbid the container the host's swap: swapBehavior NoSwap, upstream's default (ConfigureNoSwap)."""
    if cgroups.is_version_2():
        limits.unified["memory.swap.max"] = "0"
    else:
        # Memory and swap together. Without a limit of memory it has no effect.
        limits.memory_swap_limit_in_bytes = limits.memory_limit_in_bytes


def _limit_oom_score(score: int) -> int:
    """At least our own score if we lack the capability to go lower: the runtime could not set it."""
    try:
        own = int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return score
    return score if os.geteuid() == 0 and _has_cap_sys_resource() else max(score, own)


def _has_cap_sys_resource() -> bool:
    """CAP_SYS_RESOURCE is bit 24."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> 24 & 1)
    return False
