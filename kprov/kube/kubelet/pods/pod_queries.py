"""Questions about a pod: where it comes from, which containers it has, how much time it gets to end."""

from collections.abc import Iterator
from typing import Final

from kprov.kube.api.core import Container, Pod

CONFIG_SOURCE: Final = "kubernetes.io/config.source"
CONFIG_MIRROR: Final = "kubernetes.io/config.mirror"
CONFIG_HASH: Final = "kubernetes.io/config.hash"
CONFIG_SEEN: Final = "kubernetes.io/config.seen"

DEFAULT_GRACE_SECONDS: Final = 30
_SYSTEM_CRITICAL_PRIORITY: Final = 2_000_000_000


def format_pod(pod: Pod) -> str:
    """Return the pod in logs and messages: name_namespace(uid), as upstream's format.Pod."""
    meta = pod.metadata
    return f"{meta.name}_{meta.namespace}({meta.uid})"


def is_mirror(pod: Pod) -> bool:
    """Whether the pod shows a static pod in the API."""
    return CONFIG_MIRROR in pod.metadata.annotations


def is_static(pod: Pod) -> bool:
    """Whether the pod comes from a file of this host."""
    return pod.metadata.annotations.get(CONFIG_SOURCE, "api") != "api"


def is_critical(pod: Pod) -> bool:
    return is_static(pod) or is_mirror(pod) or (pod.spec.priority or 0) >= _SYSTEM_CRITICAL_PRIORITY


def is_being_deleted(pod: Pod) -> bool:
    return bool(pod.metadata.deletion_timestamp)


def is_finished(pod: Pod) -> bool:
    """Whether the API server has a final phase for the pod."""
    return pod.status.phase in {"Succeeded", "Failed"}


def list_containers(pod: Pod) -> Iterator[Container]:
    """Init containers, app containers, ephemeral containers."""
    yield from pod.spec.init_containers
    yield from pod.spec.containers
    yield from pod.spec.ephemeral_containers


def find_container(pod: Pod, name: str) -> Container | None:
    return next((container for container in list_containers(pod) if container.name == name), None)


def is_sidecar(container: Container) -> bool:
    """Whether an init container keeps running (restartPolicy Always)."""
    return container.restart_policy == "Always"


def get_restart_policy(pod: Pod, container: Container | None = None) -> str:
    """Return the container's own policy, else the pod's."""
    own = container.restart_policy if container is not None else None
    return own or pod.spec.restart_policy or "Always"


def get_deletion_grace(pod: Pod) -> int | None:
    """Seconds that the deletion allows. None when the pod is not being deleted."""
    if not is_being_deleted(pod):
        return None
    grace = pod.metadata.deletion_grace_period_seconds
    return grace if grace is not None else get_termination_grace(pod)


def get_termination_grace(pod: Pod) -> int:
    """Seconds that the pod's spec allows."""
    grace = pod.spec.termination_grace_period_seconds
    return DEFAULT_GRACE_SECONDS if grace is None else grace
