"""How often the containers of a pod have restarted (maxContainerRestarts)."""

from kprov.kube.api.core import Pod


def count_most_restarts(pod: Pod) -> tuple[int, int]:
    """Return the restarts of the container, and of the sidecar, that has restarted most often."""
    sidecars = {
        init_container.name
        for init_container in pod.spec.init_containers
        if init_container.restart_policy == "Always"
    }
    return (
        max(
            (container_status.restart_count for container_status in pod.status.container_statuses), default=0
        ),
        max(
            (
                status.restart_count
                for status in pod.status.init_container_statuses
                if status.name in sidecars
            ),
            default=0,
        ),
    )
