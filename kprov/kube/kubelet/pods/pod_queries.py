"""What the parts of the kubelet ask of a pod document (a plain dict as on the wire)."""

from collections.abc import Iterator
from typing import Any, Final

Pod = dict[str, Any]
Container = dict[str, Any]

CONFIG_SOURCE: Final = "kubernetes.io/config.source"
CONFIG_MIRROR: Final = "kubernetes.io/config.mirror"
CONFIG_HASH: Final = "kubernetes.io/config.hash"
CONFIG_SEEN: Final = "kubernetes.io/config.seen"

DEFAULT_GRACE_SECONDS: Final = 30


def uid_of(pod: Pod) -> str:
    return str(pod["metadata"]["uid"])


def name_of(pod: Pod) -> str:
    return str(pod["metadata"]["name"])


def namespace_of(pod: Pod) -> str:
    return str(pod["metadata"].get("namespace") or "default")


def told(pod: Pod) -> str:
    """For logs and messages: name_namespace(uid), as upstream's format.Pod."""
    return f"{name_of(pod)}_{namespace_of(pod)}({uid_of(pod)})"


def annotations_of(pod: Pod) -> dict[str, str]:
    return pod["metadata"].get("annotations") or {}


def is_mirror(pod: Pod) -> bool:
    return CONFIG_MIRROR in annotations_of(pod)


def is_static(pod: Pod) -> bool:
    """Whether the pod comes from a file of this host."""
    return annotations_of(pod).get(CONFIG_SOURCE, "api") != "api"


def is_critical(pod: Pod) -> bool:
    return is_static(pod) or is_mirror(pod) or int(pod["spec"].get("priority") or 0) >= 2_000_000_000


def init_containers(pod: Pod) -> list[Container]:
    return pod["spec"].get("initContainers") or []


def app_containers(pod: Pod) -> list[Container]:
    return pod["spec"].get("containers") or []


def ephemeral_containers(pod: Pod) -> list[Container]:
    return pod["spec"].get("ephemeralContainers") or []


def all_containers(pod: Pod) -> Iterator[Container]:
    yield from init_containers(pod)
    yield from app_containers(pod)
    yield from ephemeral_containers(pod)


def is_sidecar(container: Container) -> bool:
    """An init container that keeps running (restartPolicy Always)."""
    return container.get("restartPolicy") == "Always"


def has_sidecars(pod: Pod) -> bool:
    return any(is_sidecar(container) for container in init_containers(pod))


def find_container(pod: Pod, name: str) -> Container | None:
    return next((container for container in all_containers(pod) if container["name"] == name), None)


def restart_policy(pod: Pod) -> str:
    return str(pod["spec"].get("restartPolicy") or "Always")


def container_restart_policy(pod: Pod, container: Container) -> str:
    return str(container.get("restartPolicy") or restart_policy(pod))


def uses_host_network(pod: Pod) -> bool:
    return bool(pod["spec"].get("hostNetwork"))


def is_being_deleted(pod: Pod) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def deletion_grace(pod: Pod) -> int | None:
    """Seconds that the deletion leaves, None when the pod is not being deleted."""
    if not is_being_deleted(pod):
        return None
    grace = pod["metadata"].get("deletionGracePeriodSeconds")
    return int(grace) if grace is not None else termination_grace(pod)


def termination_grace(pod: Pod) -> int:
    grace = pod["spec"].get("terminationGracePeriodSeconds")
    return DEFAULT_GRACE_SECONDS if grace is None else int(grace)


def phase_of(pod: Pod) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def is_finished(pod: Pod) -> bool:
    return phase_of(pod) in {"Succeeded", "Failed"}
