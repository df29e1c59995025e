"""A pod as the runtime has it: its sandboxes and containers, newest first (kubecontainer.PodStatus)."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from kprov.kube.api.meta import PodUID
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure

POD_NAME: Final = "io.kubernetes.pod.name"
POD_NAMESPACE: Final = "io.kubernetes.pod.namespace"
POD_UID: Final = "io.kubernetes.pod.uid"
CONTAINER_NAME: Final = "io.kubernetes.container.name"
CONTAINER_HASH: Final = "io.kubernetes.container.hash"
RESTART_COUNT: Final = "io.kubernetes.container.restartCount"
TERMINATION_PATH: Final = "io.kubernetes.container.terminationMessagePath"
TERMINATION_POLICY: Final = "io.kubernetes.container.terminationMessagePolicy"
PRE_STOP: Final = "io.kubernetes.container.preStopHandler"
CONTAINER_PORTS: Final = "io.kubernetes.container.ports"
DELETION_GRACE: Final = "io.kubernetes.pod.deletionGracePeriod"
TERMINATION_GRACE: Final = "io.kubernetes.pod.terminationGracePeriod"

CREATED, RUNNING, EXITED, UNKNOWN = "created", "running", "exited", "unknown"
_STATES: Final = {0: CREATED, 1: RUNNING, 2: EXITED, 3: UNKNOWN}


@dataclass(frozen=True, slots=True)
class RuntimeResources:
    """What a container has by the runtime. 0: no limit. `cpu_quota` and `cpu_period`: microseconds."""

    cpu_shares: int
    cpu_quota: int
    cpu_period: int
    memory_limit: int


@dataclass(slots=True)
class ContainerState:
    """One container, dead or alive. Times are Unix nanoseconds, 0 for what did not happen."""

    id: str
    name: str
    state: str
    runtime: str = ""
    sandbox_id: str = ""
    created_at: int = 0
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    image: str = ""
    image_id: str = ""
    image_ref: str = ""
    reason: str = ""
    message: str = ""
    restart_count: int = 0
    hash: str = ""
    log_path: str = ""
    annotations: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, str] = field(default_factory=dict)
    #: The paths in the container that are read-only with all mounts below them.
    recursive_mounts: frozenset[str] = frozenset()
    resources: RuntimeResources | None = None

    @property
    def uri(self) -> str:
        """The id with the runtime's name, such as containerd://ID, as clients see it."""
        return f"{self.runtime}://{self.id}"

    @property
    def is_running(self) -> bool:
        return self.state == RUNNING


@dataclass(slots=True)
class SandboxState:
    id: str
    ready: bool
    created_at: int
    attempt: int
    ips: list[str]
    host_network: bool


@dataclass(slots=True)
class PodState:
    """All sandboxes and all containers that exist, newest first."""

    uid: PodUID
    name: str = ""
    namespace: str = ""
    sandboxes: list[SandboxState] = field(default_factory=list)
    containers: list[ContainerState] = field(default_factory=list)

    def get_newest(self, name: str) -> ContainerState | None:
        """Return the newest container of that name."""
        return next((item for item in self.containers if item.name == name), None)

    def list_running(self) -> list[ContainerState]:
        return [item for item in self.containers if item.state in {RUNNING, UNKNOWN}]

    @property
    def sandbox(self) -> SandboxState | None:
        return self.sandboxes[0] if self.sandboxes else None

    @property
    def ips(self) -> list[str]:
        """The addresses of the newest sandbox if it is ready."""
        return self.sandboxes[0].ips if self.sandboxes and self.sandboxes[0].ready else []


async def read_pod_state(cri: CriClient, uid: PodUID) -> PodState:
    """Ask the runtime for one pod. Leaves out what is removed in the meantime. Raises RuntimeFailure."""
    labels = {POD_UID: uid}
    sandboxes, containers = await asyncio.gather(cri.list_pod_sandboxes(labels), cri.list_containers(labels))
    state = PodState(uid)
    found_sandboxes, found_containers = await asyncio.gather(
        asyncio.gather(*(_read_sandbox(cri, item.id) for item in sandboxes)),
        asyncio.gather(*(_read_container(cri, item) for item in containers)),
    )
    state.sandboxes = [item for item in found_sandboxes if item]
    state.containers = [item for item in found_containers if item]
    state.sandboxes.sort(key=lambda item: item.created_at, reverse=True)
    state.containers.sort(key=lambda item: item.created_at, reverse=True)
    if sandboxes:
        state.name, state.namespace = sandboxes[0].metadata.name, sandboxes[0].metadata.namespace
    return state


async def _read_sandbox(cri: CriClient, sandbox: str) -> SandboxState | None:
    try:
        status = await cri.pod_sandbox_status(sandbox)
    except RuntimeFailure as failure:
        if failure.code == "NOT_FOUND":
            return None
        raise
    ips = [status.network.ip] if status.network.ip else []
    ips += [item.ip for item in status.network.additional_ips]
    options = status.linux.namespaces.options
    return SandboxState(
        id=status.id,
        ready=status.state == pb.SANDBOX_READY,
        created_at=status.created_at,
        attempt=status.metadata.attempt,
        ips=ips,
        host_network=options.network == pb.NODE,
    )


async def _read_container(cri: CriClient, item: pb.Container) -> ContainerState | None:
    try:
        status = await cri.container_status(item.id)
    except RuntimeFailure as failure:
        if failure.code == "NOT_FOUND":
            return None
        raise
    annotations = dict(status.annotations)
    return ContainerState(
        id=status.id,
        name=status.labels.get(CONTAINER_NAME, status.metadata.name),
        state=_STATES.get(status.state, UNKNOWN),
        runtime=cri.runtime_name,
        sandbox_id=item.pod_sandbox_id,
        created_at=status.created_at,
        started_at=status.started_at,
        finished_at=status.finished_at,
        exit_code=status.exit_code,
        image=status.image.image,
        image_id=status.image_id,
        image_ref=status.image_ref,
        reason=status.reason,
        message=status.message,
        restart_count=int(annotations.get(RESTART_COUNT) or status.metadata.attempt),
        hash=annotations.get(CONTAINER_HASH, ""),
        log_path=status.log_path,
        annotations=annotations,
        mounts={mount.container_path: mount.host_path for mount in status.mounts},
        recursive_mounts=frozenset(
            mount.container_path for mount in status.mounts if mount.recursive_read_only
        ),
        resources=_read_resources(status),
    )


def _read_resources(status: pb.ContainerStatus) -> RuntimeResources | None:
    """None if the runtime does not say."""
    if not status.resources.HasField("linux"):
        return None
    linux = status.resources.linux
    return RuntimeResources(linux.cpu_shares, linux.cpu_quota, linux.cpu_period, linux.memory_limit_in_bytes)
