"""What a pod needs: a new sandbox, containers to start, containers to kill (computePodActions)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from kprov.kube.api.core import Container, Pod
from kprov.kube.kubelet.cri.pod_state import CREATED, EXITED, RUNNING, UNKNOWN, ContainerState, PodState
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.container_hash import hash_container
from kprov.kube.kubelet.runtime.restart_rules import (
    has_created_app_container,
    has_succeeded,
    pod_sandbox_changed,
    should_container_be_restarted,
)

# The newest result of a probe for a container id: True success, False failure, None not known.
ProbeResult = Callable[[str], bool | None]


@dataclass(slots=True)
class ContainerToKill:
    state: ContainerState
    message: str
    # "", "LivenessProbe" or "StartupProbe": a probe may have its own grace period.
    reason: str = ""


@dataclass(slots=True)
class PodActions:
    """`kill_pod` ends all containers first. `create_sandbox` makes a new sandbox with `attempt`."""

    kill_pod: bool = False
    create_sandbox: bool = False
    attempt: int = 0
    init_to_start: list[Container] = field(default_factory=list)
    ephemeral_to_start: list[Container] = field(default_factory=list)
    to_start: list[Container] = field(default_factory=list)
    to_kill: list[ContainerToKill] = field(default_factory=list)

    @property
    def changes_containers(self) -> bool:
        return any((self.to_kill, self.ephemeral_to_start, self.init_to_start, self.to_start))


def compute_pod_actions(
    pod: Pod, state: PodState, *, liveness: ProbeResult, startup: ProbeResult
) -> PodActions:
    """Compute it from the pod's spec, the runtime's state and the probes."""
    create, attempt = pod_sandbox_changed(pod, state)
    actions = PodActions(kill_pod=create, create_sandbox=create, attempt=attempt)
    if create:
        _start_in_new_sandbox(pod, state, actions)
        return actions
    actions.ephemeral_to_start = [
        container for container in pod.spec.ephemeral_containers if state.get_newest(container.name) is None
    ]
    initialized = _InitContainers(pod, state, actions, liveness, startup).compute()
    if actions.kill_pod or not initialized:
        return actions
    # A list, so that each container is looked at.
    keeps = [
        _compute_app_container(pod, container, state, actions, liveness, startup)
        for container in pod.spec.containers
    ]
    if not any(keeps) and not actions.to_start:
        actions.kill_pod = True
        actions.init_to_start = []
    return actions


def _compute_app_container(
    pod: Pod,
    container: Container,
    state: PodState,
    actions: PodActions,
    liveness: ProbeResult,
    startup: ProbeResult,
) -> bool:
    """Add what the container needs. True when it runs and goes on running."""
    newest = state.get_newest(container.name)
    if newest is None or newest.state != RUNNING:
        if should_container_be_restarted(pod, container, state):
            actions.to_start.append(container)
            if newest is not None and newest.state == UNKNOWN:
                text = 'Container is in "unknown" state, try killing it before restart'
                actions.to_kill.append(ContainerToKill(newest, text))
        return False
    reason, message = "", ""
    restart = pod_queries.get_restart_policy(pod, container) != "Never"
    if newest.hash and newest.hash != hash_container(container):
        message, restart = f"Container {container.name} definition changed", True
    elif liveness(newest.id) is False:
        message, reason = f"Container {container.name} failed liveness probe", "LivenessProbe"
    elif startup(newest.id) is False:
        message, reason = f"Container {container.name} failed startup probe", "StartupProbe"
    else:
        return True
    if restart:
        message += ", will be restarted"
        actions.to_start.append(container)
    actions.to_kill.append(ContainerToKill(newest, message, reason))
    return False


def _start_in_new_sandbox(pod: Pod, state: PodState, actions: PodActions) -> None:
    if pod_queries.get_restart_policy(pod) == "Never" and actions.attempt != 0 and state.containers:
        # The pod ran and must not run again.
        actions.create_sandbox = False
        return
    start = [
        container
        for container in pod.spec.containers
        if pod_queries.get_restart_policy(pod, container) != "OnFailure"
        or not has_succeeded(state.get_newest(container.name))
    ]
    if not start and has_created_app_container(pod, state):
        actions.create_sandbox = False
        return
    if pod.spec.init_containers:
        actions.init_to_start = [pod.spec.init_containers[0]]
    else:
        actions.to_start = start


class _InitContainers:
    """Computes what the init containers need (computeInitContainerActions)."""

    def __init__(
        self, pod: Pod, state: PodState, actions: PodActions, liveness: ProbeResult, startup: ProbeResult
    ) -> None:
        self._pod = pod
        self._state = state
        self._actions = actions
        self._liveness = liveness
        self._startup = startup
        self._containers = pod.spec.init_containers
        self._start: list[Container] = []
        # Whether app containers may run.
        self._initialized = False

    def compute(self) -> bool:
        """Fill `init_to_start`, `to_kill` and `kill_pod`. True when the app containers may run."""
        if not self._containers:
            return True
        self._initialized = any(
            (newest := self._state.get_newest(container.name)) is not None
            and newest.state in {CREATED, RUNNING}
            for container in self._pod.spec.containers
        )
        passed = self._initialized
        # From the last one to the first: the last one that ran shows how far the pod has come.
        for index in range(len(self._containers) - 1, -1, -1):
            container = self._containers[index]
            newest = self._state.get_newest(container.name)
            is_sidecar = pod_queries.is_sidecar(container)
            if newest is None:
                if passed and is_sidecar:
                    self._start.append(container)
                continue
            if passed and not is_sidecar:
                continue
            self._compute_container(index, newest, passed=passed)
            if self._actions.kill_pod:
                return False
            passed = True
        if not passed:
            self._start.append(self._containers[0])
        self._actions.init_to_start = self._start[::-1]
        return self._initialized

    def _compute_container(self, index: int, container_state: ContainerState, *, passed: bool) -> None:
        """Decide about an init container. passed: a later one has run, so the next one needs no start."""
        container = self._containers[index]
        is_sidecar = pod_queries.is_sidecar(container)
        if container_state.state == CREATED or (container_state.state == EXITED and is_sidecar):
            self._start.append(container)
        elif container_state.state == RUNNING:
            if is_sidecar and self._has_sidecar_started(container, container_state):
                self._go_on_after(index, passed=passed)
        elif has_succeeded(container_state):
            self._go_on_after(index, passed=False)
        elif not is_sidecar and pod_queries.get_restart_policy(self._pod, container) == "Never":
            self._actions.kill_pod = True
        else:
            if container_state.state == UNKNOWN:
                text = 'Init container is in "unknown" state, try killing it before restart'
                self._actions.to_kill.append(ContainerToKill(container_state, text))
            self._start.append(container)

    def _go_on_after(self, index: int, *, passed: bool) -> None:
        if index == len(self._containers) - 1:
            self._initialized = True
        elif not passed:
            self._start.append(self._containers[index + 1])

    def _has_sidecar_started(self, container: Container, container_state: ContainerState) -> bool:
        """Whether the containers after it may start. Replaces the sidecar if a probe failed."""
        name = container.name
        if container.startup_probe:
            result = self._startup(container_state.id)
            if result is False:
                self._replace(
                    container, container_state, f"Init container {name} failed startup probe", "StartupProbe"
                )
            if not result:
                return False
        if container_state.hash and container_state.hash != hash_container(container):
            self._replace(container, container_state, f"Init container {name} definition changed")
        elif container.liveness_probe and self._liveness(container_state.id) is False:
            self._replace(
                container, container_state, f"Init container {name} failed liveness probe", "LivenessProbe"
            )
        return True

    def _replace(
        self, container: Container, container_state: ContainerState, message: str, reason: str = ""
    ) -> None:
        self._actions.to_kill.append(ContainerToKill(container_state, message, reason))
        self._start.append(container)
