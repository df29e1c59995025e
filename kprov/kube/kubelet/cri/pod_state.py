"""What the runtime says about a pod: its sandboxes and containers, newest first (kubecontainer.PodStatus)."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from kprov.kube.kubelet.cri import runtime_pb2 as pb
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


@dataclass(slots=True)
class ContainerStatus:
    """One container, dead or alive. Times in Unix nanoseconds, 0 when it did not happen."""

    id: str
    name: str
    state: str
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

    @property
    def is_running(self) -> bool:
        return self.state == RUNNING


@dataclass(slots=True)
class SandboxStatus:
    id: str
    ready: bool
    created_at: int
    attempt: int
    ips: list[str]
    host_network: bool


@dataclass(slots=True)
class PodState:
    """``containers`` holds all that exist, newest first; ``sandboxes`` too."""

    uid: str
    name: str = ""
    namespace: str = ""
    sandboxes: list[SandboxStatus] = field(default_factory=list)
    containers: list[ContainerStatus] = field(default_factory=list)

    def latest(self, name: str) -> ContainerStatus | None:
        """The newest container of that name."""
        return next((status for status in self.containers if status.name == name), None)

    def running(self) -> list[ContainerStatus]:
        return [status for status in self.containers if status.state in {RUNNING, UNKNOWN}]

    @property
    def sandbox(self) -> SandboxStatus | None:
        return self.sandboxes[0] if self.sandboxes else None

    @property
    def ips(self) -> list[str]:
        """Of the newest sandbox, when it is ready."""
        return self.sandboxes[0].ips if self.sandboxes and self.sandboxes[0].ready else []


async def read(cri: CriClient, uid: str) -> PodState:
    """The state of one pod, straight from the runtime. What vanishes meanwhile is left out."""
    labels = {POD_UID: uid}
    sandboxes, containers = await asyncio.gather(cri.list_pod_sandboxes(labels), cri.list_containers(labels))
    state = PodState(uid)
    sandbox_answers, container_answers = await asyncio.gather(
        asyncio.gather(*(_sandbox(cri, item.id) for item in sandboxes)),
        asyncio.gather(*(_container(cri, item) for item in containers)),
    )
    state.sandboxes = [item for item in sandbox_answers if item]
    state.containers = [item for item in container_answers if item]
    state.sandboxes.sort(key=lambda item: item.created_at, reverse=True)
    state.containers.sort(key=lambda item: item.created_at, reverse=True)
    if sandboxes:
        state.name, state.namespace = sandboxes[0].metadata.name, sandboxes[0].metadata.namespace
    return state


async def _sandbox(cri: CriClient, sandbox: str) -> SandboxStatus | None:
    try:
        status = await cri.pod_sandbox_status(sandbox)
    except RuntimeFailure as failure:
        if failure.code == "NOT_FOUND":
            return None
        raise
    ips = [status.network.ip] if status.network.ip else []
    ips += [item.ip for item in status.network.additional_ips]
    options = status.linux.namespaces.options
    return SandboxStatus(
        id=status.id,
        ready=status.state == pb.SANDBOX_READY,
        created_at=status.created_at,
        attempt=status.metadata.attempt,
        ips=ips,
        host_network=options.network == pb.NODE,
    )


async def _container(cri: CriClient, item: pb.Container) -> ContainerStatus | None:
    try:
        status = await cri.container_status(item.id)
    except RuntimeFailure as failure:
        if failure.code == "NOT_FOUND":
            return None
        raise
    annotations = dict(status.annotations)
    return ContainerStatus(
        id=status.id,
        name=status.labels.get(CONTAINER_NAME, status.metadata.name),
        state=_STATES.get(status.state, UNKNOWN),
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
    )
