"""Whether a pod needs a new sandbox and whether a container must start again (kuberuntime's helpers)."""

from kprov.kube.api.core import Container, Pod
from kprov.kube.kubelet.cri.pod_state import CREATED, EXITED, RUNNING, UNKNOWN, ContainerState, PodState
from kprov.kube.kubelet.pods import pod_queries


def pod_sandbox_changed(pod: Pod, state: PodState) -> tuple[bool, int]:
    """(whether the pod needs a new sandbox, the attempt of the sandbox)."""
    if not state.sandboxes:
        return True, 0
    newest = state.sandboxes[0]
    if sum(1 for sandbox in state.sandboxes if sandbox.ready) > 1 or not newest.ready:
        return True, newest.attempt + 1
    if newest.host_network != pod.spec.host_network:
        return True, newest.attempt + 1
    if not newest.host_network and not newest.ips:
        return True, newest.attempt + 1
    return False, newest.attempt


def should_container_be_restarted(pod: Pod, container: Container, state: PodState) -> bool:
    """Whether a container that does not run must start."""
    if pod_queries.is_being_deleted(pod):
        return False
    newest = state.get_newest(container.name)
    if newest is None:
        return True
    if newest.state == RUNNING:
        return False
    if newest.state in {UNKNOWN, CREATED}:
        return True
    policy = pod_queries.get_restart_policy(pod, container)
    if policy == "Never":
        return False
    return not (policy == "OnFailure" and newest.exit_code == 0)


def has_created_app_container(pod: Pod, state: PodState) -> bool:
    """Whether the runtime has an app container of the pod, dead or alive."""
    return any(state.get_newest(container.name) for container in pod.spec.containers)


def has_succeeded(state: ContainerState | None) -> bool:
    return state is not None and state.state == EXITED and state.exit_code == 0
