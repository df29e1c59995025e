"""The ContainerConfig of a container."""

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.cri import runtime_pb2 as pb
from kprov.kube.kubelet.pods import pod_queries, resources
from kprov.kube.kubelet.pods.container_hash import container_hash
from kprov.kube.kubelet.pods.expansion import expand
from kprov.kube.kubelet.pods.pod_queries import Container, Pod
from kprov.kube.kubelet.runtime import security_context
from kprov.kube.machinery.go_text import go_json


def make(
    pod: Pod,
    container: Container,
    *,
    restart_count: int,
    env: Mapping[str, str],
    image: pb.Image,
    mounts: Sequence[pb.Mount],
    config: KubeletConfig,
    memory_capacity: int,
    target: str = "",
) -> pb.ContainerConfig:
    """``image`` as the runtime described it; raises ConfigError when runAsNonRoot cannot be kept."""
    security_context.verify_non_root(pod, container, image)
    name = container["name"]
    result = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=name, attempt=restart_count),
        image=pb.ImageSpec(image=image.id, user_specified_image=container["image"]),
        command=[expand(word, env) for word in container.get("command") or []],
        args=[expand(word, env) for word in container.get("args") or []],
        working_dir=container.get("workingDir") or "",
        envs=[pb.KeyValue(key=key, value=value.encode()) for key, value in env.items()],
        mounts=mounts,
        labels={
            pod_state.CONTAINER_NAME: name,
            pod_state.POD_NAME: pod_queries.name_of(pod),
            pod_state.POD_NAMESPACE: pod_queries.namespace_of(pod),
            pod_state.POD_UID: pod_queries.uid_of(pod),
        },
        annotations=_annotations(pod, container, restart_count),
        log_path=f"{name}/{restart_count}.log",
        stdin=bool(container.get("stdin")),
        stdin_once=bool(container.get("stdinOnce")),
        tty=bool(container.get("tty")),
    )
    stop_signal = (container.get("lifecycle") or {}).get("stopSignal")
    if stop_signal:
        result.stop_signal = pb.Signal.Value(stop_signal.replace("+", "PLUS").replace("-", "MINUS"))
    result.linux.security_context.CopyFrom(
        security_context.container_context(
            pod,
            container,
            image,
            root=config.root_dir,
            seccomp_default=config.seccomp_default,
            target=target,
        )
    )
    result.linux.resources.CopyFrom(_resources(pod, container, config, memory_capacity))
    return result


def _annotations(pod: Pod, container: Container, restart_count: int) -> dict[str, str]:
    annotations = {
        pod_state.CONTAINER_HASH: container_hash(container),
        pod_state.RESTART_COUNT: str(restart_count),
        pod_state.TERMINATION_PATH: container.get("terminationMessagePath") or "",
        pod_state.TERMINATION_POLICY: container.get("terminationMessagePolicy") or "File",
        pod_state.TERMINATION_GRACE: str(pod_queries.termination_grace(pod)),
    }
    if (grace := pod_queries.deletion_grace(pod)) is not None:
        annotations[pod_state.DELETION_GRACE] = str(grace)
    if pre_stop := (container.get("lifecycle") or {}).get("preStop"):
        annotations[pod_state.PRE_STOP] = go_json.dumps(pre_stop).decode()
    if container.get("ports"):
        annotations[pod_state.CONTAINER_PORTS] = go_json.dumps(container["ports"]).decode()
    return annotations


def _resources(
    pod: Pod, container: Container, config: KubeletConfig, memory_capacity: int
) -> pb.LinuxContainerResources:
    period = int(config.cpu_cfs_period * 1_000_000)
    request = resources.amount(container, "requests", "cpu")
    limit = resources.amount(container, "limits", "cpu")
    memory = resources.amount(container, "limits", "memory")
    result = pb.LinuxContainerResources(
        cpu_shares=resources.milli_cpu_to_shares(request.milli_value if request else 0),
        memory_limit_in_bytes=memory.value if memory else 0,
        oom_score_adj=_allowed_score(resources.oom_score_adj(pod, container, memory_capacity)),
    )
    if config.cpu_cfs_quota and limit:
        result.cpu_period = period
        result.cpu_quota = resources.milli_cpu_to_quota(limit.milli_value, period)
    return result


def _allowed_score(score: int) -> int:
    """Never below our own score: where that takes a capability we lack, the runtime could not set it."""
    try:
        own = int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return score
    return score if os.geteuid() == 0 and _may_lower() else max(score, own)


def _may_lower() -> bool:
    """CAP_SYS_RESOURCE, bit 24."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> 24 & 1)
    return False


def termination_log(pod: Pod, container: Container, config: KubeletConfig) -> pb.Mount | None:
    """A fresh file that the container may leave its last words in."""
    path = container.get("terminationMessagePath")
    if not path:
        return None
    folder = Path(config.root_dir) / "pods" / pod_queries.uid_of(pod) / "containers" / container["name"]
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    file = folder / secrets.token_hex(4)
    file.touch(mode=0o666)
    file.chmod(0o666)
    return pb.Mount(container_path=path, host_path=str(file))
