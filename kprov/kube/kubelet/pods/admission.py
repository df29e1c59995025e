"""What the node itself refuses (pkg/kubelet/lifecycle/predicate.go)."""

from collections.abc import Sequence
from dataclasses import dataclass

from kprov.kube.kubelet.pods import apparmor, pod_queries, resources
from kprov.kube.kubelet.pods.pod_queries import Pod
from kprov.kube.machinery.quantity import Quantity


@dataclass(frozen=True, slots=True)
class Refusal:
    reason: str
    message: str


class Admission:
    """``allocatable``: amounts of cpu, memory and pods of this node."""

    def __init__(self, allocatable: dict[str, Quantity], max_pods: int, apparmor_problem: str | None) -> None:
        """``apparmor_problem``: why AppArmor cannot be enforced here, None when it can."""
        self._apparmor_problem = apparmor_problem
        self._allocatable = allocatable
        self._max_pods = max_pods

    def check(self, pod: Pod, others: Sequence[Pod]) -> Refusal | None:
        """None when the node accepts the pod. Resources are not checked for critical pods."""
        if self._apparmor_problem and apparmor.is_required(pod):
            return Refusal("AppArmor", f"Cannot enforce AppArmor: {self._apparmor_problem}")
        if pod_queries.is_critical(pod):
            return None
        if len(others) + 1 > self._max_pods:
            return _out_of("pods", 1, len(others), self._max_pods)
        for resource in ("cpu", "memory"):
            quantity = self._allocatable.get(resource)
            if quantity is None:
                continue
            capacity = quantity.milli_value if resource == "cpu" else quantity.value
            wanted = resources.pod_request(pod, resource)
            used = sum(resources.pod_request(other, resource) for other in others)
            if wanted and wanted + used > capacity:
                return _out_of(resource, wanted, used, capacity)
        ports = _host_ports(pod)
        if ports and any(ports & _host_ports(other) for other in others):
            return Refusal(
                "NodePorts",
                "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
            )
        return None


def _out_of(resource: str, wanted: int, used: int, capacity: int) -> Refusal:
    text = (
        f"Node didn't have enough resource: {resource},"
        f" requested: {wanted}, used: {used}, capacity: {capacity}"
    )
    return Refusal(f"OutOf{resource}", text)


def _host_ports(pod: Pod) -> set[tuple[str, str, int]]:
    return {
        (port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", int(port["hostPort"]))
        for container in pod_queries.app_containers(pod)
        for port in container.get("ports") or []
        if port.get("hostPort")
    }
