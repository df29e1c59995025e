"""How often the containers of a pod have restarted (maxContainerRestarts)."""

from kprov.kube.api.core import Pod


def count_most_restarts(pod: Pod) -> tuple[int, int]:
    """Return the restarts of the container, and of the sidecar, that has restarted most often."""
    sidecars = {each.name for each in pod.spec.init_containers if each.restart_policy == "Always"}
    return (
        max((each.restart_count for each in pod.status.container_statuses), default=0),
        max(
            (each.restart_count for each in pod.status.init_container_statuses if each.name in sidecars),
            default=0,
        ),
    )
