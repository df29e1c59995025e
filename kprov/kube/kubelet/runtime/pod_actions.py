"""What has to be done to a pod's sandbox and containers (computePodActions): values to values."""

from collections.abc import Callable
from dataclasses import dataclass, field

from kprov.kube.kubelet.cri.pod_state import CREATED, EXITED, RUNNING, UNKNOWN, ContainerStatus, PodState
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.container_hash import container_hash
from kprov.kube.kubelet.pods.pod_queries import Container, Pod

# Result of a probe for a container id: True good, False failed, None not known.
ProbeResult = Callable[[str], bool | None]


@dataclass(slots=True)
class Kill:
    status: ContainerStatus
    message: str
    # "" or "LivenessProbe", "StartupProbe": probes may shorten the grace period.
    reason: str = ""


@dataclass(slots=True)
class Actions:
    """``kill_pod`` ends everything first; ``create_sandbox`` makes a new one with ``attempt``."""

    kill_pod: bool = False
    create_sandbox: bool = False
    attempt: int = 0
    init_to_start: list[Container] = field(default_factory=list)
    ephemeral_to_start: list[Container] = field(default_factory=list)
    to_start: list[Container] = field(default_factory=list)
    to_kill: list[Kill] = field(default_factory=list)


def sandbox_changed(pod: Pod, state: PodState) -> tuple[bool, int]:
    """(a new sandbox is needed, its attempt)."""
    if not state.sandboxes:
        return True, 0
    newest = state.sandboxes[0]
    if sum(1 for sandbox in state.sandboxes if sandbox.ready) > 1 or not newest.ready:
        return True, newest.attempt + 1
    if newest.host_network != pod_queries.uses_host_network(pod):
        return True, newest.attempt + 1
    if not newest.host_network and not newest.ips:
        return True, newest.attempt + 1
    return False, newest.attempt


def should_restart(pod: Pod, container: Container, state: PodState) -> bool:
    """Whether a container that does not run is to be started (ShouldContainerBeRestarted)."""
    if pod_queries.is_being_deleted(pod):
        return False
    status = state.latest(container["name"])
    if status is None:
        return True
    if status.state == RUNNING:
        return False
    if status.state in {UNKNOWN, CREATED}:
        return True
    policy = pod_queries.container_restart_policy(pod, container)
    if policy == "Never":
        return False
    return not (policy == "OnFailure" and status.exit_code == 0)


def any_app_created(pod: Pod, state: PodState) -> bool:
    return any(state.latest(container["name"]) for container in pod_queries.app_containers(pod))


def compute(pod: Pod, state: PodState, *, liveness: ProbeResult, startup: ProbeResult) -> Actions:
    create, attempt = sandbox_changed(pod, state)
    actions = Actions(kill_pod=create, create_sandbox=create, attempt=attempt)
    if create:
        _with_new_sandbox(pod, state, actions)
        return actions
    actions.ephemeral_to_start = [
        container
        for container in pod_queries.ephemeral_containers(pod)
        if state.latest(container["name"]) is None
    ]
    initialized = _init_containers(pod, state, actions, liveness, startup)
    if actions.kill_pod or not initialized:
        return actions
    keep = 0
    for container in pod_queries.app_containers(pod):
        status = state.latest(container["name"])
        if status is None or status.state != RUNNING:
            if should_restart(pod, container, state):
                actions.to_start.append(container)
                if status is not None and status.state == UNKNOWN:
                    text = 'Container is in "unknown" state, try killing it before restart'
                    actions.to_kill.append(Kill(status, text))
            continue
        reason, message = "", ""
        restart = pod_queries.container_restart_policy(pod, container) != "Never"
        if status.hash and status.hash != container_hash(container):
            message, restart = f"Container {container['name']} definition changed", True
        elif liveness(status.id) is False:
            message, reason = f"Container {container['name']} failed liveness probe", "LivenessProbe"
        elif startup(status.id) is False:
            message, reason = f"Container {container['name']} failed startup probe", "StartupProbe"
        else:
            keep += 1
            continue
        if restart:
            message += ", will be restarted"
            actions.to_start.append(container)
        actions.to_kill.append(Kill(status, message, reason))
    if keep == 0 and not actions.to_start:
        actions.kill_pod = True
        actions.init_to_start = []
    return actions


def _with_new_sandbox(pod: Pod, state: PodState, actions: Actions) -> None:
    if pod_queries.restart_policy(pod) == "Never" and actions.attempt != 0 and state.containers:
        # A pod that ran and must not run again gets no new sandbox.
        actions.create_sandbox = False
        return
    start = [
        container
        for container in pod_queries.app_containers(pod)
        if not (
            pod_queries.container_restart_policy(pod, container) == "OnFailure"
            and _succeeded(container, state)
        )
    ]
    if not start and any_app_created(pod, state):
        actions.create_sandbox = False
        return
    if pod_queries.init_containers(pod):
        actions.init_to_start = [pod_queries.init_containers(pod)[0]]
    else:
        actions.to_start = start


def _succeeded(container: Container, state: PodState) -> bool:
    status = state.latest(container["name"])
    return status is not None and status.state == EXITED and status.exit_code == 0


def _init_containers(
    pod: Pod, state: PodState, actions: Actions, liveness: ProbeResult, startup: ProbeResult
) -> bool:
    """Fill what concerns init containers; True when the app containers may run."""
    containers = pod_queries.init_containers(pod)
    if not containers:
        return True
    initialized = any(
        (status := state.latest(container["name"])) is not None and status.state in {CREATED, RUNNING}
        for container in pod_queries.app_containers(pod)
    )
    previously = initialized
    start: list[Container] = []
    last = len(containers) - 1
    # From the last one back: the newest that ran says how far the pod has come.
    for index in range(last, -1, -1):
        container = containers[index]
        status = state.latest(container["name"])
        sidecar = pod_queries.is_sidecar(container)
        if status is None:
            if previously and sidecar:
                start.append(container)
            continue
        if previously and not sidecar:
            continue
        if status.state == CREATED:
            start.append(container)
        elif status.state == RUNNING:
            if sidecar and _sidecar_runs(container, status, actions, start, liveness, startup):
                if index == last:
                    initialized = True
                elif not previously:
                    start.append(containers[index + 1])
        elif status.state == EXITED and sidecar:
            start.append(container)
        elif status.state == EXITED and status.exit_code == 0:
            if index == last:
                initialized = True
            else:
                start.append(containers[index + 1])
        else:
            if not sidecar and pod_queries.container_restart_policy(pod, container) == "Never":
                actions.kill_pod = True
                return False
            if status.state == UNKNOWN:
                text = 'Init container is in "unknown" state, try killing it before restart'
                actions.to_kill.append(Kill(status, text))
            start.append(container)
        previously = True
    if not previously:
        start.append(containers[0])
    actions.init_to_start = start[::-1]
    return initialized


def _sidecar_runs(
    container: Container,
    status: ContainerStatus,
    actions: Actions,
    start: list[Container],
    liveness: ProbeResult,
    startup: ProbeResult,
) -> bool:
    """True when the sidecar has started, so that what follows it may."""
    name = container["name"]
    if container.get("startupProbe"):
        result = startup(status.id)
        if result is False:
            kill = Kill(status, f"Init container {name} failed startup probe", "StartupProbe")
            actions.to_kill.append(kill)
            start.append(container)
        if not result:
            return False
    if status.hash and status.hash != container_hash(container):
        actions.to_kill.append(Kill(status, f"Init container {name} definition changed"))
        start.append(container)
    elif container.get("livenessProbe") and liveness(status.id) is False:
        kill = Kill(status, f"Init container {name} failed liveness probe", "LivenessProbe")
        actions.to_kill.append(kill)
        start.append(container)
    return True
